//! Nothing of one inbox is ever at another: bodies, tokens, cursors, epochs, readers' places.

use dubwatch::internals::relay::protocol::{
    CloseCode, Cursor, Epoch, RelayFrame, Resume, Resumed, WINDOW,
};

use crate::common::Client;
use crate::relay_support::{Heard, Inbox, Reader, Relay, Seeded, form};

/// An inbox, what was posted to it, and its reader.
struct Tenant {
    name: String,
    inbox: Inbox,
    /// The bodies, from the first.
    posted: Vec<String>,
    reader: Reader,
    /// What the reader had last.
    at: Option<Cursor>,
}

impl Tenant {
    fn new(relay: &Relay, name: &str) -> Self {
        let inbox = relay.inbox(name);
        // The same name at each, so that it tells nothing apart.
        let reader = relay.reader(&inbox, Some("same-name"), None);
        Self { name: name.to_owned(), inbox, posted: Vec::new(), reader, at: None }
    }

    /// Reads all that was posted and not read; every one is its own, in its order.
    fn read(&mut self) {
        while self.at.map_or(0, |at| at.seq) < self.posted.len() as u64 {
            let delivery = self.reader.delivery();
            let path = delivery.path().as_str().to_owned();
            let index = usize::try_from(delivery.cursor.seq).unwrap() - 1;
            assert_eq!(index, usize::try_from(self.at.map_or(0, |at| at.seq)).unwrap());
            assert_eq!(String::from_utf8(delivery.body).unwrap(), self.posted[index]);
            assert_eq!(path, format!("/{}", self.name));
            assert!(delivery.head <= self.posted.len() as u64, "another inbox's head");
            self.at = Some(delivery.cursor);
            // Before the window is full, beyond which nothing comes.
            if delivery.cursor.seq.is_multiple_of(WINDOW as u64 / 2) {
                self.reader.ack(delivery.cursor);
            }
        }
        self.reader.hears_nothing();
    }
}

#[test]
fn nothing_of_one_inbox_is_ever_heard_at_another() {
    let relay = Relay::start(&["--max-rate", "100000"]);
    let mut story = form::seeded(4);
    let count = form::of(4, 12);
    let mut tenants: Vec<_> =
        (0..count).map(|n| Tenant::new(&relay, &format!("tenant-{n}"))).collect();
    let mut client = Client::new(relay.address()).unwrap();
    for n in 0..form::of(400, 20_000) {
        // Over one connection, for whoever it is.
        let tenant = &mut tenants[story.pick(count)];
        let body = format!("secret-of-{}-{n}-{}", tenant.name, "x".repeat(story.pick(300)));
        let path = format!("{}/{}", tenant.inbox.path, tenant.name);
        let signature = relay.site.signature(body.as_bytes());
        let signed = [("x-signature", signature.as_str())];
        let headers = if story.below(5) == 0 { &[][..] } else { &signed };
        client.send(crate::common::request("POST", &path, headers, body.as_bytes()));
        assert_eq!(client.answer().status, 200);
        tenant.posted.push(body);
        match story.below(20) {
            0 => {
                let at = story.pick(count);
                tenants[at].read();
                if let Some(cursor) = tenants[at].at.take() {
                    come_again(&relay, &mut tenants, at, cursor, &mut story);
                }
            }
            1 => mixed_up(&relay, &tenants, &mut story),
            _ => {}
        }
    }
    for tenant in &mut tenants {
        tenant.read();
        assert!(!tenant.posted.is_empty());
    }
}

/// A reader subscribes anew: from its own place, or from one that is another inbox's.
fn come_again(relay: &Relay, tenants: &mut [Tenant], at: usize, own: Cursor, story: &mut Seeded) {
    let other = (at + 1 + story.pick(tenants.len() - 1)) % tenants.len();
    let foreign = tenants[other].at.map_or(0, |cursor| cursor.seq);
    let resume = match story.below(3) {
        0 => Some(Resume::from(own)),
        // All inboxes of one run have one label: a place alone says nothing about whose it is, and
        // leads to what is the reader's own at that number.
        1 => Some(Resume { epoch: own.epoch, after: foreign.clamp(1, own.seq) }),
        _ => Some(Resume { epoch: Epoch(own.epoch.0 ^ 1), after: foreign }),
    };
    let tenant = &mut tenants[at];
    tenant.reader = relay.connect(&tenant.inbox);
    let welcome = tenant.reader.hello(Some("same-name"), resume);
    assert!(welcome.head <= tenant.posted.len() as u64);
    assert!(welcome.callback_url.ends_with(&tenant.inbox.path), "{}", welcome.callback_url);
    let unknown = resume.is_some_and(|resume| resume.epoch != own.epoch);
    assert_eq!(welcome.resumed == Resumed::RolledBack, unknown, "{:?}", welcome.resumed);
    tenant.at = (welcome.after > 0).then_some(Cursor { epoch: welcome.epoch, seq: welcome.after });
    tenant.read();
}

/// One inbox's words at another: tokens made of two, an ack of what another one was sent.
fn mixed_up(relay: &Relay, tenants: &[Tenant], story: &mut Seeded) {
    let one = story.pick(tenants.len());
    let two = (one + 1 + story.pick(tenants.len() - 1)) % tenants.len();
    let (one, two) = (&tenants[one], &tenants[two]);
    let at = 4 + story.pick(one.inbox.token.len() - 8);
    let token = format!("{}{}", &one.inbox.token[..at], &two.inbox.token[at..]);
    // Where both begin or end alike, it is one of them.
    if token == one.inbox.token || token == two.inbox.token {
        return;
    }
    for token in [token.as_str(), two.inbox.publish_id(), &two.inbox.path] {
        let refused = Reader::connect(relay.address(), token).err();
        assert_eq!(refused, Some((401, b"token not accepted\n".to_vec())), "{token}");
    }
    // An ack of what only the other was sent.
    let Some(cursor) = two.at else { return };
    let mut reader = relay.connect(&one.inbox);
    let welcome = reader.hello(Some("mixed-up"), None);
    reader.ack(Cursor { epoch: cursor.epoch, seq: welcome.head + cursor.seq });
    loop {
        match reader.next() {
            Heard::Frame(RelayFrame::Delivery(delivery)) => {
                let body = String::from_utf8(delivery.body).unwrap();
                assert!(body.starts_with(&format!("secret-of-{}-", one.name)), "{body}");
            }
            Heard::Frame(RelayFrame::Error(_)) => {}
            Heard::Closed(code) => break assert_eq!(code, CloseCode::BadAck),
            other => panic!("{other:?}"),
        }
    }
}

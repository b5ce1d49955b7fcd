//! What comes to a reader, in which order, from where.

use dubwatch::internals::relay::protocol::{Resume, Resumed, WINDOW};

use crate::common::{Client, get, request};
use crate::relay_support::{Reader, Relay, subscription};

#[test]
fn a_delivery_arrives_as_it_was_posted() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut reader = relay.connect(&inbox);
    let welcome = reader.hello(Some("laptop"), None);
    assert_eq!((welcome.head, welcome.after, welcome.retained_from), (0, 0, 1));
    assert_eq!((welcome.protocol, welcome.window, welcome.max_body), (1, WINDOW, 1 << 20));
    assert_eq!(welcome.resumed, Resumed::Start);
    assert_eq!(welcome.callback_url, format!("http://{}{}", relay.address(), inbox.path));

    let body: Vec<u8> = (0..=255).collect();
    let headers = [("X-Signature", "30"), ("Cookie", "s3cret"), ("x-twice", "1"), ("x-twice", "2")];
    let path = format!("{}/a%2fb/?x=1&y", inbox.path);
    let mut client = Client::new(relay.address()).unwrap();
    client.send(request("POST", &path, &headers, &body));
    let answer = client.answer();
    assert_eq!((answer.status, answer.body.as_str()), (200, "kept\n"));
    let delivery = reader.delivery();
    assert_eq!((delivery.cursor.seq, delivery.head, delivery.cursor.epoch), (1, 1, welcome.epoch));
    assert_eq!(delivery.body, body);
    assert_eq!((delivery.method.as_str(), delivery.tail.as_str()), ("POST", "/a%2fb/"));
    assert_eq!(delivery.query.as_deref(), Some("x=1&y"));
    assert_eq!(delivery.headers.all("x-twice").collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(delivery.headers.all("cookie").collect::<Vec<_>>(), ["[redacted by dubwatch]"]);
    assert!(delivery.peer.starts_with("127.0.0.1:"), "{}", delivery.peer);
    // Without a tail and a body.
    let mut client = Client::new(relay.address()).unwrap();
    client.send(request("POST", &inbox.path, &[], b""));
    assert_eq!(client.answer().status, 200);
    let delivery = reader.delivery();
    assert_eq!((delivery.path().as_str(), delivery.query, delivery.body), ("/", None, vec![]));
}

#[test]
fn whatever_is_wrong_with_a_token_the_answer_is_the_same() {
    let relay = Relay::start(&[]);
    let (one, two) = (relay.inbox("one"), relay.inbox("two"));
    let (done, _) = relay.operate(&["revoke", "two"]);
    assert!(done);
    let mixed = format!("{}{}", &one.token[..20], &two.token[20..]);
    let publish = one.publish_id().to_owned();
    let longer = format!("{}0", one.token);
    let wrong = [
        None,
        Some(String::new()),
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Basic {}", one.token)),
        Some(format!("Bearer {}", &one.token[..one.token.len() - 1])),
        Some(format!("Bearer {longer}")),
        Some(format!("Bearer {}", one.token.to_uppercase())),
        Some(format!("Bearer {mixed}")),
        Some(format!("Bearer {}", two.token)),
        Some(format!("Bearer {publish}")),
    ];
    let authority = relay.address().to_string();
    for value in wrong {
        let request = subscription(&authority, value.as_deref());
        let refused = Reader::with(relay.address(), request).err();
        assert_eq!(refused, Some((401, b"token not accepted\n".to_vec())), "{value:?}");
    }
    // Without an upgrade as well, before anything else is said.
    let answer = relay.watch().ask(get("/v1/subscribe"));
    assert_eq!((answer.status, answer.body.as_str()), (401, "token not accepted\n"));
    // Only the token is wrong here: with it, what else is wrong is told.
    let mut request = subscription(&authority, Some(&format!("bearer {}", one.token)));
    request.headers_mut().insert("sec-websocket-protocol", "dubwatch.v9".parse().unwrap());
    assert_eq!(Reader::with(relay.address(), request).err().map(|(status, _)| status), Some(400));
    relay.reader(&one, None, None);
}

#[test]
fn other_paths_and_methods_are_constant_answers() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let id = inbox.publish_id();
    let mut answers = Vec::new();
    for path in [
        "/".to_owned(),
        "/in/".to_owned(),
        "/in/x".to_owned(),
        format!("/in/{}", &id[1..]),
        format!("/in/{id}0/x"),
        format!("/in/{}", id.to_uppercase()),
        format!("/in//{id}"),
    ] {
        let answer = relay.watch().ask(request("POST", &path, &[], b"{}"));
        assert_eq!(answer.status, 404, "{path}");
        answers.push((answer.constant_head(), answer.body));
    }
    answers.dedup();
    // With a body that was not read, the connection is closed in either case.
    assert_eq!(answers.len(), 1);
    let answer = relay.watch().ask(get(&inbox.path));
    assert_eq!((answer.status, answer.head.contains("allow: post")), (405, true));
    assert_eq!(relay.watch().ask(get("/healthz")).status, 200);
    let metrics = relay.watch().ask(get("/metrics"));
    assert!(
        metrics.body.contains("dubwatch_relay_answers_total{status=\"404\"} 6"),
        "{}",
        metrics.body
    );
    assert!(!metrics.body.contains(id));
}

#[test]
fn what_was_not_acked_comes_again_and_what_was_does_not() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (1..=5).map(|n| format!("{n}")));
    let mut reader = relay.reader(&inbox, Some("a"), None);
    assert_eq!(reader.bodies(5), ["1", "2", "3", "4", "5"]);
    drop(reader);
    // Nothing was acked: all of it again.
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let second = [reader.delivery(), reader.delivery()][1].cursor;
    reader.ack(second);
    drop(reader);
    let mut reader = relay.reader(&inbox, Some("a"), Some(Resume::from(second)));
    assert_eq!(reader.welcome.as_ref().unwrap().resumed, Resumed::Continued);
    assert_eq!(reader.bodies(3), ["3", "4", "5"]);
    relay.post_all(&inbox, ["6".to_owned()]);
    assert_eq!(reader.bodies(1), ["6"]);
    reader.hears_nothing();
}

#[test]
fn no_more_than_a_window_is_unacked() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (0..WINDOW + 50).map(|n| format!("{n}")));
    let mut reader = relay.reader(&inbox, Some("a"), None);
    let cursors: Vec<_> = (0..WINDOW).map(|_| reader.delivery().cursor).collect();
    reader.hears_nothing();
    reader.ack(cursors[9]);
    for n in 0..10 {
        assert_eq!(reader.delivery().cursor.seq, (WINDOW + n + 1) as u64);
    }
    reader.hears_nothing();
    // One without a name is held back by nothing, and never acks.
    let mut other = relay.reader(&inbox, None, None);
    let bodies = other.bodies(WINDOW + 50);
    assert_eq!(bodies.last().unwrap(), &format!("{}", WINDOW + 49));
}

#[test]
fn a_reader_from_another_time_is_told_so() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, ["1".to_owned(), "2".to_owned()]);
    let mut bystander = relay.reader(&inbox, Some("b"), None);
    assert_eq!(bystander.bodies(2), ["1", "2"]);
    let epoch = bystander.welcome.as_ref().unwrap().epoch;
    let mut reader = relay.connect(&inbox);
    let welcome = reader.hello(Some("a"), Some(Resume { epoch, after: 99 }));
    assert_eq!((welcome.resumed, welcome.after), (Resumed::RolledBack, 2));
    assert_ne!(welcome.epoch, epoch);
    // What comes now has the new label, for everybody.
    relay.post_all(&inbox, ["3".to_owned()]);
    for reader in [&mut reader, &mut bystander] {
        let next = reader.delivery().cursor;
        assert_eq!((next.epoch, next.seq), (welcome.epoch, 3));
    }
    drop(bystander);
    // And what was heard under the old one is not sent again.
    let mut again = relay.connect(&inbox);
    let welcome = again.hello(Some("b"), Some(Resume { epoch, after: 2 }));
    assert_eq!((welcome.resumed, welcome.after), (Resumed::Continued, 2));
    assert_eq!(again.bodies(1), ["3"]);
}

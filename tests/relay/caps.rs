//! What happens when room runs out, and what of it is told.

use dubwatch::internals::callback::Encoding;
use dubwatch::internals::relay::protocol::{GapReason, RelayFrame};
use dubwatch::internals::signature::PrivateKey;
use p256::ecdsa::Signature;

use crate::common::{Client, request};
use crate::relay_support::{Heard, Relay, form};

#[test]
fn garbage_is_pushed_out_by_what_counts_and_every_loss_is_announced() {
    let relay = Relay::start(&["--max-count", "100"]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, ["good".to_owned()]);
    let mut client = Client::new(relay.address()).unwrap();
    for _ in 0..50 {
        client.send(request("POST", &inbox.path, &[("x-signature", "30")], b"garbage"));
        assert_eq!(client.answer().status, 200);
    }
    relay.post_all(&inbox, (0..99).map(|n| format!("good{n}")));
    client.send(relay.signed(&inbox, b"one too many"));
    let answer = client.answer();
    assert_eq!((answer.status, answer.head.contains("retry-after: 60")), (503, true));
    client.send(request("POST", &inbox.path, &[], b"garbage"));
    assert_eq!(client.answer().status, 503);

    let mut reader = relay.reader(&inbox, Some("a"), None);
    assert_eq!(reader.bodies(1), ["good"]);
    let Heard::Frame(RelayFrame::Gap(gap)) = reader.next() else { panic!("no gap") };
    assert_eq!((gap.from, gap.to, gap.reason, gap.count), (2, 51, GapReason::Unverified, 50));
    assert_eq!(reader.bodies(99).last().unwrap(), "good98");
    let Heard::Frame(RelayFrame::Gap(gap)) = reader.next() else { panic!("no gap") };
    assert_eq!((gap.from, gap.reason, gap.count), (151, GapReason::Refused, 1));
    // What is acked makes room, the gap included.
    reader.ack(gap.cursor());
    crate::relay_support::within(
        || relay.post(&inbox, b"again").status == 200,
        form::patience(),
        "room after the ack",
    );
    // Refusals between the ack and its being written down are announced as well.
    let body = loop {
        match reader.next() {
            Heard::Frame(RelayFrame::Delivery(delivery)) => break delivery.body,
            Heard::Frame(RelayFrame::Gap(gap)) => assert_eq!(gap.reason, GapReason::Refused),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(body, b"again");
}

#[test]
fn bodies_and_rates_are_bounded() {
    let relay = Relay::start(&["--max-body", "2KiB", "--max-rate", "1"]);
    let inbox = relay.inbox("one");
    let long = vec![b'x'; 2049];
    assert_eq!(relay.post(&inbox, &long).status, 413);
    let statuses: Vec<_> = (0..8).map(|_| relay.post(&inbox, &long[1..]).status).collect();
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
    // Readers are told of the one that was too long, and in time of those that came too often.
    let mut reader = relay.reader(&inbox, None, None);
    let told = loop {
        match reader.next() {
            Heard::Frame(RelayFrame::Gap(gap)) => break gap,
            Heard::Frame(RelayFrame::Delivery(_)) => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(told.reason, GapReason::Refused);
    // A head that would not fit in a delivery's header.
    let value = "x".repeat(25 << 10);
    let answer = relay.watch().ask(request("POST", &inbox.path, &[("x-long", &value)], b"{}"));
    assert_eq!(answer.status, 431);
}

#[test]
fn a_flood_of_garbage_turns_away_nothing_of_what_counts() {
    let relay = Relay::start(&["--max-rate", "10"]);
    let inbox = relay.inbox("one");
    let stranger = PrivateKey::generate().unwrap();
    let made = hex::encode(stranger.sign(b"garbage", Encoding::Der).unwrap());
    // Far more than the rate, and most of it looks like a signature until it is checked.
    let garbage = [
        request("POST", &inbox.path, &[("x-signature", &made)], b"garbage"),
        request("POST", &inbox.path, &[("x-signature", "30")], b"garbage"),
        request("POST", &inbox.path, &[("x-signature", &made), ("x-signature", &made)], b"garbage"),
        request("POST", &inbox.path, &[], b"garbage"),
    ];
    let (mut flood, mut sender) = (relay.watch().connect(), relay.watch().connect());
    let mut statuses = Vec::new();
    for n in 0..40 {
        for _ in 0..10 {
            for request in &garbage {
                flood.send(request);
                statuses.push(flood.answer().status);
            }
        }
        sender.send(relay.signed(&inbox, format!("good{n}").as_bytes()));
        assert_eq!(sender.answer().status, 200, "good{n}");
    }
    assert!(statuses.starts_with(&[200; 5]), "{statuses:?}");
    let kept = statuses.iter().filter(|status| **status == 200).count();
    assert!(kept < statuses.len() / 10, "{kept} of {}", statuses.len());
}

/// The same request over and over, with its signature spelt in all the ways that leave it valid.
#[test]
fn copies_of_a_callback_turn_away_nothing_and_go_first() {
    let mut relay = Relay::start(&["--max-count", "100", "--max-rate", "20"]);
    let inbox = relay.inbox("one");
    let der = relay.site.key.sign(b"copied", Encoding::Der).unwrap();
    let signature = Signature::from_der(&der).unwrap();
    let (r, s) = signature.split_scalars();
    let other = Signature::from_scalars(r, -s).unwrap();
    let spellings = [
        hex::encode(&der),
        hex::encode_upper(&der),
        hex::encode(signature.to_bytes()),
        hex::encode(other.to_bytes()),
        hex::encode(other.to_der()),
    ];
    let copies = spellings
        .map(|spelling| request("POST", &inbox.path, &[("x-signature", &spelling)], b"copied"));
    let (mut attacker, mut sender) = (relay.watch().connect(), relay.watch().connect());
    for n in 0..98 {
        for copy in &copies {
            attacker.send(copy);
            assert!(matches!(attacker.answer().status, 200 | 429));
        }
        sender.send(relay.signed(&inbox, format!("good{n}").as_bytes()));
        let status = sender.answer().status;
        // The rate of what counts is 20 a second, after a burst of 100.
        assert_eq!(status, 200, "good{n}");
    }
    let mut reader = relay.reader(&inbox, None, None);
    let mut bodies = Vec::new();
    while bodies.last().is_none_or(|last| last != "good97") {
        if let Heard::Frame(RelayFrame::Delivery(delivery)) = reader.next() {
            bodies.push(String::from_utf8(delivery.body).unwrap());
        }
    }
    assert_eq!(bodies[0], "copied", "the first is no copy");
    assert_eq!(bodies.iter().filter(|body| body.starts_with("good")).count(), 98);

    // What was never kept is no copy when it comes again.
    relay.stop();
    relay.start_again();
    let full = relay.signed(&inbox, b"x");
    sender = relay.watch().connect();
    loop {
        sender.send(&full);
        let status = sender.answer().status;
        if status == 200 {
            break;
        }
        assert_eq!(status, 503);
        let (done, words) = relay.operate(&["prune", "one", "--older-than", "1s"]);
        assert!(done, "{words}");
    }
}

#[test]
fn a_proxys_word_counts_only_when_it_is_trusted() {
    for (flags, expected) in
        [(&[][..], "127.0.0.1:"), (&["--trust-forwarded-for"][..], "192.0.2.7")]
    {
        let relay = Relay::start(flags);
        let inbox = relay.inbox("one");
        let headers = [("x-forwarded-for", "10.9.9.9, 192.0.2.7")];
        relay.watch().ask(request("POST", &inbox.path, &headers, b"{}"));
        let mut reader = relay.reader(&inbox, None, None);
        let peer = reader.delivery().peer;
        assert!(peer.starts_with(expected), "{peer}");
    }
}

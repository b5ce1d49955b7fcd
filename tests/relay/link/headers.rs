//! The bytes of headers from a sender through a relay to a journal and what is printed.

use crate::common::{body, callback, request};
use crate::link::laptop::Laptop;
use crate::relay_support::{Relay, Seeded, form};

/// A header value that HTTP allows: text, text in UTF-8, or bytes that are no text.
fn value(seeded: &mut Seeded) -> Vec<u8> {
    let kind = seeded.below(3);
    let mut bytes: Vec<u8> = match kind {
        0 => (0..seeded.below(20)).map(|_| byte(seeded, 0x20, 0x7f)).collect(),
        1 => "é£€😀 ".repeat(seeded.pick(3)).into_bytes(),
        _ => (0..seeded.below(20)).map(|_| byte(seeded, 0x80, 0x100)).collect(),
    };
    // No whitespace at its ends, which is no part of it.
    bytes.insert(0, b'<');
    bytes.push(b'>');
    bytes
}

fn byte(seeded: &mut Seeded, from: u64, to: u64) -> u8 {
    u8::try_from(from + seeded.below(to - from)).unwrap()
}

#[test]
fn whatever_bytes_a_header_has_reach_the_journal_and_what_is_printed() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let laptop = Laptop::of(&relay, &inbox);
    let mut watch = laptop.start(&["--json"]);
    let mut seeded = form::seeded(8859);
    let count = form::of(100, 2000);
    let values: Vec<Vec<u8>> = (0..count).map(|_| value(&mut seeded)).collect();
    let mut sender = relay.watch().connect();
    for (n, value) in values.iter().enumerate() {
        let sent = callback(n);
        let signature = relay.site.signature(sent.as_bytes());
        let headers = [("x-signature", signature.as_str()), ("x-raw", "RAW")];
        let post = request("POST", &inbox.path, &headers, sent.as_bytes());
        let at = post.windows(3).position(|three| three == b"RAW").unwrap();
        sender.send([&post[..at], value, &post[at + 3..]].concat());
        assert_eq!(sender.answer().status, 200);
    }
    laptop.has(count);
    for (delivery, value) in laptop.site.deliveries().iter().zip(&values) {
        let raw = delivery.request.headers.raw().find(|(name, _)| *name == "x-raw").unwrap().1;
        assert_eq!(raw, value.as_slice());
    }
    for (n, value) in values.iter().enumerate() {
        let record = watch.next_of("delivery");
        assert_eq!(body(&record), callback(n).as_bytes());
        let headers = record["headers"].as_array().unwrap();
        let at = headers.iter().position(|pair| pair[0] == "x-raw").unwrap();
        let text = headers[at][1].as_str().unwrap();
        let is_latin1 = record["headers_latin1"]
            .as_array()
            .is_some_and(|listed| listed.iter().any(|listed| *listed == at));
        let bytes = if is_latin1 {
            text.chars().map(|character| u8::try_from(character).unwrap()).collect()
        } else {
            text.as_bytes().to_vec()
        };
        assert_eq!(bytes, *value);
    }
}

//! Wrong frames: a typed close each, and nothing is lost by any of them.

use std::io::Write as _;

use dubwatch::internals::relay::protocol::{CloseCode, Cursor, Epoch, RelayFrame};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::relay_support::{Reader, Relay};

type Deed = fn(&mut Reader);

fn hello(reader: &mut Reader) {
    reader.hello(Some("a"), None);
}

fn acked(reader: &mut Reader) {
    hello(reader);
    let cursor = reader.delivery().cursor;
    reader.ack(cursor);
    reader.ack(cursor);
}

fn ack(reader: &mut Reader, change: impl FnOnce(&mut Cursor)) {
    hello(reader);
    let mut cursor = reader.delivery().cursor;
    change(&mut cursor);
    reader.ack(cursor);
}

const DEEDS: &[(&str, CloseCode, Deed)] = &[
    ("no JSON", CloseCode::Malformed, |r| r.text("hello")),
    ("no type", CloseCode::Malformed, |r| r.text("{}")),
    ("empty", CloseCode::Malformed, |r| r.text("")),
    ("half", CloseCode::Malformed, |r| r.text(r#"{"type":"hello","proto"#)),
    ("wrong type of a field", CloseCode::Malformed, |r| r.text(r#"{"type":"ping","id":"x"}"#)),
    ("a bad name", CloseCode::Malformed, |r| {
        r.text(r#"{"type":"hello","protocol":{"min":1,"max":1},"reader":"a b"}"#);
    }),
    ("binary", CloseCode::Malformed, |r| r.socket.send(Message::binary(vec![1, 2, 3])).unwrap()),
    ("too long", CloseCode::TooLarge, |r| {
        // The relay may have hung up before all of it is written.
        let _ = r.socket.send(Message::text("x".repeat(65 << 10)));
    }),
    ("not UTF-8", CloseCode::NotUtf8, |r| {
        // A masked text frame of one byte, 0xff.
        r.socket.get_mut().write_all(&[0x81, 0x81, 0, 0, 0, 0, 0xff]).unwrap();
    }),
    ("unmasked", CloseCode::Protocol, |r| {
        r.socket.get_mut().write_all(&[0x81, 0x01, b'x']).unwrap();
    }),
    ("a reserved opcode", CloseCode::Protocol, |r| {
        r.socket.get_mut().write_all(&[0x83, 0x81, 0, 0, 0, 0, 0xff]).unwrap();
    }),
    ("an ack before hello", CloseCode::OutOfOrder, |r| {
        r.ack(Cursor { epoch: Epoch(1), seq: 1 });
    }),
    ("hello twice", CloseCode::OutOfOrder, |r| {
        hello(r);
        r.text(r#"{"type":"hello","protocol":{"min":1,"max":1}}"#);
    }),
    ("another version", CloseCode::Version, |r| {
        r.text(r#"{"type":"hello","protocol":{"min":2,"max":9}}"#);
    }),
    ("no range", CloseCode::BadHello, |r| {
        r.text(r#"{"type":"hello","protocol":{"min":2,"max":1}}"#);
    }),
    ("a replayed ack", CloseCode::BadAck, acked),
    ("an ack from the future", CloseCode::BadAck, |r| ack(r, |cursor| cursor.seq = 9)),
    ("an ack of nothing", CloseCode::BadAck, |r| ack(r, |cursor| cursor.seq = 0)),
    ("an ack of another epoch", CloseCode::BadAck, |r| ack(r, |cursor| cursor.epoch.0 ^= 1)),
    ("an ack without a name", CloseCode::BadAck, |r| {
        r.hello(None, None);
        let cursor = r.delivery().cursor;
        r.ack(cursor);
    }),
];

#[test]
fn every_wrong_frame_has_its_close_and_loses_nothing() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, ["1".to_owned()]);
    for (what, expected, deed) in DEEDS {
        let mut reader = relay.connect(&inbox);
        deed(&mut reader);
        let (frames, code) = reader.closed();
        assert_eq!(code, *expected, "{what}: {frames:?}");
        let Some(RelayFrame::Error(fault)) = frames.last() else { panic!("{what}: {frames:?}") };
        assert_eq!(fault.code, expected.number(), "{what}");
        assert!(!fault.sentence.is_empty());
    }
    let mut reader = relay.reader(&inbox, Some("a"), None);
    assert_eq!(reader.bodies(1), ["1"]);
}

/// RFC 6455, section 5.5.1.
#[test]
fn a_close_is_answered_with_its_own_code() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    relay.post_all(&inbox, (0..50).map(|n| n.to_string()));
    for (greets, code) in [(false, 1000_u16), (true, 1000), (true, 1001), (true, 4321)] {
        let mut reader = relay.connect(&inbox);
        if greets {
            reader.hello(Some("laptop"), None);
        }
        let close = CloseFrame { code: code.into(), reason: "bye".into() };
        reader.socket.close(Some(close)).unwrap();
        let answer = loop {
            match reader.socket.read() {
                Ok(Message::Close(answer)) => break answer,
                Ok(_) => {}
                Err(error) => panic!("no answer to {code}: {error}"),
            }
        };
        assert_eq!(answer.map(|frame| u16::from(frame.code)), Some(code));
    }
}

#[test]
fn unknown_frames_and_fields_are_passed_over() {
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let mut reader = relay.connect(&inbox);
    reader.text(r#"{"type":"future","x":[1,2,{"y":null}]}"#);
    hello(&mut reader);
    reader.text(r#"{"type":"rewind","to":1}"#);
    reader.text(r#"{"type":"ping","id":1,"mood":"good"}"#);
    reader.socket.send(Message::Ping(vec![1].into())).unwrap();
    reader.hears_pong(1);
    relay.post_all(&inbox, ["1".to_owned()]);
    assert_eq!(reader.bodies(1), ["1"]);
}

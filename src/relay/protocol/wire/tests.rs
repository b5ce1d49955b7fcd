//! Frames survive encoding and decoding; any other message is an error and not a panic.

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::relay::protocol::{
    GapReason, Hello, InboxIdentity, ReaderName, Resume, Resumed, Versions,
};

const EPOCH: Epoch = Epoch(0x9f3c_81aa_0000_0001);

fn delivery() -> DeliveryFrame {
    DeliveryFrame {
        cursor: Cursor { epoch: EPOCH, seq: 215 },
        head: 230,
        received_at: "2026-11-23T21:04:05.123456Z".parse().unwrap(),
        method: "POST".to_owned(),
        tail: "/x".to_owned(),
        query: Some("a=b".to_owned()),
        headers: Headers::from_raw([("x-signature", b"30".as_slice())]),
        peer: "192.0.2.7:50312".to_owned(),
        body: b"{\"a\":1}".to_vec(),
    }
}

fn decode(encoded: &EncodedFrame) -> Result<RelayFrame, FrameFault> {
    match encoded {
        EncodedFrame::Text(text) => RelayFrame::decode_text(text),
        EncodedFrame::Binary(bytes) => RelayFrame::decode_binary(bytes),
    }
}

#[test]
fn a_delivery_is_laid_out_as_documented() {
    let message = delivery().encode();
    let header = br#"{"type":"delivery","epoch":"9f3c81aa00000001","seq":215,"head":230,"received_at":"2026-11-23T21:04:05.123456Z","method":"POST","tail":"/x","query":"a=b","headers":[["x-signature","30"]],"peer":"192.0.2.7:50312"}"#;
    let mut expected = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
    expected.extend(header);
    expected.extend(b"{\"a\":1}");
    assert_eq!(message, expected);
}

#[rstest]
#[case(r#"{"type":"hello","protocol":{"min":1,"max":3},"reader":"laptop","resume":{"epoch":"9f3c81aa00000001","after":214},"extra":[{"deep":1}]}"#,
    ClientFrame::Hello(Hello { protocol: Versions { min: 1, max: 3 }, reader: "laptop".parse().ok(), resume: Some(Resume { epoch: EPOCH, after: 214 }), agent: None }))]
#[case(r#"{"reader":null,"protocol":{"max":1,"min":1},"type":"hello"}"#,
    ClientFrame::Hello(Hello { protocol: Versions::OURS, reader: None, resume: None, agent: None }))]
#[case(r#"{"type":"ack","epoch":"9f3c81aa00000001","seq":7}"#, ClientFrame::Ack(Cursor { epoch: EPOCH, seq: 7 }))]
#[case(r#"{"type":"ping","id":7}"#, ClientFrame::Ping(PingPayload { id: 7 }))]
#[case(r#"{"type":"rewind","to":7}"#, ClientFrame::Unknown)]
fn readers_frames_read(#[case] text: &str, #[case] frame: ClientFrame) {
    assert_eq!(decode_client(Some(text)), Ok(frame));
}

#[rstest]
#[case("")]
#[case("null")]
#[case("[]")]
#[case("{}")]
#[case(r#"{"type":7}"#)]
#[case(r#"{"type":"ack","epoch":"9f","seq":7}"#)]
#[case(r#"{"type":"ack","epoch":"9f3c81aa00000001","seq":-7}"#)]
#[case(r#"{"type":"ack","epoch":"9f3c81aa00000001","seq":7.5}"#)]
#[case(r#"{"type":"ack","epoch":"9f3c81aa00000001"}"#)]
#[case(r#"{"type":"hello","protocol":{"min":1,"max":1},"reader":"../x"}"#)]
#[case(r#"{"type":"hello","protocol":1}"#)]
#[case(r#"{"type":"ping","id":7} x"#)]
fn what_does_not_read_is_malformed(#[case] text: &str) {
    let fault = decode_client(Some(text)).unwrap_err();
    assert_eq!(Close::from(fault).code, CloseCode::Malformed);
}

#[test]
fn what_is_too_long_or_binary_is_told_apart() {
    let long = format!(r#"{{"type":"ping","id":7,"x":"{}"}}"#, "x".repeat(MAX_TEXT));
    let close = Close::from(decode_client(Some(&long)).unwrap_err());
    assert_eq!(close.code, CloseCode::TooLarge);
    assert_eq!(decode_client(None), Err(FrameFault::BinaryFromReader));
    let deep = format!(r#"{{"type":"x","x":{}}}"#, "[".repeat(9_000));
    assert!(decode_client(Some(&deep)).is_err());
}

#[test]
fn unknown_types_and_fields_are_passed_over() {
    assert_eq!(RelayFrame::decode_text(r#"{"type":"weather","x":1}"#), Ok(RelayFrame::Unknown));
    let superseded = RelayFrame::decode_text(r#"{"type":"superseded","by":"x"}"#);
    assert_eq!(superseded, Ok(RelayFrame::Superseded));
    let mut message = 18_u32.to_be_bytes().to_vec();
    message.extend(br#"{"type":"picture"}...."#);
    assert_eq!(RelayFrame::decode_binary(&message), Ok(RelayFrame::Unknown));
    let gap =
        r#"{"type":"gap","epoch":"9f3c81aa00000001","from":1,"to":2,"reason":"comet","count":2}"#;
    let Ok(RelayFrame::Gap(gap)) = RelayFrame::decode_text(gap) else { panic!("no gap") };
    assert_eq!((gap.reason, gap.at), (GapReason::Unknown, None));
}

#[test]
fn relays_faults_are_told_apart() {
    assert!(RelayFrame::decode_text(r#"{"type":"delivery","seq":1}"#).is_err());
    let backwards =
        r#"{"type":"gap","epoch":"9f3c81aa00000001","from":3,"to":2,"reason":"age","count":2}"#;
    assert!(RelayFrame::decode_text(backwards).is_err());
    for too_large in [1_u64 << 53, u64::MAX] {
        for field in ["to", "count"] {
            let gap = r#"{"type":"gap","epoch":"9f3c81aa00000001","from":3,"to":4,"reason":"age","count":2}"#;
            assert!(RelayFrame::decode_text(gap).is_ok());
            let (before, after) = gap.split_once(&format!("\"{field}\":")).unwrap();
            let gap = format!("{before}\"{field}\":{too_large}{}", &after[1..]);
            assert!(RelayFrame::decode_text(&gap).is_err(), "{gap}");
        }
        let ack = format!(r#"{{"type":"ack","epoch":"9f3c81aa00000001","seq":{too_large}}}"#);
        assert!(decode_client(Some(&ack)).is_err());
        let ping = format!(r#"{{"type":"ping","id":{too_large}}}"#);
        assert!(decode_client(Some(&ping)).is_err());
    }
    assert_eq!(RelayFrame::decode_binary(&[0, 0, 0]), Err(FrameFault::Header));
    assert_eq!(RelayFrame::decode_binary(&[0, 0, 0, 9, b'{']), Err(FrameFault::Header));
    assert_eq!(RelayFrame::decode_binary(&[0xff; 64]), Err(FrameFault::Header));
    let mut whole = delivery().encode();
    for cut in 0..whole.len() - delivery().body.len() {
        assert!(RelayFrame::decode_binary(&whole[..cut]).is_err(), "{cut}");
    }
    whole[0] = 1;
    assert_eq!(RelayFrame::decode_binary(&whole), Err(FrameFault::Header));
}

#[test]
fn what_is_nested_in_unknown_fields_is_passed_over() {
    for open in ["[", "{\"a\":"] {
        let close = if open == "[" { "]" } else { "}" };
        let deep = |levels| format!("{}1{}", open.repeat(levels), close.repeat(levels));
        let ping = format!(r#"{{"type":"ping","id":7,"new":{}}}"#, deep(100));
        assert_eq!(decode_client(Some(&ping)), Ok(ClientFrame::Ping(PingPayload { id: 7 })));
        assert_eq!(RelayFrame::decode_text(&ping), Ok(RelayFrame::Ping(PingPayload { id: 7 })));
        // Deeper nesting is an error and not a stack overflow.
        let endless = format!(r#"{{"type":"ping","id":7,"new":{}}}"#, deep(20_000));
        assert!(decode_client(Some(&endless)).is_err() || endless.len() < MAX_TEXT);
    }
}

#[test]
fn a_relay_cannot_send_a_header_that_a_door_would_not_let_in() {
    let message = delivery().encode();
    let text = String::from_utf8(message[4..].to_vec()).unwrap();
    let text = text.replace("x-signature", "AUTHORIZING").replace("AUTHORIZING", "Cookie");
    let (header, body) = text.rsplit_once("}{").unwrap();
    let header = format!("{header}}}");
    let mut message = u32::try_from(header.len()).unwrap().to_be_bytes().to_vec();
    message.extend(header.bytes());
    message.extend(body.bytes());
    let Ok(RelayFrame::Delivery(delivery)) = RelayFrame::decode_binary(&message) else {
        panic!("no delivery")
    };
    assert_eq!(delivery.headers.iter().next(), Some(("cookie", crate::callback::REDACTED)));
}

#[test]
fn the_longest_head_that_a_relay_takes_fits() {
    // Only characters that JSON escapes, in a hundred headers.
    let value = "\"".repeat(DeliveryFrame::MAX_HEAD / 100 - 1);
    let raw: Vec<_> = (0..100).map(|_| ("x", value.as_bytes())).collect();
    let delivery = DeliveryFrame { headers: Headers::from_raw(raw), ..delivery() };
    let message = delivery.encode();
    assert!(message.len() <= message_limit(delivery.body.len()));
    assert_eq!(RelayFrame::decode_binary(&message), Ok(RelayFrame::Delivery(Box::new(delivery))));
    let latin = vec![0xe9; DeliveryFrame::MAX_HEAD];
    let headers = Headers::from_raw([("x", latin.as_slice())]);
    assert!(DeliveryFrame { headers, ..self::delivery() }.encode().len() <= message_limit(7));
    let latin = vec![0xe9; DeliveryFrame::MAX_HEAD / 100 - 1];
    let headers = Headers::from_raw((0..100).map(|_| ("x", latin.as_slice())));
    let delivery = DeliveryFrame { headers, ..self::delivery() };
    assert!(RelayFrame::decode_binary(&delivery.encode()).is_ok());
}

#[test]
fn a_reader_is_told_which_values_are_no_utf_8() {
    let raw = [("a", "café".as_bytes()), ("b", b"caf\xe9"), ("c", b"x"), ("d", b"\xff\xfe")];
    let delivery = DeliveryFrame { headers: Headers::from_raw(raw), ..delivery() };
    let message = delivery.encode();
    let header = String::from_utf8_lossy(&message[4..]);
    let expected =
        r#""headers":[["a","café"],["b","café"],["c","x"],["d","ÿþ"]],"headers_latin1":[1,3],"#;
    assert!(header.contains(expected), "{header}");
    let Ok(RelayFrame::Delivery(again)) = RelayFrame::decode_binary(&message) else {
        panic!("no delivery")
    };
    assert!(again.headers.raw().eq(raw.map(|(name, value)| (name, value.into()))));
    // Absent if it is empty, as in messages of older relays.
    let message = self::delivery().encode();
    assert!(!String::from_utf8_lossy(&message[4..]).contains("latin1"));
}

/// Returns all numbers that a frame may contain.
fn numbers() -> std::ops::Range<u64> {
    0..1 << 53
}

fn cursors() -> impl Strategy<Value = Cursor> {
    (any::<u64>(), numbers()).prop_map(|(epoch, seq)| Cursor { epoch: Epoch(epoch), seq })
}

fn times() -> impl Strategy<Value = Timestamp> {
    (0..253_402_207_200_000_000_i64).prop_map(|us| Timestamp::from_microsecond(us).unwrap())
}

fn client_frames() -> impl Strategy<Value = ClientFrame> {
    let hello = (
        any::<(u32, u32)>(),
        proptest::option::of("[a-zA-Z0-9_][a-zA-Z0-9._-]{0,63}"),
        proptest::option::of(cursors()),
        proptest::option::of(".{0,40}"),
    )
        .prop_map(|((min, max), reader, resume, agent)| {
            let reader: Option<ReaderName> = reader.map(|name| name.parse().unwrap());
            let resume = resume.map(Resume::from);
            ClientFrame::Hello(Hello { protocol: Versions { min, max }, reader, resume, agent })
        });
    prop_oneof![
        hello,
        cursors().prop_map(ClientFrame::Ack),
        numbers().prop_map(|id| ClientFrame::Ping(PingPayload { id })),
        numbers().prop_map(|id| ClientFrame::Pong(PingPayload { id })),
    ]
}

fn relay_frames() -> impl Strategy<Value = RelayFrame> {
    let deliveries = (
        (cursors(), numbers(), times(), "[A-Z]{1,9}", ".{0,20}"),
        (
            proptest::option::of(".{0,20}"),
            any::<Vec<(String, Vec<u8>)>>(),
            ".{0,20}",
            any::<Vec<u8>>(),
        ),
    )
        .prop_map(|((cursor, head, received_at, method, tail), (query, raw, peer, body))| {
            let headers = Headers::from_raw(raw.iter().map(|(n, v)| (n.as_str(), v.as_slice())));
            RelayFrame::Delivery(Box::new(DeliveryFrame {
                cursor,
                head,
                received_at,
                method,
                tail,
                query,
                headers,
                peer,
                body,
            }))
        });
    let gaps = (
        cursors(),
        1..1_u64 << 53,
        numbers(),
        0..GapReason::ALL.len(),
        proptest::option::of(times()),
    )
        .prop_map(|(cursor, from, count, reason, at)| {
            RelayFrame::Gap(GapFrame {
                epoch: cursor.epoch,
                from,
                to: cursor.seq.max(from),
                reason: GapReason::ALL[reason],
                count,
                at,
            })
        });
    let welcomes = (cursors(), numbers(), numbers(), any::<(u32, usize, usize)>(), ".{0,40}")
        .prop_map(|(cursor, after, retained_from, (protocol, window, max_body), callback_url)| {
            RelayFrame::Welcome(Welcome {
                protocol,
                inbox: InboxIdentity(u128::from(after) << 64 | u128::from(retained_from)),
                epoch: cursor.epoch,
                head: cursor.seq,
                retained_from,
                after,
                resumed: [Resumed::Start, Resumed::Continued, Resumed::RolledBack][window % 3],
                callback_url,
                window,
                max_body,
            })
        });
    prop_oneof![
        deliveries,
        gaps,
        welcomes,
        any::<u32>().prop_map(|retry_after| RelayFrame::Draining(Draining { retry_after })),
        Just(RelayFrame::Superseded),
        (any::<u16>(), ".{0,40}")
            .prop_map(|(code, sentence)| RelayFrame::Error(Fault { code, sentence })),
        numbers().prop_map(|id| RelayFrame::Ping(PingPayload { id })),
        numbers().prop_map(|id| RelayFrame::Pong(PingPayload { id })),
        Just(RelayFrame::Unknown),
    ]
}

proptest! {
    #[test]
    fn readers_frames_survive(frame in client_frames()) {
        prop_assert_eq!(decode_client(Some(&frame.encode())), Ok(frame));
    }

    #[test]
    fn relays_frames_survive(frame in relay_frames()) {
        prop_assert_eq!(decode(&frame.encode()), Ok(frame));
    }

    #[test]
    fn nothing_panics(bytes: Vec<u8>, text: String) {
        let _ = RelayFrame::decode_binary(&bytes);
        let _ = RelayFrame::decode_text(&text);
        let _ = decode_client(Some(&text));
    }

    #[test]
    fn nothing_near_a_frame_panics(frame in relay_frames(), at: usize, with: u8, cut: usize) {
        let mut bytes = match frame.encode() {
            EncodedFrame::Text(text) => text.into_bytes(),
            EncodedFrame::Binary(bytes) => bytes,
        };
        let length = bytes.len();
        bytes[at % length] = with;
        bytes.truncate(cut % (length + 1));
        let _ = RelayFrame::decode_binary(&bytes);
        if let Ok(text) = String::from_utf8(bytes) {
            let _ = RelayFrame::decode_text(&text);
            let _ = decode_client(Some(&text));
        }
    }
}

//! What only time brings about: pings, silence, readers that take nothing. Half a minute each, so
//! they run in the long form alone.

use std::time::{Duration, Instant};

use dubwatch::internals::relay::protocol::{
    CloseCode, DEAD_AFTER, HEARTBEAT, HELLO_TIMEOUT, RelayFrame,
};

use crate::common::Client;
use crate::relay_support::{Heard, Relay, form};

#[test]
fn silence_is_pinged_and_then_given_up() {
    if !form::is_long() {
        return;
    }
    let relay = Relay::start(&[]);
    let inbox = relay.inbox("one");
    let start = Instant::now();
    // One never says hello, one says it and then nothing.
    let mut mute = relay.connect(&inbox);
    let mut silent = relay.reader(&inbox, Some("a"), None);
    for reader in [&mut mute, &mut silent] {
        reader.alive = false;
        reader.socket.get_mut().set_read_timeout(Some(DEAD_AFTER * 2)).unwrap();
    }
    assert_eq!(mute.closed().1, CloseCode::NoHello);
    near(start.elapsed(), HELLO_TIMEOUT);
    assert!(matches!(silent.next(), Heard::Frame(RelayFrame::Ping(_))));
    near(start.elapsed(), HEARTBEAT);
    assert_eq!(silent.closed().1, CloseCode::Dead);
    near(start.elapsed(), DEAD_AFTER);
}

#[test]
fn a_reader_that_talks_and_takes_nothing_is_given_up() {
    if !form::is_long() {
        return;
    }
    let relay = Relay::start(&["--max-body", "4MiB"]);
    let inbox = relay.inbox("one");
    let mut reader = relay.reader(&inbox, None, None);
    let mut client = Client::new(relay.address()).unwrap();
    for _ in 0..16 {
        client.send(relay.signed(&inbox, &vec![b'x'; 2 << 20]));
        assert_eq!(client.answer().status, 200);
    }
    // It pings like one that is alive: sockets take what it says until the relay hangs up.
    let start = Instant::now();
    let mut said = 0;
    while start.elapsed() < DEAD_AFTER * 2 {
        if reader.socket.send(ping(said)).is_err() {
            break;
        }
        said += 1;
        std::thread::park_timeout(Duration::from_secs(3));
    }
    near(start.elapsed(), DEAD_AFTER);
}

fn ping(id: u64) -> tokio_tungstenite::tungstenite::Message {
    use dubwatch::internals::relay::protocol::{ClientFrame, PingPayload};
    tokio_tungstenite::tungstenite::Message::text(ClientFrame::Ping(PingPayload { id }).encode())
}

fn near(found: Duration, expected: Duration) {
    let slack = Duration::from_secs(8);
    assert!(found + slack > expected && found < expected + slack, "{found:?}, not {expected:?}");
}

#[test]
fn half_a_handshake_is_given_up() {
    if !form::is_long() {
        return;
    }
    let flags = crate::tls::flags();
    let relay = Relay::start(&flags.each_ref().map(String::as_str));
    let start = Instant::now();
    for beginning in [&[][..], &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01]] {
        let mut socket = std::net::TcpStream::connect(relay.address()).unwrap();
        socket.set_read_timeout(Some(DEAD_AFTER)).unwrap();
        std::io::Write::write_all(&mut socket, beginning).unwrap();
        assert_eq!(std::io::Read::read(&mut socket, &mut [0]).unwrap_or(0), 0);
    }
    // One after the other, ten seconds each.
    near(start.elapsed(), Duration::from_secs(20));
}

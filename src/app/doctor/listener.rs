//! The addresses to listen on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::super::listen::{Bound, bind};
use super::Finding;
use crate::config::{Config, ListenAddress};
use crate::sqlite::has_writer;

const ABOUT: &str = "listener";
/// Time limit for the question whether a dubwatch listens.
const LIMIT: Duration = Duration::from_secs(3);

/// Where a callback arrives.
pub(super) enum Doors {
    /// At sockets that were free, and are open now.
    Ours(Bound),
    /// At a dubwatch that is running.
    OfRunning,
    /// Nowhere.
    None,
}

pub(super) async fn check(config: &Config) -> (Vec<Finding>, Doors) {
    if !config.listens {
        let what = "nothing listens (--no-listen): callbacks come through the relay";
        return (vec![Finding::ok(ABOUT, what)], Doors::None);
    }
    let error = match bind(&config.listen).await {
        Ok(bound) => {
            let addresses: Vec<String> =
                bound.addresses.iter().map(SocketAddr::to_string).collect();
            let what = format!("{} can be listened on", addresses.join(" and "));
            return (vec![Finding::ok(ABOUT, what)], Doors::Ours(bound));
        }
        Err(error) => error,
    };
    // A dubwatch with another journal is as much in the way as another program.
    if !config.ephemeral && has_writer(&config.db) {
        for address in &config.listen {
            if is_healthy(*address).await {
                let address = address.reachable();
                let what = format!("the dubwatch that writes this journal answers at {address}");
                return (vec![Finding::ok(ABOUT, what)], Doors::OfRunning);
            }
        }
    }
    let todo = "end the program that listens there (`ss -ltnp` names it), or choose another address with --listen";
    (vec![Finding::bad(ABOUT, format!("{error:#}"), todo)], Doors::None)
}

/// Returns whether a server at an address calls itself healthy, as dubwatch does.
async fn is_healthy(address: ListenAddress) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(address.reachable()).await.ok()?;
        let question = "GET /healthz HTTP/1.1\r\nhost: dubwatch\r\nconnection: close\r\n\r\n";
        stream.write_all(question.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        stream.take(4096).read_to_end(&mut answer).await.ok()?;
        Some(answer.starts_with(b"HTTP/1.1 200 "))
    };
    timeout(LIMIT, ask).await.ok().flatten().unwrap_or(false)
}

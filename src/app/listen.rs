//! Binds the sockets to listen on.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use anyhow::Context as _;
use rustix::io::Errno;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpListener;

use crate::config::ListenAddress;

/// Attempts to find a port that is free on both loopback addresses.
const TRIES: usize = 32;
/// Connections that may wait to be accepted. The same number as in tokio.
const BACKLOG: i32 = 1024;

/// Listening sockets and their addresses, in the same order.
pub(super) struct Bound {
    pub(super) sockets: Vec<TcpListener>,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Binds all addresses, or none if one of them cannot be bound.
pub(super) async fn bind(addresses: &[ListenAddress]) -> anyhow::Result<Bound> {
    let mut bound = Bound { sockets: Vec::new(), addresses: Vec::new() };
    for address in addresses {
        match address {
            ListenAddress::Localhost(port) => bound.take_loopback(*port).await?,
            ListenAddress::Socket(address) => {
                let both = addresses.iter().any(|other| is_ipv4_of(*other, *address));
                bound.take(*address, both).await?;
            }
        }
    }
    Ok(bound)
}

/// Returns whether `other` is `0.0.0.0` and `address` is `[::]` on the same port. A dual-stack
/// socket for the latter would then conflict with the former.
fn is_ipv4_of(other: ListenAddress, address: SocketAddr) -> bool {
    let every = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
    address.ip() == Ipv6Addr::UNSPECIFIED && other == ListenAddress::Socket(every)
}

impl Bound {
    fn add(&mut self, socket: TcpListener) -> anyhow::Result<()> {
        let address = socket.local_addr().context("cannot read the address of the socket")?;
        self.sockets.push(socket);
        self.addresses.push(address);
        Ok(())
    }

    /// Binds one address, unless it is bound already.
    async fn take(&mut self, address: SocketAddr, only_ipv6: bool) -> anyhow::Result<()> {
        if address.port() != 0 && self.addresses.contains(&address) {
            return Ok(());
        }
        let socket = if only_ipv6 { bind_ipv6(address) } else { TcpListener::bind(address).await };
        self.add(socket.with_context(|| cannot(&address.to_string()))?)
    }

    /// Binds both loopback addresses, IPv4 and IPv6, on the same port. Skips a family that the
    /// machine does not have.
    async fn take_loopback(&mut self, port: u16) -> anyhow::Result<()> {
        let ipv4 = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let ipv6 = SocketAddr::from((Ipv6Addr::LOCALHOST, port));
        if port != 0 {
            let mut missing = None;
            for address in [ipv4, ipv6] {
                if self.addresses.contains(&address) {
                    continue;
                }
                match TcpListener::bind(address).await {
                    Ok(socket) => self.add(socket)?,
                    Err(error) if is_missing(&error) => missing = Some(error),
                    Err(error) => return Err(error).context(cannot(&address.to_string())),
                }
            }
            return match missing {
                Some(error) if self.addresses.is_empty() => {
                    Err(error).context(cannot(&format!("localhost:{port}")))
                }
                _ => Ok(()),
            };
        }
        let mut tries = 0;
        loop {
            let first = match TcpListener::bind(ipv4).await {
                Ok(socket) => socket,
                Err(error) if is_missing(&error) => {
                    let socket = TcpListener::bind(ipv6).await;
                    return self.add(socket.with_context(|| cannot("localhost:0"))?);
                }
                Err(error) => return Err(error).context(cannot("localhost:0")),
            };
            let port = first.local_addr().context("cannot read the address of the socket")?.port();
            match TcpListener::bind(SocketAddr::new(ipv6.ip(), port)).await {
                Ok(second) => {
                    self.add(first)?;
                    return self.add(second);
                }
                Err(error) if is_missing(&error) => return self.add(first),
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < TRIES => {
                    tries += 1;
                }
                Err(error) => return Err(error).context(cannot("localhost:0")),
            }
        }
    }
}

/// Returns whether the machine lacks this address or its whole family.
fn is_missing(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || Errno::from_io_error(error) == Some(Errno::AFNOSUPPORT)
}

/// Binds an IPv6 address without IPv4, which another socket serves.
fn bind_ipv6(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(true)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn cannot(address: &str) -> String {
    format!(
        "cannot listen on {address}; choose another address with --listen, port 0 takes a free one"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_ipv6() -> bool {
        std::net::TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    #[tokio::test]
    async fn localhost_is_both_loopbacks_on_one_port() {
        let bound = bind(&[ListenAddress::Localhost(0)]).await.unwrap();
        let families = if has_ipv6() { 2 } else { 1 };
        assert_eq!(bound.addresses.len(), families);
        let port = bound.addresses[0].port();
        assert!(bound.addresses.iter().all(|a| a.port() == port && a.ip().is_loopback()));
        drop(bound);
        let again = bind(&[ListenAddress::Localhost(port)]).await.unwrap();
        assert_eq!(again.addresses.len(), families);
        let taken = bind(&[ListenAddress::Localhost(port)]).await.err().unwrap();
        assert!(format!("{taken:#}").contains(&format!("cannot listen on 127.0.0.1:{port};")));
    }

    #[tokio::test]
    async fn an_address_that_is_named_twice_is_bound_once() {
        let free = bind(&[ListenAddress::Localhost(0)]).await.unwrap().addresses;
        let port = free[0].port();
        let twice = [
            ListenAddress::Socket(free[0]),
            ListenAddress::Localhost(port),
            ListenAddress::Socket(free[0]),
        ];
        assert_eq!(bind(&twice).await.unwrap().addresses, free);
    }

    #[tokio::test]
    async fn the_wildcard_addresses_of_both_families_can_be_named() {
        if !has_ipv6() {
            return;
        }
        let every = |ip: std::net::IpAddr, port| ListenAddress::Socket((ip, port).into());
        let free = bind(&[every(Ipv6Addr::UNSPECIFIED.into(), 0)]).await.unwrap().addresses;
        let port = free[0].port();
        for both in [
            [every(Ipv4Addr::UNSPECIFIED.into(), port), every(Ipv6Addr::UNSPECIFIED.into(), port)],
            [every(Ipv6Addr::UNSPECIFIED.into(), port), every(Ipv4Addr::UNSPECIFIED.into(), port)],
        ] {
            assert_eq!(bind(&both).await.unwrap().addresses.len(), 2);
        }
    }
}

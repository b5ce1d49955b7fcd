//! Opens a tunnel through a proxy: `CONNECT` or SOCKS 5.

use std::io;

use http::Uri;
use hyper_util::client::legacy::connect::proxy::SocksV5;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower::{Service as _, service_fn};

use super::Destination;
use super::proxy::{Kind, Proxy, ProxyError, authority};
use crate::text::Printable;

/// Maximum size of the answer to a `CONNECT`, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// Opens a tunnel to a target over a connection to a proxy.
pub(super) async fn open(
    mut tcp: TcpStream,
    proxy: &Proxy,
    target: &Destination,
) -> Result<TcpStream, ProxyError> {
    match proxy.kind {
        Kind::Http => connect(&mut tcp, proxy, target).await.map(|()| tcp),
        Kind::Socks5 => socks(tcp, proxy, target).await,
    }
}

/// Has the proxy resolve the name: it may be the only one who can.
async fn socks(
    tcp: TcpStream,
    proxy: &Proxy,
    target: &Destination,
) -> Result<TcpStream, ProxyError> {
    let failed = |why: String| proxy.answered(Printable::new(&why).cut(120));
    let uri = |host: &str, port| {
        let uri = Uri::builder().scheme("http").authority(authority(host, port));
        uri.path_and_query("/").build().map_err(|error| failed(error.to_string()))
    };
    let (through, to) = (uri(&proxy.host, proxy.port)?, uri(&target.host, target.port)?);
    let mut tcp = Some(TokioIo::new(tcp));
    let inner = service_fn(move |_: Uri| {
        std::future::ready(tcp.take().ok_or_else(|| io::Error::other("asked twice")))
    });
    let mut socks = SocksV5::new(through, inner);
    if let Some((user, password)) = proxy.login() {
        socks = socks.with_auth(user, password);
    }
    socks.call(to).await.map(TokioIo::into_inner).map_err(|error| {
        // The library's error types are not public.
        let words = error.to_string();
        if words.contains("credentials not accepted") || words.contains("authentication") {
            proxy.wants_socks_login()
        } else {
            failed(words)
        }
    })
}

async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    proxy: &Proxy,
    target: &Destination,
) -> Result<(), ProxyError> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
    if let Some(login) = proxy.authorization() {
        request.extend_from_slice(b"Proxy-Authorization: ");
        request.extend_from_slice(login.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let broken = |cause| proxy.broke_off(cause);
    stream.write_all(&request).await.map_err(broken)?;
    stream.flush().await.map_err(broken)?;
    // One byte at a time: the bytes after the head are the target's.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return Err(proxy.answered(Printable::new("with a head that does not end")));
        }
        head.push(stream.read_u8().await.map_err(broken)?);
        // Not HTTP: waiting for the end of the head could take forever.
        if !b"HTTP/".starts_with(&head[..head.len().min(5)]) {
            return Err(proxy.is_no_proxy());
        }
    }
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(()),
        Some("407") => Err(proxy.wants_login(lines.filter_map(offer))),
        _ => Err(proxy.answered(Printable::new(line).cut(80))),
    }
}

/// Returns the value of a `Proxy-Authenticate` header.
fn offer(line: &str) -> Option<String> {
    let (name, value) = line.split_once(':')?;
    name.eq_ignore_ascii_case("proxy-authenticate").then(|| value.trim().to_owned())
}

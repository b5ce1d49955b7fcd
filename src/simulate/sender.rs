//! Posts signed callbacks over HTTP or HTTPS, one connection, kept alive.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::message::Message;
use super::tamper::{Signed, Tamper, sign};
use crate::callback::Encoding;
use crate::outbound::{ConnectError, Connector, ExchangeFailure, Outbound, destination};
use crate::signature::{KeyError, PrivateKey};
use crate::text::Printable;

/// Time limit for a response.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of bytes of a response's body that are read.
const MAX_ANSWER: usize = 64 << 10;

/// The response of a receiver.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The beginning of the body, as text.
    pub body: String,
    /// From the first byte sent to the last byte read.
    pub took: Duration,
}

/// Why a callback got no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    #[error("cannot sign")]
    Sign(#[from] KeyError),
    #[error("cannot make a request to {to}: {cause}")]
    Request { to: Uri, cause: http::Error },
    #[error("cannot reach {to}: {why}; is something listening there?")]
    Unreachable { to: Uri, why: String },
    #[error("cannot reach {to}: {why}")]
    NoWay { to: Uri, why: String },
    #[error("{to} speaks TLS: use https:// in place of http://")]
    SpeaksTls { to: Uri },
    #[error("no answer from {to}: it closed the connection{}", tls_hint(to))]
    Closed { to: Uri },
    #[error("no answer from {to}: {why}")]
    Lost { to: Uri, why: Printable },
    #[error("{to} did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut { to: Uri },
}

/// Posts callbacks to one URL.
pub struct Sender {
    client: Client<Connector, Full<Bytes>>,
    outbound: Outbound,
    to: Uri,
    key: PrivateKey,
    encoding: Encoding,
}

impl Sender {
    /// Creates a sender to `to` that signs with `key` and connects through `outbound`.
    pub fn new(to: Uri, key: PrivateKey, encoding: Encoding, outbound: Outbound) -> Self {
        let connector = Connector::new(outbound.clone());
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Self { client, outbound, to, key, encoding }
    }

    /// Returns the URL that it posts to.
    pub const fn to(&self) -> &Uri {
        &self.to
    }

    /// Signs and posts a body as it is, spoiled as asked.
    pub async fn send_body(
        &self,
        body: Vec<u8>,
        tamper: Option<Tamper>,
    ) -> Result<Answer, SendError> {
        self.post(&self.to, sign(&self.key, self.encoding, body, tamper)?).await
    }

    /// Signs one callback, spoiled as asked, and posts nothing.
    pub fn sign(&self, message: &Message, tamper: Option<Tamper>) -> Result<Signed, KeyError> {
        sign(&self.key, self.encoding, message.body(), tamper)
    }

    /// Posts what was signed before to a URL with the scheme of [`Sender::to`].
    pub async fn post(&self, to: &Uri, signed: Signed) -> Result<Answer, SendError> {
        let mut request = Request::post(to);
        for (name, value) in signed.headers() {
            request = request.header(name, value);
        }
        let way = destination(to);
        if let Some(login) = way.as_ref().and_then(|way| self.outbound.authorization(way)) {
            request = request.header(PROXY_AUTHORIZATION, login);
        }
        let request = request
            .body(Full::from(signed.body))
            .map_err(|cause| SendError::Request { to: to.clone(), cause })?;
        let begun = Instant::now();
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| lost(to, &error))?;
            let (status, headers) = (response.status(), response.headers().clone());
            if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                && let Some(why) =
                    way.as_ref().and_then(|way| self.outbound.refused(way, response.headers()))
            {
                return Err(SendError::NoWay { to: to.clone(), why: why.to_string() });
            }
            let body = match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
                Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                Err(error) => format!("({error})"),
            };
            Ok(Answer { status, headers, body, took: begun.elapsed() })
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(SendError::TimedOut { to: to.clone() }))
    }
}

/// Returns a hint about a receiver that closed a connection without TLS.
fn tls_hint(to: &Uri) -> &'static str {
    if to.scheme_str() == Some("https") { "" } else { "; one that speaks TLS needs https://" }
}

/// Explains why there was no response.
fn lost(to: &Uri, error: &(dyn Error + 'static)) -> SendError {
    let to = to.clone();
    match ExchangeFailure::of(error) {
        ExchangeFailure::Connect(error) => no_way(to, error),
        ExchangeFailure::SpeaksTls => SendError::SpeaksTls { to },
        ExchangeFailure::Closed => SendError::Closed { to },
        ExchangeFailure::Other(why) => SendError::Lost { to, why },
    }
}

fn no_way(to: Uri, error: &ConnectError) -> SendError {
    match error {
        ConnectError::Tcp { cause, hint: "", .. }
            if cause.kind() == io::ErrorKind::ConnectionRefused =>
        {
            SendError::Unreachable { to, why: cause.to_string() }
        }
        error => SendError::NoWay { to, why: error.to_string() },
    }
}

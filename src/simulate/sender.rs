//! Posts signed callbacks over HTTP or HTTPS, one connection, kept alive.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, ResponseFuture};
use hyper_util::rt::TokioExecutor;

use super::message::Message;
use super::tamper::{Signed, Tamper, sign};
use crate::callback::Encoding;
use crate::signature::{KeyError, PrivateKey};

/// How long an answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer's body is read, in bytes.
const MAX_ANSWER: usize = 64 << 10;

/// What a receiver answered.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The beginning of the body, as text.
    pub body: String,
    /// From the first byte sent to the last byte read.
    pub took: Duration,
}

/// Why a callback was not answered.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say what each variant is")]
pub enum SendError {
    #[error("cannot load the system's certificates: {0}")]
    Certificates(std::io::Error),
    #[error("cannot sign")]
    Sign(#[from] KeyError),
    #[error("cannot make a request to {to}: {cause}")]
    Request { to: Uri, cause: http::Error },
    #[error("cannot reach {to}: {why}; is something listening there?")]
    Unreachable { to: Uri, why: String },
    #[error("{to} did not answer within {} s", TIMEOUT.as_secs())]
    TimedOut { to: Uri },
}

/// Posts callbacks to one URL.
pub struct Sender {
    client: Transport,
    to: Uri,
    key: PrivateKey,
    encoding: Encoding,
}

/// Certificates are only needed, and only loaded, for HTTPS: a machine without any can still post to
/// itself.
enum Transport {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Secure(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

impl Transport {
    fn to(uri: &Uri) -> Result<Self, SendError> {
        let builder = Client::builder(TokioExecutor::new());
        if uri.scheme_str() != Some("https") {
            return Ok(Self::Plain(builder.build_http()));
        }
        let connector = HttpsConnectorBuilder::new()
            .with_native_roots()
            .map_err(SendError::Certificates)?
            .https_only()
            .enable_http1()
            .build();
        Ok(Self::Secure(builder.build(connector)))
    }

    fn request(&self, request: Request<Full<Bytes>>) -> ResponseFuture {
        match self {
            Self::Plain(client) => client.request(request),
            Self::Secure(client) => client.request(request),
        }
    }
}

impl Sender {
    /// A sender to `to` that signs with `key`.
    pub fn new(to: Uri, key: PrivateKey, encoding: Encoding) -> Result<Self, SendError> {
        Ok(Self { client: Transport::to(&to)?, to, key, encoding })
    }

    /// Where it posts to.
    pub const fn to(&self) -> &Uri {
        &self.to
    }

    /// Signs and posts one callback, spoiled as asked.
    pub async fn send(
        &self,
        message: &Message,
        tamper: Option<Tamper>,
    ) -> Result<Answer, SendError> {
        self.post(&self.to, self.sign(message, tamper)?).await
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
        let request = request
            .body(Full::from(signed.body))
            .map_err(|cause| SendError::Request { to: to.clone(), cause })?;
        let begun = Instant::now();
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| lost(to, &error))?;
            let status = response.status();
            let body = match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
                Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
                Err(error) => format!("({error})"),
            };
            Ok(Answer { status, body, took: begun.elapsed() })
        };
        tokio::time::timeout(TIMEOUT, exchange)
            .await
            .unwrap_or_else(|_| Err(SendError::TimedOut { to: to.clone() }))
    }
}

/// The innermost error says what happened; those around it only that something did.
fn lost(to: &Uri, error: &dyn std::error::Error) -> SendError {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    SendError::Unreachable { to: to.clone(), why: error.to_string() }
}

//! Sends deliveries to one target and reads the answers, within bounds of time and size.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{LOCATION, PROXY_AUTHORIZATION};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::Service;

use super::attempt::{ForwardAnswer, MAX_ANSWER_BODY};
use super::headers::{ForwardHeader, forwarded_headers};
use super::policy::Contact;
use super::target::ForwardTarget;
use crate::callback::{Headers, REDACTED, Received};
use crate::outbound::{
    ClientStream, ConnectError, Connector, ExchangeFailure, Outbound, destination,
};
use crate::text::Printable;

/// Maximum number of bytes of an answer's body that are read before the connection is closed.
const MAX_READ: usize = 256 << 10;
/// Maximum size of the answer's headers that are kept, in bytes.
const MAX_HEADERS: usize = 8 << 10;
/// Maximum width of a reason, in columns.
const MAX_WHY: usize = 300;
/// Maximum time for a connection.
const CONNECT: Duration = Duration::from_secs(10);

/// What a client needs.
#[derive(Debug, Clone)]
pub struct ForwardSettings {
    /// Where deliveries are sent.
    pub target: ForwardTarget,
    /// Headers that are added.
    pub headers: Vec<ForwardHeader>,
    /// Maximum time for an attempt, from the connection to the end of the answer.
    pub limit: Duration,
    /// Proxies and trusted certificates.
    pub outbound: Outbound,
    /// Whether any certificate of the target is accepted.
    pub is_insecure: bool,
}

/// An attempt that has ended.
#[derive(Debug)]
pub struct SentForward {
    /// How far it came.
    pub contact: Contact,
    /// What came of it.
    pub answer: ForwardAnswer,
}

/// Sends deliveries to one target.
pub struct ForwardClient {
    client: Client<PromptConnector, Full<Bytes>>,
    settings: ForwardSettings,
    proxy_login: Option<HeaderValue>,
}

impl ForwardClient {
    /// Creates a client. It connects with the first delivery.
    pub fn new(settings: ForwardSettings) -> Self {
        let connector = PromptConnector {
            connector: Connector::new(settings.outbound.clone()),
            // Less than the whole time, so that it is known that there was no connection.
            limit: CONNECT.min(settings.limit.mul_f64(0.9)),
        };
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let way = destination(settings.target.uri());
        let proxy_login = way.and_then(|way| settings.outbound.authorization(&way));
        Self { client, settings, proxy_login }
    }

    /// Sends a delivery, byte for byte, and reads the answer. Follows no redirect.
    pub async fn send(&self, delivery: Received) -> SentForward {
        let begun = Instant::now();
        let exchange = self.exchange(delivery, begun);
        tokio::time::timeout(self.settings.limit, exchange).await.unwrap_or_else(|_| {
            let limit = self.settings.limit;
            let why = format!("no answer within {limit:?} (--forward-timeout)");
            let answer = ForwardAnswer::failed(why, begun.elapsed());
            SentForward { contact: Contact::Silent, answer }
        })
    }

    async fn exchange(&self, delivery: Received, begun: Instant) -> SentForward {
        let failed = |contact, why: &str| SentForward {
            contact,
            answer: ForwardAnswer::failed(
                Printable::new(why).cut(MAX_WHY).to_string(),
                begun.elapsed(),
            ),
        };
        let request = match self.request(delivery) {
            Ok(request) => request,
            Err(why) => return failed(Contact::Unsendable, &why),
        };
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => {
                return match ExchangeFailure::of(&error) {
                    ExchangeFailure::Connect(error) => failed(Contact::None, &self.explain(error)),
                    ExchangeFailure::SpeaksTls => {
                        failed(Contact::None, "it speaks TLS: use https:// in place of http://")
                    }
                    ExchangeFailure::Closed => {
                        failed(Contact::BrokenOff, "it closed the connection without an answer")
                    }
                    ExchangeFailure::Other(why) => failed(Contact::BrokenOff, why.as_ref()),
                };
            }
        };
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED
            && let Some(why) = destination(self.settings.target.uri())
                .and_then(|way| self.settings.outbound.refused(&way, response.headers()))
        {
            return failed(Contact::None, &why.to_string());
        }
        self.answered(response, begun).await
    }

    fn request(&self, delivery: Received) -> Result<Request<Full<Bytes>>, String> {
        let method = Method::from_bytes(delivery.method.as_bytes()).map_err(|e| e.to_string())?;
        let mut headers = forwarded_headers(&delivery.headers, &self.settings.headers);
        if let Some(login) = &self.proxy_login {
            headers.insert(PROXY_AUTHORIZATION, login.clone());
        }
        let mut request = Request::new(Full::from(delivery.body));
        *request.method_mut() = method;
        *request.uri_mut() = self.settings.target.uri().clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Reads an answer. What breaks off behind the status is kept as far as it came.
    async fn answered(&self, response: Response<Incoming>, begun: Instant) -> SentForward {
        let (head, mut body) = response.into_parts();
        let raw = head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
        // A session of the app is nothing for the journal.
        let raw = raw.map(|(name, value)| match name {
            "set-cookie" => (name, REDACTED.as_bytes()),
            _ => (name, value),
        });
        let mut answer = ForwardAnswer {
            status: Some(head.status.as_u16()),
            headers: Headers::from_raw(raw).sample(MAX_HEADERS),
            ..ForwardAnswer::default()
        };
        if head.status.is_redirection() {
            let to = head.headers.get(LOCATION).map(HeaderValue::as_bytes);
            let to = to.map(|to| Printable::new(&String::from_utf8_lossy(to)).cut(200));
            answer.error = Some(match to {
                Some(to) => {
                    format!("it redirects to {to}, which is not followed: forward to that URL")
                }
                None => "it redirects, which is not followed".to_owned(),
            });
        }
        let mut read = 0;
        // Within what is left of the time: a body that does not end must not hide the status.
        let left = self.settings.limit.saturating_sub(begun.elapsed()).mul_f64(0.95);
        let reading = async {
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    return Some(
                        "it closed the connection before the end of its answer".to_owned(),
                    );
                };
                let Some(data) = frame.data_ref() else { continue };
                read += data.len();
                let room = MAX_ANSWER_BODY - answer.body.len();
                answer.body.extend_from_slice(&data[..data.len().min(room)]);
                answer.is_truncated |= data.len() > room;
                if read > MAX_READ {
                    break;
                }
            }
            None
        };
        let broken = tokio::time::timeout(left, reading).await.unwrap_or_else(|_| {
            let limit = self.settings.limit;
            Some(format!("its answer did not end within {limit:?} (--forward-timeout)"))
        });
        answer.error = answer.error.or(broken);
        answer.took = begun.elapsed();
        SentForward { contact: Contact::Answered(head.status.as_u16()), answer }
    }

    /// Returns why there is no connection, and what to do about a certificate.
    fn explain(&self, error: &ConnectError) -> String {
        match error {
            ConnectError::Tls { .. } if !self.settings.is_insecure => {
                format!("{error}; --forward-insecure accepts every certificate of the target")
            }
            error => error.to_string(),
        }
    }
}

/// Makes connections within a time limit.
#[derive(Clone)]
struct PromptConnector {
    connector: Connector,
    limit: Duration,
}

impl Service<Uri> for PromptConnector {
    type Response = ClientStream;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<ClientStream, ConnectError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        self.connector.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let limit = self.limit;
        let shown = Printable::new(&to.to_string()).cut(100);
        let connecting = self.connector.call(to);
        Box::pin(async move {
            tokio::time::timeout(limit, connecting)
                .await
                .unwrap_or_else(|_| Err(ConnectError::Late { to: shown, limit }))
        })
    }
}

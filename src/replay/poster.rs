//! Posts one delivery to a URL again.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::PROXY_AUTHORIZATION;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use crate::callback::Received;
use crate::forward::forwarded_headers;
use crate::outbound::{Connector, ExchangeFailure, Outbound, destination};

/// Time limit for an answer.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Maximum number of bytes that are read of an answer; the connection is closed at a longer one.
const MAX_ANSWER: usize = 64 << 10;

/// The answer to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReplayAnswer {
    pub(super) status: StatusCode,
    pub(super) took: Duration,
}

/// Why a delivery has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// There is no connection: the others would have none either.
    NoWay(String),
    /// This one got no answer.
    Lost(String),
}

/// Posts deliveries to one URL.
pub struct Poster {
    client: Client<Connector, Full<Bytes>>,
    outbound: Outbound,
    to: Uri,
}

impl Poster {
    /// Creates a poster. Must be called inside a Tokio runtime, in which its connections live.
    pub fn new(to: Uri, outbound: Outbound) -> Self {
        let client = Client::builder(TokioExecutor::new()).build(Connector::new(outbound.clone()));
        Self { client, outbound, to }
    }

    /// Posts what was received, body and headers as they were. Follows no redirect.
    pub(super) async fn post(&self, received: Received) -> Result<ReplayAnswer, Unanswered> {
        let method = Method::from_bytes(received.method.as_bytes()).unwrap_or(Method::POST);
        let mut headers = forwarded_headers(&received.headers, &[]);
        let way = destination(&self.to);
        if let Some(login) = way.as_ref().and_then(|way| self.outbound.authorization(way)) {
            headers.insert(PROXY_AUTHORIZATION, login);
        }
        let mut request = Request::new(Full::from(received.body));
        *request.method_mut() = method;
        *request.uri_mut() = self.to.clone();
        *request.headers_mut() = headers;
        let begun = Instant::now();
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| lost(&error))?;
            let status = response.status();
            if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED
                && let Some(why) =
                    way.as_ref().and_then(|way| self.outbound.refused(way, response.headers()))
            {
                return Err(Unanswered::NoWay(why.to_string()));
            }
            // Read to its end, so that the connection can be used again. The status is the answer.
            let _ = Limited::new(response.into_body(), MAX_ANSWER).collect().await;
            Ok(ReplayAnswer { status, took: begun.elapsed() })
        };
        let late = || Unanswered::Lost(format!("no answer within {} s", TIMEOUT.as_secs()));
        tokio::time::timeout(TIMEOUT, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

fn lost(error: &(dyn std::error::Error + 'static)) -> Unanswered {
    match ExchangeFailure::of(error) {
        ExchangeFailure::Connect(error) => Unanswered::NoWay(error.to_string()),
        ExchangeFailure::SpeaksTls => {
            Unanswered::NoWay("it speaks TLS: use https:// in place of http://".to_owned())
        }
        ExchangeFailure::Closed => Unanswered::Lost("it closed the connection".to_owned()),
        ExchangeFailure::Other(why) => Unanswered::Lost(why.to_string()),
    }
}

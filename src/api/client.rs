//! One question to the API and its answer, within bounds of time and size.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use jiff::Timestamp;
use serde_json::Value;

use super::address::ApiAddress;
use super::answer::{self, AnswerError, AssetAnswer, AssetPage, NextPage, VersionAnswer};
use super::bounds::{LIMIT, MAX_ANSWER, MAX_REFUSAL, MAX_SAYS};
use super::endpoint::Endpoint;
use super::error::ApiError;
use super::get::{GetError, Getter};
use super::key::ApiKey;
use super::redact::redacted_text;
use super::retry_after::retry_after;
use crate::outbound::{ExchangeFailure, Outbound};
use crate::text::Printable;

/// What a client needs.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// The host.
    pub address: ApiAddress,
    /// The key.
    pub key: ApiKey,
    /// Proxies and trusted certificates.
    pub outbound: Outbound,
}

/// Asks the API.
pub struct ApiClient {
    getter: Getter,
    address: ApiAddress,
    key: ApiKey,
    outbound: Outbound,
}

impl ApiClient {
    /// Creates a client. It connects with the first question.
    pub fn new(settings: ApiSettings) -> Self {
        let ApiSettings { address, key, outbound } = settings;
        let getter = Getter::new(address.clone(), &key, outbound.clone());
        Self { getter, address, key, outbound }
    }

    /// Returns the host that it asks.
    pub const fn address(&self) -> &ApiAddress {
        &self.address
    }

    /// Returns the key that it asks with.
    pub const fn key(&self) -> &ApiKey {
        &self.key
    }

    /// Returns the proxies and certificates that it uses.
    pub const fn outbound(&self) -> &Outbound {
        &self.outbound
    }

    /// Gets a version. An answer about another version is an error.
    pub async fn get_version(&self, id: &str) -> Result<VersionAnswer, ApiError> {
        let endpoint = Endpoint::Version(id);
        let value = self.value(&endpoint).await?;
        let read = VersionAnswer::read(&value).map_err(|why| self.nonsense(&endpoint, why))?;
        self.check_id(&endpoint, id, read.version_id.as_deref())?;
        Ok(read)
    }

    /// Gets an asset with its versions. An answer about another asset is an error.
    pub async fn get_asset(&self, id: &str) -> Result<AssetAnswer, ApiError> {
        let endpoint = Endpoint::Asset(id);
        let value = self.value(&endpoint).await?;
        let read = AssetAnswer::read(&value).map_err(|why| self.nonsense(&endpoint, why))?;
        self.check_id(&endpoint, id, read.asset_id.as_deref())?;
        Ok(read)
    }

    /// Gets a page of the list of assets, the first one without an argument.
    pub async fn list_assets(&self, page: Option<&NextPage>) -> Result<AssetPage, ApiError> {
        let endpoint = Endpoint::Assets(page);
        let value = self.value(&endpoint).await?;
        AssetPage::read(&value, page).map_err(|why| self.nonsense(&endpoint, why))
    }

    /// Gets the answer as it is. It can hold links that grant access: [`redact`](fn@super::redact)
    /// before it is shown.
    pub async fn value(&self, endpoint: &Endpoint<'_>) -> Result<Value, ApiError> {
        let no_id = || ApiError::NoId { what: endpoint.to_string() };
        let path = endpoint.path().ok_or_else(no_id)?;
        tokio::time::timeout(LIMIT, self.exchange(endpoint, &path)).await.unwrap_or_else(|_| {
            Err(ApiError::TimedOut { host: self.host(), what: endpoint.to_string() })
        })
    }

    async fn exchange(&self, endpoint: &Endpoint<'_>, path: &str) -> Result<Value, ApiError> {
        let response = match self.getter.get(path).await {
            Ok(response) => response,
            Err(error) => return Err(self.not_got(endpoint, error)),
        };
        match response.status() {
            StatusCode::OK => self.accepted(endpoint, response).await,
            _ => Err(self.refused(endpoint, response).await),
        }
    }

    /// Reads the body of a 200.
    async fn accepted(
        &self,
        endpoint: &Endpoint<'_>,
        response: Response<Incoming>,
    ) -> Result<Value, ApiError> {
        let (head, body) = response.into_parts();
        let too_long = || ApiError::TooLong { host: self.host(), what: endpoint.to_string() };
        if body.size_hint().lower() > MAX_ANSWER as u64 {
            return Err(too_long());
        }
        let body = match Limited::new(body, MAX_ANSWER).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(too_long()),
            Err(error) => return Err(self.lost(endpoint, &*error)),
        };
        let header = |name: HeaderName| text_of(&head.headers, &name);
        let encoding =
            header(CONTENT_ENCODING).filter(|name| !name.eq_ignore_ascii_case("identity"));
        if let Some(name) = encoding {
            let name = Printable::new(name).cut(40);
            return Err(self.nonsense(endpoint, AnswerError::Encoded(name)));
        }
        answer::parse(&body, header(CONTENT_TYPE)).map_err(|why| self.nonsense(endpoint, why))
    }

    /// Explains every other status.
    async fn refused(&self, endpoint: &Endpoint<'_>, response: Response<Incoming>) -> ApiError {
        let (status, host, what) = (response.status(), self.host(), endpoint.to_string());
        let wait = retry_after(response.headers(), Timestamp::now());
        let body = Limited::new(response.into_body(), MAX_REFUSAL).collect().await;
        let reason = body.ok().and_then(|body| answer::reason(&body.to_bytes()));
        let reason = reason.map(|reason| redacted_text(&reason, &self.key));
        let says = reason.map(|reason| Printable::new(&reason).cut(MAX_SAYS)).unwrap_or_default();
        match status {
            StatusCode::UNAUTHORIZED => {
                ApiError::Unauthorized { host, place: self.key.place().clone(), says }
            }
            StatusCode::FORBIDDEN => ApiError::Forbidden { host, what, says, retry_after: wait },
            StatusCode::NOT_FOUND => ApiError::NotFound { host, what, says },
            StatusCode::TOO_MANY_REQUESTS => {
                ApiError::Busy { host, status, says, retry_after: wait }
            }
            _ if status.is_server_error() => {
                ApiError::Busy { host, status, says, retry_after: wait }
            }
            _ if status.is_success() => self.nonsense(endpoint, AnswerError::Status(status)),
            _ => ApiError::Refused { host, what, status, says },
        }
    }

    fn not_got(&self, endpoint: &Endpoint<'_>, error: GetError) -> ApiError {
        let host = self.host();
        match error {
            GetError::Failed(error) => self.lost(endpoint, &error),
            GetError::Request(error) => ApiError::Lost {
                host,
                what: endpoint.to_string(),
                why: Printable::new(&error.to_string()).cut(MAX_SAYS),
            },
            GetError::Elsewhere { status, to } => ApiError::Elsewhere { host, status, to },
            GetError::Circle => ApiError::Circle { host, what: endpoint.to_string() },
        }
    }

    fn lost(&self, endpoint: &Endpoint<'_>, error: &(dyn std::error::Error + 'static)) -> ApiError {
        let (host, what) = (self.host(), endpoint.to_string());
        match ExchangeFailure::of(error) {
            ExchangeFailure::Connect(error) => ApiError::Unreachable { why: error.to_string() },
            ExchangeFailure::SpeaksTls => ApiError::SpeaksTls { host },
            ExchangeFailure::Closed => ApiError::Closed { host, what },
            ExchangeFailure::Other(why) => ApiError::Lost { host, what, why },
        }
    }

    /// Returns the error about an answer that cannot be used.
    pub fn nonsense(&self, endpoint: &Endpoint<'_>, why: AnswerError) -> ApiError {
        ApiError::Nonsense { host: self.host(), what: endpoint.to_string(), why }
    }

    fn check_id(
        &self,
        endpoint: &Endpoint<'_>,
        asked: &str,
        answered: Option<&str>,
    ) -> Result<(), ApiError> {
        match answered {
            Some(other) if other != asked => Err(ApiError::OtherThing {
                host: self.host(),
                what: endpoint.to_string(),
                other: Printable::new(other).cut(80),
            }),
            _ => Ok(()),
        }
    }

    fn host(&self) -> Printable {
        self.address.host()
    }
}

fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::key::ApiKeyPlace;
    use super::*;

    /// Time is paused: a question without an answer times out as soon as all tasks wait.
    #[tokio::test(start_paused = true)]
    async fn a_service_that_does_not_answer_is_not_waited_for() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = silent.local_addr().unwrap();
        let client = ApiClient::new(ApiSettings {
            address: ApiAddress::new(&format!("http://{address}")).unwrap(),
            key: ApiKey::new("key", ApiKeyPlace::Setting("x".into())).unwrap(),
            outbound: Outbound::default(),
        });
        let error = client.get_version("v").await.unwrap_err();
        assert!(matches!(error, ApiError::TimedOut { .. }) && error.is_retryable(), "{error}");
        let said = format!("{address} did not answer about version v within 30 s");
        assert_eq!(error.to_string(), said);
    }
}

//! The only requests to the API: GET, to its one host.
//!
//! The key can do more than read. Nothing outside of this module can send a request with it, and
//! there is one method in it, and no body.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, LOCATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;

use super::address::ApiAddress;
use super::key::ApiKey;
use crate::outbound::{Connector, Outbound};
use crate::text::Printable;

/// Maximum number of redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// Why there is no response.
#[derive(Debug)]
pub(super) enum GetError {
    /// The exchange failed.
    Failed(legacy::Error),
    /// The request cannot be made.
    Request(http::Error),
    /// A redirect leads to another host, scheme or port, or nowhere.
    Elsewhere { status: StatusCode, to: Printable },
    /// There were too many redirects.
    Circle,
}

/// Sends GET requests to one host.
pub(super) struct Getter {
    client: Client<Connector, Empty<Bytes>>,
    address: ApiAddress,
    authorization: Option<HeaderValue>,
}

impl Getter {
    pub(super) fn new(address: ApiAddress, key: &ApiKey, outbound: Outbound) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        let client = builder.pool_max_idle_per_host(1).build(Connector::new(outbound));
        Self { client, address, authorization: key.header() }
    }

    /// Gets a path, which begins with `/`. Follows redirects on the same host. Has no time limit.
    pub(super) async fn get(&self, path: &str) -> Result<Response<Incoming>, GetError> {
        let mut uri = self.address.uri(path).map_err(GetError::Request)?;
        for _ in 0..=MAX_REDIRECTS {
            let response = self.get_uri(uri).await?;
            let status = response.status();
            if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).map(HeaderValue::as_bytes);
            let location = String::from_utf8_lossy(location.unwrap_or_default());
            uri = self
                .address
                .own(&location)
                .ok_or_else(|| GetError::Elsewhere { status, to: host_of(&location) })?;
        }
        Err(GetError::Circle)
    }

    async fn get_uri(&self, uri: Uri) -> Result<Response<Incoming>, GetError> {
        let mut request = Request::get(uri)
            .header(ACCEPT, "application/json")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("dubwatch/", env!("CARGO_PKG_VERSION")));
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::new()).map_err(GetError::Request)?;
        self.client.request(request).await.map_err(GetError::Failed)
    }
}

/// Returns the scheme and host of a redirect for a message: the rest may hold a secret.
fn host_of(location: &str) -> Printable {
    let uri: Option<Uri> = location.parse().ok();
    let place = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?)));
    match place {
        Some((scheme, authority)) => {
            let authority = authority.as_str();
            let host = authority.rsplit('@').next().unwrap_or(authority);
            Printable::new(&format!("{scheme}://{host}")).cut(80)
        }
        None => Printable::new("a place that is no URL of its own"),
    }
}

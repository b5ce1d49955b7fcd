//! The only requests to the host of a link: GET, without the API key.

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, IF_RANGE, RANGE, USER_AGENT};
use http::{Request, Response};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_util::client::legacy::{self, Client};
use hyper_util::rt::TokioExecutor;

use super::head::RangeStart;
use super::link::FileLink;
use crate::outbound::{Connector, Outbound};

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Failed(#[from] legacy::Error),
    #[error(transparent)]
    Request(#[from] http::Error),
}

/// Sends GET requests to the hosts of links.
pub(super) struct FileGetter {
    client: Client<Connector, Empty<Bytes>>,
}

impl FileGetter {
    pub(super) fn new(outbound: Outbound) -> Self {
        let mut builder = Client::builder(TokioExecutor::new());
        Self { client: builder.pool_max_idle_per_host(1).build(Connector::new(outbound)) }
    }

    /// Gets what a link leads to, whole or from where `resume` says. Follows no redirect and has no
    /// time limit.
    pub(super) async fn get(
        &self,
        link: &FileLink,
        resume: Option<&RangeStart>,
    ) -> Result<Response<Incoming>, FetchError> {
        let mut request = Request::get(link.reveal().clone())
            .header(ACCEPT, "*/*")
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("dubwatch/", env!("CARGO_PKG_VERSION")));
        if let Some(resume) = resume {
            request = request
                .header(RANGE, format!("bytes={}-", resume.from))
                .header(IF_RANGE, &resume.etag);
        }
        Ok(self.client.request(request.body(Empty::new())?).await?)
    }
}

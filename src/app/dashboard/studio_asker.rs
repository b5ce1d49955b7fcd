//! Asks the API where versions are edited, for the user who wants to go there.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use crate::api::{ApiClient, studio_url};
use crate::tui::effect::Request;

/// Maximum number of questions at a time.
const MAX_PENDING: usize = 4;

/// A question that waits for its answer. Returns its request and the URL or, if there is none, the
/// reason.
type PendingUrl = BoxFuture<'static, (Request, Result<String, String>)>;

/// Asks for the studio's URL of versions: anew each time, because none is stored.
pub(super) struct StudioAsker {
    /// `None` without an API key.
    client: Option<Arc<ApiClient>>,
    pub(super) pending: FuturesUnordered<PendingUrl>,
}

impl StudioAsker {
    pub(super) fn of(client: Option<Arc<ApiClient>>) -> Self {
        Self { client, pending: FuturesUnordered::new() }
    }

    /// Begins to ask for a version. Does not wait, so that no other request has to.
    pub(super) fn submit(&self, request: Request, version_id: String) {
        let refuse = |why: &str| {
            let why = why.to_owned();
            let request = request.clone();
            self.pending.push(Box::pin(async move { (request, Err(why)) }));
        };
        let Some(client) = &self.client else {
            return refuse(
                "the studio's URL needs an API key: set PANJAYA_API_KEY, and start again",
            );
        };
        if self.pending.len() >= MAX_PENDING {
            return refuse("the API is still being asked; try again");
        }
        let client = Arc::clone(client);
        self.pending.push(Box::pin(async move {
            let url = match client.get_version(&version_id).await {
                Ok(answer) => studio_url(&answer, client.address()),
                Err(error) => Err(error.to_string()),
            };
            (request, url)
        }));
    }
}

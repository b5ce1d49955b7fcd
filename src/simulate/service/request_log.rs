//! The requests that the stand-in got, for tests of what a client asks and when.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Maximum number of remembered requests; a demo may run for days.
const REMEMBERED: usize = 65_536;

/// A request to the API or for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedRequest {
    /// The method, in capitals.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// When its head had arrived.
    pub at: Instant,
    /// How many requests were open when it came, itself included. A request is open until its
    /// response is complete.
    pub open: usize,
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct RequestLog(Mutex<LoggedRequests>);

#[derive(Debug, Default)]
struct LoggedRequests {
    requests: VecDeque<RecordedRequest>,
    open: usize,
}

/// A request that is open; dropped at its end.
pub(super) struct OpenRequest(Arc<RequestLog>);

impl RequestLog {
    fn log(&self) -> MutexGuard<'_, LoggedRequests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request. Forgets the oldest one if there are too many.
    pub(super) fn begin(self: &Arc<Self>, method: String, path: String) -> OpenRequest {
        let mut log = self.log();
        log.open += 1;
        let request = RecordedRequest { method, path, at: Instant::now(), open: log.open };
        if log.requests.len() == REMEMBERED {
            log.requests.pop_front();
        }
        log.requests.push_back(request);
        drop(log);
        OpenRequest(Arc::clone(self))
    }

    /// Returns the remembered requests, oldest first.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.log().requests.iter().cloned().collect()
    }

    /// Forgets all requests, except that the open ones stay open.
    pub(super) fn clear(&self) {
        self.log().requests.clear();
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.0.log().open -= 1;
    }
}

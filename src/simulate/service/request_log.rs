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
    /// The status of the response; `None` until there is one.
    pub status: Option<u16>,
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
    /// The number of the first remembered request; all are counted from 0.
    first: u64,
    open: usize,
}

/// A request that is open; dropped at its end.
pub(super) struct OpenRequest {
    log: Arc<RequestLog>,
    number: u64,
}

impl RequestLog {
    fn log(&self) -> MutexGuard<'_, LoggedRequests> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a request. Forgets the oldest one if there are too many.
    pub(super) fn begin(self: &Arc<Self>, method: String, path: String) -> OpenRequest {
        let mut log = self.log();
        log.open += 1;
        let (at, open) = (Instant::now(), log.open);
        if log.requests.len() == REMEMBERED {
            log.requests.pop_front();
            log.first += 1;
        }
        let number = log.first + log.requests.len() as u64;
        log.requests.push_back(RecordedRequest { method, path, at, status: None, open });
        drop(log);
        OpenRequest { log: Arc::clone(self), number }
    }

    /// Returns the remembered requests, oldest first.
    pub(super) fn requests(&self) -> Vec<RecordedRequest> {
        self.log().requests.iter().cloned().collect()
    }

    /// Forgets all requests, except that the open ones stay open.
    pub(super) fn clear(&self) {
        let mut log = self.log();
        log.first += log.requests.len() as u64;
        log.requests.clear();
    }
}

impl OpenRequest {
    /// Returns the number of the request, counted from 0.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Records the status of its response, unless the request has been forgotten.
    pub(super) fn answered(&self, status: u16) {
        let mut log = self.log.log();
        let place =
            self.number.checked_sub(log.first).and_then(|place| usize::try_from(place).ok());
        if let Some(request) = place.and_then(|place| log.requests.get_mut(place)) {
            request.status = Some(status);
        }
    }
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        self.log.log().open -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_remembered_with_their_statuses() {
        let log = Arc::new(RequestLog::default());
        let begin = |number: usize| log.begin("GET".to_owned(), format!("/{number}"));
        let first = begin(0);
        for number in 1..=REMEMBERED {
            begin(number).answered(200);
        }
        // Forgotten meanwhile: no other request gets its status.
        first.answered(500);
        let requests = log.requests();
        assert_eq!(requests.len(), REMEMBERED);
        assert_eq!(requests[0].path, "/1");
        assert!(requests.iter().all(|request| (request.status, request.open) == (Some(200), 2)));
        log.clear();
        first.answered(500);
        drop(first);
        let last = begin(7);
        assert_eq!(last.number(), REMEMBERED as u64 + 1);
        last.answered(404);
        let requests = log.requests();
        assert_eq!((requests.len(), requests[0].status, requests[0].open), (1, Some(404), 1));
    }
}

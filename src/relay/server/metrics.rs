//! Owns the relay's counters in Prometheus format, without names, ids or addresses.
//!
//! `GET /metrics` needs no token: it contains only sums over all inboxes and readers. They still show
//! how busy the relay is; an operator who wants to hide that blocks the path at the proxy.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use jiff::Timestamp;

use super::reader_registry::ReaderRegistry;
use crate::relay::store::Log;

/// Statuses of answers to senders with a counter each; the others share one.
const STATUSES: [u16; 8] = [200, 400, 404, 405, 408, 413, 429, 503];

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    answers: [AtomicU64; STATUSES.len() + 1],
    broken: AtomicU64,
    verified: AtomicU64,
    unverified: AtomicU64,
    full: AtomicU64,
    sent: AtomicU64,
    acked: AtomicU64,
    gaps: AtomicU64,
    damaged: AtomicU64,
    subscriptions: AtomicU64,
    unauthorized: AtomicU64,
    closes: AtomicU64,
    old_urls: AtomicU64,
    /// When the certificate expires, in seconds since 1970; 0 if unknown.
    certificate: AtomicI64,
}

impl Metrics {
    pub(super) fn answered(&self, status: u16) {
        let at = STATUSES.iter().position(|known| *known == status).unwrap_or(STATUSES.len());
        self.answers[at].fetch_add(1, Relaxed);
    }

    pub(super) fn broken(&self) {
        self.broken.fetch_add(1, Relaxed);
    }

    pub(super) fn kept(&self, verified: bool) {
        let counter = if verified { &self.verified } else { &self.unverified };
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn full(&self) {
        self.full.fetch_add(1, Relaxed);
    }

    pub(super) fn sent(&self, deliveries: usize, gaps: usize) {
        self.sent.fetch_add(deliveries as u64, Relaxed);
        self.gaps.fetch_add(gaps as u64, Relaxed);
    }

    /// Counts deliveries that were announced as unreadable.
    pub(super) fn damaged(&self, count: u64) {
        self.damaged.fetch_add(count, Relaxed);
    }

    pub(super) fn acked(&self) {
        self.acked.fetch_add(1, Relaxed);
    }

    pub(super) fn subscribed(&self) {
        self.subscriptions.fetch_add(1, Relaxed);
    }

    pub(super) fn unauthorized(&self) {
        self.unauthorized.fetch_add(1, Relaxed);
    }

    /// Counts a post to an old publish URL.
    pub(super) fn by_old_url(&self) {
        self.old_urls.fetch_add(1, Relaxed);
    }

    pub(super) fn certificate(&self, expires: Option<Timestamp>) {
        self.certificate.store(expires.map_or(0, Timestamp::as_second), Relaxed);
    }

    pub(super) fn closed(&self) {
        self.closes.fetch_add(1, Relaxed);
    }

    /// Returns all metrics in the text format 0.0.4.
    pub(super) fn text(&self, log: &dyn Log, readers: &ReaderRegistry) -> String {
        let mut text = String::new();
        let out = &mut text;
        let _ = writeln!(out, "# TYPE dubwatch_relay_answers_total counter");
        for (at, count) in self.answers.iter().enumerate() {
            let status = STATUSES.get(at).map_or_else(|| "other".to_owned(), u16::to_string);
            let count = count.load(Relaxed);
            let _ = writeln!(out, "dubwatch_relay_answers_total{{status=\"{status}\"}} {count}");
        }
        let _ = writeln!(out, "# TYPE dubwatch_relay_kept_total counter");
        for (class, count) in [("verified", &self.verified), ("unverified", &self.unverified)] {
            let count = count.load(Relaxed);
            let _ = writeln!(out, "dubwatch_relay_kept_total{{class=\"{class}\"}} {count}");
        }
        for (name, count) in [
            ("broken_requests", &self.broken),
            ("refused_full", &self.full),
            ("deliveries_sent", &self.sent),
            ("gaps_sent", &self.gaps),
            ("damaged_sent", &self.damaged),
            ("acks", &self.acked),
            ("subscriptions", &self.subscriptions),
            ("tokens_refused", &self.unauthorized),
            ("closes", &self.closes),
            ("posts_to_old_urls", &self.old_urls),
        ] {
            let count = count.load(Relaxed);
            let _ = writeln!(
                out,
                "# TYPE dubwatch_relay_{name}_total counter\ndubwatch_relay_{name}_total {count}"
            );
        }
        let expires = self.certificate.load(Relaxed);
        if expires != 0 {
            let name = "dubwatch_relay_certificate_expires_timestamp_seconds";
            let _ = writeln!(out, "# TYPE {name} gauge\n{name} {expires}");
        }
        let inboxes = log.inboxes();
        let (count, bytes) = inboxes
            .iter()
            .map(|inbox| inbox.holds())
            .fold((0, 0), |(all_count, all_bytes), (count, bytes)| {
                (all_count + count, all_bytes + bytes)
            });
        for (name, value) in [
            ("inboxes", inboxes.len() as u64),
            ("deliveries_held", count),
            ("bytes_held", bytes),
            ("readers", readers.count() as u64),
            ("writing", u64::from(log.is_writing())),
            ("damaged", u64::from(log.is_damaged())),
        ] {
            let _ =
                writeln!(out, "# TYPE dubwatch_relay_{name} gauge\ndubwatch_relay_{name} {value}");
        }
        text
    }
}

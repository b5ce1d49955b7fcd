//! What is made of measurements: medians, and the lines on standard output; measures nothing.

use std::io::{self, Write as _};
use std::time::Duration;

use crate::CONNECTIONS;

/// How much went through in one round.
pub(crate) struct Flow {
    pub(crate) posts: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Deliveries a second at the reader while posts came.
    pub(crate) meanwhile: f64,
    /// The same, until the reader had all.
    pub(crate) all: f64,
    /// Processor time of a delivery, in µs.
    pub(crate) relay: f64,
    pub(crate) taker: Option<f64>,
}

pub(crate) fn report_flows(taken: &str, flows: &[Flow]) {
    let of = |what: fn(&Flow) -> f64| median(&flows.iter().map(what).collect::<Vec<_>>());
    let taker = if flows.iter().any(|flow| flow.taker.is_some()) {
        format!(", client {:.1} µs", of(|flow| flow.taker.unwrap_or_default()))
    } else {
        String::new()
    };
    say(&format!(
        "  throughput, {CONNECTIONS} connections, median of {} rounds: {:.0} posts/s answered 200 \
         (p50 {:.2} ms, p99 {:.2} ms); {:.0} deliveries/s {taken} meanwhile, {:.0}/s to the last; \
         CPU each: relay {:.1} µs{taker}",
        flows.len(),
        of(|flow| flow.posts),
        of(|flow| flow.p50),
        of(|flow| flow.p99),
        of(|flow| flow.meanwhile),
        of(|flow| flow.all),
        of(|flow| flow.relay),
    ));
}

pub(crate) fn median(values: &[f64]) -> f64 {
    share(values, 0.5)
}

/// The value under which a `share` of them lies.
pub(crate) fn share(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_unstable_by(f64::total_cmp);
    let place = (values.len() as f64 * share) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// A line on standard output; nothing happens when nobody listens there.
pub(crate) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

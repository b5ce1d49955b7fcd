//! Reads the `Retry-After` header: seconds, or a date (RFC 9110, section 10.2.3).

use std::time::Duration;

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;
use jiff::fmt::rfc2822;

/// The longest time that the service can ask for: a longer one is most likely a mistake.
pub(super) const MAX_WAIT: Duration = Duration::from_secs(60 * 60);

/// Returns how long the service asks to wait; `None` if it does not say so in a way that can be read.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that is too large for the type is over the bound as well.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(MAX_WAIT));
    }
    let until = rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    // A date in the past means now.
    let wait = Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO);
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        let now: Timestamp = "2026-11-28T12:00:00Z".parse().unwrap();
        let read = |text: &str| {
            let value = HeaderValue::from_str(text).unwrap();
            retry_after(&HeaderMap::from_iter([(RETRY_AFTER, value)]), now)
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        for (text, expected) in [
            ("0", seconds(0)),
            (" 30 ", seconds(30)),
            ("86400", seconds(3600)),
            ("99999999999999999999999", seconds(3600)),
            ("Sat, 28 Nov 2026 12:01:30 GMT", seconds(90)),
            ("Sat, 28 Nov 2026 11:00:00 GMT", seconds(0)),
            ("Sun, 28 Nov 2027 12:00:00 GMT", seconds(3600)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(read(text), expected, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }
}

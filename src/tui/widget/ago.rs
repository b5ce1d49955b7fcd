//! Times and durations in few columns.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Formats how long ago something was in at most three columns: `now`, `5m`, `3h`, `12d`, `99d`.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    short(now.duration_since(at))
}

/// Formats a duration in at most three columns; less than a minute is `now`.
pub fn short(span: SignedDuration) -> String {
    let minutes = span.as_mins().max(0);
    match minutes {
        0 => "now".to_owned(),
        1..60 => format!("{minutes}m"),
        60..2880 => format!("{}h", minutes / 60),
        _ => format!("{}d", (minutes / 1440).min(99)),
    }
}

/// Formats a running duration to the second: `48s`, `6m12`, `2h05`, `3d`.
pub fn running(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}", seconds / 60, seconds % 60),
        3600..172_800 => format!("{}h{:02}", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Formats a duration as people say it: `48s`, `4m`, `1h 5m`.
pub fn spoken(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    let minutes = (seconds + 30) / 60;
    match seconds {
        0..90 => format!("{seconds}s"),
        90..3570 => format!("{minutes}m"),
        3570..172_800 if minutes % 60 == 0 => format!("{}h", minutes / 60),
        3570..172_800 => format!("{}h {}m", minutes / 60, minutes % 60),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// Formats the time of day, to the minute.
pub fn minute(at: Timestamp, zone: &TimeZone) -> String {
    let time = at.to_zoned_datetime(zone.clone()).time();
    format!("{:02}:{:02}", time.hour(), time.minute())
}

/// Formats the time of day if it is today, or else how long ago it was.
pub fn today(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let day = |at: Timestamp| at.to_zoned_datetime(zone.clone()).date();
    if day(at) == day(now) { minute(at, zone) } else { ago(at, now) }
}

/// Formats the day: month and day of the month.
pub fn day(at: Timestamp, zone: &TimeZone) -> String {
    let date = at.to_zoned_datetime(zone.clone()).date();
    format!("{:02}-{:02}", date.month(), date.day())
}

/// Formats the time of day, to the second.
pub fn second(at: Timestamp, zone: &TimeZone) -> String {
    let time = at.to_zoned_datetime(zone.clone()).time();
    format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())
}

/// Formats the time of day, to the minute, with the date if it is not today.
pub fn moment(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, today) = (at.to_zoned_datetime(zone.clone()), now.to_zoned_datetime(zone.clone()));
    if then.date() == today.date() {
        minute(at, zone)
    } else {
        format!("{:02}-{:02} {}", then.month(), then.day(), minute(at, zone))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        let of = SignedDuration::from_secs;
        let all = |seconds| (short(of(seconds)), running(of(seconds)), spoken(of(seconds)));
        let expect = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(all(-5), expect("now", "0s", "0s"));
        assert_eq!(all(59), expect("now", "59s", "59s"));
        assert_eq!(all(372), expect("6m", "6m12", "6m"));
        assert_eq!(all(3599), expect("59m", "59m59", "1h"));
        assert_eq!(all(7500), expect("2h", "2h05", "2h 5m"));
        assert_eq!(all(172_800), expect("2d", "2d", "2d"));
        assert_eq!(short(SignedDuration::MAX), "99d");
    }

    #[test]
    fn times_on_another_day_have_a_date() {
        let now: Timestamp = "2026-11-24T00:10:00Z".parse().unwrap();
        let zone = TimeZone::UTC;
        assert_eq!(moment(now, now, &zone), "00:10");
        assert_eq!(moment("2026-11-23T23:59:30Z".parse().unwrap(), now, &zone), "11-23 23:59");
        assert_eq!(second(now, &zone), "00:10:00");
    }
}

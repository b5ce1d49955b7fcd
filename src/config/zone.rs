//! The time zone in which times are shown, and warnings about its choice.

use std::ffi::OsStr;

use jiff::tz::TimeZone;

use crate::text::{Printable, nearest};

/// A time zone, and a warning about it.
#[derive(Debug, Clone)]
pub struct LocalZone {
    /// The zone.
    pub zone: TimeZone,
    /// Why it is not the requested zone.
    pub caution: Option<String>,
}

/// When summer time begins and ends in a `TZ` that names one without a rule: by the rule of the
/// United States, as in the system's C library.
const DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

/// Returns the system's time zone, or that of `TZ`. It is UTC where `TZ` names none.
pub fn local_zone() -> LocalZone {
    if let Ok(zone) = TimeZone::try_system() {
        return LocalZone { zone, caution: None };
    }
    let named = std::env::var_os("TZ");
    if let Some(zone) = named.as_deref().and_then(OsStr::to_str).and_then(without_rule) {
        return LocalZone { zone, caution: None };
    }
    LocalZone {
        zone: TimeZone::unknown(),
        // Without `TZ`, the system has no zone, as in a container.
        caution: named.map(|named| {
            let known = jiff::tz::db().available();
            caution(&named, &known.map(|name| name.to_string()).collect::<Vec<_>>())
        }),
    }
}

/// Returns the zone of a `TZ` like `CET-1CEST`, which POSIX allows and leaves to the system.
fn without_rule(named: &str) -> Option<TimeZone> {
    let named = named.strip_prefix(':').unwrap_or(named);
    let named = named.strip_suffix(',').unwrap_or(named);
    TimeZone::posix(&format!("{named}{DEFAULT_RULE}")).ok()
}

fn caution(named: &OsStr, zones: &[String]) -> String {
    let named = named.to_string_lossy();
    let shown = Printable::new(&named).cut(60);
    // Names are compared ignoring case, as in the lookup itself.
    let lower: Vec<String> = zones.iter().map(|zone| zone.to_lowercase()).collect();
    let hint = nearest(&named, lower.iter().map(String::as_str))
        .and_then(|found| zones.iter().find(|zone| zone.to_lowercase() == found))
        .map(|zone| format!("; did you mean {zone}?"))
        .unwrap_or_default();
    format!("TZ={shown} names no time zone that is known here, so times are in UTC{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_with_summer_time_and_no_rule_has_the_rule_of_the_c_library() {
        let at = |zone: &str, time: &str| {
            let time: jiff::Timestamp = time.parse().unwrap();
            without_rule(zone).unwrap().to_offset(time).to_string()
        };
        for zone in ["CET-1CEST", "CET-1CEST,", ":CET-1CEST", "<CET>-1<+02>-2"] {
            assert_eq!(at(zone, "2026-03-08T00:59:59Z"), "+01", "{zone}");
            assert_eq!(at(zone, "2026-03-08T01:00:00Z"), "+02", "{zone}");
            assert_eq!(at(zone, "2026-10-31T23:59:59Z"), "+02", "{zone}");
            assert_eq!(at(zone, "2026-11-01T00:00:00Z"), "+01", "{zone}");
        }
        for none in ["Europe/Berln", "CET", "CET-1", "CET-1CEST,M3.5.0", "", ":", "C1D"] {
            assert!(without_rule(none).is_none(), "{none}");
        }
    }

    #[test]
    fn a_misspelt_zone_is_named_with_the_nearest() {
        let zones = ["America/Berlin_Heights", "Europe/Berlin", "UTC"].map(str::to_owned);
        let said = caution(OsStr::new("Europe/Berln"), &zones);
        assert_eq!(
            said,
            "TZ=Europe/Berln names no time zone that is known here, so times are in UTC; did you mean Europe/Berlin?"
        );
        let said = caution(OsStr::new("\u{1b}[2Jnowhere at all that anybody knows of"), &zones);
        assert!(said.starts_with("TZ=\\u{1b}[2Jnowhere"), "{said}");
        assert!(said.ends_with("so times are in UTC"), "{said}");
    }
}

//! The time zone in which times are shown, and what is wrong with how it was chosen.

use std::ffi::OsStr;

use jiff::tz::TimeZone;

use crate::text::{Printable, nearest};

/// A time zone, and what a person should know of it.
#[derive(Debug, Clone)]
pub struct LocalZone {
    /// The zone.
    pub zone: TimeZone,
    /// Why it is not the one that was asked for.
    pub caution: Option<String>,
}

/// Returns the system's time zone, or that of `TZ`. It is UTC where `TZ` names none.
pub fn local_zone() -> LocalZone {
    match TimeZone::try_system() {
        Ok(zone) => LocalZone { zone, caution: None },
        Err(_) => LocalZone {
            zone: TimeZone::unknown(),
            // Without it the system has said nothing of a zone, as in a container.
            caution: std::env::var_os("TZ").map(|named| {
                let known = jiff::tz::db().available();
                caution(&named, &known.map(|name| name.to_string()).collect::<Vec<_>>())
            }),
        },
    }
}

fn caution(named: &OsStr, zones: &[String]) -> String {
    let named = named.to_string_lossy();
    let shown = Printable::new(&named).cut(60);
    // Names are compared without regard to case, as by whoever looks them up.
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

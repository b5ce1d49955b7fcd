//! How much of a file there is, in words for a person.

use super::bytes_in_words;

/// Returns what there is of a file, the rate in bytes a second, and the time left.
pub fn transfer_words(have: u64, total: Option<u64>, rate: Option<u64>) -> String {
    let there = match total {
        Some(total) => {
            let percent = u128::from(have) * 100 / u128::from(total.max(1));
            format!("{percent} %, {} of {}", bytes_in_words(have), bytes_in_words(total))
        }
        None => bytes_in_words(have),
    };
    let Some(rate) = rate else { return there };
    let left = match total.map(|total| total.saturating_sub(have)) {
        None | Some(0) => String::new(),
        Some(left) => left
            .checked_div(rate)
            .map_or(", stalled".to_owned(), |seconds| format!(", {} left", clock_words(seconds))),
    };
    format!("{there}, {}/s{left}", bytes_in_words(rate))
}

/// Returns seconds as `m:ss` or `h:mm:ss`.
pub fn clock_words(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_say_what_is_there_and_what_is_left() {
        let mib = |count: u64| count << 20;
        for (have, total, rate, expected) in [
            (mib(3), Some(mib(12)), None, "25 %, 3.0 MiB of 12.0 MiB"),
            (
                mib(3),
                Some(mib(12)),
                Some(mib(2)),
                "25 %, 3.0 MiB of 12.0 MiB, 2.0 MiB/s, 0:04 left",
            ),
            (mib(3), Some(mib(12)), Some(0), "25 %, 3.0 MiB of 12.0 MiB, 0 bytes/s, stalled"),
            (mib(12), Some(mib(12)), Some(1536), "100 %, 12.0 MiB of 12.0 MiB, 1.5 KiB/s"),
            (500, None, Some(10), "500 bytes, 10 bytes/s"),
        ] {
            assert_eq!(transfer_words(have, total, rate), expected);
        }
        assert_eq!(clock_words(59), "0:59");
        assert_eq!(clock_words(3661), "1:01:01");
    }
}

//! What became of forwarding a delivery, in a word: the last attempt of each target, the worst first.

/// What became of forwarding a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForwardMark {
    /// The delivery.
    pub seq: u64,
    /// The status of the answer; `None` without one.
    pub status: Option<u16>,
    /// Whether every target accepted it.
    pub is_accepted: bool,
}

impl ForwardMark {
    /// Returns the mark of a delivery; `None` without an attempt. `attempts` are all that have ended,
    /// each target's in order: the target, the status, and whether it was accepted.
    pub fn of<T: PartialEq>(seq: u64, attempts: &[(T, Option<u16>, bool)]) -> Option<Self> {
        let is_last_of_target = |at: usize| {
            let (target, ..) = &attempts[at];
            !attempts[at + 1..].iter().any(|(later, ..)| later == target)
        };
        let last = (0..attempts.len()).filter(|at| is_last_of_target(*at));
        let (_, status, is_accepted) = &attempts[last.min_by_key(|at| attempts[*at].2)?];
        Some(Self { seq, status: *status, is_accepted: *is_accepted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_the_last_attempts_counts() {
        let mark = |attempts: &[(&str, u16)]| {
            let attempts: Vec<_> = attempts
                .iter()
                .map(|(target, status)| (*target, Some(*status), *status < 300))
                .collect();
            ForwardMark::of(7, &attempts).map(|mark| (mark.status, mark.is_accepted))
        };
        assert_eq!(mark(&[]), None);
        assert_eq!(mark(&[("a", 503)]), Some((Some(503), false)));
        assert_eq!(mark(&[("a", 503), ("a", 204)]), Some((Some(204), true)));
        assert_eq!(mark(&[("a", 503), ("a", 204), ("b", 404)]), Some((Some(404), false)));
        assert_eq!(mark(&[("a", 404), ("b", 200)]), Some((Some(404), false)));
    }
}

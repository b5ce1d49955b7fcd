//! What follows an attempt: the delivery is done, it is sent again after a while, or it waits until
//! the target is back.

use std::time::Duration;

/// The delay before the second attempt; it doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The longest delay between two attempts.
const LONGEST_DELAY: Duration = Duration::from_secs(30);
/// The delay before the first look whether a target is back; it doubles with each further one.
const FIRST_LOOK: Duration = Duration::from_millis(250);
/// The longest delay between two such looks: short, because a person has just started the app.
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// Number of attempts with a target that closes the connection without an answer. It may have been
/// stopped while it handled the delivery, or the delivery itself may end it, again and again.
const BROKEN_OFF: u32 = 5;

/// How far an attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// There was no connection: the target has not seen the delivery.
    None,
    /// The connection ended without an answer: the target may have seen the delivery.
    BrokenOff,
    /// There was no answer in time.
    Silent,
    /// No request could be made of it, which no further attempt changes.
    Unsendable,
    /// There was an answer with this status.
    Answered(u16),
}

/// How failures are handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Number of further attempts after a failure.
    pub retries: u32,
    /// Whether deliveries wait while the target is down.
    pub waits: bool,
}

/// What follows an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAttempt {
    /// The delivery is done.
    Done,
    /// It is sent again after this time.
    Again(Duration),
    /// It waits until the target is back.
    WaitForTarget,
}

impl RetryPolicy {
    /// Returns what follows attempt number `attempt` (from 1).
    pub fn after(self, contact: Contact, attempt: u32) -> AfterAttempt {
        let more = match contact {
            Contact::None if self.waits => return AfterAttempt::WaitForTarget,
            Contact::BrokenOff if self.waits => self.retries.max(BROKEN_OFF - 1),
            Contact::Answered(status) if !is_temporary(status) => 0,
            Contact::Unsendable => 0,
            _ => self.retries,
        };
        if attempt > more {
            return AfterAttempt::Done;
        }
        AfterAttempt::Again(doubled(FIRST_DELAY, attempt - 1, LONGEST_DELAY))
    }
}

/// Returns the delay before the next look whether a target is back, after this many looks.
pub fn look_delay(looks: u32) -> Duration {
    doubled(FIRST_LOOK, looks, LONGEST_LOOK)
}

/// Returns whether the same request may get another answer later.
const fn is_temporary(status: u16) -> bool {
    matches!(status, 408 | 429 | 500..=599)
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1_u32.checked_shl(times).unwrap_or(u32::MAX)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::AfterAttempt::{Again, Done, WaitForTarget};
    use super::*;

    #[test]
    fn without_retries_every_answer_is_the_last() {
        let policy = RetryPolicy { retries: 0, waits: true };
        for contact in [200, 302, 404, 500].map(Contact::Answered) {
            assert_eq!(policy.after(contact, 1), Done);
        }
        assert_eq!(policy.after(Contact::Silent, 1), Done);
        assert_eq!(policy.after(Contact::None, 1), WaitForTarget);
        assert_eq!(policy.after(Contact::None, 99), WaitForTarget);
    }

    #[test]
    fn retries_are_for_what_may_pass() {
        let policy = RetryPolicy { retries: 2, waits: false };
        for contact in
            [Contact::Answered(503), Contact::Answered(429), Contact::Silent, Contact::None]
        {
            assert_eq!(policy.after(contact, 1), Again(Duration::from_millis(500)));
            assert_eq!(policy.after(contact, 2), Again(Duration::from_secs(1)));
            assert_eq!(policy.after(contact, 3), Done);
        }
        for status in [200, 204, 301, 400, 401, 404] {
            assert_eq!(policy.after(Contact::Answered(status), 1), Done, "{status}");
        }
    }

    /// An app that is stopped while it handles a delivery gets it again; one that the delivery stops
    /// does not hold up its version for ever.
    #[test]
    fn a_connection_that_breaks_off_is_tried_a_few_times() {
        let after =
            |waits, attempt| RetryPolicy { retries: 0, waits }.after(Contact::BrokenOff, attempt);
        assert!((1..5).all(|attempt| matches!(after(true, attempt), Again(_))));
        assert_eq!(after(true, 5), Done);
        assert_eq!(after(false, 1), Done);
    }

    #[test]
    fn delays_are_bounded() {
        let policy = RetryPolicy { retries: 100, waits: false };
        assert_eq!(policy.after(Contact::Silent, 99), Again(LONGEST_DELAY));
        assert_eq!(look_delay(0), FIRST_LOOK);
        assert_eq!(look_delay(100), LONGEST_LOOK);
    }
}

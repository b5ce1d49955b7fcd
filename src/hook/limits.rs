//! The bounds of programs that are run.

use std::time::Duration;

/// How long a program may run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunLimits {
    /// In all.
    pub(super) run: Duration,
    /// Between SIGTERM and SIGKILL.
    pub(super) term: Duration,
    /// When dubwatch ends.
    pub(super) last: Duration,
}

/// The limits of every run but those of tests.
pub(super) const RUN_LIMITS: RunLimits = RunLimits {
    run: Duration::from_secs(60),
    term: Duration::from_secs(5),
    last: Duration::from_secs(5),
};

/// How long output is read after the program has ended: one that it left in the background may keep
/// its output open.
pub(super) const OUTPUT: Duration = Duration::from_millis(200);
/// Bytes of a program's output that are logged.
pub(super) const MAX_OUTPUT: usize = 64 << 10;
/// Bytes of a logged line.
pub(super) const MAX_LINE: usize = 1 << 10;
/// Bytes of a variable's value.
pub(super) const MAX_VALUE: usize = 1 << 10;
/// Happenings that one run is told of in full, the newest; all are counted.
pub(super) const MAX_EVENTS: usize = 256;
/// The same in bytes.
pub(super) const MAX_EVENT_BYTES: usize = 8 << 20;

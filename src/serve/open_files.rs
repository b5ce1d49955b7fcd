//! The process's limit of open files: raises it, and derives the number of connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The requested limit. A higher one has no use: connections are limited far below it.
const WANTED: u64 = 65_536;
/// The maximum on macOS, whatever the hard limit is (`OPEN_MAX`).
const MACOS_MOST: u64 = 10_240;
/// Files other than connections: journal, log, terminal, runtime, outgoing connections.
const RESERVED: u64 = 128;

/// Raises the soft limit of open files to the hard one, at most 65,536. Never lowers it. Returns
/// the resulting limit, which is the old one if the system refuses.
pub fn raise_open_files() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    for wanted in [WANTED, MACOS_MOST] {
        let wanted = maximum.map_or(wanted, |hard| hard.min(wanted));
        if current.is_none_or(|soft| soft >= wanted)
            || setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).is_ok()
        {
            break;
        }
    }
    limit()
}

/// Returns the number of connections that the limit of open files allows.
pub(super) fn connections() -> usize {
    usize::try_from(limit().saturating_sub(RESERVED)).unwrap_or(usize::MAX)
}

fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raising_reaches_the_hard_limit_or_what_is_wanted() {
        let before = limit();
        let hard = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let raised = raise_open_files();
        assert!(raised >= before);
        if cfg!(target_os = "linux") {
            assert!(raised >= hard.min(WANTED), "{raised} of {hard}");
        }
        assert_eq!(raise_open_files(), raised);
    }
}

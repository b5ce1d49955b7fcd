//! The journal's reading side: a hint that there is more to read, never the rows themselves.

use tokio::sync::watch;

/// How far the journal goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Marks {
    /// The `seq` of the newest delivery; 0 when there is none.
    pub head: u64,
    /// The number of the newest change in the log of refusals.
    pub refusals: u64,
    /// Deliveries that were ever deleted. It goes up with every asset that goes.
    pub pruned: u64,
    /// The number of the newest gap in what a relay passed on.
    pub gaps: u64,
}

impl Marks {
    /// Whether there is something in `newest` that is not in these.
    pub const fn is_behind(self, newest: Self) -> bool {
        self.head < newest.head
            || self.refusals < newest.refusals
            || self.gaps < newest.gaps
            || self.pruned != newest.pruned
    }

    /// How many deliveries the journal holds.
    pub const fn held(self) -> u64 {
        self.head.saturating_sub(self.pruned)
    }
}

/// Tells how far the journal goes. However slow its holder is, it costs the writer nothing, and
/// the holder loses nothing: it reads on from the last row it saw.
#[derive(Debug, Clone)]
pub struct Feed(watch::Receiver<Marks>);

impl Feed {
    pub(super) const fn new(marks: watch::Receiver<Marks>) -> Self {
        Self(marks)
    }

    /// How far the journal goes now.
    pub fn marks(&mut self) -> Marks {
        *self.0.borrow_and_update()
    }

    /// Waits until the journal goes further than at the last [`Feed::marks`]; `None` once it is
    /// closed, when nothing more will come.
    pub async fn further(&mut self) -> Option<Marks> {
        self.0.changed().await.ok()?;
        Some(self.marks())
    }
}

//! Owns the registry of connected readers. A new connection with the same name replaces the old
//! one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::relay::protocol::ReaderName;
use crate::relay::store::{InboxId, LogFuture};

/// The connected readers. Bounded by its two limits.
pub(super) struct ReaderRegistry {
    each: usize,
    all: usize,
    registered: Mutex<Registered>,
}

#[derive(Default)]
struct Registered {
    count: usize,
    inboxes: HashMap<InboxId, InboxReaders>,
    next: u64,
}

#[derive(Default)]
struct InboxReaders {
    count: usize,
    names: HashMap<ReaderName, (u64, CancellationToken)>,
}

/// Number of a connection: later ones are higher.
#[derive(Debug)]
pub(super) struct ConnNumber(u64);

/// Which limit is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitReached {
    Inbox,
    Relay,
}

/// The registration of one connection; removed when dropped.
pub(super) struct Registration<'a> {
    registry: &'a ReaderRegistry,
    inbox: InboxId,
    /// Number of the connection; newer connections have higher numbers.
    number: u64,
    name: Option<ReaderName>,
}

impl ReaderRegistry {
    pub(super) fn new(each: usize, all: usize) -> Self {
        Self { each, all, registered: Mutex::default() }
    }

    /// Returns the number of a new connection. Must be called before its upgrade is answered, so
    /// that a reader that reconnects after the answer gets a higher number.
    pub(super) fn number(&self) -> ConnNumber {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.next += 1;
        ConnNumber(registered.next)
    }

    /// Registers a connection.
    pub(super) fn enter(
        &self,
        inbox: InboxId,
        ConnNumber(number): ConnNumber,
    ) -> Result<Registration<'_>, LimitReached> {
        let mut registered = self.registered.lock().unwrap_or_else(PoisonError::into_inner);
        if registered.count >= self.all {
            return Err(LimitReached::Relay);
        }
        let entry = registered.inboxes.entry(inbox).or_default();
        if entry.count >= self.each {
            return Err(LimitReached::Inbox);
        }
        entry.count += 1;
        registered.count += 1;
        Ok(Registration { registry: self, inbox, number, name: None })
    }

    /// Returns the number of connected readers.
    pub(super) fn count(&self) -> usize {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

impl Registration<'_> {
    /// Takes a reader name and cancels the token of the older connection that had it. Returns a
    /// token that is cancelled when a newer connection takes the name. It is cancelled at once if a
    /// newer one has the name already: a late hello on a dead line must not replace a live
    /// connection.
    pub(super) fn take(&mut self, name: &ReaderName) -> CancellationToken {
        let superseded = CancellationToken::new();
        let mut registered =
            self.registry.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = registered.inboxes.entry(self.inbox).or_default();
        if inbox.names.get(name).is_some_and(|(holder, _)| *holder > self.number) {
            superseded.cancel();
            return superseded;
        }
        let taken = (self.number, superseded.clone());
        if let Some((_, older)) = inbox.names.insert(name.clone(), taken) {
            older.cancel();
        }
        self.name = Some(name.clone());
        superseded
    }

    /// Polls `answer` once if this connection still has its name. The registry is locked meanwhile,
    /// so the first poll queues its write before any write of a successor. Returns the rest of the
    /// answer;
    /// `None` if a newer connection has the name, or this one has no name.
    pub(super) fn begin<'a, T: Send + 'a>(
        &self,
        mut answer: LogFuture<'a, T>,
    ) -> Option<LogFuture<'a, T>> {
        let registered = self.registry.registered.lock().unwrap_or_else(PoisonError::into_inner);
        let names = &registered.inboxes.get(&self.inbox)?.names;
        let (holder, _) = names.get(self.name.as_ref()?)?;
        if *holder != self.number {
            return None;
        }
        let at_once = (&mut answer).now_or_never();
        drop(registered);
        Some(match at_once {
            Some(value) => Box::pin(std::future::ready(value)),
            None => answer,
        })
    }
}

impl Drop for Registration<'_> {
    fn drop(&mut self) {
        let mut registered =
            self.registry.registered.lock().unwrap_or_else(PoisonError::into_inner);
        registered.count = registered.count.saturating_sub(1);
        let Some(inbox) = registered.inboxes.get_mut(&self.inbox) else { return };
        inbox.count = inbox.count.saturating_sub(1);
        if let Some(name) = self.name.take()
            && inbox.names.get(&name).is_some_and(|(holder, _)| *holder == self.number)
        {
            inbox.names.remove(&name);
        }
        if inbox.count == 0 {
            registered.inboxes.remove(&self.inbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    #[test]
    fn the_newer_takes_over_and_places_are_bounded_and_given_back() {
        let registry = ReaderRegistry::new(2, 3);
        let name: ReaderName = "a".parse().unwrap();
        let mut one = registry.enter(1, registry.number()).unwrap();
        let first = one.take(&name);
        let mut two = registry.enter(1, registry.number()).unwrap();
        assert!(!first.is_cancelled());
        let second = two.take(&name);
        assert!(first.is_cancelled() && !second.is_cancelled());
        assert_eq!(registry.enter(1, registry.number()).err(), Some(LimitReached::Inbox));
        let other = registry.enter(2, registry.number()).unwrap();
        assert_eq!(registry.enter(3, registry.number()).err(), Some(LimitReached::Relay));
        // The older one ends: the newer one keeps the name.
        drop(one);
        let mut three = registry.enter(1, registry.number()).unwrap();
        three.take(&name);
        assert!(second.is_cancelled());
        // The older one sends its hello only now.
        let late = two.take(&name);
        assert!(late.is_cancelled());
        drop((two, three, other));
        assert_eq!(registry.count(), 0);
        assert!(registry.registered.lock().unwrap().inboxes.is_empty());
    }

    #[test]
    fn what_a_reader_has_to_say_is_queued_before_its_successor_comes_or_never() {
        let registry = ReaderRegistry::new(2, 3);
        let name: ReaderName = "a".parse().unwrap();
        let mut one = registry.enter(1, registry.number()).unwrap();
        let queue = Mutex::new(Vec::new());
        // Queues itself at the first poll, as the log's answers do, and is ready at the second.
        let ack = |number| -> LogFuture<'_, u64> {
            let registry = &registry;
            let queue = &queue;
            let mut polled = false;
            Box::pin(std::future::poll_fn(move |_| {
                if polled {
                    return Poll::Ready(Ok(number));
                }
                polled = true;
                assert!(registry.registered.try_lock().is_err(), "a successor could come now");
                queue.lock().unwrap().push(number);
                Poll::Pending
            }))
        };
        assert!(one.begin(ack(1)).is_none(), "it has no name");
        one.take(&name);
        let answer = one.begin(ack(2)).unwrap();
        assert_eq!(answer.now_or_never(), Some(Ok(2)));
        let at_once: LogFuture<'_, u64> = Box::pin(std::future::ready(Ok(3)));
        assert_eq!(one.begin(at_once).unwrap().now_or_never(), Some(Ok(3)));
        registry.enter(1, registry.number()).unwrap().take(&name);
        assert!(one.begin(ack(4)).is_none());
        let mut two = registry.enter(1, registry.number()).unwrap();
        two.take(&name);
        assert!(one.begin(ack(5)).is_none());
        assert_eq!(*queue.lock().unwrap(), [2]);
    }

    /// Two tasks finish the upgrades of two connections, in any order.
    #[test]
    fn the_connection_that_came_first_supersedes_nobody_when_it_registers_last() {
        let registry = ReaderRegistry::new(9, 9);
        let name: ReaderName = "a".parse().unwrap();
        let (first, second) = (registry.number(), registry.number());
        let mut newer = registry.enter(1, second).unwrap();
        let taken = newer.take(&name);
        let mut older = registry.enter(1, first).unwrap();
        assert!(older.take(&name).is_cancelled());
        assert!(!taken.is_cancelled());
    }
}

//! Who reads what now; a newer connection of a name takes over from the older. Speaks to no socket.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;

use crate::relay::protocol::ReaderName;
use crate::relay::store::{Answer, InboxId};

/// The connections that read. Bounded by its two limits.
pub(super) struct Presence {
    each: usize,
    all: usize,
    here: Mutex<Here>,
}

#[derive(Default)]
struct Here {
    count: usize,
    inboxes: HashMap<InboxId, Inbox>,
    next: u64,
}

#[derive(Default)]
struct Inbox {
    count: usize,
    names: HashMap<ReaderName, (u64, CancellationToken)>,
}

/// Why a connection has no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crowded {
    Inbox,
    Relay,
}

/// A connection's place; given back when dropped.
pub(super) struct Seat<'a> {
    presence: &'a Presence,
    inbox: InboxId,
    /// Which connection it is: the later it came, the higher.
    number: u64,
    name: Option<ReaderName>,
}

impl Presence {
    pub(super) fn new(each: usize, all: usize) -> Self {
        Self { each, all, here: Mutex::default() }
    }

    /// Takes a place.
    pub(super) fn enter(&self, inbox: InboxId) -> Result<Seat<'_>, Crowded> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if here.count >= self.all {
            return Err(Crowded::Relay);
        }
        let entry = here.inboxes.entry(inbox).or_default();
        if entry.count >= self.each {
            return Err(Crowded::Inbox);
        }
        entry.count += 1;
        here.count += 1;
        here.next += 1;
        Ok(Seat { presence: self, inbox, number: here.next, name: None })
    }

    /// Connections that read now.
    pub(super) fn count(&self) -> usize {
        self.here.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

impl Seat<'_> {
    /// Takes a name. The token that comes back is cancelled when a newer connection takes it; whoever
    /// had it is told that way. Where a newer one has it already, it is cancelled from the beginning:
    /// a name that was long on its way on a dead line must not take a live one's place.
    pub(super) fn take(&mut self, name: &ReaderName) -> CancellationToken {
        let superseded = CancellationToken::new();
        let mut here = self.presence.here.lock().unwrap_or_else(PoisonError::into_inner);
        let inbox = here.inboxes.entry(self.inbox).or_default();
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

    /// Polls `answer` once if this connection has its name still. Nobody takes the name meanwhile: what
    /// the first poll queues is queued before anything that a successor brings. Gives what is to come
    /// of it; `None` where a newer connection has the name, or there is none.
    pub(super) fn begin<'a, T: Send + 'a>(
        &self,
        mut answer: Answer<'a, T>,
    ) -> Option<Answer<'a, T>> {
        let here = self.presence.here.lock().unwrap_or_else(PoisonError::into_inner);
        let names = &here.inboxes.get(&self.inbox)?.names;
        let (holder, _) = names.get(self.name.as_ref()?)?;
        if *holder != self.number {
            return None;
        }
        let at_once = (&mut answer).now_or_never();
        drop(here);
        Some(match at_once {
            Some(value) => Box::pin(std::future::ready(value)),
            None => answer,
        })
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut here = self.presence.here.lock().unwrap_or_else(PoisonError::into_inner);
        here.count = here.count.saturating_sub(1);
        let Some(inbox) = here.inboxes.get_mut(&self.inbox) else { return };
        inbox.count = inbox.count.saturating_sub(1);
        if let Some(name) = self.name.take()
            && inbox.names.get(&name).is_some_and(|(holder, _)| *holder == self.number)
        {
            inbox.names.remove(&name);
        }
        if inbox.count == 0 {
            here.inboxes.remove(&self.inbox);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    #[test]
    fn the_newer_takes_over_and_places_are_bounded_and_given_back() {
        let presence = Presence::new(2, 3);
        let name: ReaderName = "a".parse().unwrap();
        let mut one = presence.enter(1).unwrap();
        let first = one.take(&name);
        let mut two = presence.enter(1).unwrap();
        assert!(!first.is_cancelled());
        let second = two.take(&name);
        assert!(first.is_cancelled() && !second.is_cancelled());
        assert_eq!(presence.enter(1).err(), Some(Crowded::Inbox));
        let other = presence.enter(2).unwrap();
        assert_eq!(presence.enter(3).err(), Some(Crowded::Relay));
        // The older goes: the name stays with the newer.
        drop(one);
        let mut three = presence.enter(1).unwrap();
        three.take(&name);
        assert!(second.is_cancelled());
        // The older one says its name only now.
        let late = two.take(&name);
        assert!(late.is_cancelled());
        drop((two, three, other));
        assert_eq!(presence.count(), 0);
        assert!(presence.here.lock().unwrap().inboxes.is_empty());
    }

    #[test]
    fn what_a_reader_has_to_say_is_queued_before_its_successor_comes_or_never() {
        let presence = Presence::new(2, 3);
        let name: ReaderName = "a".parse().unwrap();
        let mut one = presence.enter(1).unwrap();
        let queue = Mutex::new(Vec::new());
        // Queues itself at its first poll, as the log's answers do, and has its answer at the second.
        let ack = |number| -> Answer<'_, u64> {
            let presence = &presence;
            let queue = &queue;
            let mut polled = false;
            Box::pin(std::future::poll_fn(move |_| {
                if polled {
                    return Poll::Ready(Ok(number));
                }
                polled = true;
                assert!(presence.here.try_lock().is_err(), "a successor could come now");
                queue.lock().unwrap().push(number);
                Poll::Pending
            }))
        };
        assert!(one.begin(ack(1)).is_none(), "it has no name");
        one.take(&name);
        let answer = one.begin(ack(2)).unwrap();
        assert_eq!(answer.now_or_never(), Some(Ok(2)));
        let at_once: Answer<'_, u64> = Box::pin(std::future::ready(Ok(3)));
        assert_eq!(one.begin(at_once).unwrap().now_or_never(), Some(Ok(3)));
        presence.enter(1).unwrap().take(&name);
        assert!(one.begin(ack(4)).is_none());
        let mut two = presence.enter(1).unwrap();
        two.take(&name);
        assert!(one.begin(ack(5)).is_none());
        assert_eq!(*queue.lock().unwrap(), [2]);
    }
}

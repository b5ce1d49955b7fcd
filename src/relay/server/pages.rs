//! The next page for a reader: waits for its turn, and for memory where a delivery is long; makes no
//! frames and writes nothing.
//!
//! A reader that takes nothing holds what was read for it, until it is given up after 30 s: one page
//! that is being written and one behind it. A page of the usual size takes no more than
//! [`PAGE_BYTES`], which is every connection's own, so that nobody waits for anybody. A delivery that
//! is longer needs a share of memory that all readers have together, and waits for it in turn: whoever
//! has a share takes what it is for, or is given up and gives it back.
//!
//! An inbox has no more than a part of that memory, whatever its readers do: where some of them take
//! nothing, its own long deliveries wait, and no other inbox's.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::relay::protocol::message_limit;
use crate::relay::store::{Answer, InboxId, Item, LogError};

/// Items of a page at most.
pub(super) const PAGE_ITEMS: usize = 256;
/// Bytes of a page, heads and bodies, that is no single long delivery.
const PAGE_BYTES: usize = 128 << 10;
/// What all long deliveries may take together, in bytes; more only where one alone needs it.
const LONG: usize = 128 << 20;
/// The part of it that one inbox' readers may take: one of this many, or what one delivery needs.
const INBOXES: usize = 16;
/// How long a page may take to be read, its turn not counted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Memory for the long deliveries of one relay.
pub(super) struct Memory {
    long: Arc<Semaphore>,
    /// What one takes at most, in bytes.
    each: u32,
    /// Each inbox' part of it, for as long as any of it is taken or waited for.
    parts: Mutex<HashMap<InboxId, Weak<Semaphore>>>,
}

/// What was taken of an inbox' part and of all there is; given back when dropped.
pub(super) type Share = Option<[OwnedSemaphorePermit; 2]>;

/// What was read for one reader.
pub(super) struct Page {
    pub(super) items: Vec<Item>,
    pub(super) share: Share,
}

impl Memory {
    /// For deliveries whose bodies have at most `max_body` bytes.
    pub(super) fn new(max_body: usize) -> Self {
        let each = u32::try_from(message_limit(max_body)).unwrap_or(u32::MAX);
        let long = LONG.max(each as usize).min(Semaphore::MAX_PERMITS);
        Self { long: Arc::new(Semaphore::new(long)), each, parts: Mutex::default() }
    }

    /// An inbox' part. It outlives the readers whose shares are not given back yet, so that nobody
    /// gets another by coming again.
    fn part(&self, inbox: InboxId) -> Arc<Semaphore> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get(&inbox).and_then(Weak::upgrade) {
            return part;
        }
        // So there are never more than readers at a long delivery, and this one.
        parts.retain(|_, part| part.strong_count() > 0);
        let bytes = (LONG / INBOXES).max(self.each as usize).min(Semaphore::MAX_PERMITS);
        let part = Arc::new(Semaphore::new(bytes));
        parts.insert(inbox, Arc::downgrade(&part));
        part
    }

    /// Reads at most `items` of an inbox with `read`, which takes how many items and bytes it may
    /// give, and gives nothing where the first has more.
    pub(super) async fn page<'a>(
        &self,
        inbox: InboxId,
        items: usize,
        read: impl Fn(usize, usize) -> Answer<'a, Vec<Item>>,
    ) -> Result<Page, LogError> {
        let usual = within(PATIENCE, read(items, PAGE_BYTES)).await?;
        if !usual.is_empty() {
            return Ok(Page { items: usual, share: None });
        }
        // Its inbox' part first: whoever waits for that holds nothing that others wait for.
        let part = self.take(self.part(inbox)).await?;
        let mut share = [part, self.take(Arc::clone(&self.long)).await?];
        let items = within(PATIENCE, read(1, usize::MAX)).await?;
        // A share for the longest was taken before anybody knew how long it is.
        let needed = items.first().map_or(0, size);
        for taken in &mut share {
            drop(taken.split(taken.num_permits().saturating_sub(needed)));
        }
        Ok(Page { items, share: Some(share) })
    }

    /// Waits for enough for the longest.
    async fn take(&self, memory: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, LogError> {
        let share = memory.acquire_many_owned(self.each).await;
        share.map_err(|error| LogError::Read(error.to_string().into()))
    }
}

/// About what an item takes as a message, in bytes.
fn size(item: &Item) -> usize {
    match item {
        Item::Delivery(delivery) => message_limit(delivery.body.len()),
        Item::Gap(_) => 0,
    }
}

/// An answer of the log that comes in time, or an error.
pub(super) async fn within<T>(limit: Duration, answer: Answer<'_, T>) -> Result<T, LogError> {
    let late = |_| LogError::Read(format!("no answer within {limit:?}").into());
    timeout(limit, answer).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Headers;
    use crate::relay::protocol::{Cursor, Delivery, Epoch};
    use futures_util::FutureExt as _;
    use jiff::Timestamp;

    const MAX_BODY: usize = 1 << 20;

    fn delivery(body: usize) -> Item {
        Item::Delivery(Box::new(Delivery {
            cursor: Cursor { epoch: Epoch(1), seq: 1 },
            head: 1,
            received_at: Timestamp::UNIX_EPOCH,
            method: "POST".to_owned(),
            tail: String::new(),
            query: None,
            headers: Headers::default(),
            peer: String::new(),
            body: vec![b'x'; body],
        }))
    }

    /// A page of an inbox whose next delivery has so many bytes; `None` where it has to wait.
    fn page(memory: &Memory, inbox: InboxId, body: usize) -> Option<Page> {
        let read = |_, bytes| -> Answer<'static, Vec<Item>> {
            let items = if body > bytes { Vec::new() } else { vec![delivery(body)] };
            Box::pin(std::future::ready(Ok(items)))
        };
        // Not one of tokio's turns: a test takes more in one than those allow.
        let page = tokio::task::unconstrained(memory.page(inbox, PAGE_ITEMS, read));
        page.now_or_never().and_then(Result::ok)
    }

    /// All pages that an inbox' readers get while they take nothing.
    fn stalled(memory: &Memory, inbox: InboxId) -> Vec<Page> {
        std::iter::from_fn(|| page(memory, inbox, MAX_BODY)).collect()
    }

    #[tokio::test]
    async fn an_inbox_that_takes_nothing_holds_up_no_other() {
        let memory = Memory::new(MAX_BODY);
        let one = stalled(&memory, 1);
        assert_eq!(one.len(), LONG / INBOXES / message_limit(MAX_BODY));
        assert!(page(&memory, 1, PAGE_BYTES).is_some());
        // It takes many of them together.
        let others: Vec<_> = (2..16).map(|inbox| stalled(&memory, inbox)).collect();
        assert!(others.iter().all(|pages| pages.len() == one.len()));
        assert!(page(&memory, 99, MAX_BODY).is_some());
        // Who comes again while the first pages are still held gets no more.
        assert!(stalled(&memory, 1).is_empty());
        drop(one);
        assert!(page(&memory, 1, MAX_BODY).is_some());
        drop(others);
        assert!(page(&memory, 100, MAX_BODY).is_some());
        assert_eq!(memory.parts.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn long_deliveries_wait_for_each_other_and_nobody_else_does() {
        let memory = Memory::new(MAX_BODY);
        let mut held: Vec<_> = (0..32).flat_map(|inbox| stalled(&memory, inbox)).collect();
        assert_eq!(held.len(), LONG / message_limit(MAX_BODY));
        let usual = page(&memory, 99, PAGE_BYTES).unwrap();
        assert!(usual.share.is_none() && usual.items.len() == 1);
        assert!(page(&memory, 99, MAX_BODY).is_none());
        held.pop();
        assert!(page(&memory, 99, MAX_BODY).is_some());
    }

    #[tokio::test]
    async fn a_share_is_as_large_as_what_it_is_for() {
        let memory = Memory::new(MAX_BODY);
        let page = page(&memory, 1, 200 << 10).unwrap();
        let taken = LONG - memory.long.available_permits();
        assert_eq!(taken, message_limit(200 << 10));
        assert_eq!(LONG / INBOXES - memory.part(1).available_permits(), taken);
        drop(page);
        assert_eq!(memory.long.available_permits(), LONG);
        // Where even one has more than that, one at a time.
        let memory = Memory::new(2 * LONG);
        let held = super::tests::page(&memory, 1, 2 * LONG).unwrap();
        assert!(super::tests::page(&memory, 2, 2 * LONG).is_none());
        drop(held);
        assert!(super::tests::page(&memory, 2, 2 * LONG).is_some());
    }
}

//! Owns the reading of pages for readers, and the memory budget of long deliveries.
//!
//! A reader that accepts no data holds two pages until it is disconnected after 30 s: the one that
//! is being written and the next. A page of the usual size has at most [`PAGE_BYTES`], which is
//! reserved for every connection, so no reader waits for another. A longer delivery needs a permit
//! of a budget that all readers share, and waits for it in order. Every permit is returned: when
//! its page is sent, or when its reader is disconnected.
//!
//! Each inbox may use only a part of that budget: if its readers accept no data, only its own long
//! deliveries wait.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::relay::protocol::message_limit;
use crate::relay::store::{InboxId, Item, LogError, LogFuture};

/// Maximum number of items in a page.
pub(super) const PAGE_ITEMS: usize = 256;
/// Maximum size of a page, heads and bodies, in bytes, unless it is a single long delivery.
const PAGE_BYTES: usize = 128 << 10;
/// Budget of all long deliveries, in bytes; more only if a single one needs it.
const LONG: usize = 128 << 20;
/// The budget of one inbox is [`LONG`] divided by this, or the size of one delivery.
const INBOXES: usize = 16;
/// Time limit for reading a page, without the wait for its permit.
const PATIENCE: Duration = Duration::from_secs(30);

/// The memory budget for the long deliveries of one relay.
pub(super) struct ReadBudget {
    long: Arc<Semaphore>,
    /// Maximum size of one delivery, in bytes.
    each: u32,
    /// The part of each inbox, while any of it is in use or waited for.
    parts: Mutex<HashMap<InboxId, Weak<Semaphore>>>,
}

/// Memory from an inbox's part and from the whole budget; returned when dropped.
pub(super) type ReadPermit = Option<[OwnedSemaphorePermit; 2]>;

/// A page that was read for one reader.
pub(super) struct LoadedPage {
    pub(super) items: Vec<Item>,
    pub(super) permit: ReadPermit,
}

impl ReadBudget {
    /// Creates the budget for bodies of at most `max_body` bytes.
    pub(super) fn new(max_body: usize) -> Self {
        let each = u32::try_from(message_limit(max_body)).unwrap_or(u32::MAX);
        let long = LONG.max(each as usize).min(Semaphore::MAX_PERMITS);
        Self { long: Arc::new(Semaphore::new(long)), each, parts: Mutex::default() }
    }

    /// Returns the part of an inbox. It outlives its readers while a permit is held, so that a new
    /// connection does not get a second part.
    fn part(&self, inbox: InboxId) -> Arc<Semaphore> {
        let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(part) = parts.get(&inbox).and_then(Weak::upgrade) {
            return part;
        }
        // So the number of parts is bounded by the readers of long deliveries, plus this one.
        parts.retain(|_, part| part.strong_count() > 0);
        let bytes = (LONG / INBOXES).max(self.each as usize).min(Semaphore::MAX_PERMITS);
        let part = Arc::new(Semaphore::new(bytes));
        parts.insert(inbox, Arc::downgrade(&part));
        part
    }

    /// Reads at most `items` of an inbox with `read`. `read` gets the maximum number of items and
    /// bytes, and returns no items if the first is larger.
    pub(super) async fn page<'a>(
        &self,
        inbox: InboxId,
        items: usize,
        read: impl Fn(usize, usize) -> LogFuture<'a, Vec<Item>>,
    ) -> Result<LoadedPage, LogError> {
        let usual = within(PATIENCE, read(items, PAGE_BYTES)).await?;
        if !usual.is_empty() {
            return Ok(LoadedPage { items: usual, permit: None });
        }
        // The inbox's part first, so that a reader that waits for it holds no memory of the whole
        // budget.
        let part = self.take(self.part(inbox)).await?;
        let mut permit = [part, self.take(Arc::clone(&self.long)).await?];
        let items = within(PATIENCE, read(1, usize::MAX)).await?;
        // The permit was for the longest possible delivery.
        let needed = items.first().map_or(0, size);
        for taken in &mut permit {
            drop(taken.split(taken.num_permits().saturating_sub(needed)));
        }
        Ok(LoadedPage { items, permit: Some(permit) })
    }

    /// Waits for a permit for the longest possible delivery.
    async fn take(&self, memory: Arc<Semaphore>) -> Result<OwnedSemaphorePermit, LogError> {
        let permit = memory.acquire_many_owned(self.each).await;
        permit.map_err(|error| LogError::Read(error.to_string().into()))
    }
}

/// Returns the approximate size of an item as a message, in bytes.
fn size(item: &Item) -> usize {
    match item {
        Item::Delivery(delivery) => message_limit(delivery.body.len()),
        Item::Gap(_) => 0,
    }
}

/// Returns the answer of the log, or an error if it takes too long.
pub(super) async fn within<T>(limit: Duration, answer: LogFuture<'_, T>) -> Result<T, LogError> {
    let late = |_| LogError::Read(format!("no answer within {limit:?}").into());
    timeout(limit, answer).await.map_err(late)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callback::Headers;
    use crate::relay::protocol::{Cursor, DeliveryFrame, Epoch};
    use futures_util::FutureExt as _;
    use jiff::Timestamp;

    const MAX_BODY: usize = 1 << 20;

    fn delivery(body: usize) -> Item {
        Item::Delivery(Box::new(DeliveryFrame {
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

    /// Returns a page of an inbox whose next delivery has this size; `None` if it has to wait.
    fn page(budget: &ReadBudget, inbox: InboxId, body: usize) -> Option<LoadedPage> {
        let read = |_, bytes| -> LogFuture<'static, Vec<Item>> {
            let items = if body > bytes { Vec::new() } else { vec![delivery(body)] };
            Box::pin(std::future::ready(Ok(items)))
        };
        // Outside of tokio's cooperative budget, which the test would exceed.
        let page = tokio::task::unconstrained(budget.page(inbox, PAGE_ITEMS, read));
        page.now_or_never().and_then(Result::ok)
    }

    /// Returns all pages that an inbox's readers get while they accept no data.
    fn stalled(budget: &ReadBudget, inbox: InboxId) -> Vec<LoadedPage> {
        std::iter::from_fn(|| page(budget, inbox, MAX_BODY)).collect()
    }

    #[tokio::test]
    async fn an_inbox_that_takes_nothing_holds_up_no_other() {
        let budget = ReadBudget::new(MAX_BODY);
        let one = stalled(&budget, 1);
        assert_eq!(one.len(), LONG / INBOXES / message_limit(MAX_BODY));
        assert!(page(&budget, 1, PAGE_BYTES).is_some());
        // Only many of them together use it up.
        let others: Vec<_> = (2..16).map(|inbox| stalled(&budget, inbox)).collect();
        assert!(others.iter().all(|pages| pages.len() == one.len()));
        assert!(page(&budget, 99, MAX_BODY).is_some());
        // A reader that reconnects while the first pages are still held gets no more.
        assert!(stalled(&budget, 1).is_empty());
        drop(one);
        assert!(page(&budget, 1, MAX_BODY).is_some());
        drop(others);
        assert!(page(&budget, 100, MAX_BODY).is_some());
        assert_eq!(budget.parts.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn long_deliveries_wait_for_each_other_and_nobody_else_does() {
        let budget = ReadBudget::new(MAX_BODY);
        let mut held: Vec<_> = (0..32).flat_map(|inbox| stalled(&budget, inbox)).collect();
        assert_eq!(held.len(), LONG / message_limit(MAX_BODY));
        let usual = page(&budget, 99, PAGE_BYTES).unwrap();
        assert!(usual.permit.is_none() && usual.items.len() == 1);
        assert!(page(&budget, 99, MAX_BODY).is_none());
        held.pop();
        assert!(page(&budget, 99, MAX_BODY).is_some());
    }

    #[tokio::test]
    async fn a_share_is_as_large_as_what_it_is_for() {
        let budget = ReadBudget::new(MAX_BODY);
        let page = page(&budget, 1, 200 << 10).unwrap();
        let taken = LONG - budget.long.available_permits();
        assert_eq!(taken, message_limit(200 << 10));
        assert_eq!(LONG / INBOXES - budget.part(1).available_permits(), taken);
        drop(page);
        assert_eq!(budget.long.available_permits(), LONG);
        // If even one delivery exceeds the part, one at a time.
        let budget = ReadBudget::new(2 * LONG);
        let held = super::tests::page(&budget, 1, 2 * LONG).unwrap();
        assert!(super::tests::page(&budget, 2, 2 * LONG).is_none());
        drop(held);
        assert!(super::tests::page(&budget, 2, 2 * LONG).is_some());
    }
}

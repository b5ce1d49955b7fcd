//! Owns the registry of open inboxes, in memory: their keys, their state, their size.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;
use rusqlite::{Connection, Row};
use tokio::sync::watch;

use super::schema::unsigned;
use super::secret::{self, Hash, Issued};
use crate::relay::protocol::InboxIdentity;

/// Number of an inbox in this store.
pub type InboxId = i64;

/// The state of an inbox that its readers watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxState {
    /// The newest `seq`.
    pub head: u64,
    /// Incremented when the token is replaced; `None` once the inbox is closed permanently.
    pub token: Option<u64>,
    /// Incremented when an operator forgets a reader. Every named reader then checks with
    /// [`super::Log::touch`] whether it is the one.
    pub forgotten: u64,
}

/// An open inbox.
#[derive(Debug)]
pub struct Inbox {
    /// Its number in this store.
    pub id: InboxId,
    /// Its identity for readers.
    pub identity: InboxIdentity,
    /// The operator's name for it.
    pub name: String,
    keys: RwLock<Keys>,
    state: watch::Sender<InboxState>,
    /// Currently stored: deliveries, bytes.
    pub(super) count: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Time of the last warning that an old publish URL is used, in seconds since 1970.
    warned_at: AtomicI64,
}

#[derive(Debug, Clone)]
struct Keys {
    publish_id: String,
    token_key: String,
    token_hash: Hash,
}

impl Inbox {
    /// Returns the id in its publish URL.
    pub fn publish_id(&self) -> String {
        self.keys().publish_id
    }

    /// Returns whether this is its current publish id, not an older one that is still accepted.
    pub fn is_published_as(&self, publish_id: &str) -> bool {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).publish_id == publish_id
    }

    /// Returns whether to warn again that an old publish URL is used: at most once an hour.
    pub fn may_warn_of_old_url(&self) -> bool {
        let (now, last) = (Timestamp::now().as_second(), self.warned_at.load(Relaxed));
        let is_due = now - last >= 3600;
        is_due && self.warned_at.compare_exchange(last, now, Relaxed, Relaxed).is_ok()
    }

    /// Returns a channel with its current state.
    pub fn state(&self) -> watch::Receiver<InboxState> {
        self.state.subscribe()
    }

    /// Returns the number of stored deliveries and their bytes.
    pub fn holds(&self) -> (u64, u64) {
        (self.count.load(Relaxed), self.bytes.load(Relaxed))
    }

    pub(super) fn tell(&self, change: impl FnOnce(&mut InboxState)) {
        self.state.send_if_modified(|state| {
            let before = *state;
            change(state);
            *state != before
        });
    }

    fn keys(&self) -> Keys {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// All open inboxes. Bounded by [`super::Caps::inboxes`].
#[derive(Debug, Default)]
pub(super) struct Registry {
    maps: RwLock<Maps>,
    /// Deliveries refused outside of the log since the writer last read the count. They bypass the
    /// writer's queue, which is full when most of them occur.
    refused: Mutex<HashMap<InboxId, u64>>,
}

#[derive(Debug, Default)]
struct Maps {
    ids: HashMap<InboxId, Arc<Inbox>>,
    publish_ids: HashMap<String, Published>,
    token_keys: HashMap<String, Arc<Inbox>>,
}

/// An inbox by one of its publish ids.
#[derive(Debug)]
struct Published {
    inbox: Arc<Inbox>,
    /// Until when the id is valid, if it was replaced.
    until: Option<Timestamp>,
}

impl Published {
    fn is_open(&self) -> bool {
        self.until.is_none_or(|until| Timestamp::now() < until)
    }
}

impl Registry {
    /// Reads the open inboxes from the store.
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let registry = Self::default();
        let mut statement = connection.prepare(
            "SELECT id, name, publish_id, token_key, token_hash, head, count, bytes, identity, refused
             FROM inbox WHERE revoked_at IS NULL",
        )?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let inbox = inbox(row)?;
            // Refusals that the previous run did not announce. They stay in the file until they are
            // counted.
            let refused = unsigned(row.get("refused")?);
            if refused > 0 {
                registry.refuse(inbox.id, refused);
            }
            registry.insert(inbox);
        }
        let mut statement =
            connection.prepare("SELECT publish_id, inbox, until FROM old_publish_id")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let until = Timestamp::from_microsecond(row.get(2)?).unwrap_or(Timestamp::MIN);
            let mut maps = registry.maps.write().unwrap_or_else(PoisonError::into_inner);
            // A closed inbox is not in the registry.
            if let Some(inbox) = maps.ids.get(&row.get(1)?).cloned() {
                maps.publish_ids.insert(row.get(0)?, Published { inbox, until: Some(until) });
            }
        }
        Ok(registry)
    }

    pub(super) fn add(&self, id: InboxId, issued: &Issued) {
        let keys = Keys {
            publish_id: issued.publish_id.clone(),
            token_key: issued.token.key().to_owned(),
            token_hash: issued.token.hash(),
        };
        self.insert(new(id, issued.identity, issued.name.clone(), keys, 0, (0, 0)));
    }

    fn insert(&self, inbox: Inbox) {
        let inbox = Arc::new(inbox);
        let Keys { publish_id, token_key, .. } = inbox.keys();
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        maps.ids.insert(inbox.id, Arc::clone(&inbox));
        let published = Published { inbox: Arc::clone(&inbox), until: None };
        maps.publish_ids.insert(publish_id, published);
        maps.token_keys.insert(token_key, inbox);
    }

    /// Replaces the keys of an inbox and notifies the readers of the old token. The old publish id
    /// is accepted until `old_until`, if that is given.
    pub(super) fn rekey(
        &self,
        id: InboxId,
        publish_id: &str,
        token: &super::IssuedToken,
        old_until: Option<Timestamp>,
    ) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        let Some(inbox) = maps.ids.get(&id).cloned() else { return };
        let old = inbox.keys();
        if old.publish_id != publish_id {
            maps.publish_ids.retain(|_, published| published.is_open());
            match maps.publish_ids.get_mut(&old.publish_id) {
                Some(published) if old_until.is_some() => published.until = old_until,
                _ => drop(maps.publish_ids.remove(&old.publish_id)),
            }
        }
        maps.token_keys.remove(&old.token_key);
        let keys = Keys {
            publish_id: publish_id.to_owned(),
            token_key: token.key().to_owned(),
            token_hash: token.hash(),
        };
        let published = Published { inbox: Arc::clone(&inbox), until: None };
        maps.publish_ids.insert(keys.publish_id.clone(), published);
        maps.token_keys.insert(keys.token_key.clone(), Arc::clone(&inbox));
        *inbox.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        inbox.tell(|state| state.token = state.token.map(|number| number + 1));
    }

    /// Removes an inbox and notifies its readers.
    pub(super) fn remove(&self, id: InboxId) {
        let mut maps = self.maps.write().unwrap_or_else(PoisonError::into_inner);
        let Some(inbox) = maps.ids.remove(&id) else { return };
        let keys = inbox.keys();
        maps.publish_ids.retain(|_, published| published.inbox.id != id);
        maps.token_keys.remove(&keys.token_key);
        inbox.tell(|state| state.token = None);
    }

    /// Counts deliveries to an inbox that were refused.
    pub(super) fn refuse(&self, inbox: InboxId, count: u64) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        *refused.entry(inbox).or_default() += count;
    }

    /// Takes the refusals that were counted since the last call.
    pub(super) fn take_refused(&self) -> HashMap<InboxId, u64> {
        std::mem::take(&mut *self.refused.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn by_id(&self, id: InboxId) -> Option<Arc<Inbox>> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner).ids.get(&id).cloned()
    }

    pub(super) fn by_publish_id(&self, publish_id: &str) -> Option<Arc<Inbox>> {
        let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
        let published = maps.publish_ids.get(publish_id).filter(|published| published.is_open());
        published.map(|published| Arc::clone(&published.inbox))
    }

    /// Finds an inbox by the public part of the token, then compares hashes: always exactly one
    /// pair.
    pub(super) fn by_token(&self, token: &str) -> Option<Arc<Inbox>> {
        let key = secret::key_of(token).unwrap_or_default();
        let found = {
            let maps = self.maps.read().unwrap_or_else(PoisonError::into_inner);
            maps.token_keys.get(key).cloned()
        };
        let kept = found.as_ref().map_or(Hash::NONE, |inbox| inbox.keys().token_hash);
        let equal = kept.equals(&Hash::of(token));
        found.filter(|_| equal)
    }

    /// Finds an inbox by a linear search: for operators, not for requests.
    pub(super) fn by_name(&self, name: &str) -> Option<Arc<Inbox>> {
        self.all().into_iter().find(|inbox| inbox.name == name)
    }

    pub(super) fn all(&self) -> Vec<Arc<Inbox>> {
        self.maps.read().unwrap_or_else(PoisonError::into_inner).ids.values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        self.maps.read().unwrap_or_else(PoisonError::into_inner).ids.len()
    }
}

fn inbox(row: &Row<'_>) -> rusqlite::Result<Inbox> {
    let keys =
        Keys { publish_id: row.get(2)?, token_key: row.get(3)?, token_hash: Hash(row.get(4)?) };
    let holds = (unsigned(row.get(6)?), unsigned(row.get(7)?));
    let identity = InboxIdentity(u128::from_be_bytes(row.get(8)?));
    Ok(new(row.get(0)?, identity, row.get(1)?, keys, unsigned(row.get(5)?), holds))
}

fn new(
    id: InboxId,
    identity: InboxIdentity,
    name: String,
    keys: Keys,
    head: u64,
    holds: (u64, u64),
) -> Inbox {
    let state = InboxState { head, token: Some(0), forgotten: 0 };
    Inbox {
        id,
        identity,
        name,
        keys: RwLock::new(keys),
        state: watch::Sender::new(state),
        count: AtomicU64::new(holds.0),
        bytes: AtomicU64::new(holds.1),
        warned_at: AtomicI64::new(0),
    }
}

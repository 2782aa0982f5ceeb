//! Documents that were made before, and their compressed bodies, by object, plan and the marks of what they
//! were made of.
//!
//! An own LRU of some lines: its bound holds at every moment, also as compressed bodies are added to what is
//! kept already, and it needs no upkeep in the background, which moka's weights and write buffers do not offer.
//! There is no time-to-live: whoever takes something out compares marks that were looked up a moment ago.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasher, BuildHasherDefault},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use bytes::Bytes;
use rustc_hash::FxHasher;

use crate::{document::Document, mark::Mark, metric::Metric};

/// Compressed forms of a body that are kept beside it.
const FORMS: usize = 2;
/// Locks are divided as long as each part has room for many documents.
const SHARD_BYTES_MIN: usize = 8 << 20;
const SHARDS_MAX: usize = 16;
/// What the maps and the allocator need for one entry, about.
const ENTRY_BYTES: usize = 512;

/// Whose document, of which plan.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// The number of a prepared plan; never given twice.
    pub(crate) plan: u64,
    pub(crate) id: Arc<str>,
}

/// A form in which a body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Content-Encoding: zstd`
    Zstd,
    /// `Content-Encoding: gzip`
    Gzip,
}

/// What was made, and of what.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) key: Key,
    /// By source of the plan; none: it is to be made again.
    pub(crate) sources: Vec<Option<Mark>>,
    /// The state in which the object was seen to exist; none: it was not looked for.
    pub(crate) record: Option<Mark>,
    pub(crate) document: Document,
    forms: [OnceLock<Option<Bytes>>; FORMS],
}

impl Kept {
    pub(crate) fn new(
        key: Key,
        sources: Vec<Option<Mark>>,
        record: Option<Mark>,
        document: Document,
    ) -> Kept {
        Kept {
            key,
            sources,
            record,
            document,
            forms: Default::default(),
        }
    }

    fn bytes(&self) -> usize {
        let forms = self.forms.iter().filter_map(|form| form.get()?.as_ref());
        ENTRY_BYTES + self.document.bytes() + forms.map(Bytes::len).sum::<usize>()
    }
}

/// Bounded by bytes; the least recently used go first.
pub(crate) struct Cache {
    shards: Box<[Mutex<Shard>]>,
    shard_bytes_max: usize,
    metric: Arc<Metric>,
}

#[derive(Default)]
struct Shard {
    slots: HashMap<Key, Slot, BuildHasherDefault<FxHasher>>,
    /// The plans that are kept of an object.
    objects: HashMap<Arc<str>, Vec<u64>, BuildHasherDefault<FxHasher>>,
    /// The keys by the turn of their last use.
    order: BTreeMap<u64, Key>,
    turn: u64,
    bytes: usize,
}

struct Slot {
    kept: Arc<Kept>,
    turn: u64,
    bytes: usize,
}

impl Cache {
    pub(crate) fn new(bytes_max: usize, metric: Arc<Metric>) -> Cache {
        let shards = (bytes_max / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        Cache {
            shards: (0..shards).map(|_| Mutex::default()).collect(),
            shard_bytes_max: bytes_max / shards,
            metric,
        }
    }

    pub(crate) fn get(&self, key: &Key) -> Option<Arc<Kept>> {
        let mut shard = self.shard(&key.id);
        shard.turn += 1;
        let turn = shard.turn;
        let slot = shard.slots.get_mut(key)?;
        let (before, kept) = (std::mem::replace(&mut slot.turn, turn), slot.kept.clone());
        if let Some(key) = shard.order.remove(&before) {
            shard.order.insert(turn, key);
        }
        Some(kept)
    }

    /// Keeps it instead of what was there. What is too large for the bound is not kept.
    pub(crate) fn put(&self, kept: &Arc<Kept>) {
        let bytes = kept.bytes();
        let mut shard = self.shard(&kept.key.id);
        self.remove(&mut shard, &kept.key);
        if bytes > self.shard_bytes_max {
            return;
        }
        shard.turn += 1;
        let turn = shard.turn;
        shard.bytes += bytes;
        self.metric.cache_bytes.add(bytes);
        self.metric.cache_entries.add(1);
        shard.order.insert(turn, kept.key.clone());
        let slot = Slot {
            kept: kept.clone(),
            turn,
            bytes,
        };
        shard.slots.insert(kept.key.clone(), slot);
        let plans = shard.objects.entry(kept.key.id.clone()).or_default();
        plans.push(kept.key.plan);
        self.shrink(&mut shard);
    }

    /// Drops all that is kept of an object, since somebody says that it has changed; how much that was.
    pub(crate) fn evict(&self, id: &str) -> usize {
        let mut shard = self.shard(id);
        let Some((id, plans)) = shard.objects.remove_entry(id) else {
            return 0;
        };
        for plan in &plans {
            let id = Arc::clone(&id);
            self.remove(&mut shard, &Key { plan: *plan, id });
        }
        self.metric.cache_notified.add(plans.len() as u64);
        plans.len()
    }

    /// A compressed form of the body, made by the first who asks; none where it cannot be made.
    pub(crate) fn form(
        &self,
        kept: &Arc<Kept>,
        form: Form,
        make: impl FnOnce(&Bytes) -> Option<Bytes>,
    ) -> Option<Bytes> {
        let cell = &kept.forms[match form {
            Form::Zstd => 0,
            Form::Gzip => 1,
        }];
        if let Some(made) = cell.get() {
            return made.clone();
        }
        let made = cell.get_or_init(|| make(kept.document.body())).clone();
        let mut shard = self.shard(&kept.key.id);
        // It may have been replaced or dropped meanwhile; then the form goes with whoever holds it.
        if let Some(slot) = shard.slots.get_mut(&kept.key)
            && Arc::ptr_eq(&slot.kept, kept)
        {
            let bytes = kept.bytes();
            let more = bytes.saturating_sub(slot.bytes);
            slot.bytes += more;
            shard.bytes += more;
            self.metric.cache_bytes.add(more);
            self.shrink(&mut shard);
        }
        made
    }

    /// All of an object is in one.
    fn shard(&self, id: &str) -> MutexGuard<'_, Shard> {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one(id);
        // The maps use the low bits.
        let at = (hash >> 32) as usize % self.shards.len();
        self.shards[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove(&self, shard: &mut Shard, key: &Key) {
        if let Some(slot) = shard.slots.remove(key) {
            shard.order.remove(&slot.turn);
            if let Some(plans) = shard.objects.get_mut(&key.id) {
                plans.retain(|plan| *plan != key.plan);
                if plans.is_empty() {
                    shard.objects.remove(&key.id);
                }
            }
            shard.bytes -= slot.bytes;
            self.metric.cache_bytes.subtract(slot.bytes);
            self.metric.cache_entries.subtract(1);
        }
    }

    fn shrink(&self, shard: &mut Shard) {
        while shard.bytes > self.shard_bytes_max {
            let Some((_, key)) = shard.order.pop_first() else {
                return;
            };
            self.remove(shard, &key);
            self.metric.cache_evicted.add(1);
        }
    }
}

#[cfg(test)]
mod tests;

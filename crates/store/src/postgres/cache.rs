//! Short-lived copies of rows that change seldom: pool rules and access keys.
//!
//! Another node's change is seen within [`TTL`]; this node's own at once, even when a read was
//! under way while it was made.

use std::{
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const TTL: Duration = Duration::from_secs(1);
const ENTRIES_MAX: u64 = 100_000;

pub(super) struct Cache<K, V> {
    entries: moka::sync::Cache<K, Arc<V>>,
    changes: AtomicU64,
}

/// The state of the cache before a read began.
#[derive(Clone, Copy)]
pub(super) struct Mark(u64);

impl<K, V> Cache<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Send + Sync + 'static,
{
    pub(super) fn new() -> Self {
        Self {
            entries: moka::sync::Cache::builder()
                .max_capacity(ENTRIES_MAX)
                .time_to_live(TTL)
                .build(),
            changes: AtomicU64::new(0),
        }
    }

    pub(super) fn get(&self, key: &K) -> Option<Arc<V>> {
        self.entries.get(key)
    }

    /// To be taken before the row is read.
    pub(super) fn mark(&self) -> Mark {
        Mark(self.changes.load(Ordering::SeqCst))
    }

    /// Keeps a row that was read since `mark`, unless this node changed something meanwhile.
    pub(super) fn keep(&self, mark: Mark, key: K, value: V) -> Arc<V> {
        let value = Arc::new(value);
        self.entries.insert(key.clone(), Arc::clone(&value));
        if self.changes.load(Ordering::SeqCst) != mark.0 {
            self.entries.invalidate(&key);
        }
        value
    }

    /// To be called after this node changed the row.
    pub(super) fn forget(&self, key: &K) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.entries.invalidate(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_a_change_overtook_is_not_kept() {
        let cache = Cache::new();
        let mark = cache.mark();
        cache.forget(&1);
        assert_eq!(*cache.keep(mark, 1, "old"), "old");
        assert!(cache.get(&1).is_none());
        cache.keep(cache.mark(), 1, "new");
        assert_eq!(cache.get(&1).as_deref(), Some(&"new"));
    }
}

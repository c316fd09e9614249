//! A map in memory that is bounded in age and in size.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A map whose entries expire. If it is full of entries that have not expired, all of them are dropped.
#[derive(Debug)]
pub struct TtlCache<K, V> {
    most: usize,
    entries: Mutex<HashMap<K, Entry<V>>>,
}

#[derive(Debug)]
struct Entry<V> {
    since: Instant,
    keep_for: Duration,
    value: V,
}

impl<V> Entry<V> {
    fn is_young(&self) -> bool {
        self.since.elapsed() < self.keep_for
    }
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// A map of at most this many entries.
    pub fn new(most: usize) -> Self {
        Self { most, entries: Mutex::default() }
    }

    /// The value, if there is one that has not expired.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.get(key).filter(|entry| entry.is_young()).map(|entry| entry.value.clone())
    }

    /// Keeps a value for this long.
    pub fn put(&self, key: K, value: V, keep_for: Duration) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.most {
            entries.retain(|_, entry| entry.is_young());
        }
        if entries.len() >= self.most {
            entries.clear();
        }
        entries.insert(key, Entry { since: Instant::now(), keep_for, value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn what_is_too_old_is_forgotten() {
        let kept = TtlCache::new(2);
        kept.put("old", 1, Duration::ZERO);
        kept.put("young", 2, LONG);
        assert_eq!((kept.get("old"), kept.get("young")), (None, Some(2)));
    }

    #[test]
    fn the_old_make_room_before_the_young_do() {
        let kept = TtlCache::new(2);
        kept.put("old", 1, Duration::ZERO);
        kept.put("young", 2, LONG);
        kept.put("new", 3, LONG);
        assert_eq!((kept.get("young"), kept.get("new")), (Some(2), Some(3)));
        kept.put("newer", 4, LONG);
        assert_eq!((kept.get("young"), kept.get("newer")), (None, Some(4)), "never more than two");
    }
}

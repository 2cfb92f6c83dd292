//! Places that many takers share: however many one of them asks for, the others
//! find some.
//!
//! A taker may hold as many places as are free at that moment, and at least one.
//! So one alone gets half of them, two a third each, and a newcomer always finds
//! room, without anybody's share being set (Choudhury and Hahne, "Dynamic Queue
//! Length Thresholds", 1998).
//!
//! Not here: who waits for a place. Nobody does.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The places.
pub struct Shares<K: Hash + Eq + Clone>(Arc<Inner<K>>);

struct Inner<K> {
    places: usize,
    taken: Mutex<Taken<K>>,
}

struct Taken<K> {
    all: usize,
    by_taker: HashMap<K, usize>,
}

/// Why there was no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// Every place is taken.
    Everywhere,
    /// The taker holds its share.
    ForThisTaker,
}

/// A place, given back when it is dropped.
pub struct Place<K: Hash + Eq + Clone> {
    inner: Arc<Inner<K>>,
    taker: K,
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// So many places, all free.
    #[must_use]
    pub fn new(places: usize) -> Self {
        Self(Arc::new(Inner {
            places,
            taken: Mutex::new(Taken {
                all: 0,
                by_taker: HashMap::new(),
            }),
        }))
    }

    /// Takes a place.
    ///
    /// # Errors
    /// [`Full`].
    pub fn take(&self, taker: K) -> Result<Place<K>, Full> {
        let mut taken = self.0.taken();
        let free = self.0.places.saturating_sub(taken.all);
        if free == 0 {
            return Err(Full::Everywhere);
        }
        let held = taken.by_taker.get(&taker).copied().unwrap_or_default();
        if held >= free {
            return Err(Full::ForThisTaker);
        }
        taken.all += 1;
        taken.by_taker.insert(taker.clone(), held + 1);
        Ok(Place {
            inner: self.0.clone(),
            taker,
        })
    }
}

impl<K: Hash + Eq + Clone> Clone for Shares<K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K> Inner<K> {
    fn taken(&self) -> MutexGuard<'_, Taken<K>> {
        // Every change below is whole before anything could panic.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.inner.taken();
        taken.all = taken.all.saturating_sub(1);
        // Takers without a place are forgotten, or the table would grow forever.
        if let Some(held) = taken.by_taker.get_mut(&self.taker) {
            *held -= 1;
            if *held == 0 {
                taken.by_taker.remove(&self.taker);
            }
        }
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Shares<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares")
            .field("places", &self.0.places)
            .finish_non_exhaustive()
    }
}

impl<K: Hash + Eq + Clone> fmt::Debug for Place<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Place")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(shares: &Shares<char>, taker: char) -> Vec<Place<char>> {
        std::iter::from_fn(|| shares.take(taker).ok()).collect()
    }

    #[test]
    fn who_asks_for_everything_leaves_half_to_others() {
        let shares = Shares::new(100);
        let first = take_all(&shares, 'f');
        assert_eq!(first.len(), 50);
        assert_eq!(shares.take('f').err(), Some(Full::ForThisTaker));
        assert_eq!(take_all(&shares, 'q').len(), 25);
    }

    #[test]
    fn greedy_takers_end_up_with_the_same_share() {
        let shares = Shares::new(90);
        let mut first = take_all(&shares, 'f');
        let mut second = take_all(&shares, 's');
        // Work goes on: places come back and are asked for by both.
        for _ in 0..1_000 {
            first.pop();
            second.extend(shares.take('s'));
            first.extend(shares.take('f'));
        }
        let each = [first.len(), second.len()];
        assert!(each.iter().all(|held| (29..=31).contains(held)), "{each:?}");
    }

    #[test]
    fn a_place_given_back_can_be_taken_again() {
        let shares = Shares::new(1);
        let place = shares.take('f').expect("one is free");
        assert_eq!(shares.take('q').err(), Some(Full::Everywhere));
        drop(place);
        assert!(shares.take('q').is_ok());
        assert!(shares.0.taken().by_taker.is_empty());
    }

    #[test]
    fn without_places_nobody_gets_one() {
        assert_eq!(Shares::new(0).take('f').err(), Some(Full::Everywhere));
    }
}

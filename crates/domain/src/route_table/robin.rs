//! A hash table of record numbers, in one piece: what an entry is known by and where it leads lie
//! side by side, so that most look-ups wait for memory once.
//!
//! Linear probing, the entries in the order of their home places (Celis, Larson and Munro, "Robin
//! Hood hashing", 1985): a look for what is not there ends as soon as it passes where it would be.
//! What follows an entry that is taken out moves back, so nothing is left in its place.

use super::slots::RecordNo;

/// Stands in a place that holds nothing; no record has this number.
const VACANT: RecordNo = RecordNo::MAX;
const PLACES_MIN: usize = 8;
/// A table is at most so full, in eighths.
const FULL_EIGHTHS: usize = 7;

#[derive(Clone, Copy)]
struct Entry {
    /// The part of the hash that entries are placed and known by.
    key: u32,
    record: RecordNo,
}

/// The table.
pub(super) struct Robin {
    /// None, or a power of two of them.
    places: Vec<Entry>,
    taken: usize,
}

/// Where an entry is, or where it would be put.
enum Found {
    At(usize),
    Absent(usize),
}

impl Robin {
    /// Nothing yet, and no memory.
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            taken: 0,
        }
    }

    /// The record under `key` that `is_it` accepts.
    pub(super) fn find(&self, key: u32, is_it: impl Fn(RecordNo) -> bool) -> Option<RecordNo> {
        match self.look(key, is_it) {
            Found::At(place) => self.places.get(place).map(|entry| entry.record),
            Found::Absent(_) => None,
        }
    }

    /// Puts `record` in the place of the one under `key` that `is_it` accepts, which is returned,
    /// or else adds it.
    pub(super) fn put(
        &mut self,
        key: u32,
        record: RecordNo,
        is_it: impl Fn(RecordNo) -> bool,
    ) -> Option<RecordNo> {
        let mut found = self.look(key, is_it);
        if let Found::At(place) = found {
            let entry = self.places.get_mut(place)?;
            return Some(std::mem::replace(&mut entry.record, record));
        }
        if (self.taken + 1) * 8 > self.places.len() * FULL_EIGHTHS {
            self.grow();
            found = self.look(key, |_| false);
        }
        if let Found::Absent(place) = found {
            self.insert(place, Entry { key, record });
        }
        None
    }

    /// Takes the entry out that leads from `key` to `record`.
    pub(super) fn remove(&mut self, key: u32, record: RecordNo) {
        let Found::At(mut place) = self.look(key, |other| other == record) else {
            return;
        };
        self.taken -= 1;
        loop {
            let next = (place + 1) & self.mask();
            let follower = self.places.get(next).copied();
            // Who is at home stays there.
            let follower =
                follower.filter(|it| it.record != VACANT && self.distance(it.key, next) > 0);
            let Some(hole) = self.places.get_mut(place) else {
                return;
            };
            let Some(follower) = follower else {
                hole.record = VACANT;
                return;
            };
            *hole = follower;
            place = next;
        }
    }

    fn mask(&self) -> usize {
        self.places.len().wrapping_sub(1)
    }

    /// How far behind its home an entry of this key is at a place.
    fn distance(&self, key: u32, place: usize) -> usize {
        place.wrapping_sub(key as usize) & self.mask()
    }

    fn look(&self, key: u32, is_it: impl Fn(RecordNo) -> bool) -> Found {
        let mask = self.mask();
        let mut place = key as usize & mask;
        let mut distance = 0;
        while let Some(entry) = self.places.get(place) {
            if entry.record == VACANT || self.distance(entry.key, place) < distance {
                return Found::Absent(place);
            }
            if entry.key == key && is_it(entry.record) {
                return Found::At(place);
            }
            place = (place + 1) & mask;
            distance += 1;
        }
        Found::Absent(place)
    }

    /// Puts an entry where [`Robin::look`] said that it belongs; who was there moves on.
    fn insert(&mut self, mut place: usize, mut moving: Entry) {
        let mask = self.mask();
        self.taken += 1;
        while let Some(resident) = self.places.get_mut(place) {
            std::mem::swap(resident, &mut moving);
            if moving.record == VACANT {
                return;
            }
            place = (place + 1) & mask;
        }
    }

    fn grow(&mut self) {
        let length = (self.places.len() * 2).max(PLACES_MIN);
        let vacant = Entry {
            key: 0,
            record: VACANT,
        };
        let former = std::mem::replace(&mut self.places, vec![vacant; length]);
        self.taken = 0;
        for entry in former.into_iter().filter(|entry| entry.record != VACANT) {
            if let Found::Absent(place) = self.look(entry.key, |_| false) {
                self.insert(place, entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::draws::Draws;

    #[test]
    fn it_is_a_map_whatever_happens_to_it() {
        let mut draws = Draws::from_seed(7);
        // Few homes and few keys: long runs, equal keys, and runs that go round the end.
        for homes in [3, 50, 5_000] {
            let mut table = Robin::new();
            let mut model: BTreeMap<(u32, u32), RecordNo> = BTreeMap::new();
            let mut names = vec![];
            for step in 0..20_000u32 {
                // The name of an entry; two of one key are told apart by the caller.
                let key = (draws.below(homes) as u32).wrapping_sub(2);
                let name = (key, draws.below(3) as u32);
                names.push(name);
                let is_it = |record: RecordNo| names.get(record as usize) == Some(&name);
                assert_eq!(table.find(key, is_it), model.get(&name).copied());
                if draws.below(5) < 3 {
                    assert_eq!(table.put(key, step, is_it), model.insert(name, step));
                } else if let Some(record) = model.remove(&name) {
                    table.remove(key, record);
                }
                assert_eq!(table.taken, model.len());
                assert!(table.taken * 8 <= table.places.len() * FULL_EIGHTHS);
            }
            for (name, record) in model {
                let is_it = |other: RecordNo| names.get(other as usize) == Some(&name);
                assert_eq!(table.find(name.0, is_it), Some(record));
                table.remove(name.0, record);
            }
            assert!(table.places.iter().all(|entry| entry.record == VACANT));
        }
    }

    #[test]
    fn what_is_not_there_is_not_taken_out() {
        let mut table = Robin::new();
        table.remove(1, 1);
        assert_eq!(table.put(1, 1, |_| true), None);
        table.remove(1, 2);
        table.remove(2, 1);
        assert_eq!(table.find(1, |_| true), Some(1));
        assert_eq!(table.find(2, |_| true), None);
    }
}

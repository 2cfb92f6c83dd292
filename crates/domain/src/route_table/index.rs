//! Which binding an (X, selector) or a pair leads to: hash tables of numbers.
//!
//! Each is cut into shards that grow one by one, so that no growth stops the writer for long or
//! holds the whole table twice.

use hashbrown::{HashTable, hash_table::Entry};

use crate::{
    hash::{mix, words},
    party::PartyKey,
    phone::PhoneNumber,
    route::{Route, Selector},
};

use super::{
    robin::Robin,
    slots::{RecordNo, Slots},
};

const SHARD_BITS: u32 = 6;
const SHARDS: usize = 1 << SHARD_BITS;

/// Half of a hash, enough to find an entry's new place without a look at its binding.
#[derive(Clone, Copy)]
struct Half(u32);

impl Half {
    const fn of(hash: u64) -> Self {
        Self(hash as u32)
    }

    /// The table takes places from the low bits and marks from the high ones.
    const fn spread(self) -> u64 {
        (self.0 as u64) << 32 | self.0 as u64
    }
}

/// The shard by bits that no [`Half`] holds.
const fn shard_of(hash: u64) -> usize {
    (hash >> (u64::BITS - SHARD_BITS)) as usize
}

/// The hash by which a route is found.
pub(crate) fn route_hash(x: PhoneNumber, selector: Selector) -> u64 {
    let (low, high) = words(&selector.to_bytes());
    mix(x.to_bits() ^ high, low)
}

/// The hash by which a pair is found; the same both ways round, because who is A and who is B
/// does not matter to the two of them.
pub(crate) fn pair_hash(a: PartyKey, b: Option<PartyKey>) -> u64 {
    let (a_low, a_high) = words(a.as_bytes());
    let (b_low, b_high) = b.map_or((0, 0), |b| words(b.as_bytes()));
    mix(a_low ^ b_low, a_high ^ b_high)
}

/// Whether two pairs are of the same people.
pub(crate) fn same_pair(
    (a, b): (PartyKey, Option<PartyKey>),
    other: (PartyKey, Option<PartyKey>),
) -> bool {
    (a, b) == other || b.is_some_and(|b| (b, Some(a)) == other)
}

/// (X, selector) → binding.
pub(super) struct RouteIndex {
    shards: Box<[Robin]>,
}

impl RouteIndex {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Robin::new()).collect(),
        }
    }

    /// The binding at (x, selector), whose [`route_hash`] is given.
    pub(super) fn find(
        &self,
        slots: &Slots,
        hash: u64,
        x: PhoneNumber,
        selector: Selector,
    ) -> Option<RecordNo> {
        let shard = self.shards.get(shard_of(hash))?;
        shard.find(Half::of(hash).0, |no| slots.holds(no, x, selector))
    }

    /// Points the route to `no`; returns where it pointed before.
    pub(super) fn point(&mut self, slots: &Slots, route: Route, no: RecordNo) -> Option<RecordNo> {
        let hash = route_hash(route.x, route.selector);
        let holds = |other: RecordNo| slots.holds(other, route.x, route.selector);
        let shard = self.shards.get_mut(shard_of(hash))?;
        shard.put(Half::of(hash).0, no, holds)
    }

    /// Takes the route's entry out if it points to `no`.
    pub(super) fn remove(&mut self, route: Route, no: RecordNo) {
        let hash = route_hash(route.x, route.selector);
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.remove(Half::of(hash).0, no);
        }
    }
}

/// Pair → the binding it held last.
pub(super) struct PairIndex {
    shards: Box<[HashTable<RecordNo>]>,
}

impl PairIndex {
    pub(super) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| HashTable::new()).collect(),
        }
    }

    /// The pair's last binding.
    pub(super) fn find(&self, slots: &Slots, a: PartyKey, b: Option<PartyKey>) -> Option<RecordNo> {
        let hash = pair_hash(a, b);
        self.shards
            .get(shard_of(hash))?
            .find(Half::of(hash).spread(), |no| is_of(slots, *no, a, b))
            .copied()
    }

    /// Notes `no` as the last binding of its pair.
    pub(super) fn remember(&mut self, slots: &Slots, no: RecordNo) {
        let Some((a, b)) = slots.pair(no) else {
            return;
        };
        let hash = pair_hash(a, b);
        let Some(shard) = self.shards.get_mut(shard_of(hash)) else {
            return;
        };
        let rehash = |other: &RecordNo| {
            let pair = slots.pair(*other);
            pair.map_or(0, |(a, b)| Half::of(pair_hash(a, b)).spread())
        };
        let entry = shard.entry(
            Half::of(hash).spread(),
            |other| is_of(slots, *other, a, b),
            rehash,
        );
        match entry {
            Entry::Occupied(mut entry) => *entry.get_mut() = no,
            Entry::Vacant(entry) => {
                entry.insert(no);
            }
        }
    }

    /// Forgets `no` if it is the last of its pair.
    pub(super) fn forget(&mut self, slots: &Slots, no: RecordNo) {
        let Some((a, b)) = slots.pair(no) else {
            return;
        };
        let hash = pair_hash(a, b);
        let Some(shard) = self.shards.get_mut(shard_of(hash)) else {
            return;
        };
        if let Ok(entry) = shard.find_entry(Half::of(hash).spread(), |other| *other == no) {
            entry.remove();
        }
    }
}

fn is_of(slots: &Slots, no: RecordNo, a: PartyKey, b: Option<PartyKey>) -> bool {
    slots.pair(no).is_some_and(|other| same_pair((a, b), other))
}

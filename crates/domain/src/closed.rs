//! What a full look at a list learned and the next one need not learn again: which numbers are
//! closed to every request of a kind, whoever its parties are.
//!
//! Without it a bind that finds nothing looks at every number of its pool, and an exhausted pool of
//! a million numbers would keep its store busy with refusals. A number is closed here when it is
//! disabled, at its cap, excluded by the other kind, or somebody's AX. It is looked at again after
//! *anything* happened to it, so this only ever leaves out what would be refused. Held by A or B,
//! and quarantine, depend on who asks and when, and are always looked at.

use std::collections::{BTreeMap, HashMap};

use crate::{
    binding::Mode,
    city_order::Tier,
    phone::PhoneNumber,
    pool::PoolNo,
    refusal::{Obstacle, Tally},
    selection::Wanted,
};

/// Shorter lists are looked at faster than they are remembered.
const LIST_LENGTH_MIN: usize = 1024;

/// Numbers remembered over all lists, about 30 bytes each; beyond, all lists are forgotten.
const NUMBERS_MAX: usize = 4_000_000;

/// A list is remembered while no more than one in so many of its numbers has to be looked at.
const OPEN_SHARE: usize = 4;

/// For which requests a number is closed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Kind {
    pool: PoolNo,
    tier: Tier,
    mode: Mode,
    exclusive: bool,
}

impl Kind {
    pub(crate) fn of(wanted: &Wanted, tier: Tier) -> Self {
        Self {
            pool: wanted.pool,
            tier,
            mode: wanted.shape.mode(),
            exclusive: wanted.exclusive,
        }
    }

    /// Whether an obstacle in the way of `wanted` stands in the way of all requests of its kind,
    /// until something happens to the number.
    pub(crate) fn is_closed(wanted: &Wanted, x: PhoneNumber, obstacle: Obstacle) -> bool {
        match obstacle {
            Obstacle::AtCap | Obstacle::KindConflict => true,
            // A's or B's own number is open to others.
            Obstacle::Disabled => !wanted.never.contains(&Some(x)),
            Obstacle::HeldByAx => matches!(wanted.shape.mode(), Mode::Ax | Mode::Axn),
            Obstacle::HeldByA | Obstacle::HeldByB | Obstacle::Quarantined => false,
        }
    }
}

/// A list whose numbers are nearly all closed.
#[derive(Debug, Default)]
struct List {
    /// Its closed numbers, with their places in the list.
    closed: HashMap<PhoneNumber, (u32, Obstacle)>,
    tally: Tally,
    /// The others, in the order of the list.
    open: BTreeMap<u32, PhoneNumber>,
}

/// Numbers that are closed to every request of a kind.
#[derive(Debug)]
pub struct Closed {
    lists: HashMap<Kind, List>,
    numbers: usize,
    length_min: usize,
}

impl Default for Closed {
    fn default() -> Self {
        Self::of_lists_from(LIST_LENGTH_MIN)
    }
}

impl Closed {
    /// Nothing known yet; only lists of at least this length are going to be remembered.
    #[must_use]
    pub fn of_lists_from(length_min: usize) -> Self {
        Self {
            lists: HashMap::new(),
            numbers: 0,
            length_min,
        }
    }

    /// Something happened to these numbers, or may have.
    pub fn reopen(&mut self, numbers: impl IntoIterator<Item = PhoneNumber>) {
        if self.lists.is_empty() {
            return;
        }
        for x in numbers {
            for list in self.lists.values_mut() {
                if let Some((place, obstacle)) = list.closed.remove(&x) {
                    list.tally.uncount(obstacle);
                    list.open.insert(place, x);
                }
            }
        }
        let numbers = &mut self.numbers;
        self.lists.retain(|_, list| {
            let length = list.closed.len() + list.open.len();
            let keep = list.open.len() * OPEN_SHARE <= length;
            if !keep {
                *numbers -= length;
            }
            keep
        });
    }

    /// Forgets everything: numbers were added or taken away, enabled or disabled, or rules changed.
    pub fn clear(&mut self) {
        self.lists.clear();
        self.numbers = 0;
    }

    /// How many numbers of all remembered lists have to be looked at; none when no list is.
    #[must_use]
    pub fn open_numbers(&self) -> Option<usize> {
        let open = self.lists.values().map(|list| list.open.len());
        (!self.lists.is_empty()).then(|| open.sum())
    }

    /// The numbers of a remembered list that have to be looked at, in their order, and how the
    /// others stand.
    pub(crate) fn open(&self, kind: Kind) -> Option<(Vec<PhoneNumber>, Tally)> {
        let list = self.lists.get(&kind)?;
        Some((list.open.values().copied().collect(), list.tally))
    }

    /// Notes what a look at the open numbers of a remembered list, or else at all of `all`, showed
    /// to be closed.
    pub(crate) fn note(
        &mut self,
        kind: Kind,
        all: &[PhoneNumber],
        closed: Vec<(PhoneNumber, Obstacle)>,
    ) {
        if let Some(list) = self.lists.get_mut(&kind) {
            list.close(closed);
            return;
        }
        if all.len() < self.length_min || (all.len() - closed.len()) * OPEN_SHARE > all.len() {
            return;
        }
        if self.numbers + all.len() > NUMBERS_MAX {
            self.clear();
        }
        let places = (0..=u32::MAX).zip(all.iter().copied());
        let mut list = List {
            open: places.collect(),
            ..List::default()
        };
        list.close(closed);
        self.numbers += all.len();
        self.lists.insert(kind, list);
    }
}

impl List {
    fn close(&mut self, closed: Vec<(PhoneNumber, Obstacle)>) {
        if closed.is_empty() {
            return;
        }
        let obstacles: HashMap<PhoneNumber, Obstacle> = closed.into_iter().collect();
        self.open.retain(|place, x| {
            let Some(obstacle) = obstacles.get(x) else {
                return true;
            };
            self.tally.count(Err(*obstacle));
            self.closed.insert(*x, (*place, *obstacle));
            false
        });
    }
}

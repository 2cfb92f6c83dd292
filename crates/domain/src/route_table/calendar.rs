//! When time next has something to do with each binding.
//!
//! Days of a calendar, about 16 s long: what comes up on a later day is only noted there, four
//! bytes a binding; what comes up on the current day or before is kept in order of time. Entries
//! are never taken out; who reads one asks the binding whether it still stands.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
};

use crate::time::Timestamp;

use super::slots::{RecordNo, Slots};

/// A day is 2 to this many milliseconds.
const DAY_BITS: u32 = 14;
/// Outdated entries that are not worth looking for.
const SPARE: usize = 64;

/// The moments that a table of bindings waits for.
pub(super) struct Calendar {
    /// The last day that was opened.
    today: u32,
    near: BinaryHeap<Reverse<(Timestamp, RecordNo)>>,
    far: BTreeMap<u32, Vec<RecordNo>>,
    far_entries: usize,
}

/// The day of a moment. Moments before 1970 fall on the first day, those of the far future on the
/// last: there the order of time is kept all the same, because a day is sorted when it is opened.
fn day_of(at: Timestamp) -> u32 {
    u32::try_from(at.unix_ms().max(0) >> DAY_BITS).unwrap_or(u32::MAX)
}

impl Calendar {
    pub(super) fn new() -> Self {
        Self {
            today: 0,
            near: BinaryHeap::new(),
            far: BTreeMap::new(),
            far_entries: 0,
        }
    }

    /// All entries, outdated ones included.
    pub(super) fn len(&self) -> usize {
        self.near.len() + self.far_entries
    }

    /// Has `no` come up at `at`, and no longer at any moment named before.
    pub(super) fn note(&mut self, slots: &mut Slots, no: RecordNo, at: Timestamp) {
        let day = day_of(at);
        if day <= self.today {
            self.near.push(Reverse((at, no)));
        } else if slots.awaits(no) != Some(day) {
            self.far.entry(day).or_default().push(no);
            self.far_entries += 1;
        }
        slots.set_awaits(no, day);
    }

    /// The next entry that is due by `now`. `moment` is what a binding waits for now: entries that
    /// say otherwise are outdated and dropped.
    pub(super) fn next_due(
        &mut self,
        slots: &Slots,
        now: Timestamp,
        moment: impl Fn(RecordNo) -> Option<Timestamp>,
    ) -> Option<(Timestamp, RecordNo)> {
        loop {
            while let Some(Reverse((at, no))) = self.near.peek().copied() {
                if at > now {
                    return None;
                }
                self.near.pop();
                if moment(no) == Some(at) {
                    return Some((at, no));
                }
            }
            let first = self.far.first_entry()?;
            if *first.key() > day_of(now) {
                return None;
            }
            let (day, entries) = first.remove_entry();
            self.today = day;
            self.far_entries -= entries.len();
            let standing = entries.into_iter().filter_map(|no| {
                let stands = slots.awaits(no) == Some(day);
                moment(no).filter(|_| stands).map(|at| Reverse((at, no)))
            });
            self.near = standing.collect();
        }
    }

    /// Whether so many entries are outdated that they are worth dropping.
    pub(super) fn is_cluttered(&self, bindings: usize) -> bool {
        self.len() > SPARE + 2 * bindings
    }

    /// Drops outdated entries. A binding that is given up years before its end leaves that end
    /// here; without this such leftovers would pile up until then.
    pub(super) fn tidy(&mut self, slots: &Slots, moment: impl Fn(RecordNo) -> Option<Timestamp>) {
        let mut near = std::mem::take(&mut self.near).into_vec();
        near.retain(|Reverse((at, no))| moment(*no) == Some(*at));
        near.sort_unstable();
        near.dedup();
        self.near = near.into();
        self.far.retain(|day, entries| {
            entries.retain(|no| slots.awaits(*no) == Some(*day));
            entries.sort_unstable();
            entries.dedup();
            entries.shrink_to_fit();
            !entries.is_empty()
        });
        self.far_entries = self.far.values().map(Vec::len).sum();
    }
}

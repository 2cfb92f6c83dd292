//! Which routes stand, in memory.
//!
//! One entry for each (X, selector): the binding that holds it, or the last one that held it and
//! is still remembered. That entry is all that the rules need: whether the route is live, whether
//! the quarantine of the last one is over, who was reached. Changes come in through
//! [`crate::draft::Draft`], so that nothing can be seen before it is durable.

use std::{cmp::Reverse, collections::BinaryHeap};

use hashbrown::{HashMap, HashTable, hash_table::Entry};

use crate::{
    binding::{Shape, SubId},
    draft::Delta,
    hash::{mix, words},
    party::PartyKey,
    phone::PhoneNumber,
    route::{Route, Selector},
    time::Timestamp,
};

pub use crate::standing::{Load, Resolution, RouteStanding, resolve_standings};

/// A binding as the table holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// The binding's id.
    pub sub_id: SubId,
    /// The privacy number.
    pub x: PhoneNumber,
    /// Mode and parties.
    pub shape: Shape,
    /// Whether its X may not carry the other kind.
    pub exclusive: bool,
    /// Its routes are live before this moment and never from it on.
    pub live_until: Timestamp,
}

pub(crate) type RecordNo = u32;

/// Outdated moments that are not worth looking for.
const DUE_SPARE: usize = 64;

struct Held {
    record: Record,
    /// Entries of the route index that point here; the record goes when the last one goes.
    keys: u32,
    /// Whether the loads still include it.
    counted: bool,
    /// When time next has something to do with it: the moment of its one valid entry in `due`.
    due_at: Timestamp,
}

#[derive(Clone, Copy)]
struct RouteEntry {
    hash: u64,
    record: RecordNo,
}

/// A binding that reached its `live_until` by the passing of time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Expired {
    /// The binding.
    pub sub_id: SubId,
    /// Its number.
    pub x: PhoneNumber,
    /// When it ended.
    pub at: Timestamp,
}

/// All routes that are live or remembered.
pub struct RouteTable {
    records: Vec<Option<Held>>,
    vacant: Vec<RecordNo>,
    routes: HashTable<RouteEntry>,
    pairs: HashTable<RecordNo>,
    loads: HashMap<PhoneNumber, Load>,
    extensions: HashMap<PhoneNumber, u32>,
    due: BinaryHeap<Reverse<(Timestamp, RecordNo)>>,
    remember_ms: i64,
    now: Timestamp,
    live: usize,
}

pub(crate) fn route_hash(x: PhoneNumber, selector: Selector) -> u64 {
    let (low, high) = words(&selector.to_bytes());
    mix(x.to_bits() ^ high, low)
}

fn pair_hash(a: PartyKey, b: Option<PartyKey>) -> u64 {
    let (a_low, a_high) = words(a.as_bytes());
    let (b_low, b_high) = b.map_or((0, 0), |b| words(b.as_bytes()));
    // Symmetric, because who is A and who is B does not matter to the two of them.
    mix(a_low ^ b_low, a_high ^ b_high)
}

fn same_pair(shape: &Shape, a: PartyKey, b: Option<PartyKey>) -> bool {
    let (own_a, own_b) = (shape.a(), shape.b());
    (own_a == a && own_b == b) || (b == Some(own_a) && own_b == Some(a))
}

impl RouteTable {
    /// An empty table that remembers ended routes for `remember_ms`, which must not be shorter
    /// than the longest quarantine.
    #[must_use]
    pub fn new(remember_ms: i64) -> Self {
        Self {
            records: Vec::new(),
            vacant: Vec::new(),
            routes: HashTable::new(),
            pairs: HashTable::new(),
            loads: HashMap::new(),
            extensions: HashMap::new(),
            due: BinaryHeap::new(),
            remember_ms,
            now: Timestamp::MIN,
            live: 0,
        }
    }

    /// How many bindings are live as of the last [`RouteTable::advance`].
    #[must_use]
    pub fn live(&self) -> usize {
        self.live
    }

    /// How many bindings, live and remembered, are in memory.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.records.len() - self.vacant.len()
    }

    /// How many moments the table waits for: a bounded multiple of what it remembers.
    #[must_use]
    pub fn awaiting(&self) -> usize {
        self.due.len()
    }

    /// The latest moment the table was told of.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The live bindings of a number as of the last [`RouteTable::advance`].
    #[must_use]
    pub fn load(&self, x: PhoneNumber) -> Load {
        self.loads.get(&x).copied().unwrap_or_default()
    }

    /// How (X, selector) stands at `now`, or at the latest moment the table was told of if that is
    /// later: what has ended stays ended when a clock jumps back.
    #[must_use]
    pub fn stand(&self, x: PhoneNumber, selector: Selector, now: Timestamp) -> RouteStanding {
        let now = now.max(self.now);
        let Some(record) = self.record_of(x, selector).and_then(|no| self.record(no)) else {
            return RouteStanding::Free;
        };
        standing_of(record, x, selector, record.live_until, now)
    }

    /// Where a call from `caller` to `x` goes at `now` (judged as [`RouteTable::stand`] does).
    #[must_use]
    pub fn resolve(
        &self,
        x: PhoneNumber,
        caller: Option<PartyKey>,
        extension: Option<crate::route::Extension>,
        now: Timestamp,
        quarantine_ms: i64,
    ) -> Resolution {
        let now = now.max(self.now);
        let exact = caller.map_or(RouteStanding::Free, |caller| {
            self.stand(x, Selector::Caller(caller), now)
        });
        if let RouteStanding::Live { sub_id, callee } = exact {
            return Resolution::Connect { sub_id, callee };
        }
        let keyed = extension.map(|extension| self.stand(x, Selector::Extension(extension), now));
        let any = self.stand(x, Selector::Any, now);
        let has_extensions = self.extensions.get(&x).is_some_and(|count| *count > 0);
        resolve_standings(exact, keyed, any, has_extensions, now, quarantine_ms)
    }

    /// The number of the binding that this pair held last (`b` absent for an AX), with the moment
    /// until which it lives or lived, if it is remembered.
    #[must_use]
    pub fn last_of_pair(
        &self,
        a: PartyKey,
        b: Option<PartyKey>,
    ) -> Option<(PhoneNumber, Timestamp)> {
        let found = self.pairs.find(pair_hash(a, b), |no| {
            self.record(*no)
                .is_some_and(|record| same_pair(&record.shape, a, b))
        })?;
        self.record(*found)
            .map(|record| (record.x, record.live_until))
    }

    /// The live record of a binding, found by its shape's first route.
    #[must_use]
    pub fn live_record(
        &self,
        sub_id: SubId,
        x: PhoneNumber,
        shape: &Shape,
        now: Timestamp,
    ) -> Option<&Record> {
        let now = now.max(self.now);
        let route = shape.route(x, 0)?;
        let record = self
            .record_of(x, route.selector)
            .and_then(|no| self.record(no))?;
        (record.sub_id == sub_id && now < record.live_until).then_some(record)
    }

    /// Lets time pass: loads forget what expired, memory forgets what nobody need remember.
    /// Returns what expired, in the order of time. Time never runs backwards here: an earlier
    /// `now` than before changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Expired> {
        self.now = self.now.max(now);
        let mut expired = Vec::new();
        while let Some(Reverse((at, no))) = self.due.peek().copied() {
            if at > self.now {
                break;
            }
            self.due.pop();
            let Some(Some(held)) = self.records.get_mut(no as usize) else {
                continue;
            };
            if held.due_at != at {
                continue;
            }
            let live_until = held.record.live_until;
            let forget_at = live_until.plus_ms(self.remember_ms);
            if live_until > at {
                // Its end was moved back meanwhile; it comes up again in its new place.
                self.wake(no, live_until);
            } else if held.counted {
                held.counted = false;
                expired.push(Expired {
                    sub_id: held.record.sub_id,
                    x: held.record.x,
                    at: live_until,
                });
                self.uncount(no);
                self.wake(no, forget_at);
            } else if forget_at <= self.now {
                self.forget(no);
            } else {
                self.wake(no, forget_at);
            }
        }
        expired
    }

    fn wake(&mut self, no: RecordNo, at: Timestamp) {
        if let Some(Some(held)) = self.records.get_mut(no as usize) {
            held.due_at = at;
            self.due.push(Reverse((at, no)));
        }
        if self.due.len() > DUE_SPARE + 2 * self.remembered() {
            self.drop_outdated_moments();
        }
    }

    /// A binding that is given up years before its end leaves that end in the queue; without this
    /// such leftovers would pile up until then.
    fn drop_outdated_moments(&mut self) {
        let mut due = std::mem::take(&mut self.due).into_vec();
        due.retain(|Reverse((at, no))| {
            let held = self.records.get(*no as usize).and_then(Option::as_ref);
            held.is_some_and(|held| held.due_at == *at)
        });
        due.sort_unstable();
        due.dedup();
        self.due = due.into();
    }

    /// Makes a draft's changes visible. The draft must have been made on this very state.
    pub fn apply(&mut self, delta: Delta) {
        for (no, live_until) in delta.ends {
            self.set_live_until(no, live_until);
        }
        for (record, live_until) in delta.added {
            self.insert(Record {
                live_until,
                ..record
            });
        }
    }

    /// Puts a record in, taking over the routes of ended ones; used by [`RouteTable::apply`] and
    /// to rebuild the table from storage, oldest first.
    pub fn insert(&mut self, record: Record) {
        let no = match self.vacant.pop() {
            Some(no) => no,
            None => {
                self.records.push(None);
                (self.records.len() - 1) as RecordNo
            }
        };
        let counted = record.live_until > self.now;
        let routes: Vec<Route> = record.shape.routes(record.x).collect();
        let pair = (record.shape.a(), record.shape.b());
        let load = Load::of(record.shape.mode(), record.exclusive);
        let (x, live_until) = (record.x, record.live_until);
        if let Some(place) = self.records.get_mut(no as usize) {
            *place = Some(Held {
                record,
                keys: 0,
                counted,
                due_at: Timestamp::MAX,
            });
        }
        for route in routes {
            self.point(route, no);
        }
        self.remember_pair(pair, no);
        if counted {
            self.live += 1;
            self.loads.entry(x).or_default().add(load);
            self.count_extensions(no, true);
            self.wake(no, live_until);
        } else {
            self.wake(no, live_until.plus_ms(self.remember_ms));
        }
    }

    pub(crate) fn record(&self, no: RecordNo) -> Option<&Record> {
        self.records
            .get(no as usize)?
            .as_ref()
            .map(|held| &held.record)
    }

    pub(crate) fn record_of(&self, x: PhoneNumber, selector: Selector) -> Option<RecordNo> {
        let hash = route_hash(x, selector);
        self.routes
            .find(hash, |entry| {
                entry.hash == hash && self.holds(entry.record, x, selector)
            })
            .map(|entry| entry.record)
    }

    fn holds(&self, no: RecordNo, x: PhoneNumber, selector: Selector) -> bool {
        self.record(no).is_some_and(|record| {
            record
                .shape
                .routes(record.x)
                .any(|route| route.x == x && route.selector == selector)
        })
    }

    fn point(&mut self, route: Route, no: RecordNo) {
        let hash = route_hash(route.x, route.selector);
        let records = &self.records;
        let holds = |entry: &RouteEntry| {
            entry.hash == hash
                && records
                    .get(entry.record as usize)
                    .and_then(Option::as_ref)
                    .is_some_and(|held| {
                        let record = &held.record;
                        record
                            .shape
                            .routes(record.x)
                            .any(|other| other.x == route.x && other.selector == route.selector)
                    })
        };
        let last = match self.routes.entry(hash, holds, |entry| entry.hash) {
            Entry::Occupied(mut entry) => {
                let last = entry.get().record;
                entry.get_mut().record = no;
                Some(last)
            }
            Entry::Vacant(entry) => {
                entry.insert(RouteEntry { hash, record: no });
                None
            }
        };
        if let Some(Some(held)) = self.records.get_mut(no as usize) {
            held.keys += 1;
        }
        if let Some(last) = last {
            self.drop_key(last);
        }
    }

    fn drop_key(&mut self, no: RecordNo) {
        let Some(Some(held)) = self.records.get_mut(no as usize) else {
            return;
        };
        held.keys = held.keys.saturating_sub(1);
        if held.keys == 0 {
            self.vacate(no);
        }
    }

    /// Takes a record out whose routes nobody points to any more.
    fn vacate(&mut self, no: RecordNo) {
        let Some(record) = self.record(no) else {
            return;
        };
        let hash = pair_hash(record.shape.a(), record.shape.b());
        if let Ok(entry) = self.pairs.find_entry(hash, |other| *other == no) {
            entry.remove();
        }
        if self
            .records
            .get(no as usize)
            .and_then(Option::as_ref)
            .is_some_and(|held| held.counted)
        {
            self.uncount(no);
        }
        if let Some(place) = self.records.get_mut(no as usize) {
            *place = None;
            self.vacant.push(no);
        }
    }

    fn forget(&mut self, no: RecordNo) {
        let Some(record) = self.record(no) else {
            return;
        };
        let hashes: Vec<u64> = record
            .shape
            .routes(record.x)
            .map(|route| route_hash(route.x, route.selector))
            .collect();
        for hash in hashes {
            if let Ok(entry) = self
                .routes
                .find_entry(hash, |entry| entry.hash == hash && entry.record == no)
            {
                entry.remove();
            }
        }
        self.vacate(no);
    }

    fn remember_pair(&mut self, (a, b): (PartyKey, Option<PartyKey>), no: RecordNo) {
        let records = &self.records;
        let shape_of = |no: RecordNo| {
            records
                .get(no as usize)
                .and_then(Option::as_ref)
                .map(|held| &held.record.shape)
        };
        let entry = self.pairs.entry(
            pair_hash(a, b),
            |other| shape_of(*other).is_some_and(|shape| same_pair(shape, a, b)),
            |other| shape_of(*other).map_or(0, |shape| pair_hash(shape.a(), shape.b())),
        );
        match entry {
            Entry::Occupied(mut entry) => *entry.get_mut() = no,
            Entry::Vacant(entry) => {
                entry.insert(no);
            }
        }
    }

    fn set_live_until(&mut self, no: RecordNo, live_until: Timestamp) {
        let now = self.now;
        let Some(Some(held)) = self.records.get_mut(no as usize) else {
            return;
        };
        held.record.live_until = live_until;
        // A later end needs no new entry in the queue: the old one is judged anew when it comes up.
        let sooner = live_until < held.due_at;
        if held.counted && live_until <= now {
            held.counted = false;
            self.uncount(no);
        }
        if sooner {
            self.wake(no, live_until.max(now.plus_ms(1)));
        }
    }

    fn uncount(&mut self, no: RecordNo) {
        self.count_extensions(no, false);
        let Some(record) = self.record(no) else {
            return;
        };
        let (x, load) = (record.x, Load::of(record.shape.mode(), record.exclusive));
        self.live = self.live.saturating_sub(1);
        if let Some(total) = self.loads.get_mut(&x) {
            total.subtract(load);
            if *total == Load::default() {
                self.loads.remove(&x);
            }
        }
    }

    fn count_extensions(&mut self, no: RecordNo, up: bool) {
        let Some(Record {
            shape: Shape::Axne { .. },
            x,
            ..
        }) = self.record(no)
        else {
            return;
        };
        let x = *x;
        let count = self.extensions.entry(x).or_default();
        *count = if up {
            *count + 1
        } else {
            count.saturating_sub(1)
        };
        if *count == 0 {
            self.extensions.remove(&x);
        }
    }
}

pub(crate) fn standing_of(
    record: &Record,
    x: PhoneNumber,
    selector: Selector,
    live_until: Timestamp,
    now: Timestamp,
) -> RouteStanding {
    let route = record
        .shape
        .routes(record.x)
        .find(|route| route.x == x && route.selector == selector);
    match route {
        None => RouteStanding::Free,
        Some(route) if now < live_until => RouteStanding::Live {
            sub_id: record.sub_id,
            callee: route.callee,
        },
        Some(route) => RouteStanding::Ended {
            sub_id: record.sub_id,
            callee: route.callee,
            at: live_until,
        },
    }
}

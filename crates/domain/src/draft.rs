//! A batch of changes on a [`RouteTable`] that is not yet durable.
//!
//! Each change of the batch sees the ones before it; the table itself, and whoever reads it, sees
//! none of them until the store has committed and hands the [`Delta`] to
//! [`RouteTable::apply`]. Dropping the draft undoes everything.

use hashbrown::{HashMap, HashTable, hash_table::Entry};

use crate::{
    binding::{Shape, SubId},
    party::PartyKey,
    phone::PhoneNumber,
    route::Selector,
    route_table::{
        Holder, Load, Record, RecordNo, RouteStanding, RouteTable, pair_hash, route_hash, same_pair,
    },
    time::Timestamp,
};

/// Why a claim was not granted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ClaimRefusal {
    /// Another live binding holds one of the routes.
    Held {
        /// Which one.
        by: SubId,
        /// Whose calls it answers.
        selector: Selector,
    },
    /// One of the routes ended too recently, with another person behind it.
    Quarantined {
        /// Whose calls it answered.
        selector: Selector,
        /// When it ended.
        ended_at: Timestamp,
    },
    /// The number carries as many live bindings as it may.
    AtCap,
    /// The number carries the other kind and one side does not want that.
    KindConflict,
}

/// What a claim asks for besides the record itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimRules {
    /// How long ago another pair's route must have ended, in milliseconds.
    pub quarantine_ms: i64,
    /// The most live bindings on one number.
    pub bindings_per_number_max: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Table(RecordNo),
    Added(usize),
}

/// Changes to make visible once they are durable.
#[derive(Debug, Default)]
pub struct Delta {
    pub(crate) ends: Vec<(RecordNo, Timestamp)>,
    pub(crate) added: Vec<Record>,
}

/// An added record, by a hash that leads to it.
#[derive(Clone, Copy)]
struct Lead {
    hash: u64,
    added: usize,
}

/// A batch in the making.
pub struct Draft<'table> {
    table: &'table RouteTable,
    now: Timestamp,
    added: Vec<Record>,
    routes: HashTable<Lead>,
    pairs: HashTable<Lead>,
    ends: HashMap<RecordNo, Timestamp>,
    loads: HashMap<PhoneNumber, Load>,
    touched: Vec<PhoneNumber>,
}

impl<'table> Draft<'table> {
    /// An empty batch at `now` (never earlier than the table has been told of, so that loads and
    /// routes agree).
    #[must_use]
    pub fn new(table: &'table RouteTable, now: Timestamp) -> Self {
        Self {
            table,
            now: now.max(table.now()),
            added: Vec::new(),
            routes: HashTable::new(),
            pairs: HashTable::new(),
            ends: HashMap::new(),
            loads: HashMap::new(),
            touched: Vec::new(),
        }
    }

    /// The moment the batch is judged at.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// How (X, selector) stands, the batch included.
    #[must_use]
    pub fn stand(&self, x: PhoneNumber, selector: Selector) -> RouteStanding {
        self.find(x, selector)
            .map_or(RouteStanding::Free, |(_, holder)| holder.standing(self.now))
    }

    /// The live bindings of a number, the batch included.
    #[must_use]
    pub fn load(&self, x: PhoneNumber) -> Load {
        self.loads
            .get(&x)
            .copied()
            .unwrap_or_else(|| self.table.load(x))
    }

    /// The number that this pair held last, the batch included.
    #[must_use]
    pub fn last_x_of_pair(&self, a: PartyKey, b: Option<PartyKey>) -> Option<PhoneNumber> {
        let hash = pair_hash(a, b);
        let in_batch = self
            .pairs
            .find(hash, |lead| lead.hash == hash && self.is_of(*lead, (a, b)));
        in_batch
            .and_then(|lead| self.added.get(lead.added))
            .map(|record| record.x)
            .or_else(|| self.table.last_of_pair(a, b).map(|(x, _)| x))
    }

    /// Whether the binding is live, the batch included.
    #[must_use]
    pub fn is_live(&self, sub_id: SubId, x: PhoneNumber, shape: &Shape) -> bool {
        self.live_place(sub_id, x, shape).is_some()
    }

    /// Whether [`Draft::claim`] would grant this.
    ///
    /// # Errors
    /// The first reason why not.
    pub fn check(
        &self,
        record: &Record,
        rules: ClaimRules,
        replacing: Option<(SubId, PhoneNumber, &Shape)>,
    ) -> Result<(), ClaimRefusal> {
        let replaced = replacing.and_then(|(sub_id, x, shape)| self.live_place(sub_id, x, shape));
        let mut load = self.load(record.x);
        if let Some((_, old)) = replaced.filter(|(_, old)| old.x == record.x) {
            load.subtract(old.load);
        }
        if load.live() >= rules.bindings_per_number_max {
            return Err(ClaimRefusal::AtCap);
        }
        if !load.admits(record.shape.mode(), record.exclusive) {
            return Err(ClaimRefusal::KindConflict);
        }
        for route in record.shape.routes(record.x) {
            let found = self.find(route.x, route.selector);
            let Some((place, holder)) = found else {
                continue;
            };
            if replaced.is_some_and(|(replaced, _)| replaced == place) {
                continue;
            }
            let standing = holder.standing(self.now);
            if standing.may_be_claimed(route.callee, self.now, rules.quarantine_ms) {
                continue;
            }
            return Err(match standing {
                RouteStanding::Live { sub_id, .. } => ClaimRefusal::Held {
                    by: sub_id,
                    selector: route.selector,
                },
                RouteStanding::Ended { at, .. } => ClaimRefusal::Quarantined {
                    selector: route.selector,
                    ended_at: at,
                },
                RouteStanding::Free => continue,
            });
        }
        Ok(())
    }

    /// Claims all routes of `record`, or none. With `replacing`, the named live binding gives its
    /// routes up in the same step: it is how parties, numbers and modes change.
    ///
    /// # Errors
    /// The first reason why not; nothing changed then.
    pub fn claim(
        &mut self,
        record: Record,
        rules: ClaimRules,
        replacing: Option<(SubId, PhoneNumber, &Shape)>,
    ) -> Result<(), ClaimRefusal> {
        self.check(&record, rules, replacing)?;
        if let Some((sub_id, x, shape)) = replacing {
            self.release(sub_id, x, shape);
        }
        if record.live_until > self.now {
            let mut load = self.load(record.x);
            load.add(Load::of(record.shape.mode(), record.exclusive));
            self.loads.insert(record.x, load);
        }
        self.add(record);
        Ok(())
    }

    fn add(&mut self, record: Record) {
        let added = self.added.len();
        self.added.push(record);
        let records = &self.added;
        let Some(record) = records.get(added) else {
            return;
        };
        for route in record.shape.routes(record.x) {
            if self.touched.last() != Some(&route.x) {
                self.touched.push(route.x);
            }
            let hash = route_hash(route.x, route.selector);
            let same = |lead: &Lead| {
                let other = records.get(lead.added);
                let holder = other.and_then(|other| Holder::of(other, route.x, route.selector));
                holder.is_some()
            };
            point(&mut self.routes, Lead { hash, added }, same);
        }
        let pair = (record.shape.a(), record.shape.b());
        let hash = pair_hash(pair.0, pair.1);
        let same = |lead: &Lead| {
            let other = records.get(lead.added);
            other.is_some_and(|other| same_pair(pair, (other.shape.a(), other.shape.b())))
        };
        point(&mut self.pairs, Lead { hash, added }, same);
    }

    /// The numbers that the batch changed anything about; one may stand here more than once.
    #[must_use]
    pub fn touched(&self) -> &[PhoneNumber] {
        &self.touched
    }

    /// Ends a live binding now; false if it is not live.
    pub fn release(&mut self, sub_id: SubId, x: PhoneNumber, shape: &Shape) -> bool {
        self.set_live_until(sub_id, x, shape, self.now)
    }

    /// Moves the end of a live binding; false if it is not live.
    pub fn set_live_until(
        &mut self,
        sub_id: SubId,
        x: PhoneNumber,
        shape: &Shape,
        until: Timestamp,
    ) -> bool {
        let Some((place, holder)) = self.live_place(sub_id, x, shape) else {
            return false;
        };
        self.touched.extend(shape.routes(x).map(|route| route.x));
        match place {
            Place::Table(no) => {
                self.ends.insert(no, until);
            }
            Place::Added(index) => {
                if let Some(record) = self.added.get_mut(index) {
                    record.live_until = until;
                }
            }
        }
        if until <= self.now {
            let mut load = self.load(holder.x);
            load.subtract(holder.load);
            self.loads.insert(holder.x, load);
        }
        true
    }

    /// The changes, to be applied once they are durable.
    #[must_use]
    pub fn into_delta(self) -> Delta {
        let mut ends: Vec<(RecordNo, Timestamp)> = self.ends.into_iter().collect();
        ends.sort_unstable();
        Delta {
            ends,
            added: self.added,
        }
    }

    /// Who holds (x, selector) or held it last, the batch included.
    fn find(&self, x: PhoneNumber, selector: Selector) -> Option<(Place, Holder)> {
        let hash = route_hash(x, selector);
        let in_batch = self.routes.find(hash, |lead| {
            lead.hash == hash && self.holder(*lead, x, selector).is_some()
        });
        if let Some(lead) = in_batch {
            let holder = self.holder(*lead, x, selector)?;
            return Some((Place::Added(lead.added), holder));
        }
        let (no, mut holder) = self.table.holder(hash, x, selector)?;
        if let Some(until) = self.ends.get(&no) {
            holder.live_until = *until;
        }
        Some((Place::Table(no), holder))
    }

    fn holder(&self, lead: Lead, x: PhoneNumber, selector: Selector) -> Option<Holder> {
        self.added
            .get(lead.added)
            .and_then(|record| Holder::of(record, x, selector))
    }

    fn is_of(&self, lead: Lead, pair: (PartyKey, Option<PartyKey>)) -> bool {
        let record = self.added.get(lead.added);
        record.is_some_and(|record| same_pair(pair, (record.shape.a(), record.shape.b())))
    }

    fn live_place(&self, sub_id: SubId, x: PhoneNumber, shape: &Shape) -> Option<(Place, Holder)> {
        let route = shape.route(x, 0)?;
        let found = self.find(route.x, route.selector)?;
        let (_, holder) = &found;
        (holder.sub_id == sub_id && self.now < holder.live_until).then_some(found)
    }
}

/// Has the entry that `same` accepts lead to where `lead` does.
fn point(table: &mut HashTable<Lead>, lead: Lead, same: impl Fn(&Lead) -> bool) {
    let is_same = |other: &Lead| other.hash == lead.hash && same(other);
    match table.entry(lead.hash, is_same, |other| other.hash) {
        Entry::Occupied(mut entry) => *entry.get_mut() = lead,
        Entry::Vacant(entry) => {
            entry.insert(lead);
        }
    }
}

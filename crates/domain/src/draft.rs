//! A batch of changes on a [`RouteTable`] that is not yet durable.
//!
//! Each change of the batch sees the ones before it; the table itself, and whoever reads it, sees
//! none of them until the store has committed and hands the [`Delta`] to
//! [`RouteTable::apply`]. Dropping the draft undoes everything.

use hashbrown::HashMap;

use crate::{
    binding::{Shape, SubId},
    party::PartyKey,
    phone::PhoneNumber,
    route::Selector,
    route_table::{Load, Record, RecordNo, RouteStanding, RouteTable, standing_of},
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

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Place {
    Table(RecordNo),
    Added(usize),
}

/// Changes to make visible once they are durable.
#[derive(Debug, Default)]
pub struct Delta {
    pub(crate) ends: Vec<(RecordNo, Timestamp)>,
    pub(crate) added: Vec<(Record, Timestamp)>,
}

/// A batch in the making.
pub struct Draft<'table> {
    table: &'table RouteTable,
    now: Timestamp,
    added: Vec<Record>,
    routes: HashMap<(PhoneNumber, Selector), Place>,
    live_until: HashMap<Place, Timestamp>,
    loads: HashMap<PhoneNumber, Load>,
    pairs: HashMap<(PartyKey, Option<PartyKey>), usize>,
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
            routes: HashMap::new(),
            live_until: HashMap::new(),
            loads: HashMap::new(),
            pairs: HashMap::new(),
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
        let Some((place, record)) = self.find(x, selector) else {
            return RouteStanding::Free;
        };
        standing_of(
            record,
            x,
            selector,
            self.live_until_of(place, record),
            self.now,
        )
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
        let in_batch = self
            .pairs
            .get(&pair_key(a, b))
            .and_then(|index| self.added.get(*index));
        in_batch
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
        if let Some((place, old)) =
            replaced.and_then(|place| self.at(place).map(|old| (place, old)))
            && old.x == record.x
            && self.live_until_of(place, old) > self.now
        {
            load.subtract(Load::of(old.shape.mode(), old.exclusive));
        }
        if load.live() >= rules.bindings_per_number_max {
            return Err(ClaimRefusal::AtCap);
        }
        if !load.admits(record.shape.mode(), record.exclusive) {
            return Err(ClaimRefusal::KindConflict);
        }
        for route in record.shape.routes(record.x) {
            let found = self.find(route.x, route.selector);
            if replaced.is_some() && found.map(|(place, _)| place) == replaced {
                continue;
            }
            let standing = self.stand(route.x, route.selector);
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
        let index = self.added.len();
        let place = Place::Added(index);
        for route in record.shape.routes(record.x) {
            self.routes.insert((route.x, route.selector), place);
        }
        if record.live_until > self.now {
            let mut load = self.load(record.x);
            load.add(Load::of(record.shape.mode(), record.exclusive));
            self.loads.insert(record.x, load);
        }
        self.pairs
            .insert(pair_key(record.shape.a(), record.shape.b()), index);
        self.live_until.insert(place, record.live_until);
        self.added.push(record);
        Ok(())
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
        let Some(place) = self.live_place(sub_id, x, shape) else {
            return false;
        };
        let Some(record) = self.at(place) else {
            return false;
        };
        let (number, contribution) = (record.x, Load::of(record.shape.mode(), record.exclusive));
        self.live_until.insert(place, until);
        if until <= self.now {
            let mut load = self.load(number);
            load.subtract(contribution);
            self.loads.insert(number, load);
        }
        true
    }

    /// The changes, to be applied once they are durable.
    #[must_use]
    pub fn into_delta(self) -> Delta {
        let mut delta = Delta::default();
        for (index, record) in self.added.into_iter().enumerate() {
            let until = self
                .live_until
                .get(&Place::Added(index))
                .copied()
                .unwrap_or(record.live_until);
            delta.added.push((record, until));
        }
        for (place, until) in self.live_until {
            if let Place::Table(no) = place {
                delta.ends.push((no, until));
            }
        }
        delta.ends.sort_unstable();
        delta
    }

    fn find(&self, x: PhoneNumber, selector: Selector) -> Option<(Place, &Record)> {
        let place = match self.routes.get(&(x, selector)) {
            Some(place) => *place,
            None => Place::Table(self.table.record_of(x, selector)?),
        };
        self.at(place).map(|record| (place, record))
    }

    fn at(&self, place: Place) -> Option<&Record> {
        match place {
            Place::Table(no) => self.table.record(no),
            Place::Added(index) => self.added.get(index),
        }
    }

    fn live_until_of(&self, place: Place, record: &Record) -> Timestamp {
        self.live_until
            .get(&place)
            .copied()
            .unwrap_or(record.live_until)
    }

    fn live_place(&self, sub_id: SubId, x: PhoneNumber, shape: &Shape) -> Option<Place> {
        let route = shape.route(x, 0)?;
        let (place, record) = self.find(route.x, route.selector)?;
        (record.sub_id == sub_id && self.now < self.live_until_of(place, record)).then_some(place)
    }
}

fn pair_key(a: PartyKey, b: Option<PartyKey>) -> (PartyKey, Option<PartyKey>) {
    match b {
        Some(b) if b < a => (b, Some(a)),
        _ => (a, b),
    }
}

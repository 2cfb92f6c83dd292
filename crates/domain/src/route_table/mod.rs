//! Which routes stand, in memory.
//!
//! One entry for each (X, selector): the binding that holds it, or the last one that held it and
//! is still remembered. That entry is all that the rules need: whether the route is live, whether
//! the quarantine of the last one is over, who was reached. Changes come in through
//! [`crate::draft::Draft`], so that nothing can be seen before it is durable.
//!
//! | Module | What lives there |
//! |---|---|
//! | `slots` | the bindings, 64 bytes each |
//! | `index`, `robin` | what leads to them: (X, selector) and pair |
//! | `calendar` | the moments at which they end and are forgotten |

mod calendar;
mod index;
mod robin;
mod slots;

use hashbrown::HashMap;

use crate::{
    binding::{Shape, SubId},
    draft::Delta,
    party::PartyKey,
    phone::PhoneNumber,
    route::Selector,
    time::Timestamp,
};

use calendar::Calendar;
use index::{PairIndex, RouteIndex};
use slots::Slots;

pub(crate) use index::{pair_hash, route_hash, same_pair};
pub(crate) use slots::RecordNo;

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

/// Who holds a route, or held it last.
#[derive(Clone, Copy)]
pub(crate) struct Holder {
    pub(crate) sub_id: SubId,
    /// The number whose load it counts in.
    pub(crate) x: PhoneNumber,
    /// Whom the route rings.
    pub(crate) callee: PartyKey,
    /// What it adds to the load of `x`.
    pub(crate) load: Load,
    pub(crate) live_until: Timestamp,
}

impl Holder {
    /// The record as holder of (x, selector), if that is one of its routes.
    pub(crate) fn of(record: &Record, x: PhoneNumber, selector: Selector) -> Option<Self> {
        let mut routes = record.shape.routes(record.x);
        let route = routes.find(|route| route.x == x && route.selector == selector)?;
        Some(Self {
            sub_id: record.sub_id,
            x: record.x,
            callee: route.callee,
            load: Load::of(record.shape.mode(), record.exclusive),
            live_until: record.live_until,
        })
    }

    /// How the route stands by it.
    pub(crate) fn standing(&self, now: Timestamp) -> RouteStanding {
        let Self { sub_id, callee, .. } = *self;
        if now < self.live_until {
            RouteStanding::Live { sub_id, callee }
        } else {
            let at = self.live_until;
            RouteStanding::Ended { sub_id, callee, at }
        }
    }
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
    slots: Slots,
    routes: RouteIndex,
    pairs: PairIndex,
    loads: HashMap<PhoneNumber, Load>,
    extensions: HashMap<PhoneNumber, u32>,
    calendar: Calendar,
    remember_ms: i64,
    now: Timestamp,
    live: usize,
}

impl RouteTable {
    /// An empty table that remembers ended routes for `remember_ms`, which must not be shorter
    /// than the longest quarantine.
    #[must_use]
    pub fn new(remember_ms: i64) -> Self {
        Self {
            slots: Slots::new(),
            routes: RouteIndex::new(),
            pairs: PairIndex::new(),
            loads: HashMap::new(),
            extensions: HashMap::new(),
            calendar: Calendar::new(),
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
        self.slots.len()
    }

    /// How many moments the table waits for: a bounded multiple of what it remembers.
    #[must_use]
    pub fn awaiting(&self) -> usize {
        self.calendar.len()
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
        let holder = self.holder(route_hash(x, selector), x, selector);
        holder.map_or(RouteStanding::Free, |(_, holder)| {
            holder.standing(now.max(self.now))
        })
    }

    /// Who holds (X, selector), whose hash is given, or held it last.
    pub(crate) fn holder(
        &self,
        hash: u64,
        x: PhoneNumber,
        selector: Selector,
    ) -> Option<(RecordNo, Holder)> {
        let no = self.routes.find(&self.slots, hash, x, selector)?;
        let holder = self.slots.holder(no, x, selector)?;
        Some((no, holder))
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
        let no = self.pairs.find(&self.slots, a, b)?;
        self.slots.end(no)
    }

    /// The live record of a binding, found by its shape's first route.
    #[must_use]
    pub fn live_record(
        &self,
        sub_id: SubId,
        x: PhoneNumber,
        shape: &Shape,
        now: Timestamp,
    ) -> Option<Record> {
        let now = now.max(self.now);
        let route = shape.route(x, 0)?;
        let hash = route_hash(route.x, route.selector);
        let (no, holder) = self.holder(hash, route.x, route.selector)?;
        if holder.sub_id != sub_id || now >= holder.live_until {
            return None;
        }
        self.slots.record(no)
    }

    /// Lets time pass: loads forget what expired, memory forgets what nobody need remember.
    /// Returns what expired, in the order of time. Time never runs backwards here: an earlier
    /// `now` than before changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> Vec<Expired> {
        self.now = self.now.max(now);
        let mut expired = Vec::new();
        while let Some((at, no)) = self.next_due() {
            if !self.slots.is_counted(no) {
                self.forget(no);
                continue;
            }
            if let (Some(sub_id), Some((x, _))) = (self.slots.sub_id(no), self.slots.end(no)) {
                expired.push(Expired { sub_id, x, at });
            }
            self.uncount(no);
            self.wait(no);
        }
        expired
    }

    fn next_due(&mut self) -> Option<(Timestamp, RecordNo)> {
        let (slots, remember_ms) = (&self.slots, self.remember_ms);
        self.calendar
            .next_due(slots, self.now, |no| next_moment(slots, remember_ms, no))
    }

    /// Puts a binding down for its next moment.
    fn wait(&mut self, no: RecordNo) {
        let Some(at) = next_moment(&self.slots, self.remember_ms, no) else {
            return;
        };
        self.calendar.note(&mut self.slots, no, at);
        if self.calendar.is_cluttered(self.slots.len()) {
            let (slots, remember_ms) = (&self.slots, self.remember_ms);
            self.calendar
                .tidy(slots, |no| next_moment(slots, remember_ms, no));
        }
    }

    /// Makes a draft's changes visible. The draft must have been made on this very state.
    pub fn apply(&mut self, delta: Delta) {
        for (no, live_until) in delta.ends {
            self.set_live_until(no, live_until);
        }
        for record in delta.added {
            self.insert(record);
        }
    }

    /// Puts a record in, taking over the routes of ended ones; used by [`RouteTable::apply`] and
    /// to rebuild the table from storage, oldest first.
    pub fn insert(&mut self, record: Record) {
        let counted = record.live_until > self.now;
        let no = self.slots.insert(record, counted);
        let mut index = 0;
        while let Some(route) = self.slots.route(no, index) {
            let last = self.routes.point(&self.slots, route, no);
            self.slots.add_key(no);
            if let Some(last) = last
                && self.slots.drop_key(last)
            {
                self.vacate(last);
            }
            index += 1;
        }
        self.pairs.remember(&self.slots, no);
        if counted && let Some((x, load)) = self.slots.load(no) {
            self.live += 1;
            self.loads.entry(x).or_default().add(load);
            self.count_extensions(no, true);
        }
        self.wait(no);
    }

    /// Takes a record out whose routes nobody points to any more.
    fn vacate(&mut self, no: RecordNo) {
        self.pairs.forget(&self.slots, no);
        if self.slots.is_counted(no) {
            self.uncount(no);
        }
        self.slots.remove(no);
    }

    fn forget(&mut self, no: RecordNo) {
        let mut index = 0;
        while let Some(route) = self.slots.route(no, index) {
            self.routes.remove(route, no);
            index += 1;
        }
        self.vacate(no);
    }

    fn set_live_until(&mut self, no: RecordNo, live_until: Timestamp) {
        self.slots.set_live_until(no, live_until);
        if self.slots.is_counted(no) && live_until <= self.now {
            self.uncount(no);
        }
        self.wait(no);
    }

    /// Takes a binding out of the loads.
    fn uncount(&mut self, no: RecordNo) {
        self.slots.set_uncounted(no);
        self.count_extensions(no, false);
        let Some((x, load)) = self.slots.load(no) else {
            return;
        };
        self.live = self.live.saturating_sub(1);
        if let Some(total) = self.loads.get_mut(&x) {
            total.subtract(load);
            if *total == Load::default() {
                self.loads.remove(&x);
            }
        }
    }

    fn count_extensions(&mut self, no: RecordNo, up: bool) {
        if !self.slots.has_extension(no) {
            return;
        }
        let Some((x, _)) = self.slots.end(no) else {
            return;
        };
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

/// When time next has something to do with a binding: its end while it counts, then the moment
/// from which nobody need remember it.
fn next_moment(slots: &Slots, remember_ms: i64, no: RecordNo) -> Option<Timestamp> {
    let (_, live_until) = slots.end(no)?;
    Some(if slots.is_counted(no) {
        live_until
    } else {
        live_until.plus_ms(remember_ms)
    })
}

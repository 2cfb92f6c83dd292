//! What must be true of routes and selection, told as plainly as possible: a list of all bindings
//! there ever were, and linear scans of it. Slow on purpose; nothing here is clever, so that it
//! can be checked by reading.

#![allow(
    dead_code,
    reason = "each suite that includes the oracle uses a part of it"
)]

use axbridge_domain::{
    binding::{Mode, Shape, SubId},
    draft::{ClaimRefusal, ClaimRules},
    party::PartyKey,
    phone::PhoneNumber,
    refusal::Obstacle,
    route::{Extension, Selector},
    route_table::{Load, Record, Resolution, RouteStanding},
    selection::Wanted,
    time::Timestamp,
};

/// One binding as it was made, with the moment that it ends or ended.
#[derive(Clone, Debug)]
pub(crate) struct Deal {
    pub(crate) record: Record,
    /// Ended by its client rather than by time.
    pub(crate) ended_by_hand: bool,
    /// Gave way to a new form of itself.
    pub(crate) replaced: bool,
}

impl Deal {
    fn is_live(&self, now: Timestamp) -> bool {
        now < self.record.live_until
    }

    fn callee_of(&self, x: PhoneNumber, selector: Selector) -> Option<PartyKey> {
        let mut routes = self.record.shape.routes(self.record.x);
        let found = routes.find(|route| route.x == x && route.selector == selector);
        found.map(|route| route.callee)
    }

    fn is_of_pair(&self, a: PartyKey, b: Option<PartyKey>) -> bool {
        let own = (self.record.shape.a(), self.record.shape.b());
        own == (a, b) || b.is_some_and(|b| own == (b, Some(a)))
    }
}

/// All bindings there ever were, in the order they were made.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) deals: Vec<Deal>,
    pub(crate) now: Timestamp,
    remember_ms: i64,
}

impl Oracle {
    pub(crate) fn new(remember_ms: i64) -> Self {
        Self {
            deals: Vec::new(),
            now: Timestamp::MIN,
            remember_ms,
        }
    }

    /// Lets time pass and tells who expired meanwhile, soonest first.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Vec<(SubId, Timestamp)> {
        let before = self.now;
        self.now = self.now.max(now);
        let mut expired: Vec<(SubId, Timestamp)> = self
            .deals
            .iter()
            .filter(|deal| !deal.ended_by_hand && !deal.replaced)
            .map(|deal| (deal.record.sub_id, deal.record.live_until))
            .filter(|(_, at)| before < *at && *at <= self.now)
            .collect();
        expired.sort_by_key(|(sub_id, at)| (*at, *sub_id));
        expired
    }

    /// Who holds the route, or held it last.
    pub(crate) fn holder(&self, x: PhoneNumber, selector: Selector) -> Option<&Deal> {
        let mut newest_first = self.deals.iter().rev();
        newest_first.find(|deal| deal.callee_of(x, selector).is_some())
    }

    pub(crate) fn stand(&self, x: PhoneNumber, selector: Selector) -> RouteStanding {
        let Some(deal) = self.holder(x, selector) else {
            return RouteStanding::Free;
        };
        let (sub_id, at) = (deal.record.sub_id, deal.record.live_until);
        match deal.callee_of(x, selector) {
            Some(callee) if self.now < at => RouteStanding::Live { sub_id, callee },
            Some(callee) if self.now < at.plus_ms(self.remember_ms) => {
                RouteStanding::Ended { sub_id, callee, at }
            }
            _ => RouteStanding::Free,
        }
    }

    pub(crate) fn load(&self, x: PhoneNumber) -> Load {
        let mut load = Load::default();
        for deal in self.live_deals().filter(|deal| deal.record.x == x) {
            let flag = u32::from(deal.record.exclusive);
            if matches!(deal.record.shape.mode(), Mode::Ax | Mode::Axn) {
                load.ax += 1;
                load.ax_exclusive += flag;
            } else {
                load.axb += 1;
                load.axb_exclusive += flag;
            }
        }
        load
    }

    pub(crate) fn live_deals(&self) -> impl Iterator<Item = &Deal> {
        self.deals.iter().filter(|deal| deal.is_live(self.now))
    }

    pub(crate) fn live_deal(&self, sub_id: SubId) -> Option<&Deal> {
        self.live_deals().find(|deal| deal.record.sub_id == sub_id)
    }

    /// Bindings that somebody need remember: a route of theirs was not taken over, and they live
    /// or ended not too long ago.
    pub(crate) fn remembered(&self) -> usize {
        let is_remembered = |deal: &&Deal| self.is_remembered(deal);
        self.deals.iter().filter(is_remembered).count()
    }

    fn is_remembered(&self, deal: &Deal) -> bool {
        let recent = self.now < deal.record.live_until.plus_ms(self.remember_ms);
        let mut routes = deal.record.shape.routes(deal.record.x);
        recent
            && routes.any(|route| {
                self.holder(route.x, route.selector)
                    .is_some_and(|holder| std::ptr::eq(holder, deal))
            })
    }

    /// The last binding of the pair, if it is remembered.
    pub(crate) fn last_of_pair(&self, a: PartyKey, b: Option<PartyKey>) -> Option<&Deal> {
        self.last_ever_of_pair(a, b)
            .filter(|deal| self.is_remembered(deal))
    }

    /// The last binding of the pair.
    pub(crate) fn last_ever_of_pair(&self, a: PartyKey, b: Option<PartyKey>) -> Option<&Deal> {
        self.deals.iter().rev().find(|deal| deal.is_of_pair(a, b))
    }

    /// Whether the record may be claimed while `replaced` gives its routes up.
    pub(crate) fn check(
        &self,
        record: &Record,
        rules: ClaimRules,
        replaced: Option<SubId>,
    ) -> Result<(), ClaimRefusal> {
        let mut without = self.clone();
        if let Some(sub_id) = replaced {
            without.deals.retain(|deal| {
                deal.record.sub_id != sub_id || !deal.is_live(self.now) // history stays
            });
        }
        let load = without.load(record.x);
        if load.ax + load.axb >= rules.bindings_per_number_max {
            return Err(ClaimRefusal::AtCap);
        }
        if excludes(load, record.shape.mode(), record.exclusive) {
            return Err(ClaimRefusal::KindConflict);
        }
        for route in record.shape.routes(record.x) {
            let own = self
                .holder(route.x, route.selector)
                .is_some_and(|deal| Some(deal.record.sub_id) == replaced && deal.is_live(self.now));
            if own {
                continue;
            }
            let selector = route.selector;
            match self.stand(route.x, selector) {
                RouteStanding::Live { sub_id: by, .. } => {
                    return Err(ClaimRefusal::Held { by, selector });
                }
                RouteStanding::Ended { callee, at, .. }
                    if callee != route.callee
                        && self.now.unix_ms() - at.unix_ms() < rules.quarantine_ms =>
                {
                    return Err(ClaimRefusal::Quarantined {
                        selector,
                        ended_at: at,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Notes a claim that was granted; routes of live bindings must never overlap.
    pub(crate) fn claim(&mut self, record: Record, replaced: Option<SubId>) {
        if let Some(sub_id) = replaced {
            self.end(sub_id, true);
        }
        for route in record.shape.routes(record.x) {
            let rival = self
                .live_deals()
                .find(|deal| deal.callee_of(route.x, route.selector).is_some());
            assert!(
                rival.is_none(),
                "{route:?} was claimed while {rival:?} holds it"
            );
        }
        self.deals.push(Deal {
            record,
            ended_by_hand: false,
            replaced: false,
        });
    }

    /// Ends a live binding now; false if it is not live.
    pub(crate) fn release(&mut self, sub_id: SubId) -> bool {
        self.end(sub_id, false)
    }

    fn end(&mut self, sub_id: SubId, replaced: bool) -> bool {
        let now = self.now;
        let mut deals = self.deals.iter_mut();
        let found = deals.find(|deal| deal.record.sub_id == sub_id && deal.is_live(now));
        let Some(deal) = found else {
            return false;
        };
        deal.record.live_until = now;
        deal.ended_by_hand = !replaced;
        deal.replaced = replaced;
        true
    }

    /// Moves the end of a live binding; false if it is not live.
    pub(crate) fn set_live_until(&mut self, sub_id: SubId, until: Timestamp) -> bool {
        let now = self.now;
        let mut deals = self.deals.iter_mut();
        let found = deals.find(|deal| deal.record.sub_id == sub_id && deal.is_live(now));
        let Some(deal) = found else {
            return false;
        };
        deal.record.live_until = until;
        // An end that is moved to now or before is the client's doing, not the clock's.
        deal.ended_by_hand = until <= now;
        true
    }

    /// Where a call goes: to whoever has the caller's own route, else the extension's, else any
    /// caller's; but past a route that ended within the quarantine only to the same person.
    pub(crate) fn resolve(
        &self,
        x: PhoneNumber,
        caller: Option<PartyKey>,
        extension: Option<Extension>,
        quarantine_ms: i64,
    ) -> Resolution {
        let has_extensions = self
            .live_deals()
            .any(|deal| deal.record.x == x && matches!(deal.record.shape, Shape::Axne { .. }));
        let mut questions = Vec::new();
        questions.extend(caller.map(Selector::Caller));
        questions.extend(extension.map(Selector::Extension));
        questions.push(Selector::Any);
        let mut closed: Option<(SubId, PartyKey)> = None;
        for selector in questions {
            let must_ask = has_extensions && extension.is_none() && closed.is_none();
            if selector == Selector::Any && must_ask {
                return Resolution::AskExtension;
            }
            match self.stand(x, selector) {
                RouteStanding::Live { sub_id, callee } => {
                    if closed.is_none_or(|(_, last)| last == callee) {
                        return Resolution::Connect { sub_id, callee };
                    }
                }
                RouteStanding::Ended { sub_id, callee, at } => {
                    let recent = self.now.unix_ms() - at.unix_ms() < quarantine_ms;
                    if recent && closed.is_none() {
                        closed = Some((sub_id, callee));
                    }
                }
                RouteStanding::Free => {}
            }
        }
        match closed {
            Some((sub_id, _)) => Resolution::Ended { sub_id },
            None => Resolution::NoBinding,
        }
    }

    /// Why a number does not fit a selection; the first reason in the documented order.
    pub(crate) fn verdict(
        &self,
        wanted: &Wanted,
        x: PhoneNumber,
        enabled: bool,
        quarantine_ms: i64,
    ) -> Result<(), Obstacle> {
        if !enabled || wanted.never.contains(&Some(x)) {
            return Err(Obstacle::Disabled);
        }
        let load = self.load(x);
        if load.ax + load.axb >= wanted.rules.bindings_per_number_max {
            return Err(Obstacle::AtCap);
        }
        if excludes(load, wanted.shape.mode(), wanted.exclusive) {
            return Err(Obstacle::KindConflict);
        }
        let live = |selector| matches!(self.stand(x, selector), RouteStanding::Live { .. });
        let mut routes = wanted.shape.routes(x);
        if let Some(held) = routes.find(|route| live(route.selector)) {
            return Err(match held.selector {
                Selector::Caller(party) if party == wanted.shape.a() => Obstacle::HeldByA,
                Selector::Caller(_) => Obstacle::HeldByB,
                Selector::Any | Selector::Extension(_) => Obstacle::HeldByAx,
            });
        }
        let closed = wanted.shape.routes(x).any(|route| {
            matches!(
                self.stand(x, route.selector),
                RouteStanding::Ended { callee, at, .. }
                    if callee != route.callee
                        && self.now.unix_ms() - at.unix_ms() < quarantine_ms
            )
        });
        if closed {
            return Err(Obstacle::Quarantined);
        }
        Ok(())
    }

    /// When a route of the request last ended on the number.
    pub(crate) fn last_used(&self, wanted: &Wanted, x: PhoneNumber) -> Option<Timestamp> {
        let ends = wanted.shape.routes(x);
        ends.filter_map(|route| match self.stand(route.x, route.selector) {
            RouteStanding::Ended { at, .. } => Some(at),
            _ => None,
        })
        .max()
    }
}

/// Whether AX and AXB may not meet on a number that carries `load`.
fn excludes(load: Load, mode: Mode, exclusive: bool) -> bool {
    let (others, others_exclusive) = if matches!(mode, Mode::Ax | Mode::Axn) {
        (load.axb, load.axb_exclusive)
    } else {
        (load.ax, load.ax_exclusive)
    };
    (exclusive && others > 0) || others_exclusive > 0
}

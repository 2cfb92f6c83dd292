//! What one node alone would do: a pool as a value, judged by the domain's own rules.
//!
//! The whole pool is one object, which says more than an object for each (X, selector) and each
//! binding: moves from X to X, refusals of a whole pool and quotas are judged as well. An answer
//! that refuses one number may name any obstacle that is true at that moment, whatever their order.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use axbridge_domain::{
    binding::{Mode, SubId},
    city_order::Tier,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{PoolNo, PoolRules},
    refusal::Tally,
    route::Selector,
    route_table::{Load, Resolution, RouteStanding, resolve_standings},
    selection::{Wanted, judge},
    time::Timestamp,
};
use axbridge_store::{
    error::{BindRefusal, ChangeRefusal, NumberRefusal},
    model::{BindingChange, CallRoute},
};

use crate::{
    checker::{Effect, Event},
    held::{Held, party, wish},
};

/// Who holds a route, or held it last.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Entry {
    sub_id: SubId,
    callee: PartyKey,
    live_until: Timestamp,
}

/// A pool with all that was ever bound in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct World {
    numbers: Vec<PhoneNumber>,
    pool: PoolNo,
    rules: Rules,
    disabled: BTreeSet<PhoneNumber>,
    bindings: BTreeMap<SubId, Held>,
    routes: BTreeMap<(PhoneNumber, Selector), Entry>,
    answered: BTreeMap<u32, Held>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "a world with {:?} disabled, bindings", self.disabled)?;
        for held in self.bindings.values() {
            writeln!(f, "  {held:?}")?;
        }
        writeln!(f, "and routes")?;
        for ((x, selector), entry) in &self.routes {
            let (x, callee) = (x.last4(), entry.callee.as_bytes()[15]);
            let caller = match selector {
                Selector::Caller(caller) => format!("{:02x}", caller.as_bytes()[15]),
                _ => "any".to_owned(),
            };
            let (by, until) = (entry.sub_id, entry.live_until);
            writeln!(
                f,
                "  {x} from {caller} to {callee:02x} by {by} until {until:?}"
            )?;
        }
        Ok(())
    }
}

/// The rules that the histories' pools set themselves; the rest is as usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Rules {
    pub(crate) quarantine_ms: i64,
    pub(crate) quarantine_min_ms: i64,
    pub(crate) bindings_per_number_max: u32,
}

impl Rules {
    pub(crate) fn of_pool(self) -> PoolRules {
        PoolRules {
            quarantine_ms: self.quarantine_ms,
            quarantine_min_ms: self.quarantine_min_ms,
            bindings_per_number_max: self.bindings_per_number_max,
            ..PoolRules::default()
        }
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Bind {
        /// This X, or any.
        x: Option<PhoneNumber>,
        a: PhoneNumber,
        b: Option<PhoneNumber>,
        exclusive: bool,
        expires_at: Timestamp,
        key: Option<u32>,
        live_max: Option<u64>,
    },
    Unbind(SubId),
    Update(SubId, BindingChange),
    Upgrade(SubId, PhoneNumber),
    Dial {
        x: PhoneNumber,
        caller: PhoneNumber,
    },
    Show(SubId),
    Enable(PhoneNumber, bool),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Bound(Held),
    Replayed(Held),
    NotBound(BindRefusal),
    Done,
    Changed(Held),
    NotChanged(ChangeRefusal),
    Routed(CallRoute),
    Shown(Option<Held>),
}

/// A question and its answer.
#[derive(Debug, Clone)]
pub(crate) struct Talk {
    pub(crate) call: Call,
    pub(crate) answer: Answer,
}

impl Event<World> for Talk {
    fn effect(&self, world: &World, now: Timestamp, counted: Timestamp) -> Effect<World> {
        let moment = Moment { now, counted };
        let answer = &self.answer;
        match &self.call {
            Call::Bind { .. } => world.bind(&self.call, answer, moment),
            Call::Unbind(sub_id) => world.unbind(*sub_id, answer, now),
            Call::Update(sub_id, change) => world.update(*sub_id, change, answer, moment),
            Call::Upgrade(sub_id, b) => world.upgrade(*sub_id, *b, answer, moment),
            Call::Dial { x, caller } => looks(world.routes_to(*x, *caller, answer, now)),
            Call::Show(sub_id) => {
                looks(*answer == Answer::Shown(world.bindings.get(sub_id).copied()))
            }
            Call::Enable(x, enabled) => world.enable(*x, *enabled, answer),
        }
    }

    fn only_looks(&self) -> bool {
        !matches!(
            self.answer,
            Answer::Bound(_) | Answer::Done | Answer::Changed(_)
        )
    }
}

/// When something is judged.
#[derive(Clone, Copy)]
struct Moment {
    now: Timestamp,
    /// As of when live bindings are counted.
    counted: Timestamp,
}

fn looks<S>(fits: bool) -> Effect<S> {
    if fits {
        Effect::Nothing
    } else {
        Effect::Impossible
    }
}

impl World {
    pub(crate) fn new(numbers: Vec<PhoneNumber>, pool: PoolNo, rules: Rules) -> Self {
        Self {
            numbers,
            pool,
            rules,
            disabled: BTreeSet::new(),
            bindings: BTreeMap::new(),
            routes: BTreeMap::new(),
            answered: BTreeMap::new(),
        }
    }

    fn stand(&self, x: PhoneNumber, selector: Selector, now: Timestamp) -> RouteStanding {
        match self.routes.get(&(x, selector)) {
            None => RouteStanding::Free,
            Some(entry) if now < entry.live_until => RouteStanding::Live {
                sub_id: entry.sub_id,
                callee: entry.callee,
            },
            Some(entry) => RouteStanding::Ended {
                sub_id: entry.sub_id,
                callee: entry.callee,
                at: entry.live_until,
            },
        }
    }

    fn live(&self, now: Timestamp) -> impl Iterator<Item = &Held> {
        self.bindings.values().filter(move |held| held.is_live(now))
    }

    /// The live bindings of a number, leaving out one that is to be replaced.
    fn load(&self, x: PhoneNumber, without: Option<SubId>, now: Timestamp) -> Load {
        let mut load = Load::default();
        let own = self.live(now).filter(|held| held.x == x);
        for held in own.filter(|held| Some(held.sub_id) != without) {
            let flag = u32::from(held.exclusive);
            if held.b.is_some() {
                load.axb += 1;
                load.axb_exclusive += flag;
            } else {
                load.ax += 1;
                load.ax_exclusive += flag;
            }
        }
        load
    }

    /// Everything that keeps `wish` from its routes.
    fn obstacles(
        &self,
        wish: &Held,
        replacing: Option<SubId>,
        Moment { now, counted }: Moment,
    ) -> Vec<NumberRefusal> {
        let mut found = Vec::new();
        let load = self.load(wish.x, replacing, counted);
        if load.live() >= self.rules.bindings_per_number_max {
            found.push(NumberRefusal::AtCap);
        }
        if !load.admits(wish.shape().mode(), wish.exclusive) {
            found.push(NumberRefusal::KindConflict);
        }
        for route in wish.routes() {
            let standing = self.stand(wish.x, route.selector, now);
            match standing {
                RouteStanding::Live { sub_id, .. } if Some(sub_id) == replacing => {}
                RouteStanding::Live { sub_id, .. } => found.push(NumberRefusal::Conflict {
                    by: sub_id,
                    by_ax: route.selector == Selector::Any,
                }),
                _ if !standing.may_be_claimed(route.callee, now, self.rules.quarantine_min_ms) => {
                    found.push(NumberRefusal::Quarantined);
                }
                _ => {}
            }
        }
        found
    }

    fn is_given_out(&self, x: PhoneNumber) -> bool {
        self.numbers.contains(&x) && !self.disabled.contains(&x)
    }

    /// The state with `held` in it, its routes pointing to it.
    fn with(mut self, held: Held) -> Self {
        for route in held.routes() {
            let entry = Entry {
                sub_id: held.sub_id,
                callee: route.callee,
                live_until: held.expires_at,
            };
            self.routes.insert((held.x, route.selector), entry);
        }
        self.bindings.insert(held.sub_id, held);
        self
    }

    /// The state with the routes of a binding ending at `until`.
    fn with_end(mut self, held: &Held, until: Timestamp) -> Self {
        for route in held.routes() {
            let entry = self.routes.get_mut(&(held.x, route.selector));
            if let Some(entry) = entry.filter(|entry| entry.sub_id == held.sub_id) {
                entry.live_until = until;
            }
        }
        self
    }

    fn bind(&self, call: &Call, answer: &Answer, moment: Moment) -> Effect<World> {
        let Call::Bind {
            x,
            a,
            b,
            exclusive,
            expires_at,
            key,
            live_max,
        } = call
        else {
            return Effect::Impossible;
        };
        let earlier = key.and_then(|key| self.answered.get(&key));
        if let Some(earlier) = earlier {
            return looks(*answer == Answer::Replayed(*earlier));
        }
        let is_full = live_max.is_some_and(|max| self.live(moment.counted).count() as u64 >= max);
        match answer {
            Answer::NotBound(BindRefusal::LiveBindingQuota) => looks(is_full),
            Answer::NotBound(BindRefusal::Number(refusal)) => looks(
                x.is_some_and(|x| self.deserves(&wish(x, *a, *b, *exclusive), refusal, moment)),
            ),
            Answer::NotBound(BindRefusal::NoneEligible(refusal)) => {
                let tally = self.tally(&wish(*a, *a, *b, *exclusive), moment);
                looks(x.is_none() && refusal.places == [(Tier::WholePool, tally)])
            }
            Answer::Bound(held) => {
                let expected = Held {
                    sub_id: held.sub_id,
                    created_at: moment.now,
                    expires_at: *expires_at,
                    ..wish(x.unwrap_or(held.x), *a, *b, *exclusive)
                };
                let may = !is_full
                    && *held == expected
                    && self.is_given_out(held.x)
                    && !held.has_equal_numbers()
                    && !self.bindings.contains_key(&held.sub_id)
                    && self.obstacles(held, None, moment).is_empty();
                if !may {
                    return Effect::Impossible;
                }
                let mut after = self.clone().with(*held);
                after.answered.extend(key.map(|key| (key, *held)));
                Effect::Becomes(after)
            }
            _ => Effect::Impossible,
        }
    }

    /// Whether a refusal of one number tells the truth.
    fn deserves(&self, wish: &Held, refusal: &NumberRefusal, moment: Moment) -> bool {
        match refusal {
            NumberRefusal::NotInPool => !self.numbers.contains(&wish.x),
            NumberRefusal::Disabled => self.disabled.contains(&wish.x) || wish.has_equal_numbers(),
            other => self.obstacles(wish, None, moment).contains(other),
        }
    }

    /// How the whole pool stands for a wish, whatever its X.
    fn tally(&self, wish: &Held, Moment { now, counted }: Moment) -> Tally {
        let wanted = Wanted {
            pool: self.pool,
            tiers: vec![Tier::WholePool],
            shape: wish.shape(),
            exclusive: wish.exclusive,
            rules: self.rules.of_pool(),
            never: [Some(wish.a), wish.b],
        };
        let mut tally = Tally::default();
        for x in &self.numbers {
            let verdict = judge(
                &wanted,
                *x,
                self.is_given_out(*x),
                self.load(*x, None, counted),
                |route| self.stand(route.x, route.selector, now),
                now,
                self.rules.quarantine_min_ms,
            );
            tally.count(verdict.map(|_| ()));
        }
        tally
    }

    fn unbind(&self, sub_id: SubId, answer: &Answer, now: Timestamp) -> Effect<World> {
        let held = self.bindings.get(&sub_id).filter(|held| held.is_live(now));
        match (held, answer) {
            (Some(held), Answer::Done) => Effect::Becomes(self.without(held, now)),
            (None, Answer::NotChanged(ChangeRefusal::NoSuchBinding)) => Effect::Nothing,
            _ => Effect::Impossible,
        }
    }

    /// The state after a live binding was ended.
    fn without(&self, held: &Held, now: Timestamp) -> World {
        let mut after = self.clone().with_end(held, now);
        let ended_at = Some(now);
        after
            .bindings
            .insert(held.sub_id, Held { ended_at, ..*held });
        after
    }

    fn update(
        &self,
        sub_id: SubId,
        change: &BindingChange,
        answer: &Answer,
        moment: Moment,
    ) -> Effect<World> {
        let now = moment.now;
        let Some(old) = self.bindings.get(&sub_id).filter(|held| held.is_live(now)) else {
            return looks(*answer == Answer::NotChanged(ChangeRefusal::NoSuchBinding));
        };
        let mut new = *old;
        match change {
            BindingChange::ExpiresAt(moment) => {
                new.expires_at = *moment;
                if *answer != Answer::Changed(new) {
                    return Effect::Impossible;
                }
                let mut after = self.clone().with_end(old, *moment);
                after.bindings.insert(sub_id, new);
                return Effect::Becomes(after);
            }
            BindingChange::PhoneA(a) => new.a = *a,
            BindingChange::PhoneB(_) if old.b.is_none() => {
                return looks(*answer == Answer::NotChanged(ChangeRefusal::WrongMode));
            }
            BindingChange::PhoneB(b) => new.b = Some(*b),
            BindingChange::PhoneX(x) => new.x = *x,
            _ => return Effect::Impossible,
        }
        match self.replaces(old, &new, answer, moment) {
            Some(effect) => effect,
            None => Effect::Becomes(self.clone().with_end(old, now).with(new)),
        }
    }

    fn upgrade(
        &self,
        sub_id: SubId,
        b: PhoneNumber,
        answer: &Answer,
        moment: Moment,
    ) -> Effect<World> {
        let now = moment.now;
        let Some(ax) = self.bindings.get(&sub_id).filter(|held| held.is_live(now)) else {
            return looks(*answer == Answer::NotChanged(ChangeRefusal::NoSuchBinding));
        };
        if ax.shape().mode() != Mode::Ax {
            return looks(*answer == Answer::NotChanged(ChangeRefusal::WrongMode));
        }
        let new_id = match answer {
            Answer::Changed(held) if !self.bindings.contains_key(&held.sub_id) => held.sub_id,
            Answer::Changed(_) => return Effect::Impossible,
            _ => ax.sub_id,
        };
        let new = Held {
            sub_id: new_id,
            b: Some(b),
            created_at: now,
            ..*ax
        };
        match self.replaces(ax, &new, answer, moment) {
            Some(effect) => effect,
            None => Effect::Becomes(self.without(ax, now).with(new)),
        }
    }

    /// Judges an answer to a request that `new` take the place of `old`; `None` when it was
    /// granted and rightly so.
    fn replaces(
        &self,
        old: &Held,
        new: &Held,
        answer: &Answer,
        moment: Moment,
    ) -> Option<Effect<World>> {
        if new.has_equal_numbers() {
            let fits = *answer == Answer::NotChanged(ChangeRefusal::SameNumber);
            return Some(looks(fits));
        }
        let is_disabled = new.x != old.x && !self.is_given_out(new.x);
        let obstacles = self.obstacles(new, Some(old.sub_id), moment);
        match answer {
            Answer::NotChanged(ChangeRefusal::Number(NumberRefusal::Disabled)) => {
                Some(looks(self.disabled.contains(&new.x)))
            }
            Answer::NotChanged(ChangeRefusal::Number(refusal)) => {
                Some(looks(obstacles.contains(refusal)))
            }
            Answer::Changed(held) if held == new && obstacles.is_empty() && !is_disabled => None,
            _ => Some(Effect::Impossible),
        }
    }

    fn routes_to(
        &self,
        x: PhoneNumber,
        caller: PhoneNumber,
        answer: &Answer,
        now: Timestamp,
    ) -> bool {
        let Answer::Routed(route) = answer else {
            return false;
        };
        if self.disabled.contains(&x) {
            return matches!(route, CallRoute::NumberDisabled { .. });
        }
        let exact = self.stand(x, Selector::Caller(party(caller)), now);
        let any = self.stand(x, Selector::Any, now);
        let resolution = resolve_standings(exact, None, any, false, now, self.rules.quarantine_ms);
        match (resolution, route) {
            (
                Resolution::Connect { sub_id, callee },
                CallRoute::Connect {
                    binding,
                    callee: rung,
                },
            ) => {
                let known = self.bindings.get(&sub_id);
                known == Some(&Held::of(binding)) && callee == party(*rung)
            }
            (Resolution::Ended { sub_id }, CallRoute::Ended { sub_id: told, .. }) => {
                sub_id == *told
            }
            (Resolution::NoBinding, CallRoute::NoBinding { .. }) => true,
            _ => false,
        }
    }

    fn enable(&self, x: PhoneNumber, enabled: bool, answer: &Answer) -> Effect<World> {
        if *answer != Answer::Done {
            return Effect::Impossible;
        }
        let mut after = self.clone();
        if enabled {
            after.disabled.remove(&x);
        } else {
            after.disabled.insert(x);
        }
        Effect::Becomes(after)
    }
}

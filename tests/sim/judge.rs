//! Who says what must be true: every answer is held against the brute-force oracle, and so is
//! everything that a caller could notice, after every step.
//!
//! The judge hears of a batch when a client does, or when the disk has it; it never looks at how
//! the store decides.

use std::collections::HashMap;

use axbridge_domain::{
    binding::{Mode, SubId},
    city_order::{CityWish, Tier, city_order},
    draft::ClaimRules,
    numbering::Numbering,
    phone::PhoneNumber,
    pool::{Policy, PoolRules},
    refusal::{Refusal, Tally},
    route_table::Record,
    selection::Wanted,
    time::Timestamp,
};

use crate::{
    cast,
    disk::{Kept, Stored},
    oracle::{Deal, Oracle},
    request::{Answer, Bind, Change, Parties, Request, What, Why, Wish},
};

/// What is amiss, in words.
pub(crate) type Verdict = Result<(), String>;

/// More ended bindings than this are dropped once nobody need remember them.
const DEALS_KEPT: usize = 4;

/// How many bindings of the past are looked at now and then.
const RECENT_MAX: usize = 12;

/// How long things last where the history plays.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub(crate) remember_ms: i64,
    pub(crate) keys_kept_ms: i64,
    /// How far ahead an `ExpireTime` must be, where anybody asks.
    pub(crate) lead_ms: Option<i64>,
    /// Milliseconds to the unit of the cast's rules.
    pub(crate) scale: i64,
}

pub(crate) struct Judge {
    pub(crate) oracle: Oracle,
    pub(crate) terms: Terms,
    pub(crate) rules: [PoolRules; cast::POOL_OWNERS.len()],
    /// Numbers of each pool in import order, and whether each is enabled.
    pub(crate) lists: [Vec<(usize, bool)>; cast::POOL_OWNERS.len()],
    kept: Vec<Kept>,
    made: HashMap<SubId, Stored>,
    /// The ends that clients made, as they were written, of those that a restart met.
    ends: HashMap<SubId, Timestamp>,
    /// The newest bindings, in the order they were made.
    recent: Vec<SubId>,
    /// Whose cities decide where nobody names one; without it the whole pool is looked at.
    numbering: Option<Numbering>,
    /// The latest moment that the store was told of.
    pub(crate) served_at: Timestamp,
    /// The latest moment that the disk was told of.
    pub(crate) durable_at: Timestamp,
}

/// A breach unless the condition holds.
macro_rules! must {
    ($condition:expr, $($what:tt)+) => {
        if !$condition {
            return Err(format!($($what)+));
        }
    };
}
pub(crate) use must;

impl Judge {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            oracle: Oracle::new(terms.remember_ms),
            terms,
            rules: [cast::rules(0, terms.scale); cast::POOL_OWNERS.len()],
            lists: Default::default(),
            kept: Vec::new(),
            made: HashMap::new(),
            ends: HashMap::new(),
            recent: Vec::new(),
            numbering: None,
            served_at: Timestamp::MIN,
            durable_at: Timestamp::MIN,
        }
    }

    /// Where nobody names a city, A's own counts.
    pub(crate) fn in_cities_of(mut self, numbering: Numbering) -> Self {
        self.numbering = Some(numbering);
        self
    }

    /// How many bindings were ever made.
    pub(crate) fn made(&self) -> usize {
        self.made.len()
    }

    /// The newest bindings, live or ended, as they were last acknowledged.
    pub(crate) fn recent(&self) -> impl Iterator<Item = &Stored> {
        self.recent
            .iter()
            .filter_map(|sub_id| self.made.get(sub_id))
    }

    /// A batch was served at this moment, for requests that were sent at `asked` or before.
    pub(crate) fn batch_at(&mut self, asked: Timestamp, at: Timestamp) -> Verdict {
        self.served_at = self.served_at.max(asked);
        must!(
            at == self.served_at,
            "a batch was judged at {at:?}, not at {:?}",
            self.served_at
        );
        Ok(())
    }

    /// A batch of this moment is on the disk.
    pub(crate) fn durable(&mut self, at: Timestamp) {
        self.durable_at = self.durable_at.max(at);
        let forgotten = self.durable_at.plus_ms(-self.terms.remember_ms);
        let deals = &mut self.oracle.deals;
        let is_old = |deal: &Deal| {
            // A later restart may believe in a later end, if that is what was written.
            let end = deal.record.live_until;
            let written = self.ends.get(&deal.record.sub_id);
            written.map_or(end, |written| end.max(*written)) <= forgotten
        };
        while deals.len() > DEALS_KEPT && deals.first().is_some_and(is_old) {
            deals.remove(0);
        }
        let oldest = self.durable_at.plus_ms(-self.terms.keys_kept_ms);
        self.kept.retain(|kept| kept.at > oldest);
    }

    /// A process that started at `now` knows what the disk held.
    pub(crate) fn restarted(&mut self, now: Timestamp) {
        self.restarted_at(now.max(self.durable_at));
    }

    /// A process that started knows nothing later than this moment. Ends that were written are
    /// over all the same.
    pub(crate) fn restarted_at(&mut self, moment: Timestamp) {
        self.served_at = moment;
        let deals = self.oracle.deals.iter_mut();
        for deal in deals.filter(|deal| deal.ended_by_hand) {
            let end = &mut deal.record.live_until;
            let written = self.ends.entry(deal.record.sub_id).or_insert(*end);
            *end = moment.min(*written);
        }
    }

    /// Judges one answer to a request that was sent at `asked`, and takes note of what it did.
    pub(crate) fn hear(
        &mut self,
        request: &Request,
        asked: Timestamp,
        answer: &Answer,
        at: Timestamp,
    ) -> Verdict {
        self.oracle.now = at;
        let judged = match &request.what {
            What::Bind(bind) => self.hear_bind(request, bind, asked, answer),
            What::Unbind(sub_id) => self.hear_unbind(request, *sub_id, answer),
            What::Update(sub_id, change) => {
                self.hear_update(request, *sub_id, *change, asked, answer)
            }
            What::Upgrade(sub_id, b) => self.hear_upgrade(request, *sub_id, *b, answer),
        };
        judged.map_err(|why| format!("{request:?} was answered {answer:?}: {why}"))
    }

    fn hear_bind(
        &mut self,
        request: &Request,
        bind: &Bind,
        asked: Timestamp,
        answer: &Answer,
    ) -> Verdict {
        let too_soon = self.terms.lead_ms;
        if too_soon.is_some_and(|lead| bind.until.ms_since(asked) <= lead) {
            return self.hear_late(request, bind, answer);
        }
        if bind.parties.b == Some(bind.parties.a) {
            return is_refused(answer, Why::SameNumber);
        }
        if let Wish::Named(number) = bind.wish
            && bind.parties.people().contains(&Some(cast::number(number)))
        {
            return is_refused(answer, Why::SameNumber);
        }
        if cast::POOL_OWNERS[bind.pool] != request.account {
            return is_refused(answer, Why::UnknownPool);
        }
        if !bind.dry_run
            && let Some(expected) = self.replay_of(request)
        {
            must!(*answer == expected, "the first answer was {expected:?}");
            return Ok(());
        }
        let x = match (answer, bind.dry_run) {
            (Answer::Bound { x, .. }, false) | (Answer::WouldBind(x), true) => Some(*x),
            (Answer::Refused(_), _) => None,
            _ => return Err("that is no answer to it".to_owned()),
        };
        match &bind.wish {
            Wish::Select { tiers, random } => {
                self.check_selected(request, bind, (tiers, *random), answer, x)?;
            }
            Wish::Named(number) => self.check_named(request, bind, *number, answer, x)?,
        }
        if let Answer::Bound { sub_id, x } = answer {
            let stored = Stored {
                sub_id: *sub_id,
                account: request.account,
                pool: bind.pool,
                x: *x,
                parties: bind.parties,
                exclusive: bind.exclusive,
                until: bind.until,
            };
            return self.note_bound(request, stored, None);
        }
        Ok(())
    }

    /// A bind that ends too soon is refused, but a retry of one that was answered in time is
    /// answered as it was then.
    fn hear_late(&self, request: &Request, bind: &Bind, answer: &Answer) -> Verdict {
        let own_pool = cast::POOL_OWNERS[bind.pool] == request.account;
        let same_number = bind.parties.b == Some(bind.parties.a)
            || matches!(bind.wish, Wish::Named(number)
                if bind.parties.people().contains(&Some(cast::number(number))));
        if !bind.dry_run
            && own_pool
            && !same_number
            && let Some(expected) = self.replay_of(request)
        {
            must!(*answer == expected, "the first answer was {expected:?}");
            return Ok(());
        }
        is_refused(answer, Why::TooSoon)
    }

    /// What a retry must be answered, if the key is known.
    fn replay_of(&self, request: &Request) -> Option<Answer> {
        let key = request.key?;
        let oldest = self.oracle.now.plus_ms(-self.terms.keys_kept_ms);
        let newest_first = self.kept.iter().rev();
        let kept = newest_first.filter(|kept| kept.at > oldest).find(|kept| {
            (kept.request.account, kept.request.key) == (request.account, Some(key))
        })?;
        Some(if kept.request == *request {
            let (sub_id, x) = (kept.sub_id, kept.x);
            Answer::Bound { sub_id, x }
        } else {
            Answer::Refused(Why::Mismatch)
        })
    }

    fn check_selected(
        &self,
        request: &Request,
        bind: &Bind,
        (tiers, random): (&[Tier], bool),
        answer: &Answer,
        x: Option<PhoneNumber>,
    ) -> Verdict {
        let mut rules = self.rules[bind.pool];
        if random {
            rules.policy = Policy::Random;
        }
        let wanted = Wanted {
            pool: cast::pool_no(bind.pool),
            tiers: self.tiers_of(bind, tiers),
            shape: bind.parties.shape(request.account),
            exclusive: bind.exclusive,
            rules,
            never: bind.parties.people(),
        };
        match x {
            Some(x) => self.check_choice(&wanted, bind.pool, x),
            None => {
                let [_, least] = wanted.quarantines_ms();
                let tally = |tier: &Tier| (*tier, self.tally(&wanted, bind.pool, *tier, least));
                let places: Vec<_> = wanted.tiers.iter().map(tally).collect();
                let none = places.iter().all(|(_, tally)| tally.eligible == 0);
                must!(none, "a number is eligible: {places:?}");
                is_refused(answer, Why::NoneEligible(Refusal { places }))
            }
        }
    }

    fn tiers_of(&self, bind: &Bind, tiers: &[Tier]) -> Vec<Tier> {
        let named = tiers.iter().any(|tier| tier.city().is_some());
        let Some(numbering) = self.numbering.as_ref().filter(|_| !named) else {
            return tiers.to_vec();
        };
        let [a, b] = bind.parties.people();
        let city_of = |number: Option<PhoneNumber>| number.and_then(|it| numbering.city_of(&it));
        let fallback = self.rules[bind.pool].city_fallback;
        let wish = CityWish::default();
        city_order(&wish, city_of(a), city_of(b), b.is_some(), fallback)
    }

    fn place(&self, pool: usize, tier: Tier) -> impl Iterator<Item = (PhoneNumber, bool)> {
        let here =
            move |number: usize| tier.city().is_none_or(|city| city == cast::city_of(number));
        let list = self.lists[pool].iter();
        list.filter(move |(number, _)| here(*number))
            .map(|(number, enabled)| (cast::number(*number), *enabled))
    }

    fn tally(&self, wanted: &Wanted, pool: usize, tier: Tier, quarantine_ms: i64) -> Tally {
        let mut tally = Tally::default();
        for (x, enabled) in self.place(pool, tier) {
            tally.count(self.oracle.verdict(wanted, x, enabled, quarantine_ms));
        }
        tally
    }

    /// The number must be eligible in the first place that has any, and be one that the policy
    /// may give.
    fn check_choice(&self, wanted: &Wanted, pool: usize, chosen: PhoneNumber) -> Verdict {
        let eligible = |tier: Tier, quarantine_ms| {
            let fits = |x, enabled| {
                self.oracle
                    .verdict(wanted, x, enabled, quarantine_ms)
                    .is_ok()
            };
            let all = self
                .place(pool, tier)
                .filter(|(x, enabled)| fits(*x, *enabled));
            let all: Vec<PhoneNumber> = all.map(|(x, _)| x).collect();
            (!all.is_empty()).then_some(all)
        };
        let mut quarantines = wanted.quarantines_ms().into_iter();
        let first = quarantines
            .find_map(|ms| wanted.tiers.iter().find_map(|tier| eligible(*tier, ms)))
            .unwrap_or_default();
        must!(first.contains(&chosen), "{chosen:?} is none of {first:?}");
        let policy = wanted.rules.policy;
        if policy == Policy::Random {
            return Ok(());
        }
        let (a, b) = (wanted.shape.a(), wanted.shape.b());
        let ever = self.oracle.last_ever_of_pair(a, b);
        // Whether a form that an update left behind counts as the pair's last is left open.
        let is_clear = ever.is_none_or(|deal| !deal.replaced);
        let last = self.oracle.last_of_pair(a, b).map(|deal| deal.record.x);
        match last.filter(|last| first.contains(last)) {
            Some(last) if is_clear => must!(chosen == last, "this pair had {last:?} last"),
            None if ever.is_none() => return self.check_policy(wanted, &first, chosen),
            _ => {}
        }
        Ok(())
    }

    /// The cast's pools are short enough to be looked at whole, so each policy has one best.
    fn check_policy(&self, wanted: &Wanted, all: &[PhoneNumber], chosen: PhoneNumber) -> Verdict {
        let used = |x: &PhoneNumber| self.oracle.last_used(wanted, *x);
        let live = |x: &PhoneNumber| self.oracle.load(*x).live();
        let is_best = match wanted.rules.policy {
            Policy::Pack => all.first() == Some(&chosen),
            Policy::Spread => all.iter().all(|x| live(&chosen) <= live(x)),
            Policy::Protect => all.iter().all(|x| used(&chosen) <= used(x)),
            Policy::Random => true,
        };
        must!(is_best, "{:?} does not give it", wanted.rules.policy);
        Ok(())
    }

    fn check_named(
        &self,
        request: &Request,
        bind: &Bind,
        number: usize,
        answer: &Answer,
        x: Option<PhoneNumber>,
    ) -> Verdict {
        let wanted = cast::number(number);
        must!(x.is_none_or(|x| x == wanted), "another number was named");
        let stored = Stored {
            sub_id: SubId::new(self.oracle.now, wanted, 0),
            account: request.account,
            pool: bind.pool,
            x: wanted,
            parties: bind.parties,
            exclusive: bind.exclusive,
            until: bind.until,
        };
        let expected = self
            .check_slot(bind.pool, number)
            .and_then(|()| self.check_claim(&stored.record(), bind.pool, None));
        agrees(expected, answer)
    }

    fn check_slot(&self, pool: usize, number: usize) -> Result<(), Why> {
        let mut list = self.lists[pool].iter();
        match list.find(|(known, _)| *known == number) {
            None => Err(Why::NotInPool),
            Some((_, false)) => Err(Why::Disabled),
            Some((_, true)) => Ok(()),
        }
    }

    fn check_claim(
        &self,
        record: &Record,
        pool: usize,
        replaced: Option<SubId>,
    ) -> Result<(), Why> {
        let rules = &self.rules[pool];
        let rules = ClaimRules {
            quarantine_ms: rules.quarantine_min_ms.min(rules.quarantine_ms),
            bindings_per_number_max: rules.bindings_per_number_max,
        };
        Ok(self.oracle.check(record, rules, replaced)?)
    }

    fn note_bound(&mut self, request: &Request, stored: Stored, ended: Option<SubId>) -> Verdict {
        let sub_id = stored.sub_id;
        must!(!self.made.contains_key(&sub_id), "{sub_id} is taken");
        self.oracle.claim(stored.record(), ended);
        if request.key.is_some() {
            self.kept.push(Kept {
                request: request.clone(),
                sub_id,
                x: stored.x,
                at: self.oracle.now,
            });
        }
        self.made.insert(sub_id, stored);
        if self.recent.len() == RECENT_MAX {
            self.recent.remove(0);
        }
        self.recent.push(sub_id);
        Ok(())
    }

    /// The binding, if it lives and is the account's.
    fn live(&self, request: &Request, sub_id: SubId) -> Result<Stored, Why> {
        let stored = self.made.get(&sub_id);
        stored
            .filter(|stored| stored.account == request.account)
            .filter(|_| self.oracle.live_deal(sub_id).is_some())
            .cloned()
            .ok_or(Why::NoSuchBinding)
    }

    fn hear_unbind(&mut self, request: &Request, sub_id: SubId, answer: &Answer) -> Verdict {
        let expected = self.live(request, sub_id).map(|_| ());
        if expected.is_ok() {
            self.oracle.release(sub_id);
        }
        agrees(expected, answer)
    }

    fn hear_update(
        &mut self,
        request: &Request,
        sub_id: SubId,
        change: Change,
        asked: Timestamp,
        answer: &Answer,
    ) -> Verdict {
        if let (Change::Until(until), Some(lead)) = (change, self.terms.lead_ms)
            && until.ms_since(asked) <= lead
        {
            return is_refused(answer, Why::TooSoon);
        }
        let expected = self.live(request, sub_id).and_then(|old| {
            let new = self.amended(&old, change)?;
            if !matches!(change, Change::Until(_)) {
                self.check_claim(&new.record(), new.pool, Some(sub_id))?;
            }
            Ok(new)
        });
        if let Ok(new) = &expected {
            if let Change::Until(until) = change {
                self.oracle.set_live_until(sub_id, until);
            } else {
                self.oracle.claim(new.record(), Some(sub_id));
            }
            self.made.insert(sub_id, new.clone());
        }
        agrees(expected.map(|_| ()), answer)
    }

    fn amended(&self, old: &Stored, change: Change) -> Result<Stored, Why> {
        let mut new = old.clone();
        match change {
            Change::Until(until) => {
                new.until = until;
                return Ok(new);
            }
            Change::A(a) => new.parties.a = a,
            Change::B(_) if old.parties.mode == Mode::Ax => return Err(Why::WrongMode),
            Change::B(b) => new.parties.b = Some(b),
            Change::X(number) => new.x = cast::number(number),
        }
        check_distinct(&new)?;
        if let Change::X(number) = change {
            self.check_slot(new.pool, number)?;
        }
        Ok(new)
    }

    fn hear_upgrade(&mut self, request: &Request, ax: SubId, b: usize, answer: &Answer) -> Verdict {
        if let Some(expected) = self.replay_of(request) {
            must!(*answer == expected, "the first answer was {expected:?}");
            return Ok(());
        }
        let expected = self.live(request, ax).and_then(|old| {
            if old.parties.mode != Mode::Ax {
                return Err(Why::WrongMode);
            }
            let mut new = old.clone();
            new.parties = Parties {
                mode: Mode::Axb,
                a: old.parties.a,
                b: Some(b),
            };
            check_distinct(&new)?;
            self.check_claim(&new.record(), new.pool, Some(ax))?;
            Ok(new)
        });
        match (expected, answer) {
            (Ok(mut new), Answer::Bound { sub_id, x }) => {
                must!(*x == new.x, "an upgrade keeps X");
                new.sub_id = *sub_id;
                self.note_bound(request, new, Some(ax))
            }
            (Ok(_), _) => Err("nothing stands in its way".to_owned()),
            (Err(why), _) => is_refused(answer, why),
        }
    }

    /// Whether a number is in its pool, and enabled.
    pub(crate) fn slot(&self, number: usize) -> Option<bool> {
        let mut list = self.lists[cast::NUMBER_POOLS[number]].iter();
        list.find(|(known, _)| *known == number)
            .map(|(_, enabled)| *enabled)
    }

    /// Where calls are judged: at the clock's moment, or the latest the store knows of.
    pub(crate) fn look_at(&mut self, clock: Timestamp) -> Timestamp {
        self.oracle.now = clock.max(self.served_at);
        self.oracle.now
    }
}

fn check_distinct(stored: &Stored) -> Result<(), Why> {
    let people = stored.parties.people();
    if people.contains(&Some(stored.x)) || stored.parties.b == Some(stored.parties.a) {
        return Err(Why::SameNumber);
    }
    Ok(())
}

fn agrees(expected: Result<(), Why>, answer: &Answer) -> Verdict {
    match expected {
        Err(why) => is_refused(answer, why),
        Ok(()) => {
            let refused = matches!(answer, Answer::Refused(_) | Answer::Unavailable);
            must!(!refused, "nothing stands in its way");
            Ok(())
        }
    }
}

fn is_refused(answer: &Answer, why: Why) -> Verdict {
    let expected = Answer::Refused(why);
    must!(*answer == expected, "it should be {expected:?}");
    Ok(())
}

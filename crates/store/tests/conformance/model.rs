//! Random histories against the brute-force oracle: whatever the store answers must be what the
//! oracle allows, at every step, over a reopening too.
//!
//! A failure prints its seed and step; the histories are the same in every run.

use std::collections::HashSet;

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, Shape, SubId},
    city_order::Tier,
    draft::{ClaimRefusal, ClaimRules},
    draws::Draws,
    inventory::NumberState,
    limits,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{Policy, PoolRules},
    refusal::Tally,
    route::Selector,
    route_table::{Record, Resolution, RouteStanding},
    selection::Wanted,
};
use axbridge_store::{
    error::{BindRefusal, ChangeRefusal, NumberRefusal},
    model::{
        BindCommand, BindingChange, BindingFilter, Bound, CallRoute, Placement, UpgradeCommand,
    },
};

use crate::{
    oracle::Oracle,
    world::{ALL, SECOND, World, a, at, city, main_pool, named_by, x},
};

scenarios!(
    histories_under_protect,
    histories_under_pack,
    histories_under_spread,
    histories_under_random,
);

async fn histories_under_protect(world: &mut World) {
    run(world, Policy::Protect, 0x5eed_0001).await;
}

async fn histories_under_pack(world: &mut World) {
    run(world, Policy::Pack, 0x5eed_0002).await;
}

async fn histories_under_spread(world: &mut World) {
    run(world, Policy::Spread, 0x5eed_0003).await;
}

async fn histories_under_random(world: &mut World) {
    run(world, Policy::Random, 0x5eed_0004).await;
}

const STEPS: usize = 800;
const NUMBERS: usize = 6;
const PARTIES: usize = 6;
const FULL_MS: i64 = 40 * SECOND;
const MIN_MS: i64 = 15 * SECOND;
const CAP: u32 = 3;

/// Says where a history was when it failed.
struct Place {
    seed: u64,
    step: usize,
}

impl Drop for Place {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {:#x}, step {}", self.seed, self.step);
        }
    }
}

struct Model<'world> {
    world: &'world mut World,
    oracle: Oracle,
    draws: Draws,
    rules: PoolRules,
    now_ms: i64,
    made: Vec<Binding>,
    disabled: HashSet<PhoneNumber>,
    unannounced: usize,
}

async fn run(world: &mut World, policy: Policy, seed: u64) {
    let numbers: Vec<_> = (0..NUMBERS as u64)
        .map(|index| (x(index), if index < 4 { "010" } else { "021" }))
        .collect();
    world.import(&numbers).await;
    let rules = PoolRules {
        policy,
        quarantine_ms: FULL_MS,
        quarantine_min_ms: MIN_MS,
        bindings_per_number_max: CAP,
        ..PoolRules::default()
    };
    world.set_rules(at(0), |stored| *stored = rules).await;
    let mut model = Model {
        world,
        oracle: Oracle::new(limits::REMEMBER_MS),
        draws: Draws::from_seed(seed),
        rules,
        now_ms: 0,
        made: Vec::new(),
        disabled: HashSet::new(),
        unannounced: 0,
    };
    let mut place = Place { seed, step: 0 };
    for step in 0..STEPS {
        place.step = step;
        model.step().await;
        if step % 100 == 50 {
            model.check_everything().await;
        }
        if step % 200 == 120 {
            let now = at(model.now_ms);
            model.world.reopen(now).await;
            model.check_everything().await;
        }
    }
    model.check_everything().await;
}

fn key_of(number: PhoneNumber) -> PartyKey {
    let mut digest = [0; 16];
    digest[8..].copy_from_slice(&number.to_bits().to_be_bytes());
    PartyKey::from_digest(digest)
}

fn shape_of(a: PhoneNumber, b: Option<PhoneNumber>) -> Shape {
    let a = key_of(a);
    match b {
        None => Shape::Ax { a },
        Some(b) => Shape::Axb { a, b: key_of(b) },
    }
}

fn record_of(binding: &Binding) -> Record {
    Record {
        sub_id: binding.sub_id,
        x: binding.x,
        shape: shape_of(binding.terms.a, binding.terms.b),
        exclusive: binding.terms.exclusive,
        live_until: binding.terms.expires_at,
    }
}

impl Model<'_> {
    fn below(&mut self, bound: usize) -> usize {
        self.draws.below(bound)
    }

    fn number(&mut self) -> PhoneNumber {
        x(self.below(NUMBERS) as u64)
    }

    fn party(&mut self) -> PhoneNumber {
        a(self.below(PARTIES) as u64)
    }

    async fn step(&mut self) {
        let wait_ms = [0, 0, 1, 700, 5 * SECOND, 9 * SECOND][self.below(6)];
        self.now_ms += wait_ms;
        self.unannounced += self.oracle.advance(at(self.now_ms)).len();
        match self.below(20) {
            0..7 => self.select().await,
            7..10 => self.bind_named().await,
            10..12 => self.unbind().await,
            12..16 => self.update().await,
            16 => self.upgrade().await,
            17 => self.toggle().await,
            18 => self.sweep().await,
            _ => self.now_ms += 20 * SECOND,
        }
        self.unannounced += self.oracle.advance(at(self.now_ms)).len();
        for _ in 0..2 {
            let (number, caller) = (self.number(), self.party());
            self.check_call(number, Some(caller)).await;
        }
        let number = self.number();
        self.check_load(number).await;
    }

    /// A command for some pair with some terms.
    fn command(&mut self) -> BindCommand {
        let (first, second) = (self.party(), self.party());
        let second = (second != first && self.below(4) > 0).then_some(second);
        let mut command = self.world.select(first, second);
        command.terms.expires_at = at(self.now_ms + 1 + self.below(90_000) as i64);
        command.terms.exclusive = self.below(8) == 0;
        command
    }

    async fn select(&mut self) {
        let mut command = self.command();
        let tiers = [
            vec![Tier::WholePool],
            vec![Tier::City(city("010"))],
            vec![Tier::City(city("021")), Tier::WholePool],
            vec![Tier::City(city("0755")), Tier::City(city("021"))],
        ];
        let tiers = tiers[self.below(4)].clone();
        let policy = (self.below(6) == 0).then_some(Policy::Random);
        let wanted = Wanted {
            pool: main_pool(),
            tiers: tiers.clone(),
            shape: shape_of(command.terms.a, command.terms.b),
            exclusive: command.terms.exclusive,
            rules: PoolRules {
                policy: policy.unwrap_or(self.rules.policy),
                ..self.rules
            },
            never: [Some(command.terms.a), command.terms.b],
        };
        command.placement = Placement::Select { tiers, policy };
        match self.world.bind(command, at(self.now_ms)).await {
            Ok(Bound::New(binding)) => {
                self.check_choice(&wanted, binding.x);
                self.oracle.claim(record_of(&binding), None);
                self.made.push(binding);
            }
            Err(BindRefusal::NoneEligible(refusal)) => {
                let expected: Vec<_> = wanted
                    .tiers
                    .iter()
                    .map(|tier| (*tier, self.tally(&wanted, *tier)))
                    .collect();
                assert_eq!(refusal.places, expected);
                assert!(expected.iter().all(|(_, tally)| tally.eligible == 0));
            }
            other => panic!("answered otherwise: {other:?}"),
        }
    }

    fn place(tier: Tier) -> Vec<PhoneNumber> {
        let all = 0..NUMBERS as u64;
        let found = all.filter(|index| match tier {
            Tier::WholePool => true,
            Tier::City(wanted) => wanted == city(if *index < 4 { "010" } else { "021" }),
        });
        found.map(x).collect()
    }

    fn tally(&self, wanted: &Wanted, tier: Tier) -> Tally {
        let mut tally = Tally::default();
        for number in Self::place(tier) {
            let enabled = !self.disabled.contains(&number);
            tally.count(self.oracle.verdict(wanted, number, enabled, MIN_MS));
        }
        tally
    }

    /// The number must be eligible in the first place that has any, and be the one that the
    /// policy is bound to.
    fn check_choice(&self, wanted: &Wanted, chosen: PhoneNumber) {
        let eligible = |tier: &Tier, quarantine_ms| {
            let mut all = Self::place(*tier);
            all.retain(|number| {
                let enabled = !self.disabled.contains(number);
                let verdict = self.oracle.verdict(wanted, *number, enabled, quarantine_ms);
                verdict.is_ok()
            });
            (!all.is_empty()).then_some(all)
        };
        let first = [FULL_MS, MIN_MS]
            .into_iter()
            .find_map(|ms| wanted.tiers.iter().find_map(|tier| eligible(tier, ms)));
        let all = first.expect("the store bound, so something was eligible");
        assert!(all.contains(&chosen), "{chosen} is none of {all:?}");
        if wanted.rules.policy == Policy::Random {
            return;
        }
        let (a, b) = (wanted.shape.a(), wanted.shape.b());
        let ever = self.oracle.last_ever_of_pair(a, b);
        // Whether a form that an update left behind counts as the pair's last is left open.
        let is_clear = ever.is_none_or(|deal| !deal.replaced);
        let last = self.oracle.last_of_pair(a, b).map(|deal| deal.record.x);
        match last.filter(|last| all.contains(last)) {
            Some(last) if is_clear => assert_eq!(chosen, last, "the number this pair had last"),
            None if ever.is_none() && wanted.rules.policy == Policy::Pack => {
                assert_eq!(chosen, all[0], "the first in import order");
            }
            _ => {}
        }
    }

    async fn bind_named(&mut self) {
        let mut command = self.command();
        let number = self.number();
        command.placement = Placement::Named(number);
        let mut record = Record {
            sub_id: SubId::new(at(self.now_ms), number, 0),
            x: number,
            shape: shape_of(command.terms.a, command.terms.b),
            exclusive: command.terms.exclusive,
            live_until: command.terms.expires_at,
        };
        let expected = self.named_verdicts(&record, None);
        match self.world.bind(command, at(self.now_ms)).await {
            Ok(Bound::New(binding)) => {
                assert_eq!(expected, [], "bound all the same");
                record.sub_id = binding.sub_id;
                assert_eq!(record, record_of(&binding));
                self.oracle.claim(record, None);
                self.made.push(binding);
            }
            Err(BindRefusal::Number(refusal)) => {
                assert!(expected.contains(&refusal), "{refusal:?}, not {expected:?}");
            }
            other => panic!("answered otherwise: {other:?}"),
        }
    }

    /// Every truthful refusal of a named number; none when it may be taken. When several routes
    /// stand in the way the store may name any.
    fn named_verdicts(&self, record: &Record, replaced: Option<SubId>) -> Vec<NumberRefusal> {
        if self.disabled.contains(&record.x) {
            return vec![NumberRefusal::Disabled];
        }
        let rules = ClaimRules {
            quarantine_ms: MIN_MS,
            bindings_per_number_max: CAP,
        };
        match self.oracle.check(record, rules, replaced) {
            Ok(()) => vec![],
            Err(ClaimRefusal::AtCap) => vec![NumberRefusal::AtCap],
            Err(ClaimRefusal::KindConflict) => vec![NumberRefusal::KindConflict],
            Err(ClaimRefusal::Held { .. } | ClaimRefusal::Quarantined { .. }) => {
                let routes = record.shape.routes(record.x);
                routes
                    .filter_map(|route| match self.oracle.stand(route.x, route.selector) {
                        RouteStanding::Live { sub_id, .. } if Some(sub_id) != replaced => {
                            Some(NumberRefusal::Conflict {
                                by: sub_id,
                                by_ax: route.selector == Selector::Any,
                            })
                        }
                        standing @ RouteStanding::Ended { .. } => {
                            let closed =
                                !standing.may_be_claimed(route.callee, self.oracle.now, MIN_MS);
                            closed.then_some(NumberRefusal::Quarantined)
                        }
                        _ => None,
                    })
                    .collect()
            }
        }
    }

    /// One of the newest bindings, live or not.
    fn pick(&mut self) -> Option<usize> {
        let count = self.made.len();
        let back = self.below(count.clamp(1, 10));
        count.checked_sub(1 + back)
    }

    async fn unbind(&mut self) {
        let Some(index) = self.pick() else { return };
        let binding = self.made[index].clone();
        let answer = self.world.unbind(&binding, at(self.now_ms)).await;
        if self.oracle.release(binding.sub_id) {
            assert_eq!(answer, Ok(()));
            self.made[index].ended_at = Some(at(self.now_ms));
        } else {
            assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
        }
    }

    async fn update(&mut self) {
        let Some(index) = self.pick() else { return };
        let before = self.made[index].clone();
        let mut after = before.clone();
        let (party, number) = (self.party(), self.number());
        let change = match self.below(4) {
            0 => {
                after.terms.a = party;
                BindingChange::PhoneA(party)
            }
            1 => {
                after.terms.b = Some(party);
                BindingChange::PhoneB(party)
            }
            2 => {
                after.x = number;
                after.x_city = Some(city(if number < x(4) { "010" } else { "021" }));
                BindingChange::PhoneX(number)
            }
            _ => {
                let until = at(self.now_ms + 1 + self.below(90_000) as i64);
                after.terms.expires_at = until;
                BindingChange::ExpiresAt(until)
            }
        };
        let is_disabled = self.disabled.contains(&before.x) || self.disabled.contains(&after.x);
        let moves_nothing = after == before;
        if moves_nothing || (is_disabled && !matches!(change, BindingChange::ExpiresAt(_))) {
            return; // What these mean is for other scenarios.
        }
        let answer = self
            .world
            .update(&before, change.clone(), at(self.now_ms))
            .await;
        if self.oracle.live_deal(before.sub_id).is_none() {
            assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
        } else if let BindingChange::ExpiresAt(until) = change {
            assert_eq!(answer.as_ref(), Ok(&after));
            self.oracle.set_live_until(before.sub_id, until);
            self.made[index] = after;
        } else if matches!(change, BindingChange::PhoneB(_)) && before.terms.b.is_none() {
            assert_eq!(answer, Err(ChangeRefusal::WrongMode));
        } else if after.terms.b == Some(after.terms.a) {
            assert_eq!(answer, Err(ChangeRefusal::SameNumber));
        } else {
            self.check_reclaim(answer, after, before.sub_id, index);
        }
    }

    fn check_reclaim(
        &mut self,
        answer: Result<Binding, ChangeRefusal>,
        after: Binding,
        replaced: SubId,
        index: usize,
    ) {
        let record = record_of(&after);
        let expected = self.named_verdicts(&record, Some(replaced));
        match answer {
            Ok(binding) => {
                assert_eq!(expected, [], "changed all the same");
                assert_eq!(binding, after);
                self.oracle.claim(record, Some(replaced));
                self.made[index] = after;
            }
            Err(ChangeRefusal::Number(refusal)) => {
                assert!(expected.contains(&refusal), "{refusal:?}, not {expected:?}");
            }
            Err(other) => panic!("answered otherwise: {other:?}"),
        }
    }

    async fn upgrade(&mut self) {
        let Some(index) = self.pick() else { return };
        let ax = self.made[index].clone();
        let partner = self.party();
        if self.disabled.contains(&ax.x) {
            return;
        }
        let command = UpgradeCommand {
            ax: named_by(&ax),
            b: partner,
            display: None,
            user_data: None,
            out_id: None,
            idempotency: None,
            nonce: self.draws.next_u64() as u32,
        };
        let answer = self.world.store.upgrade(command, at(self.now_ms)).await;
        let answer = answer.expect("the store works");
        if self.oracle.live_deal(ax.sub_id).is_none() {
            assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
        } else if ax.terms.b.is_some() {
            assert_eq!(answer, Err(ChangeRefusal::WrongMode));
        } else if partner == ax.terms.a {
            assert_eq!(answer, Err(ChangeRefusal::SameNumber));
        } else {
            let mut after = ax.clone();
            after.terms.b = Some(partner);
            after.created_at = at(self.now_ms);
            if let Ok(binding) = &answer {
                assert_ne!(binding.sub_id, ax.sub_id);
                after.sub_id = binding.sub_id;
                self.made[index].ended_at = Some(at(self.now_ms));
                self.made.push(after.clone());
            }
            let place = self.made.len() - 1;
            self.check_reclaim(answer, after, ax.sub_id, place);
        }
    }

    async fn toggle(&mut self) {
        let number = self.number();
        let state = if self.disabled.remove(&number) {
            NumberState::Enabled
        } else if self.disabled.len() < 2 {
            self.disabled.insert(number);
            NumberState::UserDisabled
        } else {
            return;
        };
        let account = Some(AccountId::DEFAULT);
        let now = at(self.now_ms);
        let set = self
            .world
            .store
            .set_number_states(account, &[number], state, false, now)
            .await;
        assert_eq!(set.expect("the store works"), Ok(()));
    }

    async fn sweep(&mut self) {
        let announced = self.world.sweep(at(self.now_ms)).await;
        assert_eq!(announced, self.unannounced as u64, "expiries announced");
        self.unannounced = 0;
        let live = self.world.store.live_bindings(at(self.now_ms)).await;
        let expected = self.oracle.live_deals().count() as u64;
        assert_eq!(live.expect("the store works"), expected);
    }

    async fn check_call(&self, number: PhoneNumber, caller: Option<PhoneNumber>) {
        let answer = self.world.call(number, caller, at(self.now_ms)).await;
        let account = AccountId::DEFAULT;
        if self.disabled.contains(&number) {
            assert_eq!(answer, CallRoute::NumberDisabled { account });
            return;
        }
        let resolved = self
            .oracle
            .resolve(number, caller.map(key_of), None, FULL_MS);
        match (resolved, answer) {
            (
                Resolution::Connect { sub_id, callee },
                CallRoute::Connect {
                    binding,
                    callee: rung,
                },
            ) => {
                assert_eq!((binding.sub_id, key_of(rung)), (sub_id, callee));
            }
            (Resolution::Ended { sub_id }, answer) => {
                assert_eq!(answer, CallRoute::Ended { sub_id, account });
            }
            (Resolution::NoBinding, answer) => {
                assert_eq!(answer, CallRoute::NoBinding { account });
            }
            (expected, answer) => panic!("{answer:?}, not {expected:?}"),
        }
    }

    async fn check_load(&self, number: PhoneNumber) {
        let load = self.world.load(number, at(self.now_ms)).await;
        assert_eq!(load, self.oracle.load(number));
    }

    async fn check_everything(&self) {
        for number in (0..NUMBERS as u64).map(x) {
            self.check_load(number).await;
            self.check_call(number, None).await;
            for caller in (0..PARTIES as u64).map(a) {
                self.check_call(number, Some(caller)).await;
            }
        }
        for binding in self.made.iter().rev().take(30) {
            assert_eq!(&self.world.shown(binding, at(self.now_ms)).await, binding);
        }
        let live = BindingFilter {
            live: Some(true),
            ..BindingFilter::default()
        };
        let account = AccountId::DEFAULT;
        let listed = self
            .world
            .store
            .list_bindings(account, &live, ALL, at(self.now_ms))
            .await;
        let listed = listed.expect("the store works");
        let listed: HashSet<_> = listed.rows.iter().map(|binding| binding.sub_id).collect();
        let live = self.oracle.live_deals().map(|deal| deal.record.sub_id);
        assert_eq!(listed, live.collect());
    }
}

//! Memory rebuilt from rows equals the memory that wrote them, whatever happened before.

use std::collections::BTreeMap;

use axbridge_domain::{
    binding::Mode,
    draws::Draws,
    route::Selector,
    route_table::{Load, RouteStanding},
};

use super::*;
use crate::{
    model::{BindingChange, Topic, UpgradeCommand},
    sealed::shape_of,
};
use axbridge_domain::city_order::Tier;

const PARTIES: u64 = 7;
const STEPS: u32 = 1500;
const REOPEN_EVERY: u32 = 75;

/// How every (X, selector) stands, every load, and how many are live.
type Memory = (Vec<RouteStanding>, Vec<Load>, usize, usize);

fn memory(store: &SqliteStore, keys: &Keyring, now: Timestamp) -> Memory {
    let state = store.inner.shared.look().expect("open");
    let parties = (0..PARTIES).map(|index| keys.party_key(ACCOUNT, party(index)));
    let selectors: Vec<Selector> = parties
        .map(Selector::Caller)
        .chain([Selector::Any])
        .collect();
    let stand = |number: u64| {
        let routes = &state.routes;
        selectors
            .iter()
            .map(move |selector| routes.stand(x(number), *selector, now))
    };
    (
        (0..NUMBERS).flat_map(stand).collect(),
        (0..NUMBERS).map(|n| state.routes.load(x(n))).collect(),
        state.routes.live(),
        state.routes.remembered(),
    )
}

struct History {
    store: SqliteStore,
    draws: Draws,
    now: i64,
    bindings: Vec<Binding>,
    /// How often each kind of step had an effect.
    done: BTreeMap<&'static str, u32>,
}

impl History {
    fn party(&mut self) -> PhoneNumber {
        party(self.draws.below(PARTIES as usize) as u64)
    }

    fn number(&mut self) -> PhoneNumber {
        x(self.draws.below(NUMBERS as usize) as u64)
    }

    fn pick(&mut self) -> Option<BindingRef> {
        // Of the latest, so that it is often a live one.
        let back = self.draws.below(self.bindings.len().min(12));
        self.bindings.iter().rev().nth(back).map(reference)
    }

    async fn step(&mut self, nonce: u32) {
        self.now += self.draws.below(3) as i64 * 1000;
        let effect = match self.draws.below(10) {
            0..=3 => self.bind(nonce).await.then_some("bound"),
            4..=5 => self.unbind().await.then_some("unbound"),
            6..=8 => self.update().await,
            _ => self.upgrade(nonce).await.then_some("upgraded"),
        };
        if let Some(effect) = effect {
            *self.done.entry(effect).or_default() += 1;
        }
    }

    async fn bind(&mut self, nonce: u32) -> bool {
        let (a, b) = (self.party(), self.party());
        let b = (self.draws.below(4) > 0 && a != b).then_some(b);
        let placement = if self.draws.below(2) == 0 {
            Placement::Named(self.number())
        } else {
            Placement::Select {
                tiers: vec![Tier::WholePool],
                policy: None,
            }
        };
        let mut bind = command(a, b, placement, nonce);
        bind.terms.expires_at = at(self.now + 1 + self.draws.below(90_000) as i64);
        bind.terms.exclusive = self.draws.below(8) == 0;
        match self.store.bind(bind, at(self.now)).await.expect("store") {
            Ok(Bound::New(binding)) => {
                self.bindings.push(binding);
                true
            }
            _ => false,
        }
    }

    async fn unbind(&mut self) -> bool {
        let Some(binding) = self.pick() else {
            return false;
        };
        let outcome = self.store.unbind(binding, at(self.now)).await;
        outcome.expect("store").is_ok()
    }

    async fn update(&mut self) -> Option<&'static str> {
        let binding = self.pick()?;
        let until = at(self.now + 1 + self.draws.below(60_000) as i64);
        let (change, name) = match self.draws.below(5) {
            0 => (BindingChange::PhoneA(self.party()), "new A"),
            1 => (BindingChange::PhoneB(self.party()), "new B"),
            2 => (BindingChange::PhoneX(self.number()), "new X"),
            3 => (BindingChange::ExpiresAt(until), "new end"),
            _ => (BindingChange::OutId(Some("7".to_owned())), "new id"),
        };
        let outcome = self.store.update_binding(binding, change, at(self.now));
        outcome.await.expect("store").is_ok().then_some(name)
    }

    async fn upgrade(&mut self, nonce: u32) -> bool {
        let axs = self.bindings.iter().rev().take(20);
        let ax = axs.filter(|b| b.mode() == Mode::Ax).map(reference).next();
        let Some(ax) = ax else {
            return false;
        };
        let command = UpgradeCommand {
            ax,
            b: self.party(),
            display: None,
            user_data: None,
            out_id: None,
            idempotency: None,
            nonce,
        };
        let outcome = self.store.upgrade(command, at(self.now)).await;
        match outcome.expect("store") {
            Ok(binding) => {
                self.bindings.push(binding);
                true
            }
            Err(_) => false,
        }
    }
}

/// Every binding ended exactly once, and never both ways.
async fn check_ends(history: &mut History) {
    let end = at(history.now + 10 * HOUR);
    history.store.sweep(end).await.expect("swept");
    let swept = history.store.sweep(end).await.expect("swept");
    assert_eq!(swept.expired, 0, "an expiry is announced once");
    let events = history.store.events(0, 1_000_000).await.expect("events");
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for event in events {
        if matches!(event.topic, Topic::BindingExpired | Topic::BindingUnbound) {
            *ends.entry(event.subject).or_default() += 1;
        }
    }
    assert_eq!(ends.len(), history.bindings.len());
    assert!(ends.values().all(|count| *count == 1));
}

async fn run(seed: u64) {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let options = StoreOptions {
        remember_ms: 40_000,
        ..StoreOptions::default()
    };
    let rules = PoolRules {
        quarantine_ms: 20_000,
        quarantine_min_ms: 5_000,
        bindings_per_number_max: 4,
        ..PoolRules::default()
    };
    let store = open_with(directory.path(), &keys, options, at(0)).await;
    fill(&store, rules).await;
    let mut history = History {
        store,
        draws: Draws::from_seed(seed),
        now: 1,
        bindings: Vec::new(),
        done: BTreeMap::new(),
    };
    for step in 0..STEPS {
        history.step(step).await;
        if step % REOPEN_EVERY == REOPEN_EVERY - 1 {
            let now = at(history.now);
            if history.draws.below(2) == 0 {
                history.store.sweep(now).await.expect("swept");
            }
            let live = history.store.live_bindings(now).await.expect("counted");
            let before = memory(&history.store, &keys, now);
            assert_eq!(before.2 as u64, live);
            history.store.close().await;
            history.store = open_with(directory.path(), &keys, options, now).await;
            assert_eq!(
                memory(&history.store, &keys, now),
                before,
                "seed {seed}, step {step}"
            );
        }
    }
    check_ends(&mut history).await;
    assert_eq!(
        history.done.len(),
        8,
        "every kind of step had an effect: {:?}",
        history.done
    );
    history.store.close().await;
}

#[tokio::test]
async fn reopening_after_any_history_changes_nothing() {
    for seed in 1..=3 {
        run(seed).await;
    }
}

#[tokio::test]
async fn the_shape_of_an_update_is_remembered_where_it_was_given_up() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let bind = command(party(1), Some(party(2)), Placement::Named(x(0)), 1);
    let binding = newly_bound(store.bind(bind, at(0)).await.expect("store"));
    let change = BindingChange::PhoneB(party(3));
    let changed = store.update_binding(reference(&binding), change, at(1000));
    changed.await.expect("store").expect("changed");
    store.close().await;
    let store = open(directory.path(), &keys, at(2000)).await;
    let shape = shape_of(&keys, ACCOUNT, party(1), Some(party(2)));
    let given_up = shape.route(x(0), 1).expect("B's route");
    let state = store.inner.shared.look().expect("open");
    let standing = state.routes.stand(x(0), given_up.selector, at(2000));
    assert_eq!(
        standing,
        RouteStanding::Ended {
            sub_id: binding.sub_id,
            callee: given_up.callee,
            at: at(1000)
        }
    );
}

#[tokio::test]
async fn what_was_unbound_stays_so_when_the_clock_was_set_back() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let bind = command(party(1), Some(party(2)), Placement::Named(x(0)), 1);
    let binding = newly_bound(store.bind(bind, at(1000)).await.expect("store"));
    let unbound = store.unbind(reference(&binding), at(HOUR)).await;
    assert_eq!(unbound.expect("store"), Ok(()));
    store.close().await;
    let store = open(directory.path(), &keys, at(500)).await;
    assert_eq!(store.live_bindings(at(500)).await.expect("counted"), 0);
    let swept = store.sweep(at(48 * HOUR)).await.expect("swept");
    assert_eq!(swept.expired, 0);
    store.close().await;
}

//! Everybody wants the same: one B, one X, the last numbers of a pool. On one embedded node, and on
//! one and two nodes of a shared database, with 64 and with 256 callers at once.
//!
//! What is bound only adds obstacles, so who was rightly refused at any moment of such a rush is
//! refused at its end as well: an exact scan of the final state must show no eligible number.

use std::collections::{HashMap, HashSet};

use axbridge_domain::{
    binding::{Binding, Mode},
    phone::PhoneNumber,
    pool::{Policy, PoolRules},
};
use axbridge_store::{
    Store,
    error::BindRefusal,
    model::{BindCommand, Bound, CallQuery, CallRoute, NumberFilter, Page},
};

use crate::{
    ask::command,
    model::Call,
    venue::{Engine, Venue, at, person, x},
};

const HOUR: i64 = 3_600_000;
const ENGINES: [Engine; 3] = [Engine::Embedded, Engine::Shared(1), Engine::Shared(2)];
const CALLERS: [u64; 2] = [64, 256];

/// A bind of caller number `index`, whose chance it is.
fn wish(index: u64, a: PhoneNumber, b: Option<PhoneNumber>, exclusive: bool) -> BindCommand {
    let call = Call::Bind {
        x: None,
        a,
        b,
        exclusive,
        expires_at: at(HOUR),
        key: None,
        live_max: None,
    };
    command(&call, index)
}

/// How a rush came out.
#[derive(Default)]
struct Outcome {
    bound: Vec<Binding>,
    refused: Vec<BindCommand>,
}

/// Sends all binds at once, in turn to each node; whatever is neither bound nor rightly refused
/// fails the test.
async fn rush(venue: &Venue, wishes: Vec<BindCommand>) -> Outcome {
    let callers: Vec<_> = wishes
        .into_iter()
        .zip(venue.nodes.iter().cycle().cloned())
        .map(|(wish, node)| {
            tokio::spawn(async move { (node.bind(wish.clone(), at(0)).await, wish) })
        })
        .collect();
    let mut outcome = Outcome::default();
    for caller in callers {
        match caller.await.expect("no panic") {
            (Ok(Ok(Bound::New(binding))), _) => outcome.bound.push(binding),
            (Ok(Err(BindRefusal::NoneEligible(_))), wish) => outcome.refused.push(wish),
            (other, _) => panic!("answered otherwise: {other:?}"),
        }
    }
    outcome
}

/// Fails when a route has two owners, a call goes elsewhere than it was answered, counts are
/// wrong, or a number would do for somebody who was refused.
async fn audit(what: &str, venue: &Venue, outcome: &Outcome) {
    let mut owners = HashSet::new();
    let mut loads: HashMap<PhoneNumber, u32> = HashMap::new();
    for (binding, node) in outcome.bound.iter().zip(venue.nodes.iter().cycle()) {
        *loads.entry(binding.x).or_default() += 1;
        for (caller, callee) in ends_of(binding) {
            let owner = (binding.x, caller);
            assert!(owners.insert(owner), "{what}: {owner:?} has two owners");
            let rung = rings(node, binding.x, caller).await;
            assert_eq!(rung, Some(callee), "{what}: {binding:?}");
        }
    }
    let page = Page {
        offset: 0,
        limit: 1_000,
    };
    let all = NumberFilter::default();
    let numbers = venue.nodes[0].list_numbers(&all, page, at(0));
    for row in numbers.await.expect("the store works").rows {
        let expected = loads.get(&row.x).copied().unwrap_or_default();
        assert_eq!(row.load.live(), expected, "{what}: {:?}", row.x);
        let excluded = row.load.ax_exclusive > 0 && row.load.axb > 0
            || row.load.axb_exclusive > 0 && row.load.ax > 0;
        assert!(!excluded, "{what}: {:?}", row.load);
    }
    for (wish, node) in outcome.refused.iter().zip(venue.nodes.iter().cycle()) {
        let scan = node.explain(wish, at(0)).await.expect("the store works");
        let scan = scan.expect("the pool exists");
        assert_eq!(scan.places[0].1.eligible, 0, "{what}: {scan}");
    }
}

/// Who may call X by a binding, and whom they reach; `None` is anybody.
fn ends_of(binding: &Binding) -> Vec<(Option<PhoneNumber>, PhoneNumber)> {
    let a = binding.terms.a;
    match binding.terms.b {
        Some(b) => vec![(Some(a), b), (Some(b), a)],
        None => vec![(None, a)],
    }
}

async fn rings(node: &Store, x: PhoneNumber, caller: Option<PhoneNumber>) -> Option<PhoneNumber> {
    let query = CallQuery {
        x,
        caller,
        extension: None,
    };
    match node.route_call(query, at(0)).await {
        Ok(CallRoute::Connect { callee, .. }) => Some(callee),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn around_one_b_a_pool_is_given_out_to_its_last_number() {
    for (engine, callers) in everywhere() {
        // A few numbers short, and just enough.
        for numbers in [callers - 9, callers] {
            let what = format!("{engine:?}, {callers} callers, {numbers} numbers");
            let Some(venue) = Venue::open(engine, numbers, PoolRules::default()).await else {
                continue;
            };
            let b = person(10_000);
            let wishes = (0..callers).map(|index| wish(index, person(index), Some(b), false));
            let outcome = rush(&venue, wishes.collect()).await;
            assert_eq!(outcome.bound.len() as u64, callers.min(numbers), "{what}");
            audit(&what, &venue, &outcome).await;
            venue.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_number_is_filled_to_its_cap() {
    for (engine, callers) in everywhere() {
        let what = format!("{engine:?}, {callers} callers");
        let cap = callers - 20;
        let rules = PoolRules {
            bindings_per_number_max: cap as u32,
            ..PoolRules::default()
        };
        let Some(venue) = Venue::open(engine, 1, rules).await else {
            continue;
        };
        let wishes = (0..callers).map(|index| {
            let (a, b) = (person(2 * index), person(2 * index + 1));
            wish(index, a, Some(b), false)
        });
        let outcome = rush(&venue, wishes.collect()).await;
        assert_eq!(outcome.bound.len() as u64, cap, "{what}");
        assert!(outcome.bound.iter().all(|binding| binding.x == x(0)));
        audit(&what, &venue, &outcome).await;
        venue.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_that_race_for_the_same_numbers_never_meet_where_one_excludes_the_other() {
    for (engine, callers) in everywhere() {
        let what = format!("{engine:?}, {callers} callers");
        let rules = PoolRules {
            policy: Policy::Random,
            bindings_per_number_max: 6,
            ..PoolRules::default()
        };
        let Some(venue) = Venue::open(engine, callers / 8, rules).await else {
            continue;
        };
        let wishes = (0..callers).map(|index| {
            let b = (index % 3 > 0).then(|| person(20_000 + index));
            wish(index, person(index), b, index % 4 == 0)
        });
        let outcome = rush(&venue, wishes.collect()).await;
        let some_are = |mode| outcome.bound.iter().any(|binding| binding.mode() == mode);
        assert!(some_are(Mode::Ax) && some_are(Mode::Axb), "{what}");
        assert!(!outcome.refused.is_empty(), "{what}");
        audit(&what, &venue, &outcome).await;
        venue.close().await;
    }
}

/// Each caller holds one number around the same B, gives it back and takes another, in a pool with
/// as many numbers as callers and no quarantine: there always is one that is free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_refused_while_numbers_change_hands_in_a_pool_at_its_bound() {
    const TURNS: u64 = 3;
    for (engine, callers) in everywhere() {
        let rules = PoolRules {
            quarantine_ms: 0,
            quarantine_min_ms: 0,
            ..PoolRules::default()
        };
        let Some(venue) = Venue::open(engine, callers, rules).await else {
            continue;
        };
        let tasks: Vec<_> = venue
            .nodes
            .iter()
            .cycle()
            .cloned()
            .zip(0..callers)
            .map(|(node, index)| tokio::spawn(takes_turns(node, index, TURNS)))
            .collect();
        let mut outcome = Outcome::default();
        for task in tasks {
            outcome.bound.push(task.await.expect("no refusal"));
        }
        audit(&format!("{engine:?}, {callers} callers"), &venue, &outcome).await;
        venue.close().await;
    }
}

/// Binds and unbinds in turn; keeps the last binding.
async fn takes_turns(node: Store, index: u64, turns: u64) -> Binding {
    let b = Some(person(10_000));
    for turn in 0.. {
        // Another A each time, so that nobody just takes back what they had.
        let a = person(index + turn * 1_000);
        let bound = node
            .bind(wish(index + turn * 1_000, a, b, false), at(0))
            .await;
        let Ok(Ok(Bound::New(binding))) = bound else {
            panic!("caller {index}, turn {turn}: {bound:?}");
        };
        if turn + 1 == turns {
            return binding;
        }
        let unbound = crate::ask::ask(&node, &Call::Unbind(binding.sub_id), 0, at(0)).await;
        assert_eq!(
            unbound.expect("the store works"),
            crate::model::Answer::Done
        );
    }
    unreachable!("the last turn returns")
}

fn everywhere() -> impl Iterator<Item = (Engine, u64)> {
    let with_callers = |engine| CALLERS.map(|callers| (engine, callers));
    ENGINES.into_iter().flat_map(with_callers)
}

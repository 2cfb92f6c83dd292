//! Two nodes that want the same at the same moment.

use std::collections::HashSet;

use axbridge_domain::{account::AccountId, binding::Binding, pool::PoolRules};
use axbridge_store::{
    error::{BindRefusal, NumberRefusal},
    model::{BindingRef, Bound, CallQuery, CallRoute, Placement, Topic},
};

use crate::nodes::{Answer, Database, HOUR, a, at, at_once, b, key, select, x};

fn new_ones(answers: &[Answer]) -> Vec<Binding> {
    let new = answers.iter().filter_map(|answer| match answer {
        Ok(Ok(Bound::New(binding))) => Some(binding.clone()),
        _ => None,
    });
    new.collect()
}

fn refusals(answers: &[Answer]) -> Vec<BindRefusal> {
    let refused = answers.iter().filter_map(|answer| match answer {
        Ok(Err(refusal)) => Some(refusal.clone()),
        _ => None,
    });
    refused.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn around_one_b_every_number_is_given_once_and_nobody_is_refused_too_soon() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(60, PoolRules::default()).await;
    let commands = (0..60)
        .map(|index| select(index, a(index.into()), Some(b(1))))
        .collect();
    let answers = at_once(&nodes, commands).await;
    let bound = new_ones(&answers);
    assert_eq!(bound.len(), 60, "{:?}", refusals(&answers));
    let numbers: HashSet<_> = bound.iter().map(|binding| binding.x).collect();
    assert_eq!(numbers.len(), 60);
    let late = at_once(&nodes, vec![select(99, a(99), Some(b(1)))]).await;
    let refused = refusals(&late);
    assert!(
        matches!(&refused[..], [BindRefusal::NoneEligible(why)] if why.places[0].1.held_by_b == 60),
        "{refused:?}"
    );
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_pair_on_one_named_number_is_bound_once() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(1, PoolRules::default()).await;
    let commands = (0..20)
        .map(|nonce| {
            let mut command = select(nonce, a(1), Some(b(1)));
            command.placement = Placement::Named(x(0));
            command
        })
        .collect();
    let answers = at_once(&nodes, commands).await;
    let bound = new_ones(&answers);
    assert_eq!(bound.len(), 1);
    let by = bound[0].sub_id;
    let expected = BindRefusal::Number(NumberRefusal::Conflict { by, by_ax: false });
    assert_eq!(refusals(&answers), vec![expected; 19]);
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cap_is_filled_and_never_exceeded() {
    let Some(database) = Database::make().await else {
        return;
    };
    let rules = PoolRules {
        bindings_per_number_max: 3,
        ..PoolRules::default()
    };
    let nodes = database.two_nodes(8, rules).await;
    let commands = (0..40)
        .map(|index| select(index, a(index.into()), Some(b(index.into()))))
        .collect();
    let answers = at_once(&nodes, commands).await;
    assert_eq!(new_ones(&answers).len(), 24);
    assert_eq!(refusals(&answers).len(), 16);
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kinds_that_exclude_each_other_never_meet() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(6, PoolRules::default()).await;
    let commands = (0..48)
        .map(|index| {
            let counterpart = (index % 2 == 0).then(|| b(index.into()));
            let mut command = select(index, a(index.into()), counterpart);
            command.terms.exclusive = true;
            command
        })
        .collect();
    let bound = new_ones(&at_once(&nodes, commands).await);
    let with = |ax: bool| -> HashSet<_> {
        let some = bound
            .iter()
            .filter(|binding| binding.terms.b.is_none() == ax);
        some.map(|binding| binding.x).collect()
    };
    assert!(!bound.is_empty());
    assert!(with(true).is_disjoint(&with(false)));
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_idempotency_key_makes_one_binding() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(10, PoolRules::default()).await;
    for round in 0..5u32 {
        let commands = (0..16)
            .map(|index| {
                let mut command = select(round * 100 + index, a(round.into()), Some(b(1)));
                command.idempotency = key(&format!("order {round}"));
                command
            })
            .collect();
        let answers = at_once(&nodes, commands).await;
        let bound = new_ones(&answers);
        assert_eq!(bound.len(), 1);
        let replayed = answers
            .iter()
            .filter(
                |answer| matches!(answer, Ok(Ok(Bound::Replayed(binding))) if *binding == bound[0]),
            )
            .count();
        assert_eq!(replayed, 15);
    }
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quota_of_live_bindings_is_the_accounts_over_all_nodes() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(40, PoolRules::default()).await;
    let commands = (0..40)
        .map(|index| {
            let mut command = select(index, a(index.into()), Some(b(index.into())));
            command.live_bindings_max = Some(25);
            command
        })
        .collect();
    let answers = at_once(&nodes, commands).await;
    assert_eq!(new_ones(&answers).len(), 25);
    assert_eq!(refusals(&answers), vec![BindRefusal::LiveBindingQuota; 15]);
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_acknowledged_every_other_sees_at_once() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(4, PoolRules::default()).await;
    let [here, there] = &nodes;
    for round in 0..10u32 {
        let answer = here.bind(select(round, a(1), Some(b(1))), at(0)).await;
        let Ok(Ok(Bound::New(binding))) = answer else {
            panic!("not bound: {answer:?}");
        };
        let query = CallQuery {
            x: binding.x,
            caller: Some(a(1)),
            extension: None,
        };
        let routed = there.route_call(query, at(0)).await.expect("works");
        assert!(
            matches!(routed, CallRoute::Connect { callee, .. } if callee == b(1)),
            "{routed:?}"
        );
        let named = BindingRef {
            account: AccountId::DEFAULT,
            pool: None,
            sub_id: binding.sub_id,
        };
        assert_eq!(there.unbind(named, at(0)).await.expect("works"), Ok(()));
        let routed = here.route_call(query, at(0)).await.expect("works");
        assert!(matches!(routed, CallRoute::Ended { .. }), "{routed:?}");
    }
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_sweep_together_announce_each_expiry_once() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(100, PoolRules::default()).await;
    let commands = (0..150)
        .map(|index| select(index, a(index.into()), Some(b(index.into()))))
        .collect();
    assert_eq!(new_ones(&at_once(&nodes, commands).await).len(), 150);
    let sweeps: Vec<_> = (0..6)
        .map(|index: usize| {
            let node = nodes[index % 2].clone();
            tokio::spawn(async move { node.sweep(at(HOUR)).await })
        })
        .collect();
    let mut announced = 0;
    for sweep in sweeps {
        announced += sweep.await.expect("no panic").expect("works").expired;
    }
    assert_eq!(announced, 150);
    let events = nodes[0].events(0, 1000).await.expect("works");
    let expired: HashSet<_> = events
        .iter()
        .filter(|event| event.topic == Topic::BindingExpired && event.at == at(HOUR))
        .map(|event| event.subject.clone())
        .collect();
    assert_eq!((events.len(), expired.len()), (300, 150));
    database.check(at(HOUR)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_the_events_misses_none() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(50, PoolRules::default()).await;
    let reader = nodes[1].clone();
    let following = tokio::spawn(async move {
        let (mut after, mut seen) = (0, Vec::new());
        while seen.len() < 200 {
            for event in reader.events(after, 7).await.expect("works") {
                assert!(event.id > after, "positions grow");
                after = event.id;
                seen.push(event.subject);
            }
        }
        seen
    });
    let mut bound = HashSet::new();
    for round in 0..10u32 {
        let commands = (0..20)
            .map(|index| round * 20 + index)
            .map(|index| select(index, a(index.into()), Some(b(index.into()))))
            .collect();
        let answers = at_once(&nodes, commands).await;
        bound.extend(new_ones(&answers).iter().map(|new| new.sub_id.to_string()));
    }
    let seen = following.await.expect("no panic");
    assert_eq!(seen.len(), 200);
    assert_eq!(seen.into_iter().collect::<HashSet<_>>(), bound);
    database.done(nodes).await;
}

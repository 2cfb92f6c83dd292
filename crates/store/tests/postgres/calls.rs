//! Calls that several nodes write into one database.

use axbridge_domain::{
    account::AccountId,
    call::{CallId, CallResult, Direction, ReleasedBy},
    pool::PoolRules,
};
use axbridge_store::{
    Store,
    model::{CallEnd, CallFilter, CallPlace, NewCall, Page, Topic},
};

use crate::nodes::{Database, a, at, x};

const ALL: Page = Page {
    offset: 0,
    limit: 500,
};

fn stray(nonce: u64) -> NewCall {
    NewCall {
        id: CallId::unbound(x(0), nonce),
        account: AccountId::DEFAULT,
        x: x(0),
        binding: None,
        caller: Some(a(1)),
        callee: None,
        direction: Direction::Other,
        record: false,
        trunk: "carrier".to_owned(),
        node: "node".to_owned(),
    }
}

async fn end(node: Store, call: CallId, result: CallResult) -> bool {
    let end = CallEnd {
        result,
        released_by: ReleasedBy::Platform,
        verification: None,
    };
    node.end_call(call, end, at(1)).await.expect("works")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_begin_a_month_at_once_agree_on_its_key() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(1, PoolRules::default()).await;
    let calls: Vec<NewCall> = (0..20).map(stray).collect();
    let mut begun = tokio::task::JoinSet::new();
    for (call, node) in calls.iter().cloned().zip(nodes.iter().cycle()) {
        let node = node.clone();
        begun.spawn(async move { node.begin_call(call, at(0)).await });
    }
    for done in begun.join_all().await {
        done.expect("the store works");
    }
    let by_number = CallFilter {
        party: Some(a(1)),
        ..CallFilter::default()
    };
    // A node that comes later knows the key from the database alone.
    for node in [&nodes[0], &nodes[1], &database.node().await] {
        let found = node.list_calls(&by_number, ALL).await.expect("works");
        assert_eq!(found.total, 20);
        assert!(found.rows.iter().all(|call| call.caller == Some(a(1))));
    }
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_nodes_that_end_a_call_one_does() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(1, PoolRules::default()).await;
    for nonce in 0..20 {
        let call = stray(nonce);
        let id = call.id;
        nodes[0].begin_call(call, at(0)).await.expect("works");
        let (one, two) = tokio::join!(
            end(nodes[0].clone(), id, CallResult::NoBinding),
            end(nodes[1].clone(), id, CallResult::PlatformError),
        );
        assert!(one != two, "one of the two ended it");
    }
    let events = nodes[0].events(0, 1_000).await.expect("works");
    let records = events.iter().filter(|it| it.topic == Topic::CallRecord);
    assert_eq!(records.count(), 20);
    database.done(nodes).await;
}

/// A call with a callee, on a node.
fn ringing(nonce: u64, node: &str) -> NewCall {
    NewCall {
        callee: Some(a(2)),
        node: node.to_owned(),
        ..stray(nonce)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_progress_count_over_all_nodes_that_are_alive() {
    const LONG_MS: u32 = 600_000;
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(1, PoolRules::default()).await;
    let trunk = |name: &str| CallPlace::Trunk(name.parse().expect("a name"));
    let places = [
        CallPlace::Account(AccountId::DEFAULT),
        CallPlace::X(AccountId::DEFAULT, x(0)),
        trunk("carrier"),
    ];
    let count = async |place: &CallPlace| nodes[0].calls_in(place, 100).await.expect("works");
    let all_are = async |wanted: u32| {
        for place in &places {
            assert_eq!(count(place).await, wanted, "{place:?}");
        }
    };
    for (nonce, node) in [(0, "one"), (1, "two"), (2, "two"), (3, "one")] {
        let call = ringing(nonce, node);
        nodes[nonce as usize % 2]
            .begin_call(call, at(0))
            .await
            .expect("works");
    }
    // Nobody rings by this one.
    nodes[0].begin_call(stray(9), at(0)).await.expect("works");
    all_are(0).await;
    nodes[0].keep_node("one", LONG_MS).await.expect("works");
    all_are(2).await;
    nodes[1].keep_node("two", LONG_MS).await.expect("works");
    all_are(4).await;
    let most = nodes[0].calls_in(&places[0], 3).await.expect("works");
    assert_eq!(most, 3);

    // A refused call leaves, an ended one too; a leg on another trunk counts there.
    let id = |nonce| CallId::unbound(x(0), nonce);
    nodes[1].leave_places(id(0)).await.expect("works");
    all_are(3).await;
    let other = trunk("other");
    let by = nodes[0].call_goes_by(id(1), Some("other")).await;
    by.expect("works");
    assert_eq!(count(&other).await, 1);
    let by = nodes[0].call_goes_by(id(1), Some("carrier")).await;
    by.expect("works");
    assert_eq!((count(&other).await, count(&places[2]).await), (0, 4));
    assert!(end(nodes[0].clone(), id(1), CallResult::Busy).await);
    all_are(2).await;

    // A node that gave no sign of life in time takes its calls along.
    nodes[0].keep_node("two", 0).await.expect("works");
    all_are(1).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_is_never_passed_by_calls_that_come_at_once() {
    const MOST: u32 = 5;
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(1, PoolRules::default()).await;
    nodes[0].keep_node("one", 600_000).await.expect("works");
    let place = CallPlace::X(AccountId::DEFAULT, x(0));
    let mut tries = tokio::task::JoinSet::new();
    for (nonce, node) in (0..40).zip(nodes.iter().cycle()) {
        let (node, place) = (node.clone(), place.clone());
        tries.spawn(async move {
            let call = ringing(nonce, "one");
            let id = call.id;
            node.begin_call(call, at(0)).await.expect("works");
            let found = node.calls_in(&place, MOST + 1).await.expect("works");
            if found > MOST {
                node.leave_places(id).await.expect("works");
            }
            u32::from(found <= MOST)
        });
    }
    let let_in: u32 = tries.join_all().await.iter().sum();
    assert!(let_in <= MOST, "{let_in}");
    let left = nodes[0].calls_in(&place, 100).await.expect("works");
    assert_eq!(left, let_in);
    database.done(nodes).await;
}

//! Calls that several nodes write into one database.

use axbridge_domain::{
    account::AccountId,
    call::{CallId, CallResult, Direction, ReleasedBy},
    pool::PoolRules,
};
use axbridge_store::{
    Store,
    model::{CallEnd, CallFilter, NewCall, Page, Topic},
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

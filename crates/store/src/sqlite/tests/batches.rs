//! A batch is committed whole or leaves no trace.

use tokio::task::JoinSet;

use super::*;
use crate::{
    error::StoreError,
    model::{BindingFilter, CallQuery, CallRoute, Page},
};

const ALL: Page = Page {
    offset: 0,
    limit: 100,
};

async fn routes_to_nobody(store: &SqliteStore, number: PhoneNumber, caller: PhoneNumber) -> bool {
    let query = CallQuery {
        x: number,
        caller: Some(caller),
        extension: None,
    };
    let route = store.route_call(query, at(1)).await.expect("looked at");
    matches!(route, CallRoute::NoBinding { .. })
}

#[tokio::test]
async fn a_failed_commit_leaves_nothing_and_the_next_one_succeeds() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &fresh_keys(), at(0)).await;
    fill(&store, PoolRules::default()).await;
    let kept = command(party(1), Some(party(2)), Placement::Named(x(0)), 1);
    let kept = newly_bound(store.bind(kept, at(0)).await.expect("store"));

    let saboteur = behind(directory.path());
    saboteur
        .execute_batch(
            "CREATE TRIGGER sabotage BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'no'); END; \
             CREATE TRIGGER more_of_it BEFORE INSERT ON binding BEGIN SELECT RAISE(ABORT, 'no'); END",
        )
        .expect("trigger");
    let failing = command(party(3), Some(party(4)), Placement::Named(x(1)), 2);
    let outcome = store.bind(failing.clone(), at(1)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    let outcome = store.unbind(reference(&kept), at(1)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert!(routes_to_nobody(&store, x(1), party(3)).await);
    assert!(!routes_to_nobody(&store, x(0), party(1)).await);
    let filter = BindingFilter::default();
    let listed = store.list_bindings(ACCOUNT, &filter, ALL, at(1)).await;
    assert_eq!(listed.expect("listed").total, 1);
    assert_eq!(store.live_bindings(at(1)).await.expect("counted"), 1);
    assert_eq!(store.counters().now().failed_commits, 2);

    saboteur
        .execute_batch("DROP TRIGGER sabotage; DROP TRIGGER more_of_it")
        .expect("dropped");
    newly_bound(store.bind(failing, at(1)).await.expect("store"));
    let ended = store.unbind(reference(&kept), at(1)).await.expect("store");
    assert_eq!(ended, Ok(()));
    store.close().await;
}

#[tokio::test]
async fn one_bad_row_does_not_fail_its_neighbours() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &fresh_keys(), at(0)).await;
    fill(&store, PoolRules::default()).await;
    let bad = command(party(1), Some(party(2)), Placement::Named(x(0)), 1);
    let bad = newly_bound(store.bind(bad, at(0)).await.expect("store"));
    behind(directory.path())
        .execute_batch("UPDATE binding SET sealed = x'00'")
        .expect("damaged");
    let change = crate::model::BindingChange::UserData(None);
    let good = command(party(3), Some(party(4)), Placement::Named(x(1)), 2);
    let (failed, bound) = tokio::join!(
        store.update_binding(reference(&bad), change, at(1)),
        store.bind(good, at(1)),
    );
    assert!(matches!(failed, Err(StoreError::Unreadable(_))));
    newly_bound(bound.expect("store"));
    store.close().await;
}

#[tokio::test]
async fn a_full_queue_answers_at_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = StoreOptions {
        queue_max: 1,
        batch_max: 1,
        ..StoreOptions::default()
    };
    let store = open_with(directory.path(), &fresh_keys(), options, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let holder = behind(directory.path());
    holder.execute_batch("BEGIN IMMEDIATE").expect("held");
    let mut binds = JoinSet::new();
    for index in 0..4u32 {
        let store = store.clone();
        let (a, b) = (u64::from(index), u64::from(index) + 10);
        let bind = command(party(a), Some(party(b)), Placement::Named(x(0)), index);
        binds.spawn(async move { store.bind(bind, at(1)).await });
    }
    // One is with the writer, one waits for it; the others are turned away.
    for _ in 0..2 {
        let answer = binds.join_next().await.expect("a task").expect("no panic");
        assert!(
            matches!(answer, Err(StoreError::Unavailable(text)) if text.contains("queue full"))
        );
    }
    holder.execute_batch("ROLLBACK").expect("released");
    let mut bound = 0;
    while let Some(answer) = binds.join_next().await {
        match answer.expect("no panic") {
            Ok(outcome) => {
                newly_bound(outcome);
                bound += 1;
            }
            Err(error) => assert!(error.to_string().contains("queue full")),
        }
    }
    assert!(bound >= 1);
    store.close().await;
}

#[tokio::test]
async fn after_an_unknown_outcome_nothing_is_written_but_calls_still_route() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let bind = command(party(1), Some(party(2)), Placement::Named(x(0)), 1);
    newly_bound(store.bind(bind.clone(), at(0)).await.expect("store"));
    store.inner.shared.set_broken("the disk failed".to_owned());
    assert!(matches!(
        store.ready().await,
        Err(StoreError::Unavailable(_))
    ));
    let outcome = store.bind(bind, at(1)).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))));
    assert!(!routes_to_nobody(&store, x(0), party(1)).await);
    store.close().await;
    let store = open(directory.path(), &keys, at(2)).await;
    assert_eq!(store.ready().await.ok(), Some(()));
    assert_eq!(store.live_bindings(at(2)).await.expect("counted"), 1);
    store.close().await;
}

#[tokio::test]
async fn dice_that_fall_alike_give_different_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    let store = open(directory.path(), &fresh_keys(), at(0)).await;
    fill(&store, PoolRules::default()).await;
    let same_nonce = |a, b| command(party(a), Some(party(b)), Placement::Named(x(0)), 7);
    let first = newly_bound(store.bind(same_nonce(1, 2), at(0)).await.expect("store"));
    let second = newly_bound(store.bind(same_nonce(3, 4), at(0)).await.expect("store"));
    assert_ne!(first.sub_id, second.sub_id);
    for binding in [first, second] {
        let found = store.binding(reference(&binding), at(0)).await;
        assert_eq!(found.expect("store"), Some(binding));
    }
    store.close().await;
}

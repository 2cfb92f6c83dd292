//! Connections that die in the middle of work.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use axbridge_domain::{account::AccountId, binding::Binding, pool::PoolRules};
use axbridge_store::{
    Store,
    error::StoreError,
    model::{BindingRef, Bound},
};

use crate::nodes::{Database, a, at, b, key, select};

const KILLS: usize = 25;

/// Ends all other sessions on the database, again and again, until told to stop.
async fn kill_sessions(client: tokio_postgres::Client, stop: Arc<AtomicBool>) -> usize {
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let mut rounds = 0;
    while rounds < KILLS && !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(std::time::Duration::from_millis(15)).await;
        client.execute(kill, &[]).await.expect("still connected");
        rounds += 1;
    }
    rounds
}

async fn stands(node: &Store, binding: &Binding) -> bool {
    let named = BindingRef {
        account: AccountId::DEFAULT,
        pool: None,
        sub_id: binding.sub_id,
    };
    for _ in 0..20 {
        match node.binding(named, at(0)).await {
            Ok(found) => return found.as_ref() == Some(binding),
            Err(StoreError::Unavailable(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store does not come back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_bind_is_lost_and_none_is_half_done() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(40, PoolRules::default()).await;
    let stop = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn(kill_sessions(database.client().await, Arc::clone(&stop)));
    let binders: Vec<_> = (0..8u32)
        .map(|task| {
            let node = nodes[(task % 2) as usize].clone();
            tokio::spawn(async move {
                let mut bound = Vec::new();
                for turn in 0..60u32 {
                    let number = u64::from(task * 1000 + turn);
                    let mut command = select(task * 1000 + turn, a(number), Some(b(number)));
                    command.idempotency = key(&number.to_string());
                    // A client retries with the same key until it hears something.
                    loop {
                        match node.bind(command.clone(), at(0)).await {
                            Ok(Ok(Bound::New(binding) | Bound::Replayed(binding))) => {
                                bound.push(binding);
                                break;
                            }
                            Err(StoreError::Unavailable(_)) => {}
                            other => panic!("neither bound nor unavailable: {other:?}"),
                        }
                    }
                }
                bound
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for binder in binders {
        acknowledged.extend(binder.await.expect("no panic"));
    }
    stop.store(true, Ordering::Relaxed);
    assert!(killer.await.expect("no panic") > 0);
    let ids: HashSet<_> = acknowledged.iter().map(|binding| binding.sub_id).collect();
    assert_eq!((acknowledged.len(), ids.len()), (480, 480));
    for binding in acknowledged.iter().step_by(16) {
        assert!(stands(&nodes[0], binding).await, "{}", binding.sub_id);
    }
    let client = database.client().await;
    let rows = client.query("SELECT sub_id FROM binding", &[]).await;
    let standing: HashSet<String> = rows
        .expect("a table")
        .iter()
        .map(|row| row.get(0))
        .collect();
    let expected: HashSet<String> = ids.iter().map(ToString::to_string).collect();
    assert_eq!(
        standing, expected,
        "one binding a key, and all that were acknowledged"
    );
    database.check(at(0)).await;
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unbind_that_was_acknowledged_stands_whatever_died() {
    let Some(database) = Database::make().await else {
        return;
    };
    let nodes = database.two_nodes(40, PoolRules::default()).await;
    let mut live = HashMap::new();
    for index in 0..60u32 {
        let command = select(index, a(index.into()), Some(b(index.into())));
        let Ok(Ok(Bound::New(binding))) = nodes[0].bind(command, at(0)).await else {
            panic!("not bound");
        };
        live.insert(binding.sub_id, binding);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let killer = tokio::spawn(kill_sessions(database.client().await, Arc::clone(&stop)));
    for sub_id in live.keys() {
        let named = BindingRef {
            account: AccountId::DEFAULT,
            pool: None,
            sub_id: *sub_id,
        };
        let mut unsure = false;
        let answer = loop {
            match nodes[1].unbind(named, at(1)).await {
                Ok(answer) => break answer,
                Err(StoreError::Unavailable(_)) => unsure = true,
                Err(error) => panic!("{error}"),
            }
        };
        // A try that was answered "unavailable" may be the one that did it.
        assert!(answer.is_ok() || unsure, "{answer:?}");
    }
    stop.store(true, Ordering::Relaxed);
    killer.await.expect("no panic");
    let client = database.client().await;
    let row = client
        .query_one(
            "SELECT count(*) FILTER (WHERE ended_at IS NULL), count(*) FILTER (WHERE counted),
                    (SELECT count(*) FROM outbox_entry WHERE topic = 'binding.unbound')
             FROM binding",
            &[],
        )
        .await
        .expect("a table");
    let found: (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
    assert_eq!(found, (0, 0, 60), "all ended, none counted, each told once");
    database.check(at(1)).await;
    database.done(nodes).await;
}

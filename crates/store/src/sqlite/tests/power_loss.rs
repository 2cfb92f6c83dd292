//! The files as a power cut would leave them: the log cut off anywhere.

use super::*;
use crate::model::{BindingFilter, Idempotency, Page, Topic};

const BINDS: u32 = 12;
const CUTS: u64 = 40;
const ALL: Page = Page {
    offset: 0,
    limit: 100,
};

async fn bind_all(store: &SqliteStore) -> Vec<Binding> {
    let mut bound = Vec::new();
    for index in 0..BINDS {
        let number = u64::from(index);
        let placement = Placement::Named(x(number % NUMBERS));
        let mut bind = command(party(number), Some(party(number + 100)), placement, index);
        bind.idempotency = Some(Idempotency {
            action: "Bind",
            key: format!("key {index}"),
            fingerprint: [0; 32],
        });
        let outcome = store.bind(bind, at(i64::from(index))).await;
        bound.push(newly_bound(outcome.expect("store")));
    }
    bound
}

/// What a start on these files finds, newest last.
async fn survivors(database: &[u8], log: &[u8], keys: &Arc<Keyring>) -> Vec<Binding> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    std::fs::write(path.join("axbridge.db"), database).expect("written");
    std::fs::write(path.join("axbridge.db-wal"), log).expect("written");
    let store = open(path, keys, at(HOUR)).await;
    let filter = BindingFilter::default();
    let listed = store.list_bindings(ACCOUNT, &filter, ALL, at(HOUR)).await;
    let mut bindings = listed.expect("listed").rows;
    bindings.reverse();
    let events = store.events(0, 100).await.expect("events");
    let announced = events.iter().filter(|e| e.topic == Topic::BindingBound);
    let announced: Vec<String> = announced.map(|event| event.subject.clone()).collect();
    let ids: Vec<String> = bindings.iter().map(|b| b.sub_id.to_string()).collect();
    assert_eq!(announced, ids, "each binding has its event");
    let keys: i64 = behind(path)
        .query_row("SELECT count(*) FROM idempotency", [], |row| row.get(0))
        .expect("counted");
    assert_eq!(keys, bindings.len() as i64, "each binding has its key");
    let live = store.live_bindings(at(HOUR)).await.expect("counted");
    assert_eq!(live, bindings.len() as u64, "each binding routes");
    store.close().await;
    bindings
}

#[tokio::test]
async fn what_survives_is_whole_and_nothing_acknowledged_is_missing() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    store.close().await;
    let store = open(directory.path(), &keys, at(0)).await;
    let bound = bind_all(&store).await;
    let read = |name: &str| std::fs::read(directory.path().join(name)).expect("read");
    // As kill -9 leaves them: nobody has closed anything.
    let (database, log) = (read("axbridge.db"), read("axbridge.db-wal"));
    assert_eq!(survivors(&database, &log, &keys).await, bound);
    let mut fewest = bound.len();
    for cut in (0..CUTS).rev() {
        let length = log.len() as u64 * cut / CUTS;
        let left = survivors(&database, &log[..length as usize], &keys).await;
        assert!(left.len() <= fewest, "a shorter log holds no more");
        assert_eq!(left, bound[..left.len()], "what was bound first stays");
        fewest = left.len();
    }
    assert_eq!(fewest, 0);
    store.close().await;
}

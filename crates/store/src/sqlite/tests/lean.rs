//! A directory of before bindings were their own event and had ids made of their place.

use super::*;
use crate::{
    model::{BindingChange, BindingFilter, CallQuery, CallRoute, Page, Topic},
    sealed::seal_parties,
};
use axbridge_domain::binding::SubId;
use rusqlite::{Connection, params};

const BEGIN: &str = include_str!("../../../migrations/sqlite/0001_begin.sql");
const OLD: u64 = 3;

/// Puts the tables back as the steps before 11 leave them, ids drawn at random and all.
fn as_before(directory: &Path, keys: &Keyring, bindings: &mut [Binding]) {
    const MOVE: &str =
        "DROP VIEW event; DROP INDEX binding_claim; ALTER TABLE binding RENAME TO lean;";
    const FILL: &str = "INSERT INTO binding SELECT seq, claim, sub_id, account, pool, x, x_city, a_key, \
         b_key, sealed, flags & ~64, expires_at, created_at, out_id, user_data, voice_code, order_id, \
         industrial_id FROM lean; DROP TABLE lean; \
         CREATE INDEX binding_claim ON binding (claim) WHERE claim IS NOT NULL; \
         ALTER TABLE delivery_cursor DROP COLUMN bound_after; \
         DELETE FROM schema_migration WHERE version = 11;";
    let database = behind(directory);
    database.execute_batch(MOVE).expect("moved");
    let from = BEGIN.find("CREATE TABLE binding (").expect("the table");
    let table = &BEGIN[from..];
    let until = table.find(") STRICT;").expect("its end") + ") STRICT;".len();
    database.execute_batch(&table[..until]).expect("made");
    database.execute_batch(FILL).expect("filled");
    for (index, binding) in bindings.iter_mut().enumerate() {
        let earlier = binding.sub_id.to_string();
        binding.sub_id = SubId::new(binding.created_at, binding.x, 0x0abc_def0 + index as u32);
        let sub_id = binding.sub_id.to_string();
        let sealed = seal_parties(keys, binding.sub_id, binding.terms.a, binding.terms.b);
        database
            .execute(
                "UPDATE binding SET sub_id = ?1, sealed = ?2 WHERE sub_id = ?3",
                params![sub_id, sealed.expect("sealed"), earlier],
            )
            .expect("drawn");
        database
            .execute(
                "INSERT INTO outbox (account, topic, subject, at) VALUES (?1, 'binding.bound', ?2, ?3)",
                params![ACCOUNT.number() as i64, sub_id, binding.created_at.unix_ms()],
            )
            .expect("told");
    }
}

async fn connects(store: &SqliteStore, binding: &Binding, now: Timestamp) -> bool {
    let query = CallQuery {
        x: binding.x,
        caller: Some(binding.terms.a),
        extension: None,
    };
    let route = store.route_call(query, now).await.expect("looked at");
    matches!(route, CallRoute::Connect { callee, .. } if Some(callee) == binding.terms.b)
}

async fn bound(store: &SqliteStore, index: u64, now: Timestamp) -> Binding {
    let (a, b) = (party(index), Some(party(index + 100)));
    let bind = command(a, b, Placement::Named(x(index)), 0);
    newly_bound(store.bind(bind, now).await.expect("store"))
}

#[tokio::test]
async fn bindings_of_before_are_found_routed_changed_and_told_once() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let store = open(directory.path(), &keys, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let mut old = Vec::new();
    for index in 0..OLD {
        old.push(bound(&store, index, at(0)).await);
    }
    store.close().await;
    as_before(directory.path(), &keys, &mut old);

    let store = open(directory.path(), &keys, at(1)).await;
    let new = bound(&store, OLD, at(1)).await;
    for binding in old.iter().chain([&new]) {
        let found = store.binding(reference(binding), at(1)).await;
        assert_eq!(found.expect("store").as_ref(), Some(binding));
        assert!(connects(&store, binding, at(1)).await);
        let filter = BindingFilter {
            sub_id: Some(binding.sub_id),
            ..BindingFilter::default()
        };
        let page = Page {
            offset: 0,
            limit: 9,
        };
        let listed = store.list_bindings(ACCOUNT, &filter, page, at(1)).await;
        let rows = listed.expect("listed").rows;
        assert_eq!(rows, std::slice::from_ref(binding));
    }
    let change = BindingChange::PhoneB(party(50));
    let updated = store
        .update_binding(reference(&old[0]), change, at(2))
        .await;
    old[0] = updated.expect("store").expect("live");
    let ended = store.unbind(reference(&old[1]), at(3)).await;
    assert_eq!(ended.expect("store"), Ok(()));
    store.close().await;

    let store = open(directory.path(), &keys, at(4)).await;
    let found = store.binding(reference(&old[0]), at(4)).await;
    assert_eq!(found.expect("store").as_ref(), Some(&old[0]));
    assert!(connects(&store, &old[0], at(4)).await);
    assert!(!connects(&store, &old[1], at(4)).await);
    let events = store.events(0, 100).await.expect("read");
    let of_bindings = events
        .into_iter()
        .filter(|event| event.topic.name().starts_with("binding."));
    let told: Vec<_> = of_bindings
        .map(|event| (event.topic, event.subject))
        .collect();
    let id = |binding: &Binding| binding.sub_id.to_string();
    let expected = [
        (Topic::BindingBound, id(&old[0])),
        (Topic::BindingBound, id(&old[1])),
        (Topic::BindingBound, id(&old[2])),
        (Topic::BindingBound, id(&new)),
        (Topic::BindingUpdated, id(&old[0])),
        (Topic::BindingUnbound, id(&old[1])),
    ];
    assert_eq!(told, expected);
    store.close().await;
}

#[tokio::test]
async fn the_event_of_a_binding_outlives_its_row() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = StoreOptions {
        remember_ms: HOUR,
        idempotency_ms: HOUR,
        ..StoreOptions::default()
    };
    let keys = fresh_keys();
    let store = open_with(directory.path(), &keys, options, at(0)).await;
    fill(&store, PoolRules::default()).await;
    let binding = bound(&store, 0, at(0)).await;
    store
        .unbind(reference(&binding), at(1))
        .await
        .expect("store")
        .expect("live");
    let told = store.events(0, 100).await.expect("read");
    let purged = store.purge_bindings(at(2 * HOUR), at(48 * HOUR)).await;
    assert_eq!(purged.expect("purged").rows, 1);
    assert_eq!(store.events(0, 100).await.expect("read"), told);
    let rows = |database: &Connection| -> i64 {
        let count = "SELECT count(*) FROM binding";
        database
            .query_row(count, [], |row| row.get(0))
            .expect("counted")
    };
    assert_eq!(rows(&behind(directory.path())), 0);
    let next = bound(&store, 1, at(48 * HOUR)).await;
    let after = store.events(0, 100).await.expect("read");
    let last = after.last().expect("one more");
    assert_eq!(last.subject, next.sub_id.to_string());
    assert!(told.iter().all(|event| event.id < last.id));
    store.close().await;
}

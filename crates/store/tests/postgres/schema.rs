//! Databases of other programs, and several nodes that start on an empty one.

use axbridge_domain::{account::AccountId, pool::PoolRules};
use axbridge_store::{
    error::OpenError,
    model::{BindingFilter, BindingRef, Bound, Page},
};

use crate::nodes::{Database, a, at, b, select};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_make_the_schema_once() {
    let Some(database) = Database::make().await else {
        return;
    };
    let (one, two, three) = tokio::join!(database.open(), database.open(), database.open());
    let nodes = [one, two, three].map(|node| node.expect("the store opens"));
    for node in &nodes {
        node.ready().await.expect("it can work");
    }
    let client = database.client().await;
    let rows = client
        .query("SELECT version FROM schema_migration ORDER BY version", &[])
        .await
        .expect("a table");
    let versions: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut each_once = versions.clone();
    each_once.dedup();
    assert_eq!(versions.first(), Some(&1));
    assert_eq!(versions, each_once);
    database.done(nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_refused() {
    let Some(database) = Database::make().await else {
        return;
    };
    database.node().await.close().await;
    let client = database.client().await;
    let add = "INSERT INTO schema_migration (version, name, checksum) VALUES (999, 'later', '')";
    client.batch_execute(add).await.expect("inserted");
    let refused = database.open().await.err();
    assert!(
        matches!(refused, Some(OpenError::SchemaTooNew { found: 999, .. })),
        "{refused:?}"
    );
    database.done([]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_of_another_text_is_refused() {
    let Some(database) = Database::make().await else {
        return;
    };
    database.node().await.close().await;
    let client = database.client().await;
    let edit = "UPDATE schema_migration SET checksum = 'other' WHERE version = 1";
    client.batch_execute(edit).await.expect("updated");
    let refused = database.open().await.err();
    assert!(
        matches!(&refused, Some(OpenError::SchemaDiffers(version)) if version == "1"),
        "{refused:?}"
    );
    database.done([]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_named_as_the_trouble() {
    let Some(database) = Database::make().await else {
        return;
    };
    let refused = database.open_by("postgres://u:hunter2@127.0.0.1:1/d").await;
    let text = refused.err().expect("nobody listens there").to_string();
    assert!(text.contains("Connection refused"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    database.done([]).await;
}

/// Takes back what migration 10 did.
const BEFORE_KEYS: &str = "ALTER TABLE route DROP CONSTRAINT route_pkey;
    ALTER TABLE route ADD PRIMARY KEY (account, selector, x);
    DELETE FROM schema_migration WHERE version = 10;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_a_filled_database_are_made_anew() {
    let Some(database) = Database::make().await else {
        return;
    };
    let [one, two] = database.two_nodes(8, PoolRules::default()).await;
    let mut bound = Vec::new();
    for pair in 0..4 {
        let answer = one
            .bind(select(pair, a(pair.into()), Some(b(0))), at(1))
            .await;
        let Ok(Ok(Bound::New(binding))) = answer else {
            panic!("not bound: {answer:?}");
        };
        bound.push(binding);
    }
    let past = BindingRef {
        account: AccountId::DEFAULT,
        pool: None,
        sub_id: bound[0].sub_id,
    };
    assert!(
        one.unbind(past, at(2))
            .await
            .is_ok_and(|ended| ended.is_ok())
    );
    for node in [one, two] {
        node.close().await;
    }
    let client = database.client().await;
    client
        .batch_execute(BEFORE_KEYS)
        .await
        .expect("the older schema");
    let node = database.node().await;
    database.check(at(3)).await;
    let again = node.bind(select(9, b(0), Some(a(0))), at(3)).await;
    let Ok(Ok(Bound::New(again))) = again else {
        panic!("not bound: {again:?}");
    };
    assert_eq!(again.x, bound[0].x, "the pair gets its last number");
    let filter = BindingFilter {
        b: Some(b(0)),
        ..BindingFilter::default()
    };
    let page = Page {
        offset: 0,
        limit: 10,
    };
    let found = node
        .list_bindings(AccountId::DEFAULT, &filter, page, at(3))
        .await;
    assert_eq!(found.expect("works").total, 4);
    database.done([node]).await;
}

//! The data directory: who may open it, and with what.

use super::*;
use crate::error::{OpenError, StoreError};

async fn refusal(directory: &Path, keys: &Arc<Keyring>) -> OpenError {
    match SqliteStore::open(directory, Arc::clone(keys), StoreOptions::default(), at(0)).await {
        Ok(_) => panic!("opened"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_directory_belongs_to_one_store_at_a_time() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    let first = open(directory.path(), &keys, at(0)).await;
    assert!(matches!(
        refusal(directory.path(), &keys).await,
        OpenError::InUse(_)
    ));
    first.close().await;
    assert!(matches!(
        first.ready().await,
        Err(StoreError::Unavailable(_))
    ));
    let second = open(directory.path(), &keys, at(0)).await;
    drop(second);
    open(directory.path(), &keys, at(0)).await.close().await;
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    open(directory.path(), &keys, at(0)).await.close().await;
    behind(directory.path())
        .execute_batch("INSERT INTO schema_migration VALUES (9999, 'later', '', 0)")
        .expect("written");
    assert!(matches!(
        refusal(directory.path(), &keys).await,
        OpenError::SchemaTooNew { found: 9999, .. }
    ));
}

#[tokio::test]
async fn an_edited_migration_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let keys = fresh_keys();
    open(directory.path(), &keys, at(0)).await.close().await;
    behind(directory.path())
        .execute_batch("UPDATE schema_migration SET checksum = 'other' WHERE version = 1")
        .expect("written");
    assert!(matches!(
        refusal(directory.path(), &keys).await,
        OpenError::SchemaDiffers(version) if version == "1"
    ));
}

#[tokio::test]
async fn keys_of_other_data_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = Keyring::generate().expect("random");
    let keys = Arc::new(Keyring::parse(&text).expect("own text"));
    open(directory.path(), &keys, at(0)).await.close().await;
    let unreadable = |error| matches!(error, OpenError::Store(StoreError::Unreadable(_)));
    assert!(unreadable(refusal(directory.path(), &fresh_keys()).await));
    // The same seal with another index key: everything could be opened, nobody would be found.
    let index = text.lines().find(|line| line.starts_with("index"));
    let other = text.replace(
        index.expect("an index line"),
        &format!("index {}", "ab".repeat(32)),
    );
    let other = Arc::new(Keyring::parse(&other).expect("keys"));
    assert!(unreadable(refusal(directory.path(), &other).await));
    open(directory.path(), &keys, at(0)).await.close().await;
}

#[tokio::test]
async fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().expect("a directory");
    let data = directory.path().join("new/data");
    let store = open(&data, &fresh_keys(), at(0)).await;
    fill(&store, PoolRules::default()).await;
    let mode = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("metadata");
        metadata.permissions().mode() & 0o777
    };
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data)
        .expect("listed")
        .map(|entry| entry.expect("entry").path())
        .collect();
    assert!(files.len() >= 3, "{files:?}");
    assert!(files.iter().all(|path| mode(path) == 0o600));
    store.close().await;
}

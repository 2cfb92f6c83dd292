//! Nothing is told of before the disk has it, and nothing is done after the disk has failed.

use std::{
    io,
    sync::{
        Condvar, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::*;
use crate::{
    error::{OpenError, StoreError},
    model::{BindingFilter, CallQuery, CallRoute, Page},
    sqlite::flush::Flush,
};

/// A disk that answers when it may.
#[derive(Default)]
struct Disk {
    hangs: Mutex<bool>,
    changed: Condvar,
    fails: AtomicBool,
}

impl Disk {
    fn hang(&self, hangs: bool) {
        *self.hangs.lock().expect("no panic") = hangs;
        self.changed.notify_all();
    }

    fn flush(&self) -> io::Result<()> {
        let hangs = self.hangs.lock().expect("no panic");
        drop(
            self.changed
                .wait_while(hangs, |hangs| *hangs)
                .expect("no panic"),
        );
        if self.fails.load(Ordering::SeqCst) {
            return Err(io::Error::other("the disk is gone"));
        }
        Ok(())
    }
}

async fn open_on(directory: &Path, keys: &Arc<Keyring>, disk: &Arc<Disk>) -> SqliteStore {
    let disk = Arc::clone(disk);
    let flush = move |_: &Path| -> Result<Flush, OpenError> { Ok(Box::new(move || disk.flush())) };
    let (keys, options) = (Arc::clone(keys), StoreOptions::default());
    SqliteStore::open_flushed(directory, keys, options, at(0), flush)
        .await
        .expect("opened")
}

fn call(number: u64, caller: u64) -> CallQuery {
    CallQuery {
        x: x(number),
        caller: Some(party(caller)),
        extension: None,
    }
}

/// Waits until so many commits were begun.
async fn begun(store: &SqliteStore, commits: u64) {
    while store.inner.shared.begun() < commits {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Whether it is not answered for a while.
async fn is_waiting<T>(task: &mut tokio::task::JoinHandle<T>) -> bool {
    tokio::time::timeout(Duration::from_millis(50), task)
        .await
        .is_err()
}

#[tokio::test]
async fn nothing_is_told_before_the_disk_has_it_and_the_next_is_decided_meanwhile() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(Disk::default());
    let store = open_on(directory.path(), &fresh_keys(), &disk).await;
    fill(&store, PoolRules::default()).await;
    let before = store.inner.shared.begun();
    disk.hang(true);
    let bind = |index: u32| {
        let (a, number) = (u64::from(index), u64::from(index));
        let wish = command(
            party(a),
            Some(party(a + 10)),
            Placement::Named(x(number)),
            index,
        );
        let store = store.clone();
        tokio::spawn(async move { store.bind(wish, at(1)).await })
    };
    let mut first = bind(0);
    begun(&store, before + 1).await;
    let mut second = bind(1);
    begun(&store, before + 2).await;
    assert!(is_waiting(&mut first).await);
    assert!(is_waiting(&mut second).await);
    // Memory and rows know of them, and nobody says so.
    let route = |query| {
        let store = store.clone();
        tokio::spawn(async move { store.route_call(query, at(1)).await })
    };
    let mut connected = route(call(0, 0));
    let mut refused = route(call(5, 5));
    let listed = store.clone();
    let mut listed = tokio::spawn(async move {
        let (filter, page) = (
            BindingFilter::default(),
            Page {
                offset: 0,
                limit: 9,
            },
        );
        listed.list_bindings(ACCOUNT, &filter, page, at(1)).await
    });
    assert!(is_waiting(&mut connected).await);
    assert!(is_waiting(&mut refused).await);
    assert!(is_waiting(&mut listed).await);
    disk.hang(false);
    for bound in [first, second] {
        newly_bound(bound.await.expect("no panic").expect("store"));
    }
    let connected = connected.await.expect("no panic").expect("looked at");
    assert!(matches!(connected, CallRoute::Connect { .. }));
    let refused = refused.await.expect("no panic").expect("looked at");
    assert!(matches!(refused, CallRoute::NoBinding { .. }));
    assert_eq!(listed.await.expect("no panic").expect("listed").total, 2);
    store.close().await;
}

#[tokio::test]
async fn after_a_failed_flush_nothing_is_done_although_later_ones_succeed() {
    let directory = tempfile::tempdir().expect("a directory");
    let (disk, keys) = (Arc::new(Disk::default()), fresh_keys());
    let store = open_on(directory.path(), &keys, &disk).await;
    fill(&store, PoolRules::default()).await;
    let bind = |index: u32| {
        let a = u64::from(index);
        let wish = command(party(a), Some(party(a + 10)), Placement::Named(x(a)), index);
        store.bind(wish, at(1))
    };
    newly_bound(bind(0).await.expect("store"));
    disk.fails.store(true, Ordering::SeqCst);
    let lost = bind(1).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(why)) if why.contains("the disk is gone")));
    disk.fails.store(false, Ordering::SeqCst);
    for index in [1, 2] {
        assert!(matches!(bind(index).await, Err(StoreError::Unavailable(_))));
    }
    assert!(store.ready().await.is_err());
    let route = store
        .route_call(call(0, 0), at(1))
        .await
        .expect("calls go on");
    assert!(matches!(route, CallRoute::Connect { .. }));
    store.close().await;
    let store = open_on(directory.path(), &keys, &disk).await;
    assert_eq!(store.ready().await.ok(), Some(()));
    let live = store.live_bindings(at(2)).await.expect("counted");
    assert!(
        (1..=2).contains(&live),
        "the one without an answer may stand"
    );
    store.close().await;
}

#[tokio::test]
async fn two_batches_behind_a_failed_flush_fail_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(Disk::default());
    let store = open_on(directory.path(), &fresh_keys(), &disk).await;
    fill(&store, PoolRules::default()).await;
    let before = store.inner.shared.begun();
    disk.hang(true);
    let mut binds = Vec::new();
    for index in 0..2 {
        let a = u64::from(index);
        let wish = command(party(a), Some(party(a + 10)), Placement::Named(x(a)), index);
        let binder = store.clone();
        binds.push(tokio::spawn(async move { binder.bind(wish, at(1)).await }));
        begun(&store, before + 1 + a).await;
    }
    disk.fails.store(true, Ordering::SeqCst);
    disk.hang(false);
    for bind in binds {
        let answer = bind.await.expect("no panic");
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
    store.close().await;
}

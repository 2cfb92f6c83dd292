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
    sqlite::{flush::Flush, writer::Batch},
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

/// How many requests wait for the writer.
fn queued(store: &SqliteStore) -> usize {
    let queue = store.inner.queue.lock().expect("no panic");
    let queue = queue.as_ref().expect("it is open");
    queue.max_capacity() - queue.capacity()
}

type Bind = tokio::task::JoinHandle<Result<Result<Bound, BindRefusal>, StoreError>>;

/// Three binds: two are one batch, which the disk holds up; the third is committed behind it.
async fn three_binds(store: &SqliteStore, disk: &Disk) -> [Bind; 3] {
    let (entered, enters) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let held = store.clone();
    let held = tokio::spawn(async move {
        let hold = move |_: &mut Batch<'_>| {
            entered.send(()).expect("awaited");
            // Released by the sender's end, too.
            let _ = released.recv();
            Ok(())
        };
        held.write(at(0), hold).await
    });
    let waited = tokio::task::spawn_blocking(move || enters.recv());
    waited.await.expect("no panic").expect("the writer is held");
    let bind = |index: u32| {
        let a = u64::from(index);
        let wish = command(party(a), Some(party(a + 10)), Placement::Named(x(a)), index);
        let store = store.clone();
        tokio::spawn(async move { store.bind(wish, at(1)).await })
    };
    let [first, second] = [bind(0), bind(1)];
    while queued(store) < 2 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    disk.hang(true);
    let before = store.inner.shared.begun();
    drop(release);
    held.await.expect("no panic").expect("it wrote nothing");
    begun(store, before + 2).await;
    let third = bind(2);
    begun(store, before + 3).await;
    [first, second, third]
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
    let mut binds = three_binds(&store, &disk).await;
    for bind in &mut binds {
        assert!(is_waiting(bind).await);
    }
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
    for bound in binds {
        newly_bound(bound.await.expect("no panic").expect("store"));
    }
    let connected = connected.await.expect("no panic").expect("looked at");
    assert!(matches!(connected, CallRoute::Connect { .. }));
    let refused = refused.await.expect("no panic").expect("looked at");
    assert!(matches!(refused, CallRoute::NoBinding { .. }));
    assert_eq!(listed.await.expect("no panic").expect("listed").total, 3);
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
async fn a_batch_behind_a_failed_flush_fails_with_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(Disk::default());
    let store = open_on(directory.path(), &fresh_keys(), &disk).await;
    fill(&store, PoolRules::default()).await;
    let binds = three_binds(&store, &disk).await;
    disk.fails.store(true, Ordering::SeqCst);
    disk.hang(false);
    for bind in binds {
        let answer = bind.await.expect("no panic");
        assert!(matches!(answer, Err(StoreError::Unavailable(_))));
    }
    store.close().await;
}

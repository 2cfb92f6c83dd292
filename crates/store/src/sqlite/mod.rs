//! The embedded backend: memory decides, appended rows make durable, one commit for all who wait.
//!
//! | Module | What lives there |
//! |---|---|
//! | `state` | the tables in memory: routes, numbers, pools, keys |
//! | `writer` | the one thread that writes: batches, commit, what follows it |
//! | `flush` | the thread that makes commits durable and answers |
//! | `reader` | read-only connections for queries |
//! | `open`, `rebuild` | the data directory, the schema, from rows to memory |
//! | `rows`, `sub_ids` | a binding's row; its id by its place |
//! | `bind`, `change`, `sweep` | what happens to bindings |
//! | `call_records`, `call_rows` | calls as they are written down, and their rows |
//! | `accounts`, `pools`, `numbers`, `trunks`, `prompts` | what the operator manages |
//! | `recordings`, `risk`, `risk_calls` | what is kept of recordings and of risk control |
//! | `receivers`, `delivery`, `event_log`, `event_rows` | who is told of events, what is owed to them, the log |
//! | `event_spans` | from a time to the ids of its events |
//! | `query`, `listing` | looking at bindings, calls, events |
//!
//! Reads of a moment (`route_call`) look at memory first and at the row second; the row is always
//! there, because memory changes after the commit.

mod accounts;
mod bind;
mod call_records;
mod call_rows;
mod change;
mod delivery;
mod event_log;
mod event_rows;
mod event_spans;
mod fault;
mod flush;
mod listing;
mod numbers;
mod open;
mod pools;
mod prompts;
mod purge;
mod query;
mod reader;
mod rebuild;
mod receivers;
mod recordings;
mod risk;
mod risk_calls;
mod rows;
mod state;
mod sub_ids;
mod sweep;
#[cfg(test)]
mod tests;
mod trunks;
mod writer;

use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicI64},
    thread::JoinHandle,
};

use axbridge_domain::{closed::Closed, time::Timestamp};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use crate::{
    counters::Counters,
    error::{OpenError, StoreError},
    keyring::Keyring,
    store::StoreOptions,
};
use fault::Fault;
use flush::{Flush, Landing};
pub(crate) use open::database_in;
use reader::Readers;
use state::{Shared, State};
use writer::{Batch, Job, Request, Writer};

/// Durable state in one directory, used by one process.
#[derive(Clone)]
pub struct SqliteStore {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    readers: Readers,
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    writer: Mutex<Option<Belongings>>,
    /// How far the bindings were looked through for those to drop; the next step goes on there.
    purge_place: AtomicI64,
}

/// What closing gives back.
struct Belongings {
    writer: JoinHandle<Connection>,
    flusher: JoinHandle<()>,
    lock: File,
}

impl SqliteStore {
    pub(crate) async fn open(
        directory: &Path,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        Self::open_flushed(directory, keys, options, now, flush::flush_of).await
    }

    /// Opens it with another way to flush the log of its database.
    async fn open_flushed(
        directory: &Path,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
        flush: impl FnOnce(&Path) -> Result<Flush, OpenError> + Send + 'static,
    ) -> Result<Self, OpenError> {
        let directory = directory.to_owned();
        let opening =
            tokio::task::spawn_blocking(move || start(&directory, keys, options, now, flush));
        let inner = opening
            .await
            .map_err(|error| OpenError::Other(format!("opening stopped early: {error}")))??;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    pub(crate) async fn close(&self) {
        take(&self.inner.queue);
        let Some(belongings) = take(&self.inner.writer) else {
            return;
        };
        self.inner.readers.close().await;
        let ending = tokio::task::spawn_blocking(move || end(belongings));
        if let Err(error) = ending.await {
            tracing::error!(%error, "the store did not close in order");
        }
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.inner.counters
    }

    pub(crate) fn moment(&self) -> Timestamp {
        // A store that is closed decides nothing any more.
        self.glance(|state| state.routes.now())
            .unwrap_or(Timestamp::MIN)
    }

    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        self.write(Timestamp::MIN, |_| Ok(())).await
    }

    pub(crate) async fn live_bindings(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.write(now, |batch| Ok(batch.state.routes.live() as u64))
            .await
    }

    /// Has the writer run `work` in its next batch.
    async fn write<T, F>(&self, now: Timestamp, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.submit(now, false, work).await
    }

    /// As [`Self::write`], in a batch of its own: for what other requests decide on (pools,
    /// numbers, keys) and for the sweep, whose watermark others look at.
    async fn write_alone<T, F>(&self, now: Timestamp, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        self.submit(now, true, work).await
    }

    async fn submit<T, F>(&self, now: Timestamp, alone: bool, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let request = Request {
            now,
            alone,
            work: Some(work),
            answer: None,
            reply,
        };
        self.enqueue(Box::new(request))?;
        answer.await.map_err(|_| {
            StoreError::Unavailable("the writer stopped; restart axbridge".to_owned())
        })?
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        let queue = self
            .inner
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let sender = queue.as_ref().ok_or_else(fault::closed)?;
        sender.try_send(job).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => StoreError::Unavailable(
                "queue full: more requests than the disk can commit".to_owned(),
            ),
            mpsc::error::TrySendError::Closed(_) => {
                StoreError::Unavailable("the writer stopped; restart axbridge".to_owned())
            }
        })
    }

    /// Looks at memory, unless the store is closed.
    async fn look<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        let seen = self.glance(look);
        self.inner.shared.settled().await;
        seen
    }

    /// As [`Self::look`], but it may be ahead of the disk: for what requests are decided with
    /// (keys, pools, settings), and the outcome waits for its own commit, or for the row.
    fn glance<T>(&self, look: impl FnOnce(&State) -> T) -> Result<T, StoreError> {
        let open = self
            .inner
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        if !open {
            return Err(fault::closed());
        }
        Ok(look(&*self.inner.shared.look()?))
    }

    /// Runs a query on a read-only connection.
    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let found = self.inner.readers.read(query).await;
        self.inner.shared.settled().await;
        found
    }

    /// As [`Self::read`], for a few rows that are found by their key.
    async fn look_up<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let found = self.inner.readers.look_up(query).await;
        self.inner.shared.settled().await;
        found
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        take(&self.queue);
        if let Some(belongings) = take(&self.writer) {
            self.readers.drop_idle();
            end(belongings);
        }
    }
}

fn take<T>(place: &Mutex<Option<T>>) -> Option<T> {
    place.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The keys fit by now, so what cannot be read is damage.
fn damaged_or(error: StoreError, database: &Path) -> OpenError {
    match error {
        StoreError::Unreadable(what) => {
            OpenError::Damaged(format!("{}: {what}", database.display()))
        }
        other => OpenError::Store(other),
    }
}

/// Opens the directory, rebuilds memory and starts the writer.
fn start(
    directory: &Path,
    keys: Arc<Keyring>,
    options: StoreOptions,
    now: Timestamp,
    flush: impl FnOnce(&Path) -> Result<Flush, OpenError>,
) -> Result<Inner, OpenError> {
    let opened = open::open(directory, &keys, now)?;
    let rebuilt = rebuild::rebuild(&opened.connection, &keys, &options, now);
    let (state, ledger) = rebuilt.map_err(|error| damaged_or(error, &opened.database))?;
    let readers = Readers::open(&opened.database)?;
    let shared = Arc::new(Shared::new(state, keys, options));
    let (queue, waiting) = mpsc::channel(options.queue_max.max(1));
    opened
        .connection
        .execute_batch("PRAGMA synchronous = NORMAL")
        .map_err(|error| OpenError::Store(fault::engine(&error)))?;
    let (landing, flusher) = Landing::start(flush(&opened.database)?, &shared)?;
    let writer = Writer {
        connection: opened.connection,
        shared: Arc::clone(&shared),
        ledger,
        closed: Closed::default(),
        landing,
    };
    let writer = std::thread::Builder::new()
        .name("store-writer".to_owned())
        .spawn(move || writer.serve(waiting))
        .map_err(|error| OpenError::Other(format!("the writer did not start: {error}")))?;
    Ok(Inner {
        counters: Arc::clone(&shared.counters),
        shared,
        readers,
        queue: Mutex::new(Some(queue)),
        writer: Mutex::new(Some(Belongings {
            writer,
            flusher,
            lock: opened.lock,
        })),
        purge_place: AtomicI64::new(i64::MIN),
    })
}

/// Waits until what was accepted is finished and answered, then lets go of database and lock.
fn end(belongings: Belongings) {
    let connection = belongings.writer.join();
    if belongings.flusher.join().is_err() {
        tracing::error!("the flusher had stopped early");
    }
    match connection {
        Ok(connection) => {
            if let Err((_, error)) = connection.close() {
                tracing::warn!(%error, "the database did not close in order");
            }
        }
        Err(_) => tracing::error!("the writer had stopped early"),
    }
    drop(belongings.lock);
}

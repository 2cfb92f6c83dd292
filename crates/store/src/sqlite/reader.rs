//! A few read-only connections. Reading never waits for the writer.
//!
//! Queries that may take long are lent a connection each, one query at a time. Look-ups by a key
//! are short, and there are many of them: two threads have a connection each for these, and a
//! thread takes all that wait, so that many share one waking and one snapshot.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::{fault, open::keep_statements};
use crate::error::{OpenError, StoreError};

/// How many queries may read at once.
const CONNECTIONS: usize = 4;

/// Threads that look up: one more than one, so that a page that must come from the disk does not
/// hold up everybody.
const LOOK_UP_THREADS: usize = 2;
/// Look-ups that share a snapshot.
const LOOK_UPS_AT_ONCE: usize = 64;
/// Look-ups that may wait.
const LOOK_UPS_WAITING_MAX: usize = 16_384;

/// The read-only connections.
pub(super) struct Readers {
    look_ups: LookUps,
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections; the database must exist.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        let connections = (0..CONNECTIONS).map(|_| open_one(path));
        Ok(Self {
            look_ups: LookUps::open(path)?,
            idle: Arc::new(Mutex::new(connections.collect::<Result<_, _>>()?)),
            permits: Arc::new(Semaphore::new(CONNECTIONS)),
        })
    }

    /// Runs a query on a thread where it may block.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let closed = |_| fault::closed();
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(closed)?;
        let idle = Arc::clone(&self.idle);
        let work = tokio::task::spawn_blocking(move || {
            let taken = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let connection = taken.ok_or_else(|| {
                StoreError::Internal("a query lost its connection; restart axbridge".to_owned())
            })?;
            let answer = in_snapshot(&connection, query);
            idle.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(connection);
            drop(permit);
            answer
        });
        work.await
            .map_err(|error| StoreError::Internal(format!("a query stopped early: {error}")))?
    }

    /// Runs a query of a few rows, found by their key.
    pub(super) async fn look_up<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.look_ups.run(query).await
    }

    /// Waits for the queries that run, then closes all connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        if let Ok(_permits) = self.permits.acquire_many(all).await {
            self.permits.close();
        }
        let threads = self.look_ups.stop();
        let joined = tokio::task::spawn_blocking(move || threads.into_iter().for_each(ended));
        if let Err(error) = joined.await {
            tracing::error!(%error, "a reader did not stop in order");
        }
        self.drop_idle();
    }

    /// Closes the connections that no query holds.
    pub(super) fn drop_idle(&self) {
        self.permits.close();
        self.look_ups.stop().into_iter().for_each(ended);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

fn ended(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a reader had stopped early");
    }
}

/// A look-up, which answers whoever asked.
type LookUp = Box<dyn FnOnce(&Connection) + Send>;

/// The threads that look up, and their queue.
struct LookUps {
    queue: Mutex<Option<mpsc::Sender<LookUp>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl LookUps {
    fn open(path: &Path) -> Result<Self, OpenError> {
        let (queue, waiting) = mpsc::channel(LOOK_UPS_WAITING_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut threads = Vec::new();
        for _ in 0..LOOK_UP_THREADS {
            let (connection, waiting) = (open_one(path)?, Arc::clone(&waiting));
            let thread = std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || look_up_all(&connection, &waiting))
                .map_err(|error| OpenError::Other(format!("a reader did not start: {error}")))?;
            threads.push(thread);
        }
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            threads: Mutex::new(threads),
        })
    }

    async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = oneshot::channel();
        let look_up: LookUp = Box::new(move |connection| {
            // Whoever asked may have gone away.
            let _ = reply.send(query(connection));
        });
        self.enqueue(look_up)?;
        answer.await.map_err(|_| fault::closed())?
    }

    fn enqueue(&self, look_up: LookUp) -> Result<(), StoreError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = queue.as_ref().ok_or_else(fault::closed)?.try_send(look_up);
        sent.map_err(|_| {
            StoreError::Unavailable("queue full: more look-ups than can be answered".to_owned())
        })
    }

    /// Takes no more; the threads end once what waits is answered.
    fn stop(&self) -> Vec<JoinHandle<()>> {
        drop(
            self.queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks up until the queue is closed and empty.
fn look_up_all(connection: &Connection, waiting: &Mutex<mpsc::Receiver<LookUp>>) {
    loop {
        let mut taken = Vec::new();
        {
            let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(first) = waiting.blocking_recv() else {
                return;
            };
            taken.push(first);
            while taken.len() < LOOK_UPS_AT_ONCE
                && let Ok(next) = waiting.try_recv()
            {
                taken.push(next);
            }
        }
        // Whoever asked after this snapshot was begun is not among those taken. Without one each
        // look-up sees a state of its own.
        let snapshot = connection.unchecked_transaction();
        if let Err(error) = &snapshot {
            tracing::warn!(%error, "look-ups do without a common snapshot");
        }
        for look_up in taken {
            look_up(connection);
        }
    }
}

/// All statements of one query see the same state.
fn in_snapshot<T>(
    connection: &Connection,
    query: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let snapshot = connection
        .unchecked_transaction()
        .map_err(|error| fault::engine(&error))?;
    query(&snapshot)
}

fn open_one(path: &Path) -> Result<Connection, OpenError> {
    open_read_only(path).map_err(|error| OpenError::Store(fault::engine(&error)))
}

fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA busy_timeout = 5000;",
    )?;
    keep_statements(&connection)?;
    Ok(connection)
}

//! A few read-only connections, lent one query at a time. Reading never waits for the writer.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use super::fault;
use crate::error::StoreError;

/// How many queries may read at once.
const CONNECTIONS: usize = 4;
/// Prepared statements kept by each connection.
const STATEMENTS_KEPT: usize = 64;

/// The read-only connections.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    permits: Arc<Semaphore>,
}

impl Readers {
    /// Opens the connections; the database must exist.
    pub(super) fn open(path: &Path) -> rusqlite::Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| open_one(path));
        Ok(Self {
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

    /// Waits for the queries that run, then closes all connections.
    pub(super) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        if let Ok(_permits) = self.permits.acquire_many(all).await {
            self.permits.close();
        }
        self.drop_idle();
    }

    /// Closes the connections that no query holds.
    pub(super) fn drop_idle(&self) {
        self.permits.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
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

fn open_one(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA query_only = ON; PRAGMA cache_size = -16384; PRAGMA busy_timeout = 5000;",
    )?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    Ok(connection)
}

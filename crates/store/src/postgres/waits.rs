//! Notices by which a server says that it did not wait for its standbys after all.
//!
//! A commit that waits for a synchronous standby can be told to stop waiting (`pg_cancel_backend`).
//! The server then answers it as done, with a warning: the transaction stands on this server, and
//! maybe on no other. Such a commit counts as one whose outcome is unknown.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::{
    AsyncMessage, Client, Config, Error, Socket,
    error::{DbError, SqlState},
    tls::{MakeTlsConnect, TlsConnect},
};

/// Where the server warns from (`src/backend/replication/syncrep.c`).
const ROUTINE: &str = "SyncRepWaitForLSN";

/// How many waits were cut short on the connections of a store.
#[derive(Debug, Default)]
pub(super) struct Waits(AtomicU64);

impl Waits {
    /// Differs before and after a commit that was answered without its standby. That another
    /// connection's wait may have been the one only makes for a look more.
    pub(super) fn cut_short(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    fn heed(&self, notice: &DbError) {
        if *notice.code() == SqlState::WARNING && notice.routine() == Some(ROUTINE) {
            self.0.fetch_add(1, Ordering::SeqCst);
            tracing::warn!(
                "a wait for a standby of PostgreSQL was cancelled; what it was about counts as unknown"
            );
        }
    }
}

/// Connects, and heeds what the server says unasked. It is heard before the answer that follows
/// it, because one task reads both from the wire.
pub(super) struct Listening<T> {
    pub(super) tls: T,
    pub(super) waits: Arc<Waits>,
}

impl<T> Connect for Listening<T>
where
    T: MakeTlsConnect<Socket> + Clone + Sync + Send + 'static,
    T::Stream: Sync + Send,
    T::TlsConnect: Sync + Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(
        &self,
        config: &Config,
    ) -> Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + '_>> {
        let (tls, waits, config) = (self.tls.clone(), Arc::clone(&self.waits), config.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            let reader = tokio::spawn(async move {
                loop {
                    match poll_fn(|context| connection.poll_message(context)).await {
                        Some(Ok(AsyncMessage::Notice(notice))) => waits.heed(&notice),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => {
                            tracing::warn!("a connection to PostgreSQL ended: {error}");
                            return;
                        }
                        None => return,
                    }
                }
            });
            Ok((client, reader))
        })
    }
}

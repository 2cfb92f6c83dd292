//! The shared backend: any number of nodes on one PostgreSQL database.
//!
//! **Why no route is ever given twice.** The isolation assumed is READ COMMITTED, and this is why
//! it suffices:
//! 1. Whatever claims or releases a route of X first locks the row of X in `number`, all rows of
//!    one transaction in the order of X, so that nobody waits in a circle.
//! 2. Only then, in a later statement, it reads how X's routes and counts stand. READ COMMITTED
//!    gives each statement a view of its own, so that statement sees everything that the lock's
//!    last holder committed; and nobody else can change it before this transaction ends. A choice
//!    made before the lock is only a wish, and is judged again. (A batch of binds locks by counting
//!    its bindings in, which answers the counts as they stood; what then fails is counted out.
//!    Routes thought to be unused are judged by the very statement that inserts them, over none
//!    but long ended ones; what it does not grant is not bound, and given back: [`claim`].)
//! 3. The key of `route` (account, x, selector) is the second line: should the code above be
//!    wrong, the engine refuses the second live owner and the transaction fails as a whole.
//!
//! Caps, `AxConflictAxbFlag` and "one live AX" are rules about one X, so the same lock makes them
//! true. A quota of live bindings is a rule about an account: binds under a quota lock the
//! account's row before any number. Idempotency keys are taken after the numbers are locked and
//! in the order of the keys; a twin waits there for the first one's commit and then replays.
//!
//! **Why nothing is acknowledged that one server alone has.** A commit waits for the synchronous
//! standby, and one that was told not to wait counts as unknown ([`waits`]). What others may have
//! left on this server alone is answered only after a commit of one's own: whoever replays a key
//! or looks up what stands locks the rows concerned, so that its commit waits, too.
//!
//! Binds go through a queue and are worked on in batches ([`worker`], [`batch`]), one transaction
//! an account: where numbers are plenty at the first guess ([`guess`]), else after a look
//! ([`select`]). Everything else is a transaction of its own.
//!
//! Time is the caller's. The counts in `number` include what expired since the last sweep;
//! whoever reads them subtracts that ([`look::LIVE_LOAD`]) where it could matter, so no decision
//! waits for a sweep.
//!
//! Plain SQL only: no stored procedures, triggers, advisory locks or LISTEN, so that engines that
//! speak PostgreSQL's language can stand in.

mod accounts;
mod batch;
mod cache;
mod call_keys;
mod call_records;
mod call_rows;
mod calls;
mod change;
mod claim;
mod connect;
mod core;
mod delivery;
mod event_log;
mod event_spans;
mod events;
mod fault;
mod filter;
mod glance;
mod guess;
mod idempotency;
mod listing;
mod look;
mod new_bindings;
mod numbers;
mod pairs;
mod places;
mod pools;
mod prompts;
mod purge;
mod receivers;
mod recordings;
mod risk;
mod risk_calls;
mod routes;
mod rows;
mod schema;
mod select;
mod sweep;
mod taken;
mod text;
mod trunks;
mod waits;
mod walk;
mod worker;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use axbridge_domain::time::Timestamp;
use tokio::{
    sync::{Mutex as AsyncMutex, mpsc},
    task::JoinHandle,
};

use self::{
    core::{Core, until_done},
    fault::Fault,
    waits::Waits,
    worker::{Job, Queue},
};
use crate::{
    counters::Counters,
    error::{BindRefusal, OpenError, StoreError},
    keyring::Keyring,
    model::{BindCommand, Bound},
    sealed::shape_of,
    store::StoreOptions,
};

/// Workers of a node, each with a connection of its own: while one waits for its commit, the
/// other fills its batch.
const WRITERS: usize = 2;

/// Durable state in a PostgreSQL database that nodes share.
#[derive(Clone)]
pub struct PostgresStore {
    core: Arc<Core>,
    queue: Arc<Mutex<Option<mpsc::Sender<Job>>>>,
    workers: Arc<AsyncMutex<Vec<JoinHandle<()>>>>,
    progress: Arc<AsyncMutex<sweep::Progress>>,
}

impl PostgresStore {
    pub(crate) async fn open(
        url: &str,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        let target = connect::Target::parse(url)?;
        let waits = Arc::new(Waits::default());
        let connections = target.pool(options.connections_max, false, &waits)?;
        let writers = target.pool(WRITERS, true, &waits)?;
        let mut client = connections
            .get()
            .await
            .map_err(|error| cannot_connect(error.into()))?;
        schema::bring_up_to_date(&mut client).await?;
        drop(client);
        let core = Arc::new(Core::new(connections, writers, waits, keys, options, now));
        let (sender, receiver) = mpsc::channel(options.queue_max.max(1));
        let receiver = Arc::new(Queue::new(receiver));
        let workers = (0..WRITERS)
            .map(|_| tokio::spawn(worker::run(Arc::clone(&core), Arc::clone(&receiver))))
            .collect();
        Ok(Self {
            core,
            queue: Arc::new(Mutex::new(Some(sender))),
            workers: Arc::new(AsyncMutex::new(workers)),
            progress: Arc::default(),
        })
    }

    pub(crate) async fn close(&self) {
        let sender = self
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(sender);
        for worker in self.workers.lock().await.drain(..) {
            // A worker that panicked has nothing left to finish.
            let _ = worker.await;
        }
        self.core.writers.close();
        self.core.connections.close();
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.core.counters
    }

    pub(crate) fn moment(&self) -> Timestamp {
        self.core.moment(Timestamp::MIN)
    }

    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        until_done!(ready(&self.core))
    }

    pub(crate) async fn bind(
        &self,
        command: BindCommand,
        now: Timestamp,
    ) -> Result<Result<Bound, BindRefusal>, StoreError> {
        let now = self.core.moment(now);
        let pool = until_done!(self.core.find_pool(command.pool))?;
        let Some(pool) = pool.filter(|pool| pool.account == command.account) else {
            return Ok(Err(BindRefusal::UnknownPool));
        };
        let terms = &command.terms;
        let shape = shape_of(&self.core.keys, command.account, terms.a, terms.b);
        let (job, answer) = Job::new(command, shape, pool.rules, now);
        let unavailable = |text: &str| StoreError::Unavailable(text.to_owned());
        self.queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .ok_or_else(|| unavailable("the store is closed"))?
            .try_send(job)
            .map_err(|_| unavailable("the queue of binds is full"))?;
        answer
            .await
            .map_err(|_| unavailable("the store stopped while it was binding"))?
    }
}

fn cannot_connect(fault: Fault) -> OpenError {
    let why = match fault {
        Fault::Again(text) | Fault::Lost(text) | Fault::Unknown(text) => text,
        Fault::Store(StoreError::Unavailable(text)) => text,
        Fault::Store(error) => return error.into(),
    };
    OpenError::Other(format!(
        "PostgreSQL cannot be used ({why}); check the connection string and that the server runs"
    ))
}

async fn ready(core: &Core) -> Result<(), Fault> {
    let client = core.client().await?;
    let row = client
        .query_one(
            "SELECT current_setting('transaction_read_only') = 'on'",
            &[],
        )
        .await?;
    if row.try_get(0)? {
        return Err(fault::unavailable("the database takes no writes"));
    }
    Ok(())
}

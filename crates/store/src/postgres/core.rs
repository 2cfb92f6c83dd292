//! What all operations share: connections, keys, caches, and a clock that does not run backwards.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicUsize, Ordering},
};

use axbridge_domain::{
    account::AccountId,
    phone::PhoneNumber,
    pool::{Pool, PoolNo},
    selection::DRAWS,
    time::Timestamp,
};
use deadpool_postgres::{GenericClient, Object, Transaction};

use super::{
    cache::Cache,
    call_keys::SeenKeys,
    fault::{Fault, commit_fault},
    guess::Lists,
    rows::{POOL_COLUMNS, account_of, number_column, pool_column, pool_from},
    taken::Taken,
    waits::Waits,
};
use crate::{
    counters::Counters, keyring::Keyring, model::AccessKey, risk::RiskRules, store::StoreOptions,
};

const KNOWN_NUMBERS_MAX: u64 = 2_000_000;

pub(super) struct Core {
    pub(super) connections: deadpool_postgres::Pool,
    pub(super) writers: deadpool_postgres::Pool,
    waits: Arc<Waits>,
    pub(super) keys: Arc<Keyring>,
    pub(super) options: StoreOptions,
    pub(super) counters: Counters,
    pub(super) pools: Cache<PoolNo, Pool>,
    pub(super) access_keys: Cache<String, AccessKey>,
    pub(super) risk_rules: Cache<AccountId, RiskRules>,
    pub(super) call_keys: SeenKeys,
    /// Which account a number is of. It never changes, so a hit is always right.
    accounts_of_numbers: moka::sync::Cache<PhoneNumber, AccountId>,
    latest: AtomicI64,
    pub(super) first_look: FirstLook,
    pub(super) lists: Lists,
    pub(super) taken: Taken,
}

/// How many candidates to look at first. Where numbers are plenty the first will do and the others
/// are looked at for nothing; where they are scarce one trip for all is cheaper than many.
#[derive(Debug)]
pub(super) struct FirstLook(AtomicUsize);

impl FirstLook {
    /// How many, at least one.
    pub(super) fn looks(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes that of so many searches `more` needed a further look.
    pub(super) fn learn(&self, searches: usize, more: usize) {
        let looks = self.looks();
        let next = if 8 * more > searches {
            (2 * looks).min(DRAWS)
        } else if 32 * more < searches {
            (looks - 1).max(1)
        } else {
            looks
        };
        self.0.store(next, Ordering::Relaxed);
    }
}

impl Core {
    pub(super) fn new(
        connections: deadpool_postgres::Pool,
        writers: deadpool_postgres::Pool,
        waits: Arc<Waits>,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
    ) -> Self {
        Self {
            connections,
            writers,
            waits,
            keys,
            options,
            counters: Counters::default(),
            pools: Cache::new(),
            access_keys: Cache::new(),
            risk_rules: Cache::new(),
            call_keys: SeenKeys::default(),
            accounts_of_numbers: moka::sync::Cache::new(KNOWN_NUMBERS_MAX),
            latest: AtomicI64::new(now.unix_ms()),
            first_look: FirstLook(AtomicUsize::new(1)),
            lists: Lists::new(),
            taken: Taken::new(),
        }
    }

    /// The moment to judge at: the caller's, or the latest this node was told of. What was seen to
    /// be over does not come back when a clock is set back.
    pub(super) fn moment(&self, now: Timestamp) -> Timestamp {
        let before = self.latest.fetch_max(now.unix_ms(), Ordering::SeqCst);
        now.max(Timestamp::from_unix_ms(before))
    }

    /// A connection.
    pub(super) async fn client(&self) -> Result<Object, Fault> {
        Ok(self.connections.get().await?)
    }

    /// Commits a transaction of one request.
    pub(super) async fn commit(&self, transaction: Transaction<'_>) -> Result<(), Fault> {
        match self.commit_for_good(transaction).await {
            Ok(()) => {
                self.counters.committed(1);
                Ok(())
            }
            Err(fault) => {
                self.counters.commit_failed();
                Err(fault)
            }
        }
    }

    /// Commits, counting nothing.
    ///
    /// # Errors
    /// `Unknown` as well when the server stopped waiting for a standby.
    pub(super) async fn commit_for_good(&self, transaction: Transaction<'_>) -> Result<(), Fault> {
        let before = self.waits.cut_short();
        transaction.commit().await.map_err(commit_fault)?;
        if self.waits.cut_short() == before {
            return Ok(());
        }
        Err(Fault::Unknown(
            "PostgreSQL was told not to wait for its standby".to_owned(),
        ))
    }

    /// The pool, at most a second old.
    pub(super) async fn find_pool(&self, pool: PoolNo) -> Result<Option<Arc<Pool>>, Fault> {
        if let Some(pool) = self.pools.get(&pool) {
            return Ok(Some(pool));
        }
        let client = self.client().await?;
        self.find_pool_by(&client, pool).await
    }

    /// The same for who holds a connection already: waiting for a second one while all others do
    /// the same would stop them all.
    pub(super) async fn find_pool_by(
        &self,
        client: &impl GenericClient,
        pool: PoolNo,
    ) -> Result<Option<Arc<Pool>>, Fault> {
        if let Some(pool) = self.pools.get(&pool) {
            return Ok(Some(pool));
        }
        let mark = self.pools.mark();
        let statement = client
            .prepare_cached(&format!(
                "SELECT {POOL_COLUMNS} FROM pool_owner o
                 JOIN pool p ON p.account = o.account AND p.pool = o.pool WHERE o.pool = $1"
            ))
            .await?;
        match client.query_opt(&statement, &[&pool_column(pool)]).await? {
            Some(row) => Ok(Some(self.pools.keep(mark, pool, pool_from(&row)?))),
            None => Ok(None),
        }
    }

    /// The account that a number is of.
    pub(super) async fn account_of_number(
        &self,
        x: PhoneNumber,
    ) -> Result<Option<AccountId>, Fault> {
        if let Some(account) = self.accounts_of_numbers.get(&x) {
            return Ok(Some(account));
        }
        let client = self.client().await?;
        let statement = client
            .prepare_cached("SELECT account FROM number_owner WHERE x = $1")
            .await?;
        let Some(row) = client.query_opt(&statement, &[&number_column(x)]).await? else {
            return Ok(None);
        };
        let account = account_of(row.try_get(0)?)?;
        self.accounts_of_numbers.insert(x, account);
        Ok(Some(account))
    }
}

/// Tries an operation until it is done, or there is no sense in trying on.
macro_rules! until_done {
    ($attempt:expr) => {{
        let mut attempts = $crate::postgres::fault::Attempts::default();
        loop {
            match $attempt.await {
                Ok(value) => break Ok::<_, StoreError>(value),
                Err(fault) => attempts.after(fault).await?,
            }
        }
    }};
}
pub(super) use until_done;

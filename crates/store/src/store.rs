//! The store's one face: an enum of two backends, dispatched by hand so that every operation can
//! be read here in one list.

use std::{path::PathBuf, sync::Arc};

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::Binding,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{Pool, PoolNo},
    refusal::Refusal,
    time::Timestamp,
};

use crate::{
    counters::Counters,
    error::{BindRefusal, ChangeRefusal, DeleteRefusal, OpenError, StoreError},
    keyring::Keyring,
    model::{
        AccessKey, Account, BindCommand, BindingChange, BindingFilter, BindingRef, Bound,
        CallQuery, CallRoute, Event, Imported, NewNumber, NumberFilter, NumberRow, Page, Paged,
        PoolChange, PoolChanged, PoolFilter, PoolRow, Swept, UpgradeCommand,
    },
    postgres::PostgresStore,
    sqlite::{self, SqliteStore},
};

/// Where the data is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this directory, embedded: one process at a time.
    Directory(PathBuf),
    /// In the PostgreSQL database of this connection string (`postgres://…` or key=value), which
    /// many nodes may share.
    Postgres(String),
}

impl Location {
    /// The database file of an embedded store, if it is missing or empty, so that opening would
    /// begin anew.
    #[must_use]
    pub fn unmade_database(&self) -> Option<PathBuf> {
        let Self::Directory(directory) = self else {
            return None;
        };
        let database = sqlite::database_in(directory);
        let bytes = std::fs::metadata(&database).map_or(0, |about| about.len());
        (bytes == 0).then_some(database)
    }
}

/// Bounds of the store's own making.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreOptions {
    /// How long ended routes are remembered, in milliseconds; at least the longest quarantine.
    pub remember_ms: i64,
    /// How long idempotency keys are kept, in milliseconds; at least 24 hours.
    pub idempotency_ms: i64,
    /// The most requests that may wait for the writer.
    pub queue_max: usize,
    /// The most requests in one transaction.
    pub batch_max: usize,
    /// The most connections to PostgreSQL besides the writers'.
    pub connections_max: usize,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            remember_ms: axbridge_domain::limits::REMEMBER_MS,
            idempotency_ms: 48 * 60 * 60 * 1000,
            queue_max: 4096,
            batch_max: 512,
            connections_max: 16,
        }
    }
}

/// Durable state in one of two engines.
#[derive(Clone)]
pub enum Store {
    /// Embedded.
    Sqlite(SqliteStore),
    /// Shared.
    Postgres(PostgresStore),
}

macro_rules! dispatch {
    ($store:expr, $method:ident ( $($argument:expr),* )) => {
        match $store {
            Store::Sqlite(store) => store.$method($($argument),*).await,
            Store::Postgres(store) => store.$method($($argument),*).await,
        }
    };
}

mod calls;
mod delivery;
mod places;
mod prompts;
mod recordings;
mod risk;
mod trunks;

impl Store {
    /// Opens the store, bringing its schema up to date. `now` is the moment that expiry is judged
    /// at while the embedded store rebuilds its tables.
    ///
    /// # Errors
    /// [`OpenError`], each variant with what to do about it.
    pub async fn open(
        location: &Location,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        match location {
            Location::Directory(directory) => Ok(Self::Sqlite(
                SqliteStore::open(directory, keys, options, now).await?,
            )),
            Location::Postgres(url) => Ok(Self::Postgres(
                PostgresStore::open(url, keys, options, now).await?,
            )),
        }
    }

    /// Answers when the store can do work.
    ///
    /// # Errors
    /// Why it cannot.
    pub async fn ready(&self) -> Result<(), StoreError> {
        dispatch!(self, ready())
    }

    /// The latest moment that the store knows to be past.
    #[must_use]
    pub fn moment(&self) -> Timestamp {
        match self {
            Self::Sqlite(store) => store.moment(),
            Self::Postgres(store) => store.moment(),
        }
    }

    /// Finishes what was accepted and lets go of the engine. Later calls answer `Unavailable`.
    pub async fn close(&self) {
        dispatch!(self, close());
    }

    /// What the store counts about itself.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        match self {
            Store::Sqlite(store) => store.counters(),
            Store::Postgres(store) => store.counters(),
        }
    }

    /// How many bindings are live at `now`, in all accounts (PostgreSQL: as of the last sweep).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_bindings(&self, now: Timestamp) -> Result<u64, StoreError> {
        dispatch!(self, live_bindings(now))
    }

    /// Makes an account; false if its id is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        dispatch!(self, create_account(account))
    }

    /// The account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        dispatch!(self, account(id))
    }

    /// All accounts, by id.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_accounts(&self) -> Result<Vec<Account>, StoreError> {
        dispatch!(self, list_accounts())
    }

    /// Changes what an account may do; false if there is no such account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_account_terms(
        &self,
        id: AccountId,
        terms: AccountTerms,
    ) -> Result<bool, StoreError> {
        dispatch!(self, set_account_terms(id, terms))
    }

    /// Keeps a new access key; false if its id is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_access_key(&self, key: &AccessKey) -> Result<bool, StoreError> {
        dispatch!(self, create_access_key(key))
    }

    /// The access key, disabled or not. Cached: another node's change is seen within a second.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, StoreError> {
        dispatch!(self, access_key(id))
    }

    /// The access keys of an account, or all, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_access_keys(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<AccessKey>, StoreError> {
        dispatch!(self, list_access_keys(account))
    }

    /// Disables a key for good; false if there is none. Disabling twice changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn disable_access_key(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        dispatch!(self, disable_access_key(id, now))
    }

    /// Makes a pool; false if its number is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_pool(&self, pool: &Pool, now: Timestamp) -> Result<bool, StoreError> {
        dispatch!(self, create_pool(pool, now))
    }

    /// The pool. Cached: another node's change is seen within a second.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pool(&self, pool: PoolNo) -> Result<Option<Arc<Pool>>, StoreError> {
        dispatch!(self, pool(pool))
    }

    /// Changes a pool of an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_pool(
        &self,
        account: AccountId,
        pool: PoolNo,
        change: &PoolChange,
        now: Timestamp,
    ) -> Result<PoolChanged, StoreError> {
        dispatch!(self, update_pool(account, pool, change, now))
    }

    /// Pools by number, with the counts of their numbers (deregistered ones left out).
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_pools(
        &self,
        filter: &PoolFilter,
        page: Page,
    ) -> Result<Paged<PoolRow>, StoreError> {
        dispatch!(self, list_pools(filter, page))
    }

    /// Puts numbers into a pool, each on its own: the answer's places match the request's.
    /// `numbers_max` is the account's quota. `None` when there is no such pool.
    ///
    /// # Errors
    /// [`StoreError`]; then none was imported.
    pub async fn import_numbers(
        &self,
        pool: PoolNo,
        numbers: &[NewNumber],
        numbers_max: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<Imported>>, StoreError> {
        dispatch!(self, import_numbers(pool, numbers, numbers_max, now))
    }

    /// Deregisters numbers of a pool that carry no live binding.
    ///
    /// # Errors
    /// [`StoreError`]; then none was deleted.
    pub async fn delete_numbers(
        &self,
        pool: PoolNo,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Result<(), DeleteRefusal>>, StoreError> {
        dispatch!(self, delete_numbers(pool, numbers, now))
    }

    /// Sets the state of numbers, all or none: if one is not a number of `account` (of any account
    /// when `None`), or the operator has disabled it and `by_operator` is false, the first such is
    /// the answer's `Err` and nothing changes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_number_states(
        &self,
        account: Option<AccountId>,
        numbers: &[PhoneNumber],
        state: NumberState,
        by_operator: bool,
        now: Timestamp,
    ) -> Result<Result<(), PhoneNumber>, StoreError> {
        dispatch!(
            self,
            set_number_states(account, numbers, state, by_operator, now)
        )
    }

    /// Numbers by number, with their live bindings.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_numbers(
        &self,
        filter: &NumberFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        dispatch!(self, list_numbers(filter, page, now))
    }

    /// Numbers that come after `after`, at most `limit`: for scrolling without offsets. `total`
    /// counts all that match the filter.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn scroll_numbers(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        limit: u64,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        dispatch!(self, scroll_numbers(filter, after, limit, now))
    }

    /// Makes a binding: selects (or checks the named) X, claims its routes, writes binding, event
    /// and idempotency key, all in one transaction. When it answers, the next call routes.
    ///
    /// # Errors
    /// [`StoreError`]; with `Unavailable` the outcome may be unknown and the same idempotency key
    /// finds it.
    pub async fn bind(
        &self,
        command: BindCommand,
        now: Timestamp,
    ) -> Result<Result<Bound, BindRefusal>, StoreError> {
        dispatch!(self, bind(command, now))
    }

    /// Ends a live binding: when it answers, no new call routes by it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unbind(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Result<(), ChangeRefusal>, StoreError> {
        dispatch!(self, unbind(binding, now))
    }

    /// Changes one thing of a live binding; routes are claimed anew in the same transaction when a
    /// number changes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn update_binding(
        &self,
        binding: BindingRef,
        change: BindingChange,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        dispatch!(self, update_binding(binding, change, now))
    }

    /// Ends an AX and makes an AXB on the same X, in one transaction.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn upgrade(
        &self,
        command: UpgradeCommand,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        dispatch!(self, upgrade(command, now))
    }

    /// A binding of the account, live or ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn binding(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Option<Binding>, StoreError> {
        dispatch!(self, binding(binding, now))
    }

    /// Bindings of the account, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_bindings(
        &self,
        account: AccountId,
        filter: &BindingFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<Binding>, StoreError> {
        dispatch!(self, list_bindings(account, filter, page, now))
    }

    /// Where a call goes at `now`, judged at this moment and never by when a sweep came by.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn route_call(
        &self,
        query: CallQuery,
        now: Timestamp,
    ) -> Result<CallRoute, StoreError> {
        dispatch!(self, route_call(query, now))
    }

    /// How the numbers of every place of a selection stand for it; binds nothing. The command's
    /// placement must be [`crate::model::Placement::Select`]. `None` when the account has no such
    /// pool.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn explain(
        &self,
        command: &BindCommand,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        dispatch!(self, explain(command, now))
    }

    /// Events after `after`, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn events(&self, after: i64, limit: u64) -> Result<Vec<Event>, StoreError> {
        dispatch!(self, events(after, limit))
    }

    /// Announces expiries up to `now` (each exactly once), drops old idempotency keys and routes
    /// that nobody need remember. Correctness never waits for it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        dispatch!(self, sweep(now))
    }
}

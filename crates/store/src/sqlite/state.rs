//! What the embedded backend holds in memory: the routes, the numbers, the pools, the keys.
//!
//! Only the writer changes it, and only after the commit; everybody else reads, and says nothing of
//! what was seen before that is durable ([`Shared::settled`]). Nothing here touches the disk.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
};

use axbridge_domain::{
    account::AccountId,
    inventory::{Inventory, NumberSlot},
    month::Month,
    party::PartyKey,
    phone::PhoneNumber,
    pool::{Pool, PoolNo},
    risk::{FrequencyWindow, Restriction},
    route_table::RouteTable,
    time::Timestamp,
};
use tokio::sync::watch;

use super::sub_ids::SubIds;
use crate::{
    call_key::{CallKey, CallKeys},
    counters::Counters,
    error::StoreError,
    keyring::Keyring,
    model::AccessKey,
    risk::RiskBook,
    store::StoreOptions,
};

/// Everything that is decided on.
pub(super) struct State {
    pub(super) routes: RouteTable,
    pub(super) inventory: Inventory,
    pub(super) pools: HashMap<PoolNo, Arc<Pool>>,
    pub(super) access_keys: HashMap<String, Arc<AccessKey>>,
    pub(super) risk: RiskBook,
    pub(super) call_keys: CallKeys,
}

impl State {
    pub(super) fn new(remember_ms: i64) -> Self {
        Self {
            routes: RouteTable::new(remember_ms),
            inventory: Inventory::default(),
            pools: HashMap::new(),
            access_keys: HashMap::new(),
            risk: RiskBook::default(),
            call_keys: CallKeys::default(),
        }
    }

    /// The account and pool that a number belongs to.
    pub(super) fn pool_of(&self, x: PhoneNumber) -> Option<(NumberSlot, &Arc<Pool>)> {
        let slot = self.inventory.get(x)?;
        self.pools.get(&slot.pool).map(|pool| (*slot, pool))
    }

    /// The pool, if it is the account's.
    pub(super) fn pool_of_account(&self, account: AccountId, pool: PoolNo) -> Option<&Arc<Pool>> {
        self.pools.get(&pool).filter(|pool| pool.account == account)
    }

    /// Makes committed changes visible, those of routes apart.
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Pool(pool) => {
                self.pools.insert(pool.pool_no, pool);
            }
            Change::AccessKey(key) => {
                self.access_keys.insert(key.id.clone(), key);
            }
            Change::NumberAdded(slot) => {
                self.inventory.add(slot);
            }
            Change::NumberEnabled(x, enabled) => {
                self.inventory.set_enabled(x, enabled);
            }
            Change::NumbersRemoved(numbers) => self.inventory.remove(&numbers),
            Change::Frozen(account, party, restriction, until) => {
                self.risk.put(account, party, restriction, until);
            }
            Change::Unfrozen(account, party, restriction) => {
                self.risk.remove(account, party, restriction);
            }
            Change::FrequencyWindows(account, windows) => {
                self.risk.set_windows(account, windows);
            }
            Change::CallKeyMade(key) => self.call_keys.insert(key),
            Change::CallKeyDestroyed(month) => self.call_keys.remove(month),
        }
    }
}

/// A change of memory that follows a commit.
pub(super) enum Change {
    Pool(Arc<Pool>),
    AccessKey(Arc<AccessKey>),
    NumberAdded(NumberSlot),
    NumberEnabled(PhoneNumber, bool),
    NumbersRemoved(Vec<PhoneNumber>),
    Frozen(AccountId, PartyKey, Restriction, Timestamp),
    Unfrozen(AccountId, PartyKey, Restriction),
    FrequencyWindows(AccountId, Vec<FrequencyWindow>),
    CallKeyMade(Arc<CallKey>),
    CallKeyDestroyed(Month),
}

impl Change {
    /// Whether it changes which numbers may be given out.
    pub(super) fn is_of_numbers(&self) -> bool {
        matches!(
            self,
            Change::Pool(_)
                | Change::NumberAdded(_)
                | Change::NumberEnabled(..)
                | Change::NumbersRemoved(_)
        )
    }
}

/// What the writer and the readers share.
pub(super) struct Shared {
    state: RwLock<State>,
    /// Why nothing can be written any more until a restart.
    broken: OnceLock<String>,
    /// Commits that were begun, and those of which it is known whether they are durable.
    begun: AtomicU64,
    settled: watch::Sender<u64>,
    pub(super) keys: Arc<Keyring>,
    pub(super) sub_ids: Arc<SubIds>,
    pub(super) options: StoreOptions,
    pub(super) counters: Arc<Counters>,
}

impl Shared {
    pub(super) fn new(state: State, keys: Arc<Keyring>, options: StoreOptions) -> Self {
        Self {
            state: RwLock::new(state),
            broken: OnceLock::new(),
            begun: AtomicU64::new(0),
            settled: watch::Sender::new(0),
            sub_ids: Arc::new(SubIds::new(&keys)),
            keys,
            options,
            counters: Arc::default(),
        }
    }

    /// The state, to look at. Never hold it across a wait.
    pub(super) fn look(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| {
            StoreError::Internal(
                "the writer stopped while it changed the tables; restart axbridge".to_owned(),
            )
        })
    }

    /// For the writer alone, which is the only one that can have left the lock poisoned and is
    /// gone then.
    pub(super) fn change(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a commit that is about to be made: from here on somebody may see its rows, then
    /// its changes of memory.
    pub(super) fn begin_commit(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// How many commits were begun.
    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    /// Notes that it is known of every commit up to this one whether it is durable.
    pub(super) fn settle(&self, commit: u64) {
        self.settled
            .send_modify(|settled| *settled = commit.max(*settled));
    }

    /// Waits until it is known of all that was seen so far whether it is durable. Whoever looked
    /// at memory or at rows and tells of it waits here in between; a commit that turned out not to
    /// be durable has been told to nobody as done, but may be seen until the restart that follows.
    pub(super) async fn settled(&self) {
        let begun = self.begun();
        if *self.settled.borrow() < begun {
            let mut settled = self.settled.subscribe();
            // Its sender is here, so that there is always an answer.
            let _ = settled.wait_for(|settled| *settled >= begun).await;
        }
    }

    /// Notes that nothing may be written until a restart has read what stands on disk.
    pub(super) fn set_broken(&self, why: String) {
        tracing::error!(reason = %why, "the embedded store stops writing");
        // The first reason is the one that matters.
        let _ = self.broken.set(why);
    }

    pub(super) fn check_usable(&self) -> Result<(), StoreError> {
        match self.broken.get() {
            Some(why) => Err(StoreError::Unavailable(why.clone())),
            None => Ok(()),
        }
    }
}

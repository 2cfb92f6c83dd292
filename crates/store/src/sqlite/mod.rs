//! Skeleton.
#![expect(unused_variables, clippy::unused_async, reason = "skeleton")]
use crate::{
    counters::Counters,
    error::{BindRefusal, ChangeRefusal, DeleteRefusal, OpenError, StoreError},
    keyring::Keyring,
    model::{
        AccessKey, Account, BindCommand, BindingChange, BindingFilter, BindingRef, Bound,
        CallQuery, CallRoute, Event, Imported, NewNumber, NumberFilter, NumberRow, Page, Paged,
        PoolChange, PoolChanged, PoolFilter, PoolRow, Swept, UpgradeCommand,
    },
    store::StoreOptions,
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::Binding,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{Pool, PoolNo},
    refusal::Refusal,
    time::Timestamp,
};
use std::sync::Arc;

/// Skeleton.
#[derive(Clone)]
pub struct SqliteStore {
    counters: Arc<Counters>,
}

impl SqliteStore {
    pub(crate) async fn open(
        directory: &std::path::Path,
        keys: Arc<Keyring>,
        options: StoreOptions,
        now: Timestamp,
    ) -> Result<Self, OpenError> {
        Err(OpenError::Other("not built".to_owned()))
    }
    pub(crate) async fn close(&self) {}
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }
    pub(crate) async fn ready(&self) -> Result<(), StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn live_bindings(&self, now: Timestamp) -> Result<u64, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn list_accounts(&self) -> Result<Vec<Account>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn set_account_terms(
        &self,
        id: AccountId,
        terms: AccountTerms,
    ) -> Result<bool, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn create_access_key(&self, key: &AccessKey) -> Result<bool, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn list_access_keys(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<AccessKey>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn disable_access_key(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn create_pool(
        &self,
        pool: &Pool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn pool(&self, pool: PoolNo) -> Result<Option<Arc<Pool>>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn update_pool(
        &self,
        account: AccountId,
        pool: PoolNo,
        change: &PoolChange,
        now: Timestamp,
    ) -> Result<PoolChanged, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn list_pools(
        &self,
        filter: &PoolFilter,
        page: Page,
    ) -> Result<Paged<PoolRow>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn import_numbers(
        &self,
        pool: PoolNo,
        numbers: &[NewNumber],
        numbers_max: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Vec<Imported>>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn delete_numbers(
        &self,
        pool: PoolNo,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Result<(), DeleteRefusal>>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn set_number_states(
        &self,
        account: Option<AccountId>,
        numbers: &[PhoneNumber],
        state: NumberState,
        by_operator: bool,
        now: Timestamp,
    ) -> Result<Result<(), PhoneNumber>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn list_numbers(
        &self,
        filter: &NumberFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn scroll_numbers(
        &self,
        filter: &NumberFilter,
        after: Option<PhoneNumber>,
        limit: u64,
        now: Timestamp,
    ) -> Result<Paged<NumberRow>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn bind(
        &self,
        command: BindCommand,
        now: Timestamp,
    ) -> Result<Result<Bound, BindRefusal>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn unbind(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Result<(), ChangeRefusal>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn update_binding(
        &self,
        binding: BindingRef,
        change: BindingChange,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn upgrade(
        &self,
        command: UpgradeCommand,
        now: Timestamp,
    ) -> Result<Result<Binding, ChangeRefusal>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn binding(
        &self,
        binding: BindingRef,
        now: Timestamp,
    ) -> Result<Option<Binding>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn list_bindings(
        &self,
        account: AccountId,
        filter: &BindingFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<Binding>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn route_call(
        &self,
        query: CallQuery,
        now: Timestamp,
    ) -> Result<CallRoute, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn explain(
        &self,
        command: &BindCommand,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn events(&self, after: i64, limit: u64) -> Result<Vec<Event>, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        Err(StoreError::Internal("not built".to_owned()))
    }
}

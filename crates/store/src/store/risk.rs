//! Risk control: blacklist entries, frequency windows, what was counted.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    phone::PhoneNumber,
    risk::{FrequencyWindow, Restriction, Restrictions, RiskEntryId, TooFrequent},
    time::Timestamp,
};

use super::Store;
use crate::{
    error::StoreError,
    model::{Page, Paged},
    risk::{NewRiskEntry, RiskEntry, RiskFilter, RiskRules, RiskSwept},
};

impl Store {
    /// Makes a blacklist entry, with its event; one that stands on the same number in the same
    /// respect is replaced by it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn freeze(
        &self,
        entry: &NewRiskEntry,
        now: Timestamp,
    ) -> Result<RiskEntry, StoreError> {
        dispatch!(self, freeze(entry, now))
    }

    /// Ends the entry on a number in one respect, with its event; false if none stands.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unfreeze(
        &self,
        account: AccountId,
        number: PhoneNumber,
        restriction: Restriction,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        dispatch!(self, unfreeze(account, number, restriction, now))
    }

    /// An entry of the account, standing or ended: what an event of this id is about.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn risk_entry(
        &self,
        account: AccountId,
        id: RiskEntryId,
    ) -> Result<Option<RiskEntry>, StoreError> {
        dispatch!(self, risk_entry(account, id))
    }

    /// Entries of the account, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list_risk_entries(
        &self,
        account: AccountId,
        filter: &RiskFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<Paged<RiskEntry>, StoreError> {
        dispatch!(self, list_risk_entries(account, filter, page, now))
    }

    /// What stands against each of these numbers at `now`. PostgreSQL: the very first entry of an
    /// account that another node made is seen within a second, every other at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn restrictions(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<Restrictions>, StoreError> {
        dispatch!(self, restrictions(account, numbers, now))
    }

    /// What the account has of risk control. PostgreSQL: another node's change is seen within a
    /// second.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn risk_rules(&self, account: AccountId) -> Result<Arc<RiskRules>, StoreError> {
        dispatch!(self, risk_rules(account))
    }

    /// Sets the frequency windows of an account, in place of those it had.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn set_frequency_windows(
        &self,
        account: AccountId,
        windows: &[FrequencyWindow],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        dispatch!(self, set_frequency_windows(account, windows, now))
    }

    /// Counts a call that is about to be made, unless a window of the account is full: then that
    /// window is the answer and nothing is counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_call(
        &self,
        account: AccountId,
        caller: Option<PhoneNumber>,
        callee: PhoneNumber,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        dispatch!(self, count_call(account, caller, callee, now))
    }

    /// Counts a bind of these numbers that is about to be made, unless a window of the account is
    /// full: then that window is the answer and nothing is counted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn count_bind(
        &self,
        account: AccountId,
        a: Option<PhoneNumber>,
        b: Option<PhoneNumber>,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        dispatch!(self, count_bind(account, a, b, now))
    }

    /// For each number, the window that is full for its next call as caller and as callee.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn full_windows(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<[Option<TooFrequent>; 2]>, StoreError> {
        dispatch!(self, full_windows(account, numbers, now))
    }

    /// Announces entries that expired (each once), drops entries that ended `kept_ms` ago and
    /// counts that no window looks back at, some at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep_risk(&self, kept_ms: i64, now: Timestamp) -> Result<RiskSwept, StoreError> {
        dispatch!(self, sweep_risk(kept_ms, now))
    }
}

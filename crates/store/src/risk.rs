//! What goes in and out of the store about risk control.

use std::collections::HashMap;

use axbridge_domain::{
    account::AccountId,
    party::PartyKey,
    phone::PhoneNumber,
    risk::{
        Counted, FreezeTime, FrequencyWindow, RecentCalls, Restriction, Restrictions, RiskEntryId,
    },
    time::Timestamp,
};

use crate::{error::StoreError, keyring::Keyring};

/// A blacklist entry to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRiskEntry {
    /// Its id, from a random source.
    pub id: RiskEntryId,
    /// Whose it is.
    pub account: AccountId,
    /// Whom it restricts.
    pub number: PhoneNumber,
    /// In which respect.
    pub restriction: Restriction,
    /// For how long.
    pub freeze_time: FreezeTime,
    /// The service it was made for, as the client wrote it.
    pub service_type: i32,
    /// The sub-service it was made for, as the client wrote it.
    pub sub_service_type: i32,
    /// Why.
    pub remark: String,
    /// The access key that asked for it.
    pub made_by: String,
}

/// A blacklist entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RiskEntry {
    /// What was asked for.
    pub made: NewRiskEntry,
    /// Since when.
    pub started_at: Timestamp,
    /// Until when; [`Timestamp::MAX`] is until it is deleted.
    pub expires_at: Timestamp,
    /// When it was deleted, replaced, or its expiry announced.
    pub ended_at: Option<Timestamp>,
}

impl RiskEntry {
    /// Whether it restricts at `now`.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// Which blacklist entries to list; `None` matches all. Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RiskFilter {
    /// On this number.
    pub number: Option<PhoneNumber>,
    /// In this respect.
    pub restriction: Option<Restriction>,
    /// Only those that stand at the moment of asking.
    pub standing_only: bool,
}

/// What a sweep of risk control did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RiskSwept {
    /// Entries whose end was announced.
    pub expired: u64,
    /// Entries and counts that were dropped.
    pub dropped: u64,
}

/// What an account has of risk control.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RiskRules {
    /// How often calls and binds may come.
    pub windows: Vec<FrequencyWindow>,
    /// Whether it may have entries that stand.
    pub has_entries: bool,
}

impl RiskRules {
    /// Whether a window counts binds.
    #[must_use]
    pub fn count_binds(&self) -> bool {
        let of_binds = [Counted::BoundAsA, Counted::BoundAsB];
        let counted = |window: &FrequencyWindow| of_binds.contains(&window.counted());
        self.windows.iter().any(counted)
    }

    /// Whether nothing is restricted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && !self.has_entries
    }
}

/// The entries and windows of every account, in memory.
#[derive(Debug, Default)]
pub(crate) struct RiskBook {
    windows: HashMap<AccountId, Vec<FrequencyWindow>>,
    standing: HashMap<AccountId, HashMap<(PartyKey, Restriction), Timestamp>>,
}

impl RiskBook {
    pub(crate) fn put(
        &mut self,
        account: AccountId,
        party: PartyKey,
        restriction: Restriction,
        until: Timestamp,
    ) {
        let entries = self.standing.entry(account).or_default();
        entries.insert((party, restriction), until);
    }

    pub(crate) fn remove(&mut self, account: AccountId, party: PartyKey, restriction: Restriction) {
        let Some(entries) = self.standing.get_mut(&account) else {
            return;
        };
        entries.remove(&(party, restriction));
        if entries.is_empty() {
            self.standing.remove(&account);
        }
    }

    pub(crate) fn set_windows(&mut self, account: AccountId, windows: Vec<FrequencyWindow>) {
        if windows.is_empty() {
            self.windows.remove(&account);
        } else {
            self.windows.insert(account, windows);
        }
    }

    pub(crate) fn rules(&self, account: AccountId) -> RiskRules {
        RiskRules {
            windows: self.windows(account).to_vec(),
            has_entries: self.standing.contains_key(&account),
        }
    }

    pub(crate) fn windows(&self, account: AccountId) -> &[FrequencyWindow] {
        self.windows.get(&account).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn restrictions(
        &self,
        account: AccountId,
        party: PartyKey,
        now: Timestamp,
    ) -> Restrictions {
        let Some(entries) = self.standing.get(&account) else {
            return Restrictions::NONE;
        };
        let stands = |restriction: &&Restriction| {
            let until = entries.get(&(party, **restriction));
            until.is_some_and(|until| now < *until)
        };
        Restriction::ALL.iter().filter(stands).copied().collect()
    }

    pub(crate) fn has_entries(&self, account: AccountId) -> bool {
        self.standing.contains_key(&account)
    }
}

/// The column `recent`.
pub(crate) fn recent_column(recent: &RecentCalls) -> Vec<u8> {
    let calls = recent.newest_first().iter();
    calls.flat_map(|at| at.unix_ms().to_be_bytes()).collect()
}

/// Reads [`recent_column`].
pub(crate) fn recent_from(column: &[u8]) -> Result<RecentCalls, StoreError> {
    let (moments, rest) = column.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(StoreError::Unreadable("a party's latest calls".to_owned()));
    }
    let moment = |bytes: &[u8; 8]| Timestamp::from_unix_ms(i64::from_be_bytes(*bytes));
    Ok(RecentCalls::new(moments.iter().map(moment).collect()))
}

/// Seals the number of an entry.
pub(crate) fn seal_number(
    keys: &Keyring,
    id: RiskEntryId,
    number: PhoneNumber,
) -> Result<Vec<u8>, StoreError> {
    keys.seal(&number.to_bits().to_be_bytes(), id.to_string().as_bytes())
}

/// Opens what [`seal_number`] sealed.
pub(crate) fn open_number(
    keys: &Keyring,
    id: RiskEntryId,
    sealed: &[u8],
) -> Result<PhoneNumber, StoreError> {
    let plain = keys.open(sealed, id.to_string().as_bytes())?;
    let bits = plain.as_slice().try_into().map(u64::from_be_bytes).ok();
    bits.and_then(PhoneNumber::from_bits)
        .ok_or_else(|| StoreError::Unreadable(format!("the number of {id}")))
}

//! Risk control: blacklists, frequency windows, and what they forbid.
//!
//! Binds ask before they go to the store, so that a bind that begins after a blacklist entry was
//! answered is refused by it (on PostgreSQL another node's very first entry of an account may be
//! seen a second later). An account without entries and windows pays for a look at memory alone.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    binding::Binding,
    call::{CallResult, Direction},
    phone::PhoneNumber,
    risk::{
        Counted, FreezeTime, FrequencyWindow, Restriction, RiskEntryId, TooFrequent, judge_call,
    },
    time::Timestamp,
};
pub use axbridge_store::risk::{RiskEntry, RiskFilter, RiskRules};
use axbridge_store::{
    model::{Page, Paged},
    risk::{NewRiskEntry, RiskSwept},
};

use crate::{App, AppError, calls::Announcement};

/// How long an entry that ended is kept to be shown, in milliseconds.
const ENDED_ENTRIES_KEPT_MS: i64 = 180 * 24 * 60 * 60 * 1000;

/// A blacklist entry as a client asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FreezeRequest {
    /// Whose it is.
    pub account: AccountId,
    /// Whom it restricts.
    pub number: PhoneNumber,
    /// In which respect.
    pub restriction: Restriction,
    /// For how long.
    pub freeze_time: FreezeTime,
    /// The service it is for.
    pub service_type: i32,
    /// The sub-service it is for.
    pub sub_service_type: i32,
    /// Why.
    pub remark: String,
    /// The access key that asks.
    pub made_by: String,
}

/// What a number is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contact {
    /// May it be called?
    Called,
    /// May it call?
    Calls,
    /// May it be sent a message? Messages are not restricted.
    Message,
}

/// Why a number may not be contacted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forbidden {
    /// It is on the blacklist.
    Blacklisted(Box<RiskEntry>),
    /// It had as many calls as its windows allow.
    TooFrequent(TooFrequent),
}

impl App {
    /// Puts a number on the account's blacklist; an entry that stands on it in the same respect is
    /// replaced.
    ///
    /// # Errors
    /// Faults of the store, and of the system's random source.
    pub async fn freeze(&self, request: FreezeRequest) -> Result<RiskEntry, AppError> {
        let entry = NewRiskEntry {
            id: RiskEntryId::new(self.chance.u64()?),
            account: request.account,
            number: request.number,
            restriction: request.restriction,
            freeze_time: request.freeze_time,
            service_type: request.service_type,
            sub_service_type: request.sub_service_type,
            remark: request.remark,
            made_by: request.made_by,
        };
        Ok(self.store.freeze(&entry, self.now()).await?)
    }

    /// Takes a number off the account's blacklist in one respect; false if it was not on it.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn unfreeze(
        &self,
        account: AccountId,
        number: PhoneNumber,
        restriction: Restriction,
    ) -> Result<bool, AppError> {
        let now = self.now();
        let ended = self.store.unfreeze(account, number, restriction, now).await;
        Ok(ended?)
    }

    /// The account's blacklist, newest first.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn blacklist(
        &self,
        account: AccountId,
        filter: &RiskFilter,
        page: Page,
    ) -> Result<Paged<RiskEntry>, AppError> {
        let now = self.now();
        let found = self
            .store
            .list_risk_entries(account, filter, page, now)
            .await;
        Ok(found?)
    }

    /// The account's frequency windows.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn risk_rules(&self, account: AccountId) -> Result<Arc<RiskRules>, AppError> {
        Ok(self.store.risk_rules(account).await?)
    }

    /// Sets the account's frequency windows, in place of those it had.
    ///
    /// # Errors
    /// [`AppError::Invalid`] when there are too many, or no such account.
    pub async fn set_frequency_windows(
        &self,
        account: AccountId,
        windows: &[FrequencyWindow],
    ) -> Result<(), AppError> {
        if windows.len() > FrequencyWindow::COUNT_MAX {
            return Err(AppError::invalid(
                "Windows",
                format!("at most {} windows", FrequencyWindow::COUNT_MAX),
            ));
        }
        self.account(account).await?;
        let now = self.now();
        Ok(self
            .store
            .set_frequency_windows(account, windows, now)
            .await?)
    }

    /// Whether each of these numbers may be contacted now, and if not, why not.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn can_contact(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        contact: Contact,
    ) -> Result<Vec<Option<Forbidden>>, AppError> {
        let (respects, counted): (&[Restriction], usize) = match contact {
            Contact::Called => (&[Restriction::Called], 1),
            Contact::Calls => (&[Restriction::ACallsB, Restriction::BCallsA], 0),
            Contact::Message => return Ok(vec![None; numbers.len()]),
        };
        let now = self.now();
        let restricted = self.store.restrictions(account, numbers, now).await?;
        let full = self.store.full_windows(account, numbers, now).await?;
        let mut answers = Vec::with_capacity(numbers.len());
        for ((number, restricted), full) in numbers.iter().zip(restricted).zip(full) {
            let forbids = respects.iter().find(|it| restricted.has(**it));
            let entry = match forbids {
                Some(respect) => self.standing_entry(account, *number, *respect, now).await?,
                None => None,
            };
            let blacklisted = entry.map(|entry| Forbidden::Blacklisted(Box::new(entry)));
            let too_frequent = full.get(counted).copied().flatten();
            answers.push(blacklisted.or(too_frequent.map(Forbidden::TooFrequent)));
        }
        Ok(answers)
    }

    async fn standing_entry(
        &self,
        account: AccountId,
        number: PhoneNumber,
        restriction: Restriction,
        now: Timestamp,
    ) -> Result<Option<RiskEntry>, AppError> {
        let filter = RiskFilter {
            number: Some(number),
            restriction: Some(restriction),
            standing_only: true,
        };
        let one = Page {
            offset: 0,
            limit: 1,
        };
        let found = self
            .store
            .list_risk_entries(account, &filter, one, now)
            .await?;
        Ok(found.rows.into_iter().next())
    }

    /// Whether A and B (those of them that are named) may be bound.
    ///
    /// # Errors
    /// [`AppError::FrozenA`], [`AppError::FrozenB`]; faults of the store.
    pub(crate) async fn check_risk(
        &self,
        account: AccountId,
        a: Option<PhoneNumber>,
        b: Option<PhoneNumber>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        let asked: Vec<(PhoneNumber, Restriction)> = [
            a.map(|a| (a, Restriction::BoundAsA)),
            b.map(|b| (b, Restriction::BoundAsB)),
        ]
        .into_iter()
        .flatten()
        .collect();
        if asked.is_empty() {
            return Ok(());
        }
        let numbers: Vec<PhoneNumber> = asked.iter().map(|(number, _)| *number).collect();
        let restricted = self.store.restrictions(account, &numbers, now).await?;
        for ((_, respect), restricted) in asked.iter().zip(restricted) {
            if restricted.has(*respect) {
                return Err(match respect {
                    Restriction::BoundAsA => AppError::FrozenA,
                    _ => AppError::FrozenB,
                });
            }
        }
        Ok(())
    }

    /// Counts a bind of these numbers, if the account has windows for binds.
    ///
    /// # Errors
    /// [`AppError::BoundTooOften`], and then nothing is counted; faults of the store.
    pub(crate) async fn count_bind(
        &self,
        account: AccountId,
        a: Option<PhoneNumber>,
        b: Option<PhoneNumber>,
        now: Timestamp,
    ) -> Result<(), AppError> {
        match self.store.count_bind(account, a, b, now).await? {
            None => Ok(()),
            Some(full) => Err(AppError::BoundTooOften(full)),
        }
    }

    /// Why a call that would ring `callee` may not go through, if it may not. A call that may is
    /// counted.
    ///
    /// # Errors
    /// Faults of the store.
    pub(crate) async fn call_risk(
        &self,
        binding: &Binding,
        caller: Option<PhoneNumber>,
        callee: PhoneNumber,
    ) -> Result<Option<(CallResult, Announcement)>, AppError> {
        let (account, now) = (binding.account, self.now());
        let ends: Vec<PhoneNumber> = [callee].into_iter().chain(caller).collect();
        let restricted = self.store.restrictions(account, &ends, now).await?;
        let of = |index: usize| restricted.get(index).copied().unwrap_or_default();
        let direction = Direction::of(binding, caller);
        if let Some(result) = judge_call(direction, of(1), of(0)) {
            return Ok(Some((result, Announcement::NotPermitted)));
        }
        let full = self.store.count_call(account, caller, callee, now).await?;
        Ok(full.map(|_| (CallResult::TooFrequent, Announcement::TryLater)))
    }

    /// Announces blacklist entries that ended and drops what nobody need remember.
    ///
    /// # Errors
    /// Faults of the store; the next sweep takes up what this one left.
    pub async fn sweep_risk(&self) -> Result<RiskSwept, AppError> {
        let now = self.now();
        Ok(self.store.sweep_risk(ENDED_ENTRIES_KEPT_MS, now).await?)
    }
}

/// How a full window reads.
#[must_use]
pub fn window_text(window: FrequencyWindow) -> String {
    let (count, minutes) = (window.calls_max(), window.minutes());
    match window.counted() {
        Counted::Caller => format!("made {count} calls in {minutes} minutes"),
        Counted::Callee => format!("got {count} calls in {minutes} minutes"),
        Counted::BoundAsA => format!("bound as A {count} times in {minutes} minutes"),
        Counted::BoundAsB => format!("bound as B {count} times in {minutes} minutes"),
    }
}

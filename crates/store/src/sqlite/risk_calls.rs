//! How often numbers call and are called.

use axbridge_domain::{
    account::AccountId,
    party::PartyKey,
    phone::PhoneNumber,
    risk::{Counted, LOOK_BACK_MS_MAX, RecentCalls, TooFrequent},
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::{
    SqliteStore,
    fault::{Fault, engine},
    risk::STEP,
    rows::account_column,
    writer::Batch,
};
use crate::{
    error::StoreError,
    risk::{recent_column, recent_from},
};

impl SqliteStore {
    pub(crate) async fn count_call(
        &self,
        account: AccountId,
        caller: Option<PhoneNumber>,
        callee: PhoneNumber,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        let caller = caller.map(|it| (Counted::Caller, it));
        let ends = caller.into_iter().chain([(Counted::Callee, callee)]);
        self.count_all(account, ends, now).await
    }

    pub(crate) async fn count_bind(
        &self,
        account: AccountId,
        a: Option<PhoneNumber>,
        b: Option<PhoneNumber>,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        let a = a.map(|it| (Counted::BoundAsA, it));
        let b = b.map(|it| (Counted::BoundAsB, it));
        self.count_all(account, a.into_iter().chain(b), now).await
    }

    /// Counts all of them or, if a window is full, none. Without a window that counts such things
    /// it costs a look at memory.
    async fn count_all(
        &self,
        account: AccountId,
        ends: impl Iterator<Item = (Counted, PhoneNumber)>,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        let ends: Vec<(Counted, PhoneNumber)> = self.glance(|state| {
            let windows = state.risk.windows(account);
            let counts = |counted| windows.iter().any(|window| window.counted() == counted);
            ends.filter(|(counted, _)| counts(*counted)).collect()
        })?;
        if ends.is_empty() {
            return Ok(None);
        }
        let keys = &self.inner.shared.keys;
        let key = |(counted, number)| (counted, keys.party_key(account, number));
        let ends: Vec<(Counted, PartyKey)> = ends.into_iter().map(key).collect();
        self.write(now, move |batch| count(batch, account, &ends, now))
            .await
    }

    pub(crate) async fn full_windows(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<[Option<TooFrequent>; 2]>, StoreError> {
        let windows = self.glance(|state| state.risk.windows(account).to_vec())?;
        if windows.is_empty() {
            return Ok(vec![[None; 2]; numbers.len()]);
        }
        let keys = &self.inner.shared.keys;
        let parties: Vec<PartyKey> = numbers
            .iter()
            .map(|number| keys.party_key(account, *number))
            .collect();
        self.read(move |connection| {
            let full = |party, counted| -> Result<_, StoreError> {
                let recent = recent(connection, account, counted, party)?;
                Ok(recent.judge(&windows, counted, now))
            };
            let both = |party| Ok([full(party, Counted::Caller)?, full(party, Counted::Callee)?]);
            parties.into_iter().map(both).collect()
        })
        .await
    }
}

fn count(
    batch: &mut Batch<'_>,
    account: AccountId,
    ends: &[(Counted, PartyKey)],
    now: Timestamp,
) -> Result<Option<TooFrequent>, Fault> {
    const PUT: &str = "INSERT OR REPLACE INTO risk_calls (account, counted, party_key, recent, latest_at) \
         VALUES (?1, ?2, ?3, ?4, ?5)";
    let windows = batch.state.risk.windows(account);
    let mut counted_ends = Vec::with_capacity(ends.len());
    for (counted, party) in ends {
        if windows.iter().all(|window| window.counted() != *counted) {
            continue;
        }
        let mut recent = recent(batch.connection, account, *counted, *party)?;
        if let Some(full) = recent.judge(windows, *counted, now) {
            return Ok(Some(full));
        }
        recent.note(now, windows, *counted);
        counted_ends.push((*counted, *party, recent));
    }
    for (counted, party, recent) in counted_ends {
        batch.connection.prepare_cached(PUT)?.execute(params![
            account_column(account),
            counted.code(),
            party.as_bytes(),
            recent_column(&recent),
            now.unix_ms(),
        ])?;
    }
    Ok(None)
}

fn recent(
    connection: &Connection,
    account: AccountId,
    counted: Counted,
    party: PartyKey,
) -> Result<RecentCalls, StoreError> {
    const SELECT: &str =
        "SELECT recent FROM risk_calls WHERE account = ?1 AND counted = ?2 AND party_key = ?3";
    let found: Option<Vec<u8>> = connection
        .prepare_cached(SELECT)
        .and_then(|mut select| {
            let values = params![account_column(account), counted.code(), party.as_bytes()];
            select.query_row(values, |row| row.get(0)).optional()
        })
        .map_err(|error| engine(&error))?;
    found.map_or_else(|| Ok(RecentCalls::default()), |bytes| recent_from(&bytes))
}

/// Drops counts that no window looks back at.
pub(super) fn drop_old(batch: &Batch<'_>) -> Result<u64, Fault> {
    const DELETE: &str = "DELETE FROM risk_calls WHERE (account, counted, party_key) IN \
         (SELECT account, counted, party_key FROM risk_calls WHERE latest_at <= ?1 \
          ORDER BY latest_at LIMIT ?2)";
    let oldest = batch.now().plus_ms(-LOOK_BACK_MS_MAX).unix_ms();
    let rows = batch
        .connection
        .prepare_cached(DELETE)?
        .execute(params![oldest, STEP])?;
    Ok(rows as u64)
}

//! How often numbers call and are called.
//!
//! A party's row is the lock for its count. Rows are locked in the order of [`Counted`], at most
//! one of each kind, so that nobody waits in a circle.

use axbridge_domain::{
    account::AccountId,
    party::PartyKey,
    phone::PhoneNumber,
    risk::{Counted, FrequencyWindow, LOOK_BACK_MS_MAX, RecentCalls, TooFrequent},
    time::Timestamp,
};
use deadpool_postgres::{GenericClient, Transaction};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    risk::STEP,
    rows::account_column,
};
use crate::{
    error::StoreError,
    risk::{recent_column, recent_from},
};

impl PostgresStore {
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

    /// Counts all of them or, if a window is full, none.
    async fn count_all(
        &self,
        account: AccountId,
        ends: impl Iterator<Item = (Counted, PhoneNumber)>,
        now: Timestamp,
    ) -> Result<Option<TooFrequent>, StoreError> {
        let rules = self.risk_rules(account).await?;
        let windows = &rules.windows;
        let counts = |counted| windows.iter().any(|window| window.counted() == counted);
        let keys = &self.core.keys;
        let ends: Vec<(Counted, PartyKey)> = ends
            .filter(|(counted, _)| counts(*counted))
            .map(|(counted, number)| (counted, keys.party_key(account, number)))
            .collect();
        if ends.is_empty() {
            return Ok(None);
        }
        let now = self.core.moment(now);
        until_done!(async {
            match count(&self.core, account, &ends, &rules.windows, now).await {
                // Counting twice would be worse than not knowing.
                Err(Fault::Unknown(_)) => Ok(None),
                other => other,
            }
        })
    }

    pub(crate) async fn full_windows(
        &self,
        account: AccountId,
        numbers: &[PhoneNumber],
        now: Timestamp,
    ) -> Result<Vec<[Option<TooFrequent>; 2]>, StoreError> {
        let rules = self.risk_rules(account).await?;
        if rules.windows.is_empty() {
            return Ok(vec![[None; 2]; numbers.len()]);
        }
        let now = self.core.moment(now);
        until_done!(full(&self.core, account, numbers, &rules.windows, now))
    }
}

async fn count(
    core: &Core,
    account: AccountId,
    ends: &[(Counted, PartyKey)],
    windows: &[FrequencyWindow],
    now: Timestamp,
) -> Result<Option<TooFrequent>, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    for (counted, party) in ends {
        lock(&transaction, account, *counted, *party, now).await?;
        let mut recent = recent(&transaction, account, *counted, *party).await?;
        if let Some(full) = recent.judge(windows, *counted, now) {
            return Ok(Some(full));
        }
        recent.note(now, windows, *counted);
        put(&transaction, account, *counted, *party, &recent, now).await?;
    }
    core.commit(transaction).await?;
    Ok(None)
}

/// Makes the party's row if there is none, and locks it.
async fn lock(
    transaction: &Transaction<'_>,
    account: AccountId,
    counted: Counted,
    party: PartyKey,
    now: Timestamp,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO risk_calls (account, counted, party_key, recent, latest_at)
             VALUES ($1, $2, $3, '', $4)
             ON CONFLICT (account, counted, party_key) DO UPDATE SET latest_at = $4",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &i16::from(counted.code()),
                &party.as_bytes().as_slice(),
                &now.unix_ms(),
            ],
        )
        .await?;
    Ok(())
}

async fn put(
    transaction: &Transaction<'_>,
    account: AccountId,
    counted: Counted,
    party: PartyKey,
    recent: &RecentCalls,
    now: Timestamp,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "UPDATE risk_calls SET recent = $4, latest_at = $5
             WHERE account = $1 AND counted = $2 AND party_key = $3",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &i16::from(counted.code()),
                &party.as_bytes().as_slice(),
                &recent_column(recent),
                &now.unix_ms(),
            ],
        )
        .await?;
    Ok(())
}

async fn recent(
    client: &impl GenericClient,
    account: AccountId,
    counted: Counted,
    party: PartyKey,
) -> Result<RecentCalls, Fault> {
    let statement = client
        .prepare_cached(
            "SELECT recent FROM risk_calls
             WHERE account = $1 AND counted = $2 AND party_key = $3",
        )
        .await?;
    let row = client
        .query_opt(
            &statement,
            &[
                &account_column(account),
                &i16::from(counted.code()),
                &party.as_bytes().as_slice(),
            ],
        )
        .await?;
    match row {
        None => Ok(RecentCalls::default()),
        Some(row) => Ok(recent_from(row.try_get(0)?)?),
    }
}

async fn full(
    core: &Core,
    account: AccountId,
    numbers: &[PhoneNumber],
    windows: &[FrequencyWindow],
    now: Timestamp,
) -> Result<Vec<[Option<TooFrequent>; 2]>, Fault> {
    let client = core.client().await?;
    let mut found = Vec::with_capacity(numbers.len());
    for number in numbers {
        let party = core.keys.party_key(account, *number);
        let mut both = [None; 2];
        for (full, counted) in both.iter_mut().zip([Counted::Caller, Counted::Callee]) {
            let recent = recent(&client, account, counted, party).await?;
            *full = recent.judge(windows, counted, now);
        }
        found.push(both);
    }
    Ok(found)
}

/// Drops counts that no window looks back at.
pub(super) async fn drop_old(core: &Core, now: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM risk_calls WHERE (account, counted, party_key) IN (
                 SELECT account, counted, party_key FROM risk_calls
                 WHERE latest_at <= $1 ORDER BY latest_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        )
        .await?;
    let oldest = now.plus_ms(-LOOK_BACK_MS_MAX).unix_ms();
    Ok(client.execute(&statement, &[&oldest, &STEP]).await?)
}

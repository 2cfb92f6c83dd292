//! What time leaves behind: expiries to announce, keys and routes to forget.
//!
//! Nothing here decides anything; every decision judges expiry by itself.

use std::collections::HashMap;

use axbridge_domain::{account::AccountId, time::Timestamp};

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, account_of, count_of},
};
use crate::{
    error::StoreError,
    model::{Swept, Topic},
};

/// Numbers whose expiries are announced in one transaction.
const NUMBERS_AT_ONCE: i64 = 64;
/// Idempotency keys dropped in one transaction.
const KEYS_AT_ONCE: i64 = 5_000;
/// Routes looked at in one sweep of an account; the next sweep goes on from there.
const ROUTES_AT_ONCE: i64 = 20_000;

/// How far each account's routes were looked through for old ones.
#[derive(Debug, Default)]
pub(super) struct Progress(HashMap<AccountId, (i64, Vec<u8>)>);

impl PostgresStore {
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let now = self.core.moment(now);
        let core = &self.core;
        let mut swept = Swept::default();
        let mut progress = self.progress.lock().await;
        for account in until_done!(accounts(core))? {
            loop {
                let (numbers, expired) = until_done!(announce(core, account, now))?;
                swept.expired += expired;
                if numbers < NUMBERS_AT_ONCE {
                    break;
                }
            }
            loop {
                let dropped = until_done!(drop_keys(core, account, now))?;
                swept.idempotency_keys += dropped;
                if dropped < count_of(KEYS_AT_ONCE) {
                    break;
                }
            }
            swept.forgotten += until_done!(forget_routes(core, account, &mut progress, now))?;
        }
        Ok(swept)
    }

    pub(crate) async fn live_bindings(&self, now: Timestamp) -> Result<u64, StoreError> {
        let now = self.core.moment(now);
        until_done!(live_bindings(&self.core, now))
    }
}

async fn live_bindings(core: &Core, now: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT (SELECT coalesce(sum(ax + axb), 0) FROM number)::int8
                 - (SELECT count(*) FROM number n JOIN binding d
                        ON d.account = n.account AND d.x = n.x AND d.counted AND d.expires_at <= $1
                    WHERE n.settle_at <= $1)",
        )
        .await?;
    let row = client.query_one(&statement, &[&now.unix_ms()]).await?;
    Ok(count_of(row.try_get(0)?))
}

async fn accounts(core: &Core) -> Result<Vec<AccountId>, Fault> {
    let client = core.client().await?;
    let rows = client
        .query(
            "SELECT DISTINCT account FROM pool_owner ORDER BY account",
            &[],
        )
        .await?;
    let mut accounts = Vec::with_capacity(rows.len());
    for row in rows {
        accounts.push(account_of(row.try_get(0)?)?);
    }
    Ok(accounts)
}

/// Announces the expiries of some numbers; answers how many numbers and how many expiries. A
/// binding leaves the counts in the transaction that announces it, so no node announces it again.
async fn announce(core: &Core, account: AccountId, now: Timestamp) -> Result<(i64, u64), Fault> {
    let account = account_column(account);
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let lock = transaction
        .prepare_cached(
            "SELECT x FROM number WHERE account = $1 AND settle_at <= $2
             ORDER BY x LIMIT $3 FOR UPDATE",
        )
        .await?;
    let rows = transaction
        .query(&lock, &[&account, &now.unix_ms(), &NUMBERS_AT_ONCE])
        .await?;
    if rows.is_empty() {
        return Ok((0, 0));
    }
    let mut xs = Vec::with_capacity(rows.len());
    for row in &rows {
        xs.push(row.try_get::<_, i64>(0)?);
    }
    let settle = transaction
        .prepare_cached(
            "WITH over AS (
                 UPDATE binding SET counted = false
                 WHERE account = $1 AND x = ANY ($2) AND counted AND expires_at <= $3
                 RETURNING x, sub_id, expires_at, any_caller, exclusive),
             told AS (
                 INSERT INTO outbox_entry (account, topic, subject, at)
                 SELECT $1, $4, sub_id, expires_at FROM over ORDER BY expires_at, sub_id
                 RETURNING 1),
             fewer AS (
                 SELECT q.x,
                     count(*) FILTER (WHERE any_caller) AS ax,
                     count(*) FILTER (WHERE NOT any_caller) AS axb,
                     count(*) FILTER (WHERE any_caller AND exclusive) AS ax_exclusive,
                     count(*) FILTER (WHERE NOT any_caller AND exclusive) AS axb_exclusive
                 FROM unnest($2::int8[]) q (x) LEFT JOIN over ON over.x = q.x GROUP BY q.x),
             settled AS (
                 UPDATE number n SET ax = n.ax - f.ax, axb = n.axb - f.axb,
                     ax_exclusive = n.ax_exclusive - f.ax_exclusive,
                     axb_exclusive = n.axb_exclusive - f.axb_exclusive,
                     settle_at = coalesce(
                         (SELECT min(d.expires_at) FROM binding d
                          WHERE d.account = n.account AND d.x = n.x AND d.counted
                            AND d.expires_at > $3), 9223372036854775807)
                 FROM fewer f WHERE n.account = $1 AND n.x = f.x RETURNING 1)
             SELECT count(*) FROM over",
        )
        .await?;
    let topic = Topic::BindingExpired.name();
    let row = transaction
        .query_one(&settle, &[&account, &xs, &now.unix_ms(), &topic])
        .await?;
    let expired = count_of(row.try_get(0)?);
    core.commit(transaction).await.map_err(retry)?;
    Ok((i64::try_from(xs.len()).unwrap_or(i64::MAX), expired))
}

/// A step of a sweep may be done twice: the second finds nothing to do.
fn retry(fault: Fault) -> Fault {
    match fault {
        Fault::Unknown(text) => Fault::Lost(text),
        fault => fault,
    }
}

async fn drop_keys(core: &Core, account: AccountId, now: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM idempotency WHERE account = $1 AND at <= $2 AND (action, key) IN
                 (SELECT action, key FROM idempotency WHERE account = $1 AND at <= $2 LIMIT $3)",
        )
        .await?;
    let oldest = now.plus_ms(-core.options.idempotency_ms).unix_ms();
    Ok(client
        .execute(
            &statement,
            &[&account_column(account), &oldest, &KEYS_AT_ONCE],
        )
        .await?)
}

/// Drops old routes of the next stretch of the account's routes.
async fn forget_routes(
    core: &Core,
    account: AccountId,
    progress: &mut Progress,
    now: Timestamp,
) -> Result<u64, Fault> {
    let client = core.client().await?;
    let column = account_column(account);
    let (x, selector) = progress.0.get(&account).cloned().unwrap_or_default();
    let end = client
        .prepare_cached(
            "SELECT x, selector FROM route
             WHERE account = $1 AND (x, selector) > ($2, $3)
             ORDER BY x, selector OFFSET $4 LIMIT 1",
        )
        .await?;
    let last = ROUTES_AT_ONCE - 1;
    let end = client
        .query_opt(&end, &[&column, &x, &selector, &last])
        .await?;
    let oldest = now.plus_ms(-core.options.remember_ms).unix_ms();
    let (dropped, reached) = match end {
        Some(row) => {
            let (end_x, end_selector): (i64, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
            let statement = client
                .prepare_cached(
                    "DELETE FROM route WHERE account = $1 AND (x, selector) > ($2, $3)
                         AND (x, selector) <= ($4, $5) AND live_until <= $6",
                )
                .await?;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] =
                [&column, &x, &selector, &end_x, &end_selector, &oldest];
            let dropped = client.execute(&statement, &values).await?;
            (dropped, (end_x, end_selector))
        }
        None => {
            let statement = client
                .prepare_cached(
                    "DELETE FROM route WHERE account = $1 AND (x, selector) > ($2, $3)
                         AND live_until <= $4",
                )
                .await?;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
                [&column, &x, &selector, &oldest];
            (
                client.execute(&statement, &values).await?,
                Default::default(),
            )
        }
    };
    progress.0.insert(account, reached);
    Ok(dropped)
}

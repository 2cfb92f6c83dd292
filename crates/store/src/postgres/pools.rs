//! Number pools.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    pool::{Pool, PoolNo},
    time::Timestamp,
};
use deadpool_postgres::Transaction;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    filter::Filter,
    look::LIVE_LOAD,
    rows::{POOL_COLUMNS, account_column, column, count_column, count_of, pool_column, pool_from},
    text::{escaped, escaped_option},
};
use crate::{
    error::StoreError,
    model::{Page, Paged, PoolChange, PoolChanged, PoolFilter, PoolRow},
};

impl PostgresStore {
    pub(crate) async fn create_pool(
        &self,
        pool: &Pool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let now = self.core.moment(now);
        let made = until_done!(create(&self.core, pool, now));
        self.core.pools.forget(&pool.pool_no);
        made
    }

    pub(crate) async fn pool(&self, pool: PoolNo) -> Result<Option<Arc<Pool>>, StoreError> {
        until_done!(self.core.find_pool(pool))
    }

    pub(crate) async fn update_pool(
        &self,
        account: AccountId,
        pool: PoolNo,
        change: &PoolChange,
        now: Timestamp,
    ) -> Result<PoolChanged, StoreError> {
        let now = self.core.moment(now);
        let changed = until_done!(update(&self.core, account, pool, change, now));
        self.core.pools.forget(&pool);
        changed
    }

    pub(crate) async fn list_pools(
        &self,
        filter: &PoolFilter,
        page: Page,
    ) -> Result<Paged<PoolRow>, StoreError> {
        until_done!(list(&self.core, filter, page))
    }
}

async fn create(core: &Core, pool: &Pool, now: Timestamp) -> Result<bool, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let (account, number) = (account_column(pool.account), pool_column(pool.pool_no));
    let owned = transaction
        .execute(
            "INSERT INTO pool_owner (pool, account) VALUES ($1, $2) ON CONFLICT (pool) DO NOTHING",
            &[&number, &account],
        )
        .await?;
    if owned == 0 {
        return Ok(false);
    }
    transaction
        .execute(
            "INSERT INTO pool (account, pool, name, kind, scene, policy, city_fallback,
                 quarantine_ms, quarantine_min_ms, bindings_per_number_max, created_at)
             VALUES ($1, $2, '', 0, NULL, '', '', 0, 0, 0, $3)",
            &[&account, &number, &now.unix_ms()],
        )
        .await?;
    write(&transaction, pool).await?;
    core.commit(transaction).await?;
    Ok(true)
}

async fn write(transaction: &Transaction<'_>, pool: &Pool) -> Result<(), Fault> {
    let kind = i16::try_from(pool.kind.code()).unwrap_or(0);
    transaction
        .execute(
            "UPDATE pool SET name = $3, kind = $4, scene = $5, policy = $6, city_fallback = $7,
                 quarantine_ms = $8, quarantine_min_ms = $9, bindings_per_number_max = $10
             WHERE account = $1 AND pool = $2",
            &[
                &account_column(pool.account),
                &pool_column(pool.pool_no),
                &escaped(&pool.name),
                &kind,
                &escaped_option(pool.scene.as_ref()),
                &pool.rules.policy.name(),
                &pool.rules.city_fallback.name(),
                &pool.rules.quarantine_ms,
                &pool.rules.quarantine_min_ms,
                &i64::from(pool.rules.bindings_per_number_max),
            ],
        )
        .await?;
    Ok(())
}

async fn update(
    core: &Core,
    account: AccountId,
    pool: PoolNo,
    change: &PoolChange,
    now: Timestamp,
) -> Result<PoolChanged, Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let row = transaction
        .query_opt(
            &format!(
                "SELECT {POOL_COLUMNS} FROM pool p WHERE account = $1 AND pool = $2 FOR UPDATE"
            ),
            &[&account_column(account), &pool_column(pool)],
        )
        .await?;
    let Some(row) = row else {
        return Ok(PoolChanged::UnknownPool);
    };
    let mut changed = pool_from(&row)?;
    if change.kind.is_some_and(|kind| kind != changed.kind)
        && carries_bindings(&transaction, account, pool, now).await?
    {
        return Ok(PoolChanged::InUse);
    }
    if let Some(name) = &change.name {
        changed.name.clone_from(name);
    }
    if let Some(kind) = change.kind {
        changed.kind = kind;
    }
    if let Some(scene) = &change.scene {
        changed.scene = Some(scene.clone());
    }
    if let Some(rules) = change.rules {
        changed.rules = rules;
    }
    write(&transaction, &changed).await?;
    core.commit(transaction).await?;
    Ok(PoolChanged::Done(changed))
}

async fn carries_bindings(
    transaction: &Transaction<'_>,
    account: AccountId,
    pool: PoolNo,
    now: Timestamp,
) -> Result<bool, Fault> {
    let row = transaction
        .query_one(
            &format!(
                "SELECT EXISTS (
                     SELECT 1 FROM number n {LIVE_LOAD}
                     WHERE n.account = $1 AND n.pool = $3 AND l.ax + l.axb > 0)"
            ),
            &[&account_column(account), &now.unix_ms(), &pool_column(pool)],
        )
        .await?;
    Ok(row.try_get(0)?)
}

async fn list(core: &Core, filter: &PoolFilter, page: Page) -> Result<Paged<PoolRow>, Fault> {
    let mut filters = Filter::default();
    if let Some(account) = filter.account {
        filters.and("p.account = ?", account_column(account));
    }
    if let Some(pool) = filter.pool {
        filters.and("p.pool = ?", pool_column(pool));
    }
    if let Some(name) = &filter.name_contains {
        filters.and(
            "position(?::text in p.name) > 0",
            escaped(name).into_owned(),
        );
    }
    if let Some(kind) = filter.kind {
        filters.and("p.kind = ?", i16::try_from(kind.code()).unwrap_or(0));
    }
    let client = core.client().await?;
    let count = format!("SELECT count(*) FROM pool p WHERE {}", filters.text());
    let total: i64 = client
        .query_one(&count, &filters.values())
        .await?
        .try_get(0)?;
    let condition = filters.text().to_owned();
    let limit = filters.place(count_column(page.limit));
    let offset = filters.place(count_column(page.offset));
    let select = format!(
        "SELECT {POOL_COLUMNS}, (
             SELECT count(*) FROM number n
             WHERE n.account = p.account AND n.pool = p.pool AND n.state <> 4) AS numbers
         FROM pool p WHERE {condition} ORDER BY p.pool LIMIT {limit} OFFSET {offset}"
    );
    let mut rows = Vec::new();
    for row in client.query(&select, &filters.values()).await? {
        rows.push(PoolRow {
            pool: pool_from(&row)?,
            numbers: count_of(column(&row, "numbers")?),
        });
    }
    Ok(Paged {
        rows,
        total: count_of(total),
    })
}

//! Number pools.

use std::sync::Arc;

use axbridge_domain::{
    account::AccountId,
    inventory::NumberState,
    pool::{CityFallback, Policy, Pool, PoolKind, PoolNo, PoolRules},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    fault::{Fault, damaged, engine},
    listing::{Conditions, page_columns},
    rows::{account_column, account_from, pool_column, pool_from},
    state::Change,
    writer::Batch,
};
use crate::{
    error::StoreError,
    model::{Page, Paged, PoolChange, PoolChanged, PoolFilter, PoolRow},
};

const COLUMNS: &str = "pool_no, account, name, kind, scene, policy, city_fallback, quarantine_ms, \
     quarantine_min_ms, bindings_per_number_max";

impl SqliteStore {
    pub(crate) async fn create_pool(
        &self,
        pool: &Pool,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const INSERT: &str = "INSERT INTO pool (pool_no, account, name, kind, scene, policy, \
             city_fallback, quarantine_ms, quarantine_min_ms, bindings_per_number_max, created_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING";
        let pool = Arc::new(pool.clone());
        self.write_alone(now, move |batch| {
            let rows = batch.connection.prepare_cached(INSERT)?.execute(params![
                pool_column(pool.pool_no),
                account_column(pool.account),
                pool.name,
                pool.kind.code(),
                pool.scene,
                pool.rules.policy.name(),
                pool.rules.city_fallback.name(),
                pool.rules.quarantine_ms,
                pool.rules.quarantine_min_ms,
                pool.rules.bindings_per_number_max,
                now.unix_ms(),
            ])?;
            if rows == 1 {
                batch.after_commit(Change::Pool(pool));
            }
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn pool(&self, pool: PoolNo) -> Result<Option<Arc<Pool>>, StoreError> {
        self.glance(|state| state.pools.get(&pool).cloned())
    }

    pub(crate) async fn update_pool(
        &self,
        account: AccountId,
        pool: PoolNo,
        change: &PoolChange,
        now: Timestamp,
    ) -> Result<PoolChanged, StoreError> {
        let change = change.clone();
        self.write_alone(now, move |batch| change_pool(batch, account, pool, change))
            .await
    }

    pub(crate) async fn list_pools(
        &self,
        filter: &PoolFilter,
        page: Page,
    ) -> Result<Paged<PoolRow>, StoreError> {
        let mut conditions = Conditions::default();
        conditions.equal("account", filter.account.map(account_column));
        conditions.equal("pool_no", filter.pool.map(pool_column));
        conditions.equal("kind", filter.kind.map(PoolKind::code));
        if let Some(text) = &filter.name_contains {
            conditions.add("instr(name, ?) > 0", [Value::from(text.clone())]);
        }
        self.read(move |connection| list(connection, conditions, page))
            .await
    }
}

fn change_pool(
    batch: &mut Batch<'_>,
    account: AccountId,
    pool: PoolNo,
    change: PoolChange,
) -> Result<PoolChanged, Fault> {
    const UPDATE: &str = "UPDATE pool SET name = ?2, kind = ?3, scene = ?4, policy = ?5, \
         city_fallback = ?6, quarantine_ms = ?7, quarantine_min_ms = ?8, \
         bindings_per_number_max = ?9 WHERE pool_no = ?1";
    let Some(known) = batch.pool(account, pool) else {
        return Ok(PoolChanged::UnknownPool);
    };
    let mut pool = Pool::clone(&known);
    if let Some(kind) = change.kind.filter(|kind| *kind != pool.kind) {
        let numbers = batch.state.inventory.list(pool.pool_no, None);
        if numbers.iter().any(|x| batch.draft.load(*x).live() > 0) {
            return Ok(PoolChanged::InUse);
        }
        pool.kind = kind;
    }
    pool.name = change.name.unwrap_or(pool.name);
    pool.scene = change.scene.or(pool.scene);
    pool.rules = change.rules.unwrap_or(pool.rules);
    batch.connection.prepare_cached(UPDATE)?.execute(params![
        pool_column(pool.pool_no),
        pool.name,
        pool.kind.code(),
        pool.scene,
        pool.rules.policy.name(),
        pool.rules.city_fallback.name(),
        pool.rules.quarantine_ms,
        pool.rules.quarantine_min_ms,
        pool.rules.bindings_per_number_max,
    ])?;
    batch.after_commit(Change::Pool(Arc::new(pool.clone())));
    Ok(PoolChanged::Done(pool))
}

fn list(
    connection: &Connection,
    conditions: Conditions,
    page: Page,
) -> Result<Paged<PoolRow>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let total = conditions.count(connection, "pool")?;
    let sql = format!(
        "SELECT {COLUMNS}, (SELECT count(*) FROM number WHERE pool = pool_no AND state <> {}) \
         FROM pool {} ORDER BY pool_no LIMIT ? OFFSET ?",
        NumberState::Deregistered.code(),
        conditions.sql()
    );
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let values = conditions.values.into_iter().chain(page_columns(page));
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(PoolRow {
            pool: read_pool(row)?,
            numbers: row.get::<_, i64>(10).map_err(fault)?.cast_unsigned(),
        });
    }
    Ok(Paged { rows: found, total })
}

/// All pools.
pub(super) fn read_pools(connection: &Connection) -> Result<Vec<Pool>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection
        .prepare(&format!("SELECT {COLUMNS} FROM pool"))
        .map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_pool(row)?);
    }
    Ok(found)
}

fn read_pool(row: &Row<'_>) -> Result<Pool, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let policy: String = row.get(5).map_err(fault)?;
    let fallback: String = row.get(6).map_err(fault)?;
    Ok(Pool {
        pool_no: pool_from(row.get(0).map_err(fault)?)?,
        account: account_from(row.get(1).map_err(fault)?)?,
        name: row.get(2).map_err(fault)?,
        kind: PoolKind::from_code(row.get(3).map_err(fault)?)
            .ok_or_else(|| damaged("a pool's kind"))?,
        scene: row.get(4).map_err(fault)?,
        rules: PoolRules {
            policy: Policy::from_name(&policy).ok_or_else(|| damaged("a pool's policy"))?,
            city_fallback: CityFallback::from_name(&fallback)
                .ok_or_else(|| damaged("a pool's city fallback"))?,
            quarantine_ms: row.get(7).map_err(fault)?,
            quarantine_min_ms: row.get(8).map_err(fault)?,
            bindings_per_number_max: row.get(9).map_err(fault)?,
        },
    })
}

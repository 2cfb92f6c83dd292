//! Accounts and their access keys.

use std::sync::Arc;

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params};

use super::{
    SqliteStore,
    fault::{damaged, engine},
    rows::{account_column, account_from},
    state::Change,
};
use crate::{
    error::StoreError,
    keyring::{Keyring, Secret},
    model::{AccessKey, Account, Role},
};

impl SqliteStore {
    pub(crate) async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        const INSERT: &str = "INSERT INTO account (id, name, may_show_real_numbers, live_bindings_max, \
             numbers_max, pools_max, created_at, calls_max, talk_s_max) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING";
        let account = account.clone();
        self.write_alone(Timestamp::MIN, move |batch| {
            let terms = account.terms;
            let rows = batch.connection.prepare_cached(INSERT)?.execute(params![
                account_column(account.id),
                account.name,
                terms.may_show_real_numbers,
                quota_column(terms.live_bindings_max),
                quota_column(terms.numbers_max),
                quota_column(terms.pools_max),
                account.created_at.unix_ms(),
                terms.calls_max,
                terms.talk_s_max,
            ])?;
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let accounts = self
            .read(move |connection| read_accounts(connection, Some(id)))
            .await?;
        Ok(accounts.into_iter().next())
    }

    pub(crate) async fn list_accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.read(|connection| read_accounts(connection, None))
            .await
    }

    pub(crate) async fn set_account_terms(
        &self,
        id: AccountId,
        terms: AccountTerms,
    ) -> Result<bool, StoreError> {
        const UPDATE: &str = "UPDATE account SET may_show_real_numbers = ?2, live_bindings_max = ?3, \
             numbers_max = ?4, pools_max = ?5, calls_max = ?6, talk_s_max = ?7 WHERE id = ?1";
        self.write_alone(Timestamp::MIN, move |batch| {
            let rows = batch.connection.prepare_cached(UPDATE)?.execute(params![
                account_column(id),
                terms.may_show_real_numbers,
                quota_column(terms.live_bindings_max),
                quota_column(terms.numbers_max),
                quota_column(terms.pools_max),
                terms.calls_max,
                terms.talk_s_max,
            ])?;
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn create_access_key(&self, key: &AccessKey) -> Result<bool, StoreError> {
        const INSERT: &str = "INSERT INTO access_key (id, secret, account, role, description, \
             created_at, disabled_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
        let key = Arc::new(key.clone());
        self.write_alone(Timestamp::MIN, move |batch| {
            let secret = key.secret.reveal().as_bytes();
            let sealed = batch.keys.seal(secret, key.id.as_bytes())?;
            let rows = batch.connection.prepare_cached(INSERT)?.execute(params![
                key.id,
                sealed,
                account_column(key.account),
                key.role.name(),
                key.description,
                key.created_at.unix_ms(),
                key.disabled_at.map(Timestamp::unix_ms),
            ])?;
            if rows == 1 {
                batch.after_commit(Change::AccessKey(key));
            }
            Ok(rows == 1)
        })
        .await
    }

    pub(crate) async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, StoreError> {
        self.glance(|state| state.access_keys.get(id).cloned())
    }

    pub(crate) async fn list_access_keys(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<AccessKey>, StoreError> {
        let keys = Arc::clone(&self.inner.shared.keys);
        self.read(move |connection| read_access_keys(connection, &keys, account))
            .await
    }

    pub(crate) async fn disable_access_key(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        const UPDATE: &str =
            "UPDATE access_key SET disabled_at = ?2 WHERE id = ?1 AND disabled_at IS NULL";
        let id = id.to_owned();
        self.write_alone(now, move |batch| {
            let Some(known) = batch.state.access_keys.get(&id) else {
                return Ok(false);
            };
            if known.disabled_at.is_none() {
                let mut key = AccessKey::clone(known);
                key.disabled_at = Some(now);
                batch
                    .connection
                    .prepare_cached(UPDATE)?
                    .execute(params![id, now.unix_ms()])?;
                batch.after_commit(Change::AccessKey(Arc::new(key)));
            }
            Ok(true)
        })
        .await
    }
}

/// A quota as a column; what no column holds is as good as the largest one.
fn quota_column(quota: Option<u64>) -> Option<i64> {
    quota.map(|quota| i64::try_from(quota).unwrap_or(i64::MAX))
}

fn read_accounts(
    connection: &Connection,
    id: Option<AccountId>,
) -> Result<Vec<Account>, StoreError> {
    const SELECT: &str = "SELECT id, name, may_show_real_numbers, live_bindings_max, numbers_max, \
         pools_max, created_at, calls_max, talk_s_max FROM account WHERE ?1 IS NULL OR id = ?1 ORDER BY id";
    let read = || {
        connection
            .prepare_cached(SELECT)?
            .query_map([id.map(account_column)], read_account)?
            .collect::<rusqlite::Result<Vec<_>>>()
    };
    let rows = read().map_err(|error| engine(&error))?;
    rows.into_iter().collect()
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<Result<Account, StoreError>> {
    let quota = |column: usize| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<i64>>(column)?.map(i64::cast_unsigned))
    };
    let terms = AccountTerms {
        may_show_real_numbers: row.get(2)?,
        live_bindings_max: quota(3)?,
        numbers_max: quota(4)?,
        pools_max: quota(5)?,
        calls_max: row.get(7)?,
        talk_s_max: row.get(8)?,
    };
    let name = row.get(1)?;
    let created_at = Timestamp::from_unix_ms(row.get(6)?);
    Ok(account_from(row.get(0)?).map(|id| Account {
        id,
        name,
        terms,
        created_at,
    }))
}

/// The access keys of an account, or all, oldest first, with their secrets opened.
pub(super) fn read_access_keys(
    connection: &Connection,
    keys: &Keyring,
    account: Option<AccountId>,
) -> Result<Vec<AccessKey>, StoreError> {
    const SELECT: &str = "SELECT id, secret, account, role, description, created_at, disabled_at \
         FROM access_key WHERE ?1 IS NULL OR account = ?1 ORDER BY created_at, id";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(SELECT).map_err(fault)?;
    let mut rows = statement
        .query([account.map(account_column)])
        .map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_access_key(row, keys)?);
    }
    Ok(found)
}

fn read_access_key(row: &Row<'_>, keys: &Keyring) -> Result<AccessKey, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let id: String = row.get(0).map_err(fault)?;
    let sealed: Vec<u8> = row.get(1).map_err(fault)?;
    let role: String = row.get(3).map_err(fault)?;
    let secret = keys.open(&sealed, id.as_bytes())?;
    let secret = std::str::from_utf8(&secret).map_err(|_| damaged("a secret"))?;
    Ok(AccessKey {
        secret: Secret::new(secret.to_owned()),
        account: account_from(row.get(2).map_err(fault)?)?,
        role: Role::from_name(&role).ok_or_else(|| damaged("a role"))?,
        description: row.get(4).map_err(fault)?,
        created_at: Timestamp::from_unix_ms(row.get(5).map_err(fault)?),
        disabled_at: row
            .get::<_, Option<i64>>(6)
            .map_err(fault)?
            .map(Timestamp::from_unix_ms),
        id,
    })
}

//! Accounts and access keys.

use std::sync::Arc;

use axbridge_domain::{
    account::{AccountId, AccountTerms},
    time::Timestamp,
};
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    rows::{account_column, account_of, column, count_column, count_of, unreadable},
    text::{escaped, unescaped},
};
use crate::{
    error::StoreError,
    keyring::Secret,
    model::{AccessKey, Account, Role},
};

const ACCOUNT_COLUMNS: &str = "account, name, may_show_real_numbers, live_bindings_max, \
     numbers_max, pools_max, created_at, calls_max, talk_s_max";
const KEY_COLUMNS: &str = "id, account, sealed_secret, role, description, created_at, disabled_at";

impl PostgresStore {
    pub(crate) async fn create_account(&self, account: &Account) -> Result<bool, StoreError> {
        until_done!(create_account(&self.core, account))
    }

    pub(crate) async fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let found = until_done!(accounts(&self.core, Some(id)))?;
        Ok(found.into_iter().next())
    }

    pub(crate) async fn list_accounts(&self) -> Result<Vec<Account>, StoreError> {
        until_done!(accounts(&self.core, None))
    }

    pub(crate) async fn set_account_terms(
        &self,
        id: AccountId,
        terms: AccountTerms,
    ) -> Result<bool, StoreError> {
        until_done!(set_account_terms(&self.core, id, terms))
    }

    pub(crate) async fn create_access_key(&self, key: &AccessKey) -> Result<bool, StoreError> {
        let made = until_done!(create_access_key(&self.core, key));
        self.core.access_keys.forget(&key.id);
        made
    }

    pub(crate) async fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, StoreError> {
        until_done!(access_key(&self.core, id))
    }

    pub(crate) async fn list_access_keys(
        &self,
        account: Option<AccountId>,
    ) -> Result<Vec<AccessKey>, StoreError> {
        until_done!(list_access_keys(&self.core, account))
    }

    pub(crate) async fn disable_access_key(
        &self,
        id: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let now = self.core.moment(now);
        let disabled = until_done!(disable_access_key(&self.core, id, now));
        self.core.access_keys.forget(&id.to_owned());
        disabled
    }
}

async fn create_account(core: &Core, account: &Account) -> Result<bool, Fault> {
    let client = core.client().await?;
    let terms = account.terms;
    let made = client
        .execute(
            "INSERT INTO account (account, name, may_show_real_numbers, live_bindings_max,
                 numbers_max, pools_max, created_at, calls_max, talk_s_max)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (account) DO NOTHING",
            &[
                &account_column(account.id),
                &escaped(&account.name),
                &terms.may_show_real_numbers,
                &terms.live_bindings_max.map(count_column),
                &terms.numbers_max.map(count_column),
                &terms.pools_max.map(count_column),
                &account.created_at.unix_ms(),
                &terms.calls_max.map(i64::from),
                &terms.talk_s_max.map(i64::from),
            ],
        )
        .await?;
    Ok(made == 1)
}

async fn accounts(core: &Core, id: Option<AccountId>) -> Result<Vec<Account>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT {ACCOUNT_COLUMNS} FROM account
             WHERE $1::bigint IS NULL OR account = $1 ORDER BY account"
        ))
        .await?;
    let rows = client.query(&statement, &[&id.map(account_column)]).await?;
    let accounts: Result<_, StoreError> = rows.iter().map(account_from).collect();
    Ok(accounts?)
}

fn account_from(row: &Row) -> Result<Account, StoreError> {
    let quota = |name| -> Result<Option<u64>, StoreError> {
        Ok(column::<Option<i64>>(row, name)?.map(count_of))
    };
    let limit = |name| -> Result<Option<u32>, StoreError> {
        let stored = column::<Option<i64>>(row, name)?;
        let read = |value| u32::try_from(value).map_err(|_| unreadable("a limit"));
        stored.map(read).transpose()
    };
    Ok(Account {
        id: account_of(column(row, "account")?)?,
        name: unescaped(column(row, "name")?),
        terms: AccountTerms {
            may_show_real_numbers: column(row, "may_show_real_numbers")?,
            live_bindings_max: quota("live_bindings_max")?,
            numbers_max: quota("numbers_max")?,
            pools_max: quota("pools_max")?,
            calls_max: limit("calls_max")?,
            talk_s_max: limit("talk_s_max")?,
        },
        created_at: Timestamp::from_unix_ms(column(row, "created_at")?),
    })
}

async fn set_account_terms(core: &Core, id: AccountId, terms: AccountTerms) -> Result<bool, Fault> {
    let client = core.client().await?;
    let changed = client
        .execute(
            "UPDATE account SET may_show_real_numbers = $2, live_bindings_max = $3,
                 numbers_max = $4, pools_max = $5, calls_max = $6, talk_s_max = $7
             WHERE account = $1",
            &[
                &account_column(id),
                &terms.may_show_real_numbers,
                &terms.live_bindings_max.map(count_column),
                &terms.numbers_max.map(count_column),
                &terms.pools_max.map(count_column),
                &terms.calls_max.map(i64::from),
                &terms.talk_s_max.map(i64::from),
            ],
        )
        .await?;
    Ok(changed == 1)
}

async fn create_access_key(core: &Core, key: &AccessKey) -> Result<bool, Fault> {
    let sealed = core
        .keys
        .seal(key.secret.reveal().as_bytes(), key.id.as_bytes())?;
    let client = core.client().await?;
    let made = client
        .execute(
            "INSERT INTO access_key (id, account, sealed_secret, role, description, created_at,
                 disabled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING",
            &[
                &escaped(&key.id),
                &account_column(key.account),
                &sealed,
                &key.role.name(),
                &escaped(&key.description),
                &key.created_at.unix_ms(),
                &key.disabled_at.map(Timestamp::unix_ms),
            ],
        )
        .await?;
    Ok(made == 1)
}

async fn access_key(core: &Core, id: &str) -> Result<Option<Arc<AccessKey>>, Fault> {
    let id = id.to_owned();
    if let Some(key) = core.access_keys.get(&id) {
        return Ok(Some(key));
    }
    let mark = core.access_keys.mark();
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT {KEY_COLUMNS} FROM access_key WHERE id = $1"
        ))
        .await?;
    match client.query_opt(&statement, &[&escaped(&id)]).await? {
        Some(row) => {
            let key = key_from(core, &row)?;
            Ok(Some(core.access_keys.keep(mark, id, key)))
        }
        None => Ok(None),
    }
}

async fn list_access_keys(
    core: &Core,
    account: Option<AccountId>,
) -> Result<Vec<AccessKey>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(&format!(
            "SELECT {KEY_COLUMNS} FROM access_key
             WHERE $1::bigint IS NULL OR account = $1 ORDER BY created_at, id"
        ))
        .await?;
    let rows = client
        .query(&statement, &[&account.map(account_column)])
        .await?;
    let keys: Result<_, StoreError> = rows.iter().map(|row| key_from(core, row)).collect();
    Ok(keys?)
}

fn key_from(core: &Core, row: &Row) -> Result<AccessKey, StoreError> {
    let id = unescaped(column(row, "id")?);
    let secret = core
        .keys
        .open(column(row, "sealed_secret")?, id.as_bytes())?;
    let secret = std::str::from_utf8(&secret).map_err(|_| unreadable("a secret"))?;
    Ok(AccessKey {
        secret: Secret::new(secret.to_owned()),
        account: account_of(column(row, "account")?)?,
        role: Role::from_name(column(row, "role")?).ok_or_else(|| unreadable("a key's role"))?,
        description: unescaped(column(row, "description")?),
        created_at: Timestamp::from_unix_ms(column(row, "created_at")?),
        disabled_at: column::<Option<i64>>(row, "disabled_at")?.map(Timestamp::from_unix_ms),
        id,
    })
}

async fn disable_access_key(core: &Core, id: &str, now: Timestamp) -> Result<bool, Fault> {
    let client = core.client().await?;
    let found = client
        .execute(
            "UPDATE access_key SET disabled_at = coalesce(disabled_at, $2) WHERE id = $1",
            &[&escaped(id), &now.unix_ms()],
        )
        .await?;
    Ok(found == 1)
}

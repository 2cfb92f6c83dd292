//! The keys of the months' calls: made by the first call of a month on any node, kept in memory,
//! destroyed when retention ends.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use axbridge_domain::{month::Month, time::Timestamp};
use deadpool_postgres::GenericClient;

use super::{
    call_rows::{month_column, month_of},
    core::Core,
    fault::Fault,
    rows::count_of,
};
use crate::call_key::{CallKey, CallKeys, destroyed};

/// Search digests dropped in one transaction.
const ORPHANS_AT_ONCE: i64 = 5_000;

/// The keys that this node has seen.
#[derive(Debug, Default)]
pub(super) struct SeenKeys(RwLock<CallKeys>);

impl SeenKeys {
    fn get(&self, month: Month) -> Option<Arc<CallKey>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.get(month)
    }

    fn keep(&self, key: Arc<CallKey>) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(key);
    }

    fn forget(&self, month: Month) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.remove(month);
    }
}

impl Core {
    /// The key of a month, made if no node has made it yet.
    pub(super) async fn call_key_for(&self, month: Month) -> Result<Arc<CallKey>, Fault> {
        if let Some(key) = self.call_keys.get(month) {
            return Ok(key);
        }
        let client = self.client().await?;
        if let Some(key) = kept(self, &client, month).await? {
            return Ok(key);
        }
        let (_, sealed) = CallKey::fresh(&self.keys, month)?;
        let statement = client
            .prepare_cached(
                "INSERT INTO call_key (month, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            )
            .await?;
        client
            .execute(&statement, &[&month_column(month), &sealed])
            .await?;
        // Whichever node was first.
        let key = kept(self, &client, month).await?;
        key.ok_or_else(|| Fault::Again("the key of the calls of this month".to_owned()))
    }
}

/// The key of a month as it is kept, if it is.
pub(super) async fn kept(
    core: &Core,
    client: &impl GenericClient,
    month: Month,
) -> Result<Option<Arc<CallKey>>, Fault> {
    if let Some(key) = core.call_keys.get(month) {
        return Ok(Some(key));
    }
    let statement = client
        .prepare_cached("SELECT sealed FROM call_key WHERE month = $1")
        .await?;
    let row = client
        .query_opt(&statement, &[&month_column(month)])
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let key = Arc::new(CallKey::open(&core.keys, month, row.try_get(0)?)?);
    core.call_keys.keep(Arc::clone(&key));
    Ok(Some(key))
}

/// The keys of all months, the latest first.
pub(super) async fn all_keys(core: &Core) -> Result<Vec<Arc<CallKey>>, Fault> {
    let client = core.client().await?;
    let rows = client
        .query(
            "SELECT month, sealed FROM call_key ORDER BY month DESC",
            &[],
        )
        .await?;
    let mut keys = Vec::with_capacity(rows.len());
    for row in rows {
        let month = month_of(row.try_get(0)?)?;
        let key = match core.call_keys.get(month) {
            Some(key) => key,
            None => Arc::new(CallKey::open(&core.keys, month, row.try_get(1)?)?),
        };
        core.call_keys.keep(Arc::clone(&key));
        keys.push(key);
    }
    Ok(keys)
}

/// The keys that the rows of one answer need.
pub(super) struct RowKeys<'a, C> {
    core: &'a Core,
    client: &'a C,
    known: HashMap<Month, Arc<CallKey>>,
}

impl<'a, C: GenericClient> RowKeys<'a, C> {
    pub(super) fn new(core: &'a Core, client: &'a C) -> Self {
        Self {
            core,
            client,
            known: HashMap::new(),
        }
    }

    /// The key of a month that calls stand in.
    pub(super) async fn of(&mut self, month: Month) -> Result<Arc<CallKey>, Fault> {
        if let Some(key) = self.known.get(&month) {
            return Ok(Arc::clone(key));
        }
        let key = kept(self.core, self.client, month).await?;
        let key = key.ok_or_else(|| destroyed(month))?;
        self.known.insert(month, Arc::clone(&key));
        Ok(key)
    }
}

/// Destroys the keys of the months that ended before `before` and have no call left in any
/// account. The bytes are overwritten first, so that the row's last version holds none.
pub(super) async fn destroy(core: &Core, before: Timestamp) -> Result<u64, Fault> {
    let mut client = core.client().await?;
    let rows = client
        .query("SELECT month FROM call_key ORDER BY month", &[])
        .await?;
    let mut count = 0;
    for row in rows {
        let month = month_of(row.try_get(0)?)?;
        if month.end() > before {
            break;
        }
        let statement = client
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM account t WHERE EXISTS
                     (SELECT 1 FROM call c WHERE c.account = t.account AND c.begun_at < $1))",
            )
            .await?;
        let row = client
            .query_one(&statement, &[&month.end().unix_ms()])
            .await?;
        if row.try_get(0)? {
            break;
        }
        let transaction = client.transaction().await?;
        for statement in [
            "UPDATE call_key SET sealed = '' WHERE month = $1",
            "DELETE FROM call_key WHERE month = $1",
        ] {
            transaction
                .execute(statement, &[&month_column(month)])
                .await?;
        }
        match core.commit(transaction).await {
            Err(Fault::Unknown(text)) => return Err(Fault::Lost(text)),
            other => other?,
        }
        core.call_keys.forget(month);
        count += 1;
    }
    Ok(count)
}

/// Drops some of what led to calls of months without a key; true when there may be more.
pub(super) async fn drop_orphans(core: &Core) -> Result<bool, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM call_party WHERE (account, month, tag, id) IN
                 (SELECT p.account, p.month, p.tag, p.id
                  FROM account t JOIN call_party p ON p.account = t.account
                      AND p.month < (SELECT coalesce(min(month), 0) FROM call_key)
                  LIMIT $1)",
        )
        .await?;
    let dropped = client.execute(&statement, &[&ORPHANS_AT_ONCE]).await?;
    Ok(dropped == count_of(ORPHANS_AT_ONCE))
}

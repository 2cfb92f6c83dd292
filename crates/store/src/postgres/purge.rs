//! Dropping bindings that ended long ago.

use axbridge_domain::time::Timestamp;
use tokio_postgres::types::ToSql;

use super::{
    PostgresStore,
    call_records::all_accounts,
    core::{Core, until_done},
    fault::Fault,
    rows::count_of,
};
use crate::{error::StoreError, model::Purged};

/// Bindings of one account dropped in one transaction.
const PURGED_AT_ONCE: i64 = 2_000;

impl PostgresStore {
    pub(crate) async fn purge_bindings(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Purged, StoreError> {
        let options = &self.core.options;
        // What steers the choice of numbers, or answers a retry, is still needed.
        let before = before
            .min(now.plus_ms(-options.remember_ms))
            .min(now.plus_ms(-options.idempotency_ms));
        let mut purged = Purged::default();
        for account in until_done!(all_accounts(&self.core))? {
            let rows = until_done!(drop_bindings(&self.core, account, before))?;
            purged.rows += rows;
            purged.more |= rows == count_of(PURGED_AT_ONCE);
        }
        Ok(purged)
    }
}

/// Those that no count includes any more: their end was announced.
async fn drop_bindings(core: &Core, account: i64, before: Timestamp) -> Result<u64, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "DELETE FROM binding WHERE account = $1 AND NOT counted AND sub_id IN
                 (SELECT sub_id FROM binding
                  WHERE account = $1 AND NOT counted AND coalesce(ended_at, expires_at) < $2
                  ORDER BY coalesce(ended_at, expires_at) LIMIT $3)",
        )
        .await?;
    let values: [&(dyn ToSql + Sync); 3] = [&account, &before.unix_ms(), &PURGED_AT_ONCE];
    Ok(client.execute(&statement, &values).await?)
}

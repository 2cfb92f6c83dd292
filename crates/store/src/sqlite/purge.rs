//! Dropping bindings that ended long ago. Looking for them does not hold up the writer.

use axbridge_domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::{
    SqliteStore,
    fault::{Fault, engine},
    writer::Batch,
};
use crate::{
    error::StoreError,
    model::{Purged, Topic},
};

/// Bindings dropped in one transaction: others wait meanwhile.
const PURGED_AT_ONCE: usize = 500;

impl SqliteStore {
    pub(crate) async fn purge_bindings(
        &self,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Purged, StoreError> {
        let options = self.inner.shared.options;
        // What steers the choice of numbers, or answers a retry, is still needed.
        let before = before
            .min(now.plus_ms(-options.remember_ms))
            .min(now.plus_ms(-options.idempotency_ms));
        let found = self.read(move |connection| ended_before(connection, before));
        let found = found.await?;
        let more = found.len() == PURGED_AT_ONCE;
        if found.is_empty() {
            return Ok(Purged::default());
        }
        let rows = self
            .write_alone(now, move |batch| drop_all(batch, &found, before))
            .await?;
        Ok(Purged {
            rows,
            keys: 0,
            more: more && rows > 0,
        })
    }
}

/// Places of bindings that ended before the moment, oldest first. Rows lie in the order in which
/// bindings were made, and what was made later has not ended before.
fn ended_before(connection: &Connection, before: Timestamp) -> Result<Vec<i64>, StoreError> {
    const SCAN: &str = "SELECT b.seq, b.created_at, coalesce(e.at, b.expires_at) \
         FROM binding b LEFT JOIN ended e ON e.seq = b.seq ORDER BY b.seq";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(SCAN).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let created_at: i64 = row.get(1).map_err(fault)?;
        if created_at >= before.unix_ms() || found.len() == PURGED_AT_ONCE {
            break;
        }
        let ended_at: i64 = row.get(2).map_err(fault)?;
        if ended_at < before.unix_ms() {
            found.push(row.get(0).map_err(fault)?);
        }
    }
    Ok(found)
}

fn drop_all(batch: &mut Batch<'_>, found: &[i64], before: Timestamp) -> Result<u64, Fault> {
    const BINDING: &str = "DELETE FROM binding WHERE seq = ?1 AND \
         coalesce((SELECT at FROM ended e WHERE e.seq = ?1), expires_at) < ?2";
    // Its event is kept for as long as other events are.
    const EVENT: &str = "INSERT INTO outbox (id, account, topic, subject, at) \
         SELECT seq, account, ?3, sub_id, created_at FROM binding WHERE seq = ?1 \
         AND seq > (SELECT bound_after FROM delivery_cursor) AND \
         coalesce((SELECT at FROM ended e WHERE e.seq = ?1), expires_at) < ?2";
    // An expiry that is not announced yet is found again by its row.
    let waits = batch.ledger.expired.first_key_value();
    let before = waits.map_or(before, |((at, _), _)| before.min(*at));
    let mut dropped = 0;
    for seq in found {
        let topic = Topic::BindingBound.name();
        batch
            .connection
            .prepare_cached(EVENT)?
            .execute(params![seq, before.unix_ms(), topic])?;
        let gone = batch
            .connection
            .prepare_cached(BINDING)?
            .execute(params![seq, before.unix_ms()])?;
        if gone == 0 {
            continue;
        }
        for rest in [
            "DELETE FROM ended WHERE seq = ?1",
            "DELETE FROM former WHERE seq = ?1",
        ] {
            batch.connection.prepare_cached(rest)?.execute([seq])?;
        }
        dropped += 1;
    }
    Ok(dropped)
}

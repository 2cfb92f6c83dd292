//! Dropping bindings that ended long ago. Looking for them does not hold up the writer.

use std::sync::atomic::Ordering;

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
/// Rows looked at in one step: those of bindings that still live, or were kept longer, are passed.
const LOOKED_AT_ONCE: usize = 20_000;

/// What one step of looking found.
struct Found {
    /// Places of bindings that ended before.
    ended: Vec<i64>,
    /// Where the next step goes on; `None` when this one came to the end.
    place: Option<i64>,
}

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
        let place = &self.inner.purge_place;
        let after = place.load(Ordering::Relaxed);
        let found = self.read(move |connection| ended_before(connection, before, after));
        let Found { ended, place: next } = found.await?;
        let rows = if ended.is_empty() {
            0
        } else {
            self.write_alone(now, move |batch| drop_all(batch, &ended, before))
                .await?
        };
        place.store(next.unwrap_or(i64::MIN), Ordering::Relaxed);
        Ok(Purged {
            rows,
            keys: 0,
            more: next.is_some(),
        })
    }
}

/// Looks at the bindings behind a place for those that ended before the moment. Rows lie in the
/// order in which bindings were made, and what was made later has not ended before.
fn ended_before(
    connection: &Connection,
    before: Timestamp,
    after: i64,
) -> Result<Found, StoreError> {
    const SCAN: &str = "SELECT b.seq, b.created_at, coalesce(e.at, b.expires_at) \
         FROM binding b LEFT JOIN ended e ON e.seq = b.seq WHERE b.seq > ?1 ORDER BY b.seq";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(SCAN).map_err(fault)?;
    let mut rows = statement.query([after]).map_err(fault)?;
    let mut found = Found {
        ended: Vec::new(),
        place: None,
    };
    let (mut looked_at, mut seq) = (0, after);
    while let Some(row) = rows.next().map_err(fault)? {
        let created_at: i64 = row.get(1).map_err(fault)?;
        if created_at >= before.unix_ms() {
            break;
        }
        if found.ended.len() == PURGED_AT_ONCE || looked_at == LOOKED_AT_ONCE {
            found.place = Some(seq);
            break;
        }
        seq = row.get(0).map_err(fault)?;
        let ended_at: i64 = row.get(2).map_err(fault)?;
        if ended_at < before.unix_ms() {
            found.ended.push(seq);
        }
        looked_at += 1;
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

//! The sweep: announces expiries, each exactly once, and drops old idempotency keys.
//!
//! A watermark stands in the transaction of the announcements: everything up to it is announced,
//! everything after it is found again at a restart.

use axbridge_domain::{account::AccountId, binding::SubId, time::Timestamp};
use rusqlite::params;

use super::{SqliteStore, fault::Fault, rebuild::ANNOUNCED, writer::Batch};
use crate::{
    error::StoreError,
    model::{Swept, Topic},
};

/// The most expiries announced, and keys dropped, in one transaction: others wait meanwhile.
const STEP: usize = 2000;

impl SqliteStore {
    pub(crate) async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let mut total = Swept::default();
        loop {
            let (step, more) = self.write_alone(now, sweep_step).await?;
            total.expired += step.expired;
            total.idempotency_keys += step.idempotency_keys;
            total.forgotten += step.forgotten;
            if !more {
                return Ok(total);
            }
        }
    }
}

/// One transaction's worth of work, and whether there is more.
fn sweep_step(batch: &mut Batch<'_>) -> Result<(Swept, bool), Fault> {
    let due = due_now(batch);
    let all_announced = due.len() == batch.ledger.expired.len();
    for (at, sub_id, account) in &due {
        batch.event_at(*account, Topic::BindingExpired, &sub_id.to_string(), *at)?;
    }
    if let Some((at, sub_id, _)) = due.last() {
        // A moment is announced whole, so the watermark may stand on it.
        let until = if all_announced { batch.now() } else { *at };
        set_watermark(batch, until)?;
        batch.announced((*at, *sub_id), until);
    }
    let keys = drop_idempotency_keys(batch)?;
    let swept = Swept {
        expired: due.len() as u64,
        idempotency_keys: keys as u64,
        forgotten: batch.tell_forgotten(),
    };
    Ok((swept, !all_announced || keys == STEP))
}

/// The oldest expiries that wait for their announcement; of the last moment all.
fn due_now(batch: &Batch<'_>) -> Vec<(Timestamp, SubId, AccountId)> {
    let mut due: Vec<(Timestamp, SubId, AccountId)> = Vec::new();
    for ((at, sub_id), account) in &batch.ledger.expired {
        if due.len() >= STEP && due.last().is_some_and(|(last, ..)| last != at) {
            break;
        }
        due.push((*at, *sub_id, *account));
    }
    due
}

fn set_watermark(batch: &Batch<'_>, until: Timestamp) -> Result<(), Fault> {
    batch
        .connection
        .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute(params![ANNOUNCED, until.unix_ms()])?;
    Ok(())
}

fn drop_idempotency_keys(batch: &Batch<'_>) -> Result<usize, Fault> {
    const DELETE: &str = "DELETE FROM idempotency WHERE (account, action, key) IN \
         (SELECT account, action, key FROM idempotency WHERE at <= ?1 ORDER BY at LIMIT ?2)";
    let kept_since = batch.now().plus_ms(-batch.options.idempotency_ms);
    let rows = batch
        .connection
        .prepare_cached(DELETE)?
        .execute(params![kept_since.unix_ms(), STEP as i64])?;
    Ok(rows)
}

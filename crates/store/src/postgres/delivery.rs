//! From the outbox to deliveries, and what becomes of each, on any number of nodes.
//!
//! Making deliveries and finishing them both ask what is unfinished of a subject, and each changes
//! the other's answer. So whoever makes deliveries holds the rows of the receivers they are for,
//! and whoever finishes shares that of its receiver: neither looks while the other writes.
//!
//! Everything here may be done twice, so a COMMIT that was not answered is done again.

use std::ops::RangeInclusive;

use axbridge_domain::time::Timestamp;
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, types::ToSql};

use super::{
    PostgresStore,
    core::{Core, until_done},
    event_spans,
    events::settle_positions,
    fault::{Fault, commit_fault},
    receivers::{id_column, id_of},
    rows::{account_column, account_of, column, count_column, count_of, unreadable},
    text::escaped_option,
};
use crate::{
    delivery::{
        DeliveryStanding, FannedOut, Finished, Lease, Leased, Outcome, ReceiverRef, Replay,
        topic_rows,
    },
    error::StoreError,
    model::{Event, Topic},
};

/// The most rows that one transaction purges, hastens or replays.
const STEP: i64 = 2000;
/// Counts for people and alarms stop here.
const COUNTED_MAX: i64 = 1_000_000;

/// The state of a delivery that is made of the event `o` for the receiver `r`: due, unless an
/// earlier one of the same subject is unfinished or is made in the same statement.
const STATE_OF_NEW: &str =
    "CASE WHEN row_number() OVER (PARTITION BY r.id, o.subject ORDER BY o.id) > 1
         OR EXISTS (SELECT 1 FROM delivery d WHERE d.account = r.account AND d.receiver = r.id
                    AND d.subject = o.subject AND d.state < 2) THEN 0 ELSE 1 END";

impl PostgresStore {
    pub(crate) async fn fan_out(&self, limit: u64) -> Result<FannedOut, StoreError> {
        until_done!(fan_out(&self.core, limit))
    }

    pub(crate) async fn due_receivers(
        &self,
        now: Timestamp,
    ) -> Result<Vec<ReceiverRef>, StoreError> {
        until_done!(due_receivers(&self.core, now))
    }

    pub(crate) async fn lease_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        now: Timestamp,
    ) -> Result<Vec<Leased>, StoreError> {
        until_done!(take(&self.core, receiver, lease, now))
    }

    pub(crate) async fn finish_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        finished: Vec<Finished>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        until_done!(finish(&self.core, receiver, lease, &finished, now))
    }

    pub(crate) async fn hasten_deliveries(
        &self,
        receiver: ReceiverRef,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        while until_done!(hasten(&self.core, receiver, now))? == STEP {}
        Ok(())
    }

    pub(crate) async fn replay_events(
        &self,
        replay: Replay,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let Some(ids) = until_done!(replay_ids(&self.core, replay))? else {
            return Ok(0);
        };
        let (mut after, until, mut made) = (ids.start() - 1, *ids.end(), 0);
        loop {
            let step = until_done!(replay_step(&self.core, replay, (after, until), now))?;
            made += step.1;
            match step.0 {
                Some(end) => after = end,
                None => return Ok(made),
            }
        }
    }

    pub(crate) async fn purge_deliveries(&self, before: Timestamp) -> Result<u64, StoreError> {
        let mut purged = 0;
        loop {
            let step = until_done!(purge(&self.core, before))?;
            purged += count_of(step);
            if step < STEP {
                return Ok(purged);
            }
        }
    }

    pub(crate) async fn delivery_standing(&self) -> Result<DeliveryStanding, StoreError> {
        until_done!(standing(&self.core))
    }
}

/// Commits what may be done twice.
async fn commit(transaction: Transaction<'_>) -> Result<(), Fault> {
    transaction
        .commit()
        .await
        .map_err(|error| match commit_fault(error) {
            Fault::Unknown(text) => Fault::Lost(text),
            fault => fault,
        })
}

async fn fan_out(core: &Core, limit: u64) -> Result<FannedOut, Fault> {
    let mut client = core.client().await?;
    while settle_positions(&mut client).await? {}
    let look = client
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE id > (SELECT last FROM delivery_cursor)),
                 EXISTS (SELECT 1 FROM receiver)",
        )
        .await?;
    let row = client.query_one(&look, &[]).await?;
    let (waits, has_receivers): (bool, bool) = (row.try_get(0)?, row.try_get(1)?);
    if !waits {
        return Ok(FannedOut::default());
    }
    let transaction = client.transaction().await?;
    // Another node that is at it is as good.
    let cursor = transaction
        .query_opt(
            "SELECT last FROM delivery_cursor FOR UPDATE SKIP LOCKED",
            &[],
        )
        .await?;
    let Some(cursor) = cursor else {
        return Ok(FannedOut::default());
    };
    let last: i64 = cursor.try_get(0)?;
    // With nobody to tell, all that stands there is passed at once.
    let limit = if has_receivers {
        count_column(limit)
    } else {
        i64::MAX
    };
    let row = transaction
        .query_one(
            "SELECT count(*), coalesce(max(id), $1) FROM
                 (SELECT id FROM outbox WHERE id > $1 ORDER BY id LIMIT $2) o",
            &[&last, &limit],
        )
        .await?;
    let (events, end): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    let deliveries = if has_receivers {
        make(&transaction, last, end).await?
    } else {
        0
    };
    event_spans::note(&transaction, last, end).await?;
    transaction
        .execute("UPDATE delivery_cursor SET last = $1", &[&end])
        .await?;
    commit(transaction).await?;
    Ok(FannedOut {
        events: count_of(events),
        deliveries,
    })
}

async fn make(transaction: &Transaction<'_>, last: i64, end: i64) -> Result<u64, Fault> {
    let held = transaction
        .execute(
            "SELECT 1 FROM receiver WHERE account IN
                 (SELECT DISTINCT account FROM outbox WHERE id > $1 AND id <= $2)
             ORDER BY account, id FOR UPDATE",
            &[&last, &end],
        )
        .await?;
    if held == 0 {
        return Ok(0);
    }
    let insert = format!(
        "WITH topic (name, bit) AS (VALUES {})
         INSERT INTO delivery (account, receiver, event, topic, subject, at, queued_at, state,
             next_at, holder, failures)
         SELECT o.account, r.id, o.id, o.topic, o.subject, o.at, o.at, {STATE_OF_NEW}, o.at, 0, 0
         FROM outbox o JOIN topic t ON t.name = o.topic JOIN receiver r ON r.account = o.account
         WHERE o.id > $1 AND o.id <= $2 AND r.kinds & t.bit <> 0 ON CONFLICT DO NOTHING",
        topic_rows(),
    );
    Ok(transaction.execute(&insert, &[&last, &end]).await?)
}

async fn due_receivers(core: &Core, now: Timestamp) -> Result<Vec<ReceiverRef>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT account, id FROM receiver r WHERE NOT paused AND EXISTS
                 (SELECT 1 FROM delivery d WHERE d.account = r.account AND d.receiver = r.id
                  AND d.state = 1 AND d.next_at <= $1)",
        )
        .await?;
    let rows = client.query(&statement, &[&now.unix_ms()]).await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        found.push(ReceiverRef {
            account: account_of(column(row, "account")?)?,
            id: id_of(column(row, "id")?),
        });
    }
    Ok(found)
}

async fn take(
    core: &Core,
    receiver: ReceiverRef,
    lease: Lease,
    now: Timestamp,
) -> Result<Vec<Leased>, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "WITH due AS (
                 SELECT event FROM delivery
                 WHERE account = $1 AND receiver = $2 AND state = 1 AND next_at <= $3
                 ORDER BY next_at, event LIMIT $4 FOR UPDATE SKIP LOCKED)
             UPDATE delivery d SET holder = $5, next_at = $6 FROM due
             WHERE d.account = $1 AND d.receiver = $2 AND d.event = due.event
             RETURNING d.event, d.account, d.topic, d.subject, d.at, d.queued_at, d.failures",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &account_column(receiver.account),
                &id_column(receiver.id),
                &now.unix_ms(),
                &count_column(lease.limit),
                &lease.holder.column(),
                &lease.until.unix_ms(),
            ],
        )
        .await?;
    let leased: Result<Vec<_>, StoreError> = rows.iter().map(leased_from).collect();
    let mut leased = leased?;
    leased.sort_by_key(|leased| leased.event.id);
    Ok(leased)
}

fn leased_from(row: &Row) -> Result<Leased, StoreError> {
    let failures: i32 = column(row, "failures")?;
    Ok(Leased {
        event: event_from(row)?,
        queued_at: Timestamp::from_unix_ms(column(row, "queued_at")?),
        failures: failures.unsigned_abs(),
    })
}

/// An event from the columns `event`, `account`, `topic`, `subject`, `at`.
pub(super) fn event_from(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        id: column(row, "event")?,
        account: account_of(column(row, "account")?)?,
        topic: Topic::from_name(column(row, "topic")?)
            .ok_or_else(|| unreadable("an event's topic"))?,
        subject: column(row, "subject")?,
        at: Timestamp::from_unix_ms(column(row, "at")?),
    })
}

async fn finish(
    core: &Core,
    receiver: ReceiverRef,
    lease: Lease,
    finished: &[Finished],
    now: Timestamp,
) -> Result<(), Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let share = transaction
        .prepare_cached("SELECT 1 FROM receiver WHERE account = $1 AND id = $2 FOR SHARE")
        .await?;
    let (account, id) = (account_column(receiver.account), id_column(receiver.id));
    transaction.execute(&share, &[&account, &id]).await?;
    let updated = write_outcomes(&transaction, receiver, lease, finished, now).await?;
    let mut subjects = Vec::new();
    for row in &updated {
        let event: i64 = column(row, "event")?;
        let is_over = finished.iter().any(|one| {
            one.event == event && !matches!(one.outcome, Outcome::Retry(_) | Outcome::Returned)
        });
        if is_over {
            subjects.push(column::<String>(row, "subject")?);
        }
    }
    if !subjects.is_empty() {
        release(&transaction, receiver, &subjects, now).await?;
    }
    commit(transaction).await
}

/// Writes what became of those that the lease still holds; gives their rows' `event` and `subject`.
async fn write_outcomes(
    transaction: &Transaction<'_>,
    receiver: ReceiverRef,
    lease: Lease,
    finished: &[Finished],
    now: Timestamp,
) -> Result<Vec<Row>, Fault> {
    let (mut events, mut states, mut ats) = (Vec::new(), Vec::new(), Vec::new());
    let (mut failures, mut statuses, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    for one in finished {
        let (state, at) = one.outcome.state_and_moment(now);
        events.push(one.event);
        states.push(state.code());
        ats.push(at.unix_ms());
        failures.push(i32::try_from(one.failures).unwrap_or(i32::MAX));
        statuses.push(one.status.and_then(|status| i16::try_from(status).ok()));
        notes.push(escaped_option(one.note.as_ref()));
    }
    let update = transaction
        .prepare_cached(
            "UPDATE delivery d SET state = f.state, next_at = f.at, holder = 0,
                 failures = f.failures, status = f.status, note = f.note
             FROM unnest($4::int8[], $5::int2[], $6::int8[], $7::int4[], $8::int2[], $9::text[])
                 f (event, state, at, failures, status, note)
             WHERE d.account = $1 AND d.receiver = $2 AND d.holder = $3 AND d.event = f.event
               AND d.state = 1
             RETURNING d.event, d.subject",
        )
        .await?;
    let parameters: [&(dyn ToSql + Sync); 9] = [
        &account_column(receiver.account),
        &id_column(receiver.id),
        &lease.holder.column(),
        &events,
        &states,
        &ats,
        &failures,
        &statuses,
        &notes,
    ];
    Ok(transaction.query(&update, &parameters).await?)
}

/// Makes the oldest unfinished delivery of each subject due, if it waits.
async fn release(
    transaction: &Transaction<'_>,
    receiver: ReceiverRef,
    subjects: &[String],
    now: Timestamp,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "UPDATE delivery d SET state = 1, next_at = $4 FROM
                 (SELECT min(event) AS event FROM delivery
                  WHERE account = $1 AND receiver = $2 AND subject = ANY ($3) AND state < 2
                  GROUP BY subject) n
             WHERE d.account = $1 AND d.receiver = $2 AND d.event = n.event AND d.state = 0",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &account_column(receiver.account),
                &id_column(receiver.id),
                &subjects,
                &now.unix_ms(),
            ],
        )
        .await?;
    Ok(())
}

async fn hasten(core: &Core, receiver: ReceiverRef, now: Timestamp) -> Result<i64, Fault> {
    let client = core.client().await?;
    let changed = client
        .execute(
            "UPDATE delivery SET next_at = $3 WHERE account = $1 AND receiver = $2 AND event IN
                 (SELECT event FROM delivery WHERE account = $1 AND receiver = $2 AND state = 1
                  AND next_at > $3 AND holder = 0 LIMIT $4 FOR UPDATE SKIP LOCKED)
               AND state = 1 AND holder = 0",
            &[
                &account_column(receiver.account),
                &id_column(receiver.id),
                &now.unix_ms(),
                &STEP,
            ],
        )
        .await?;
    Ok(count_column(changed))
}

async fn replay_ids(core: &Core, replay: Replay) -> Result<Option<RangeInclusive<i64>>, Fault> {
    let client = core.client().await?;
    event_spans::ids_between(&client, Some(replay.from), Some(replay.to)).await
}

async fn replay_step(
    core: &Core,
    replay: Replay,
    (after, until): (i64, i64),
    now: Timestamp,
) -> Result<(Option<i64>, u64), Fault> {
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let end: Option<i64> = transaction
        .query_one(
            "SELECT max(id) FROM (SELECT id FROM outbox WHERE id > $1 AND id <= $3
                 AND id <= (SELECT last FROM delivery_cursor) ORDER BY id LIMIT $2) o",
            &[&after, &STEP, &until],
        )
        .await?
        .try_get(0)?;
    let Some(end) = end else {
        return Ok((None, 0));
    };
    let account = account_column(replay.account);
    transaction
        .execute(
            "SELECT 1 FROM receiver WHERE account = $1 ORDER BY account, id FOR UPDATE",
            &[&account],
        )
        .await?;
    let insert = format!(
        "WITH topic (name, bit) AS (VALUES {})
         INSERT INTO delivery (account, receiver, event, topic, subject, at, queued_at, state,
             next_at, holder, failures)
         SELECT o.account, r.id, o.id, o.topic, o.subject, o.at, $4, {STATE_OF_NEW}, $4, 0, 0
         FROM outbox o JOIN topic t ON t.name = o.topic JOIN receiver r ON r.account = o.account
         WHERE o.account = $1 AND o.at >= $2 AND o.at < $3 AND ($5::int8 IS NULL OR r.id = $5)
           AND ($6::int4 IS NULL OR t.bit = $6) AND r.kinds & t.bit <> 0
           AND o.id > $7 AND o.id <= $8
         ON CONFLICT (account, receiver, event) DO UPDATE SET state = excluded.state,
             queued_at = excluded.queued_at, next_at = excluded.next_at, holder = 0, failures = 0,
             status = NULL, note = NULL
         WHERE delivery.state >= 2",
        topic_rows(),
    );
    let made = transaction
        .execute(
            &insert,
            &[
                &account,
                &replay.from.unix_ms(),
                &replay.to.unix_ms(),
                &now.unix_ms(),
                &replay.receiver.map(id_column),
                &replay.kind.map(|kind| i32::from(kind.bit())),
                &after,
                &end,
            ],
        )
        .await?;
    commit(transaction).await?;
    Ok((Some(end), made))
}

/// Drops finished deliveries of old events, then those events; at most [`STEP`] rows.
async fn purge(core: &Core, before: Timestamp) -> Result<i64, Fault> {
    let client = core.client().await?;
    let young = event_spans::ids_between(&client, Some(before), None).await?;
    let young = young.map_or(i64::MAX, |ids| *ids.start());
    let end: i64 = client
        .query_one(
            // What is not delivered yet stays, however old.
            "SELECT least(coalesce(
                     (SELECT id FROM outbox WHERE id >= $2 AND at >= $1 ORDER BY id LIMIT 1),
                     9223372036854775807),
                 (SELECT last + 1 FROM delivery_cursor))",
            &[&before.unix_ms(), &young],
        )
        .await?
        .try_get(0)?;
    let deliveries = client
        .execute(
            "DELETE FROM delivery WHERE (account, receiver, event) IN
                 (SELECT d.account, d.receiver, d.event FROM receiver r
                  JOIN delivery d ON d.account = r.account AND d.receiver = r.id
                  WHERE d.event < $1 AND d.state >= 2 LIMIT $2)",
            &[&end, &STEP],
        )
        .await?;
    let deliveries = count_column(deliveries);
    if deliveries == STEP {
        return Ok(deliveries);
    }
    let events = client
        .execute(
            "DELETE FROM outbox WHERE id IN
                 (SELECT id FROM outbox WHERE id < $1 ORDER BY id LIMIT $2)",
            &[&end, &STEP],
        )
        .await?;
    let events = count_column(events);
    if events < STEP {
        event_spans::forget(&client, end).await?;
    }
    Ok(deliveries.max(events))
}

async fn standing(core: &Core) -> Result<DeliveryStanding, Fault> {
    let client = core.client().await?;
    let statement = client
        .prepare_cached(
            "SELECT (SELECT last FROM outbox_end) - (SELECT last FROM delivery_cursor) AS outbox,
                 (SELECT count(*) FROM
                     (SELECT 1 FROM delivery WHERE state < 2 LIMIT $1) d) AS unfinished,
                 (SELECT d.queued_at FROM delivery d
                  JOIN receiver r ON r.account = d.account AND r.id = d.receiver
                  WHERE d.state < 2 AND NOT r.paused ORDER BY d.queued_at LIMIT 1) AS oldest,
                 (SELECT count(*) FROM
                     (SELECT 1 FROM delivery WHERE state = 3 LIMIT $1) d) AS parked",
        )
        .await?;
    let row = client.query_one(&statement, &[&COUNTED_MAX]).await?;
    Ok(DeliveryStanding {
        outbox: count_of(column(&row, "outbox")?),
        unfinished: count_of(column(&row, "unfinished")?),
        oldest: column::<Option<i64>>(&row, "oldest")?.map(Timestamp::from_unix_ms),
        parked: count_of(column(&row, "parked")?),
    })
}

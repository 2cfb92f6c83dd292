//! From the outbox to deliveries, and what becomes of each.
//!
//! One process has the directory, so leases left by an earlier one are dropped at the start.

use axbridge_domain::{delivery::ReceiverId, time::Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    SqliteStore,
    event_rows::{EVENT_COLUMNS, events},
    event_spans,
    fault::{Fault, damaged, engine},
    receivers::{id_column, id_from},
    rows::{account_column, account_from},
    writer::Batch,
};
use crate::{
    delivery::{
        DeliveryStanding, FannedOut, Finished, Lease, Leased, Outcome, ReceiverRef, Replay,
        topic_rows,
    },
    error::StoreError,
    model::{Event, Topic},
};

/// The most rows that one transaction purges, hastens or replays: others wait meanwhile.
const STEP: usize = 2000;
/// Counts for people and alarms stop here.
const COUNTED_MAX: i64 = 1_000_000;

impl SqliteStore {
    pub(crate) async fn fan_out(&self, limit: u64) -> Result<FannedOut, StoreError> {
        // Most looks find nothing, and readers do not queue.
        let waits: bool = self
            .read(|connection| {
                let sql = "SELECT EXISTS (SELECT 1 FROM outbox WHERE id > \
                     (SELECT last FROM delivery_cursor)) OR EXISTS (SELECT 1 FROM binding \
                     WHERE seq > (SELECT max(last, bound_after) FROM delivery_cursor))";
                one(connection, sql)
            })
            .await?;
        if !waits {
            return Ok(FannedOut::default());
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.write(Timestamp::MIN, move |batch| fan_out(batch, limit))
            .await
    }

    pub(crate) async fn due_receivers(
        &self,
        now: Timestamp,
    ) -> Result<Vec<ReceiverRef>, StoreError> {
        const SELECT: &str = "SELECT account, id FROM receiver r WHERE NOT paused AND EXISTS \
             (SELECT 1 FROM delivery d WHERE d.receiver = r.id AND d.state = 1 AND d.next_at <= ?1)";
        self.read(move |connection| {
            let fault = |error: rusqlite::Error| engine(&error);
            let mut statement = connection.prepare_cached(SELECT).map_err(fault)?;
            let mut rows = statement.query([now.unix_ms()]).map_err(fault)?;
            let mut found = Vec::new();
            while let Some(row) = rows.next().map_err(fault)? {
                found.push(ReceiverRef {
                    account: account_from(row.get(0).map_err(fault)?)?,
                    id: id_from(row.get(1).map_err(fault)?),
                });
            }
            Ok(found)
        })
        .await
    }

    pub(crate) async fn lease_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        now: Timestamp,
    ) -> Result<Vec<Leased>, StoreError> {
        const UPDATE: &str = "UPDATE delivery SET holder = ?2, next_at = ?3 \
             WHERE receiver = ?1 AND event IN (SELECT event FROM delivery \
             WHERE receiver = ?1 AND state = 1 AND next_at <= ?4 ORDER BY next_at, event LIMIT ?5) \
             RETURNING event, account, topic, subject, at, queued_at, failures";
        self.write(now, move |batch| {
            let mut statement = batch.connection.prepare_cached(UPDATE)?;
            let mut rows = statement.query(params![
                id_column(receiver.id),
                lease.holder.column(),
                lease.until.unix_ms(),
                now.unix_ms(),
                i64::try_from(lease.limit).unwrap_or(i64::MAX),
            ])?;
            let mut leased = Vec::new();
            while let Some(row) = rows.next()? {
                leased.push(read_leased(row).map_err(Fault::Batch)?);
            }
            leased.sort_by_key(|leased: &Leased| leased.event.id);
            Ok(leased)
        })
        .await
    }

    pub(crate) async fn finish_deliveries(
        &self,
        receiver: ReceiverRef,
        lease: Lease,
        finished: Vec<Finished>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.write(now, move |batch| {
            for one in &finished {
                finish(batch.connection, receiver.id, lease, one, now)?;
            }
            Ok(())
        })
        .await
    }

    pub(crate) async fn hasten_deliveries(
        &self,
        receiver: ReceiverRef,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        const UPDATE: &str = "UPDATE delivery SET next_at = ?2 WHERE receiver = ?1 AND event IN \
             (SELECT event FROM delivery WHERE receiver = ?1 AND state = 1 AND next_at > ?2 \
             AND holder = 0 LIMIT ?3)";
        loop {
            let changed = self
                .write(now, move |batch| {
                    let parameters = params![id_column(receiver.id), now.unix_ms(), STEP as i64];
                    Ok(batch.connection.execute(UPDATE, parameters)?)
                })
                .await?;
            if changed < STEP {
                return Ok(());
            }
        }
    }

    pub(crate) async fn replay_events(
        &self,
        replay: Replay,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let (from, to) = (Some(replay.from), Some(replay.to));
        let ids = self
            .read(move |connection| {
                event_spans::ids_between(connection, from, to).map_err(|error| engine(&error))
            })
            .await?;
        let Some(ids) = ids else { return Ok(0) };
        let (mut after, until, mut made) = (ids.start() - 1, *ids.end(), 0);
        loop {
            let step = self
                .write(now, move |batch| {
                    replay_step(batch, replay, (after, until), now)
                })
                .await?;
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
            let step = self
                .write(Timestamp::MIN, move |batch| purge(batch.connection, before))
                .await?;
            purged += step as u64;
            if step < STEP {
                return Ok(purged);
            }
        }
    }

    pub(crate) async fn delivery_standing(&self) -> Result<DeliveryStanding, StoreError> {
        const OUTBOX: &str = "SELECT max(coalesce((SELECT max(id) FROM outbox), 0), \
             coalesce((SELECT max(seq) FROM binding WHERE seq > bound_after), 0)) - last \
             FROM delivery_cursor";
        const OLDEST: &str = "SELECT d.queued_at FROM delivery d JOIN receiver r ON r.id = d.receiver \
             WHERE d.state < 2 AND NOT r.paused ORDER BY d.queued_at LIMIT 1";
        self.read(|connection| {
            let count = |filter: &str| -> Result<u64, StoreError> {
                let sql = format!(
                    "SELECT count(*) FROM (SELECT 1 FROM delivery WHERE {filter} LIMIT {COUNTED_MAX})"
                );
                Ok(one::<i64>(connection, &sql)?.max(0).unsigned_abs())
            };
            let oldest: Option<i64> = connection
                .prepare_cached(OLDEST)
                .and_then(|mut statement| statement.query_row([], |row| row.get(0)).optional())
                .map_err(|error| engine(&error))?;
            Ok(DeliveryStanding {
                outbox: one::<i64>(connection, OUTBOX)?.max(0).unsigned_abs(),
                unfinished: count("state < 2")?,
                oldest: oldest.map(Timestamp::from_unix_ms),
                parked: count("state = 3")?,
            })
        })
        .await
    }
}

/// Drops the leases of an earlier process.
pub(super) fn drop_leases(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(
        "UPDATE delivery SET holder = 0, next_at = queued_at WHERE state = 1 AND holder <> 0",
        [],
    )?;
    Ok(())
}

/// The state of a delivery that is made of the event `o`: due, unless an earlier one of the same
/// subject is unfinished or is made in the same statement.
pub(super) fn state_of_new(o: &str) -> String {
    format!(
        "CASE WHEN row_number() OVER (PARTITION BY r.id, {o}.subject ORDER BY {o}.id) > 1 \
         OR EXISTS (SELECT 1 FROM delivery d INDEXED BY delivery_order WHERE d.receiver = r.id \
         AND d.subject = {o}.subject AND d.state < 2) THEN 0 ELSE 1 END"
    )
}

fn fan_out(batch: &Batch<'_>, limit: i64) -> Result<FannedOut, Fault> {
    let connection = batch.connection;
    let last: i64 = connection
        .prepare_cached("SELECT last FROM delivery_cursor")?
        .query_row([], |row| row.get(0))?;
    let has_receivers: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM receiver)")?
        .query_row([], |row| row.get(0))?;
    // With nobody to tell, all that stands there is passed at once.
    let limit = if has_receivers { limit } else { i64::MAX };
    let ids = events("o.id", "?1", "true");
    let sql = format!("SELECT count(*), coalesce(max(id), ?1) FROM ({ids} ORDER BY 1 LIMIT ?2)");
    let (count, end): (i64, i64) = connection
        .prepare_cached(&sql)?
        .query_row([last, limit], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let deliveries = if has_receivers {
        let insert = format!(
            "WITH topic (name, bit) AS (VALUES {}) \
             INSERT INTO delivery (receiver, event, account, topic, subject, at, queued_at, state, \
             next_at, holder, failures) \
             SELECT r.id, o.id, o.account, o.topic, o.subject, o.at, o.at, {}, o.at, 0, 0 \
             FROM ({}) o JOIN topic t ON t.name = o.topic JOIN receiver r ON r.account = o.account \
             WHERE r.kinds & t.bit <> 0 ON CONFLICT DO NOTHING",
            topic_rows(),
            state_of_new("o"),
            events(EVENT_COLUMNS, "?1", "o.id <= ?2"),
        );
        connection.prepare_cached(&insert)?.execute([last, end])?
    } else {
        0
    };
    event_spans::note(connection, last, end)?;
    connection
        .prepare_cached("UPDATE delivery_cursor SET last = ?1")?
        .execute([end])?;
    Ok(FannedOut {
        events: count.unsigned_abs(),
        deliveries: deliveries as u64,
    })
}

/// Looks at the next events of `(after, until]`; gives how far it got, unless that was the end, and
/// how many deliveries it made.
fn replay_step(
    batch: &Batch<'_>,
    replay: Replay,
    (after, until): (i64, i64),
    now: Timestamp,
) -> Result<(Option<i64>, u64), Fault> {
    let connection = batch.connection;
    let told = "o.id <= ?3 AND o.id <= (SELECT last FROM delivery_cursor)";
    let ids = events("o.id", "?1", told);
    let end = format!("SELECT max(id) FROM ({ids} ORDER BY 1 LIMIT ?2)");
    let parameters = params![after, STEP as i64, until];
    let end: Option<i64> = connection.query_row(&end, parameters, |row| row.get(0))?;
    let Some(end) = end else {
        return Ok((None, 0));
    };
    let sql = format!(
        "WITH topic (name, bit) AS (VALUES {}) \
         INSERT INTO delivery (receiver, event, account, topic, subject, at, queued_at, state, \
         next_at, holder, failures) \
         SELECT r.id, o.id, o.account, o.topic, o.subject, o.at, ?4, {}, ?4, 0, 0 \
         FROM ({}) o JOIN topic t ON t.name = o.topic JOIN receiver r ON r.account = o.account \
         WHERE o.account = ?1 AND o.at >= ?2 AND o.at < ?3 AND (?5 IS NULL OR r.id = ?5) \
         AND (?6 IS NULL OR t.bit = ?6) AND r.kinds & t.bit <> 0 \
         ON CONFLICT (receiver, event) DO UPDATE SET state = excluded.state, queued_at = ?4, \
         next_at = ?4, holder = 0, failures = 0, status = NULL, note = NULL WHERE state >= 2",
        topic_rows(),
        state_of_new("o"),
        events(EVENT_COLUMNS, "?7", "o.id <= ?8"),
    );
    let made = connection.prepare_cached(&sql)?.execute(params![
        account_column(replay.account),
        replay.from.unix_ms(),
        replay.to.unix_ms(),
        now.unix_ms(),
        replay.receiver.map(id_column),
        replay.kind.map(|kind| kind.bit()),
        after,
        end,
    ])?;
    Ok((Some(end), made as u64))
}

/// Makes the oldest unfinished one of the subject due; it is already if it is another's turn. The
/// index is named, here and where a delivery is made: by itself the engine reads all deliveries of
/// the receiver in the order of events, those that were finished weeks ago included.
pub(super) const NEXT: &str = "UPDATE delivery SET state = 1, next_at = ?3 WHERE receiver = ?1 \
     AND state = 0 AND event = (SELECT min(event) FROM delivery INDEXED BY delivery_order \
     WHERE receiver = ?1 AND subject = ?2 AND state < 2)";

fn finish(
    connection: &Connection,
    receiver: ReceiverId,
    lease: Lease,
    finished: &Finished,
    now: Timestamp,
) -> Result<(), Fault> {
    const UPDATE: &str = "UPDATE delivery SET state = ?4, next_at = ?5, holder = 0, failures = ?6, \
         status = ?7, note = ?8 WHERE receiver = ?1 AND event = ?2 AND state = 1 AND holder = ?3 \
         RETURNING subject";
    let (state, at) = finished.outcome.state_and_moment(now);
    let receiver = id_column(receiver);
    let subject: Option<String> = connection
        .prepare_cached(UPDATE)?
        .query_row(
            params![
                receiver,
                finished.event,
                lease.holder.column(),
                state.code(),
                at.unix_ms(),
                finished.failures,
                finished.status,
                finished.note,
            ],
            |row| row.get(0),
        )
        .optional()?;
    let is_over = !matches!(finished.outcome, Outcome::Retry(_) | Outcome::Returned);
    if let Some(subject) = subject.filter(|_| is_over) {
        connection
            .prepare_cached(NEXT)?
            .execute(params![receiver, subject, now.unix_ms()])?;
    }
    Ok(())
}

/// Drops finished deliveries of old events, then those events; at most [`STEP`] rows.
fn purge(connection: &Connection, before: Timestamp) -> Result<usize, Fault> {
    const DELIVERIES: &str = "DELETE FROM delivery WHERE (receiver, event) IN \
         (SELECT d.receiver, d.event FROM receiver r JOIN delivery d ON d.receiver = r.id \
         WHERE d.event < ?1 AND d.state >= 2 LIMIT ?2)";
    const EVENTS: &str = "DELETE FROM outbox WHERE id IN \
         (SELECT id FROM outbox WHERE id < ?1 ORDER BY id LIMIT ?2)";
    // The rows of bindings stay, as bindings.
    const BOUND: &str = "SELECT count(*), max(seq) FROM (SELECT seq FROM binding WHERE \
         seq > (SELECT bound_after FROM delivery_cursor) AND seq < ?1 ORDER BY seq LIMIT ?2)";
    let last: i64 =
        connection.query_row("SELECT last FROM delivery_cursor", [], |row| row.get(0))?;
    // What is not delivered yet stays, however old.
    let mut end = last.saturating_add(1);
    if let Some(young) = event_spans::ids_between(connection, Some(before), None)? {
        let first_kept = events("o.id", "?2", "o.at >= ?1");
        let found: Option<i64> = connection
            .query_row(
                &format!("{first_kept} ORDER BY 1 LIMIT 1"),
                [before.unix_ms(), young.start() - 1],
                |row| row.get(0),
            )
            .optional()?;
        end = end.min(found.unwrap_or(i64::MAX));
    }
    let deliveries = connection.execute(DELIVERIES, params![end, STEP as i64])?;
    if deliveries == STEP {
        return Ok(deliveries);
    }
    let dropped = connection.execute(EVENTS, params![end, STEP as i64])?;
    let bound = connection.query_row(BOUND, params![end, STEP as i64], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    });
    let (bound, until) = bound?;
    if let Some(until) = until {
        connection.execute("UPDATE delivery_cursor SET bound_after = ?1", [until])?;
    }
    if dropped < STEP {
        event_spans::forget(connection, end)?;
    }
    let dropped = dropped + usize::try_from(bound).unwrap_or_default();
    Ok(deliveries.max(dropped))
}

fn one<T: rusqlite::types::FromSql>(connection: &Connection, sql: &str) -> Result<T, StoreError> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
        .map_err(|error| engine(&error))
}

fn read_leased(row: &Row<'_>) -> Result<Leased, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let topic: String = row.get(2).map_err(fault)?;
    Ok(Leased {
        event: Event {
            id: row.get(0).map_err(fault)?,
            account: account_from(row.get(1).map_err(fault)?)?,
            topic: Topic::from_name(&topic).ok_or_else(|| damaged("an event's topic"))?,
            subject: row.get(3).map_err(fault)?,
            at: Timestamp::from_unix_ms(row.get(4).map_err(fault)?),
        },
        queued_at: Timestamp::from_unix_ms(row.get(5).map_err(fault)?),
        failures: row.get(6).map_err(fault)?,
    })
}

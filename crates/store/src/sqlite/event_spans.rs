//! When the events of each thousand ids were: the way from a time to the ids of that time.

use std::ops::RangeInclusive;

use axbridge_domain::time::Timestamp;
use rusqlite::{Connection, params};

use super::event_rows::events;
use crate::delivery::EVENTS_A_SPAN;

/// Notes the events of `(last, end]`, which become deliveries in the same transaction.
pub(super) fn note(connection: &Connection, last: i64, end: i64) -> rusqlite::Result<()> {
    let sql = format!(
        "INSERT INTO event_span (span, least_at, greatest_at) \
         SELECT id / {EVENTS_A_SPAN}, min(at), max(at) FROM ({}) WHERE true GROUP BY 1 \
         ON CONFLICT (span) DO UPDATE SET least_at = min(least_at, excluded.least_at), \
         greatest_at = max(greatest_at, excluded.greatest_at)",
        events("o.id, o.at", "?1", "o.id <= ?2"),
    );
    connection.prepare_cached(&sql)?.execute([last, end])?;
    Ok(())
}

/// The ids among which all events of `[from, to)` are that have become deliveries; others may be
/// among them.
pub(super) fn ids_between(
    connection: &Connection,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> rusqlite::Result<Option<RangeInclusive<i64>>> {
    const SELECT: &str = "SELECT min(span), max(span) FROM event_span \
         WHERE greatest_at >= ?1 AND least_at < ?2";
    let from = from.map_or(i64::MIN, Timestamp::unix_ms);
    let to = to.map_or(i64::MAX, Timestamp::unix_ms);
    let mut statement = connection.prepare_cached(SELECT)?;
    let (first, last): (Option<i64>, Option<i64>) =
        statement.query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let ends = first.zip(last);
    Ok(ends.map(|(first, last)| {
        first * EVENTS_A_SPAN..=last.saturating_mul(EVENTS_A_SPAN) + EVENTS_A_SPAN - 1
    }))
}

/// Forgets spans of which no event is left.
pub(super) fn forget(connection: &Connection, before_id: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM event_span WHERE span < ?1";
    let span = before_id / EVENTS_A_SPAN;
    connection.prepare_cached(sql)?.execute(params![span])?;
    Ok(())
}

//! When the events of each thousand ids were: the way from a time to the ids of that time.

use std::ops::RangeInclusive;

use axbridge_domain::time::Timestamp;
use deadpool_postgres::GenericClient;

use super::{fault::Fault, rows::column};
use crate::delivery::EVENTS_A_SPAN;

/// Notes the events of `(last, end]`, which become deliveries in the same transaction.
pub(super) async fn note(client: &impl GenericClient, last: i64, end: i64) -> Result<(), Fault> {
    let statement = client
        .prepare_cached(
            "INSERT INTO event_span AS s (span, least_at, greatest_at)
             SELECT id / $3, min(at), max(at) FROM outbox WHERE id > $1 AND id <= $2 GROUP BY 1
             ON CONFLICT (span) DO UPDATE SET least_at = least(s.least_at, excluded.least_at),
                 greatest_at = greatest(s.greatest_at, excluded.greatest_at)",
        )
        .await?;
    client
        .execute(&statement, &[&last, &end, &EVENTS_A_SPAN])
        .await?;
    Ok(())
}

/// The ids among which all events of `[from, to)` are that have become deliveries; others may be
/// among them.
pub(super) async fn ids_between(
    client: &impl GenericClient,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Result<Option<RangeInclusive<i64>>, Fault> {
    let statement = client
        .prepare_cached(
            "SELECT min(span) AS first, max(span) AS last FROM event_span
             WHERE greatest_at >= $1 AND least_at < $2",
        )
        .await?;
    let from = from.map_or(i64::MIN, Timestamp::unix_ms);
    let to = to.map_or(i64::MAX, Timestamp::unix_ms);
    let row = client.query_one(&statement, &[&from, &to]).await?;
    let (first, last): (Option<i64>, Option<i64>) = (column(&row, "first")?, column(&row, "last")?);
    Ok(first.zip(last).map(|(first, last)| {
        first * EVENTS_A_SPAN..=last.saturating_mul(EVENTS_A_SPAN) + EVENTS_A_SPAN - 1
    }))
}

/// Forgets spans of which no event is left.
pub(super) async fn forget(client: &impl GenericClient, before_id: i64) -> Result<(), Fault> {
    let statement = client
        .prepare_cached("DELETE FROM event_span WHERE span < $1")
        .await?;
    client
        .execute(&statement, &[&(before_id / EVENTS_A_SPAN)])
        .await?;
    Ok(())
}

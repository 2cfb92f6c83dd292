//! Events with their deliveries, newest first.

use std::ops::RangeInclusive;

use axbridge_domain::time::Timestamp;
use deadpool_postgres::Object;
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    delivery::event_from,
    event_spans,
    events::settle_positions,
    fault::Fault,
    receivers::id_of,
    rows::{account_column, column, count_column, unreadable},
    text::unescaped,
};
use crate::{
    delivery::{DeliveryRow, DeliveryState, EventFilter, EventRow},
    error::StoreError,
};

impl PostgresStore {
    pub(crate) async fn event_log(
        &self,
        filter: EventFilter,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        until_done!(event_log(&self.core, filter, limit))
    }
}

async fn event_log(core: &Core, filter: EventFilter, limit: u64) -> Result<Vec<EventRow>, Fault> {
    let mut client = core.client().await?;
    while settle_positions(&mut client).await? {}
    // Read before the spans: what becomes a delivery meanwhile is behind it.
    let last: i64 = client
        .query_one("SELECT last FROM delivery_cursor", &[])
        .await?
        .try_get(0)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut found = events_among(&client, filter, last + 1..=i64::MAX, limit).await?;
    let ids = event_spans::ids_between(&client, filter.from, filter.to).await?;
    if let Some(ids) = ids.filter(|_| found.len() < limit) {
        let ids = *ids.start()..=last.min(*ids.end());
        found.extend(events_among(&client, filter, ids, limit - found.len()).await?);
    }
    Ok(found)
}

async fn events_among(
    client: &Object,
    filter: EventFilter,
    ids: RangeInclusive<i64>,
    limit: usize,
) -> Result<Vec<EventRow>, Fault> {
    let statement = client
        .prepare_cached(
            "SELECT o.id AS event, o.account, o.topic, o.subject, o.at FROM outbox o
             WHERE o.id >= $7 AND o.id <= $8 AND ($1::int8 IS NULL OR o.account = $1) AND ($2::int8 IS NULL OR o.at >= $2)
               AND ($3::int8 IS NULL OR o.at < $3) AND ($4::int8 IS NULL OR o.id < $4)
               AND ($5::int2 IS NULL OR EXISTS
                   (SELECT 1 FROM receiver r JOIN delivery d
                        ON d.account = r.account AND d.receiver = r.id
                    WHERE r.account = o.account AND d.event = o.id AND d.state = $5))
             ORDER BY o.id DESC LIMIT $6",
        )
        .await?;
    let rows = client
        .query(
            &statement,
            &[
                &filter.account.map(account_column),
                &filter.from.map(Timestamp::unix_ms),
                &filter.to.map(Timestamp::unix_ms),
                &filter.before,
                &filter.state.map(DeliveryState::code),
                &count_column(limit as u64),
                ids.start(),
                ids.end(),
            ],
        )
        .await?;
    let of_event = client
        .prepare_cached(
            "SELECT d.receiver, d.event, d.state, d.failures, d.next_at, d.status, d.note
             FROM receiver r JOIN delivery d ON d.account = r.account AND d.receiver = r.id
             WHERE r.account = $1 AND d.event = $2 ORDER BY d.receiver",
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let event = event_from(row)?;
        let account = account_column(event.account);
        let rows = client.query(&of_event, &[&account, &event.id]).await?;
        let deliveries: Result<_, StoreError> = rows.iter().map(delivery_from).collect();
        found.push(EventRow {
            event,
            deliveries: deliveries?,
        });
    }
    Ok(found)
}

fn delivery_from(row: &Row) -> Result<DeliveryRow, StoreError> {
    let state: i16 = column(row, "state")?;
    let failures: i32 = column(row, "failures")?;
    let status: Option<i16> = column(row, "status")?;
    Ok(DeliveryRow {
        receiver: id_of(column(row, "receiver")?),
        event: column(row, "event")?,
        state: DeliveryState::from_code(state.into())
            .ok_or_else(|| unreadable("a delivery's state"))?,
        failures: failures.unsigned_abs(),
        at: Timestamp::from_unix_ms(column(row, "next_at")?),
        status: status.and_then(|status| u16::try_from(status).ok()),
        note: column::<Option<String>>(row, "note")?.map(unescaped),
    })
}

//! Events with their deliveries, newest first.

use std::ops::RangeInclusive;

use axbridge_domain::time::Timestamp;
use rusqlite::{Connection, Row, params, params_from_iter, types::Value};

use super::{
    SqliteStore,
    event_rows::{self, EVENT_COLUMNS},
    event_spans,
    fault::{damaged, engine},
    receivers::id_from,
    rows::{account_column, account_from},
};
use crate::{
    delivery::{DeliveryRow, DeliveryState, EventFilter, EventRow},
    error::StoreError,
    model::{Event, Topic},
};

impl SqliteStore {
    pub(crate) async fn event_log(
        &self,
        filter: EventFilter,
        limit: u64,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.read(move |connection| {
            let mut rows = Vec::new();
            for event in events(connection, filter, limit)? {
                let deliveries = deliveries(connection, &event)?;
                rows.push(EventRow { event, deliveries });
            }
            Ok(rows)
        })
        .await
    }
}

/// Those that have not become deliveries yet, and then of the others those among the ids of the
/// time that is asked for.
fn events(
    connection: &Connection,
    filter: EventFilter,
    limit: u64,
) -> Result<Vec<Event>, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Read before the spans: what becomes a delivery meanwhile is behind it.
    let last: i64 = connection
        .query_row("SELECT last FROM delivery_cursor", [], |row| row.get(0))
        .map_err(fault)?;
    let mut found = events_among(connection, filter, last + 1..=i64::MAX, limit)?;
    let ids = event_spans::ids_between(connection, filter.from, filter.to).map_err(fault)?;
    if let Some(ids) = ids.filter(|_| found.len() < limit) {
        let ids = *ids.start()..=last.min(*ids.end());
        found.extend(events_among(connection, filter, ids, limit - found.len())?);
    }
    Ok(found)
}

fn events_among(
    connection: &Connection,
    filter: EventFilter,
    ids: RangeInclusive<i64>,
    limit: usize,
) -> Result<Vec<Event>, StoreError> {
    let mut condition = String::from("o.id <= ?3");
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut values = [limit, ids.start() - 1, *ids.end()]
        .map(Value::from)
        .to_vec();
    // Numbered, because the condition stands in both halves of the statement.
    let mut add = |more: &str, value: Option<i64>| {
        if let Some(value) = value {
            values.push(Value::from(value));
            condition.push_str(&more.replace('?', &format!("?{}", values.len())));
        }
    };
    add(" AND o.account = ?", filter.account.map(account_column));
    add(" AND o.at >= ?", filter.from.map(Timestamp::unix_ms));
    add(" AND o.at < ?", filter.to.map(Timestamp::unix_ms));
    add(" AND o.id < ?", filter.before);
    add(
        " AND EXISTS (SELECT 1 FROM receiver r JOIN delivery d ON d.receiver = r.id \
         WHERE r.account = o.account AND d.event = o.id AND d.state = ?)",
        filter.state.map(|state| state.code().into()),
    );
    let sql = format!(
        "{} ORDER BY 1 DESC LIMIT ?1",
        event_rows::events(EVENT_COLUMNS, "?2", &condition)
    );
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query(params_from_iter(values)).map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        let topic: String = row.get(2).map_err(fault)?;
        found.push(Event {
            id: row.get(0).map_err(fault)?,
            account: account_from(row.get(1).map_err(fault)?)?,
            topic: Topic::from_name(&topic).ok_or_else(|| damaged("an event's topic"))?,
            subject: row.get(3).map_err(fault)?,
            at: Timestamp::from_unix_ms(row.get(4).map_err(fault)?),
        });
    }
    Ok(found)
}

fn deliveries(connection: &Connection, event: &Event) -> Result<Vec<DeliveryRow>, StoreError> {
    const SELECT: &str = "SELECT d.receiver, d.event, d.state, d.failures, d.next_at, d.status, \
         d.note FROM receiver r JOIN delivery d ON d.receiver = r.id \
         WHERE r.account = ?1 AND d.event = ?2 ORDER BY d.receiver";
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare_cached(SELECT).map_err(fault)?;
    let mut rows = statement
        .query(params![account_column(event.account), event.id])
        .map_err(fault)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        found.push(read_delivery(row)?);
    }
    Ok(found)
}

fn read_delivery(row: &Row<'_>) -> Result<DeliveryRow, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    Ok(DeliveryRow {
        receiver: id_from(row.get(0).map_err(fault)?),
        event: row.get(1).map_err(fault)?,
        state: DeliveryState::from_code(row.get(2).map_err(fault)?)
            .ok_or_else(|| damaged("a delivery's state"))?,
        failures: row.get(3).map_err(fault)?,
        at: Timestamp::from_unix_ms(row.get(4).map_err(fault)?),
        status: row.get(5).map_err(fault)?,
        note: row.get(6).map_err(fault)?,
    })
}

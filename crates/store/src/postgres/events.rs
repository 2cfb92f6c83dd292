//! The outbox as its readers see it.
//!
//! Transactions write events into `outbox_entry`, whose sequence numbers may become visible out of
//! order: a reader that remembers the last one it saw would miss a slower transaction's. So a
//! reader first moves what has become visible into `outbox`, handing out positions under the lock
//! of one row; positions become visible in their order, because that lock is held to the commit.

use axbridge_domain::time::Timestamp;
use deadpool_postgres::Object;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::{Fault, commit_fault},
    rows::{account_of, column, count_column, unreadable},
};
use crate::{
    error::StoreError,
    model::{Event, Topic},
};

const MOVED_AT_ONCE: i64 = 10_000;

impl PostgresStore {
    pub(crate) async fn events(&self, after: i64, limit: u64) -> Result<Vec<Event>, StoreError> {
        until_done!(events(&self.core, after, limit))
    }
}

async fn events(core: &Core, after: i64, limit: u64) -> Result<Vec<Event>, Fault> {
    let mut client = core.client().await?;
    while settle_positions(&mut client).await? {}
    let statement = client
        .prepare_cached(
            "SELECT id, account, topic, subject, at FROM outbox WHERE id > $1 ORDER BY id LIMIT $2",
        )
        .await?;
    let rows = client
        .query(&statement, &[&after, &count_column(limit)])
        .await?;
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        events.push(Event {
            id: column(&row, "id")?,
            account: account_of(column(&row, "account")?)?,
            topic: Topic::from_name(column(&row, "topic")?)
                .ok_or_else(|| unreadable("an event's topic"))?,
            subject: column(&row, "subject")?,
            at: Timestamp::from_unix_ms(column(&row, "at")?),
        });
    }
    Ok(events)
}

/// Gives positions to events that have none; true when there may be more. Doing it twice does
/// nothing, so an unknown outcome is none.
pub(super) async fn settle_positions(client: &mut Object) -> Result<bool, Fault> {
    let waiting = client
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM outbox_entry)")
        .await?;
    if !client
        .query_one(&waiting, &[])
        .await?
        .try_get::<_, bool>(0)?
    {
        return Ok(false);
    }
    let transaction = client.transaction().await?;
    let last: i64 = transaction
        .query_one("SELECT last FROM outbox_end FOR UPDATE", &[])
        .await?
        .try_get(0)?;
    let mover = transaction
        .prepare_cached(
            "WITH moved AS (
                 DELETE FROM outbox_entry WHERE (account, seq) IN
                     (SELECT account, seq FROM outbox_entry ORDER BY seq LIMIT $2)
                 RETURNING account, seq, topic, subject, at)
             INSERT INTO outbox (id, account, topic, subject, at)
             SELECT $1 + row_number() OVER (ORDER BY seq), account, topic, subject, at FROM moved",
        )
        .await?;
    let moved = transaction
        .execute(&mover, &[&last, &MOVED_AT_ONCE])
        .await?;
    let moved = count_column(moved);
    transaction
        .execute("UPDATE outbox_end SET last = last + $1", &[&moved])
        .await?;
    transaction
        .commit()
        .await
        .map_err(|error| match commit_fault(error) {
            Fault::Unknown(text) => Fault::Lost(text),
            fault => fault,
        })?;
    Ok(moved == MOVED_AT_ONCE)
}

//! Routes as their table keeps them: written over ended ones, claimed without a look, given back.
//! All of it under the locks of the numbers concerned.
//!
//! The table's key has the number before the selector, so that the two routes of a binding stand
//! on one page of its index.

use axbridge_domain::{
    account::AccountId,
    binding::{Shape, SubId},
    phone::PhoneNumber,
    route::{Route, Selector},
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement, types::ToSql};

use super::{
    fault::Fault,
    glance::{number_at, value},
    look::selector_of,
    rows::{account_column, number_column},
};
use crate::error::StoreError;

/// A route to write, with the binding that claims it.
pub(super) struct NewRoute {
    pub(super) route: Route,
    pub(super) sub_id: SubId,
    pub(super) live_until: Timestamp,
}

/// The routes of a binding.
pub(super) fn routes_of(
    sub_id: SubId,
    x: PhoneNumber,
    shape: &Shape,
    live_until: Timestamp,
) -> impl Iterator<Item = NewRoute> + '_ {
    shape.routes(x).map(move |route| NewRoute {
        route,
        sub_id,
        live_until,
    })
}

/// Writes routes over those that ended at `$2` or before.
const PUT_SQL: &str = "INSERT INTO route (account, selector, x, callee, sub_id, live_until)
     SELECT $1, q.selector, q.x, q.callee, q.sub_id, q.live_until
     FROM unnest($3::bytea[], $4::int8[], $5::bytea[], $6::text[], $7::int8[])
         q (selector, x, callee, sub_id, live_until)
     ON CONFLICT (account, x, selector) DO UPDATE
         SET callee = excluded.callee, sub_id = excluded.sub_id, live_until = excluded.live_until
         WHERE route.live_until <= $2";

/// The columns of routes to write.
struct Columns {
    account: i64,
    ended_at: i64,
    keys: Vec<[u8; 16]>,
    xs: Vec<i64>,
    callees: Vec<[u8; 16]>,
    sub_ids: Vec<String>,
    until: Vec<i64>,
}

impl Columns {
    fn of(account: AccountId, ended_at: Timestamp, routes: &[NewRoute]) -> Self {
        Self {
            account: account_column(account),
            ended_at: ended_at.unix_ms(),
            keys: each(routes, |new| new.route.selector.to_bytes()),
            xs: each(routes, |new| number_column(new.route.x)),
            callees: each(routes, |new| *new.route.callee.as_bytes()),
            sub_ids: each(routes, |new| new.sub_id.to_string()),
            until: each(routes, |new| new.live_until.unix_ms()),
        }
    }

    async fn execute(
        &self,
        transaction: &Transaction<'_>,
        statement: &Statement,
    ) -> Result<u64, Fault> {
        let (keys, callees) = (slices(&self.keys), slices(&self.callees));
        let values = self.values(&keys, &callees);
        Ok(transaction.execute(statement, &values).await?)
    }

    async fn query(
        &self,
        transaction: &Transaction<'_>,
        statement: &Statement,
    ) -> Result<Vec<Row>, Fault> {
        let (keys, callees) = (slices(&self.keys), slices(&self.callees));
        let values = self.values(&keys, &callees);
        Ok(transaction.query(statement, &values).await?)
    }

    fn values<'a>(
        &'a self,
        keys: &'a (dyn ToSql + Sync),
        callees: &'a (dyn ToSql + Sync),
    ) -> [&'a (dyn ToSql + Sync); 7] {
        [
            &self.account,
            &self.ended_at,
            keys,
            &self.xs,
            callees,
            &self.sub_ids,
            &self.until,
        ]
    }
}

fn each<T, U>(items: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(value).collect()
}

fn slices(keys: &[[u8; 16]]) -> Vec<&[u8]> {
    keys.iter().map(<[u8; 16]>::as_slice).collect()
}

/// Writes routes over ended ones.
///
/// # Errors
/// `Internal` when a live route stands in the way, which the locks were to prevent: the key is the
/// second line of defence.
pub(super) async fn put_routes(
    transaction: &Transaction<'_>,
    account: AccountId,
    routes: &[NewRoute],
    now: Timestamp,
) -> Result<(), Fault> {
    if routes.is_empty() {
        return Ok(());
    }
    let statement = transaction.prepare_cached(PUT_SQL).await?;
    let columns = Columns::of(account, now, routes);
    if columns.execute(transaction, &statement).await? == routes.len() as u64 {
        return Ok(());
    }
    Err(Fault::Store(StoreError::Internal(
        "a route was taken under its number's lock".to_owned(),
    )))
}

/// The statement for [`claim_routes`].
pub(super) async fn prepare_claim(transaction: &Transaction<'_>) -> Result<Statement, Fault> {
    let statement = format!("{PUT_SQL} RETURNING x, selector");
    Ok(transaction.prepare_cached(&statement).await?)
}

/// Claims routes that nobody holds, nor held after `ended_at`, and answers which those were. No
/// route may be asked for twice.
pub(super) async fn claim_routes(
    transaction: &Transaction<'_>,
    statement: &Statement,
    account: AccountId,
    routes: &[NewRoute],
    ended_at: Timestamp,
) -> Result<Vec<(PhoneNumber, Selector)>, Fault> {
    let columns = Columns::of(account, ended_at, routes);
    let rows = columns.query(transaction, statement).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        claimed.push((number_at(row, 0)?, selector_of(value(row, 1)?)?));
    }
    Ok(claimed)
}

/// Takes routes out again that were claimed for bindings which are not made after all.
pub(super) async fn give_back(
    transaction: &Transaction<'_>,
    account: AccountId,
    routes: &[NewRoute],
) -> Result<(), Fault> {
    if routes.is_empty() {
        return Ok(());
    }
    let statement = transaction
        .prepare_cached(
            "DELETE FROM route r USING unnest($2::bytea[], $3::int8[], $4::text[])
                 q (selector, x, sub_id)
             WHERE r.account = $1 AND r.x = q.x AND r.selector = q.selector
               AND r.sub_id = q.sub_id",
        )
        .await?;
    let columns = Columns::of(account, Timestamp::MIN, routes);
    transaction
        .execute(
            &statement,
            &[
                &columns.account,
                &slices(&columns.keys),
                &columns.xs,
                &columns.sub_ids,
            ],
        )
        .await?;
    Ok(())
}

/// Moves the end of a live binding's routes.
pub(super) async fn end_routes(
    transaction: &Transaction<'_>,
    account: AccountId,
    sub_id: SubId,
    routes: impl Iterator<Item = Route>,
    until: Timestamp,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "UPDATE route r SET live_until = $3
             FROM unnest($4::bytea[], $5::int8[]) q (selector, x)
             WHERE r.account = $1 AND r.selector = ANY ($4) AND r.x = ANY ($5)
               AND r.selector = q.selector AND r.x = q.x AND r.sub_id = $2",
        )
        .await?;
    let routes: Vec<Route> = routes.collect();
    let keys: Vec<[u8; 16]> = routes
        .iter()
        .map(|route| route.selector.to_bytes())
        .collect();
    let xs: Vec<i64> = routes.iter().map(|route| number_column(route.x)).collect();
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &sub_id.to_string(),
                &until.unix_ms(),
                &slices(&keys),
                &xs,
            ],
        )
        .await?;
    Ok(())
}

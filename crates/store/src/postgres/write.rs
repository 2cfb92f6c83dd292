//! The statements that every change of bindings is made of. All of them run under the locks of
//! the numbers concerned.

use std::collections::BTreeMap;

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, Shape, SubId},
    phone::PhoneNumber,
    route::Route,
    route_table::Load,
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement, types::ToSql};

use super::{
    fault::Fault,
    look::any_caller,
    rows::{account_column, b_key_column, city_column, number_column, pool_column},
    text::escaped_option,
};
use crate::{error::StoreError, keyring::Keyring, model::Topic, sealed::seal_parties};

/// Changes of the counts of numbers by their columns, in the order of the numbers.
#[derive(Debug, Default)]
pub(super) struct LoadChanges(BTreeMap<i64, LoadChange>);

#[derive(Debug, Clone, Copy)]
struct LoadChange {
    counts: [i32; 4],
    settle_at: i64,
}

impl LoadChanges {
    /// A binding joins, to expire at `expires_at`.
    pub(super) fn add(
        &mut self,
        x: PhoneNumber,
        shape: &Shape,
        exclusive: bool,
        expires_at: Timestamp,
    ) {
        let change = self.shift(x, shape, exclusive, 1);
        change.settle_at = change.settle_at.min(expires_at.unix_ms());
    }

    /// A binding leaves.
    pub(super) fn subtract(&mut self, x: PhoneNumber, shape: &Shape, exclusive: bool) {
        self.shift(x, shape, exclusive, -1);
    }

    /// A binding that stays is to expire at another moment.
    pub(super) fn expire_at(&mut self, x: PhoneNumber, expires_at: Timestamp) {
        let change = self.change(x);
        change.settle_at = change.settle_at.min(expires_at.unix_ms());
    }

    fn shift(
        &mut self,
        x: PhoneNumber,
        shape: &Shape,
        exclusive: bool,
        by: i32,
    ) -> &mut LoadChange {
        let load = Load::of(shape.mode(), exclusive);
        let change = self.change(x);
        let parts = [load.ax, load.axb, load.ax_exclusive, load.axb_exclusive];
        for (count, part) in change.counts.iter_mut().zip(parts) {
            *count += by * part.cast_signed();
        }
        change
    }

    fn change(&mut self, x: PhoneNumber) -> &mut LoadChange {
        self.0.entry(number_column(x)).or_insert(LoadChange {
            counts: [0; 4],
            settle_at: i64::MAX,
        })
    }

    /// Writes the changes.
    pub(super) async fn write(
        &self,
        transaction: &Transaction<'_>,
        account: AccountId,
    ) -> Result<(), Fault> {
        if self.0.is_empty() {
            return Ok(());
        }
        let statement = transaction.prepare_cached(LOADS_SQL).await?;
        self.run(&statement, transaction, account).await?;
        Ok(())
    }

    /// The statement for [`LoadChanges::run`] that answers the numbers as they stood before, by
    /// [`super::look::RawNumber`]'s columns.
    pub(super) async fn prepare_lock(transaction: &Transaction<'_>) -> Result<Statement, Fault> {
        let statement = format!(
            "{LOADS_SQL} RETURNING n.x, n.pool, n.city, n.state, n.ax - c.ax, n.axb - c.axb,
                 n.ax_exclusive - c.ax_exclusive, n.axb_exclusive - c.axb_exclusive, n.settle_at"
        );
        Ok(transaction.prepare_cached(&statement).await?)
    }

    /// Locks the numbers in the order that everybody keeps and writes the changes.
    pub(super) async fn run(
        &self,
        statement: &Statement,
        transaction: &Transaction<'_>,
        account: AccountId,
    ) -> Result<Vec<Row>, Fault> {
        let xs: Vec<i64> = self.0.keys().copied().collect();
        let counts = |index: usize| -> Vec<i32> {
            self.0.values().map(|change| change.counts[index]).collect()
        };
        let settle: Vec<i64> = self.0.values().map(|change| change.settle_at).collect();
        let rows = transaction
            .query(
                statement,
                &[
                    &account_column(account),
                    &xs,
                    &counts(0),
                    &counts(1),
                    &counts(2),
                    &counts(3),
                    &settle,
                ],
            )
            .await?;
        Ok(rows)
    }
}

/// Adds to the counts of numbers, one after the other in the order they are given in: the rows of
/// the function are few and known only when it runs, so each is looked up by the number's key.
const LOADS_SQL: &str = "UPDATE number n SET ax = n.ax + c.ax, axb = n.axb + c.axb,
         ax_exclusive = n.ax_exclusive + c.ax_exclusive,
         axb_exclusive = n.axb_exclusive + c.axb_exclusive,
         settle_at = least(n.settle_at, c.settle_at)
     FROM unnest($2::int8[], $3::int4[], $4::int4[], $5::int4[], $6::int4[], $7::int8[])
         c (x, ax, axb, ax_exclusive, axb_exclusive, settle_at)
     WHERE n.account = $1 AND n.x = c.x";

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
    let statement = transaction
        .prepare_cached(
            "INSERT INTO route (account, selector, x, callee, sub_id, live_until)
             SELECT $1, q.selector, q.x, q.callee, q.sub_id, q.live_until
             FROM unnest($3::bytea[], $4::int8[], $5::bytea[], $6::text[], $7::int8[])
                 q (selector, x, callee, sub_id, live_until)
             ON CONFLICT (account, selector, x) DO UPDATE
                 SET callee = excluded.callee, sub_id = excluded.sub_id,
                     live_until = excluded.live_until
                 WHERE route.live_until <= $2",
        )
        .await?;
    let selectors: Vec<Vec<u8>> = each(routes, |new| new.route.selector.to_bytes().to_vec());
    let xs: Vec<i64> = each(routes, |new| number_column(new.route.x));
    let callees: Vec<Vec<u8>> = each(routes, |new| new.route.callee.as_bytes().to_vec());
    let sub_ids: Vec<String> = each(routes, |new| new.sub_id.to_string());
    let until: Vec<i64> = each(routes, |new| new.live_until.unix_ms());
    let written = transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &now.unix_ms(),
                &selectors,
                &xs,
                &callees,
                &sub_ids,
                &until,
            ],
        )
        .await?;
    if written == routes.len() as u64 {
        return Ok(());
    }
    Err(Fault::Store(StoreError::Internal(
        "a route was taken under its number's lock".to_owned(),
    )))
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
    let selectors: Vec<Vec<u8>> = each(&routes, |route| route.selector.to_bytes().to_vec());
    let xs: Vec<i64> = each(&routes, |route| number_column(route.x));
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &sub_id.to_string(),
                &until.unix_ms(),
                &selectors,
                &xs,
            ],
        )
        .await?;
    Ok(())
}

/// Notes events about subjects.
pub(super) async fn tell(
    transaction: &Transaction<'_>,
    account: AccountId,
    topic: Topic,
    subjects: &[String],
    at: Timestamp,
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO outbox_entry (account, topic, subject, at)
             SELECT $1, $2, q.subject, $3 FROM unnest($4::text[]) q (subject)",
        )
        .await?;
    transaction
        .execute(
            &statement,
            &[
                &account_column(account),
                &topic.name(),
                &at.unix_ms(),
                &subjects,
            ],
        )
        .await?;
    Ok(())
}

/// A binding to write.
pub(super) struct NewBinding {
    pub(super) binding: Binding,
    pub(super) shape: Shape,
}

/// Writes bindings that are counted from now on; false when one's id is taken (the transaction is
/// to be rolled back then).
pub(super) async fn insert_bindings(
    transaction: &Transaction<'_>,
    account: AccountId,
    bindings: &[NewBinding],
    keys: &Keyring,
) -> Result<bool, Fault> {
    let statement = transaction
        .prepare_cached(
            "INSERT INTO binding (account, sub_id, pool, x, x_city, a_key, b_key, sealed,
                 any_caller, exclusive, display, record, verify, created_at, expires_at,
                 user_data, out_id, voice_code, order_id, industrial_id, counted)
             SELECT $1, q.*, true FROM unnest($2::text[], $3::int8[], $4::int8[], $5::int2[],
                 $6::bytea[], $7::bytea[], $8::bytea[], $9::bool[], $10::bool[], $11::int2[],
                 $12::bool[], $13::bool[], $14::int8[], $15::int8[], $16::text[], $17::text[],
                 $18::text[], $19::text[], $20::text[]) q
             ON CONFLICT (account, sub_id) DO NOTHING",
        )
        .await?;
    let mut sealed = Vec::with_capacity(bindings.len());
    for new in bindings {
        let terms = &new.binding.terms;
        sealed.push(seal_parties(keys, new.binding.sub_id, terms.a, terms.b)?);
    }
    let all = bindings;
    let columns: [Box<dyn ToSql + Sync + Send>; 19] = [
        Box::new(each(all, |new| new.binding.sub_id.to_string())),
        Box::new(each(all, |new| pool_column(new.binding.pool))),
        Box::new(each(all, |new| number_column(new.binding.x))),
        Box::new(each(all, |new| city_column(new.binding.x_city))),
        Box::new(each(all, |new| new.shape.a().as_bytes().to_vec())),
        Box::new(each(all, |new| b_key_column(&new.shape))),
        Box::new(sealed),
        Box::new(each(all, |new| any_caller(new.shape.mode()))),
        Box::new(each(all, |new| new.binding.terms.exclusive)),
        Box::new(each(all, |new| i16::from(new.binding.terms.display.code()))),
        Box::new(each(all, |new| new.binding.terms.record)),
        Box::new(each(all, |new| new.binding.terms.verify)),
        Box::new(each(all, |new| new.binding.created_at.unix_ms())),
        Box::new(each(all, |new| new.binding.terms.expires_at.unix_ms())),
        Box::new(texts(all, |binding| &binding.terms.user_data)),
        Box::new(texts(all, |binding| &binding.terms.out_id)),
        Box::new(texts(all, |binding| &binding.terms.voice_code)),
        Box::new(texts(all, |binding| &binding.terms.order_id)),
        Box::new(texts(all, |binding| &binding.terms.industrial_id)),
    ];
    let account = account_column(account);
    let mut values: Vec<&(dyn ToSql + Sync)> = vec![&account];
    values.extend(
        columns
            .iter()
            .map(|column| &**column as &(dyn ToSql + Sync)),
    );
    let written = transaction.execute(&statement, &values).await?;
    Ok(written == bindings.len() as u64)
}

fn each<T, U>(items: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(value).collect()
}

fn texts(
    bindings: &[NewBinding],
    text: impl Fn(&Binding) -> &Option<String>,
) -> Vec<Option<String>> {
    each(bindings, |new| escaped_option(text(&new.binding).as_ref()))
}

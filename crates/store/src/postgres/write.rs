//! Counts of numbers, and events: what every change of bindings writes besides its rows and routes
//! ([`super::new_bindings`], [`super::routes`]), under the locks of the numbers concerned.

use std::collections::BTreeMap;

use axbridge_domain::{
    account::AccountId, binding::Shape, phone::PhoneNumber, route_table::Load, time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::{Row, Statement};

use super::{
    fault::Fault,
    rows::{account_column, number_column},
};
use crate::model::Topic;

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

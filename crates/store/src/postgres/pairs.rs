//! Which number a pair had last: people redial what they know, so they get it again.

use axbridge_domain::{account::AccountId, phone::PhoneNumber, pool::Policy, time::Timestamp};
use deadpool_postgres::Transaction;

use super::{
    fault::Fault,
    glance::{number_at, value},
    rows::{account_column, b_key_column},
    worker::Job,
};
use crate::model::Placement;

/// The pairs of a batch, to ask which number each had last.
pub(super) struct Pairs {
    places: Vec<i32>,
    a_keys: Vec<Vec<u8>>,
    b_keys: Vec<Vec<u8>>,
}

impl Pairs {
    /// The pairs of those jobs for which it matters, each with its place in the answer.
    pub(super) fn of<'a>(jobs: impl Iterator<Item = (usize, &'a Job)>) -> Self {
        let (mut places, mut a_keys, mut b_keys) = (Vec::new(), Vec::new(), Vec::new());
        for (place, job) in jobs {
            let wanted = &job.wanted;
            let selects = matches!(job.command.placement, Placement::Select { .. });
            if selects && wanted.rules.policy != Policy::Random {
                places.push(i32::try_from(place).unwrap_or(i32::MAX));
                a_keys.push(wanted.shape.a().as_bytes().to_vec());
                b_keys.push(b_key_column(&wanted.shape));
            }
        }
        Self {
            places,
            a_keys,
            b_keys,
        }
    }

    /// The number that each pair had last, of those that had one and are remembered.
    pub(super) async fn last_numbers(
        self,
        transaction: &Transaction<'_>,
        account: AccountId,
        remembered: Timestamp,
    ) -> Result<Vec<(usize, PhoneNumber)>, Fault> {
        if self.places.is_empty() {
            return Ok(Vec::new());
        }
        let statement = transaction
            .prepare_cached(
                "SELECT q.place, b.x
                 FROM unnest($2::int4[], $3::bytea[], $4::bytea[]) q (place, a, b)
                 CROSS JOIN LATERAL (SELECT c.x, c.until FROM (
                     (SELECT d.x, d.claim_no, coalesce(d.ended_at, d.expires_at) AS until
                        FROM binding d
                       WHERE d.account = $1 AND d.a_key = q.a AND d.b_key = q.b
                       ORDER BY d.claim_no DESC LIMIT 1)
                     UNION ALL
                     (SELECT d.x, d.claim_no, coalesce(d.ended_at, d.expires_at) AS until
                        FROM binding d
                       WHERE d.account = $1 AND d.a_key = q.b AND d.b_key = q.a
                       ORDER BY d.claim_no DESC LIMIT 1)
                 ) c ORDER BY c.claim_no DESC LIMIT 1) b
                 WHERE b.until > $5",
            )
            .await?;
        let rows = transaction
            .query(
                &statement,
                &[
                    &account_column(account),
                    &self.places,
                    &self.a_keys,
                    &self.b_keys,
                    &remembered.unix_ms(),
                ],
            )
            .await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let place: i32 = value(&row, 0)?;
            let place = usize::try_from(place).unwrap_or(usize::MAX);
            found.push((place, number_at(&row, 1)?));
        }
        Ok(found)
    }
}

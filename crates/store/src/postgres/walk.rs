//! Looks at every number of some lists as of one moment, in bounded memory.

use std::ops::ControlFlow;

use axbridge_domain::{
    account::AccountId,
    binding::Shape,
    inventory::NumberState,
    refusal::{Obstacle, Refusal, Tally},
    route::{Route, Selector},
    route_table::RouteStanding,
    selection::{Candidate, Wanted, judge},
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{
    PostgresStore,
    core::{Core, until_done},
    fault::Fault,
    look::{LIVE_LOAD, NUMBER_COLUMNS, NumberSeen, Seen, standing_from},
    rows::{account_column, city_column, column, pool_column},
};
use crate::{
    error::StoreError,
    model::{BindCommand, Placement},
    sealed::shape_of,
};

/// Rows to fetch first, when the very first number may do.
const PAGE_ROWS_MIN: i32 = 64;
const PAGE_ROWS_MAX: i32 = 4096;

/// A look at whole lists for one request.
pub(super) struct Walk<'a> {
    pub(super) transaction: &'a Transaction<'a>,
    pub(super) account: AccountId,
    pub(super) now: Timestamp,
    pub(super) remember_ms: i64,
    pub(super) seen: &'a Seen,
    pub(super) wanted: &'a Wanted,
    pub(super) quarantine_ms: i64,
}

/// A number of a list with the routes of the request that somebody has or had.
struct Place {
    list: i16,
    number: NumberSeen,
    routes: Vec<(Selector, RouteStanding)>,
}

/// Judges a number that was read.
///
/// # Errors
/// What stands in the way.
pub(super) fn judge_seen(
    wanted: &Wanted,
    number: &NumberSeen,
    seen: &Seen,
    stand: impl FnMut(&Route) -> RouteStanding,
    now: Timestamp,
    quarantine_ms: i64,
) -> Result<Candidate, Obstacle> {
    let enabled = number.pool == wanted.pool && number.state == NumberState::Enabled;
    let load = seen.load(number);
    judge(wanted, number.x, enabled, load, stand, now, quarantine_ms)
}

impl Walk<'_> {
    /// Judges the numbers of `lists` (cities; 0 is the whole pool), each list in import order, all
    /// of them as of the same moment, until `each` has seen enough.
    pub(super) async fn over(
        &self,
        lists: &[i16],
        mut each: impl FnMut(i16, Result<Candidate, Obstacle>) -> ControlFlow<()>,
    ) -> Result<(), Fault> {
        let selectors = selectors_of(&self.wanted.shape);
        // One list can be walked along its index; several are sorted first.
        let (condition, order) = match lists {
            [_] => ("p.city = ($4::int2[])[1]", "p.ord"),
            _ => ("p.city = ANY ($4::int2[])", "p.city, p.ord"),
        };
        let statement = self
            .transaction
            .prepare_cached(&format!(
                "SELECT p.city AS list, {NUMBER_COLUMNS},
                        r.selector, r.callee, r.sub_id, r.live_until
                 FROM number_place p
                 JOIN number n ON n.account = p.account AND n.x = p.x {LIVE_LOAD}
                 LEFT JOIN route r
                     ON r.account = n.account AND r.x = n.x AND r.selector = ANY ($5::bytea[])
                 WHERE p.account = $1 AND p.pool = $3 AND {condition} ORDER BY {order}"
            ))
            .await?;
        let portal = self
            .transaction
            .bind(
                &statement,
                &[
                    &account_column(self.account),
                    &self.now.unix_ms(),
                    &pool_column(self.wanted.pool),
                    &lists,
                    &selectors,
                ],
            )
            .await?;
        let mut page_rows = PAGE_ROWS_MIN;
        let mut open: Option<Place> = None;
        loop {
            let rows = self.transaction.query_portal(&portal, page_rows).await?;
            let at_end = rows.len() < usize::try_from(page_rows).unwrap_or(0);
            for row in &rows {
                if let Some(done) = self.add(&mut open, row)?
                    && each(done.list, self.judge(&done)).is_break()
                {
                    return Ok(());
                }
            }
            if at_end {
                break;
            }
            page_rows = (page_rows * 4).min(PAGE_ROWS_MAX);
        }
        if let Some(done) = open {
            let _ = each(done.list, self.judge(&done));
        }
        Ok(())
    }

    /// Adds a row to the number it belongs to; answers the number before it once that is whole.
    fn add(&self, open: &mut Option<Place>, row: &Row) -> Result<Option<Place>, StoreError> {
        let list: i16 = column(row, "list")?;
        let number = NumberSeen::read(row)?;
        let same = open
            .as_ref()
            .is_some_and(|place| place.list == list && place.number.x == number.x);
        let done = if same { None } else { open.take() };
        let place = open.get_or_insert(Place {
            list,
            number,
            routes: Vec::new(),
        });
        if column::<Option<&[u8]>>(row, "selector")?.is_some() {
            place
                .routes
                .push(standing_from(row, self.now, self.remember_ms)?);
        }
        Ok(done)
    }

    fn judge(&self, place: &Place) -> Result<Candidate, Obstacle> {
        let read = |route: &Route| {
            place
                .routes
                .iter()
                .find(|(selector, _)| *selector == route.selector)
                .map_or(RouteStanding::Free, |(_, standing)| *standing)
        };
        let stand = |route: &Route| self.seen.stand_over(route, || read(route));
        judge_seen(
            self.wanted,
            &place.number,
            self.seen,
            stand,
            self.now,
            self.quarantine_ms,
        )
    }
}

/// The selectors of the routes of an AX or AXB, which are the same on every number.
fn selectors_of(shape: &Shape) -> Vec<Vec<u8>> {
    match shape.b() {
        None => vec![Selector::Any.to_bytes().to_vec()],
        Some(b) => [shape.a(), b].map(|party| party.as_bytes().to_vec()).into(),
    }
}

/// How the numbers of every place of a request stand, under the shortest quarantine.
pub(super) async fn tally(
    transaction: &Transaction<'_>,
    account: AccountId,
    wanted: &Wanted,
    now: Timestamp,
    remember_ms: i64,
) -> Result<Refusal, Fault> {
    let lists: Vec<i16> = wanted
        .tiers
        .iter()
        .map(|tier| city_column(tier.city()))
        .collect();
    let mut tallies = vec![Tally::default(); lists.len()];
    let [_, quarantine_ms] = wanted.quarantines_ms();
    let walk = Walk {
        transaction,
        account,
        now,
        remember_ms,
        seen: &Seen::default(),
        wanted,
        quarantine_ms,
    };
    walk.over(&lists, |list, verdict| {
        for (tally, own) in tallies.iter_mut().zip(&lists) {
            if *own == list {
                tally.count(verdict.map(|_| ()));
            }
        }
        ControlFlow::Continue(())
    })
    .await?;
    Ok(Refusal {
        places: wanted.tiers.iter().copied().zip(tallies).collect(),
    })
}

impl PostgresStore {
    pub(crate) async fn explain(
        &self,
        command: &BindCommand,
        now: Timestamp,
    ) -> Result<Option<Refusal>, StoreError> {
        let now = self.core.moment(now);
        until_done!(explain(&self.core, command, now))
    }
}

async fn explain(
    core: &Core,
    command: &BindCommand,
    now: Timestamp,
) -> Result<Option<Refusal>, Fault> {
    let Some(pool) = core.find_pool(command.pool).await? else {
        return Ok(None);
    };
    let Placement::Select { tiers, .. } = &command.placement else {
        return Err(StoreError::Internal("only a selection can be explained".to_owned()).into());
    };
    if pool.account != command.account {
        return Ok(None);
    }
    let terms = &command.terms;
    let wanted = Wanted {
        pool: command.pool,
        tiers: tiers.clone(),
        shape: shape_of(&core.keys, command.account, terms.a, terms.b),
        exclusive: terms.exclusive,
        rules: pool.rules,
        never: [Some(terms.a), terms.b],
    };
    let mut client = core.client().await?;
    let transaction = client.transaction().await?;
    let remember_ms = core.options.remember_ms;
    let refusal = tally(&transaction, command.account, &wanted, now, remember_ms).await?;
    transaction.rollback().await?;
    Ok(Some(refusal))
}

//! How numbers and routes stand, read from the database, with a batch's own decisions laid over.

use std::collections::HashMap;

use axbridge_domain::{
    account::AccountId,
    binding::{Mode, Shape, SubId},
    city::CityCode,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{PoolNo, PoolRules},
    route::{Route, Selector},
    route_table::{Load, RouteStanding},
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{
    fault::Fault,
    glance::{number_at, value},
    rows::{
        account_column, city_of, column, load_of, number_column, number_of, party_of, pool_of,
        sub_id_of, unreadable,
    },
};
use crate::{
    error::{NumberRefusal, StoreError},
    store::StoreOptions,
};

/// Joins to a number `n` its live bindings `l` at the moment `$2`: the counts of its row, less
/// what expired since the last sweep. Where nothing can have expired, no binding is read.
pub(super) const LIVE_LOAD: &str = "CROSS JOIN LATERAL (
     SELECT (n.ax - count(*) FILTER (WHERE d.any_caller))::int4 AS ax,
            (n.axb - count(*) FILTER (WHERE NOT d.any_caller))::int4 AS axb,
            (n.ax_exclusive
                - count(*) FILTER (WHERE d.any_caller AND d.exclusive))::int4 AS ax_exclusive,
            (n.axb_exclusive
                - count(*) FILTER (WHERE NOT d.any_caller AND d.exclusive))::int4 AS axb_exclusive
       FROM binding d
      WHERE d.account = n.account AND d.x = n.x AND d.counted AND d.expires_at <= $2
        AND n.settle_at <= $2) l";

/// Columns of a number `n` and its load `l`.
pub(super) const NUMBER_COLUMNS: &str =
    "n.x, n.pool, n.city, n.state, l.ax, l.axb, l.ax_exclusive, l.axb_exclusive";

/// A number as it was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct NumberSeen {
    pub(super) x: PhoneNumber,
    pub(super) pool: PoolNo,
    pub(super) city: Option<CityCode>,
    pub(super) state: NumberState,
    pub(super) load: Load,
    /// Whether `load` leaves out all that expired.
    pub(super) exact: bool,
}

impl NumberSeen {
    /// Reads [`NUMBER_COLUMNS`].
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            x: number_of(column(row, "x")?)?,
            pool: pool_of(column(row, "pool")?)?,
            city: city_of(column(row, "city")?),
            state: state_of(column(row, "state")?)?,
            load: load_of(row)?,
            exact: true,
        })
    }
}

/// A number's row as it stands, what expired since the last sweep included.
pub(super) struct RawNumber {
    number: NumberSeen,
    settle_at: Timestamp,
}

impl RawNumber {
    /// The columns of a number `n` that are read, in their order.
    pub(super) const SQL: &str = "n.x, n.pool, n.city, n.state, n.ax, n.axb, n.ax_exclusive, \
         n.axb_exclusive, n.settle_at";
    pub(super) const COLUMNS: usize = 9;

    /// Reads [`RawNumber::SQL`], which starts at column `first`.
    pub(super) fn read(row: &Row, first: usize) -> Result<Self, StoreError> {
        let count = |place: usize| -> Result<u32, StoreError> {
            Ok(u32::try_from(value::<i32>(row, first + place)?).unwrap_or(0))
        };
        Ok(Self {
            number: NumberSeen {
                x: number_at(row, first)?,
                pool: pool_of(value(row, first + 1)?)?,
                city: city_of(value(row, first + 2)?),
                state: state_of(value(row, first + 3)?)?,
                load: Load {
                    ax: count(4)?,
                    axb: count(5)?,
                    ax_exclusive: count(6)?,
                    axb_exclusive: count(7)?,
                },
                exact: false,
            },
            settle_at: Timestamp::from_unix_ms(value(row, first + 8)?),
        })
    }

    /// The number at a moment: before the first expiry that is not settled the counts are exact.
    pub(super) fn at(self, now: Timestamp) -> NumberSeen {
        NumberSeen {
            exact: now < self.settle_at,
            ..self.number
        }
    }
}

pub(super) fn state_of(code: i16) -> Result<NumberState, StoreError> {
    NumberState::from_code(code.into()).ok_or_else(|| unreadable("a number's state"))
}

/// A standing from columns `selector`, `callee`, `sub_id` and `live_until`.
pub(super) fn standing_from(
    row: &Row,
    now: Timestamp,
    remember_ms: i64,
) -> Result<(Selector, RouteStanding), StoreError> {
    let selector = selector_of(column(row, "selector")?)?;
    let (callee, sub_id) = (column(row, "callee")?, column(row, "sub_id")?);
    let standing = standing(callee, sub_id, column(row, "live_until")?, now, remember_ms)?;
    Ok((selector, standing))
}

/// A standing from `callee`, `sub_id` and `live_until`, which start at column `first`.
pub(super) fn standing_of(
    row: &Row,
    first: usize,
    now: Timestamp,
    remember_ms: i64,
) -> Result<RouteStanding, StoreError> {
    let (callee, sub_id) = (value(row, first)?, value(row, first + 1)?);
    standing(callee, sub_id, value(row, first + 2)?, now, remember_ms)
}

pub(super) fn selector_of(bytes: &[u8]) -> Result<Selector, StoreError> {
    let selector = bytes.try_into().ok().and_then(Selector::from_bytes);
    selector.ok_or_else(|| unreadable("a route's selector"))
}

fn standing(
    callee: &[u8],
    sub_id: &str,
    live_until: i64,
    now: Timestamp,
    remember_ms: i64,
) -> Result<RouteStanding, StoreError> {
    let callee = party_of(callee)?;
    let sub_id: SubId = sub_id_of(sub_id)?;
    let at = Timestamp::from_unix_ms(live_until);
    Ok(if now < at {
        RouteStanding::Live { sub_id, callee }
    } else if at.plus_ms(remember_ms) <= now {
        RouteStanding::Free
    } else {
        RouteStanding::Ended { sub_id, callee, at }
    })
}

/// Routes by number and selector.
pub(super) const ROUTES_SQL: &str = "SELECT r.x, r.selector, r.callee, r.sub_id, r.live_until
     FROM unnest($2::int8[], $3::bytea[]) q (x, selector)
     CROSS JOIN LATERAL (
         SELECT * FROM route
         WHERE account = $1 AND selector = q.selector AND x = q.x LIMIT 1) r";

/// What a batch knows: what it read, and what it decided since.
#[derive(Debug, Default)]
pub(super) struct Seen {
    numbers: HashMap<PhoneNumber, NumberSeen>,
    routes: HashMap<(PhoneNumber, Selector), RouteStanding>,
    claimed: HashMap<(PhoneNumber, Selector), RouteStanding>,
    added: HashMap<PhoneNumber, Load>,
}

impl Seen {
    /// Reads how `wanted` numbers and routes stand, each number once and each route once.
    ///
    /// `LATERAL … LIMIT 1`, here and in the other statements of batches, leaves the engine no
    /// choice but to look each row up by its key: a plan made while the tables were small would
    /// rather read them whole, and is kept when they have grown.
    pub(super) async fn look(
        &mut self,
        transaction: &Transaction<'_>,
        account: AccountId,
        wanted: &[Route],
        now: Timestamp,
        options: &StoreOptions,
    ) -> Result<(), Fault> {
        let mut numbers: Vec<i64> = wanted.iter().map(|route| number_column(route.x)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let xs: Vec<i64> = wanted.iter().map(|route| number_column(route.x)).collect();
        let selectors: Vec<Vec<u8>> = wanted
            .iter()
            .map(|route| route.selector.to_bytes().to_vec())
            .collect();
        let route_sql = transaction.prepare_cached(ROUTES_SQL).await?;
        let column = account_column(account);
        let route_values: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
            [&column, &xs, &selectors];
        let ((), rows) = tokio::try_join!(
            self.look_at_numbers(transaction, account, &numbers, now),
            async { Ok::<_, Fault>(transaction.query(&route_sql, &route_values).await?) },
        )?;
        self.note_routes(&rows, now, options.remember_ms)
    }

    /// Reads numbers with their exact loads.
    pub(super) async fn look_at_numbers(
        &mut self,
        transaction: &Transaction<'_>,
        account: AccountId,
        numbers: &[i64],
        now: Timestamp,
    ) -> Result<(), Fault> {
        let statement = transaction
            .prepare_cached(&format!(
                "SELECT {NUMBER_COLUMNS} FROM unnest($3::int8[]) q (x)
                 CROSS JOIN LATERAL (
                     SELECT * FROM number WHERE account = $1 AND x = q.x LIMIT 1) n {LIVE_LOAD}"
            ))
            .await?;
        let rows = transaction
            .query(
                &statement,
                &[&account_column(account), &now.unix_ms(), &numbers],
            )
            .await?;
        for row in &rows {
            self.note_number(NumberSeen::read(row)?);
        }
        Ok(())
    }

    /// Notes rows of [`ROUTES_SQL`].
    pub(super) fn note_routes(
        &mut self,
        rows: &[Row],
        now: Timestamp,
        remember_ms: i64,
    ) -> Result<(), Fault> {
        for row in rows {
            let selector = selector_of(value(row, 1)?)?;
            let standing = standing_of(row, 2, now, remember_ms)?;
            self.note_route(number_at(row, 0)?, selector, standing);
        }
        Ok(())
    }

    /// Notes how a number stands.
    pub(super) fn note_number(&mut self, number: NumberSeen) {
        self.numbers.insert(number.x, number);
    }

    /// Leaves `own` out of the load that was read of a number.
    pub(super) fn leave_out(&mut self, x: PhoneNumber, own: Load) {
        if let Some(number) = self.numbers.get_mut(&x) {
            number.load = difference(number.load, own);
        }
    }

    /// Notes how a route stands.
    pub(super) fn note_route(
        &mut self,
        x: PhoneNumber,
        selector: Selector,
        standing: RouteStanding,
    ) {
        self.routes.insert((x, selector), standing);
    }

    /// A number that was read.
    pub(super) fn number(&self, x: PhoneNumber) -> Option<&NumberSeen> {
        self.numbers.get(&x)
    }

    /// The live bindings of a number that was read, the batch's own included.
    pub(super) fn load(&self, number: &NumberSeen) -> Load {
        self.added
            .get(&number.x)
            .map_or(number.load, |added| sum(number.load, *added))
    }

    /// How a route stands that was read, the batch's own claims included.
    pub(super) fn stand(&self, route: &Route) -> RouteStanding {
        self.stand_over(route, || {
            self.routes
                .get(&(route.x, route.selector))
                .copied()
                .unwrap_or(RouteStanding::Free)
        })
    }

    /// The same for a route that was read elsewhere.
    pub(super) fn stand_over(
        &self,
        route: &Route,
        read: impl FnOnce() -> RouteStanding,
    ) -> RouteStanding {
        match self.claimed.get(&(route.x, route.selector)) {
            Some(standing) => *standing,
            None => read(),
        }
    }

    /// Whether the batch decided something already.
    pub(super) fn has_claims(&self) -> bool {
        !self.claimed.is_empty()
    }

    /// Lets later decisions of the batch see this one.
    pub(super) fn claim(&mut self, x: PhoneNumber, shape: &Shape, exclusive: bool, sub_id: SubId) {
        for route in shape.routes(x) {
            self.claimed.insert(
                (route.x, route.selector),
                RouteStanding::Live {
                    sub_id,
                    callee: route.callee,
                },
            );
        }
        let own = Load::of(shape.mode(), exclusive);
        let added = self.added.entry(x).or_default();
        *added = sum(*added, own);
    }
}

/// A binding that gives its routes up for a claim.
#[derive(Clone, Copy)]
pub(super) struct Replaced<'a> {
    pub(super) sub_id: SubId,
    pub(super) x: PhoneNumber,
    pub(super) shape: &'a Shape,
    pub(super) exclusive: bool,
}

/// A claim of one number.
pub(super) struct Claim<'a> {
    pub(super) x: PhoneNumber,
    pub(super) shape: &'a Shape,
    pub(super) exclusive: bool,
    pub(super) rules: &'a PoolRules,
    pub(super) replacing: Option<Replaced<'a>>,
}

impl Claim<'_> {
    /// Whether the claim holds by what was seen; the rule is that of
    /// [`axbridge_domain::draft::Draft::check`]. Whether the number may be given out at all is
    /// [`given_out`]'s question.
    ///
    /// # Errors
    /// The first thing in the way.
    pub(super) fn check(&self, seen: &Seen, now: Timestamp) -> Result<(), NumberRefusal> {
        let number = seen.number(self.x).ok_or(NumberRefusal::NotInPool)?;
        let mut load = seen.load(number);
        if let Some(old) = self.replacing.filter(|old| old.x == self.x) {
            load = difference(load, Load::of(old.shape.mode(), old.exclusive));
        }
        if load.live() >= self.rules.bindings_per_number_max {
            return Err(NumberRefusal::AtCap);
        }
        if !load.admits(self.shape.mode(), self.exclusive) {
            return Err(NumberRefusal::KindConflict);
        }
        let quarantine_ms = self.rules.quarantine_min_ms.min(self.rules.quarantine_ms);
        for route in self.shape.routes(self.x) {
            let standing = seen.stand(&route);
            if let RouteStanding::Live { sub_id, .. } = standing {
                if self.replacing.is_some_and(|old| old.sub_id == sub_id) {
                    continue;
                }
                return Err(NumberRefusal::Conflict {
                    by: sub_id,
                    by_ax: route.selector == Selector::Any,
                });
            }
            if !standing.may_be_claimed(route.callee, now, quarantine_ms) {
                return Err(NumberRefusal::Quarantined);
            }
        }
        Ok(())
    }
}

/// Whether a number may be given out to bindings of a pool.
///
/// # Errors
/// `NotInPool` or `Disabled`.
pub(super) fn given_out(number: Option<&NumberSeen>, pool: PoolNo) -> Result<(), NumberRefusal> {
    match number {
        Some(number) if number.pool == pool && number.state == NumberState::Enabled => Ok(()),
        Some(number) if number.pool == pool && number.state != NumberState::Deregistered => {
            Err(NumberRefusal::Disabled)
        }
        _ => Err(NumberRefusal::NotInPool),
    }
}

/// What a binding adds to the load of its number.
pub(super) fn any_caller(mode: Mode) -> bool {
    Load::of(mode, false).ax > 0
}

fn sum(one: Load, other: Load) -> Load {
    Load {
        ax: one.ax + other.ax,
        axb: one.axb + other.axb,
        ax_exclusive: one.ax_exclusive + other.ax_exclusive,
        axb_exclusive: one.axb_exclusive + other.axb_exclusive,
    }
}

fn difference(one: Load, other: Load) -> Load {
    Load {
        ax: one.ax.saturating_sub(other.ax),
        axb: one.axb.saturating_sub(other.axb),
        ax_exclusive: one.ax_exclusive.saturating_sub(other.ax_exclusive),
        axb_exclusive: one.axb_exclusive.saturating_sub(other.axb_exclusive),
    }
}

/// Locks numbers for claims and releases, in the order that everybody keeps.
pub(super) async fn lock_numbers(
    transaction: &Transaction<'_>,
    account: AccountId,
    numbers: &[PhoneNumber],
) -> Result<(), Fault> {
    let statement = transaction
        .prepare_cached(
            "SELECT x FROM number WHERE account = $1 AND x = ANY ($2) ORDER BY x FOR UPDATE",
        )
        .await?;
    let mut xs: Vec<i64> = numbers.iter().map(|x| number_column(*x)).collect();
    xs.sort_unstable();
    xs.dedup();
    transaction
        .query(&statement, &[&account_column(account), &xs])
        .await?;
    Ok(())
}

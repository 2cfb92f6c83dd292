//! What a batch reads on its way: one statement that draws candidates and tells how they stand, and
//! where counts are not exact enough, a closer look.
//!
//! The first reads the counts of a number as they stand in its row, which may still include what expired
//! since the last sweep. More than there is never lets a number pass that must not; only where it
//! could stand in the way (or a policy compares counts) is the exact load read as well.

use std::collections::HashSet;

use axbridge_domain::{
    account::AccountId,
    binding::Shape,
    phone::PhoneNumber,
    pool::{Policy, PoolNo},
    route::Selector,
    selection::Wanted,
    time::Timestamp,
};
use deadpool_postgres::Transaction;
use tokio_postgres::Row;

use super::{
    fault::Fault,
    look::{RawNumber, Seen, standing_of},
    rows::{account_column, number_columns, number_of, pool_column},
};
use crate::{error::StoreError, store::StoreOptions};

/// A place in a list to look at for a request.
pub(super) struct Draw {
    /// Whose draw it is.
    pub(super) search: usize,
    pub(super) pool: PoolNo,
    /// City column of the list.
    pub(super) city: i16,
    /// Place in the list.
    pub(super) ord: usize,
    /// Selectors of the request's routes.
    pub(super) selectors: [Option<Selector>; 2],
}

/// What stands at a place.
pub(super) struct Drawn<'d> {
    pub(super) draw: &'d Draw,
    pub(super) x: PhoneNumber,
    /// The request's routes that somebody holds or held, with the moments until which they live or
    /// lived.
    pub(super) routes: [Option<(Selector, Timestamp)>; 2],
}

/// The selectors of the routes of an AX or AXB, which are the same on every number.
pub(super) fn selectors_of(shape: &Shape) -> [Option<Selector>; 2] {
    match shape.b() {
        None => [Some(Selector::Any), None],
        Some(b) => [Some(Selector::Caller(shape.a())), Some(Selector::Caller(b))],
    }
}

/// Places of the columns that [`draw`] reads.
const DRAW_TURN: usize = 0;
const DRAW_NUMBER: usize = 1;
const DRAW_ROUTES: usize = DRAW_NUMBER + RawNumber::COLUMNS;

fn draw_sql() -> String {
    format!(
        "SELECT q.turn::int4, {}, r.callee, r.sub_id, r.live_until, s.callee, s.sub_id, s.live_until
         FROM unnest($2::int8[], $3::int2[], $4::int8[], $5::bytea[], $6::bytea[])
             WITH ORDINALITY q (pool, city, ord, one, other, turn)
         CROSS JOIN LATERAL (
             SELECT x FROM number_place
             WHERE account = $1 AND pool = q.pool AND city = q.city AND ord = q.ord LIMIT 1) p
         CROSS JOIN LATERAL (
             SELECT * FROM number WHERE account = $1 AND x = p.x LIMIT 1) n
         LEFT JOIN LATERAL (
             SELECT * FROM route
             WHERE account = $1 AND selector = q.one AND x = p.x LIMIT 1) r ON true
         LEFT JOIN LATERAL (
             SELECT * FROM route
             WHERE account = $1 AND selector = q.other AND x = p.x LIMIT 1) s ON true
         ORDER BY q.turn",
        RawNumber::SQL
    )
}

/// Looks at places of lists: who stands there, how loaded, and how the request's routes stand.
/// Answers what each draw found, in their order.
pub(super) async fn draw<'d>(
    transaction: &Transaction<'_>,
    account: AccountId,
    seen: &mut Seen,
    draws: &'d [Draw],
    now: Timestamp,
    options: &StoreOptions,
) -> Result<Vec<Drawn<'d>>, Fault> {
    let statement = transaction.prepare_cached(&draw_sql()).await?;
    let pools: Vec<i64> = each(draws, |draw| pool_column(draw.pool));
    let cities: Vec<i16> = each(draws, |draw| draw.city);
    let ords: Vec<i64> = each(draws, |draw| i64::try_from(draw.ord).unwrap_or(i64::MAX));
    let keys: [Vec<Option<[u8; 16]>>; 2] =
        [0, 1].map(|which| each(draws, |draw| draw.selectors[which].map(Selector::to_bytes)));
    let [one, other] = keys.each_ref().map(|keys| bytes_of(keys));
    let rows = transaction
        .query(
            &statement,
            &[
                &account_column(account),
                &pools,
                &cities,
                &ords,
                &one,
                &other,
            ],
        )
        .await?;
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let turn: i32 = value(row, DRAW_TURN)?;
        let number = RawNumber::read(row, DRAW_NUMBER)?.at(now);
        let draw = usize::try_from(turn - 1).ok().and_then(|at| draws.get(at));
        let Some(draw) = draw else {
            continue;
        };
        let mut routes = [None; 2];
        for (which, selector) in draw.selectors.iter().enumerate() {
            let first = DRAW_ROUTES + which * 3;
            if let Some(selector) = selector
                && value::<Option<&[u8]>>(row, first)?.is_some()
            {
                let standing = standing_of(row, first, now, options.remember_ms)?;
                seen.note_route(number.x, *selector, standing);
                let live_until = Timestamp::from_unix_ms(value(row, first + 2)?);
                routes[which] = Some((*selector, live_until));
            }
        }
        found.push(Drawn {
            draw,
            x: number.x,
            routes,
        });
        seen.note_number(number);
    }
    Ok(found)
}

/// Reads the exact load of those numbers whose counts, as they stand in their rows, might decide
/// against a request that the exact load admits, and answers which. `joining` is how many may join
/// in this batch.
pub(super) async fn look_closer<'a>(
    transaction: &Transaction<'_>,
    account: AccountId,
    seen: &mut Seen,
    asked: impl Iterator<Item = (PhoneNumber, &'a Wanted)>,
    joining: usize,
    now: Timestamp,
) -> Result<Vec<PhoneNumber>, Fault> {
    let joining = u32::try_from(joining).unwrap_or(u32::MAX);
    let mut close = HashSet::new();
    for (x, wanted) in asked {
        let Some(number) = seen.number(x).filter(|number| !number.exact) else {
            continue;
        };
        let load = number.load;
        let matters = wanted.rules.policy == Policy::Spread
            || load.live().saturating_add(joining) >= wanted.rules.bindings_per_number_max
            || !load.admits(wanted.shape.mode(), wanted.exclusive);
        if matters {
            close.insert(x);
        }
    }
    let close: Vec<PhoneNumber> = close.into_iter().collect();
    if !close.is_empty() {
        let numbers = number_columns(&close);
        seen.look_at_numbers(transaction, account, &numbers, now)
            .await?;
    }
    Ok(close)
}

fn each<T, U>(items: &[T], value: impl Fn(&T) -> U) -> Vec<U> {
    items.iter().map(value).collect()
}

fn bytes_of(keys: &[Option<[u8; 16]>]) -> Vec<Option<&[u8]>> {
    keys.iter()
        .map(|key| key.as_ref().map(<[u8; 16]>::as_slice))
        .collect()
}

/// A column by its place: the hot path looks no names up.
pub(super) fn value<'r, T: tokio_postgres::types::FromSql<'r>>(
    row: &'r Row,
    place: usize,
) -> Result<T, StoreError> {
    row.try_get(place)
        .map_err(|error| StoreError::Internal(format!("column {place}: {error}")))
}

/// Whose the number in column `place` is.
pub(super) fn number_at(row: &Row, place: usize) -> Result<PhoneNumber, StoreError> {
    number_of(value(row, place)?)
}

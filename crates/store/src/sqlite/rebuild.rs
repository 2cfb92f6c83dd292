//! From rows to memory, once, at start.
//!
//! Routes are put in by the order in which they were claimed, so that the table ends up as it was:
//! bindings by `seq`; those that were claimed anew at their place in `claim`, and what they gave up
//! at the place where that was claimed. Nothing is unsealed here.

use std::{collections::BTreeMap, sync::Arc};

use axbridge_domain::{
    account::AccountId,
    binding::SubId,
    inventory::{NumberSlot, NumberState},
    route_table::Record,
    time::Timestamp,
};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::{
    accounts,
    call_records::{latest_call, read_call_keys},
    fault::{damaged, engine},
    pools, risk,
    rows::{account_from, city_from, exclusive_from, number_from, pool_from, shape_from},
    state::State,
    writer::Ledger,
};
use crate::{error::StoreError, keyring::Keyring, store::StoreOptions};

/// The name under which the last announced expiry is kept.
pub(super) const ANNOUNCED: &str = "expiries_announced_until";

const SCAN: &str = "SELECT b.seq, b.claim, b.sub_id, b.x, b.a_key, b.b_key, b.flags, b.expires_at, \
     e.at, b.account FROM binding b LEFT JOIN ended e ON e.seq = b.seq \
     WHERE coalesce(e.at, b.expires_at) > ?1 ORDER BY b.seq";

const RELEASED: &str = "SELECT b.seq, f.claim, b.sub_id, f.x, f.a_key, f.b_key, f.flags, f.replaced_at, \
     f.replaced_at, b.account FROM former f JOIN binding b ON b.seq = f.seq \
     WHERE f.released = 1 AND f.replaced_at > ?1";

/// Reads everything that is live or remembered, and what the writer must know besides.
pub(super) fn rebuild(
    connection: &Connection,
    keys: &Keyring,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<(State, Ledger), StoreError> {
    let mut state = State::new(options.remember_ms);
    load_pools(connection, &mut state)?;
    load_numbers(connection, &mut state)?;
    for key in accounts::read_access_keys(connection, keys, None)? {
        state.access_keys.insert(key.id.clone(), Arc::new(key));
    }
    risk::load(connection, &mut state)?;
    state.call_keys = read_call_keys(connection, keys)?;
    let mut ledger = Ledger::new(announced(connection)?, next_seq(connection)?);
    // What was told as over stays over, even if the clock was set back since.
    let now = now.max(ledger.announced).max(latest_change(connection)?);
    let now = now.max(latest_call(connection)?);
    load_routes(connection, &mut state, &mut ledger, options, now)?;
    Ok((state, ledger))
}

fn load_routes(
    connection: &Connection,
    state: &mut State,
    ledger: &mut Ledger,
    options: &StoreOptions,
    now: Timestamp,
) -> Result<(), StoreError> {
    state.routes.advance(now);
    let forgotten_until = now.plus_ms(-options.remember_ms);
    let horizon = forgotten_until.min(ledger.announced);
    let mut out_of_order = BTreeMap::new();
    for_each_claim(connection, RELEASED, forgotten_until, now, |claim| {
        out_of_order.insert(claim.order, claim.record);
        Ok(())
    })?;
    for_each_claim(connection, SCAN, horizon, now, |claim| {
        let until = claim.record.live_until;
        if until > now {
            ledger.count_live(claim.account, 1);
        } else if !claim.ended && until > ledger.announced {
            ledger.note_expired(claim.record.sub_id, claim.account, until);
        }
        if until <= forgotten_until {
            return Ok(());
        }
        while let Some(entry) = out_of_order
            .first_entry()
            .filter(|next| *next.key() < claim.seq)
        {
            state.routes.insert(entry.remove());
        }
        if claim.order == claim.seq {
            state.routes.insert(claim.record);
        } else {
            out_of_order.insert(claim.order, claim.record);
        }
        Ok(())
    })?;
    for record in out_of_order.into_values() {
        state.routes.insert(record);
    }
    Ok(())
}

/// One row of routes that were claimed together.
struct Claim {
    seq: i64,
    order: i64,
    record: Record,
    ended: bool,
    account: AccountId,
}

fn for_each_claim(
    connection: &Connection,
    sql: &str,
    after: Timestamp,
    now: Timestamp,
    mut each: impl FnMut(Claim) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection.prepare(sql).map_err(fault)?;
    let mut rows = statement.query([after.unix_ms()]).map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        each(read_claim(row, now)?)?;
    }
    Ok(())
}

fn read_claim(row: &Row<'_>, now: Timestamp) -> Result<Claim, StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let bytes = |column: usize| {
        let value = row.get_ref(column).map_err(fault)?;
        value.as_bytes_or_null().map_err(|_| damaged("a party key"))
    };
    let sub_id: SubId = row
        .get_ref(2)
        .map_err(fault)?
        .as_str()
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| damaged("a SubId"))?;
    let seq: i64 = row.get(0).map_err(fault)?;
    let ended_at: Option<i64> = row.get(8).map_err(fault)?;
    let until: i64 = row.get(7).map_err(fault)?;
    // An end that was written is over, whatever the clock says.
    let ended_at = ended_at.map(|at| Timestamp::from_unix_ms(at).min(now));
    let a = bytes(4)?.ok_or_else(|| damaged("a party key"))?;
    Ok(Claim {
        seq,
        order: row.get::<_, Option<i64>>(1).map_err(fault)?.unwrap_or(seq),
        record: Record {
            sub_id,
            x: number_from(row.get(3).map_err(fault)?)?,
            shape: shape_from(a, bytes(5)?)?,
            exclusive: exclusive_from(row.get(6).map_err(fault)?),
            live_until: ended_at.unwrap_or(Timestamp::from_unix_ms(until)),
        },
        ended: ended_at.is_some(),
        account: account_from(row.get(9).map_err(fault)?)?,
    })
}

fn load_pools(connection: &Connection, state: &mut State) -> Result<(), StoreError> {
    for pool in pools::read_pools(connection)? {
        state.pools.insert(pool.pool_no, Arc::new(pool));
    }
    Ok(())
}

fn load_numbers(connection: &Connection, state: &mut State) -> Result<(), StoreError> {
    let fault = |error: rusqlite::Error| engine(&error);
    let mut statement = connection
        .prepare("SELECT x, pool, city, state FROM number WHERE state <> ?1 ORDER BY place")
        .map_err(fault)?;
    let mut rows = statement
        .query([NumberState::Deregistered.code()])
        .map_err(fault)?;
    while let Some(row) = rows.next().map_err(fault)? {
        state.inventory.add(NumberSlot {
            x: number_from(row.get(0).map_err(fault)?)?,
            pool: pool_from(row.get(1).map_err(fault)?)?,
            city: city_from(row.get(2).map_err(fault)?)?,
            enabled: row.get::<_, i64>(3).map_err(fault)? == NumberState::Enabled.code(),
        });
    }
    Ok(())
}

fn announced(connection: &Connection) -> Result<Timestamp, StoreError> {
    let stored: Option<i64> = connection
        .query_row(
            "SELECT value FROM meta WHERE name = ?1",
            [ANNOUNCED],
            |row| row.get(0),
        )
        .optional()
        .map_err(|error| engine(&error))?;
    Ok(stored.map_or(Timestamp::MIN, Timestamp::from_unix_ms))
}

/// The moment of the last bind or update: an unbind may have been later, and is over all the same.
fn latest_change(connection: &Connection) -> Result<Timestamp, StoreError> {
    const LATEST: &str = "SELECT max(coalesce((SELECT created_at FROM binding ORDER BY seq DESC LIMIT 1), ?1), \
         coalesce((SELECT max(replaced_at) FROM former), ?1))";
    connection
        .query_row(LATEST, [Timestamp::MIN.unix_ms()], |row| row.get(0))
        .map(Timestamp::from_unix_ms)
        .map_err(|error| engine(&error))
}

fn next_seq(connection: &Connection) -> Result<i64, StoreError> {
    // The places of former claims are below the present ones, which the first two cover; the last
    // covers what is not kept any more.
    const LAST: &str = "SELECT max(coalesce((SELECT max(seq) FROM binding), 0), \
         coalesce((SELECT max(claim) FROM binding WHERE claim IS NOT NULL), 0), \
         coalesce((SELECT max(id) FROM outbox), 0), \
         (SELECT max(last, bound_after) FROM delivery_cursor))";
    let last: i64 = connection
        .query_row(LAST, [], |row| row.get(0))
        .map_err(|error| engine(&error))?;
    Ok(last + 1)
}

//! How a call stands in its row, written and read.

use axbridge_domain::{
    binding::DisplayType,
    call::{CallId, CallResult, Direction, ReleasedBy},
    city::CityCode,
    month::Month,
    phone::PhoneNumber,
    pool::{PoolKind, PoolNo},
    time::Timestamp,
};
use rusqlite::{Connection, Row, params, types::FromSql};

use super::{
    fault::{Fault, damaged, engine},
    rows::{
        account_column, account_from, city_from, number_column, number_from, pool_column, pool_from,
    },
};
use crate::{
    call_key::CallKey,
    error::StoreError,
    model::{CallBinding, CallEnd, CallRecord, NewCall, Verification},
};

/// The columns that [`read`] expects, in its order; the month comes first.
pub(super) const CALL_COLUMNS: &str = "c.month, c.id, c.account, c.pool, c.kind, c.x, c.x_city, \
     c.sub_id, c.sealed, c.direction, c.display, c.record, c.trunk, c.node, c.user_data, c.out_id, \
     c.begun_at, c.ringing_at, c.answered_at, c.ended_at, c.result, c.released_by, \
     c.verify_voice, c.verify_correct, c.verify_answer, c.verify_passed, c.sealed_user_data, \
     c.sealed_verification";

/// Reads a month's column.
pub(super) fn month_from(column: u32) -> Result<Month, StoreError> {
    Month::from_number(column).ok_or_else(|| damaged("a month"))
}

/// A call that is about to be written.
pub(super) struct CallRow<'a> {
    pub(super) call: &'a NewCall,
    pub(super) pool: PoolNo,
    pub(super) kind: PoolKind,
    pub(super) city: Option<CityCode>,
    pub(super) month: Month,
    pub(super) sealed: Vec<u8>,
    /// The client's text.
    pub(super) sealed_user_data: Option<Vec<u8>>,
    pub(super) begun_at: Timestamp,
}

impl CallRow<'_> {
    /// Appends the row; false (and nothing is written) if the id is taken.
    pub(super) fn insert(&self, connection: &Connection) -> Result<bool, Fault> {
        const INSERT: &str = "INSERT INTO call (id, account, pool, kind, x, x_city, sub_id, month, \
             sealed, direction, display, record, trunk, node, sealed_user_data, out_id, begun_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17) \
             ON CONFLICT (id) DO NOTHING";
        let call = self.call;
        let binding = call.binding.as_ref();
        let rows = connection.prepare_cached(INSERT)?.execute(params![
            call.id.to_string(),
            account_column(call.account),
            pool_column(self.pool),
            self.kind.code(),
            number_column(call.x),
            self.city.map(CityCode::to_bits),
            binding.map(|binding| binding.sub_id.to_string()),
            self.month.number(),
            self.sealed,
            call.direction.code(),
            binding.map(|binding| binding.display.code()),
            call.record,
            call.trunk,
            call.node,
            self.sealed_user_data,
            binding.and_then(|binding| binding.out_id.as_deref()),
            self.begun_at.unix_ms(),
        ])?;
        Ok(rows == 1)
    }
}

/// Writes how a call ended.
pub(super) fn write_end(
    connection: &Connection,
    call: CallId,
    end: &CallEnd,
    sealed_verification: Option<&[u8]>,
) -> Result<(), Fault> {
    const UPDATE: &str = "UPDATE call SET result = ?2, released_by = ?3, \
         sealed_verification = ?4 WHERE id = ?1";
    connection.prepare_cached(UPDATE)?.execute(params![
        call.to_string(),
        end.result.code(),
        end.released_by.code(),
        sealed_verification,
    ])?;
    Ok(())
}

fn column<T: FromSql>(row: &Row<'_>, index: usize) -> Result<T, StoreError> {
    row.get(index).map_err(|error| engine(&error))
}

fn moment(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>, StoreError> {
    Ok(column::<Option<i64>>(row, index)?.map(Timestamp::from_unix_ms))
}

/// Reads a row of [`CALL_COLUMNS`] with the key of its month.
pub(super) fn read(row: &Row<'_>, key: &CallKey) -> Result<CallRecord, StoreError> {
    let id: String = column(row, 1)?;
    let id: CallId = id.parse().map_err(|_| damaged("a call's id"))?;
    let sealed: Vec<u8> = column(row, 8)?;
    let numbers = key.numbers(id, &sealed)?;
    let direction = Direction::from_code(column(row, 9)?);
    let ended_at = moment(row, 19)?;
    Ok(CallRecord {
        id,
        account: account_from(column(row, 2)?)?,
        pool: pool_from(column(row, 3)?)?,
        kind: PoolKind::from_code(column(row, 4)?).ok_or_else(|| damaged("a pool's kind"))?,
        x: number_from(column(row, 5)?)?,
        x_city: city_from(column(row, 6)?)?,
        binding: binding_of(row, key, id, (numbers.a, numbers.b))?,
        caller: numbers.caller,
        callee: numbers.callee,
        direction: direction.ok_or_else(|| damaged("a call's direction"))?,
        record: column(row, 11)?,
        trunk: column(row, 12)?,
        node: column(row, 13)?,
        begun_at: moment(row, 16)?.ok_or_else(|| damaged("a call's beginning"))?,
        ringing_at: moment(row, 17)?,
        answered_at: moment(row, 18)?,
        ended_at,
        end: ended_at.map(|_| end_of(row, key, id)).transpose()?,
    })
}

fn binding_of(
    row: &Row<'_>,
    key: &CallKey,
    call: CallId,
    (a, b): (Option<PhoneNumber>, Option<PhoneNumber>),
) -> Result<Option<CallBinding>, StoreError> {
    let Some(sub_id) = column::<Option<String>>(row, 7)? else {
        return Ok(None);
    };
    let display = column::<Option<i64>>(row, 10)?.and_then(DisplayType::from_code);
    Ok(Some(CallBinding {
        sub_id: sub_id.parse().map_err(|_| damaged("a SubId"))?,
        a: a.ok_or_else(|| damaged("a call's A"))?,
        b,
        display: display.ok_or_else(|| damaged("a display type"))?,
        user_data: match column::<Option<Vec<u8>>>(row, 26)? {
            Some(sealed) => Some(key.user_data(call, &sealed)?),
            None => column(row, 14)?,
        },
        out_id: column(row, 15)?,
    }))
}

fn verification_of(
    row: &Row<'_>,
    key: &CallKey,
    call: CallId,
) -> Result<Option<Verification>, StoreError> {
    if let Some(sealed) = column::<Option<Vec<u8>>>(row, 27)? {
        return Ok(Some(key.verification(call, &sealed)?));
    }
    // A row from before it was sealed.
    let Some(voice_code) = column::<Option<String>>(row, 22)? else {
        return Ok(None);
    };
    Ok(Some(Verification {
        voice_code,
        correct: column(row, 23)?,
        answer: column(row, 24)?,
        passed: column(row, 25)?,
    }))
}

fn end_of(row: &Row<'_>, key: &CallKey, call: CallId) -> Result<CallEnd, StoreError> {
    Ok(CallEnd {
        result: CallResult::from_code(column(row, 20)?)
            .ok_or_else(|| damaged("a call's result"))?,
        released_by: ReleasedBy::from_code(column(row, 21)?)
            .ok_or_else(|| damaged("who ended a call"))?,
        verification: verification_of(row, key, call)?,
    })
}

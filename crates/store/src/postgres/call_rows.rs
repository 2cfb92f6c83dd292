//! How a call stands in its row.

use axbridge_domain::{
    binding::DisplayType,
    call::{CallId, CallResult, Direction, ReleasedBy},
    month::Month,
    phone::PhoneNumber,
    pool::PoolKind,
    time::Timestamp,
};
use tokio_postgres::Row;

use super::{
    rows::{account_of, city_of, column, number_of, pool_of, sub_id_of, unreadable},
    text::unescaped,
};
use crate::{
    call_key::CallKey,
    error::StoreError,
    model::{CallBinding, CallEnd, CallRecord, Verification},
};

pub(super) const CALL_COLUMNS: &str = "c.account, c.id, c.pool, c.kind, c.x, c.x_city, c.sub_id, \
     c.month, c.sealed, c.direction, c.display, c.record, c.trunk, c.node, c.user_data, c.out_id, \
     c.begun_at, c.ringing_at, c.answered_at, c.ended_at, c.result, c.released_by, \
     c.verify_voice, c.verify_correct, c.verify_answer, c.verify_passed, c.sealed_user_data, \
     c.sealed_verification";

pub(super) fn month_column(month: Month) -> i32 {
    month.number().cast_signed()
}

pub(super) fn month_of(value: i32) -> Result<Month, StoreError> {
    Month::from_number(value.cast_unsigned()).ok_or_else(|| unreadable("a month"))
}

fn text(row: &Row, name: &str) -> Result<Option<String>, StoreError> {
    Ok(column::<Option<String>>(row, name)?.map(unescaped))
}

fn needed_text(row: &Row, name: &str) -> Result<String, StoreError> {
    text(row, name)?.ok_or_else(|| unreadable(name))
}

fn moment(row: &Row, name: &str) -> Result<Option<Timestamp>, StoreError> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp::from_unix_ms))
}

fn code(row: &Row, name: &str) -> Result<Option<i64>, StoreError> {
    Ok(column::<Option<i16>>(row, name)?.map(i64::from))
}

/// Reads [`CALL_COLUMNS`] with the key of the row's month.
pub(super) fn read(row: &Row, key: &CallKey) -> Result<CallRecord, StoreError> {
    let id: CallId = column::<&str>(row, "id")?
        .parse()
        .map_err(|_| unreadable("a call's id"))?;
    let numbers = key.numbers(id, column(row, "sealed")?)?;
    let kind = code(row, "kind")?.and_then(PoolKind::from_code);
    let direction = code(row, "direction")?.and_then(Direction::from_code);
    let ended_at = moment(row, "ended_at")?;
    Ok(CallRecord {
        id,
        account: account_of(column(row, "account")?)?,
        pool: pool_of(column(row, "pool")?)?,
        kind: kind.ok_or_else(|| unreadable("a pool's kind"))?,
        x: number_of(column(row, "x")?)?,
        x_city: city_of(column(row, "x_city")?),
        binding: binding_of(row, key, id, (numbers.a, numbers.b))?,
        caller: numbers.caller,
        callee: numbers.callee,
        direction: direction.ok_or_else(|| unreadable("a call's direction"))?,
        record: column(row, "record")?,
        trunk: needed_text(row, "trunk")?,
        node: needed_text(row, "node")?,
        begun_at: Timestamp::from_unix_ms(column(row, "begun_at")?),
        ringing_at: moment(row, "ringing_at")?,
        answered_at: moment(row, "answered_at")?,
        ended_at,
        end: ended_at.map(|_| end_of(row, key, id)).transpose()?,
    })
}

fn binding_of(
    row: &Row,
    key: &CallKey,
    call: CallId,
    (a, b): (Option<PhoneNumber>, Option<PhoneNumber>),
) -> Result<Option<CallBinding>, StoreError> {
    let Some(sub_id) = column::<Option<&str>>(row, "sub_id")? else {
        return Ok(None);
    };
    let display = code(row, "display")?.and_then(DisplayType::from_code);
    Ok(Some(CallBinding {
        sub_id: sub_id_of(sub_id)?,
        a: a.ok_or_else(|| unreadable("a call's A"))?,
        b,
        display: display.ok_or_else(|| unreadable("a display type"))?,
        user_data: match column::<Option<&[u8]>>(row, "sealed_user_data")? {
            Some(sealed) => Some(key.user_data(call, sealed)?),
            None => text(row, "user_data")?,
        },
        out_id: text(row, "out_id")?,
    }))
}

fn verification_of(
    row: &Row,
    key: &CallKey,
    call: CallId,
) -> Result<Option<Verification>, StoreError> {
    if let Some(sealed) = column::<Option<&[u8]>>(row, "sealed_verification")? {
        return Ok(Some(key.verification(call, sealed)?));
    }
    // A row from before it was sealed.
    let Some(voice_code) = text(row, "verify_voice")? else {
        return Ok(None);
    };
    Ok(Some(Verification {
        voice_code,
        correct: needed_text(row, "verify_correct")?,
        answer: needed_text(row, "verify_answer")?,
        passed: column(row, "verify_passed")?,
    }))
}

fn end_of(row: &Row, key: &CallKey, call: CallId) -> Result<CallEnd, StoreError> {
    let result = code(row, "result")?.and_then(CallResult::from_code);
    let released_by = code(row, "released_by")?.and_then(ReleasedBy::from_code);
    Ok(CallEnd {
        result: result.ok_or_else(|| unreadable("a call's result"))?,
        released_by: released_by.ok_or_else(|| unreadable("who ended a call"))?,
        verification: verification_of(row, key, call)?,
    })
}

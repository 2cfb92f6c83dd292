//! What the listings of numbers share: their filters, and a number as they show
//! it.

use axbridge_app::model::{NumberFilter, NumberRow};
use axbridge_domain::inventory::NumberState;
use axbridge_domain::limits;
use axbridge_domain::phone::{PhoneKind, PhoneNumber};
use axbridge_domain::pool::PoolKind;
use axbridge_domain::time::Timestamp;
use jiff::tz::{self, Offset};
use serde_json::{Value, json};

use super::parameters::NUMBER_POOL_NO_FILTER;
use super::pool_records::{ANY_CODE, PRIVACY_NUMBERS, PRIVACY_NUMBERS_NAME, reach};
use crate::action::{Field, FieldKind, Kind, Parameter};
use crate::answer;
use crate::call::{Call, CallError};

/// `NumberTypeCode` of all numbers that are no landlines.
pub(super) const MOBILE: i64 = 0;
/// `NumberTypeCode` of landlines.
pub(super) const LANDLINE: i64 = 1;

/// The zone that the vendor writes times of day in.
const CHINA: Offset = tz::offset(8);

/// `Number` as a filter.
pub(super) const NUMBER: Parameter =
    Parameter::optional("Number", Kind::Number, "Only this number.");

/// `NumberList` as a filter.
pub(super) const NUMBER_LIST: Parameter = Parameter::optional(
    "NumberList",
    Kind::Numbers {
        items_max: limits::PAGE_SIZE_MAX,
    },
    "Only these numbers, up to 500.",
);

/// `NumberPoolNo` as a filter.
pub(super) const POOL: Parameter = NUMBER_POOL_NO_FILTER;

/// `NumberPoolTypeCode` as a filter.
pub(super) const POOL_TYPE: Parameter = Parameter::optional(
    "NumberPoolTypeCode",
    ANY_CODE,
    "Only of pools of this SubServiceType, such as 201.",
);

/// `NumberStatusCode` as a filter.
pub(super) const STATUS: Parameter = Parameter::optional(
    "NumberStatusCode",
    Kind::Integer {
        min: -1,
        max: 6,
        zero_is_absent: true,
    },
    "Only in this state: 1 in use, 2 disabled by the user, 3 disabled by the platform, 4 \
     deregistered. Without it, deregistered numbers are left out. 6 and -1 match none.",
);

/// `NumberTypeCode` as a filter.
pub(super) const TYPE: Parameter = Parameter::optional(
    "NumberTypeCode",
    Kind::Integer {
        min: MOBILE,
        max: LANDLINE,
        zero_is_absent: false,
    },
    "0 mobile (and all that are no landlines), 1 landline.",
);

/// A number as listings show it.
pub(super) const RECORD: &[Field] = &[
    Field::new("Number", FieldKind::Text, "The privacy number."),
    Field::new(
        "NumberStatusCode",
        FieldKind::Integer,
        "1 in use, 2 disabled by the user, 3 disabled by the platform, 4 deregistered.",
    ),
    Field::new("NumberStatusDesc", FieldKind::Text, "The same in words."),
    Field::new(
        "NumberTypeCode",
        FieldKind::Integer,
        "0 mobile, 1 landline.",
    ),
    Field::new("NumberTypeDesc", FieldKind::Text, "The same in words."),
    Field::new(
        "NumberLocation",
        FieldKind::Text,
        "Its city, in Chinese; empty when it has none.",
    ),
    Field::new(
        "NumberPurchaseTime",
        FieldKind::Text,
        "When it was imported: `YYYY-MM-DD hh:mm:ss` in China.",
    ),
    Field::new("NumberPoolNo", FieldKind::Text, "The pool it is in."),
    Field::new("NumberPoolName", FieldKind::Text, "That pool's name."),
    Field::new(
        "NumberPoolTypeCode",
        FieldKind::Integer,
        "That pool's SubServiceType.",
    ),
    Field::new(
        "NumberPoolTypeDesc",
        FieldKind::Text,
        "The same in letters, such as `AXB`.",
    ),
    Field::new("ServiceTypeCode", FieldKind::Integer, "200."),
    Field::new("ServiceTypeDesc", FieldKind::Text, "`privacy numbers`."),
    Field::new(
        "QualificationNo",
        FieldKind::Text,
        "Always empty: qualifications are between you and your carrier.",
    ),
    Field::new(
        "QualificationEntity",
        FieldKind::Text,
        "Always empty, as before.",
    ),
    Field::new("CurrentBindCount", FieldKind::Integer, "Its live bindings."),
    Field::new(
        "CityCode",
        FieldKind::Text,
        "Its city's area code; empty when it has none. An axbridge extension.",
    ),
];

/// The filter of a listing; `None` when nothing can match.
///
/// # Errors
/// As [`Call::get`].
pub(super) fn filter(call: &Call<'_>) -> Result<Option<NumberFilter>, CallError> {
    let pool_type: Option<i64> = call.get("NumberPoolTypeCode")?;
    let status: Option<i64> = call.get("NumberStatusCode")?;
    let number_type: Option<i64> = call.get("NumberTypeCode")?;
    let kind = pool_type.map(PoolKind::from_code);
    let state = status.map(NumberState::from_code);
    let Some(numbers) = numbers(call)? else {
        return Ok(None);
    };
    if kind == Some(None) || state == Some(None) {
        return Ok(None);
    }
    Ok(Some(NumberFilter {
        account: reach(call),
        pool: call.get("NumberPoolNo")?,
        kind: kind.flatten(),
        state: state.flatten(),
        numbers,
        landline: number_type.map(|code| code == LANDLINE),
        city: None,
    }))
}

/// The numbers asked for, none for all; `None` when `Number` and `NumberList`
/// have none in common.
fn numbers(call: &Call<'_>) -> Result<Option<Vec<PhoneNumber>>, CallError> {
    let list: Option<Vec<PhoneNumber>> = call.get("NumberList")?;
    let one: Option<PhoneNumber> = call.get("Number")?;
    Ok(match (one, list) {
        (None, list) => Some(list.unwrap_or_default()),
        (Some(one), None) => Some(vec![one]),
        (Some(one), Some(list)) => list.contains(&one).then(|| vec![one]),
    })
}

/// A number as listings show it.
pub(super) fn record(row: &NumberRow) -> Value {
    let is_landline = row.x.kind() == PhoneKind::Landline;
    json!({
        "Number": answer::number(row.x),
        "NumberStatusCode": row.state.code(),
        "NumberStatusDesc": row.state.description(),
        "NumberTypeCode": if is_landline { LANDLINE } else { MOBILE },
        "NumberTypeDesc": if is_landline { "landline" } else { "mobile" },
        "NumberLocation": row.city.map_or("", |city| city.area().city_zh),
        "NumberPurchaseTime": china_time(row.imported_at),
        "NumberPoolNo": row.pool.to_string(),
        "NumberPoolName": row.pool_name,
        "NumberPoolTypeCode": row.kind.code(),
        "NumberPoolTypeDesc": row.kind.name(),
        "ServiceTypeCode": PRIVACY_NUMBERS,
        "ServiceTypeDesc": PRIVACY_NUMBERS_NAME,
        "QualificationNo": "",
        "QualificationEntity": "",
        "CurrentBindCount": row.load.live(),
        "CityCode": answer::city(row.city),
    })
}

/// A moment as `yyyy-MM-dd HH:mm:ss` in China's time.
pub(crate) fn china_time(at: Timestamp) -> String {
    let Ok(at) = jiff::Timestamp::from_second(at.unix_s()) else {
        return String::new();
    };
    let local = CHINA.to_datetime(at);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        local.year(),
        local.month(),
        local.day(),
        local.hour(),
        local.minute(),
        local.second()
    )
}

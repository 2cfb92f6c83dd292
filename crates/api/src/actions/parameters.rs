//! Parameters that several actions share, so that they read alike everywhere.

use axbridge_domain::limits;

use crate::action::{Kind, Parameter};

/// The most records of a page, as the table counts.
const PAGE_SIZE_MAX: i64 = limits::PAGE_SIZE_MAX as i64;

/// The most records to pass over: more than any account has.
const OFFSET_MAX: i64 = 1_000_000_000;

/// `NumberPoolNo` of the X.
pub(super) const NUMBER_POOL_NO: Parameter = Parameter::required(
    "NumberPoolNo",
    Kind::Pool,
    "The number pool: `NP` and 18 digits.",
);

/// `NumberPoolNo` as a filter.
pub(super) const NUMBER_POOL_NO_FILTER: Parameter = Parameter::optional(
    "NumberPoolNo",
    Kind::Pool,
    "Only of this number pool: `NP` and 18 digits.",
);

/// `SubId` of a binding.
pub(super) const SUB_ID: Parameter = Parameter::required(
    "SubId",
    Kind::SubId,
    "The binding, by the id that the bind answered.",
);

/// `Offset` of a list.
pub(super) const OFFSET: Parameter = Parameter::optional(
    "Offset",
    Kind::Integer {
        min: 0,
        max: OFFSET_MAX,
        zero_is_absent: false,
    },
    "How many records to pass over.",
)
.or("0");

/// `Limit` of a list.
pub(super) const LIMIT: Parameter = Parameter::optional(
    "Limit",
    Kind::Integer {
        min: 1,
        max: PAGE_SIZE_MAX,
        zero_is_absent: true,
    },
    "How many records to answer at most, up to 500.",
)
.or("20");

/// `CityCode` that is wanted of X.
pub(super) const CITY_CODE: Parameter = Parameter::optional(
    "CityCode",
    Kind::City,
    "The wanted city of X: an area code with its leading 0, such as `010`.",
);

/// `DegradeCityList`.
pub(super) const DEGRADE_CITY_LIST: Parameter = Parameter::optional(
    "DegradeCityList",
    Kind::DegradeCities,
    "Cities to fall back to, in order, at most 5: area codes, or `PNPC` for the capital of the \
     province of the wanted city.",
);

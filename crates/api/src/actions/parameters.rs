//! Parameters that several actions share, so that they read alike everywhere.

use axbridge_domain::limits;

use crate::action::{Kind, Parameter};

/// The most pages can hold, as the table counts.
const PAGE_SIZE_MAX: i64 = limits::PAGE_SIZE_MAX as i64;

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
        max: i64::MAX,
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

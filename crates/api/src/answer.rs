//! Values as answers write them. The one place where a client's own real
//! numbers become text.

use axbridge_domain::city::CityCode;
use axbridge_domain::phone::PhoneNumber;
use serde_json::{Value, json};

/// A number in clear, for the client that owns it. Never for a log.
#[must_use]
pub(crate) fn number(number: PhoneNumber) -> Value {
    Value::String(number.expose().to_string())
}

/// A city code; empty when the city is not known.
#[must_use]
pub(crate) fn city(city: Option<CityCode>) -> Value {
    city.map_or_else(
        || Value::String(String::new()),
        |city| json!(city.to_string()),
    )
}

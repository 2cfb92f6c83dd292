//! The listener of metrics and health.

use std::net::SocketAddr;

use serde::{Deserialize, Deserializer, de::Error as _};

/// Section `operator`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Operator {
    /// Where to listen; `None` when it is off.
    #[serde(deserialize_with = "address_or_empty")]
    pub(crate) listen: Option<SocketAddr>,
}

fn address_or_empty<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() {
        return Ok(None);
    }
    let hint = "want ADDRESS:PORT such as 127.0.0.1:9180, or nothing to turn it off";
    text.parse().map(Some).map_err(|_| D::Error::custom(hint))
}

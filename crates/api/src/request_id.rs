//! Request ids in the vendor's 32-character form: the time to the second in
//! UTC+8, the node's IPv4 address in twelve digits, six hexadecimal digits by
//! chance. Clients treat them as opaque; people search logs for them.

use std::fmt;
use std::net::Ipv4Addr;

use jiff::Timestamp;
use jiff::tz::{self, Offset};

/// The header that repeats the request id of an answer.
pub const REQUEST_ID_HEADER: &str = "X-Tt-Logid";

const UTC_PLUS_8: Offset = tz::offset(8);

/// The id of one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(String);

impl RequestId {
    /// Builds an id from the time in Unix milliseconds, the node's address and
    /// 24 random bits (higher bits of `random` are dropped).
    #[must_use]
    pub fn new(now_unix_ms: i64, node: Ipv4Addr, random: u32) -> Self {
        // A day off either end: the local time must exist as well.
        let now_unix_ms = now_unix_ms.clamp(0, Timestamp::MAX.as_millisecond() - 86_400_000);
        let at = Timestamp::from_millisecond(now_unix_ms).unwrap_or(Timestamp::UNIX_EPOCH);
        let local = UTC_PLUS_8.to_datetime(at);
        let [a, b, c, d] = node.octets();
        Self(format!(
            "{:04}{:02}{:02}{:02}{:02}{:02}{a:03}{b:03}{c:03}{d:03}{:06X}",
            local.year(),
            local.month(),
            local.day(),
            local.hour(),
            local.minute(),
            local.second(),
            random & 0x00FF_FFFF,
        ))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_shows_the_time_in_utc_plus_8_the_node_and_chance() {
        let id = RequestId::new(
            1_749_104_661_000,
            Ipv4Addr::new(81, 138, 83, 105),
            0xFF97_D69B,
        );
        assert_eq!(id.as_str(), "2025060514242108113808310597D69B");
    }

    #[test]
    fn every_id_has_32_characters() {
        for ms in [i64::MIN, 0, 1_749_104_661_999, i64::MAX] {
            let id = RequestId::new(ms, Ipv4Addr::UNSPECIFIED, 7);
            assert_eq!(id.as_str().len(), 32, "{id}");
        }
    }
}

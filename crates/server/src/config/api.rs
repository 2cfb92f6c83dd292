//! How the API treats its clients.

use serde::Deserialize;

use super::within;

/// Section `api`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Api {
    /// Status of business errors: 200 or 400.
    pub(crate) business_error_status: u16,
    /// Requests of one key in a second; 0 for no limit.
    pub(crate) requests_per_key_per_s: u32,
    /// What a request over the limit hears.
    pub(crate) over_rate_answer: OverRateAnswer,
    /// How far a signature's time may be off, in seconds.
    pub(crate) clock_skew_s: u32,
}

/// The error of a request over the rate limit.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum OverRateAnswer {
    /// A business error.
    OverQpsLimit,
    /// The gateway's, with status 429.
    FlowLimitExceeded,
}

impl Api {
    pub(super) fn check(&self) -> Result<(), String> {
        if ![200, 400].contains(&self.business_error_status) {
            let value = self.business_error_status;
            return Err(format!(
                "api.business_error_status is {value}; it is 200 or 400"
            ));
        }
        within("api.clock_skew_s", self.clock_skew_s.into(), 1, 86_400)
    }
}

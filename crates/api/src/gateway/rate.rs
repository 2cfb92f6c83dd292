//! How fast one access key may come. Keys are counted only after their
//! signature held, so that strangers cannot make this table grow.

use std::num::NonZeroU32;

use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::OverRate;
use crate::error::{ApiError, ErrorCode};

/// The limits of all keys.
pub(super) struct RateLimits {
    limiter: Option<DefaultKeyedRateLimiter<String>>,
    over_rate: OverRate,
}

impl RateLimits {
    /// `None` or zero: no limit.
    pub(super) fn new(per_key_per_s: Option<u32>, over_rate: OverRate) -> Self {
        let quota = per_key_per_s
            .and_then(NonZeroU32::new)
            .map(Quota::per_second);
        Self {
            limiter: quota.map(RateLimiter::keyed),
            over_rate,
        }
    }

    /// Counts one request of an authenticated key.
    pub(super) fn check(&self, access_key: &str) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else {
            return Ok(());
        };
        let counted = limiter.check_key(&access_key.to_owned());
        counted.map_err(|_| self.over("send more slowly, and try again after a moment"))
    }

    /// What a client hears that asks for too much.
    pub(super) fn over(&self, why: &str) -> ApiError {
        let code = match self.over_rate {
            OverRate::OverQpsLimit => ErrorCode::OverQpsLimit,
            OverRate::FlowLimitExceeded => ErrorCode::FlowLimitExceeded,
        };
        ApiError::business(code, why)
    }
}

//! The terms of new accounts.

use axbridge_domain::account::AccountTerms;
use serde::Deserialize;

/// Section `accounts`. A quota of 0 is no limit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    live_bindings_max: u64,
    numbers_max: u64,
    pools_max: u64,
    may_show_real_numbers: bool,
    calls_max: u32,
    talk_s_max: u32,
}

impl Accounts {
    /// The terms in the domain's words.
    pub(crate) fn terms(&self) -> AccountTerms {
        let quota = |value: u64| (value > 0).then_some(value);
        AccountTerms {
            may_show_real_numbers: self.may_show_real_numbers,
            live_bindings_max: quota(self.live_bindings_max),
            numbers_max: quota(self.numbers_max),
            pools_max: quota(self.pools_max),
            calls_max: (self.calls_max > 0).then_some(self.calls_max),
            talk_s_max: (self.talk_s_max > 0).then_some(self.talk_s_max),
        }
    }
}

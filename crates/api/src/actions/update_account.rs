//! `UpdateAccount`: what an account may do, and how much of it.

use axbridge_domain::account::AccountTerms;
use serde_json::Value;

use super::account_records::{ACCOUNT, account};
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

const QUOTA: Kind = Kind::Integer {
    min: 0,
    max: i64::MAX,
    zero_is_absent: false,
};

const LIMIT: Kind = Kind::Integer {
    min: 0,
    max: u32::MAX as i64,
    zero_is_absent: false,
};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "UpdateAccount",
    aliases: &[],
    summary: "Change what an account may do",
    description: "What is left out stays as it is; the answer shows the account as it is now. A \
                  quota below what is in use ends nothing; it only keeps more from being made. \
                  Other nodes on the same database follow within a second.",
    parameters: &[
        Parameter::required("AccountId", Kind::Account, "The account."),
        Parameter::optional(
            "MayShowRealNumbers",
            Kind::Boolean,
            "Whether its bindings may show real numbers (CallDisplayType 2, 3 and 4).",
        ),
        Parameter::optional(
            "LiveBindingsMax",
            QUOTA,
            "The most bindings that may be live at once; 0 is unlimited.",
        ),
        Parameter::optional(
            "NumbersMax",
            QUOTA,
            "The most numbers in all its pools; 0 is unlimited.",
        ),
        Parameter::optional("PoolsMax", QUOTA, "The most pools; 0 is unlimited."),
        Parameter::optional("CallsMax", LIMIT, "The most calls at once; 0 is unlimited."),
        Parameter::optional(
            "TalkSecondsMax",
            LIMIT,
            "The longest a call may last once answered, in seconds; 0 is unlimited.",
        ),
    ],
    result: ResultShape::Object(ACCOUNT),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let mut known = call.app.account(call.need("AccountId")?).await?;
    let before = known.terms;
    known.terms = AccountTerms {
        may_show_real_numbers: call
            .get("MayShowRealNumbers")?
            .unwrap_or(before.may_show_real_numbers),
        live_bindings_max: quota(call, "LiveBindingsMax", before.live_bindings_max)?,
        numbers_max: quota(call, "NumbersMax", before.numbers_max)?,
        pools_max: quota(call, "PoolsMax", before.pools_max)?,
        calls_max: limit(call, "CallsMax", before.calls_max)?,
        talk_s_max: limit(call, "TalkSecondsMax", before.talk_s_max)?,
    };
    if known.terms != before {
        call.app.set_account_terms(known.id, known.terms).await?;
    }
    Ok(account(&known))
}

fn quota(
    call: &Call<'_>,
    name: &'static str,
    before: Option<u64>,
) -> Result<Option<u64>, CallError> {
    let wanted: Option<i64> = call.get(name)?;
    Ok(match wanted.and_then(|wanted| u64::try_from(wanted).ok()) {
        None => before,
        Some(0) => None,
        Some(most) => Some(most),
    })
}

fn limit(
    call: &Call<'_>,
    name: &'static str,
    before: Option<u32>,
) -> Result<Option<u32>, CallError> {
    let wanted = quota(call, name, before.map(u64::from))?;
    Ok(wanted.map(|most| u32::try_from(most).unwrap_or(u32::MAX)))
}

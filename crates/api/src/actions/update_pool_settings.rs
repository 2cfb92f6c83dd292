//! `UpdatePoolSettings`: how a pool's numbers are chosen and reused.

use axbridge_app::model::PoolChange;
use axbridge_domain::limits;
use axbridge_domain::pool::{CityFallback, Policy, Pool, PoolRules};
use serde_json::{Map, Value, json};

use super::parameters::NUMBER_POOL_NO;
use super::pool_records::{CITY_FALLBACKS, POLICIES, RULES, write_rules};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

const QUARANTINE_SECONDS: Kind = Kind::Integer {
    min: 0,
    max: limits::QUARANTINE_MAX_MS / 1000,
    zero_is_absent: false,
};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "UpdatePoolSettings",
    aliases: &[],
    summary: "Change how a pool's numbers are chosen and reused",
    description: "What is left out stays as it is, and the answer holds the settings in force, so \
                  that a request with nothing but the pool shows them. Bindings that live are not \
                  touched; the quarantine of routes that ended already is judged by the new \
                  settings.",
    parameters: &[
        NUMBER_POOL_NO,
        Parameter::optional(
            "Policy",
            POLICIES,
            "`protect` prefers an X that neither party has used recently, `pack` the first that \
             fits, `spread` the one with the fewest live bindings, `random` any.",
        ),
        Parameter::optional(
            "CityFallback",
            CITY_FALLBACKS,
            "When the wanted city was only the number's own and is exhausted: `any` tries the \
             whole pool, `none` refuses.",
        ),
        Parameter::optional(
            "QuarantineSeconds",
            QUARANTINE_SECONDS,
            "How long an ended binding's X stays closed to other pairs, up to 7 days.",
        ),
        Parameter::optional(
            "QuarantineMinSeconds",
            QUARANTINE_SECONDS,
            "The shortest such time, when nothing else is eligible; at most QuarantineSeconds, to \
             which it is lowered when it is left out.",
        ),
        Parameter::optional(
            "BindingsPerNumberMax",
            Kind::Integer {
                min: 1,
                max: u32::MAX as i64,
                zero_is_absent: true,
            },
            "The most live bindings on one number.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("NumberPoolNo", FieldKind::Text, "The pool."),
        RULES[0],
        RULES[1],
        RULES[2],
        RULES[3],
        RULES[4],
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let pool_no = call.need("NumberPoolNo")?;
    let before = call.app.pool(None, pool_no).await?;
    let rules = changed(call, before.rules)?;
    if rules == before.rules {
        return Ok(answer(&before));
    }
    let change = PoolChange {
        rules: Some(rules),
        ..PoolChange::default()
    };
    let pool = call.app.update_pool(None, pool_no, change).await?;
    Ok(answer(&pool))
}

fn changed(call: &Call<'_>, before: PoolRules) -> Result<PoolRules, CallError> {
    let mut rules = before;
    let policy: Option<&str> = call.get("Policy")?;
    if let Some(policy) = policy.and_then(Policy::from_name) {
        rules.policy = policy;
    }
    let fallback: Option<&str> = call.get("CityFallback")?;
    if let Some(fallback) = fallback.and_then(CityFallback::from_name) {
        rules.city_fallback = fallback;
    }
    let quarantine_s: Option<i64> = call.get("QuarantineSeconds")?;
    if let Some(seconds) = quarantine_s {
        rules.quarantine_ms = seconds * 1000;
        rules.quarantine_min_ms = rules.quarantine_min_ms.min(rules.quarantine_ms);
    }
    let quarantine_min_s: Option<i64> = call.get("QuarantineMinSeconds")?;
    if let Some(seconds) = quarantine_min_s {
        rules.quarantine_min_ms = seconds * 1000;
    }
    let cap: Option<i64> = call.get("BindingsPerNumberMax")?;
    if let Some(cap) = cap.and_then(|cap| u32::try_from(cap).ok()) {
        rules.bindings_per_number_max = cap;
    }
    Ok(rules)
}

fn answer(pool: &Pool) -> Value {
    let mut answer = Map::new();
    answer.insert("NumberPoolNo".to_owned(), json!(pool.pool_no.to_string()));
    write_rules(&mut answer, pool);
    Value::Object(answer)
}

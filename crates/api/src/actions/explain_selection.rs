//! `ExplainSelection`: how the numbers of a pool stand for a bind.

use axbridge_domain::city_order::Tier;
use axbridge_domain::refusal::Tally;
use serde_json::{Value, json};

use super::select_number_and_bind_axb::{PARAMETERS, request};
use crate::action::{Action, Field, FieldKind, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

const PLACE: &[Field] = &[
    Field::new(
        "City",
        FieldKind::Text,
        "The city's area code, or `*` for the whole pool.",
    ),
    Field::new("Total", FieldKind::Integer, "All numbers of the place."),
    Field::new("Eligible", FieldKind::Integer, "Those that would do."),
    Field::new("Disabled", FieldKind::Integer, "Disabled."),
    Field::new(
        "AtCap",
        FieldKind::Integer,
        "At their cap of live bindings.",
    ),
    Field::new(
        "KindConflict",
        FieldKind::Integer,
        "Excluded by AxConflictAxbFlag.",
    ),
    Field::new(
        "HeldByA",
        FieldKind::Integer,
        "Held by a live binding of A.",
    ),
    Field::new(
        "HeldByB",
        FieldKind::Integer,
        "Held by a live binding of B.",
    ),
    Field::new("HeldByAx", FieldKind::Integer, "Held by another AX."),
    Field::new("Quarantined", FieldKind::Integer, "In quarantine."),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ExplainSelection",
    aliases: &[],
    summary: "Show how a pool's numbers stand for a bind",
    description: "Takes the parameters of SelectNumberAndBindAXB, binds nothing, and counts the \
                  numbers of each place that would be looked at, in order, each under the first \
                  reason that rules it out. The bind is judged as one of the pool's account; \
                  `ClientToken`, `IdempotentId` and `DryRun` do not matter here.",
    parameters: PARAMETERS,
    result: ResultShape::Object(&[
        Field::new(
            "Eligible",
            FieldKind::Boolean,
            "Whether the bind would find a number.",
        ),
        Field::new(
            "Places",
            FieldKind::Records(PLACE),
            "Where it would look, in order.",
        ),
    ]),
    errors: &[ErrorCode::OperationDenied],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let mut wanted = request(call)?;
    wanted.account = call.app.pool(None, wanted.pool).await?.account;
    let standing = call.app.explain_selection(&wanted).await?;
    let eligible = standing.places.iter().any(|(_, tally)| tally.eligible > 0);
    let places: Vec<Value> = standing
        .places
        .iter()
        .map(|(tier, tally)| place(*tier, tally))
        .collect();
    Ok(json!({"Eligible": eligible, "Places": places}))
}

fn place(tier: Tier, tally: &Tally) -> Value {
    let city = tier
        .city()
        .map_or_else(|| "*".to_owned(), |city| city.to_string());
    json!({
        "City": city,
        "Total": tally.total,
        "Eligible": tally.eligible,
        "Disabled": tally.disabled,
        "AtCap": tally.at_cap,
        "KindConflict": tally.kind_conflict,
        "HeldByA": tally.held_by_a,
        "HeldByB": tally.held_by_b,
        "HeldByAx": tally.held_by_ax,
        "Quarantined": tally.quarantined,
    })
}

//! `DeleteNumbers`: taking numbers out of a pool.

use axbridge_app::DeleteRefusal;
use axbridge_domain::limits;
use axbridge_domain::phone::PhoneNumber;
use serde_json::{Value, json};

use super::parameters::NUMBER_POOL_NO;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::answer;
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "DeleteNumbers",
    aliases: &[],
    summary: "Take numbers out of a pool",
    description: "Each number stands on its own: one that carries live bindings stays and is \
                  reported. A number that was taken out is deregistered: it takes no calls, and it \
                  can be imported again into the same pool.",
    parameters: &[
        NUMBER_POOL_NO,
        Parameter::required(
            "NumberList",
            Kind::Numbers {
                items_max: limits::NUMBERS_PER_IMPORT_CALL_MAX,
            },
            "The numbers, up to 1000.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("Deleted", FieldKind::Integer, "How many were taken out."),
        Field::new(
            "Refused",
            FieldKind::Records(&[
                Field::new("Number", FieldKind::Text, "A number that stays."),
                Field::new("Reason", FieldKind::Text, "Why it stays."),
            ]),
            "Numbers that were not taken out.",
        ),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let pool = call.need("NumberPoolNo")?;
    let numbers: Vec<PhoneNumber> = call.need("NumberList")?;
    let outcomes = call.app.delete_numbers(pool, &numbers).await?;
    let refused: Vec<Value> = outcomes
        .iter()
        .filter_map(|(number, outcome)| outcome.err().map(|refusal| (*number, refusal)))
        .map(|(number, refusal)| {
            json!({"Number": answer::number(number), "Reason": reason(refusal)})
        })
        .collect();
    Ok(json!({
        "Deleted": outcomes.len() - refused.len(),
        "Refused": refused,
    }))
}

const fn reason(refusal: DeleteRefusal) -> &'static str {
    match refusal {
        DeleteRefusal::NotInPool => "the pool holds no such number",
        DeleteRefusal::CarriesBindings => {
            "it carries live bindings; disable it, and delete it when they have ended"
        }
    }
}

//! `ImportNumbers`: putting numbers into a pool.

use axbridge_app::AppError;
use axbridge_domain::limits;
use serde_json::{Value, json};

use super::parameters::NUMBER_POOL_NO;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// Room for the longest list of lines with some to spare.
const CSV_CHARS_MAX: usize = limits::NUMBERS_PER_IMPORT_CALL_MAX * 64;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ImportNumbers",
    aliases: &[],
    summary: "Put numbers into a pool",
    description: "Each line stands on its own: good ones are imported, bad ones reported with \
                  their line number and the reason. A repeated request changes nothing. A longer \
                  list goes in several requests, as `axbridge number import` does it.",
    parameters: &[
        NUMBER_POOL_NO,
        Parameter::required(
            "Csv",
            Kind::FreeText {
                chars_max: CSV_CHARS_MAX,
            },
            "Up to 1000 lines `number,city_code[,type]`; a first line `number,city_code,type` is \
             passed over. The city code may be empty where the number's own city is known; the \
             type is `mobile` (0), `landline` (1) or `700`, and is only checked.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("Added", FieldKind::Integer, "Numbers that are new."),
        Field::new(
            "Unchanged",
            FieldKind::Integer,
            "Numbers that were there already, just so.",
        ),
        Field::new(
            "Refused",
            FieldKind::Records(&[
                Field::new("Line", FieldKind::Integer, "Which line, counted from 1."),
                Field::new("Reason", FieldKind::Text, "What is wrong with it."),
            ]),
            "Lines that were not taken.",
        ),
        Field::new("RefusedCount", FieldKind::Integer, "How many those are."),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let pool = call.need("NumberPoolNo")?;
    let csv: String = call.need("Csv")?;
    // One more for a head line.
    if csv.lines().count() > limits::NUMBERS_PER_IMPORT_CALL_MAX + 1 {
        return Err(CallError::App(AppError::invalid(
            "Csv",
            format!(
                "it has more than {} lines; send the rest in another request",
                limits::NUMBERS_PER_IMPORT_CALL_MAX
            ),
        )));
    }
    let report = call.app.import_numbers(pool, &csv).await?;
    let refused: Vec<Value> = report
        .refused
        .iter()
        .map(|refused| json!({"Line": refused.line, "Reason": refused.reason}))
        .collect();
    Ok(json!({
        "Added": report.added,
        "Unchanged": report.unchanged,
        "RefusedCount": refused.len(),
        "Refused": refused,
    }))
}

//! `NumberListScroll`: the numbers of pools, to be read from end to end. The
//! vendor has it in its Java client only.

use axbridge_app::model::{NumberFilter, NumberRow};
use serde_json::{Value, json};

use super::number_records::{
    NUMBER, NUMBER_LIST, POOL, POOL_TYPE, RECORD, STATUS, TYPE, filter, record,
};
use super::parameters::LIMIT;
use super::scroll_token::{self, LIFE_S};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

const TOKEN_CHARS_MAX: usize = 128;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "NumberListScroll",
    aliases: &[],
    summary: "Read a long list of privacy numbers to its end",
    description: "The first request has no `NextToken`; each further one repeats the filters and \
                  hands back the last answer's token, until `HasMore` is `false`. What is there \
                  all the while is listed exactly once, whatever comes or goes meanwhile.",
    parameters: &[
        NUMBER,
        NUMBER_LIST,
        POOL,
        POOL_TYPE,
        STATUS,
        TYPE,
        LIMIT,
        Parameter::optional(
            "NextToken",
            Kind::Text {
                chars_max: TOKEN_CHARS_MAX,
            },
            "The last answer's token. It is taken for an hour.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new(
            "Records",
            FieldKind::Records(RECORD),
            "The numbers of this page, by number.",
        ),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new(
            "Total",
            FieldKind::Integer,
            "How many numbers match in all.",
        ),
        Field::new(
            "NextToken",
            FieldKind::Text,
            "To go on with; empty at the end.",
        ),
        Field::new(
            "NextTokenExpireAt",
            FieldKind::Integer,
            "Until when the token is taken, in Unix seconds; 0 at the end.",
        ),
        Field::new(
            "HasMore",
            FieldKind::Boolean,
            "Whether there is more to read.",
        ),
    ]),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let limit: i64 = call.need("Limit")?;
    let limit = usize::try_from(limit).unwrap_or_default();
    let token: Option<String> = call.get("NextToken")?;
    let Some(filter) = filter(call)? else {
        return Ok(answer(&[], limit, 0, None));
    };
    let now = call.app.clock().now();
    let after = token
        .map(|token| scroll_token::read(&token, &filter, now))
        .transpose()?;
    // One more than asked for tells whether there is more.
    let found = call
        .app
        .scroll_numbers(&filter, after, limit as u64 + 1)
        .await?;
    let rows = &found.rows[..found.rows.len().min(limit)];
    let next = (found.rows.len() > limit).then(|| next(&filter, rows, call));
    Ok(answer(rows, limit, found.total, next.flatten()))
}

/// The token to go on with, and when it expires, in Unix seconds.
fn next(filter: &NumberFilter, rows: &[NumberRow], call: &Call<'_>) -> Option<(String, i64)> {
    let last = rows.last()?.x;
    let expires_at = call.app.clock().now().plus_ms(LIFE_S * 1000);
    let token = scroll_token::write(filter, last, expires_at);
    Some((token, expires_at.unix_s()))
}

fn answer(rows: &[NumberRow], limit: usize, total: u64, next: Option<(String, i64)>) -> Value {
    let has_more = next.is_some();
    let (token, expires_at) = next.unwrap_or_default();
    json!({
        "Records": rows.iter().map(record).collect::<Vec<Value>>(),
        "Limit": limit,
        "Total": total,
        "NextToken": token,
        "NextTokenExpireAt": expires_at,
        "HasMore": has_more,
    })
}

//! `NumberList`: the numbers of pools, page by page (vendor docs 6358/173344 and
//! 6358/1722075).

use serde_json::{Value, json};

use super::number_records::{
    NUMBER, NUMBER_LIST, POOL, POOL_TYPE, RECORD, STATUS, TYPE, filter, record,
};
use super::parameters::{LIMIT, OFFSET};
use crate::action::{Action, Field, FieldKind, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "NumberList",
    aliases: &[],
    summary: "List privacy numbers",
    description: "Every filter narrows the list, which is ordered by number. Operators see every \
                  account's numbers. To read a long list to its end, `NumberListScroll` is quicker \
                  and skips nothing while numbers come and go.",
    parameters: &[
        NUMBER,
        NUMBER_LIST,
        POOL,
        POOL_TYPE,
        STATUS,
        TYPE,
        OFFSET,
        LIMIT,
    ],
    result: ResultShape::Object(&[
        Field::new(
            "Records",
            FieldKind::Records(RECORD),
            "The numbers of this page.",
        ),
        Field::new("Limit", FieldKind::Integer, "As asked for."),
        Field::new("Offset", FieldKind::Integer, "As asked for."),
        Field::new(
            "Total",
            FieldKind::Integer,
            "How many numbers match in all.",
        ),
    ]),
    errors: &[],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let page = call.page()?;
    let (records, total) = match filter(call)? {
        None => (Vec::new(), 0),
        Some(filter) => {
            let found = call.app.list_numbers(&filter, page).await?;
            (found.rows.iter().map(record).collect(), found.total)
        }
    };
    Ok(json!({
        "Records": records,
        "Limit": page.limit,
        "Offset": page.offset,
        "Total": total,
    }))
}

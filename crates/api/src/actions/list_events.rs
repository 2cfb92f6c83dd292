//! `ListEvents`: what happened, and who was told.

use axbridge_app::callbacks::{DeliveryState, EventFilter};
use serde_json::{Value, json};

use super::callback_records::{EVENT, MOMENT, event, moment};
use super::parameters::LIMIT;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

const STATES: &[&str] = &[
    DeliveryState::Waiting.name(),
    DeliveryState::Due.name(),
    DeliveryState::Delivered.name(),
    DeliveryState::Parked.name(),
    DeliveryState::Stale.name(),
];

/// The action.
pub(super) const ACTION: Action = Action {
    name: "ListEvents",
    aliases: &[],
    summary: "List events and how their deliveries stand",
    description: "Newest first. The next page begins before the last `EventId` of this one: \
                  `BeforeEventId`.",
    parameters: &[
        Parameter::optional("AccountId", Kind::Account, "Only those of this account."),
        Parameter::optional(
            "From",
            MOMENT,
            "Only those of then and later, in Unix seconds.",
        ),
        Parameter::optional("To", MOMENT, "Only those of before then, in Unix seconds."),
        Parameter::optional(
            "State",
            Kind::Enumeration(STATES),
            "Only those with a delivery that stands so.",
        ),
        Parameter::optional(
            "BeforeEventId",
            Kind::Integer {
                min: 1,
                max: i64::MAX,
                zero_is_absent: true,
            },
            "Only those with a smaller id.",
        ),
        LIMIT,
    ],
    result: ResultShape::Object(&[
        Field::new("Records", FieldKind::Records(EVENT), "The events."),
        Field::new(
            "HasMore",
            FieldKind::Boolean,
            "Whether the page is full, so that there may be more.",
        ),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let state: Option<&'static str> = call.get("State")?;
    let named = |name: &str| DeliveryState::ALL.into_iter().find(|it| it.name() == name);
    let filter = EventFilter {
        account: call.get("AccountId")?,
        from: moment(call, "From")?,
        to: moment(call, "To")?,
        state: state.and_then(named),
        before: call.get("BeforeEventId")?,
    };
    let limit = u64::try_from(call.need::<i64>("Limit")?).unwrap_or_default();
    let rows = call.app.event_log(filter, limit).await?;
    let records: Vec<Value> = rows.iter().map(event).collect();
    Ok(json!({"HasMore": records.len() as u64 == limit, "Records": records}))
}

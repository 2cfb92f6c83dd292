//! `UpdateNumberPool` and `UpdateNumberPoolV2`: another name, kind or scene for
//! a pool (vendor doc 6358/173338).

use axbridge_app::model::PoolChange;
use axbridge_domain::pool::PoolKind;
use serde_json::{Value, json};

use super::parameters::NUMBER_POOL_NO;
use super::pool_records::{
    ANY_CODE, NAME, PRIVACY_NUMBERS, SCENE, check_service_type, kind_of, reach,
};
use super::shapes::SUCCESS;
use crate::action::{Action, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action with a bare answer.
pub(super) const ACTION: Action = Action {
    name: "UpdateNumberPool",
    aliases: &[],
    summary: "Rename a number pool or change what it serves for",
    description: "What is left out stays as it is. The kind cannot change while numbers of the \
                  pool carry live bindings. Operators may change every account's pools.",
    parameters: &[
        NUMBER_POOL_NO,
        NAME,
        Parameter::optional("ServiceType", ANY_CODE, "200, privacy numbers."),
        Parameter::optional(
            "SubServiceType",
            ANY_CODE,
            "What its numbers serve for from now on: 201, 202, 203, 204 or 206.",
        ),
        SCENE,
    ],
    result: ResultShape::True,
    errors: &[ErrorCode::OperationDenied, ErrorCode::UnsupportedOperation],
    permission: Permission::Application,
    extension: false,
    handler: |call| {
        Box::pin(async move {
            update(call).await?;
            Ok(Value::Bool(true))
        })
    },
};

/// The action with an object for an answer.
pub(super) const ACTION_V2: Action = Action {
    name: "UpdateNumberPoolV2",
    result: SUCCESS,
    handler: |call| {
        Box::pin(async move {
            update(call).await?;
            Ok(json!({"Success": true}))
        })
    },
    ..ACTION
};

async fn update(call: &Call<'_>) -> Result<(), CallError> {
    let change = PoolChange {
        name: Some(call.need("Name")?),
        kind: kind(call)?,
        scene: call.get("Scene")?,
        rules: None,
    };
    let pool = call.need("NumberPoolNo")?;
    call.app.update_pool(reach(call), pool, change).await?;
    Ok(())
}

fn kind(call: &Call<'_>) -> Result<Option<PoolKind>, CallError> {
    let service_type: i64 = call.get("ServiceType")?.unwrap_or(PRIVACY_NUMBERS);
    check_service_type(service_type)?;
    let sub_service_type: Option<i64> = call.get("SubServiceType")?;
    sub_service_type
        .map(|code| kind_of(service_type, code))
        .transpose()
}

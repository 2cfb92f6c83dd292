//! `UpdateAXB`: changing one thing of a binding (vendor doc 6358/172147).

use axbridge_app::AppError;
use axbridge_app::model::{BindingChange, BindingRef};
use serde_json::Value;

use super::binding::{
    EXPIRE_TIME, INDUSTRIAL_ID, ORDER_ID, OUT_ID, PHONE_NO_A, PHONE_NO_B, USER_DATA,
};
use super::parameters::{NUMBER_POOL_NO, SUB_ID};
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "UpdateAXB",
    aliases: &[],
    summary: "Change one thing of an AX or AXB binding",
    description: "`UpdateType` names the thing; the parameter of that thing is then required, \
                  all others are ignored. `UserData`, `OutId`, `OrderId` and `IndustrialId` may \
                  be sent empty to clear them. When a number changes, the binding's routes are \
                  claimed anew in the same step: either all of it holds or nothing has changed. \
                  An AX gets a B by `UpgradeAXToAXB`, not here.",
    parameters: &[
        UPDATE_TYPE,
        NUMBER_POOL_NO,
        SUB_ID,
        if_named(EXPIRE_TIME),
        if_named(USER_DATA),
        if_named(OUT_ID),
        if_named(PHONE_NO_A),
        if_named(PHONE_NO_B),
        Parameter::optional("PhoneNoX", Kind::Number, "The new X, of the same pool."),
        if_named(ORDER_ID),
        if_named(INDUSTRIAL_ID),
    ],
    result: ResultShape::True,
    errors: &[
        ErrorCode::SubscriptionEmpty,
        ErrorCode::UnsupportedOperation,
        ErrorCode::IllegalPhoneNoX,
        ErrorCode::BlockNumber,
        ErrorCode::ConflictWithExisting,
        ErrorCode::PhoneNoXOccupied,
        ErrorCode::ExceedMaxBindCount,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

const UPDATE_TYPE: Parameter = Parameter::required(
    "UpdateType",
    Kind::Enumeration(&[
        "updateExpireTime",
        "updateUserData",
        "updateOutId",
        "updatePhoneNoA",
        "updatePhoneNoB",
        "updatePhoneNoX",
        "updateOrderId",
        "updateIndustrialId",
    ]),
    "What to change, in any case.",
);

const fn if_named(parameter: Parameter) -> Parameter {
    Parameter {
        required: false,
        ..parameter
    }
}

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let binding = BindingRef {
        account: call.account(),
        pool: Some(call.need("NumberPoolNo")?),
        sub_id: call.need_sub_id("SubId")?,
    };
    call.app.update_binding(binding, change(call)?).await?;
    Ok(Value::Bool(true))
}

fn change(call: &Call<'_>) -> Result<BindingChange, CallError> {
    Ok(match call.need::<&str>("UpdateType")? {
        "updateExpireTime" => BindingChange::ExpiresAt(call.need("ExpireTime")?),
        "updateUserData" => BindingChange::UserData(text(call, "UserData")?),
        "updateOutId" => BindingChange::OutId(text(call, "OutId")?),
        "updatePhoneNoA" => BindingChange::PhoneA(call.need("PhoneNoA")?),
        "updatePhoneNoB" => BindingChange::PhoneB(call.need("PhoneNoB")?),
        "updatePhoneNoX" => BindingChange::PhoneX(call.need("PhoneNoX")?),
        "updateOrderId" => BindingChange::OrderId(text(call, "OrderId")?),
        _ => BindingChange::IndustrialId(text(call, "IndustrialId")?),
    })
}

/// Text that may be sent empty, which clears it.
fn text(call: &Call<'_>, name: &'static str) -> Result<Option<String>, CallError> {
    if !call.was_sent(name) {
        return Err(AppError::Missing(name).into());
    }
    call.get(name)
}

//! `BindAXB`: an AX or AXB on an X that the client names (vendor doc
//! 6358/172143).

use axbridge_app::bind::{BindRequest, XWish};
use serde_json::Value;

use super::binding::{
    self, AUDIO_RECORD_FLAG, AX_CONFLICT_AXB_FLAG, BOUND_FIELDS, CALL_DISPLAY_TYPE, CLIENT_TOKEN,
    DRY_RUN, EXPIRE_TIME, IDEMPOTENT_ID, INDUSTRIAL_ID, ORDER_ID, OUT_ID, PHONE_NO_A, PHONE_NO_B,
    TALK_SECONDS_MAX, USER_DATA, VERIFY_FLAG, VOICE_CODE,
};
use super::parameters::NUMBER_POOL_NO;
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "BindAXB",
    aliases: &[],
    summary: "Bind A (and B) to a privacy number that you name",
    description: "As `SelectNumberAndBindAXB`, with an X of your choice. Two live AXBs share an \
                  X only when they have no party in common, and an X carries one live AX at the \
                  most. An identical repeat without an idempotency key answers \
                  `ConflictWithExisting`.",
    parameters: &[
        PHONE_NO_A,
        PHONE_NO_X,
        PHONE_NO_B,
        NUMBER_POOL_NO,
        EXPIRE_TIME,
        AX_CONFLICT_AXB_FLAG,
        AUDIO_RECORD_FLAG,
        CALL_DISPLAY_TYPE.or("1"),
        VERIFY_FLAG,
        VOICE_CODE,
        USER_DATA,
        OUT_ID,
        ORDER_ID,
        INDUSTRIAL_ID,
        TALK_SECONDS_MAX,
        CLIENT_TOKEN,
        IDEMPOTENT_ID,
        DRY_RUN,
    ],
    result: ResultShape::Object(BOUND_FIELDS),
    errors: &[
        ErrorCode::IllegalPhoneNoX,
        ErrorCode::BlockNumber,
        ErrorCode::ConflictWithExisting,
        ErrorCode::PhoneNoXOccupied,
        ErrorCode::ExceedMaxBindCount,
        ErrorCode::OperationDenied,
        ErrorCode::QuotaExceeded,
        ErrorCode::IdempotentParameterMismatch,
        ErrorCode::DryRunOperation,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

const PHONE_NO_X: Parameter =
    Parameter::required("PhoneNoX", Kind::Number, "X, a number of the pool.");

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let request = BindRequest {
        action: call.action.name,
        account: call.account(),
        pool: call.need("NumberPoolNo")?,
        x: XWish::Named(call.need("PhoneNoX")?),
        terms: binding::terms(call)?,
        idempotency_key: binding::idempotency_key(call)?,
        dry_run: call.need("DryRun")?,
    };
    let view = call.app.bind(request).await?;
    Ok(binding::bound(&view))
}

//! `SelectNumberAndBindAXB`: an AX or AXB on an X that the platform selects
//! (vendor doc 6358/1722692).

use axbridge_app::bind::{BindRequest, XWish};
use axbridge_domain::city_order::{CityOf, CityWish};
use serde_json::Value;

use super::binding::{
    self, AUDIO_RECORD_FLAG, AX_CONFLICT_AXB_FLAG, BOUND_FIELDS, CALL_DISPLAY_TYPE, CLIENT_TOKEN,
    DRY_RUN, EXPIRE_TIME, IDEMPOTENT_ID, INDUSTRIAL_ID, ORDER_ID, OUT_ID, PHONE_NO_A, PHONE_NO_B,
    TALK_SECONDS_MAX, USER_DATA, VERIFY_FLAG, VOICE_CODE,
};
use super::parameters::{CITY_CODE, DEGRADE_CITY_LIST, NUMBER_POOL_NO};
use crate::action::{Action, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "SelectNumberAndBindAXB",
    aliases: &[],
    summary: "Bind A (and B) to a privacy number that the platform selects",
    description: "Without `PhoneNoB` it makes an AX, with it an AXB. The X is selected by city: \
                  `CityCode` before `CityCodeByPhoneNo` before `DegradeCityList`. When a city \
                  was named, and it and every degrade city are exhausted, the request is \
                  refused; when the city was only that of a party's own number, the pool's \
                  setting `CityFallback` decides whether the rest of the pool is tried. When the \
                  request is answered, the binding is durable and the next call routes. Without \
                  an idempotency key, repeating a request makes a second binding on another X.",
    parameters: PARAMETERS,
    result: ResultShape::Object(BOUND_FIELDS),
    errors: &[
        ErrorCode::NumberNotEnough,
        ErrorCode::OperationDenied,
        ErrorCode::QuotaExceeded,
        ErrorCode::IdempotentParameterMismatch,
        ErrorCode::DryRunOperation,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

/// The parameters, which `ExplainSelection` takes as well.
pub(super) const PARAMETERS: &[Parameter] = &[
    PHONE_NO_A,
    PHONE_NO_B,
    NUMBER_POOL_NO,
    EXPIRE_TIME,
    CITY_CODE,
    CITY_CODE_BY_PHONE_NO,
    DEGRADE_CITY_LIST,
    RANDOM_FLAG,
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
];

const BY_A: &str = "A";
const BY_B: &str = "B";

const CITY_CODE_BY_PHONE_NO: Parameter = Parameter::optional(
    "CityCodeByPhoneNo",
    Kind::Enumeration(&[BY_A, BY_B]),
    "With no `CityCode`: take the city of that party's number. `B` counts as `A` for an AX.",
)
.or(BY_A);

const RANDOM_FLAG: Parameter = Parameter::optional(
    "RandomFlag",
    Kind::Flag,
    "1: choose at random among the eligible numbers. 0: by the pool's policy.",
)
.or("0");

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let view = call.app.bind(request(call)?).await?;
    Ok(binding::bound(&view))
}

/// The bind that the parameters ask for.
pub(super) fn request(call: &Call<'_>) -> Result<BindRequest, CallError> {
    let city_of = match call.need::<&str>("CityCodeByPhoneNo")? {
        BY_B => CityOf::B,
        _ => CityOf::A,
    };
    let city = CityWish {
        city: call.get("CityCode")?,
        city_of,
        degrade: call.get("DegradeCityList")?.unwrap_or_default(),
    };
    Ok(BindRequest {
        action: call.action.name,
        account: call.account(),
        pool: call.need("NumberPoolNo")?,
        x: XWish::Select {
            city,
            random: call.need("RandomFlag")?,
        },
        terms: binding::terms(call)?,
        idempotency_key: binding::idempotency_key(call)?,
        dry_run: call.need("DryRun")?,
    })
}

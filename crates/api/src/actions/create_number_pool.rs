//! `CreateNumberPool`: a new, empty pool (vendor docs 6358/173337 and
//! 6358/1721657).

use axbridge_domain::account::AccountId;
use serde_json::{Value, json};

use super::pool_records::{ANY_CODE, NAME, PRIVACY_NUMBERS, SCENE, kind_of, named_account};
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};
use crate::error::ErrorCode;

/// The action.
pub(super) const ACTION: Action = Action {
    name: "CreateNumberPool",
    aliases: &[],
    summary: "Make a number pool",
    description: "The pool is empty and has the default rules. Numbers come in by `ImportNumbers`, \
                  rules change by `UpdatePoolSettings`. A repeated request makes another pool of \
                  the same name.",
    parameters: &[
        NAME,
        Parameter::required("ServiceType", ANY_CODE, "200, privacy numbers."),
        Parameter::required(
            "SubServiceType",
            ANY_CODE,
            "What its numbers serve for: 201 AX and AXB, 202 AXN, 203 AXNE, 204 AXYB, 206 AXG.",
        ),
        SCENE,
        Parameter::optional(
            "AccountId",
            Kind::Account,
            "Whose it is, when not the key's own account's. An axbridge extension, for operators.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("Name", FieldKind::Text, "The pool's name."),
        Field::new(
            "NumberPoolNo",
            FieldKind::Text,
            "Its number: `NP` and 18 digits.",
        ),
        Field::new("ServiceType", FieldKind::Integer, "200."),
        Field::new(
            "SubServiceType",
            FieldKind::Integer,
            "What its numbers serve for.",
        ),
    ]),
    errors: &[
        ErrorCode::QuotaExceeded,
        ErrorCode::OperationDenied,
        ErrorCode::UnsupportedOperation,
    ],
    permission: Permission::Application,
    extension: false,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let kind = kind_of(call.need("ServiceType")?, call.need("SubServiceType")?)?;
    let account = account(call).await?;
    let name: String = call.need("Name")?;
    let pool = call
        .app
        .create_pool(account, &name, kind, call.get("Scene")?)
        .await?;
    Ok(json!({
        "Name": pool.name,
        "NumberPoolNo": pool.pool_no.to_string(),
        "ServiceType": PRIVACY_NUMBERS,
        "SubServiceType": pool.kind.code(),
    }))
}

async fn account(call: &Call<'_>) -> Result<AccountId, CallError> {
    match named_account(call, "AccountId")? {
        None => Ok(call.account()),
        Some(named) => Ok(call.app.account(named).await?.id),
    }
}

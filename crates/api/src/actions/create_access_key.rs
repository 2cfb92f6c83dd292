//! `CreateAccessKey`: a key to sign requests with.

use axbridge_app::AppError;
use axbridge_app::model::Role;
use axbridge_domain::account::AccountId;
use serde_json::{Value, json};

use super::account_records::SHORT_TEXT;
use crate::action::{Action, Field, FieldKind, Kind, Parameter, Permission, ResultShape};
use crate::call::{Call, CallError};

/// The action.
pub(super) const ACTION: Action = Action {
    name: "CreateAccessKey",
    aliases: &[],
    summary: "Make an access key, and an account for it if need be",
    description: "The answer is the only time that the secret is shown. With `AccountName` it \
                  makes a new account for the key; with `AccountId` the key is that account's; \
                  with neither it is the caller's account's.",
    parameters: &[
        Parameter::optional(
            "Role",
            Kind::Enumeration(&[Role::Application.name(), Role::Operator.name()]),
            "`application` may call the vendor's actions on its own account, `operator` \
             everything.",
        )
        .or(Role::Application.name()),
        Parameter::optional(
            "Description",
            SHORT_TEXT,
            "What the key is for, up to 64 characters.",
        ),
        Parameter::optional("AccountId", Kind::Account, "Whose key it is."),
        Parameter::optional(
            "AccountName",
            SHORT_TEXT,
            "The name of a new account for the key, up to 64 characters.",
        ),
    ],
    result: ResultShape::Object(&[
        Field::new("AccessKeyId", FieldKind::Text, "The key's id."),
        Field::new(
            "SecretAccessKey",
            FieldKind::Text,
            "Its secret. Keep it now.",
        ),
        Field::new("AccountId", FieldKind::Text, "Whose it is."),
        Field::new("Role", FieldKind::Text, "What it may do."),
        Field::new("Description", FieldKind::Text, "As given."),
    ]),
    errors: &[],
    permission: Permission::Operator,
    extension: true,
    handler: |call| Box::pin(run(call)),
};

async fn run(call: &Call<'_>) -> Result<Value, CallError> {
    let role: &str = call.need("Role")?;
    let role = Role::from_name(role).unwrap_or(Role::Application);
    let description: Option<String> = call.get("Description")?;
    let account = account(call).await?;
    let key = call
        .app
        .create_access_key(account, role, description.as_deref().unwrap_or_default())
        .await?;
    Ok(json!({
        "AccessKeyId": key.id,
        "SecretAccessKey": key.secret.reveal(),
        "AccountId": key.account.to_string(),
        "Role": key.role.name(),
        "Description": key.description,
    }))
}

async fn account(call: &Call<'_>) -> Result<AccountId, CallError> {
    let id: Option<AccountId> = call.get("AccountId")?;
    let name: Option<String> = call.get("AccountName")?;
    match (id, name) {
        (None, None) => Ok(call.account()),
        (Some(id), None) => Ok(call.app.account(id).await?.id),
        (None, Some(name)) => Ok(call.app.create_account(&name).await?.id),
        (Some(_), Some(_)) => Err(CallError::App(AppError::invalid(
            "AccountName",
            "it makes a new account, so it cannot come with AccountId",
        ))),
    }
}

//! One call of an action, as its handler sees it.

use axbridge_app::model::{Page, Role};
use axbridge_app::{App, AppError};
use axbridge_domain::account::AccountId;
use axbridge_domain::binding::SubId;

use crate::action::Action;
use crate::arguments::{Arguments, FromArgument, SubIdText};
use crate::decode::{BodyKind, Params};
use crate::error::ApiError;

/// Who calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The access key that signed the request.
    pub access_key: String,
    /// The key's account.
    pub account: AccountId,
    /// What the key may do.
    pub role: Role,
}

/// One call of an action. Its parameters have been read by the table.
pub struct Call<'a> {
    /// The application.
    pub app: &'a App,
    /// The action, under the name that was called; part of an idempotency key.
    pub action: &'static Action,
    /// Who calls.
    pub caller: &'a Caller,
    /// The parameters as they came.
    pub params: &'a Params,
    /// The parameters as the table reads them.
    pub arguments: Arguments,
}

/// Why a call failed: a refusal of the application, or one of the wire alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The application's.
    #[error(transparent)]
    App(#[from] AppError),
    /// The wire's.
    #[error(transparent)]
    Api(#[from] ApiError),
}

impl Call<'_> {
    /// The account of the key.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.caller.account
    }

    /// Whether the key has the operator role.
    #[must_use]
    pub fn by_operator(&self) -> bool {
        self.caller.role == Role::Operator
    }

    /// A parameter, or its default; `None` when it is absent and has none.
    ///
    /// # Errors
    /// An internal one when the table does not have it as a `T`, which is a
    /// mistake of the handler.
    pub fn get<T: FromArgument>(&self, name: &'static str) -> Result<Option<T>, CallError> {
        let known = self.action.parameters.iter().any(|it| it.name == name);
        let found = self.arguments.find(name);
        match found.map(T::from_argument) {
            Some(Some(value)) => Ok(Some(value)),
            None if known => Ok(None),
            Some(None) | None => Err(CallError::Api(ApiError::internal(format!(
                "{} asks for {name} otherwise than its table has it",
                self.action.name
            )))),
        }
    }

    /// A parameter that is required or has a default.
    ///
    /// # Errors
    /// `MissingParameter` when it is absent; else as [`Call::get`].
    pub fn need<T: FromArgument>(&self, name: &'static str) -> Result<T, CallError> {
        self.get(name)?
            .ok_or(CallError::App(AppError::Missing(name)))
    }

    /// A required `SubId`.
    ///
    /// # Errors
    /// `SubscriptionEmpty` when it cannot be an id of ours; else as
    /// [`Call::need`].
    pub fn need_sub_id(&self, name: &'static str) -> Result<SubId, CallError> {
        let SubIdText(sub_id) = self.need(name)?;
        sub_id.ok_or(CallError::App(AppError::NoSuchBinding))
    }

    /// The page that `Offset` and `Limit` ask for; both must have defaults.
    ///
    /// # Errors
    /// As [`Call::need`].
    pub fn page(&self) -> Result<Page, CallError> {
        let whole = |number: i64| u64::try_from(number).unwrap_or_default();
        Ok(Page {
            offset: whole(self.need("Offset")?),
            limit: whole(self.need("Limit")?),
        })
    }

    /// Whether the client sent the parameter at all, be it empty.
    #[must_use]
    pub fn was_sent(&self, name: &str) -> bool {
        self.params.was_sent(name)
    }

    /// Whether lists answer times as text: clients that send JSON read them so.
    #[must_use]
    pub fn wants_times_as_text(&self) -> bool {
        self.params.body_kind() == BodyKind::Json
    }
}

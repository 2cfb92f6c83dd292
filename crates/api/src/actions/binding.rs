//! What the binding actions share: their parameters, the request they make of
//! them, and the answer that shows a binding.

use axbridge_app::AppError;
use axbridge_app::bind::BindingView;
use axbridge_domain::binding::{DisplayType, Terms};
use axbridge_domain::limits;
use serde_json::{Map, Value, json};

use crate::action::{Field, FieldKind, Kind, Parameter};
use crate::answer;
use crate::call::{Call, CallError};

pub(super) const PHONE_NO_A: Parameter = Parameter::required(
    "PhoneNoA",
    Kind::Party,
    "A, the protected user: a mobile number, or a landline with its area code and without a \
     hyphen (`02131075869`). Service numbers (95…, 1010…, 400…, 800…) only if the operator \
     registered them.",
);

pub(super) const PHONE_NO_B: Parameter = Parameter::optional(
    "PhoneNoB",
    Kind::Party,
    "B, the counterpart. With it the binding is an AXB: A and B reach each other by X. Without \
     it the binding is an AX: whoever dials X reaches A.",
);

pub(super) const EXPIRE_TIME: Parameter = Parameter::required(
    "ExpireTime",
    Kind::UnixSeconds,
    "When the binding ends by itself, in Unix seconds: more than 60 s from now and before \
     2038-01-01 00:00:00 (UTC+8).",
);

pub(super) const AX_CONFLICT_AXB_FLAG: Parameter = Parameter::optional(
    "AxConflictAxbFlag",
    Kind::Flag,
    "0: an AX and AXBs may share an X. 1: the X of this binding may not carry the other kind, as \
     long as either side says 1.",
)
.or("0");

pub(super) const AUDIO_RECORD_FLAG: Parameter = Parameter::optional(
    "AudioRecordFlag",
    Kind::Flag,
    "Whether calls are recorded: 0 no, 1 yes.",
)
.or("1");

/// `CallDisplayType` without a default, for the upgrade.
pub(super) const CALL_DISPLAY_TYPE: Parameter = Parameter::optional(
    "CallDisplayType",
    Kind::Integer {
        min: 1,
        max: 4,
        zero_is_absent: true,
    },
    "Who sees which number: 1 both see X; 2 A sees B's real number; 3 B sees A's; 4 both see \
     real numbers. 2 to 4 are for an AXB and need the account's permission.",
);

pub(super) const VERIFY_FLAG: Parameter = Parameter::optional(
    "VerifyFlag",
    Kind::Flag,
    "1: the caller must pass voice verification before being connected.",
)
.or("0");

pub(super) const VOICE_CODE: Parameter = Parameter::optional(
    "VoiceCode",
    Kind::TextOrJson {
        chars_max: limits::VOICE_CODE_CHARS_MAX,
    },
    "Code of the prompt played before connecting, or JSON of prompts by role.",
);

pub(super) const USER_DATA: Parameter = Parameter::optional(
    "UserData",
    Kind::FreeText {
        chars_max: limits::USER_DATA_CHARS_MAX,
    },
    "Text of yours, up to 2048 characters, echoed in every event of the binding.",
);

pub(super) const OUT_ID: Parameter = Parameter::optional(
    "OutId",
    Kind::Text {
        chars_max: limits::OUT_ID_CHARS_MAX,
    },
    "Your own business id, up to 128 characters.",
);

pub(super) const ORDER_ID: Parameter = Parameter::optional(
    "OrderId",
    Kind::Text {
        chars_max: limits::ORDER_ID_CHARS_MAX,
    },
    "Order id, for 700 numbers.",
);

pub(super) const TALK_SECONDS_MAX: Parameter = Parameter::optional(
    "TalkSecondsMax",
    Kind::Integer {
        min: limits::TALK_S_LEAST as i64,
        max: limits::TALK_S_MAX as i64,
        zero_is_absent: true,
    },
    "The longest talk of its calls, in seconds, with a tone in the last minute; the account's and \
     the platform's longest hold too (axbridge extension).",
);

pub(super) const INDUSTRIAL_ID: Parameter = Parameter::optional(
    "IndustrialId",
    Kind::Text {
        chars_max: limits::ORDER_ID_CHARS_MAX,
    },
    "Industry registration, for 700 numbers.",
);

pub(super) const CLIENT_TOKEN: Parameter = Parameter::optional(
    "ClientToken",
    Kind::Text {
        chars_max: limits::IDEMPOTENCY_KEY_CHARS_MAX,
    },
    "Idempotency key, up to 64 characters: repeating a request with the same key and parameters \
     gives the same answer and one binding.",
);

pub(super) const IDEMPOTENT_ID: Parameter = Parameter::optional(
    "IdempotentId",
    Kind::Text {
        chars_max: limits::IDEMPOTENCY_KEY_CHARS_MAX,
    },
    "Another name for `ClientToken`, which some clients use; when both are sent they must be \
     equal.",
);

pub(super) const DRY_RUN: Parameter = Parameter::optional(
    "DryRun",
    Kind::Boolean,
    "`true`: check and select, but bind nothing; success is the error `DryRunOperation`.",
)
.or("false");

/// The fields of a binding as the bind actions answer it (vendor doc
/// 6358/1722692).
pub(super) const BOUND_FIELDS: &[Field] = &[
    SUB_ID_FIELD,
    PHONE_NO_X_FIELD,
    Field::new(
        "Status",
        FieldKind::Integer,
        "0 unbound, 1 bound, 2 abnormal.",
    ),
    X_CITY_FIELD,
    A_FIELD,
    A_CITY_FIELD,
    B_FIELD,
    B_CITY_FIELD,
];

/// The same for the upgrade, which knows no `Status` (vendor doc 6358/1722693).
pub(super) const UPGRADED_FIELDS: &[Field] = &[
    SUB_ID_FIELD,
    PHONE_NO_X_FIELD,
    X_CITY_FIELD,
    A_FIELD,
    A_CITY_FIELD,
    B_FIELD,
    B_CITY_FIELD,
];

const SUB_ID_FIELD: Field = Field::new("SubId", FieldKind::Text, "The binding's id.");
const PHONE_NO_X_FIELD: Field = Field::new("PhoneNoX", FieldKind::Text, "X, the privacy number.");
const X_CITY_FIELD: Field = Field::new(
    "PhoneNoXCityCode",
    FieldKind::Text,
    "City of X; empty when it has none.",
);
const A_FIELD: Field = Field::new("PhoneNoA", FieldKind::Text, "A, in clear.");
const A_CITY_FIELD: Field = Field::new(
    "PhoneNoACityCode",
    FieldKind::Text,
    "City of A; empty when it is not known.",
);
const B_FIELD: Field = Field::new(
    "PhoneNoB",
    FieldKind::Text,
    "B, in clear; absent for an AX.",
)
.or_absent();
const B_CITY_FIELD: Field = Field::new(
    "PhoneNoBCityCode",
    FieldKind::Text,
    "City of B, empty when it is not known; absent for an AX.",
)
.or_absent();

/// What a bind asks for, but for its X. The parameters from `PHONE_NO_A` to
/// `TALK_SECONDS_MAX` must be in the action's table.
pub(super) fn terms(call: &Call<'_>) -> Result<Terms, CallError> {
    Ok(Terms {
        a: call.need("PhoneNoA")?,
        b: call.get("PhoneNoB")?,
        expires_at: call.need("ExpireTime")?,
        display: display(call)?.unwrap_or_default(),
        record: call.need("AudioRecordFlag")?,
        verify: call.need("VerifyFlag")?,
        exclusive: call.need("AxConflictAxbFlag")?,
        user_data: call.get("UserData")?,
        out_id: call.get("OutId")?,
        voice_code: call.get("VoiceCode")?,
        order_id: call.get("OrderId")?,
        industrial_id: call.get("IndustrialId")?,
        talk_s_max: call
            .get::<i64>("TalkSecondsMax")?
            .and_then(|seconds| u32::try_from(seconds).ok()),
    })
}

/// `CallDisplayType`, when it was sent.
pub(super) fn display(call: &Call<'_>) -> Result<Option<DisplayType>, CallError> {
    let code = call.get::<i64>("CallDisplayType")?;
    Ok(code.and_then(DisplayType::from_code))
}

/// The idempotency key under either of its names.
pub(super) fn idempotency_key(call: &Call<'_>) -> Result<Option<String>, CallError> {
    let token: Option<String> = call.get("ClientToken")?;
    let id: Option<String> = call.get("IdempotentId")?;
    match (token, id) {
        (Some(token), Some(id)) if token != id => Err(AppError::invalid(
            "IdempotentId",
            "ClientToken and IdempotentId are one key: send one of them, or both alike",
        )
        .into()),
        (token, id) => Ok(token.or(id)),
    }
}

/// A binding as a bind answers it.
pub(super) fn bound(view: &BindingView) -> Value {
    fields(view, true)
}

/// A binding as the upgrade answers it.
pub(super) fn upgraded(view: &BindingView) -> Value {
    fields(view, false)
}

/// `Status` of a binding.
pub(super) fn status(view: &BindingView) -> i64 {
    i64::from(view.live)
}

fn fields(view: &BindingView, with_status: bool) -> Value {
    let (binding, terms) = (&view.binding, &view.binding.terms);
    let mut fields = Map::new();
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    add("SubId", json!(binding.sub_id.to_string()));
    add("PhoneNoX", answer::number(binding.x));
    if with_status {
        add("Status", json!(status(view)));
    }
    add("PhoneNoXCityCode", answer::city(binding.x_city));
    add("PhoneNoA", answer::number(terms.a));
    add("PhoneNoACityCode", answer::city(view.a_city));
    if let Some(b) = terms.b {
        add("PhoneNoB", answer::number(b));
        add("PhoneNoBCityCode", answer::city(view.b_city));
    }
    Value::Object(fields)
}

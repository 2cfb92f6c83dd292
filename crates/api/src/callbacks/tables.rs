//! The fields of every body.

use axbridge_domain::delivery::EventKind;

/// One body.
#[derive(Clone, Copy, Debug)]
pub struct Body {
    /// What a receiver subscribes to for it.
    pub kind: EventKind,
    /// What it is, in one line without a full stop.
    pub title: &'static str,
    /// What a reader should know besides.
    pub description: &'static str,
    /// Its fields, in order.
    pub fields: &'static [BodyField],
}

/// One field of a body.
#[derive(Clone, Copy, Debug)]
pub struct BodyField {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: BodyKind,
    /// Whether it may be absent.
    pub optional: bool,
    /// What it means.
    pub doc: &'static str,
}

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// Text.
    Text,
    /// One of these texts.
    Words(&'static [&'static str]),
    /// Unix seconds as text.
    SecondsText,
    /// A whole number in this range.
    Integer(i64, i64),
    /// Unix milliseconds.
    Milliseconds,
    /// An array of whole numbers.
    Integers,
}

const fn field(name: &'static str, kind: BodyKind, doc: &'static str) -> BodyField {
    BodyField {
        name,
        kind,
        optional: false,
        doc,
    }
}

const fn text(name: &'static str, doc: &'static str) -> BodyField {
    field(name, BodyKind::Text, doc)
}

const fn number(name: &'static str, most: i64, doc: &'static str) -> BodyField {
    field(name, BodyKind::Integer(0, most), doc)
}

const fn time(name: &'static str, doc: &'static str) -> BodyField {
    field(name, BodyKind::Milliseconds, doc)
}

const fn maybe(field: BodyField) -> BodyField {
    BodyField {
        optional: true,
        ..field
    }
}

const ACCOUNT: BodyField = text("accountId", "The account.");
const CALL: BodyField = text(
    "callId",
    "The call: the `SubId` and 16 hex digits; `S`, the last four digits of X and 16 hex digits \
     for a call without a binding.",
);
const SERVICE: BodyField = number("serviceType", 200, "200: privacy numbers.");
const SUB_SERVICE: BodyField = number(
    "subServiceType",
    206,
    "The kind of the pool: 201 AX and AXB.",
);
const POOL: BodyField = text("numberPoolNo", "The pool of X.");
const SUBSCRIPTION: BodyField = text(
    "subscriptionId",
    "The binding's `SubId`; empty without one.",
);
const USER_DATA: BodyField = text("userData", "As the bind gave it; empty without.");
const MESSAGE_TYPE: BodyField = number(
    "messageType",
    3,
    "1 call status, 2 call record, 3 recording.",
);
const CALLER: BodyField = text("caller", "Who called; empty when the number is withheld.");
const CALLEE: BodyField = text("callee", "Who was to ring; empty when nobody was.");
const X: BodyField = text("phoneNoX", "The privacy number.");
const A: BodyField = text("phoneNoA", "The binding's A; empty without a binding.");
const B: BodyField = text("phoneNoB", "The binding's B; empty without one.");

/// All bodies.
pub const BODIES: &[Body] = &[
    Body {
        kind: EventKind::CallStatus,
        title: "Call status",
        description: "A moment of a call. Retried for five minutes only: later it is no news.",
        fields: &[
            ACCOUNT,
            CALL,
            SERVICE,
            CALLER,
            CALLEE,
            field(
                "eventTime",
                BodyKind::SecondsText,
                "When it was: Unix seconds, as text.",
            ),
            number(
                "eventType",
                4,
                "1 call started, 2 callee rings, 3 connected, 4 ended.",
            ),
            field(
                "allEventType",
                BodyKind::Integers,
                "The events that this call has in the normal case.",
            ),
            X,
            A,
            B,
            SUBSCRIPTION,
            MESSAGE_TYPE,
            USER_DATA,
        ],
    },
    Body {
        kind: EventKind::CallRecord,
        title: "Call record (CDR)",
        description: "What a finished call leaves, one message a call. A call that no binding \
                      answered has an empty `subscriptionId` and `callResult` 13.",
        fields: CALL_RECORD,
    },
    Body {
        kind: EventKind::Recording,
        title: "Recording",
        description: "A recording can be fetched. The links are signed and expire; \
                      `QueryAudioRecordFileUrl` gives new ones.",
        fields: &[
            ACCOUNT,
            CALL,
            SERVICE,
            text("audioRecordUrl", "Both voices in one file."),
            text("audioRecordLeftUrl", "The caller's voice."),
            text("audioRecordRightUrl", "The callee's voice."),
            MESSAGE_TYPE,
            number(
                "audioRecordModel",
                3,
                "1 the caller is on the left track, 2 on the right, 3 mixed only. Ours is 1.",
            ),
            USER_DATA,
        ],
    },
    Body {
        kind: EventKind::RecordingFailed,
        title: "Recording failed (axbridge extension)",
        description: "A call that was to be recorded has no recording and will have none, unless \
                      the operator mends it by hand. The vendor has no such message; it has no \
                      `messageType`, so that nobody takes it for a recording.",
        fields: &[
            ACCOUNT,
            CALL,
            SERVICE,
            field(
                "recordingEvent",
                BodyKind::Words(&["failed"]),
                "What happened.",
            ),
            field(
                "eventTime",
                BodyKind::SecondsText,
                "When it was given up: Unix seconds, as text.",
            ),
            text("reason", "Why, in words."),
            USER_DATA,
        ],
    },
    Body {
        kind: EventKind::NumberStatus,
        title: "Number status",
        description: "A privacy number was enabled, disabled or taken out of its pool.",
        fields: &[
            ACCOUNT,
            text("number", "The privacy number."),
            POOL,
            SERVICE,
            SUB_SERVICE,
            number("numberType", 1, "0 mobile, 1 landline."),
            field(
                "numberStatus",
                BodyKind::Integer(-1, 6),
                "1 in use, 2 disabled by the account, 3 disabled by the platform, 4 deregistered.",
            ),
            text("reason", "Why, in words."),
        ],
    },
    Body {
        kind: EventKind::Risk,
        title: "Freeze and unfreeze",
        description: "Risk control froze or freed a real number.",
        fields: RISK,
    },
    Body {
        kind: EventKind::Binding,
        title: "Binding (axbridge extension)",
        description: "A binding was made, changed or ended. The vendor has no such message.",
        fields: &[
            ACCOUNT,
            SUBSCRIPTION,
            field(
                "eventTime",
                BodyKind::SecondsText,
                "When it was: Unix seconds, as text.",
            ),
            field(
                "bindingEvent",
                BodyKind::Words(&["bound", "updated", "unbound", "expired"]),
                "What happened.",
            ),
            POOL,
            X,
            text("phoneNoXCityCode", "The city of X; empty when it has none."),
            A,
            B,
            field(
                "expireTime",
                BodyKind::SecondsText,
                "When it ends or ended: Unix seconds, as text.",
            ),
            text("outId", "As the bind gave it; empty without."),
            USER_DATA,
        ],
    },
];

const CALL_RECORD: &[BodyField] = &[
    ACCOUNT,
    CALL,
    SERVICE,
    SUB_SERVICE,
    POOL,
    CALLER,
    text("callerCountryIsoCode", "`CN`; empty without a number."),
    text(
        "callerProvinceCode",
        "Two digits by GB/T 2260; empty when the city is not known. The vendor's codes are not \
         public.",
    ),
    text("callerCityCode", "Area code; empty when it is not known."),
    CALLEE,
    text("calleeCountryIsoCode", "As for the caller."),
    text("calleeProvinceCode", "As for the caller."),
    text("calleeCityCode", "As for the caller."),
    time("beginCallTime", "When the call arrived, in milliseconds."),
    maybe(time(
        "ringTime",
        "When the callee's phone rang; absent if it did not.",
    )),
    maybe(time(
        "startTime",
        "When they were connected; absent if they were not.",
    )),
    time("endTime", "When it ended."),
    number(
        "releaseType",
        2,
        "Who ended it: 0 the platform, 1 the caller, 2 the callee.",
    ),
    number(
        "callDuration",
        1_000_000,
        "Whole seconds that they were connected.",
    ),
    number(
        "callResult",
        35,
        "How it came out; 1 is connected, 13 no binding.",
    ),
    number(
        "audioRecordFlag",
        1,
        "1 recorded in two tracks, 0 not (here it is not the flag of the bind).",
    ),
    time("cdrCreateTime", "When this record was made."),
    maybe(text(
        "verifyVoiceCode",
        "The prompt of the voice verification, if there was one.",
    )),
    maybe(text(
        "verifyCorrectAnwser",
        "The right answer. The spelling is the vendor's.",
    )),
    maybe(text("verifyAnwser", "What was keyed.")),
    maybe(number("verifyResult", 1, "0 wrong, 1 right.")),
    SUBSCRIPTION,
    X,
    text("phoneNoXCountryIsoCode", "`CN`."),
    text("phoneNoXProvinceCode", "As for the caller."),
    text("phoneNoXCityCode", "The city of X; empty when it has none."),
    A,
    B,
    number(
        "secretCallType",
        3,
        "1 A called B, 2 B called A, 3 somebody else called X. The vendor's table is not public.",
    ),
    MESSAGE_TYPE,
    number(
        "callDisplayType",
        4,
        "Of the binding: 1 both see X, 2 A sees B, 3 B sees A, 4 both see real numbers.",
    ),
    number("cdrType", 2, "1 voice."),
    USER_DATA,
    text("outId", "As the bind gave it; empty without."),
];

const RISK: &[BodyField] = &[
    ACCOUNT,
    text("businessLineId", "The account again."),
    SERVICE,
    field(
        "subServiceType",
        BodyKind::Integer(i32::MIN as i64, i32::MAX as i64),
        "As it was asked for.",
    ),
    text(
        "city",
        "The city of the number, in Chinese; empty when it is not known.",
    ),
    text("cityCode", "Its area code."),
    text("province", "Its province, in Chinese."),
    text("provinceCode", "Its province, two digits by GB/T 2260."),
    field(
        "controlType",
        BodyKind::Words(&["frozen", "unFrozen"]),
        "Whether it was frozen or freed.",
    ),
    text("creatorId", "The access key that asked for it."),
    text("creatorName", "The same."),
    text("customerNumber", "The real number."),
    text(
        "startTime",
        "Since when, `yyyy-MM-dd HH:mm:ss` in China's time.",
    ),
    text(
        "expiryTime",
        "Until when, in the same form; for good is 2099-12-31 23:59:59.",
    ),
    number("highRisk", 1, "0: we judge no one."),
    text("reasonId", "Empty: we have no catalogue of reasons."),
    text("remark", "What was noted with it."),
    text("sourceId", "The blacklist entry: `RF` and 16 hex digits."),
    number("status", 2, "2 frozen, 0 usable."),
    text(
        "treatmentId",
        "The code of the freeze time: 12, 13, 14, 15 or 29.",
    ),
    text("treatmentName", "The freeze time in words."),
    text("ruleCode", "Empty: people freeze, no rule does."),
    text("ruleName", "Empty."),
    field(
        "type",
        BodyKind::Integer(1, 10),
        "What it may not do: 1 be called, 5 be bound as A, 6 as B, 7 to 10 by direction.",
    ),
];

/// The body of a kind.
#[must_use]
pub fn body_of(kind: EventKind) -> Option<&'static Body> {
    BODIES.iter().find(|body| body.kind == kind)
}

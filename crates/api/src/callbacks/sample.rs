//! A made-up message of each kind, for test deliveries.

use axbridge_app::{
    callbacks::message::{
        BindingMoment, LostRecording, Message, NewRiskEntry, NumberNotice, RecordingNotice,
        RiskEntry, RiskNotice,
    },
    model::{CallBinding, CallEnd, CallRecord},
    records::{CallMoment, CallView},
};
use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType, SubId, Terms},
    call::{CallId, CallResult, Direction, ReleasedBy},
    city::CityCode,
    delivery::EventKind,
    inventory::NumberState,
    phone::PhoneNumber,
    pool::{PoolKind, PoolNo},
    risk::{FreezeTime, Restriction, RiskEntryId},
    time::Timestamp,
};

/// The vendor's own examples: numbers that belong to nobody.
const A: &str = "13700000000";
const B: &str = "13700000001";
const X: &str = "17000000000";
/// How long the made-up call rang and lasted, in milliseconds.
const RANG_MS: i64 = 5_000;
const LASTED_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

/// A made-up message of this kind, about a call that ends `now`. Its ids name nothing.
#[must_use]
pub fn sample(kind: EventKind, account: AccountId, now: Timestamp) -> Option<Message> {
    let binding = binding(account, now)?;
    let call = CallId::bound(binding.sub_id, 0);
    Some(match kind {
        EventKind::CallStatus => Message::CallStatus {
            call: view(&binding, call, now),
            moment: CallMoment::Ended,
            at: now,
        },
        EventKind::CallRecord => Message::CallRecord {
            call: view(&binding, call, now),
            at: now,
        },
        EventKind::Recording => {
            let url = |name: &str| format!("https://example.com/recordings/{call}{name}");
            Message::Recording(RecordingNotice {
                account,
                call,
                mixed_url: url(".wav"),
                left_url: url("-left.wav"),
                right_url: url("-right.wav"),
                user_data: binding.terms.user_data,
            })
        }
        EventKind::RecordingFailed => Message::RecordingFailed(LostRecording {
            account,
            call,
            why: "a test of the callback".to_owned(),
            at: now,
            user_data: binding.terms.user_data,
        }),
        EventKind::NumberStatus => Message::NumberStatus(NumberNotice {
            account,
            number: binding.x,
            pool: binding.pool,
            kind: PoolKind::Axb,
            state: NumberState::Enabled,
        }),
        EventKind::Risk => Message::Risk(risk(&binding, now)),
        EventKind::Binding => Message::Binding {
            binding,
            change: BindingMoment::Bound,
            at: now,
        },
    })
}

fn binding(account: AccountId, now: Timestamp) -> Option<Binding> {
    let x = PhoneNumber::parse(X).ok()?;
    let begun_at = now.plus_ms(-LASTED_MS);
    Some(Binding {
        sub_id: SubId::new(begun_at, x, 0),
        account,
        pool: PoolNo::new(0)?,
        x,
        x_city: CityCode::parse("010").ok(),
        created_at: begun_at,
        ended_at: None,
        terms: Terms {
            a: PhoneNumber::parse(A).ok()?,
            b: PhoneNumber::parse(B).ok(),
            expires_at: now.plus_ms(HOUR_MS),
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: false,
            user_data: Some("a test of the callback".to_owned()),
            out_id: Some("test".to_owned()),
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
    })
}

fn view(binding: &Binding, call: CallId, now: Timestamp) -> CallView {
    let begun_at = now.plus_ms(-LASTED_MS);
    CallView {
        call: CallRecord {
            id: call,
            account: binding.account,
            pool: binding.pool,
            kind: PoolKind::Axb,
            x: binding.x,
            x_city: binding.x_city,
            binding: Some(CallBinding::from(binding)),
            caller: Some(binding.terms.a),
            callee: binding.terms.b,
            direction: Direction::AToB,
            record: true,
            trunk: "test".to_owned(),
            node: "test".to_owned(),
            begun_at,
            ringing_at: Some(begun_at),
            answered_at: Some(begun_at.plus_ms(RANG_MS)),
            ended_at: Some(now),
            end: Some(CallEnd {
                result: CallResult::Connected,
                released_by: ReleasedBy::Caller,
                verification: None,
            }),
        },
        caller_city: None,
        callee_city: None,
    }
}

fn risk(binding: &Binding, now: Timestamp) -> RiskNotice {
    RiskNotice {
        entry: RiskEntry {
            made: NewRiskEntry {
                id: RiskEntryId::new(0),
                account: binding.account,
                number: binding.terms.a,
                restriction: Restriction::BoundAsA,
                freeze_time: FreezeTime::Days30,
                service_type: 200,
                sub_service_type: 201,
                remark: "a test of the callback".to_owned(),
                made_by: "test".to_owned(),
            },
            started_at: now,
            expires_at: now.plus_ms(720 * HOUR_MS),
            ended_at: None,
        },
        city: None,
        frozen: true,
        at: now,
    }
}

//! Calls: each step is written once, with its events; what is over stays as it was.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType},
    call::{CallId, CallResult, Direction, ReleasedBy},
    phone::PhoneNumber,
    pool::PoolKind,
    time::Timestamp,
};
use axbridge_store::{
    error::StoreError,
    model::{
        BindingChange, CallBinding, CallEnd, CallFilter, CallRecord, NewCall, Page, Topic,
        Verification,
    },
};

use crate::world::{ALL, MINUTE, SECOND, World, a, at, b, other_account, pool_no, x};

scenarios!(
    a_call_leaves_its_record_and_its_events,
    a_step_done_twice_changes_nothing,
    of_two_ends_at_once_the_first_counts,
    what_comes_too_late_changes_nothing,
    a_record_keeps_what_its_binding_was,
    a_call_without_a_binding_is_written_too,
    a_call_to_a_foreign_number_is_refused,
    moments_never_run_backwards,
    calls_are_found_by_what_they_were,
    pages_of_calls_fit_together,
    accounts_see_their_own_calls_only,
    open_calls_are_those_without_an_end,
    calls_stay_after_the_store_was_closed,
    odd_texts_come_back_as_they_were,
);

pub(crate) const NODE: &str = "node-1";

/// A call by a binding that rings the other party.
pub(crate) fn by(binding: &Binding, caller: PhoneNumber, nonce: u64) -> NewCall {
    let callee = match Some(caller) == binding.terms.b {
        true => Some(binding.terms.a),
        false => binding.terms.b,
    };
    NewCall {
        id: CallId::bound(binding.sub_id, nonce),
        account: binding.account,
        x: binding.x,
        binding: Some(CallBinding::from(binding)),
        caller: Some(caller),
        callee,
        direction: Direction::of(binding, Some(caller)),
        record: binding.terms.record,
        trunk: "carrier".to_owned(),
        node: NODE.to_owned(),
    }
}

/// A call by a stranger.
fn stray(number: PhoneNumber, caller: PhoneNumber, nonce: u64) -> NewCall {
    NewCall {
        id: CallId::unbound(number, nonce),
        account: AccountId::DEFAULT,
        x: number,
        binding: None,
        caller: Some(caller),
        callee: None,
        direction: Direction::Other,
        record: false,
        trunk: "carrier".to_owned(),
        node: NODE.to_owned(),
    }
}

pub(crate) fn ended_by(released_by: ReleasedBy, result: CallResult) -> CallEnd {
    CallEnd {
        result,
        released_by,
        verification: None,
    }
}

fn connected() -> CallEnd {
    ended_by(ReleasedBy::Caller, CallResult::Connected)
}

impl World {
    pub(crate) async fn begin(&self, call: &NewCall, now: Timestamp) -> CallId {
        let begun = self.store.begin_call(call.clone(), now).await;
        begun.expect("the store works");
        call.id
    }

    async fn rings_now(&self, call: CallId, now: Timestamp) -> bool {
        let rings = self.store.call_ringing(call, now).await;
        rings.expect("the store works")
    }

    async fn answers_now(&self, call: CallId, now: Timestamp) -> bool {
        let answers = self.store.call_answered(call, now).await;
        answers.expect("the store works")
    }

    pub(crate) async fn ends_now(&self, call: CallId, end: CallEnd, now: Timestamp) -> bool {
        let ends = self.store.end_call(call, end, now).await;
        ends.expect("the store works")
    }

    pub(crate) async fn record_of(&self, call: CallId) -> CallRecord {
        let found = self.store.call(call).await;
        found.expect("the store works").expect("it is written")
    }

    /// The ids of the calls that fit, newest first.
    pub(crate) async fn calls(&self, filter: &CallFilter) -> Vec<CallId> {
        let found = self.store.list_calls(filter, ALL).await;
        let found = found.expect("the store works");
        assert_eq!(found.total, found.rows.len() as u64);
        found.rows.iter().map(|call| call.id).collect()
    }

    async fn told_of(&self, call: CallId) -> Vec<(Topic, Timestamp)> {
        let subject = call.to_string();
        let events = self.events_after(0).await.into_iter();
        let own = events.filter(|event| event.subject == subject);
        own.map(|event| (event.topic, event.at)).collect()
    }
}

async fn one_binding(world: &World) -> Binding {
    world.stock(2).await;
    let mut command = world.named(x(0), a(1), b(1));
    command.terms.user_data = Some("order 7".to_owned());
    command.terms.out_id = Some("out".to_owned());
    world.bound(command, at(0)).await
}

async fn a_call_leaves_its_record_and_its_events(world: &mut World) {
    let binding = one_binding(world).await;
    let new = by(&binding, b(1), 1);
    let call = world.begin(&new, at(SECOND)).await;
    let open = world.record_of(call).await;
    assert_eq!((open.ended_at, &open.end, open.talk_ms()), (None, &None, 0));
    assert!(world.rings_now(call, at(2 * SECOND)).await);
    assert!(world.answers_now(call, at(5 * SECOND)).await);
    let end = CallEnd {
        verification: Some(Verification {
            voice_code: "ask.wav".to_owned(),
            correct: "4711".to_owned(),
            answer: "4712".to_owned(),
            passed: false,
        }),
        ..connected()
    };
    assert!(world.ends_now(call, end.clone(), at(65_500)).await);
    let expected = CallRecord {
        id: call,
        account: AccountId::DEFAULT,
        pool: binding.pool,
        kind: PoolKind::Axb,
        x: x(0),
        x_city: binding.x_city,
        binding: Some(CallBinding {
            sub_id: binding.sub_id,
            a: a(1),
            b: Some(b(1)),
            display: DisplayType::BothSeeX,
            user_data: Some("order 7".to_owned()),
            out_id: Some("out".to_owned()),
        }),
        caller: Some(b(1)),
        callee: Some(a(1)),
        direction: Direction::BToA,
        record: true,
        trunk: "carrier".to_owned(),
        node: NODE.to_owned(),
        begun_at: at(SECOND),
        ringing_at: Some(at(2 * SECOND)),
        answered_at: Some(at(5 * SECOND)),
        ended_at: Some(at(65_500)),
        end: Some(end),
    };
    let record = world.record_of(call).await;
    assert_eq!(record, expected);
    assert_eq!(record.talk_ms(), 60_500);
    let told = [
        (Topic::CallStarted, at(SECOND)),
        (Topic::CallRinging, at(2 * SECOND)),
        (Topic::CallAnswered, at(5 * SECOND)),
        (Topic::CallEnded, at(65_500)),
        (Topic::CallRecord, at(65_500)),
    ];
    assert_eq!(world.told_of(call).await, told);
    let events = world.events_after(0).await;
    let accounts = events.iter().map(|event| event.account);
    assert!(accounts.eq(vec![AccountId::DEFAULT; events.len()]));
}

async fn a_step_done_twice_changes_nothing(world: &mut World) {
    let binding = one_binding(world).await;
    let new = by(&binding, a(1), 1);
    let call = world.begin(&new, at(0)).await;
    world.begin(&new, at(1)).await;
    assert!(world.rings_now(call, at(2)).await);
    assert!(!world.rings_now(call, at(3)).await);
    assert!(world.answers_now(call, at(4)).await);
    assert!(!world.answers_now(call, at(5)).await);
    assert!(world.ends_now(call, connected(), at(6)).await);
    let before = world.record_of(call).await;
    let other = ended_by(ReleasedBy::Platform, CallResult::PlatformError);
    assert!(!world.ends_now(call, other, at(7)).await);
    assert_eq!(world.record_of(call).await, before);
    assert_eq!(world.told_of(call).await.len(), 5);
    let unknown = CallId::bound(binding.sub_id, 99);
    assert!(!world.rings_now(unknown, at(8)).await);
    assert!(!world.answers_now(unknown, at(8)).await);
    assert!(!world.ends_now(unknown, connected(), at(8)).await);
    assert_eq!(world.told_of(unknown).await, []);
}

async fn of_two_ends_at_once_the_first_counts(world: &mut World) {
    let binding = one_binding(world).await;
    for nonce in 0..20 {
        let call = world.begin(&by(&binding, a(1), nonce), at(0)).await;
        let caller = ended_by(ReleasedBy::Caller, CallResult::CallerHungUp);
        let callee = ended_by(ReleasedBy::Callee, CallResult::Rejected);
        let (one, two) = tokio::join!(
            world.store.end_call(call, caller.clone(), at(1)),
            world.store.end_call(call, callee.clone(), at(1)),
        );
        let (one, two) = (one.expect("works"), two.expect("works"));
        assert!(one != two, "one of the two ended it");
        let end = world.record_of(call).await.end;
        assert_eq!(end, Some(if one { caller } else { callee }));
        let told: Vec<_> = world.told_of(call).await;
        let records = told.iter().filter(|told| told.0 == Topic::CallRecord);
        assert_eq!(records.count(), 1);
    }
}

async fn what_comes_too_late_changes_nothing(world: &mut World) {
    let binding = one_binding(world).await;
    let call = world.begin(&by(&binding, a(1), 1), at(0)).await;
    assert!(world.answers_now(call, at(1)).await);
    assert!(!world.rings_now(call, at(2)).await, "it is answered");
    assert!(world.ends_now(call, connected(), at(3)).await);
    assert!(!world.rings_now(call, at(4)).await);
    assert!(!world.answers_now(call, at(4)).await);
    let record = world.record_of(call).await;
    assert_eq!((record.ringing_at, record.answered_at), (None, Some(at(1))));
    let topics = world.told_of(call).await.into_iter().map(|told| told.0);
    assert!(topics.eq([
        Topic::CallStarted,
        Topic::CallAnswered,
        Topic::CallEnded,
        Topic::CallRecord
    ]));
}

async fn a_record_keeps_what_its_binding_was(world: &mut World) {
    let binding = one_binding(world).await;
    let call = world.begin(&by(&binding, a(1), 1), at(0)).await;
    let before = world.record_of(call).await;
    for change in [
        BindingChange::PhoneB(b(2)),
        BindingChange::UserData(Some("other".to_owned())),
        BindingChange::PhoneX(x(1)),
    ] {
        world.update(&binding, change, at(1)).await.expect("free");
    }
    assert_eq!(world.unbind(&binding, at(2)).await, Ok(()));
    assert_eq!(world.record_of(call).await, before);
}

async fn a_call_without_a_binding_is_written_too(world: &mut World) {
    world.stock(1).await;
    let mut new = stray(x(0), b(9), 1);
    let call = world.begin(&new, at(0)).await;
    new.id = CallId::unbound(x(0), 2);
    new.caller = None;
    let withheld = world.begin(&new, at(1)).await;
    let none = ended_by(ReleasedBy::Platform, CallResult::NoBinding);
    assert!(world.ends_now(call, none.clone(), at(2)).await);
    let record = world.record_of(call).await;
    assert_eq!((record.binding, record.callee), (None, None));
    assert_eq!((record.caller, record.end), (Some(b(9)), Some(none)));
    assert_eq!(world.record_of(withheld).await.caller, None);
}

async fn a_call_to_a_foreign_number_is_refused(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    let mut foreign = stray(x(0), b(9), 1);
    foreign.account = other_account();
    let nobodys = stray(x(77), b(9), 2);
    for call in [foreign, nobodys] {
        let id = call.id;
        let begun = world.store.begin_call(call, at(0)).await;
        assert!(matches!(begun, Err(StoreError::Internal(_))), "{begun:?}");
        assert_eq!(world.store.call(id).await.expect("works"), None);
        assert_eq!(world.told_of(id).await, []);
    }
}

async fn moments_never_run_backwards(world: &mut World) {
    let binding = one_binding(world).await;
    let call = world.begin(&by(&binding, a(1), 1), at(10)).await;
    world.rings_now(call, at(5)).await;
    world.answers_now(call, at(4)).await;
    world.ends_now(call, connected(), at(3)).await;
    let record = world.record_of(call).await;
    let moments = [
        Some(record.begun_at),
        record.ringing_at,
        record.answered_at,
        record.ended_at,
    ];
    assert!(moments.iter().all(Option::is_some));
    assert!(moments.is_sorted(), "{moments:?}");
}

async fn calls_are_found_by_what_they_were(world: &mut World) {
    let binding = one_binding(world).await;
    let one = world.begin(&by(&binding, a(1), 1), at(0)).await;
    let two = world.begin(&by(&binding, b(1), 2), at(MINUTE)).await;
    let mut other_node = stray(x(1), b(9), 3);
    other_node.node = "node-2".to_owned();
    // The next month: a number has another digest there.
    let later = at(40 * 24 * 60 * MINUTE);
    let three = world.begin(&other_node, later).await;
    let four = world.begin(&stray(x(1), a(1), 4), later.plus_ms(1)).await;
    let busy = ended_by(ReleasedBy::Callee, CallResult::Busy);
    world.ends_now(two, busy, later).await;
    let all = CallFilter::default;
    for (filter, found) in [
        (all(), vec![four, three, two, one]),
        (
            CallFilter {
                sub_id: Some(binding.sub_id),
                ..all()
            },
            vec![two, one],
        ),
        (
            CallFilter {
                x: Some(x(1)),
                ..all()
            },
            vec![four, three],
        ),
        (
            CallFilter {
                party: Some(a(1)),
                ..all()
            },
            vec![four, two, one],
        ),
        (
            CallFilter {
                party: Some(b(9)),
                ..all()
            },
            vec![three],
        ),
        (
            CallFilter {
                party: Some(b(5)),
                ..all()
            },
            vec![],
        ),
        (
            CallFilter {
                party: Some(x(0)),
                ..all()
            },
            vec![],
        ),
        (
            CallFilter {
                from: Some(at(MINUTE)),
                ..all()
            },
            vec![four, three, two],
        ),
        (
            CallFilter {
                until: Some(at(MINUTE)),
                ..all()
            },
            vec![one],
        ),
        (
            CallFilter {
                party: Some(a(1)),
                from: Some(at(1)),
                until: Some(later),
                ..all()
            },
            vec![two],
        ),
        (
            CallFilter {
                result: Some(CallResult::Busy),
                ..all()
            },
            vec![two],
        ),
        (
            CallFilter {
                node: Some("node-2".to_owned()),
                ..all()
            },
            vec![three],
        ),
        (
            CallFilter {
                account: Some(AccountId::DEFAULT),
                party: Some(a(1)),
                x: Some(x(0)),
                ..all()
            },
            vec![two, one],
        ),
    ] {
        assert_eq!(world.calls(&filter).await, found, "{filter:?}");
    }
    let unknown = CallId::bound(binding.sub_id, 99);
    let asked = [two, unknown, one, four];
    let found = world.store.calls_by_ids(None, &asked).await.expect("works");
    let found: Vec<_> = found.iter().map(|call| call.id).collect();
    assert_eq!(found, [two, one, four]);
}

async fn pages_of_calls_fit_together(world: &mut World) {
    let binding = one_binding(world).await;
    for nonce in 0..7 {
        // Two of the same moment stand in one order all the same.
        let now = at(i64::try_from(nonce).expect("small") / 2);
        world.begin(&by(&binding, a(1), nonce), now).await;
    }
    let filter = CallFilter::default();
    let whole = world.calls(&filter).await;
    let mut seen = Vec::new();
    for offset in [0, 3, 6, 9] {
        let page = Page { offset, limit: 3 };
        let found = world.store.list_calls(&filter, page).await.expect("works");
        assert_eq!(found.total, 7);
        seen.extend(found.rows.iter().map(|call| call.id));
    }
    assert_eq!(seen, whole);
}

async fn accounts_see_their_own_calls_only(world: &mut World) {
    let binding = one_binding(world).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let own = world.begin(&by(&binding, a(1), 1), at(0)).await;
    let mut foreign = stray(x(9), a(1), 2);
    foreign.account = other_account();
    let foreign = world.begin(&foreign, at(1)).await;
    let of = |account| CallFilter {
        account: Some(account),
        party: Some(a(1)),
        ..CallFilter::default()
    };
    assert_eq!(world.calls(&of(AccountId::DEFAULT)).await, [own]);
    assert_eq!(world.calls(&of(other_account())).await, [foreign]);
    let asked = [own, foreign];
    let found = world
        .store
        .calls_by_ids(Some(other_account()), &asked)
        .await
        .expect("works");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].id, foreign);
}

async fn open_calls_are_those_without_an_end(world: &mut World) {
    let binding = one_binding(world).await;
    let one = world.begin(&by(&binding, a(1), 1), at(0)).await;
    let mut other = by(&binding, a(1), 2);
    other.node = "node-2".to_owned();
    let two = world.begin(&other, at(1)).await;
    let over = world.begin(&by(&binding, a(1), 3), at(2)).await;
    world.ends_now(over, connected(), at(3)).await;
    let open = async |node: Option<&str>, before, limit| {
        let open = world.store.open_calls(node, before, limit).await;
        let open = open.expect("the store works").into_iter();
        open.map(|call| call.id).collect::<Vec<_>>()
    };
    assert_eq!(open(None, at(9), 10).await, [one, two]);
    assert_eq!(open(None, at(9), 1).await, [one]);
    assert_eq!(open(Some("node-2"), at(9), 10).await, [two]);
    assert_eq!(open(None, at(1), 10).await, [one]);
    assert_eq!(open(Some("node-9"), at(9), 10).await, []);
}

async fn calls_stay_after_the_store_was_closed(world: &mut World) {
    let binding = one_binding(world).await;
    let over = world.begin(&by(&binding, a(1), 1), at(0)).await;
    world.answers_now(over, at(1)).await;
    world.ends_now(over, connected(), at(2)).await;
    let open = world.begin(&by(&binding, b(1), 2), at(3)).await;
    world.rings_now(open, at(4)).await;
    let before = (world.record_of(over).await, world.record_of(open).await);
    world.reopen(at(5)).await;
    let after = (world.record_of(over).await, world.record_of(open).await);
    assert_eq!(after, before);
    assert!(!world.ends_now(over, connected(), at(6)).await);
    assert!(world.answers_now(open, at(7)).await);
    assert!(world.ends_now(open, connected(), at(8)).await);
    let party = CallFilter {
        party: Some(b(1)),
        ..CallFilter::default()
    };
    assert_eq!(world.calls(&party).await, [open, over]);
    let next = world.begin(&by(&binding, b(1), 3), at(9)).await;
    assert_eq!(world.calls(&party).await, [next, open, over]);
    assert_eq!(world.told_of(over).await.len(), 4);
    assert_eq!(world.told_of(open).await.len(), 5);
}

async fn odd_texts_come_back_as_they_were(world: &mut World) {
    let binding = one_binding(world).await;
    let mut new = by(&binding, a(1), 1);
    new.trunk = "a\0b".to_owned();
    let snapshot = new.binding.as_mut().expect("it has one");
    snapshot.user_data = Some("\0\u{1}你好".to_owned());
    snapshot.out_id = Some(String::new());
    let call = world.begin(&new, at(0)).await;
    let end = CallEnd {
        verification: Some(Verification {
            voice_code: String::new(),
            correct: String::new(),
            answer: "#*\0".to_owned(),
            passed: true,
        }),
        ..connected()
    };
    world.ends_now(call, end.clone(), at(1)).await;
    let record = world.record_of(call).await;
    assert_eq!((record.binding, record.trunk), (new.binding, new.trunk));
    assert_eq!(record.end, Some(end));
}

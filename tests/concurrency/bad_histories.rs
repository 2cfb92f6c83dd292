//! Histories made by hand. Those that break a promise must be rejected, or the checker proves
//! nothing; their sound twins must not.

use axbridge_domain::{account::AccountId, binding::SubId, time::Timestamp};
use axbridge_store::{
    error::{BindRefusal, ChangeRefusal, NumberRefusal},
    model::CallRoute,
};

use crate::{
    checker::{Timed, explain},
    held::Held,
    model::{Answer, Call, Talk},
    play::{NUMBERS, world},
    venue::{at, person, x},
};

const LIFE: i64 = 10_000;

/// A history under construction: each talk takes the ticks that it is given.
#[derive(Default)]
struct History(Vec<Timed<Talk>>);

impl History {
    fn add(mut self, ticks: (u64, u64), now: Timestamp, call: Call, answer: Answer) -> Self {
        self.0.push(Timed {
            began: ticks.0,
            ended: ticks.1,
            moments: vec![now],
            event: Talk { call, answer },
        });
        self.0.sort_by_key(|event| event.began);
        self
    }

    fn is_explained(&self) -> bool {
        explain(&world(), &self.0).is_ok()
    }
}

fn binding(nonce: u32, x_index: u64, a: u64, b: u64, now: Timestamp) -> Held {
    Held {
        sub_id: SubId::new(now, x(x_index), nonce),
        x: x(x_index),
        a: person(a),
        b: Some(person(b)),
        exclusive: false,
        created_at: now,
        expires_at: at(LIFE),
        ended_at: None,
    }
}

/// The bind that asks for just this binding, by name or not.
fn asks(held: &Held, by_name: bool) -> Call {
    Call::Bind {
        x: by_name.then_some(held.x),
        a: held.a,
        b: held.b,
        exclusive: held.exclusive,
        expires_at: held.expires_at,
        key: None,
        live_max: None,
    }
}

fn bound(history: History, ticks: (u64, u64), held: Held) -> History {
    let call = asks(&held, true);
    history.add(ticks, held.created_at, call, Answer::Bound(held))
}

fn dial(held: &Held) -> Call {
    Call::Dial {
        x: held.x,
        caller: held.a,
    }
}

fn ended(held: &Held) -> Answer {
    Answer::Routed(CallRoute::Ended {
        sub_id: held.sub_id,
        account: AccountId::DEFAULT,
    })
}

fn no_binding() -> Answer {
    Answer::Routed(CallRoute::NoBinding {
        account: AccountId::DEFAULT,
    })
}

fn conflict(by: &Held) -> Answer {
    Answer::NotBound(BindRefusal::Number(NumberRefusal::Conflict {
        by: by.sub_id,
        by_ax: false,
    }))
}

#[test]
fn one_route_given_to_two_is_rejected() {
    let (first, second) = (binding(1, 0, 0, 1, at(0)), binding(2, 0, 0, 2, at(0)));
    let twice = bound(bound(History::default(), (0, 3), first), (1, 2), second);
    assert!(!twice.is_explained());
    let sound = bound(History::default(), (0, 3), first).add(
        (1, 4),
        at(0),
        asks(&second, true),
        conflict(&first),
    );
    assert!(sound.is_explained());
}

#[test]
fn an_unbind_that_is_lost_is_rejected() {
    let held = binding(1, 0, 0, 1, at(0));
    let unbound = || {
        let history = bound(History::default(), (0, 1), held);
        history.add((2, 3), at(5), Call::Unbind(held.sub_id), Answer::Done)
    };
    let lost = unbound().add((4, 5), at(6), Call::Unbind(held.sub_id), Answer::Done);
    assert!(!lost.is_explained());
    let still_shown = unbound().add(
        (4, 5),
        at(6),
        Call::Show(held.sub_id),
        Answer::Shown(Some(held)),
    );
    assert!(!still_shown.is_explained());
    let refusal = Answer::NotChanged(ChangeRefusal::NoSuchBinding);
    let sound = unbound().add((4, 5), at(6), Call::Unbind(held.sub_id), refusal);
    assert!(sound.is_explained());
}

#[test]
fn a_call_that_does_not_see_an_answered_change_is_rejected() {
    let held = binding(1, 0, 0, 1, at(0));
    let history = || bound(History::default(), (0, 4), held);
    assert!(
        !history()
            .add((5, 6), at(1), dial(&held), no_binding())
            .is_explained()
    );
    // While the bind is under way, both answers are right, but not the new one before the old one.
    assert!(
        history()
            .add((1, 2), at(0), dial(&held), no_binding())
            .is_explained()
    );
    let unbound = || history().add((5, 9), at(7), Call::Unbind(held.sub_id), Answer::Done);
    assert!(
        unbound()
            .add((6, 8), at(7), dial(&held), ended(&held))
            .is_explained()
    );
    let back_and_forth = unbound().add((6, 7), at(7), dial(&held), ended(&held)).add(
        (8, 10),
        at(7),
        Call::Show(held.sub_id),
        Answer::Shown(Some(held)),
    );
    assert!(!back_and_forth.is_explained());
}

#[test]
fn a_stranger_let_in_before_the_quarantine_is_rejected() {
    let first = binding(1, 0, 0, 1, at(0));
    let unbound = bound(History::default(), (0, 1), first).add(
        (2, 3),
        at(5),
        Call::Unbind(first.sub_id),
        Answer::Done,
    );
    let too_soon = binding(2, 0, 0, 2, at(204));
    let in_time = binding(2, 0, 0, 2, at(205));
    let History(events) = unbound;
    assert!(!bound(History(events.clone()), (4, 5), too_soon).is_explained());
    assert!(bound(History(events), (4, 5), in_time).is_explained());
}

#[test]
fn a_refusal_while_a_number_is_eligible_is_rejected() {
    use axbridge_domain::{
        city_order::Tier,
        refusal::{Refusal, Tally},
    };
    let wish = binding(9, 0, 0, 1, at(0));
    let refused = |held_by_a| {
        let tally = Tally {
            total: NUMBERS,
            held_by_a,
            ..Tally::default()
        };
        let places = vec![(Tier::WholePool, tally)];
        Answer::NotBound(BindRefusal::NoneEligible(Refusal { places }))
    };
    let mut history = History::default();
    for index in 0..NUMBERS {
        let tick = index * 2;
        let early = History(history.0.clone()).add((20, 21), at(0), asks(&wish, false), refused(3));
        assert!(!early.is_explained(), "{index} numbers are taken");
        let held = binding(1, index, 0, index + 2, at(0));
        history = bound(history, (tick, tick + 1), held);
    }
    let exact = history.add((20, 21), at(0), asks(&wish, false), refused(NUMBERS));
    assert!(exact.is_explained());
}

#[test]
fn a_key_that_makes_two_bindings_is_rejected() {
    let (first, second) = (binding(1, 0, 0, 1, at(0)), binding(2, 1, 0, 1, at(0)));
    let keyed = |held: &Held| {
        let mut call = asks(held, false);
        if let Call::Bind { key, .. } = &mut call {
            *key = Some(7);
        }
        call
    };
    let once =
        |held: Held| History::default().add((0, 3), at(0), keyed(&held), Answer::Bound(held));
    let twice = once(first).add((1, 2), at(0), keyed(&second), Answer::Bound(second));
    assert!(!twice.is_explained());
    let replayed = once(first).add((1, 4), at(0), keyed(&second), Answer::Replayed(first));
    assert!(replayed.is_explained());
}

#[test]
fn what_ended_before_another_began_comes_first() {
    let held = binding(1, 0, 0, 1, at(0));
    let call = || asks(&binding(2, 0, 0, 2, at(0)), true);
    let overlapping =
        bound(History::default(), (0, 5), held).add((1, 2), at(0), call(), conflict(&held));
    assert!(overlapping.is_explained());
    let before =
        bound(History::default(), (3, 5), held).add((1, 2), at(0), call(), conflict(&held));
    assert!(!before.is_explained());
}

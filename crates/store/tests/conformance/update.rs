//! Changes of a live binding: one thing at a time, routes claimed anew in the same step.

use axbridge_domain::{
    account::AccountId, binding::Binding, inventory::NumberState, phone::PhoneNumber,
    pool::PoolKind,
};
use axbridge_store::{
    error::{ChangeRefusal, NumberRefusal},
    model::{BindingChange, BindingRef, CallRoute, Topic},
};

use crate::world::{
    DAY, HOUR, MINUTE, SECOND, World, a, at, b, city, named_by, other_account, pool_no, x,
};

scenarios!(
    texts_change_one_at_a_time,
    an_end_is_moved_both_ways,
    a_new_a_takes_over_at_once,
    a_new_a_of_an_ax_answers_everybody,
    a_new_b_takes_over_at_once,
    a_new_x_takes_over_at_once,
    an_ax_has_no_b_to_change,
    equal_numbers_are_refused,
    a_number_that_cannot_be_taken_changes_nothing,
    what_an_update_gave_up_is_quarantined,
    an_update_may_be_taken_back_at_once,
    only_the_owner_changes_a_binding,
);

async fn texts_change_one_at_a_time(world: &mut World) {
    world.stock(1).await;
    let mut expected = world.bound(world.select(a(1), b(1)), at(0)).await;
    let before = world.last_event().await;
    let text = |text: &str| Some(text.to_owned());
    for (step, value) in [text("one"), text(""), None].into_iter().enumerate() {
        let now = at(1 + step as i64);
        for field in 0..4 {
            let value = value.clone();
            let terms = &mut expected.terms;
            let (place, change) = match field {
                0 => (&mut terms.user_data, BindingChange::UserData(value.clone())),
                1 => (&mut terms.out_id, BindingChange::OutId(value.clone())),
                2 => (&mut terms.order_id, BindingChange::OrderId(value.clone())),
                _ => (
                    &mut terms.industrial_id,
                    BindingChange::IndustrialId(value.clone()),
                ),
            };
            *place = value;
            assert_eq!(
                world.update(&expected, change, now).await.as_ref(),
                Ok(&expected)
            );
            assert_eq!(world.shown(&expected, now).await, expected);
        }
    }
    assert_eq!(
        world.topics_after(before).await,
        [Topic::BindingUpdated; 12]
    );
    let event = world.events_after(before).await.pop().expect("an event");
    assert_eq!(
        (event.subject, event.at),
        (expected.sub_id.to_string(), at(3))
    );
    assert_eq!(world.rings(x(0), a(1), at(4)).await, Some(b(1)));
}

async fn an_end_is_moved_both_ways(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let shorter = BindingChange::ExpiresAt(at(MINUTE));
    let changed = world.update(&binding, shorter, at(1)).await.expect("live");
    assert_eq!(changed.terms.expires_at, at(MINUTE));
    let longer = BindingChange::ExpiresAt(at(HOUR));
    world
        .update(&binding, longer, at(MINUTE - 1))
        .await
        .expect("live still");
    assert_eq!(world.rings(x(0), b(1), at(HOUR - 1)).await, Some(a(1)));
    let shorter = BindingChange::ExpiresAt(at(HOUR + SECOND));
    world
        .update(&binding, shorter, at(HOUR - 1))
        .await
        .expect("live still");
    assert_eq!(
        world.rings(x(0), b(1), at(HOUR + SECOND - 1)).await,
        Some(a(1))
    );
    assert_eq!(world.rings(x(0), b(1), at(HOUR + SECOND)).await, None);
    let ended = world.call(x(0), b(1), at(HOUR + SECOND)).await;
    assert!(matches!(ended, CallRoute::Ended { sub_id, .. } if sub_id == binding.sub_id));
    world
        .bound(world.select(a(1), b(1)), at(HOUR + SECOND))
        .await;
}

async fn is_ended(world: &World, x: PhoneNumber, caller: PhoneNumber, now_ms: i64) -> bool {
    matches!(
        world.call(x, caller, at(now_ms)).await,
        CallRoute::Ended { .. }
    )
}

async fn a_new_a_takes_over_at_once(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let before = world.last_event().await;
    let changed = world
        .update(&binding, BindingChange::PhoneA(a(2)), at(SECOND))
        .await;
    let changed = changed.expect("free");
    let mut expected = binding.clone();
    expected.terms.a = a(2);
    assert_eq!(changed, expected, "the same binding but for its A");
    assert_eq!(world.shown(&binding, at(SECOND)).await, expected);
    assert_eq!(world.rings(x(0), a(2), at(SECOND)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), b(1), at(SECOND)).await, Some(a(2)));
    assert!(is_ended(world, x(0), a(1), SECOND).await);
    assert_eq!(world.topics_after(before).await, [Topic::BindingUpdated]);
    assert_eq!(world.load(x(0), at(SECOND)).await.axb, 1);
}

async fn a_new_a_of_an_ax_answers_everybody(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), None), at(0)).await;
    let changed = world
        .update(&binding, BindingChange::PhoneA(a(2)), at(SECOND))
        .await;
    assert_eq!(changed.expect("free").sub_id, binding.sub_id);
    assert_eq!(world.rings(x(0), b(1), at(SECOND)).await, Some(a(2)));
    assert_eq!(world.unbind(&binding, at(2 * SECOND)).await, Ok(()));
    let late = world.call(x(0), b(1), at(3 * SECOND)).await;
    assert!(matches!(late, CallRoute::Ended { sub_id, .. } if sub_id == binding.sub_id));
}

async fn a_new_b_takes_over_at_once(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let changed = world
        .update(&binding, BindingChange::PhoneB(b(2)), at(SECOND))
        .await;
    assert_eq!(changed.expect("free").terms.b, Some(b(2)));
    assert_eq!(world.rings(x(0), a(1), at(SECOND)).await, Some(b(2)));
    assert_eq!(world.rings(x(0), b(2), at(SECOND)).await, Some(a(1)));
    assert!(is_ended(world, x(0), b(1), SECOND).await);
    assert_eq!(world.unbind(&binding, at(2 * SECOND)).await, Ok(()));
    for caller in [a(1), b(1), b(2)] {
        assert!(is_ended(world, x(0), caller, 3 * SECOND).await);
    }
}

async fn a_new_x_takes_over_at_once(world: &mut World) {
    world.import(&[(x(0), "010"), (x(1), "021")]).await;
    let binding = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let changed = world
        .update(&binding, BindingChange::PhoneX(x(1)), at(SECOND))
        .await;
    let changed = changed.expect("free");
    let mut expected = binding.clone();
    (expected.x, expected.x_city) = (x(1), Some(city("021")));
    assert_eq!(changed, expected);
    assert_eq!(world.shown(&binding, at(SECOND)).await, expected);
    assert_eq!(world.rings(x(1), a(1), at(SECOND)).await, Some(b(1)));
    assert_eq!(world.rings(x(1), b(1), at(SECOND)).await, Some(a(1)));
    assert!(is_ended(world, x(0), a(1), SECOND).await);
    let loads = (
        world.load(x(0), at(SECOND)).await,
        world.load(x(1), at(SECOND)).await,
    );
    assert_eq!((loads.0.axb, loads.1.axb), (0, 1));
    assert_eq!(world.unbind(&changed, at(2 * SECOND)).await, Ok(()));
    assert!(is_ended(world, x(1), a(1), 2 * SECOND).await);
}

async fn an_ax_has_no_b_to_change(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), None), at(0)).await;
    let answer = world
        .update(&binding, BindingChange::PhoneB(b(1)), at(1))
        .await;
    assert_eq!(answer, Err(ChangeRefusal::WrongMode));
    assert_eq!(world.shown(&binding, at(2)).await, binding);
}

async fn equal_numbers_are_refused(world: &mut World) {
    world
        .import(&[(x(0), "010"), (a(1), "010"), (b(1), "010")])
        .await;
    let binding = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let changes = [
        BindingChange::PhoneA(b(1)),
        BindingChange::PhoneB(a(1)),
        BindingChange::PhoneA(x(0)),
        BindingChange::PhoneB(x(0)),
        BindingChange::PhoneX(a(1)),
        BindingChange::PhoneX(b(1)),
    ];
    for change in changes {
        let answer = world.update(&binding, change.clone(), at(1)).await;
        assert_eq!(answer, Err(ChangeRefusal::SameNumber), "{change:?}");
    }
    assert_eq!(world.shown(&binding, at(2)).await, binding);
    assert_eq!(world.rings(x(0), a(1), at(2)).await, Some(b(1)));
}

async fn a_number_that_cannot_be_taken_changes_nothing(world: &mut World) {
    world.stock(4).await;
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 3)
        .await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let binding = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let rival = world.bound(world.named(x(0), a(2), b(2)), at(0)).await;
    let disabled = NumberState::UserDisabled;
    let set = world
        .store
        .set_number_states(None, &[x(1)], disabled, true, at(0))
        .await;
    assert_eq!(set.expect("works"), Ok(()));
    let held = world.bound(world.named(x(2), a(1), b(3)), at(0)).await;
    for index in 5..8 {
        world
            .bound(world.named(x(3), a(index), b(index)), at(0))
            .await;
    }
    let conflict = |by: &Binding| NumberRefusal::Conflict {
        by: by.sub_id,
        by_ax: false,
    };
    let before = world.last_event().await;
    let cases = [
        (BindingChange::PhoneA(a(2)), conflict(&rival)),
        (BindingChange::PhoneB(b(2)), conflict(&rival)),
        (BindingChange::PhoneX(x(1)), NumberRefusal::Disabled),
        (BindingChange::PhoneX(x(2)), conflict(&held)),
        (BindingChange::PhoneX(x(3)), NumberRefusal::AtCap),
        (BindingChange::PhoneX(x(9)), NumberRefusal::NotInPool),
        (BindingChange::PhoneX(x(8)), NumberRefusal::NotInPool),
    ];
    for (change, refusal) in cases {
        let answer = world.update(&binding, change.clone(), at(1)).await;
        assert_eq!(answer, Err(ChangeRefusal::Number(refusal)), "{change:?}");
    }
    assert_eq!(world.shown(&binding, at(2)).await, binding);
    assert_eq!(world.rings(x(0), a(1), at(2)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), b(1), at(2)).await, Some(a(1)));
    assert_eq!(world.rings(x(2), b(1), at(2)).await, None);
    assert_eq!(world.topics_after(before).await, []);
}

async fn what_an_update_gave_up_is_quarantined(world: &mut World) {
    world.stock(1).await;
    world
        .set_rules(at(0), |rules| {
            rules.quarantine_ms = DAY;
            rules.quarantine_min_ms = HOUR;
        })
        .await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    world
        .update(&binding, BindingChange::PhoneA(a(2)), at(SECOND))
        .await
        .expect("free");
    let stranger = || world.named(x(0), a(1), b(5));
    let refusal = world.x_refused(stranger(), at(SECOND + HOUR - 1)).await;
    assert_eq!(refusal, NumberRefusal::Quarantined);
    let ended = world.call(x(0), a(1), at(SECOND + DAY - 1)).await;
    assert!(matches!(ended, CallRoute::Ended { sub_id, .. } if sub_id == binding.sub_id));
    world.bound(stranger(), at(SECOND + DAY - 1)).await;
}

async fn an_update_may_be_taken_back_at_once(world: &mut World) {
    world.stock(2).await;
    let binding = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let steps = [
        BindingChange::PhoneA(a(2)),
        BindingChange::PhoneA(a(1)),
        BindingChange::PhoneX(x(1)),
        BindingChange::PhoneX(x(0)),
    ];
    for (step, change) in steps.into_iter().enumerate() {
        let now = at(SECOND * (1 + step as i64));
        let done = world.update(&binding, change.clone(), now).await;
        done.unwrap_or_else(|refusal| panic!("{change:?}: {refusal:?}"));
    }
    assert_eq!(world.shown(&binding, at(MINUTE)).await, binding);
    assert_eq!(world.rings(x(0), a(1), at(MINUTE)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), b(1), at(MINUTE)).await, Some(a(1)));
    assert!(is_ended(world, x(1), a(1), MINUTE).await);
    assert!(is_ended(world, x(0), a(2), MINUTE).await);
    assert_eq!(world.load(x(0), at(MINUTE)).await.axb, 1);
    assert_eq!(world.load(x(1), at(MINUTE)).await.axb, 0);
}

async fn only_the_owner_changes_a_binding(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let reference = named_by(&binding);
    let unknown = "S18000000000000fffffff".parse().expect("a SubId");
    let wrong = [
        BindingRef {
            sub_id: unknown,
            ..reference
        },
        BindingRef {
            account: other_account(),
            pool: None,
            ..reference
        },
        BindingRef {
            pool: Some(pool_no(2)),
            ..reference
        },
    ];
    for reference in wrong {
        for change in [BindingChange::OutId(None), BindingChange::PhoneA(a(3))] {
            let answer = world.store.update_binding(reference, change, at(1)).await;
            assert_eq!(answer.expect("works"), Err(ChangeRefusal::NoSuchBinding));
        }
    }
    assert_eq!(world.shown(&binding, at(2)).await, binding);
}

//! Expiry is judged at the moment of the question, and announced once.

use axbridge_domain::route_table::Load;
use axbridge_store::{
    error::ChangeRefusal,
    model::{BindingChange, CallRoute, Topic},
};

use crate::world::{DAY, MINUTE, SECOND, World, a, at, b, x};

scenarios!(
    calls_route_until_the_last_millisecond,
    each_expiry_is_announced_once,
    an_expired_binding_is_shown_but_not_changed,
    a_prolonged_binding_is_announced_at_its_new_end,
    what_was_unbound_is_not_announced_as_expired,
    live_bindings_are_counted,
    a_rebind_after_expiry_is_announced_on_its_own,
);

async fn short(world: &World, index: u64, ends_ms: i64) -> axbridge_domain::binding::Binding {
    let mut command = world.named(x(0), a(index), b(index));
    command.terms.expires_at = at(ends_ms);
    world.bound(command, at(0)).await
}

async fn calls_route_until_the_last_millisecond(world: &mut World) {
    world.stock(1).await;
    let binding = short(world, 1, MINUTE).await;
    assert_eq!(world.rings(x(0), a(1), at(MINUTE - 1)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), a(1), at(MINUTE)).await, None);
    let ended = CallRoute::Ended {
        sub_id: binding.sub_id,
        account: binding.account,
    };
    assert_eq!(world.call(x(0), b(1), at(MINUTE)).await, ended);
}

async fn each_expiry_is_announced_once(world: &mut World) {
    world.stock(1).await;
    let late = short(world, 2, 2 * MINUTE).await;
    let soon = short(world, 1, MINUTE).await;
    let before = world.last_event().await;
    assert_eq!(world.sweep(at(MINUTE - 1)).await, 0);
    assert_eq!(world.sweep(at(MINUTE)).await, 1);
    assert_eq!(world.sweep(at(MINUTE)).await, 0);
    assert_eq!(world.sweep(at(5 * MINUTE)).await, 1);
    assert_eq!(world.sweep(at(9 * MINUTE)).await, 0);
    let events = world.events_after(before).await;
    let told: Vec<_> = events
        .into_iter()
        .map(|event| (event.topic, event.subject, event.at, event.account))
        .collect();
    let expected = [soon, late].map(|binding| {
        let ends = binding.terms.expires_at;
        (
            Topic::BindingExpired,
            binding.sub_id.to_string(),
            ends,
            binding.account,
        )
    });
    assert_eq!(
        told, expected,
        "at the moment of expiry, whenever the sweep came by"
    );
}

async fn an_expired_binding_is_shown_but_not_changed(world: &mut World) {
    world.stock(2).await;
    let binding = short(world, 1, MINUTE).await;
    let before = world.last_event().await;
    let changes = [
        BindingChange::ExpiresAt(at(DAY)),
        BindingChange::UserData(Some("late".to_owned())),
        BindingChange::PhoneB(b(2)),
        BindingChange::PhoneX(x(1)),
    ];
    for change in changes {
        let answer = world.update(&binding, change, at(MINUTE)).await;
        assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
    }
    let answer = world.unbind(&binding, at(MINUTE)).await;
    assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
    assert_eq!(world.topics_after(before).await, []);
    for moment in [at(MINUTE), at(DAY)] {
        let shown = world.shown(&binding, moment).await;
        assert_eq!(shown, binding);
        assert!(!shown.is_live(moment));
        world.sweep(moment).await;
        assert_eq!(world.shown(&binding, moment).await, binding);
    }
}

async fn a_prolonged_binding_is_announced_at_its_new_end(world: &mut World) {
    world.stock(1).await;
    let binding = short(world, 1, MINUTE).await;
    let longer = BindingChange::ExpiresAt(at(3 * MINUTE));
    world
        .update(&binding, longer, at(SECOND))
        .await
        .expect("live");
    assert_eq!(world.sweep(at(2 * MINUTE)).await, 0);
    assert_eq!(
        world.rings(x(0), a(1), at(3 * MINUTE - 1)).await,
        Some(b(1))
    );
    assert_eq!(world.sweep(at(3 * MINUTE)).await, 1);
    assert_eq!(world.rings(x(0), a(1), at(3 * MINUTE)).await, None);
    let last = world.events_after(0).await.pop().expect("an event");
    assert_eq!(
        (last.topic, last.at),
        (Topic::BindingExpired, at(3 * MINUTE))
    );
}

async fn what_was_unbound_is_not_announced_as_expired(world: &mut World) {
    world.stock(1).await;
    let binding = short(world, 1, MINUTE).await;
    assert_eq!(world.unbind(&binding, at(SECOND)).await, Ok(()));
    assert_eq!(world.sweep(at(2 * MINUTE)).await, 0);
    let topics = world.topics_after(0).await;
    assert!(!topics.contains(&Topic::BindingExpired), "{topics:?}");
}

async fn live_bindings_are_counted(world: &mut World) {
    world.stock(1).await;
    let live = async |now_ms| {
        world.sweep(at(now_ms)).await;
        world.store.live_bindings(at(now_ms)).await.expect("works")
    };
    assert_eq!(live(0).await, 0);
    short(world, 1, MINUTE).await;
    let second = short(world, 2, 2 * MINUTE).await;
    assert_eq!(live(1).await, 2);
    assert_eq!(live(MINUTE).await, 1);
    assert_eq!(world.unbind(&second, at(MINUTE)).await, Ok(()));
    assert_eq!(live(MINUTE).await, 0);
    assert_eq!(world.load(x(0), at(MINUTE)).await, Load::default());
}

async fn a_rebind_after_expiry_is_announced_on_its_own(world: &mut World) {
    world.stock(1).await;
    let first = short(world, 1, MINUTE).await;
    let mut again = world.named(x(0), a(1), b(1));
    again.terms.expires_at = at(2 * MINUTE);
    // The routes of the first are taken over before any sweep has announced its end.
    let second = world.bound(again, at(MINUTE)).await;
    let before = world.last_event().await;
    assert_eq!(world.sweep(at(2 * MINUTE)).await, 2);
    let mut told: Vec<_> = world.events_after(before).await;
    told.sort_by_key(|event| event.at);
    let subjects: Vec<_> = told.into_iter().map(|event| event.subject).collect();
    assert_eq!(
        subjects,
        [first.sub_id.to_string(), second.sub_id.to_string()]
    );
}

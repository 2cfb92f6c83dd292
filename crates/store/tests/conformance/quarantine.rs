//! A route that ended stays closed to other pairs, to the millisecond.

use axbridge_domain::pool::Policy;
use axbridge_store::{error::BindRefusal, model::CallRoute};

use crate::world::{DAY, HOUR, MINUTE, SECOND, World, a, at, b, x};

scenarios!(
    the_full_quarantine_is_kept_while_another_number_is_eligible,
    the_shortest_quarantine_is_kept_when_nothing_else_is,
    expiry_begins_the_quarantine_at_its_moment,
    the_same_pair_returns_at_once,
    a_late_caller_hears_that_it_ended,
    a_late_caller_falls_through_only_to_the_same_person,
    a_changed_quarantine_counts_at_once,
    an_ax_is_closed_to_another_a,
);

async fn rules(world: &World) {
    let set = world.set_rules(at(0), |rules| {
        rules.policy = Policy::Pack;
        rules.quarantine_ms = DAY;
        rules.quarantine_min_ms = HOUR;
    });
    set.await;
}

async fn the_full_quarantine_is_kept_while_another_number_is_eligible(world: &mut World) {
    rules(world).await;
    world.stock(2).await;
    let past = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(past.x, x(0));
    assert_eq!(world.unbind(&past, at(SECOND)).await, Ok(()));
    let would_get = async |now_ms| world.would_get(world.select(a(1), b(2)), at(now_ms)).await;
    assert_eq!(would_get(SECOND).await, x(1));
    assert_eq!(would_get(SECOND + DAY - 1).await, x(1));
    assert_eq!(would_get(SECOND + DAY).await, x(0));
    let stranger = world
        .would_get(world.select(a(5), b(5)), at(SECOND + DAY))
        .await;
    assert_eq!(stranger, x(0));
}

async fn the_shortest_quarantine_is_kept_when_nothing_else_is(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let past = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(SECOND)).await, Ok(()));
    for early in [SECOND, SECOND + HOUR - 1] {
        let refusal = world.refused(world.select(a(2), b(1)), at(early)).await;
        let BindRefusal::NoneEligible(refusal) = refusal else {
            panic!("refused otherwise: {refusal:?}");
        };
        assert_eq!(refusal.places[0].1.quarantined, 1);
    }
    let bound = world
        .bound(world.select(a(2), b(1)), at(SECOND + HOUR))
        .await;
    assert_eq!(bound.x, x(0));
}

async fn expiry_begins_the_quarantine_at_its_moment(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let mut short = world.select(a(1), b(1));
    short.terms.expires_at = at(MINUTE);
    world.bound(short, at(0)).await;
    world.sweep(at(10 * MINUTE)).await;
    world
        .refused(world.select(a(1), b(2)), at(MINUTE + HOUR - 1))
        .await;
    world
        .bound(world.select(a(1), b(2)), at(MINUTE + HOUR))
        .await;
}

async fn the_same_pair_returns_at_once(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let mut last = None;
    for round in 0..5 {
        let (first, second) = if round % 2 == 0 {
            (a(1), b(1))
        } else {
            (b(1), a(1))
        };
        let bound = world.bound(world.select(first, second), at(round)).await;
        assert_eq!(world.rings(x(0), first, at(round)).await, Some(second));
        assert_ne!(last, Some(bound.sub_id));
        assert_eq!(world.unbind(&bound, at(round)).await, Ok(()));
        last = Some(bound.sub_id);
    }
}

async fn a_late_caller_hears_that_it_ended(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let past = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(SECOND)).await, Ok(()));
    let account = past.account;
    let ended = CallRoute::Ended {
        sub_id: past.sub_id,
        account,
    };
    for moment in [SECOND, SECOND + DAY - 1] {
        assert_eq!(world.call(x(0), b(1), at(moment)).await, ended);
        assert_eq!(world.call(x(0), a(1), at(moment)).await, ended);
    }
    let later = world.call(x(0), b(1), at(SECOND + DAY)).await;
    assert_eq!(later, CallRoute::NoBinding { account });
}

async fn a_late_caller_falls_through_only_to_the_same_person(world: &mut World) {
    rules(world).await;
    world.stock(2).await;
    for (number, ax_holder) in [(0, a(1)), (1, a(2))] {
        world
            .bound(world.named(x(number), ax_holder, None), at(0))
            .await;
        let past = world.bound(world.named(x(number), a(1), b(1)), at(0)).await;
        assert_eq!(world.rings(x(number), b(1), at(0)).await, Some(a(1)));
        assert_eq!(world.unbind(&past, at(SECOND)).await, Ok(()));
        assert_eq!(
            world.rings(x(number), b(7), at(SECOND)).await,
            Some(ax_holder)
        );
    }
    let moment = at(SECOND + DAY - 1);
    assert_eq!(
        world.rings(x(0), b(1), moment).await,
        Some(a(1)),
        "it is A whom B meant"
    );
    assert!(matches!(
        world.call(x(1), b(1), moment).await,
        CallRoute::Ended { .. }
    ));
    let later = at(SECOND + DAY);
    assert_eq!(
        world.rings(x(1), b(1), later).await,
        Some(a(2)),
        "B is a stranger by now"
    );
}

async fn a_changed_quarantine_counts_at_once(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let past = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(0)).await, Ok(()));
    world.refused(world.select(a(1), b(2)), at(MINUTE)).await;
    let shorter = world.set_rules(at(MINUTE), |rules| {
        rules.quarantine_ms = 2 * MINUTE;
        rules.quarantine_min_ms = 2 * MINUTE;
    });
    shorter.await;
    world
        .refused(world.select(a(1), b(2)), at(2 * MINUTE - 1))
        .await;
    let account = past.account;
    let call = world.call(x(0), b(1), at(2 * MINUTE)).await;
    assert_eq!(call, CallRoute::NoBinding { account });
    world.bound(world.select(a(1), b(2)), at(2 * MINUTE)).await;
}

async fn an_ax_is_closed_to_another_a(world: &mut World) {
    rules(world).await;
    world.stock(1).await;
    let past = world.bound(world.select(a(1), None), at(0)).await;
    assert_eq!(world.unbind(&past, at(0)).await, Ok(()));
    assert!(matches!(
        world.call(x(0), b(1), at(1)).await,
        CallRoute::Ended { .. }
    ));
    world.refused(world.select(a(2), None), at(HOUR - 1)).await;
    world.bound(world.select(a(2), b(2)), at(HOUR - 1)).await;
    world.bound(world.select(a(2), None), at(HOUR)).await;
}

//! An unbind ends a binding at once and for good.

use axbridge_domain::{account::AccountId, pool::PoolKind};
use axbridge_store::{
    error::ChangeRefusal,
    model::{BindingChange, BindingRef, CallRoute, Topic},
};

use crate::world::{SECOND, World, a, at, b, main_pool, named_by, other_account, pool_no, x};

scenarios!(
    an_unbind_ends_calls_at_once,
    what_is_not_a_live_binding_is_not_unbound,
    an_unbind_needs_no_pool,
    an_unbound_binding_is_shown_with_its_end_and_not_changed,
    an_unbind_stays_when_the_clock_jumps_back,
    an_unbind_leaves_other_bindings_of_its_number,
);

async fn an_unbind_ends_calls_at_once(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let before = world.last_event().await;
    assert_eq!(world.unbind(&binding, at(SECOND)).await, Ok(()));
    let ended = CallRoute::Ended {
        sub_id: binding.sub_id,
        account: binding.account,
    };
    assert_eq!(world.call(x(0), a(1), at(SECOND)).await, ended);
    assert_eq!(world.call(x(0), b(1), at(SECOND)).await, ended);
    let events = world.events_after(before).await;
    assert_eq!(events.len(), 1);
    assert_eq!(
        (events[0].topic, events[0].at),
        (Topic::BindingUnbound, at(SECOND))
    );
    assert_eq!(events[0].subject, binding.sub_id.to_string());
}

async fn what_is_not_a_live_binding_is_not_unbound(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let before = world.last_event().await;
    let reference = named_by(&binding);
    let unknown = "S18000000000000fffffff".parse().expect("a SubId");
    let wrong = [
        BindingRef {
            sub_id: unknown,
            ..reference
        },
        BindingRef {
            account: other_account(),
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
        BindingRef {
            pool: Some(pool_no(9)),
            ..reference
        },
    ];
    for reference in wrong {
        let answer = world.store.unbind(reference, at(1)).await.expect("works");
        assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding), "{reference:?}");
    }
    assert_eq!(world.rings(x(0), a(1), at(1)).await, Some(b(1)));
    assert_eq!(world.unbind(&binding, at(2)).await, Ok(()));
    let again = world.unbind(&binding, at(3)).await;
    assert_eq!(again, Err(ChangeRefusal::NoSuchBinding));
    assert_eq!(world.topics_after(before).await, [Topic::BindingUnbound]);
}

async fn an_unbind_needs_no_pool(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let reference = BindingRef {
        pool: None,
        ..named_by(&binding)
    };
    let answer = world.store.unbind(reference, at(1)).await;
    assert_eq!(answer.expect("works"), Ok(()));
    assert_eq!(world.rings(x(0), a(1), at(1)).await, None);
    assert_eq!(binding.pool, main_pool());
}

async fn an_unbound_binding_is_shown_with_its_end_and_not_changed(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&binding, at(SECOND)).await, Ok(()));
    let change = BindingChange::UserData(Some("late".to_owned()));
    let answer = world.update(&binding, change, at(2 * SECOND)).await;
    assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding));
    let shown = world.shown(&binding, at(3 * SECOND)).await;
    assert_eq!(shown.ended_at, Some(at(SECOND)));
    assert_eq!(shown.terms, binding.terms);
    assert!(!shown.is_live(at(3 * SECOND)));
}

async fn an_unbind_stays_when_the_clock_jumps_back(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&binding, at(60 * SECOND)).await, Ok(()));
    assert_eq!(world.rings(x(0), a(1), at(30 * SECOND)).await, None);
    let again = world.unbind(&binding, at(30 * SECOND)).await;
    assert_eq!(again, Err(ChangeRefusal::NoSuchBinding));
}

async fn an_unbind_leaves_other_bindings_of_its_number(world: &mut World) {
    world.stock(1).await;
    let mut made = Vec::new();
    for index in 0..5 {
        made.push(
            world
                .bound(world.named(x(0), a(index), b(index)), at(0))
                .await,
        );
    }
    assert_eq!(world.unbind(&made[2], at(1)).await, Ok(()));
    for index in [0, 1, 3, 4] {
        assert_eq!(world.rings(x(0), a(index), at(2)).await, Some(b(index)));
    }
    assert_eq!(world.load(x(0), at(2)).await.axb, 4);
}

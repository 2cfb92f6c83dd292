//! Binds that name their X: every way in which it cannot be taken.

use axbridge_domain::{account::AccountId, pool::PoolKind};
use axbridge_store::error::NumberRefusal;

use crate::world::{DAY, HOUR, SECOND, World, a, at, b, pool_no, x};

scenarios!(
    a_named_number_is_taken_as_it_is,
    a_number_of_another_pool_is_not_in_the_pool,
    a_route_that_is_held_is_a_conflict_with_its_holder,
    an_identical_live_pair_is_a_conflict,
    a_number_at_its_cap_is_refused_until_a_binding_ends,
    kinds_that_exclude_each_other_are_refused,
    only_the_shortest_quarantine_closes_a_named_number,
    other_parties_use_the_number_meanwhile,
);

async fn a_named_number_is_taken_as_it_is(world: &mut World) {
    world.stock(3).await;
    let bound = world.bound(world.named(x(2), a(1), b(1)), at(0)).await;
    assert_eq!(bound.x, x(2));
    assert_eq!(world.rings(x(2), b(1), at(0)).await, Some(a(1)));
}

async fn a_number_of_another_pool_is_not_in_the_pool(world: &mut World) {
    world.stock(1).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    for wrong in [x(9), x(8)] {
        let refusal = world.x_refused(world.named(wrong, a(1), b(1)), at(0)).await;
        assert_eq!(refusal, NumberRefusal::NotInPool);
    }
}

async fn a_route_that_is_held_is_a_conflict_with_its_holder(world: &mut World) {
    world.stock(2).await;
    let axb = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let by_axb = NumberRefusal::Conflict {
        by: axb.sub_id,
        by_ax: false,
    };
    for (first, second) in [(a(1), b(2)), (a(2), b(1)), (b(2), a(1)), (b(1), b(2))] {
        let refusal = world
            .x_refused(world.named(x(0), first, second), at(1))
            .await;
        assert_eq!(refusal, by_axb);
    }
    let ax = world.bound(world.named(x(1), a(1), None), at(2)).await;
    let by_ax = NumberRefusal::Conflict {
        by: ax.sub_id,
        by_ax: true,
    };
    let refusal = world.x_refused(world.named(x(1), a(5), None), at(3)).await;
    assert_eq!(refusal, by_ax);
    let refusal = world.x_refused(world.named(x(1), a(1), None), at(3)).await;
    assert_eq!(refusal, by_ax, "not even the same A twice");
}

async fn an_identical_live_pair_is_a_conflict(world: &mut World) {
    world.stock(1).await;
    let first = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    for (one, two) in [(a(1), b(1)), (b(1), a(1))] {
        let refusal = world.x_refused(world.named(x(0), one, two), at(1)).await;
        let expected = NumberRefusal::Conflict {
            by: first.sub_id,
            by_ax: false,
        };
        assert_eq!(refusal, expected);
    }
}

async fn a_number_at_its_cap_is_refused_until_a_binding_ends(world: &mut World) {
    world.stock(1).await;
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 2)
        .await;
    let mut short = world.named(x(0), a(1), b(1));
    short.terms.expires_at = at(90 * SECOND);
    world.bound(short, at(0)).await;
    let second = world.bound(world.named(x(0), a(2), None), at(1)).await;
    let third = || world.named(x(0), a(3), b(3));
    let refusal = world.x_refused(third(), at(90 * SECOND - 1)).await;
    assert_eq!(refusal, NumberRefusal::AtCap);
    world.bound(third(), at(90 * SECOND)).await;
    let fourth = || world.named(x(0), a(4), b(4));
    let refusal = world.x_refused(fourth(), at(91 * SECOND)).await;
    assert_eq!(refusal, NumberRefusal::AtCap);
    assert_eq!(world.unbind(&second, at(92 * SECOND)).await, Ok(()));
    world.bound(fourth(), at(92 * SECOND)).await;
}

async fn kinds_that_exclude_each_other_are_refused(world: &mut World) {
    world.stock(2).await;
    let mut axb = world.named(x(0), a(1), b(1));
    axb.terms.exclusive = true;
    world.bound(axb, at(0)).await;
    let refusal = world.x_refused(world.named(x(0), a(2), None), at(1)).await;
    assert_eq!(refusal, NumberRefusal::KindConflict);

    world.bound(world.named(x(1), a(1), None), at(2)).await;
    let mut axb = world.named(x(1), a(2), b(2));
    axb.terms.exclusive = true;
    let refusal = world.x_refused(axb, at(3)).await;
    assert_eq!(refusal, NumberRefusal::KindConflict);
    world.bound(world.named(x(1), a(2), b(2)), at(4)).await;
}

async fn only_the_shortest_quarantine_closes_a_named_number(world: &mut World) {
    world.stock(2).await;
    world
        .set_rules(at(0), |rules| {
            rules.quarantine_ms = DAY;
            rules.quarantine_min_ms = HOUR;
        })
        .await;
    let past = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(SECOND)).await, Ok(()));
    let newcomer = || world.named(x(0), a(1), b(2));
    for early in [SECOND, SECOND + HOUR - 1] {
        let refusal = world.x_refused(newcomer(), at(early)).await;
        assert_eq!(refusal, NumberRefusal::Quarantined);
    }
    world.bound(newcomer(), at(SECOND + HOUR)).await;
}

async fn other_parties_use_the_number_meanwhile(world: &mut World) {
    world.stock(1).await;
    let past = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(1)).await, Ok(()));
    world.bound(world.named(x(0), a(2), b(2)), at(1)).await;
    world.bound(world.named(x(0), a(1), b(1)), at(1)).await;
}

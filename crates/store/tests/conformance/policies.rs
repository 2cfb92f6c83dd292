//! Which of the eligible numbers a bind gets.

use std::collections::BTreeMap;

use axbridge_domain::{phone::PhoneNumber, pool::Policy};
use axbridge_store::model::{BindCommand, Placement};

use crate::world::{DAY, HOUR, SECOND, World, a, at, b, x};

scenarios!(
    a_pair_gets_back_the_number_it_had_last,
    pack_takes_the_first_imported,
    spread_takes_the_idle_one,
    protect_avoids_numbers_that_a_party_has_used,
    random_reaches_every_number,
    a_request_may_choose_at_random_instead_of_the_pools_policy,
);

/// How often each number is chosen over many seeds, nothing being bound.
async fn choices(
    world: &World,
    now_ms: i64,
    seeds: u64,
    command: impl Fn() -> BindCommand,
) -> BTreeMap<PhoneNumber, u32> {
    let mut counts = BTreeMap::new();
    for seed in 0..seeds {
        let mut command = command();
        command.seed = seed.wrapping_mul(0x9e37_79b9);
        *counts
            .entry(world.would_get(command, at(now_ms)).await)
            .or_default() += 1;
    }
    counts
}

async fn set_policy(world: &World, policy: Policy) {
    world.set_rules(at(0), |rules| rules.policy = policy).await;
}

async fn a_pair_gets_back_the_number_it_had_last(world: &mut World) {
    world.stock(20).await;
    for policy in [Policy::Protect, Policy::Pack, Policy::Spread] {
        set_policy(world, policy).await;
        let past = world.bound(world.named(x(13), a(1), b(1)), at(0)).await;
        assert_eq!(world.unbind(&past, at(0)).await, Ok(()));
        assert_eq!(
            world.would_get(world.select(a(1), b(1)), at(0)).await,
            x(13)
        );
        let exchanged = world.bound(world.select(b(1), a(1)), at(0)).await;
        assert_eq!(
            exchanged.x,
            x(13),
            "{policy:?}: who is A does not matter to the two"
        );
        let other = world.would_get(world.select(a(1), b(1)), at(0)).await;
        assert_ne!(other, x(13), "{policy:?}: it is taken");
        assert_eq!(world.unbind(&exchanged, at(0)).await, Ok(()));
    }
    let ax = world
        .bound(world.named(x(17), a(2), None), at(SECOND))
        .await;
    assert_eq!(world.unbind(&ax, at(SECOND)).await, Ok(()));
    assert_eq!(
        world.bound(world.select(a(2), None), at(SECOND)).await.x,
        x(17)
    );
}

async fn pack_takes_the_first_imported(world: &mut World) {
    set_policy(world, Policy::Pack).await;
    world
        .import(&[(x(7), "010"), (x(3), "010"), (x(5), "010"), (x(1), "010")])
        .await;
    let counts = choices(world, 0, 8, || world.select(a(1), b(1))).await;
    assert_eq!(counts, BTreeMap::from([(x(7), 8)]));
    let mut got = Vec::new();
    for partner in 0..4 {
        got.push(world.bound(world.select(a(1), b(partner)), at(0)).await.x);
    }
    assert_eq!(got, [x(7), x(3), x(5), x(1)], "in import order");
}

async fn spread_takes_the_idle_one(world: &mut World) {
    set_policy(world, Policy::Spread).await;
    world.stock(3).await;
    for (number, party) in [(0, 10), (1, 11), (1, 12)] {
        world
            .bound(world.named(x(number), a(party), b(party)), at(0))
            .await;
    }
    let counts = choices(world, 1, 24, || world.select(a(1), b(1))).await;
    assert_eq!(counts, BTreeMap::from([(x(2), 24)]));
}

async fn protect_avoids_numbers_that_a_party_has_used(world: &mut World) {
    set_policy(world, Policy::Protect).await;
    world.stock(3).await;
    // A has used one number with somebody else, B another one; both are out of quarantine.
    for (number, first, second) in [(0, a(1), b(9)), (1, a(9), b(1))] {
        let past = world
            .bound(world.named(x(number), first, second), at(0))
            .await;
        assert_eq!(world.unbind(&past, at(HOUR)).await, Ok(()));
    }
    let now = 2 * DAY;
    let counts = choices(world, now, 24, || world.select(a(1), b(1))).await;
    assert_eq!(counts, BTreeMap::from([(x(2), 24)]));
}

async fn random_reaches_every_number(world: &mut World) {
    set_policy(world, Policy::Random).await;
    world.stock(5).await;
    world.bound(world.named(x(4), a(1), b(9)), at(0)).await;
    let counts = choices(world, 1, 200, || world.select(a(1), b(1))).await;
    assert_eq!(
        counts.keys().copied().collect::<Vec<_>>(),
        [x(0), x(1), x(2), x(3)]
    );
    assert!(counts.values().all(|count| *count >= 25), "{counts:?}");
}

async fn a_request_may_choose_at_random_instead_of_the_pools_policy(world: &mut World) {
    set_policy(world, Policy::Pack).await;
    world.stock(4).await;
    let at_random = || {
        let mut command = world.select(a(1), b(1));
        if let Placement::Select { policy, .. } = &mut command.placement {
            *policy = Some(Policy::Random);
        }
        command
    };
    let counts = choices(world, 0, 80, at_random).await;
    assert_eq!(counts.len(), 4, "{counts:?}");
    let counts = choices(world, 0, 5, || world.select(a(1), b(1))).await;
    assert_eq!(
        counts,
        BTreeMap::from([(x(0), 5)]),
        "the pool's own policy stays"
    );
}

//! Binds that leave the choice of X to the store: what is eligible, where it looks, why it
//! refuses. What the policies prefer is in `policies`.

use axbridge_domain::{
    account::AccountId, inventory::NumberState, pool::Policy, pool::PoolKind, refusal::Tally,
};
use axbridge_store::{
    error::BindRefusal,
    model::{BindCommand, Placement},
};

use crate::world::{HOUR, SECOND, World, a, at, b, city, main_pool, other_account, pool_no, x};

scenarios!(
    an_answered_axb_routes_both_ways,
    an_answered_ax_rings_a_for_anybody,
    places_are_tried_in_order,
    a_refusal_counts_every_number_of_every_place,
    nobody_is_refused_while_a_number_is_eligible,
    a_party_is_never_given_its_own_number_as_x,
    one_pair_may_have_several_numbers,
    a_pool_that_is_missing_or_foreign_is_unknown,
    accounts_do_not_see_each_other,
    an_exclusive_ax_keeps_axbs_away,
    an_exclusive_axb_keeps_axs_away,
    ax_and_axb_share_a_number_when_nobody_objects,
);

async fn tallies(world: &World, command: BindCommand, now_ms: i64) -> Vec<Tally> {
    match world.refused(command, at(now_ms)).await {
        BindRefusal::NoneEligible(refusal) => {
            refusal.places.into_iter().map(|(_, tally)| tally).collect()
        }
        other => panic!("refused otherwise: {other:?}"),
    }
}

async fn an_answered_axb_routes_both_ways(world: &mut World) {
    world.stock(1).await;
    let bound = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(bound.x, x(0));
    assert!(bound.is_live(at(0)));
    assert_eq!(world.rings(x(0), a(1), at(0)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), b(1), at(0)).await, Some(a(1)));
    assert_eq!(world.rings(x(0), a(2), at(0)).await, None);
    assert_eq!(world.rings(x(0), None, at(0)).await, None);
}

async fn an_answered_ax_rings_a_for_anybody(world: &mut World) {
    world.stock(1).await;
    let bound = world.bound(world.select(a(1), None), at(0)).await;
    for caller in [Some(b(1)), Some(a(7)), None] {
        assert_eq!(world.rings(bound.x, caller, at(0)).await, Some(a(1)));
    }
}

async fn places_are_tried_in_order(world: &mut World) {
    world
        .import(&[(x(0), "010"), (x(1), "021"), (x(2), "0755")])
        .await;
    let mut got = Vec::new();
    for partner in 1..=3 {
        let mut command = world.select_in(&["021", "0755"], a(1), b(partner));
        if let (Placement::Select { tiers, .. }, true) = (&mut command.placement, partner == 3) {
            tiers.push(axbridge_domain::city_order::Tier::WholePool);
        }
        got.push(world.bound(command, at(0)).await.x);
    }
    assert_eq!(got, [x(1), x(2), x(0)]);
}

async fn a_refusal_counts_every_number_of_every_place(world: &mut World) {
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 3)
        .await;
    let cities: Vec<_> = (0..8).map(|index| (x(index), "010")).collect();
    world.import(&cities).await;
    world.import(&[(x(20), "021")]).await;
    let bind = async |number, first, second: Option<_>| {
        world
            .bound(world.named(x(number), first, second), at(0))
            .await
    };
    // 0 disabled; 1 at its cap; 2 keeps AXB away; 3 held by A; 4 held by B; 5 in quarantine of A;
    // 6 in quarantine of B; 7 held by both, which counts for A; 20 held by A.
    let disabled = NumberState::UserDisabled;
    let set = world
        .store
        .set_number_states(None, &[x(0)], disabled, true, at(0))
        .await;
    assert_eq!(set.expect("works"), Ok(()));
    for index in 0..3 {
        bind(1, a(10 + index), Some(b(10 + index))).await;
    }
    let mut exclusive = world.named(x(2), a(20), None);
    exclusive.terms.exclusive = true;
    world.bound(exclusive, at(0)).await;
    bind(3, a(1), Some(b(30))).await;
    bind(4, a(40), Some(b(1))).await;
    let ended_of_a = bind(5, a(1), Some(b(50))).await;
    let ended_of_b = bind(6, a(60), Some(b(1))).await;
    bind(7, a(1), Some(b(70))).await;
    bind(7, a(71), Some(b(1))).await;
    bind(20, b(80), Some(a(1))).await;
    for ended in [ended_of_a, ended_of_b] {
        assert_eq!(world.unbind(&ended, at(SECOND)).await, Ok(()));
    }

    let command = world.select_in(&["010", "021"], a(1), b(1));
    let explained = world
        .store
        .explain(&command, at(2 * SECOND))
        .await
        .expect("works");
    let found = tallies(world, command, 2 * SECOND).await;
    let beijing = Tally {
        total: 8,
        eligible: 0,
        disabled: 1,
        at_cap: 1,
        kind_conflict: 1,
        held_by_a: 2,
        held_by_b: 1,
        held_by_ax: 0,
        quarantined: 2,
    };
    let shanghai = Tally {
        total: 1,
        held_by_a: 1,
        ..Tally::default()
    };
    assert_eq!(found, [beijing, shanghai]);
    let explained = explained.expect("the account has this pool");
    let explained: Vec<_> = explained
        .places
        .into_iter()
        .map(|(_, tally)| tally)
        .collect();
    assert_eq!(explained, [beijing, shanghai]);
    let ax = tallies(world, world.select_in(&["0755"], a(1), None), 2 * SECOND).await;
    assert_eq!(ax, [Tally::default()], "a city without numbers");
}

async fn nobody_is_refused_while_a_number_is_eligible(world: &mut World) {
    let count = 40;
    world.stock(count).await;
    let free = 29;
    for index in (0..count).filter(|index| *index != free) {
        let command = world.named(x(index), a(1), b(100 + index));
        world.bound(command, at(0)).await;
    }
    for policy in Policy::ALL {
        world.set_rules(at(1), |rules| rules.policy = policy).await;
        for seed in 0..5 {
            let mut command = world.select(a(1), b(1));
            command.seed = seed;
            assert_eq!(world.would_get(command, at(2)).await, x(free), "{policy:?}");
        }
    }
    assert_eq!(
        world.bound(world.select(a(1), b(1)), at(3)).await.x,
        x(free)
    );
    let refused = tallies(world, world.select(a(1), b(2)), 4).await;
    assert_eq!((refused[0].total, refused[0].held_by_a), (count, count));
}

async fn a_party_is_never_given_its_own_number_as_x(world: &mut World) {
    world.import(&[(a(1), "010"), (b(1), "010")]).await;
    let refused = tallies(world, world.select(a(1), b(1)), 0).await;
    assert_eq!((refused[0].total, refused[0].disabled), (2, 2));
    assert_eq!(world.bound(world.select(a(1), None), at(1)).await.x, b(1));
}

async fn one_pair_may_have_several_numbers(world: &mut World) {
    world.stock(2).await;
    let first = world.bound(world.select(a(1), b(1)), at(0)).await;
    let second = world.bound(world.select(a(1), b(1)), at(1)).await;
    assert_ne!(first.x, second.x);
    assert_ne!(first.sub_id, second.sub_id);
    let refused = tallies(world, world.select(b(1), a(1)), 2).await;
    assert_eq!(refused[0].held_by_a, 2);
}

async fn a_pool_that_is_missing_or_foreign_is_unknown(world: &mut World) {
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(0), "010")]).await;
    for pool in [pool_no(2), pool_no(9)] {
        let mut command = world.select(a(1), b(1));
        command.pool = pool;
        let explained = world.store.explain(&command, at(0)).await.expect("works");
        assert_eq!(explained, None);
        let refusal = world.refused(command, at(0)).await;
        assert_eq!(refusal, BindRefusal::UnknownPool);
        let mut command = world.named(x(0), a(1), b(1));
        command.pool = pool;
        assert_eq!(
            world.refused(command, at(0)).await,
            BindRefusal::UnknownPool
        );
    }
}

async fn accounts_do_not_see_each_other(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let own = world.bound(world.select(a(1), b(1)), at(0)).await;
    let mut foreign = world.select(a(1), b(2));
    (foreign.account, foreign.pool) = (other_account(), pool_no(2));
    let foreign = world.bound(foreign, at(0)).await;
    assert_eq!((own.x, foreign.x), (x(0), x(9)));
    assert_eq!(foreign.account, other_account());
    assert_eq!(world.rings(x(0), a(1), at(1)).await, Some(b(1)));
    assert_eq!(world.rings(x(9), a(1), at(1)).await, Some(b(2)));
    assert_eq!(world.load(x(0), at(1)).await.axb, 1);
    assert_eq!((own.account, own.pool), (AccountId::DEFAULT, main_pool()));
}

async fn an_exclusive_ax_keeps_axbs_away(world: &mut World) {
    world.stock(1).await;
    let mut ax = world.select(a(1), None);
    ax.terms.exclusive = true;
    let ax = world.bound(ax, at(0)).await;
    let refused = tallies(world, world.select(a(2), b(2)), 1).await;
    assert_eq!(refused[0].kind_conflict, 1);
    assert_eq!(world.unbind(&ax, at(HOUR)).await, Ok(()));
    world.bound(world.select(a(2), b(2)), at(HOUR)).await;
}

async fn an_exclusive_axb_keeps_axs_away(world: &mut World) {
    world.stock(1).await;
    let mut axb = world.select(a(1), b(1));
    axb.terms.exclusive = true;
    axb.terms.expires_at = at(HOUR);
    world.bound(axb, at(0)).await;
    world.bound(world.select(a(2), b(2)), at(1)).await;
    let refused = tallies(world, world.select(a(3), None), HOUR - 1).await;
    assert_eq!(refused[0].kind_conflict, 1);
    let mut exclusive = world.select(a(3), None);
    exclusive.terms.exclusive = true;
    let refused = tallies(world, exclusive, HOUR).await;
    assert_eq!(
        refused[0].kind_conflict, 1,
        "now it is the newcomer who objects"
    );
    world.bound(world.select(a(3), None), at(HOUR)).await;
}

async fn ax_and_axb_share_a_number_when_nobody_objects(world: &mut World) {
    world.import(&[(x(0), "010")]).await;
    world.bound(world.select(a(1), None), at(0)).await;
    let axb = world.bound(world.select(a(2), b(2)), at(0)).await;
    assert_eq!(axb.x_city, Some(city("010")));
    assert_eq!(
        world.rings(x(0), b(2), at(1)).await,
        Some(a(2)),
        "the own route comes first"
    );
    assert_eq!(world.rings(x(0), b(9), at(1)).await, Some(a(1)));
    let refused = tallies(world, world.select(a(3), None), 2).await;
    assert_eq!(refused[0].held_by_ax, 1);
}

//! Pools: made once, listed, changed.

use axbridge_domain::{
    account::AccountId,
    pool::{CityFallback, Policy, Pool, PoolKind, PoolRules},
};
use axbridge_store::model::{Page, PoolChange, PoolChanged, PoolFilter};

use crate::world::{ALL, SECOND, World, a, at, b, main_pool, other_account, pool_no, x};

scenarios!(
    a_pool_is_made_once,
    pools_are_listed_by_number_with_their_counts,
    pools_are_filtered,
    a_pool_changes_only_for_its_account,
    a_change_leaves_what_it_does_not_name,
    the_kind_does_not_change_under_live_bindings,
    changed_rules_count_for_the_next_bind,
);

fn pool(digits: u64) -> Pool {
    Pool {
        pool_no: pool_no(digits),
        account: AccountId::DEFAULT,
        name: "客服 pool".to_owned(),
        kind: PoolKind::Axb,
        scene: Some("delivery".to_owned()),
        rules: PoolRules {
            policy: Policy::Spread,
            city_fallback: CityFallback::None,
            quarantine_ms: 12_345,
            quarantine_min_ms: 123,
            bindings_per_number_max: 77,
        },
    }
}

async fn a_pool_is_made_once(world: &mut World) {
    world.add_account(other_account()).await;
    let made = pool(999_999_999_999_999_999);
    assert_eq!(world.store.pool(made.pool_no).await.expect("works"), None);
    assert!(world.store.create_pool(&made, at(0)).await.expect("works"));
    let mut taken = made.clone();
    taken.account = other_account();
    assert!(!world.store.create_pool(&taken, at(1)).await.expect("works"));
    let found = world.store.pool(made.pool_no).await.expect("works");
    assert_eq!(found.as_deref(), Some(&made));
}

async fn pools_are_listed_by_number_with_their_counts(world: &mut World) {
    for digits in [30, 20] {
        let made = world.store.create_pool(&pool(digits), at(0)).await;
        assert!(made.expect("works"));
    }
    world
        .import_into(pool_no(20), &[(x(1), "010"), (x(2), "010"), (x(3), "021")])
        .await;
    let gone = world
        .store
        .delete_numbers(pool_no(20), &[x(2)], at(1))
        .await;
    assert_eq!(gone.expect("works"), [Ok(())]);

    let all = world
        .store
        .list_pools(&PoolFilter::default(), ALL)
        .await
        .expect("works");
    let rows: Vec<_> = all
        .rows
        .iter()
        .map(|row| (row.pool.pool_no, row.numbers))
        .collect();
    assert_eq!(rows, [(main_pool(), 0), (pool_no(20), 2), (pool_no(30), 0)]);
    assert_eq!(all.total, 3);
    assert_eq!(all.rows[1].pool, pool(20));

    let page = Page {
        offset: 1,
        limit: 1,
    };
    let page = world
        .store
        .list_pools(&PoolFilter::default(), page)
        .await
        .expect("works");
    assert_eq!((page.rows[0].pool.pool_no, page.total), (pool_no(20), 3));
    assert_eq!(page.rows.len(), 1);
    let past = Page {
        offset: 9,
        limit: 5,
    };
    let past = world
        .store
        .list_pools(&PoolFilter::default(), past)
        .await
        .expect("works");
    assert_eq!((past.rows.len(), past.total), (0, 3));
}

async fn pools_are_filtered(world: &mut World) {
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axne)
        .await;
    assert!(
        world
            .store
            .create_pool(&pool(3), at(0))
            .await
            .expect("works")
    );
    let list = async |filter: PoolFilter| {
        let found = world.store.list_pools(&filter, ALL).await.expect("works");
        assert_eq!(found.rows.len() as u64, found.total);
        let numbers = found.rows.into_iter().map(|row| row.pool.pool_no.digits());
        numbers.collect::<Vec<_>>()
    };
    let all = PoolFilter::default;
    let of = |account| PoolFilter {
        account: Some(account),
        ..all()
    };
    assert_eq!(list(of(AccountId::DEFAULT)).await, [1, 3]);
    assert_eq!(list(of(other_account())).await, [2]);
    let kind = |kind| PoolFilter {
        kind: Some(kind),
        ..all()
    };
    assert_eq!(list(kind(PoolKind::Axne)).await, [2]);
    assert_eq!(list(kind(PoolKind::Axg)).await, [0; 0]);
    let number = |digits| PoolFilter {
        pool: Some(pool_no(digits)),
        ..all()
    };
    assert_eq!(list(number(3)).await, [3]);
    let named = |text: &str| PoolFilter {
        name_contains: Some(text.to_owned()),
        ..all()
    };
    assert_eq!(list(named("客服")).await, [3]);
    assert_eq!(list(named("pool")).await, [1, 2, 3]);
    for wildcard in ["%", "_", "p*l", "\\", "'"] {
        assert_eq!(
            list(named(wildcard)).await,
            [0; 0],
            "{wildcard} is no wildcard"
        );
    }
    let both = PoolFilter {
        kind: Some(PoolKind::Axb),
        ..of(other_account())
    };
    assert_eq!(list(both).await, [0; 0]);
}

async fn a_pool_changes_only_for_its_account(world: &mut World) {
    world.add_account(other_account()).await;
    let change = PoolChange {
        name: Some("mine now".to_owned()),
        ..PoolChange::default()
    };
    let store = &world.store;
    let foreign = store
        .update_pool(other_account(), main_pool(), &change, at(1))
        .await;
    assert_eq!(foreign.expect("works"), PoolChanged::UnknownPool);
    let missing = store
        .update_pool(AccountId::DEFAULT, pool_no(9), &change, at(1))
        .await;
    assert_eq!(missing.expect("works"), PoolChanged::UnknownPool);
    let kept = store
        .pool(main_pool())
        .await
        .expect("works")
        .expect("there");
    assert_eq!(kept.name, "pool 1");
}

async fn a_change_leaves_what_it_does_not_name(world: &mut World) {
    let before = pool(5);
    let store = &world.store;
    assert!(store.create_pool(&before, at(0)).await.expect("works"));
    assert!(
        store.pool(pool_no(5)).await.expect("works").is_some(),
        "warm the cache"
    );
    let mut expected = before.clone();
    expected.name = "renamed".to_owned();
    let rename = PoolChange {
        name: Some(expected.name.clone()),
        ..PoolChange::default()
    };
    let done = store
        .update_pool(AccountId::DEFAULT, pool_no(5), &rename, at(1))
        .await;
    assert_eq!(done.expect("works"), PoolChanged::Done(expected.clone()));
    assert_eq!(
        store.pool(pool_no(5)).await.expect("works").as_deref(),
        Some(&expected)
    );

    expected.kind = PoolKind::Axn;
    expected.scene = Some("rides".to_owned());
    expected.rules = PoolRules::default();
    let rest = PoolChange {
        name: None,
        kind: Some(expected.kind),
        scene: expected.scene.clone(),
        rules: Some(expected.rules),
    };
    let done = store
        .update_pool(AccountId::DEFAULT, pool_no(5), &rest, at(2))
        .await;
    assert_eq!(done.expect("works"), PoolChanged::Done(expected.clone()));
    assert_eq!(
        store.pool(pool_no(5)).await.expect("works").as_deref(),
        Some(&expected)
    );
}

async fn the_kind_does_not_change_under_live_bindings(world: &mut World) {
    world.stock(1).await;
    let mut command = world.select(a(1), b(1));
    command.terms.expires_at = at(60 * SECOND);
    world.bound(command, at(0)).await;
    let change = PoolChange {
        kind: Some(PoolKind::Axn),
        ..PoolChange::default()
    };
    let update = async |now| {
        let done = world
            .store
            .update_pool(AccountId::DEFAULT, main_pool(), &change, now)
            .await;
        done.expect("works")
    };
    assert_eq!(update(at(60 * SECOND - 1)).await, PoolChanged::InUse);
    let kept = world
        .store
        .pool(main_pool())
        .await
        .expect("works")
        .expect("there");
    assert_eq!(kept.kind, PoolKind::Axb);
    let done = update(at(60 * SECOND)).await;
    assert!(matches!(done, PoolChanged::Done(pool) if pool.kind == PoolKind::Axn));
}

async fn changed_rules_count_for_the_next_bind(world: &mut World) {
    world.stock(1).await;
    world.bound(world.select(a(1), b(1)), at(0)).await;
    world
        .set_rules(at(1), |rules| rules.bindings_per_number_max = 1)
        .await;
    world.refused(world.select(a(2), b(2)), at(2)).await;
    world
        .set_rules(at(3), |rules| rules.bindings_per_number_max = 2)
        .await;
    world.bound(world.select(a(2), b(2)), at(4)).await;
}

//! Where calls go.

use axbridge_domain::account::AccountId;
use axbridge_store::model::{BindingChange, CallQuery, CallRoute};

use crate::world::{SECOND, World, a, at, b, other_account, pool_no, x};

scenarios!(
    a_call_to_a_number_of_nobody_is_unknown,
    a_call_without_a_binding_names_the_account,
    a_connected_call_carries_its_binding,
    the_own_route_comes_before_anybodys,
    an_extension_that_nobody_has_changes_nothing,
    a_call_shows_what_was_updated,
);

async fn a_call_to_a_number_of_nobody_is_unknown(world: &mut World) {
    world.stock(1).await;
    assert_eq!(
        world.call(x(5), a(1), at(0)).await,
        CallRoute::UnknownNumber
    );
    assert_eq!(
        world.call(a(1), None, at(0)).await,
        CallRoute::UnknownNumber
    );
    world.import(&[(x(5), "010")]).await;
    let known = world.call(x(5), a(1), at(0)).await;
    let account = AccountId::DEFAULT;
    assert_eq!(
        known,
        CallRoute::NoBinding { account },
        "as soon as it is imported"
    );
}

async fn a_call_without_a_binding_names_the_account(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    let kind = axbridge_domain::pool::PoolKind::Axb;
    world.add_pool(other_account(), pool_no(2), kind).await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    for (number, account) in [(x(0), AccountId::DEFAULT), (x(9), other_account())] {
        for caller in [Some(a(1)), None] {
            let call = world.call(number, caller, at(0)).await;
            assert_eq!(call, CallRoute::NoBinding { account });
        }
    }
}

async fn a_connected_call_carries_its_binding(world: &mut World) {
    world.stock(1).await;
    let mut command = world.select(a(1), b(1));
    command.terms.user_data = Some("data".to_owned());
    let binding = world.bound(command, at(0)).await;
    for (caller, callee) in [(a(1), b(1)), (b(1), a(1))] {
        let expected = CallRoute::Connect {
            binding: binding.clone(),
            callee,
        };
        assert_eq!(world.call(x(0), caller, at(SECOND)).await, expected);
    }
}

async fn the_own_route_comes_before_anybodys(world: &mut World) {
    world.stock(1).await;
    world.bound(world.named(x(0), a(1), None), at(0)).await;
    world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    world.bound(world.named(x(0), a(2), b(2)), at(0)).await;
    let expected = [
        (Some(a(1)), b(1)),
        (Some(b(1)), a(1)),
        (Some(a(2)), b(2)),
        (Some(b(2)), a(2)),
        (Some(b(3)), a(1)),
        (None, a(1)),
    ];
    for (caller, callee) in expected {
        assert_eq!(
            world.rings(x(0), caller, at(1)).await,
            Some(callee),
            "{caller:?}"
        );
    }
}

async fn an_extension_that_nobody_has_changes_nothing(world: &mut World) {
    world.stock(1).await;
    world.bound(world.named(x(0), a(1), None), at(0)).await;
    let query = CallQuery {
        x: x(0),
        caller: Some(b(1)),
        extension: Some("8001".parse().expect("an extension")),
    };
    let answer = world.store.route_call(query, at(1)).await.expect("works");
    assert!(matches!(answer, CallRoute::Connect { callee, .. } if callee == a(1)));
}

async fn a_call_shows_what_was_updated(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let change = BindingChange::OutId(Some("new".to_owned()));
    let changed = world.update(&binding, change, at(1)).await.expect("live");
    let expected = CallRoute::Connect {
        binding: changed,
        callee: b(1),
    };
    assert_eq!(world.call(x(0), a(1), at(1)).await, expected);
}

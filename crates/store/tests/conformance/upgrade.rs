//! An AX becomes an AXB on the same X, in one step and under a new id.

use axbridge_domain::{
    account::AccountId,
    binding::{Binding, DisplayType},
    phone::PhoneNumber,
    pool::PoolKind,
};
use axbridge_store::{
    error::{ChangeRefusal, NumberRefusal},
    model::{BindingRef, CallRoute, Topic, UpgradeCommand},
};

use crate::world::{
    HOUR, MINUTE, SECOND, World, a, at, b, key, named_by, other_account, pool_no, x,
};

scenarios!(
    an_ax_becomes_an_axb_on_the_same_number,
    the_new_binding_keeps_the_terms_that_are_not_replaced,
    only_a_live_ax_is_upgraded,
    equal_or_held_numbers_change_nothing,
    an_upgrade_at_the_cap_trades_places,
    an_upgrade_is_answered_twice_but_done_once,
);

fn upgrade(ax: &Binding, b: PhoneNumber) -> UpgradeCommand {
    UpgradeCommand {
        ax: named_by(ax),
        b,
        display: None,
        user_data: None,
        out_id: None,
        idempotency: None,
        nonce: 0xabc_def0,
    }
}

async fn run(
    world: &World,
    command: UpgradeCommand,
    now_ms: i64,
) -> Result<Binding, ChangeRefusal> {
    let answer = world.store.upgrade(command, at(now_ms)).await;
    answer.expect("the store works")
}

async fn an_ax_becomes_an_axb_on_the_same_number(world: &mut World) {
    world.stock(1).await;
    let ax = world.bound(world.select(a(1), None), at(0)).await;
    let before = world.last_event().await;
    let axb = run(world, upgrade(&ax, b(1)), SECOND).await.expect("an AX");
    assert_ne!(axb.sub_id, ax.sub_id);
    assert_eq!((axb.x, axb.terms.a, axb.terms.b), (ax.x, a(1), Some(b(1))));
    assert_eq!((axb.created_at, axb.ended_at), (at(SECOND), None));

    assert_eq!(world.rings(x(0), a(1), at(SECOND)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), b(1), at(SECOND)).await, Some(a(1)));
    let stranger = world.call(x(0), b(7), at(SECOND)).await;
    assert!(matches!(stranger, CallRoute::Ended { sub_id, .. } if sub_id == ax.sub_id));
    assert_eq!(
        world.shown(&ax, at(SECOND)).await.ended_at,
        Some(at(SECOND))
    );
    assert_eq!(world.shown(&axb, at(SECOND)).await, axb);
    let load = world.load(x(0), at(SECOND)).await;
    assert_eq!((load.ax, load.axb), (0, 1));

    let told: Vec<_> = world.events_after(before).await;
    let told: Vec<_> = told
        .into_iter()
        .map(|event| (event.topic, event.subject))
        .collect();
    let expected = [
        (Topic::BindingUnbound, ax.sub_id.to_string()),
        (Topic::BindingBound, axb.sub_id.to_string()),
    ];
    assert_eq!(told, expected);
    assert_eq!(world.unbind(&axb, at(MINUTE)).await, Ok(()));
}

async fn the_new_binding_keeps_the_terms_that_are_not_replaced(world: &mut World) {
    world.stock(2).await;
    let ax = async |number| {
        let mut command = world.named(x(number), a(1), None);
        command.terms.expires_at = at(HOUR);
        command.terms.display = DisplayType::ASeesB;
        command.terms.record = false;
        command.terms.verify = true;
        command.terms.user_data = Some("data".to_owned());
        command.terms.out_id = Some("out".to_owned());
        command.terms.voice_code = Some("voice".to_owned());
        command.terms.order_id = Some("order".to_owned());
        world.bound(command, at(0)).await
    };
    let kept = ax(0).await;
    let axb = run(world, upgrade(&kept, b(1)), 1).await.expect("an AX");
    let mut expected = kept.terms.clone();
    expected.b = Some(b(1));
    assert_eq!(axb.terms, expected);

    let replaced = ax(1).await;
    let mut command = upgrade(&replaced, b(2));
    command.display = Some(DisplayType::BothSeeX);
    command.user_data = Some("other data".to_owned());
    command.out_id = Some("other out".to_owned());
    command.nonce += 1;
    let axb = run(world, command, 2).await.expect("an AX");
    expected.b = Some(b(2));
    expected.display = DisplayType::BothSeeX;
    expected.user_data = Some("other data".to_owned());
    expected.out_id = Some("other out".to_owned());
    assert_eq!(axb.terms, expected);
    assert_eq!(world.rings(x(1), b(2), at(HOUR - 1)).await, Some(a(1)));
    assert_eq!(
        world.rings(x(1), b(2), at(HOUR)).await,
        None,
        "it ends when the AX would have"
    );
}

async fn only_a_live_ax_is_upgraded(world: &mut World) {
    world.stock(4).await;
    world.add_account(other_account()).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    let axb = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let answer = run(world, upgrade(&axb, b(2)), 1).await;
    assert_eq!(answer, Err(ChangeRefusal::WrongMode));

    let unbound = world.bound(world.named(x(1), a(1), None), at(0)).await;
    assert_eq!(world.unbind(&unbound, at(1)).await, Ok(()));
    let mut short = world.named(x(2), a(1), None);
    short.terms.expires_at = at(MINUTE);
    let short = world.bound(short, at(1)).await;
    let ax = world.bound(world.named(x(3), a(1), None), at(1)).await;
    let reference = named_by(&ax);
    let unknown = "S18000000000000fffffff".parse().expect("a SubId");
    let wrong = [
        named_by(&unbound),
        named_by(&short),
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
        let mut command = upgrade(&ax, b(2));
        command.ax = reference;
        let answer = run(world, command, MINUTE).await;
        assert_eq!(answer, Err(ChangeRefusal::NoSuchBinding), "{reference:?}");
    }
    let mut command = upgrade(&ax, b(2));
    command.ax.pool = None;
    assert!(run(world, command.clone(), MINUTE).await.is_ok());
    let again = run(world, command, MINUTE).await;
    assert_eq!(again, Err(ChangeRefusal::NoSuchBinding), "it has ended");
}

async fn equal_or_held_numbers_change_nothing(world: &mut World) {
    world.stock(1).await;
    let ax = world.bound(world.named(x(0), a(1), None), at(0)).await;
    let rival = world.bound(world.named(x(0), a(2), b(2)), at(0)).await;
    let before = world.last_event().await;
    for same in [a(1), x(0)] {
        let answer = run(world, upgrade(&ax, same), 1).await;
        assert_eq!(answer, Err(ChangeRefusal::SameNumber));
    }
    let answer = run(world, upgrade(&ax, b(2)), 1).await;
    let conflict = NumberRefusal::Conflict {
        by: rival.sub_id,
        by_ax: false,
    };
    assert_eq!(answer, Err(ChangeRefusal::Number(conflict)));
    assert_eq!(world.shown(&ax, at(2)).await, ax);
    assert_eq!(world.rings(x(0), b(9), at(2)).await, Some(a(1)));
    assert_eq!(world.topics_after(before).await, []);
}

async fn an_upgrade_at_the_cap_trades_places(world: &mut World) {
    world.stock(1).await;
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 1)
        .await;
    let mut ax = world.select(a(1), None);
    ax.terms.exclusive = true;
    let ax = world.bound(ax, at(0)).await;
    let axb = run(world, upgrade(&ax, b(1)), 1)
        .await
        .expect("its own place is free");
    assert!(axb.terms.exclusive);
    let load = world.load(x(0), at(1)).await;
    assert_eq!(
        (load.ax, load.axb, load.ax_exclusive, load.axb_exclusive),
        (0, 1, 0, 1)
    );
}

async fn an_upgrade_is_answered_twice_but_done_once(world: &mut World) {
    world.stock(1).await;
    let ax = world.bound(world.select(a(1), None), at(0)).await;
    let keyed = |fingerprint, nonce| {
        let mut command = upgrade(&ax, b(1));
        command.idempotency = key("UpgradeAXToAXB", "once", fingerprint);
        command.nonce = nonce;
        command
    };
    let first = run(world, keyed(1, 10), SECOND).await.expect("an AX");
    let before = world.last_event().await;
    let second = run(world, keyed(1, 11), 2 * SECOND).await;
    assert_eq!(second.as_ref(), Ok(&first));
    let mismatch = run(world, keyed(2, 12), 2 * SECOND).await;
    assert_eq!(mismatch, Err(ChangeRefusal::IdempotencyMismatch));
    assert_eq!(world.unbind(&first, at(3 * SECOND)).await, Ok(()));
    let late = run(world, keyed(1, 13), MINUTE).await;
    assert_eq!(late.as_ref(), Ok(&first), "as it was answered first");
    assert_eq!(world.topics_after(before).await, [Topic::BindingUnbound]);
}

//! The longest talk of a binding goes wherever the binding goes.

use axbridge_store::model::{BindingChange, Bound, CallRoute, UpgradeCommand};

use crate::world::{HOUR, MINUTE, SECOND, World, a, at, b, key, named_by, x};

scenarios!(a_longest_talk_stays_with_its_binding);

const ACTION: &str = "SelectNumberAndBindAXB";
const SECONDS: Option<u32> = Some(86_400);

async fn a_longest_talk_stays_with_its_binding(world: &mut World) {
    world.stock(3).await;
    let limited = |world: &World| {
        let mut command = world.named(x(0), a(1), b(1));
        command.terms.talk_s_max = SECONDS;
        command.idempotency = key(ACTION, "talk", 1);
        command
    };
    let command = limited(world);
    let bound = world.bound(command, at(0)).await;
    let plain = world.bound(world.named(x(1), a(2), b(2)), at(0)).await;
    assert_eq!(bound.terms.talk_s_max, SECONDS);
    assert_eq!(plain.terms.talk_s_max, None);

    let later = BindingChange::ExpiresAt(at(2 * HOUR));
    let changed = world.update(&bound, later, at(SECOND)).await;
    assert_eq!(changed.map(|it| it.terms.talk_s_max), Ok(SECONDS));
    let replayed = world.bind(limited(world), at(MINUTE)).await;
    assert_eq!(replayed, Ok(Bound::Replayed(bound.clone())));

    let mut ax = world.named(x(2), a(3), None);
    ax.terms.talk_s_max = Some(60);
    let ax = world.bound(ax, at(0)).await;
    let upgrade = UpgradeCommand {
        ax: named_by(&ax),
        b: b(3),
        display: None,
        user_data: None,
        out_id: None,
        idempotency: None,
        nonce: 0x7a1_c0de,
    };
    let axb = world.store.upgrade(upgrade, at(SECOND)).await;
    let axb = axb.expect("the store works").expect("an AX");
    assert_eq!(axb.terms.talk_s_max, Some(60));

    world.reopen(at(MINUTE)).await;
    for (number, caller, limit) in [(0, 1, SECONDS), (1, 2, None), (2, 3, Some(60))] {
        let route = world.call(x(number), a(caller), at(MINUTE)).await;
        let CallRoute::Connect { binding, .. } = route else {
            panic!("{route:?}");
        };
        assert_eq!(binding.terms.talk_s_max, limit, "{number}");
    }
}

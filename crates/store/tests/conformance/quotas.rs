//! The account's quota of live bindings.

use axbridge_domain::pool::PoolKind;
use axbridge_store::error::BindRefusal;

use crate::world::{MINUTE, SECOND, World, a, at, b, key, other_account, pool_no, x};

scenarios!(
    a_quota_is_kept_to_the_binding,
    a_quota_counts_what_lives_not_what_was_swept,
    a_quota_belongs_to_one_account,
    refusals_come_in_their_order,
);

async fn a_quota_is_kept_to_the_binding(world: &mut World) {
    world.stock(5).await;
    let mut last = None;
    for partner in 0..3 {
        let mut command = world.select(a(1), b(partner));
        command.live_bindings_max = Some(3);
        last = Some(world.bound(command, at(0)).await);
    }
    let over = || {
        let mut command = world.select(a(2), b(1));
        command.live_bindings_max = Some(3);
        command
    };
    assert_eq!(
        world.refused(over(), at(1)).await,
        BindRefusal::LiveBindingQuota
    );
    let mut named = world.named(x(4), a(2), b(1));
    named.live_bindings_max = Some(3);
    assert_eq!(
        world.refused(named, at(1)).await,
        BindRefusal::LiveBindingQuota
    );
    world.bound(world.select(a(3), b(3)), at(1)).await;
    assert_eq!(
        world.refused(over(), at(2)).await,
        BindRefusal::LiveBindingQuota
    );
    assert_eq!(world.unbind(&last.expect("bound"), at(3)).await, Ok(()));
    assert_eq!(
        world.refused(over(), at(3)).await,
        BindRefusal::LiveBindingQuota
    );
    let mut none = world.select(a(2), b(1));
    none.live_bindings_max = Some(0);
    assert_eq!(
        world.refused(none, at(3)).await,
        BindRefusal::LiveBindingQuota
    );
}

async fn a_quota_counts_what_lives_not_what_was_swept(world: &mut World) {
    world.stock(2).await;
    let with_quota = |partner| {
        let mut command = world.select(a(1), b(partner));
        command.live_bindings_max = Some(1);
        command.terms.expires_at = at(MINUTE);
        command
    };
    world.bound(with_quota(1), at(0)).await;
    let refusal = world.refused(with_quota(2), at(MINUTE - 1)).await;
    assert_eq!(refusal, BindRefusal::LiveBindingQuota);
    let mut later = with_quota(2);
    later.terms.expires_at = at(2 * MINUTE);
    let later = world.bound(later, at(MINUTE)).await;
    assert_eq!(world.unbind(&later, at(MINUTE + SECOND)).await, Ok(()));
    let mut again = with_quota(2);
    again.terms.expires_at = at(3 * MINUTE);
    world.bound(again, at(MINUTE + SECOND)).await;
}

async fn a_quota_belongs_to_one_account(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    world.bound(world.select(a(1), b(1)), at(0)).await;
    let mut foreign = world.select(a(1), b(1));
    (foreign.account, foreign.pool) = (other_account(), pool_no(2));
    foreign.live_bindings_max = Some(1);
    world.bound(foreign, at(1)).await;
}

async fn refusals_come_in_their_order(world: &mut World) {
    world.stock(1).await;
    let keyed = |fingerprint| {
        let mut command = world.select(a(1), b(1));
        command.idempotency = key("SelectNumberAndBindAXB", "once", fingerprint);
        command.live_bindings_max = Some(1);
        command
    };
    world.bound(keyed(1), at(0)).await;
    let mut elsewhere = keyed(2);
    elsewhere.pool = pool_no(9);
    let refusal = world.refused(elsewhere, at(1)).await;
    assert_eq!(refusal, BindRefusal::UnknownPool, "before the key");
    let refusal = world.refused(keyed(2), at(1)).await;
    assert_eq!(
        refusal,
        BindRefusal::IdempotencyMismatch,
        "before the quota"
    );
    let mut full = world.select(a(1), b(2));
    full.live_bindings_max = Some(1);
    let refusal = world.refused(full, at(1)).await;
    assert_eq!(
        refusal,
        BindRefusal::LiveBindingQuota,
        "before the selection"
    );
}

//! A retry is safe: one key, one request, one answer.

use axbridge_domain::pool::PoolKind;
use axbridge_store::{
    error::BindRefusal,
    model::{BindCommand, BindingChange, BindingFilter, Bound, Topic},
};

use crate::world::{ALL, HOUR, MINUTE, SECOND, World, a, at, b, key, other_account, pool_no, x};

scenarios!(
    a_retry_gets_the_answer_of_the_first,
    a_retry_gets_the_first_answer_whatever_came_after,
    other_parameters_under_the_same_key_are_refused,
    keys_are_told_apart_by_action_account_and_text,
    a_key_is_kept_for_its_time,
    a_refused_bind_leaves_no_key,
    a_retry_is_answered_even_at_the_quota,
    a_named_bind_is_retried_the_same,
);

const ACTION: &str = "SelectNumberAndBindAXB";

fn keyed(world: &World, text: &str, fingerprint: u8) -> BindCommand {
    let mut command = world.select(a(1), b(1));
    command.idempotency = key(ACTION, text, fingerprint);
    command
}

async fn bindings(world: &World) -> u64 {
    let everything = BindingFilter::default();
    let account = axbridge_domain::account::AccountId::DEFAULT;
    let found = world
        .store
        .list_bindings(account, &everything, ALL, at(0))
        .await;
    found.expect("works").total
}

async fn a_retry_gets_the_answer_of_the_first(world: &mut World) {
    world.stock(3).await;
    let mut command = keyed(world, "k", 1);
    command.terms.user_data = Some("data".to_owned());
    let first = world.bound(command, at(0)).await;
    for moment in [0, SECOND, HOUR] {
        let mut retry = keyed(world, "k", 1);
        retry.terms.user_data = Some("data".to_owned());
        let answer = world.bind(retry, at(moment)).await;
        assert_eq!(answer, Ok(Bound::Replayed(first.clone())));
    }
    assert_eq!(bindings(world).await, 1);
    assert_eq!(world.topics_after(0).await, [Topic::BindingBound]);
}

async fn a_retry_gets_the_first_answer_whatever_came_after(world: &mut World) {
    world.stock(4).await;
    let first = world.bound(keyed(world, "k", 1), at(0)).await;
    let replayed = Ok(Bound::Replayed(first.clone()));
    let changes = [
        BindingChange::PhoneB(b(7)),
        BindingChange::UserData(Some("changed".to_owned())),
        BindingChange::ExpiresAt(at(MINUTE)),
        BindingChange::PhoneX(if first.x == x(0) { x(1) } else { x(0) }),
    ];
    for (step, change) in changes.into_iter().enumerate() {
        let now = at(1 + step as i64);
        world.update(&first, change, now).await.expect("live");
        assert_eq!(world.bind(keyed(world, "k", 1), now).await, replayed);
    }
    world.sweep(at(MINUTE)).await;
    assert_eq!(
        world.bind(keyed(world, "k", 1), at(MINUTE)).await,
        replayed,
        "expired"
    );

    let second = world.bound(keyed(world, "l", 1), at(MINUTE)).await;
    assert_eq!(world.unbind(&second, at(2 * MINUTE)).await, Ok(()));
    let answer = world.bind(keyed(world, "l", 1), at(2 * MINUTE)).await;
    assert_eq!(answer, Ok(Bound::Replayed(second)), "unbound");
    assert_eq!(bindings(world).await, 2);
}

async fn other_parameters_under_the_same_key_are_refused(world: &mut World) {
    world.stock(3).await;
    world.bound(keyed(world, "k", 1), at(0)).await;
    let before = world.last_event().await;
    let refusal = world.refused(keyed(world, "k", 2), at(1)).await;
    assert_eq!(refusal, BindRefusal::IdempotencyMismatch);
    assert_eq!(bindings(world).await, 1);
    assert_eq!(world.topics_after(before).await, []);
    let answer = world.bind(keyed(world, "k", 1), at(2)).await;
    assert!(
        matches!(answer, Ok(Bound::Replayed(_))),
        "the key stands for the first"
    );
}

async fn keys_are_told_apart_by_action_account_and_text(world: &mut World) {
    world.stock(5).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    world.bound(keyed(world, "k", 1), at(0)).await;
    let mut other_action = keyed(world, "k", 2);
    other_action.idempotency = key("BindAXB", "k", 2);
    world.bound(other_action, at(0)).await;
    let mut foreign = keyed(world, "k", 3);
    (foreign.account, foreign.pool) = (other_account(), pool_no(2));
    world.bound(foreign, at(0)).await;
    world.bound(keyed(world, "K", 4), at(0)).await;
    world.bound(keyed(world, "k ", 5), at(0)).await;
    let hostile = "k'; DROP TABLE idempotency; --";
    world.bound(keyed(world, hostile, 6), at(0)).await;
    let answer = world.bind(keyed(world, hostile, 6), at(1)).await;
    assert!(matches!(answer, Ok(Bound::Replayed(_))));
}

async fn a_key_is_kept_for_its_time(world: &mut World) {
    world.stock(3).await;
    let kept_ms = world.options.idempotency_ms;
    let first = world.bound(keyed(world, "k", 1), at(SECOND)).await;
    world.sweep(at(SECOND + kept_ms - 1)).await;
    let answer = world
        .bind(keyed(world, "k", 1), at(SECOND + kept_ms - 1))
        .await;
    assert_eq!(answer, Ok(Bound::Replayed(first.clone())));
    let swept = world
        .store
        .sweep(at(SECOND + kept_ms + 1))
        .await
        .expect("works");
    assert_eq!(swept.idempotency_keys, 1);
    let second = world
        .bound(keyed(world, "k", 2), at(SECOND + kept_ms + 1))
        .await;
    assert_ne!(second.sub_id, first.sub_id);
}

async fn a_refused_bind_leaves_no_key(world: &mut World) {
    world.stock(1).await;
    let rival = world.bound(world.select(a(1), b(5)), at(0)).await;
    let refusal = world.refused(keyed(world, "k", 1), at(1)).await;
    assert!(matches!(refusal, BindRefusal::NoneEligible(_)));
    assert_eq!(world.unbind(&rival, at(2)).await, Ok(()));
    world.bound(keyed(world, "k", 2), at(2 * HOUR)).await;
}

async fn a_retry_is_answered_even_at_the_quota(world: &mut World) {
    world.stock(1).await;
    let with_quota = || {
        let mut command = keyed(world, "k", 1);
        command.live_bindings_max = Some(1);
        command
    };
    let first = world.bound(with_quota(), at(0)).await;
    let answer = world.bind(with_quota(), at(1)).await;
    assert_eq!(
        answer,
        Ok(Bound::Replayed(first)),
        "though nothing is eligible or allowed"
    );
}

async fn a_named_bind_is_retried_the_same(world: &mut World) {
    world.stock(1).await;
    let named = || {
        let mut command = world.named(x(0), a(1), b(1));
        command.idempotency = key("BindAXB", "k", 1);
        command
    };
    let first = world.bound(named(), at(0)).await;
    assert_eq!(world.bind(named(), at(1)).await, Ok(Bound::Replayed(first)));
    let refusal = world.refused(world.named(x(0), a(1), b(1)), at(2)).await;
    assert!(
        matches!(refusal, BindRefusal::Number(_)),
        "without the key it is a conflict"
    );
}

//! The outbox: every change is in it, in order, and nothing else.

use axbridge_domain::pool::PoolKind;
use axbridge_store::{
    error::BindRefusal,
    model::{BindingChange, Topic},
};

use crate::world::{MINUTE, SECOND, World, a, at, b, other_account, pool_no, x};

scenarios!(
    events_tell_a_life_in_order,
    events_are_read_in_pages_without_gaps,
    what_was_refused_is_not_told,
    events_name_their_account,
);

async fn events_tell_a_life_in_order(world: &mut World) {
    world.stock(2).await;
    let mut command = world.select(a(1), b(1));
    command.terms.expires_at = at(MINUTE);
    let one = world.bound(command, at(0)).await;
    let two = world.bound(world.select(a(2), b(2)), at(SECOND)).await;
    let change = BindingChange::PhoneB(b(3));
    world
        .update(&two, change, at(2 * SECOND))
        .await
        .expect("live");
    assert_eq!(world.unbind(&two, at(3 * SECOND)).await, Ok(()));
    world.sweep(at(2 * MINUTE)).await;
    let told: Vec<_> = world.events_after(0).await;
    assert!(told.is_sorted_by(|earlier, later| earlier.id < later.id));
    assert!(told.iter().all(|event| event.id > 0));
    let told: Vec<_> = told
        .into_iter()
        .map(|event| (event.topic, event.subject, event.at))
        .collect();
    let (one, two) = (one.sub_id.to_string(), two.sub_id.to_string());
    let expected = [
        (Topic::BindingBound, one.clone(), at(0)),
        (Topic::BindingBound, two.clone(), at(SECOND)),
        (Topic::BindingUpdated, two.clone(), at(2 * SECOND)),
        (Topic::BindingUnbound, two, at(3 * SECOND)),
        (Topic::BindingExpired, one, at(MINUTE)),
    ];
    assert_eq!(told, expected);
}

async fn events_are_read_in_pages_without_gaps(world: &mut World) {
    world.stock(1).await;
    for index in 0..7 {
        world.bound(world.select(a(index), b(index)), at(0)).await;
    }
    let all = world.events_after(0).await;
    assert_eq!(all.len(), 7);
    let mut seen = Vec::new();
    loop {
        let after = seen
            .last()
            .map_or(0, |event: &axbridge_store::model::Event| event.id);
        let page = world.store.events(after, 3).await.expect("works");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 3);
        seen.extend(page);
    }
    assert_eq!(seen, all);
}

async fn what_was_refused_is_not_told(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let before = world.last_event().await;
    let refusal = world.refused(world.select(a(1), b(2)), at(1)).await;
    assert!(matches!(refusal, BindRefusal::NoneEligible(_)));
    world.x_refused(world.named(x(0), a(1), b(2)), at(1)).await;
    let wrong = world
        .update(&binding, BindingChange::PhoneB(a(1)), at(1))
        .await;
    assert!(wrong.is_err());
    world.would_get(world.select(a(2), b(2)), at(1)).await;
    world.sweep(at(1)).await;
    assert_eq!(world.topics_after(before).await, []);
}

async fn events_name_their_account(world: &mut World) {
    world.stock(1).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let mut foreign = world.select(a(1), b(1));
    (foreign.account, foreign.pool) = (other_account(), pool_no(2));
    let foreign = world.bound(foreign, at(0)).await;
    let own = world.bound(world.select(a(1), b(1)), at(1)).await;
    let told: Vec<_> = world.events_after(0).await;
    let told: Vec<_> = told
        .into_iter()
        .map(|event| (event.account, event.subject))
        .collect();
    let expected = [&foreign, &own].map(|binding| (binding.account, binding.sub_id.to_string()));
    assert_eq!(told, expected);
}

//! A dry run decides as the real thing and does nothing.

use axbridge_domain::{account::AccountId, refusal::Tally};
use axbridge_store::{
    error::{BindRefusal, NumberRefusal},
    model::{BindingFilter, Bound},
};

use crate::world::{ALL, HOUR, World, a, at, b, key, pool_no, x};

scenarios!(
    a_dry_run_binds_nothing,
    a_dry_run_is_refused_as_the_real_thing,
    a_dry_run_leaves_idempotency_keys_alone,
    an_explanation_counts_and_binds_nothing,
);

async fn a_dry_run_binds_nothing(world: &mut World) {
    world.stock(2).await;
    let chosen = world.would_get(world.select(a(1), b(1)), at(0)).await;
    assert!([x(0), x(1)].contains(&chosen));
    assert_eq!(
        world.would_get(world.named(x(1), a(1), b(1)), at(0)).await,
        x(1)
    );
    assert_eq!(world.rings(x(1), a(1), at(1)).await, None);
    assert_eq!(world.topics_after(0).await, []);
    let everything = BindingFilter::default();
    let listed = world
        .store
        .list_bindings(AccountId::DEFAULT, &everything, ALL, at(1))
        .await;
    assert_eq!(listed.expect("works").total, 0);
    for number in [x(0), x(1)] {
        assert_eq!(world.load(number, at(1)).await.live(), 0);
        world.bound(world.named(number, a(1), b(1)), at(1)).await;
    }
}

async fn a_dry_run_is_refused_as_the_real_thing(world: &mut World) {
    world.stock(1).await;
    let held = world.bound(world.select(a(1), b(1)), at(0)).await;
    let dry = |mut command: axbridge_store::model::BindCommand| {
        command.dry_run = true;
        command
    };
    let refusal = world.refused(dry(world.select(a(1), b(2))), at(1)).await;
    assert!(
        matches!(refusal, BindRefusal::NoneEligible(refusal) if refusal.places[0].1.held_by_a == 1)
    );
    let refusal = world
        .x_refused(dry(world.named(x(0), a(1), b(2))), at(1))
        .await;
    let conflict = NumberRefusal::Conflict {
        by: held.sub_id,
        by_ax: false,
    };
    assert_eq!(refusal, conflict);
    let mut full = dry(world.select(a(2), b(2)));
    full.live_bindings_max = Some(1);
    assert_eq!(
        world.refused(full, at(1)).await,
        BindRefusal::LiveBindingQuota
    );
    let mut nowhere = dry(world.select(a(2), b(2)));
    nowhere.pool = pool_no(9);
    assert_eq!(
        world.refused(nowhere, at(1)).await,
        BindRefusal::UnknownPool
    );
}

async fn a_dry_run_leaves_idempotency_keys_alone(world: &mut World) {
    world.stock(2).await;
    let keyed = |fingerprint, dry_run| {
        let mut command = world.select(a(1), b(1));
        command.idempotency = key("SelectNumberAndBindAXB", "k", fingerprint);
        command.dry_run = dry_run;
        command
    };
    world.would_get(keyed(1, true), at(0)).await;
    let bound = world.bound(keyed(2, false), at(1)).await;
    let dry = world.bind(keyed(2, true), at(2)).await;
    assert!(
        matches!(dry, Ok(Bound::WouldBind(x)) if x != bound.x),
        "it replays nothing"
    );
    let real = world.bind(keyed(2, false), at(3)).await;
    assert_eq!(real, Ok(Bound::Replayed(bound)));
}

async fn an_explanation_counts_and_binds_nothing(world: &mut World) {
    world.stock(3).await;
    let past = world.bound(world.named(x(0), a(1), b(9)), at(0)).await;
    assert_eq!(world.unbind(&past, at(1)).await, Ok(()));
    world.bound(world.named(x(1), a(1), b(1)), at(1)).await;
    let command = world.select(a(1), b(2));
    let explain = async |now_ms| {
        let explained = world
            .store
            .explain(&command, at(now_ms))
            .await
            .expect("works");
        explained.expect("a pool of the account").places[0].1
    };
    let early = Tally {
        total: 3,
        eligible: 1,
        held_by_a: 1,
        quarantined: 1,
        ..Tally::default()
    };
    assert_eq!(explain(HOUR).await, early);
    let later = Tally {
        eligible: 2,
        quarantined: 0,
        ..early
    };
    assert_eq!(
        explain(HOUR + 1).await,
        later,
        "under the shortest quarantine"
    );
    assert_eq!(world.load(x(2), at(HOUR + 1)).await.live(), 0);
}

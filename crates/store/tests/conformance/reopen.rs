//! What was acknowledged is there after the store was closed and opened again.

use std::sync::Arc;

use axbridge_domain::{account::AccountId, inventory::NumberState, pool::PoolKind};
use axbridge_store::{
    Store,
    error::{ChangeRefusal, NumberRefusal, OpenError, StoreError},
    keyring::{Keyring, Secret},
    model::{
        AccessKey, BindingChange, BindingFilter, Bound, CallRoute, NumberFilter, Role, Topic,
        UpgradeCommand,
    },
};

use crate::world::{
    ALL, DAY, HOUR, MINUTE, SECOND, World, a, at, b, is_unreadable, key, main_pool, named_by, x,
};

scenarios!(
    bindings_route_and_quarantine_goes_on,
    what_an_update_gave_up_stays_closed,
    an_upgrade_stays_done,
    answers_to_idempotency_keys_stay,
    accounts_keys_pools_and_numbers_stay,
    events_are_neither_lost_nor_told_again,
    expiries_while_closed_are_announced_once,
    loads_and_counts_are_what_they_were,
    a_pair_gets_its_last_number_also_afterwards,
    a_moved_end_stays_moved,
    other_keys_read_nothing_rather_than_garbage,
    a_rotated_key_file_still_reads_what_the_old_one_wrote,
    a_closed_store_is_unavailable,
);

async fn bindings_route_and_quarantine_goes_on(world: &mut World) {
    world.stock(4).await;
    world
        .set_rules(at(0), |rules| {
            rules.quarantine_ms = DAY;
            rules.quarantine_min_ms = HOUR;
        })
        .await;
    let live = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let ax = world.bound(world.named(x(1), a(1), None), at(0)).await;
    let gone = world.bound(world.named(x(2), a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&gone, at(SECOND)).await, Ok(()));
    let mut short = world.named(x(3), a(1), b(1));
    short.terms.expires_at = at(MINUTE);
    let short = world.bound(short, at(SECOND)).await;

    world.reopen(at(2 * MINUTE)).await;
    let now = at(2 * MINUTE);
    assert_eq!(world.rings(x(0), b(1), now).await, Some(a(1)));
    assert_eq!(world.rings(x(1), b(9), now).await, Some(a(1)));
    for (number, ended) in [(2, &gone), (3, &short)] {
        let call = world.call(x(number), a(1), now).await;
        assert!(matches!(call, CallRoute::Ended { sub_id, .. } if sub_id == ended.sub_id));
    }
    for binding in [&live, &ax, &short] {
        assert_eq!(&world.shown(binding, now).await, binding);
    }
    assert_eq!(world.shown(&gone, now).await.ended_at, Some(at(SECOND)));
    let again = world.unbind(&gone, now).await;
    assert_eq!(again, Err(ChangeRefusal::NoSuchBinding));

    let early = world
        .x_refused(world.named(x(2), a(1), b(2)), at(SECOND + HOUR - 1))
        .await;
    assert_eq!(early, NumberRefusal::Quarantined);
    world
        .bound(world.named(x(2), a(1), b(2)), at(SECOND + HOUR))
        .await;
    let early = world
        .x_refused(world.named(x(3), a(1), b(3)), at(MINUTE + HOUR - 1))
        .await;
    assert_eq!(early, NumberRefusal::Quarantined);
    let held = world
        .x_refused(world.named(x(0), a(1), b(4)), at(MINUTE + HOUR))
        .await;
    let conflict = NumberRefusal::Conflict {
        by: live.sub_id,
        by_ax: false,
    };
    assert_eq!(held, conflict);
    assert_eq!(world.unbind(&live, at(2 * HOUR)).await, Ok(()));
    assert_eq!(world.rings(x(0), b(1), at(2 * HOUR)).await, None);
}

async fn what_an_update_gave_up_stays_closed(world: &mut World) {
    world.stock(2).await;
    let binding = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    world
        .update(&binding, BindingChange::PhoneA(a(2)), at(SECOND))
        .await
        .expect("free");
    let moved = world
        .update(&binding, BindingChange::PhoneX(x(1)), at(2 * SECOND))
        .await;
    let moved = moved.expect("free");
    world.reopen(at(MINUTE)).await;
    assert_eq!(world.shown(&binding, at(MINUTE)).await, moved);
    assert_eq!(world.rings(x(1), a(2), at(MINUTE)).await, Some(b(1)));
    assert_eq!(world.rings(x(1), b(1), at(MINUTE)).await, Some(a(2)));
    for caller in [a(1), a(2), b(1)] {
        let call = world.call(x(0), caller, at(MINUTE)).await;
        assert!(matches!(call, CallRoute::Ended { sub_id, .. } if sub_id == binding.sub_id));
    }
    let boundary = SECOND + HOUR;
    let early = world
        .x_refused(world.named(x(0), a(1), b(7)), at(boundary - 1))
        .await;
    assert_eq!(early, NumberRefusal::Quarantined);
    world
        .bound(world.named(x(0), a(1), b(7)), at(boundary))
        .await;
    let early = world
        .x_refused(world.named(x(0), a(2), b(8)), at(boundary))
        .await;
    assert_eq!(early, NumberRefusal::Quarantined, "given up a second later");
}

async fn an_upgrade_stays_done(world: &mut World) {
    world.stock(1).await;
    let ax = world.bound(world.select(a(1), None), at(0)).await;
    let command = UpgradeCommand {
        ax: named_by(&ax),
        b: b(1),
        display: None,
        user_data: None,
        out_id: None,
        idempotency: key("UpgradeAXToAXB", "k", 1),
        nonce: 77,
    };
    let upgraded = world
        .store
        .upgrade(command.clone(), at(SECOND))
        .await
        .expect("works");
    let upgraded = upgraded.expect("an AX");
    world.reopen(at(MINUTE)).await;
    assert_eq!(world.rings(x(0), b(1), at(MINUTE)).await, Some(a(1)));
    assert_eq!(world.rings(x(0), b(2), at(MINUTE)).await, None);
    assert_eq!(
        world.shown(&ax, at(MINUTE)).await.ended_at,
        Some(at(SECOND))
    );
    let again = world
        .store
        .upgrade(command, at(MINUTE))
        .await
        .expect("works");
    assert_eq!(again, Ok(upgraded));
}

async fn answers_to_idempotency_keys_stay(world: &mut World) {
    world.stock(2).await;
    let keyed = |world: &World, fingerprint| {
        let mut command = world.select(a(1), b(1));
        command.idempotency = key("SelectNumberAndBindAXB", "k", fingerprint);
        command
    };
    let first = world.bound(keyed(world, 1), at(0)).await;
    world
        .update(&first, BindingChange::PhoneB(b(2)), at(1))
        .await
        .expect("free");
    world.reopen(at(HOUR)).await;
    let answer = world.bind(keyed(world, 1), at(HOUR)).await;
    assert_eq!(answer, Ok(Bound::Replayed(first)));
    let refusal = world.refused(keyed(world, 2), at(HOUR)).await;
    assert_eq!(
        refusal,
        axbridge_store::error::BindRefusal::IdempotencyMismatch
    );
}

async fn accounts_keys_pools_and_numbers_stay(world: &mut World) {
    world
        .import(&[(x(3), "010"), (x(1), "021"), (x(2), "010")])
        .await;
    let made = AccessKey {
        id: "AK1".to_owned(),
        secret: Secret::new("a secret".to_owned()),
        account: AccountId::DEFAULT,
        role: Role::Operator,
        description: "first".to_owned(),
        created_at: at(1),
        disabled_at: None,
    };
    assert!(world.store.create_access_key(&made).await.expect("works"));
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 9)
        .await;
    world
        .add_pool(AccountId::DEFAULT, crate::world::pool_no(2), PoolKind::Axn)
        .await;
    let state = NumberState::UserDisabled;
    let set = world
        .store
        .set_number_states(None, &[x(1)], state, true, at(0))
        .await;
    assert_eq!(set.expect("works"), Ok(()));
    let gone = world
        .store
        .delete_numbers(main_pool(), &[x(2)], at(0))
        .await;
    assert_eq!(gone.expect("works"), [Ok(())]);
    let list = async |world: &World| {
        let filter = NumberFilter::default();
        world
            .store
            .list_numbers(&filter, ALL, at(0))
            .await
            .expect("works")
    };
    let (accounts, numbers) = (world.store.list_accounts().await, list(world).await);
    let pool = world.store.pool(main_pool()).await.expect("works");

    world.reopen(at(DAY)).await;
    assert_eq!(
        world.store.list_accounts().await.expect("works"),
        accounts.expect("works")
    );
    assert_eq!(list(world).await, numbers);
    assert_eq!(world.store.pool(main_pool()).await.expect("works"), pool);
    let found = world
        .store
        .access_key("AK1")
        .await
        .expect("works")
        .expect("it was made");
    assert_eq!(
        (found.secret.reveal(), found.role),
        ("a secret", Role::Operator)
    );
    let gone = world
        .x_refused(world.named(x(2), a(1), b(1)), at(DAY))
        .await;
    assert_eq!(gone, NumberRefusal::NotInPool);
    let disabled = world
        .x_refused(world.named(x(1), a(1), b(1)), at(DAY))
        .await;
    assert_eq!(disabled, NumberRefusal::Disabled);
    assert_eq!(world.bound(world.select(a(1), b(1)), at(DAY)).await.x, x(3));
}

async fn events_are_neither_lost_nor_told_again(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&binding, at(1)).await, Ok(()));
    let before = world.events_after(0).await;
    world.reopen(at(MINUTE)).await;
    assert_eq!(world.events_after(0).await, before);
    let last = world.last_event().await;
    world.bound(world.select(a(1), b(1)), at(MINUTE)).await;
    let events = world.events_after(last).await;
    assert_eq!(events.len(), 1);
    assert!(events[0].id > last, "ids are not used twice");
}

async fn expiries_while_closed_are_announced_once(world: &mut World) {
    world.stock(1).await;
    for (index, ends) in [(1, MINUTE), (2, 2 * MINUTE), (3, DAY)] {
        let mut command = world.named(x(0), a(index), b(index));
        command.terms.expires_at = at(ends);
        world.bound(command, at(0)).await;
    }
    assert_eq!(world.sweep(at(MINUTE)).await, 1);
    let before = world.last_event().await;
    world.reopen(at(HOUR)).await;
    assert_eq!(world.sweep(at(HOUR)).await, 1);
    assert_eq!(world.sweep(at(HOUR)).await, 0);
    world.reopen(at(2 * HOUR)).await;
    assert_eq!(world.sweep(at(2 * HOUR)).await, 0);
    let events = world.events_after(before).await;
    let told: Vec<_> = events
        .into_iter()
        .map(|event| (event.topic, event.at))
        .collect();
    assert_eq!(told, [(Topic::BindingExpired, at(2 * MINUTE))]);
}

async fn loads_and_counts_are_what_they_were(world: &mut World) {
    world.stock(2).await;
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 3)
        .await;
    world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let gone = world.bound(world.named(x(0), a(2), b(2)), at(0)).await;
    let mut exclusive = world.named(x(1), a(3), None);
    exclusive.terms.exclusive = true;
    world.bound(exclusive, at(0)).await;
    let mut short = world.named(x(0), a(4), b(4));
    short.terms.expires_at = at(MINUTE);
    world.bound(short, at(0)).await;
    assert_eq!(world.unbind(&gone, at(1)).await, Ok(()));

    world.reopen(at(MINUTE)).await;
    let now = at(MINUTE);
    assert_eq!(world.load(x(0), now).await.axb, 1);
    let load = world.load(x(1), now).await;
    assert_eq!((load.ax, load.ax_exclusive), (1, 1));
    assert_eq!(world.sweep(now).await, 1, "it ended at this very moment");
    assert_eq!(world.store.live_bindings(now).await.expect("works"), 2);
    let refusal = world.x_refused(world.named(x(1), a(5), b(5)), now).await;
    assert_eq!(refusal, NumberRefusal::KindConflict);
    for index in 5..7 {
        let mut command = world.named(x(0), a(index), b(index));
        command.live_bindings_max = Some(index - 2);
        world.bound(command, now).await;
    }
    let refusal = world.x_refused(world.named(x(0), a(8), b(8)), now).await;
    assert_eq!(refusal, NumberRefusal::AtCap);
    let mut quota = world.select(a(9), b(9));
    quota.live_bindings_max = Some(4);
    let refusal = world.refused(quota, now).await;
    assert_eq!(
        refusal,
        axbridge_store::error::BindRefusal::LiveBindingQuota
    );
}

async fn a_pair_gets_its_last_number_also_afterwards(world: &mut World) {
    world.stock(20).await;
    let first = world.bound(world.named(x(4), a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&first, at(1)).await, Ok(()));
    let second = world
        .bound(world.named(x(11), a(1), b(1)), at(SECOND))
        .await;
    assert_eq!(world.unbind(&second, at(SECOND)).await, Ok(()));
    world.reopen(at(DAY)).await;
    assert_eq!(
        world.would_get(world.select(b(1), a(1)), at(DAY)).await,
        x(11)
    );
}

async fn a_moved_end_stays_moved(world: &mut World) {
    world.stock(2).await;
    let longer = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    let shorter = world.bound(world.named(x(1), a(1), b(1)), at(0)).await;
    for (binding, ends) in [(&longer, 40 * DAY), (&shorter, MINUTE)] {
        let change = BindingChange::ExpiresAt(at(ends));
        world.update(binding, change, at(1)).await.expect("live");
    }
    world.reopen(at(2)).await;
    assert_eq!(world.rings(x(1), a(1), at(MINUTE - 1)).await, Some(b(1)));
    assert_eq!(world.rings(x(1), a(1), at(MINUTE)).await, None);
    assert_eq!(world.sweep(at(MINUTE)).await, 1);
    assert_eq!(world.rings(x(0), a(1), at(40 * DAY - 1)).await, Some(b(1)));
    assert_eq!(world.rings(x(0), a(1), at(40 * DAY)).await, None);
}

async fn other_keys_read_nothing_rather_than_garbage(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), None), at(0)).await;
    let made = AccessKey {
        id: "AK1".to_owned(),
        secret: Secret::new("a secret".to_owned()),
        account: AccountId::DEFAULT,
        role: Role::Application,
        description: String::new(),
        created_at: at(1),
        disabled_at: None,
    };
    assert!(world.store.create_access_key(&made).await.expect("works"));
    world.store.close().await;

    let other = Keyring::generate().expect("random bytes");
    let other = Arc::new(Keyring::parse(&other).expect("a key file's text"));
    let opened = Store::open(&world.location, other, world.options, at(1)).await;
    let store = match opened {
        Ok(store) => store,
        Err(OpenError::Store(StoreError::Unreadable(_)) | OpenError::Keys { .. }) => return,
        Err(error) => panic!("refused otherwise: {error}"),
    };
    assert!(is_unreadable(
        &store.binding(named_by(&binding), at(1)).await
    ));
    let everything = BindingFilter::default();
    let listed = store
        .list_bindings(AccountId::DEFAULT, &everything, ALL, at(1))
        .await;
    assert!(is_unreadable(&listed));
    assert!(is_unreadable(&store.access_key("AK1").await));
    let query = axbridge_store::model::CallQuery {
        x: x(0),
        caller: Some(b(1)),
        extension: None,
    };
    assert!(is_unreadable(&store.route_call(query, at(1)).await));
    store.close().await;
}

async fn a_rotated_key_file_still_reads_what_the_old_one_wrote(world: &mut World) {
    world.stock(2).await;
    let old = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    world
        .key_text
        .push_str(&format!("seal 2 {}\n", "5a".repeat(32)));
    world.reopen(at(1)).await;
    assert_eq!(world.shown(&old, at(1)).await, old);
    assert_eq!(world.rings(x(0), a(1), at(1)).await, Some(b(1)));
    let new = world.bound(world.named(x(1), a(1), b(1)), at(1)).await;
    assert_eq!(world.shown(&new, at(1)).await, new);
}

async fn a_closed_store_is_unavailable(world: &mut World) {
    world.stock(1).await;
    assert!(world.store.ready().await.is_ok());
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    world.store.close().await;
    world.store.close().await;
    let unavailable = |error: Option<StoreError>| matches!(error, Some(StoreError::Unavailable(_)));
    assert!(unavailable(world.store.ready().await.err()));
    let command = world.select(a(1), b(2));
    assert!(unavailable(world.store.bind(command, at(1)).await.err()));
    let answer = world.store.unbind(named_by(&binding), at(1)).await;
    assert!(unavailable(answer.err()));
    assert!(unavailable(world.store.sweep(at(1)).await.err()));
    world.reopen(at(2)).await;
    assert_eq!(world.rings(x(0), a(1), at(2)).await, Some(b(1)));
}

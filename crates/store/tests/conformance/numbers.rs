//! Numbers: import, deletion, states.

use axbridge_domain::{
    account::AccountId, inventory::NumberState, phone::PhoneNumber, pool::PoolKind,
};
use axbridge_store::{
    error::{BindRefusal, DeleteRefusal, ImportRefusal, NumberRefusal},
    model::{CallRoute, Imported, NewNumber, NumberFilter, Topic},
};

use crate::world::{ALL, SECOND, World, a, at, b, city, main_pool, other_account, pool_no, x};

scenarios!(
    an_import_answers_each_number_on_its_own,
    an_import_keeps_to_the_quota,
    a_number_belongs_to_one_pool_of_all_accounts,
    numbers_that_carry_bindings_are_not_deleted,
    a_deleted_number_is_gone_until_it_is_imported_again,
    a_disabled_number_carries_no_calls_and_no_new_bindings,
    states_change_all_or_none,
    what_the_operator_disabled_only_the_operator_enables,
    changes_of_state_are_told_once,
);

fn line(x: PhoneNumber, code: &str) -> NewNumber {
    NewNumber {
        x,
        city: Some(city(code)),
    }
}

async fn import(world: &World, numbers: &[NewNumber], max: Option<u64>) -> Vec<Imported> {
    let imported = world
        .store
        .import_numbers(main_pool(), numbers, max, at(10))
        .await;
    imported.expect("works").expect("a pool")
}

async fn set_state(
    world: &World,
    numbers: &[PhoneNumber],
    state: NumberState,
    by_operator: bool,
) -> Result<(), PhoneNumber> {
    let account = (!by_operator).then_some(AccountId::DEFAULT);
    let set = world
        .store
        .set_number_states(account, numbers, state, by_operator, at(100))
        .await;
    set.expect("works")
}

async fn delete(world: &World, numbers: &[PhoneNumber], ms: i64) -> Vec<Result<(), DeleteRefusal>> {
    let deleted = world
        .store
        .delete_numbers(main_pool(), numbers, at(ms))
        .await;
    deleted.expect("works")
}

async fn state_of(world: &World, x: PhoneNumber) -> NumberState {
    let states = [
        NumberState::Enabled,
        NumberState::UserDisabled,
        NumberState::PlatformDisabled,
        NumberState::Deregistered,
    ];
    for state in states {
        let filter = NumberFilter {
            numbers: vec![x],
            state: Some(state),
            ..NumberFilter::default()
        };
        let found = world
            .store
            .list_numbers(&filter, ALL, at(0))
            .await
            .expect("works");
        if let Some(row) = found.rows.first() {
            assert_eq!(row.state, state);
            return state;
        }
    }
    panic!("the number is in no state");
}

async fn an_import_answers_each_number_on_its_own(world: &mut World) {
    let without_city = NewNumber {
        x: PhoneNumber::parse("700123456789012").expect("a 700 number"),
        city: None,
    };
    let first = [
        line(x(1), "010"),
        without_city,
        line(x(1), "010"),
        line(x(2), "021"),
    ];
    let answer = import(world, &first, None).await;
    use Imported::{Added, Refused, Unchanged};
    assert_eq!(answer, [Added, Added, Unchanged, Added]);

    let again = [
        line(x(2), "010"),
        line(x(3), "010"),
        without_city,
        line(x(1), "010"),
    ];
    let answer = import(world, &again, None).await;
    let other_city = Refused(ImportRefusal::OtherCity);
    assert_eq!(answer, [other_city, Added, Unchanged, Unchanged]);

    let nowhere = world
        .store
        .import_numbers(pool_no(9), &first, None, at(0))
        .await;
    assert_eq!(nowhere.expect("works"), None);
    assert_eq!(import(world, &[], None).await, []);
}

async fn an_import_keeps_to_the_quota(world: &mut World) {
    let quota = Imported::Refused(ImportRefusal::Quota);
    let lines: Vec<_> = (0..4).map(|index| line(x(index), "010")).collect();
    let answer = import(world, &lines, Some(2)).await;
    assert_eq!(answer, [Imported::Added, Imported::Added, quota, quota]);
    let answer = import(world, &lines, Some(2)).await;
    assert_eq!(
        answer,
        [Imported::Unchanged, Imported::Unchanged, quota, quota]
    );

    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    let elsewhere = [line(x(9), "010")];
    let answer = world
        .store
        .import_numbers(pool_no(2), &elsewhere, Some(2), at(0))
        .await;
    assert_eq!(
        answer.expect("works"),
        Some(vec![quota]),
        "the account's, over all its pools"
    );

    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(3), PoolKind::Axb)
        .await;
    let answer = world
        .store
        .import_numbers(pool_no(3), &elsewhere, Some(2), at(0))
        .await;
    assert_eq!(
        answer.expect("works"),
        Some(vec![Imported::Added]),
        "each account has its own"
    );

    assert_eq!(delete(world, &[x(0)], 20).await, [Ok(())]);
    let answer = import(world, &lines[2..3], Some(2)).await;
    assert_eq!(
        answer,
        [Imported::Added],
        "a deregistered number makes room"
    );
}

async fn a_number_belongs_to_one_pool_of_all_accounts(world: &mut World) {
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(3), PoolKind::Axb)
        .await;
    world.import(&[(x(1), "010"), (x(2), "010")]).await;
    assert_eq!(delete(world, &[x(2)], 20).await, [Ok(())]);
    let taken = Imported::Refused(ImportRefusal::InAnotherPool);
    for pool in [pool_no(2), pool_no(3)] {
        let lines = [line(x(1), "010"), line(x(2), "010")];
        let answer = world.store.import_numbers(pool, &lines, None, at(30)).await;
        assert_eq!(answer.expect("works"), Some(vec![taken, taken]), "{pool}");
    }
}

async fn numbers_that_carry_bindings_are_not_deleted(world: &mut World) {
    world.stock(3).await;
    world
        .add_pool(AccountId::DEFAULT, pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(9), "010")]).await;
    let mut command = world.named(x(0), a(1), b(1));
    command.terms.expires_at = at(60 * SECOND);
    world.bound(command, at(0)).await;

    let answer = delete(world, &[x(0), x(1), x(9), x(8)], 60 * SECOND - 1).await;
    let missing = Err(DeleteRefusal::NotInPool);
    assert_eq!(
        answer,
        [
            Err(DeleteRefusal::CarriesBindings),
            Ok(()),
            missing,
            missing
        ]
    );
    let answer = delete(world, &[x(0), x(1)], 60 * SECOND).await;
    assert_eq!(answer, [Ok(()), missing], "the binding has expired");
}

async fn a_deleted_number_is_gone_until_it_is_imported_again(world: &mut World) {
    world.stock(1).await;
    let past = world.bound(world.named(x(0), a(1), b(1)), at(0)).await;
    assert_eq!(world.unbind(&past, at(1)).await, Ok(()));
    assert_eq!(delete(world, &[x(0)], 2).await, [Ok(())]);

    let listed = world
        .store
        .list_numbers(&NumberFilter::default(), ALL, at(3))
        .await;
    assert_eq!(listed.expect("works").total, 0);
    assert_eq!(state_of(world, x(0)).await, NumberState::Deregistered);
    let refusal = world.x_refused(world.named(x(0), a(2), b(2)), at(4)).await;
    assert_eq!(refusal, NumberRefusal::NotInPool);
    let refusal = world.refused(world.select(a(2), b(2)), at(5)).await;
    assert!(
        matches!(refusal, BindRefusal::NoneEligible(refusal) if refusal.places[0].1.total == 0)
    );
    assert_eq!(world.rings(x(0), a(1), at(6)).await, None);
    assert_eq!(
        world.shown(&past, at(6)).await.x,
        x(0),
        "the past names it still"
    );
    let set = set_state(world, &[x(0)], NumberState::Enabled, true).await;
    assert_eq!(set, Err(x(0)), "it comes back by import only");

    let answer = import(world, &[line(x(0), "021")], None).await;
    assert_eq!(answer, [Imported::Added], "in its new city");
    assert_eq!(state_of(world, x(0)).await, NumberState::Enabled);
    let bound = world
        .bound(world.select_in(&["021"], a(2), b(2)), at(200))
        .await;
    assert_eq!((bound.x, bound.x_city), (x(0), Some(city("021"))));
}

async fn a_disabled_number_carries_no_calls_and_no_new_bindings(world: &mut World) {
    world.stock(1).await;
    world.bound(world.select(a(1), b(1)), at(0)).await;
    for (state, by_operator) in [
        (NumberState::UserDisabled, false),
        (NumberState::PlatformDisabled, true),
    ] {
        assert_eq!(set_state(world, &[x(0)], state, by_operator).await, Ok(()));
        let account = AccountId::DEFAULT;
        assert_eq!(
            world.call(x(0), a(1), at(101)).await,
            CallRoute::NumberDisabled { account }
        );
        let refusal = world.refused(world.select(a(2), b(2)), at(101)).await;
        let BindRefusal::NoneEligible(refusal) = refusal else {
            panic!("refused otherwise: {refusal:?}");
        };
        assert_eq!(
            (refusal.places[0].1.disabled, refusal.places[0].1.total),
            (1, 1)
        );
        let refusal = world
            .x_refused(world.named(x(0), a(2), b(2)), at(101))
            .await;
        assert_eq!(refusal, NumberRefusal::Disabled);
        assert_eq!(
            set_state(world, &[x(0)], NumberState::Enabled, true).await,
            Ok(())
        );
        assert_eq!(
            world.rings(x(0), a(1), at(102)).await,
            Some(b(1)),
            "the binding lived on"
        );
    }
    world.bound(world.select(a(2), b(2)), at(103)).await;
}

async fn states_change_all_or_none(world: &mut World) {
    world.stock(3).await;
    world.add_account(other_account()).await;
    world
        .add_pool(other_account(), pool_no(2), PoolKind::Axb)
        .await;
    world.import_into(pool_no(2), &[(x(7), "010")]).await;
    let disabled = NumberState::UserDisabled;
    for wrong in [x(7), x(8)] {
        let set = set_state(world, &[x(0), wrong, x(1), x(9)], disabled, false).await;
        assert_eq!(set, Err(wrong), "the first that is not the account's");
        assert_eq!(state_of(world, x(0)).await, NumberState::Enabled);
        assert_eq!(state_of(world, x(1)).await, NumberState::Enabled);
    }
    assert_eq!(state_of(world, x(7)).await, NumberState::Enabled);
    assert_eq!(
        set_state(world, &[x(0), x(7)], disabled, true).await,
        Ok(()),
        "any account's"
    );
    assert_eq!(state_of(world, x(7)).await, disabled);
    assert_eq!(state_of(world, x(2)).await, NumberState::Enabled);
}

async fn what_the_operator_disabled_only_the_operator_enables(world: &mut World) {
    world.stock(2).await;
    let (enabled, disabled) = (NumberState::Enabled, NumberState::PlatformDisabled);
    assert_eq!(set_state(world, &[x(1)], disabled, true).await, Ok(()));
    assert_eq!(
        set_state(world, &[x(0), x(1)], enabled, false).await,
        Err(x(1))
    );
    let weaker = set_state(world, &[x(0), x(1)], NumberState::UserDisabled, false).await;
    assert_eq!(weaker, Err(x(1)));
    assert_eq!(state_of(world, x(0)).await, enabled);
    assert_eq!(state_of(world, x(1)).await, disabled);
    assert_eq!(set_state(world, &[x(1)], enabled, true).await, Ok(()));
    assert_eq!(state_of(world, x(1)).await, enabled);
}

async fn changes_of_state_are_told_once(world: &mut World) {
    world.stock(2).await;
    let before = world.last_event().await;
    let (enabled, disabled) = (NumberState::Enabled, NumberState::UserDisabled);
    assert_eq!(set_state(world, &[x(0)], enabled, false).await, Ok(()));
    assert_eq!(
        world.topics_after(before).await,
        [],
        "it was enabled already"
    );
    assert_eq!(set_state(world, &[x(0)], disabled, false).await, Ok(()));
    assert_eq!(
        set_state(world, &[x(0), x(1)], disabled, false).await,
        Ok(())
    );
    assert_eq!(set_state(world, &[x(0)], enabled, false).await, Ok(()));
    assert_eq!(delete(world, &[x(1)], 200).await, [Ok(())]);

    let events = world.events_after(before).await;
    let told: Vec<_> = events
        .iter()
        .map(|event| (event.topic, PhoneNumber::parse(&event.subject).ok()))
        .collect();
    use Topic::{NumberDeregistered, NumberDisabled, NumberEnabled};
    let expected = [
        (NumberDisabled, Some(x(0))),
        (NumberDisabled, Some(x(1))),
        (NumberEnabled, Some(x(0))),
        (NumberDeregistered, Some(x(1))),
    ];
    assert_eq!(told, expected);
    assert!(
        events
            .iter()
            .all(|event| event.account == AccountId::DEFAULT)
    );
    assert_eq!((events[0].at, events[3].at), (at(100), at(200)));
}

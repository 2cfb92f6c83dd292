//! Many requests at once: never two owners, never a refusal while a number is eligible.

use std::collections::HashSet;

use axbridge_domain::binding::Binding;
use axbridge_store::{
    error::{BindRefusal, DeleteRefusal, NumberRefusal, StoreError},
    model::{BindCommand, Bound, Topic},
};

use crate::world::{World, a, at, b, key, main_pool, named_by, x};

scenarios!(
    many_binds_around_one_b_get_distinct_numbers,
    many_binds_with_one_key_make_one_binding,
    a_cap_holds_under_many_binds,
    a_quota_holds_under_many_binds,
    one_route_has_one_owner,
    exclusive_kinds_never_meet,
    a_binding_is_unbound_once,
    no_number_is_deleted_under_a_new_binding,
);

type Answer = Result<Result<Bound, BindRefusal>, StoreError>;

async fn at_once(world: &World, commands: Vec<BindCommand>) -> Vec<Answer> {
    let tasks: Vec<_> = commands
        .into_iter()
        .map(|command| {
            let store = world.store.clone();
            tokio::spawn(async move { store.bind(command, at(0)).await })
        })
        .collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

fn new_bindings(answers: &[Answer]) -> Vec<Binding> {
    let new = answers.iter().filter_map(|answer| match answer {
        Ok(Ok(Bound::New(binding))) => Some(binding.clone()),
        _ => None,
    });
    new.collect()
}

async fn many_binds_around_one_b_get_distinct_numbers(world: &mut World) {
    world.stock(64).await;
    let commands = (0..64).map(|index| world.select(a(index), b(1))).collect();
    let answers = at_once(world, commands).await;
    let bound = new_bindings(&answers);
    assert_eq!(bound.len(), 64, "{answers:?}");
    let numbers: HashSet<_> = bound.iter().map(|binding| binding.x).collect();
    assert_eq!(numbers.len(), 64);
    let ids: HashSet<_> = bound.iter().map(|binding| binding.sub_id).collect();
    assert_eq!(ids.len(), 64);
    for binding in &bound {
        assert_eq!(
            world.rings(binding.x, b(1), at(1)).await,
            Some(binding.terms.a)
        );
        assert_eq!(
            world.rings(binding.x, binding.terms.a, at(1)).await,
            Some(b(1))
        );
    }
    assert_eq!(world.topics_after(0).await, [Topic::BindingBound; 64]);
    world.refused(world.select(a(99), b(1)), at(1)).await;
}

async fn many_binds_with_one_key_make_one_binding(world: &mut World) {
    world.stock(40).await;
    let keyed = || {
        let mut command = world.select(a(1), b(1));
        command.idempotency = key("SelectNumberAndBindAXB", "k", 1);
        command
    };
    let answers = at_once(world, (0..32).map(|_| keyed()).collect()).await;
    let bound = new_bindings(&answers);
    assert_eq!(bound.len(), 1, "{answers:?}");
    for answer in answers {
        match answer {
            Ok(Ok(Bound::New(binding) | Bound::Replayed(binding))) => assert_eq!(binding, bound[0]),
            Ok(Err(BindRefusal::IdempotencyInProgress)) => {}
            other => panic!("answered otherwise: {other:?}"),
        }
    }
    assert_eq!(world.topics_after(0).await, [Topic::BindingBound]);
    let late = world.bind(keyed(), at(1)).await;
    assert_eq!(late, Ok(Bound::Replayed(bound[0].clone())));
}

async fn a_cap_holds_under_many_binds(world: &mut World) {
    world.stock(1).await;
    world
        .set_rules(at(0), |rules| rules.bindings_per_number_max = 10)
        .await;
    let commands = (0..40)
        .map(|index| world.select(a(index), b(index)))
        .collect();
    let answers = at_once(world, commands).await;
    assert_eq!(new_bindings(&answers).len(), 10, "{answers:?}");
    for answer in answers {
        match answer {
            Ok(Ok(Bound::New(_))) => {}
            Ok(Err(BindRefusal::NoneEligible(refusal))) => {
                assert_eq!(refusal.places[0].1.at_cap, 1);
            }
            other => panic!("answered otherwise: {other:?}"),
        }
    }
    assert_eq!(world.load(x(0), at(1)).await.axb, 10);
}

async fn a_quota_holds_under_many_binds(world: &mut World) {
    world.stock(4).await;
    let with_quota = |index| {
        let mut command = world.select(a(index), b(index));
        command.live_bindings_max = Some(7);
        command
    };
    let answers = at_once(world, (0..30).map(with_quota).collect()).await;
    assert_eq!(new_bindings(&answers).len(), 7, "{answers:?}");
    let refused = |answer: &&Answer| matches!(answer, Ok(Err(BindRefusal::LiveBindingQuota)));
    assert_eq!(answers.iter().filter(refused).count(), 23);
}

async fn one_route_has_one_owner(world: &mut World) {
    world.stock(1).await;
    let commands = (0..24)
        .map(|index| world.named(x(0), a(1), b(index)))
        .collect();
    let answers = at_once(world, commands).await;
    let bound = new_bindings(&answers);
    assert_eq!(bound.len(), 1, "{answers:?}");
    for answer in answers {
        match answer {
            Ok(Ok(Bound::New(_))) => {}
            Ok(Err(BindRefusal::Number(NumberRefusal::Conflict { by, .. }))) => {
                assert_eq!(by, bound[0].sub_id);
            }
            other => panic!("answered otherwise: {other:?}"),
        }
    }
    assert_eq!(world.rings(x(0), a(1), at(1)).await, bound[0].terms.b);
}

async fn exclusive_kinds_never_meet(world: &mut World) {
    world.stock(1).await;
    let commands = (0..20).map(|index| {
        let partner = (index % 2 == 0).then(|| b(index));
        let mut command = world.named(x(0), a(index), partner);
        command.terms.exclusive = true;
        command
    });
    let answers = at_once(world, commands.collect()).await;
    let load = world.load(x(0), at(1)).await;
    assert!((load.ax == 0) != (load.axb == 0), "{load:?}");
    assert_eq!(new_bindings(&answers).len() as u32, load.live());
}

async fn a_binding_is_unbound_once(world: &mut World) {
    world.stock(1).await;
    let binding = world.bound(world.select(a(1), b(1)), at(0)).await;
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, reference) = (world.store.clone(), named_by(&binding));
            tokio::spawn(async move { store.unbind(reference, at(1)).await })
        })
        .collect();
    let mut ended = 0;
    for task in tasks {
        let answer = task.await.expect("no panic").expect("the store works");
        ended += u32::from(answer.is_ok());
    }
    assert_eq!(ended, 1);
    let topics = world.topics_after(0).await;
    assert_eq!(topics, [Topic::BindingBound, Topic::BindingUnbound]);
    assert_eq!(world.load(x(0), at(2)).await.axb, 0);
}

async fn no_number_is_deleted_under_a_new_binding(world: &mut World) {
    world.stock(24).await;
    let races: Vec<_> = (0..24)
        .map(|index| {
            let (binder, deleter) = (world.store.clone(), world.store.clone());
            let command = world.named(x(index), a(index), b(index));
            let bind = tokio::spawn(async move { binder.bind(command, at(0)).await });
            let delete = tokio::spawn(async move {
                deleter
                    .delete_numbers(main_pool(), &[x(index)], at(0))
                    .await
            });
            (x(index), bind, delete)
        })
        .collect();
    for (number, bind, delete) in races {
        let bound = bind.await.expect("no panic").expect("the store works");
        let deleted = delete.await.expect("no panic").expect("the store works");
        match (&bound, deleted.as_slice()) {
            (Ok(_), [Err(DeleteRefusal::CarriesBindings)]) => {
                assert_eq!(world.load(number, at(1)).await.axb, 1);
            }
            (Err(BindRefusal::Number(NumberRefusal::NotInPool)), [Ok(())]) => {}
            other => panic!("answered otherwise: {other:?}"),
        }
    }
}

//! Receivers of events and what is owed to them.

use axbridge_domain::{
    account::AccountId,
    binding::Binding,
    delivery::{EventKind, Kinds, ReceiverId},
};
use axbridge_store::{
    delivery::{
        DeliveryState, EventFilter, Finished, Holder, Lease, Leased, Outcome, Receiver,
        ReceiverRef, Replay, Saved,
    },
    keyring::Secret,
    model::{BindingChange, Topic},
};

use crate::world::{MINUTE, SECOND, World, a, at, b, other_account};

const LEASE: i64 = 30 * SECOND;

fn receiver(account: AccountId, number: u64, kinds: &[EventKind]) -> Receiver {
    Receiver {
        id: ReceiverId::new(number),
        account,
        url: format!("https://receiver{number}.example.com/events"),
        kinds: kinds.iter().copied().collect(),
        token: Secret::new(format!("token-of-{number}")),
        ca_pem: None,
        paused: false,
        created_at: at(0),
        changed_at: at(0),
    }
}

fn reference(receiver: &Receiver) -> ReceiverRef {
    ReceiverRef {
        account: receiver.account,
        id: receiver.id,
    }
}

async fn add(world: &World, number: u64) -> ReceiverRef {
    let receiver = receiver(AccountId::DEFAULT, number, &EventKind::ALL);
    let saved = world.store.create_receiver(&receiver, 10).await;
    assert_eq!(saved.expect("the store works"), Saved::Done);
    reference(&receiver)
}

async fn fan_out(world: &World) -> (u64, u64) {
    let (mut events, mut deliveries) = (0, 0);
    loop {
        let step = world.store.fan_out(3).await.expect("the store works");
        if step.events == 0 {
            return (events, deliveries);
        }
        events += step.events;
        deliveries += step.deliveries;
    }
}

fn held_by(chance: u64, now: i64) -> Lease {
    Lease {
        holder: Holder::new(chance << 8),
        until: at(now + LEASE),
        limit: 100,
    }
}

async fn lease(world: &World, to: ReceiverRef, holder: u64, now: i64) -> Vec<Leased> {
    let leased = world
        .store
        .lease_deliveries(to, held_by(holder, now), at(now))
        .await;
    leased.expect("the store works")
}

async fn finish(
    world: &World,
    to: ReceiverRef,
    holder: u64,
    leased: &Leased,
    outcome: Outcome,
    now: i64,
) {
    let finished = Finished {
        event: leased.event.id,
        outcome,
        failures: leased.failures + 1,
        status: Some(503),
        note: Some("not now".to_owned()),
    };
    let done = world
        .store
        .finish_deliveries(to, held_by(holder, now), vec![finished], at(now))
        .await;
    done.expect("the store works");
}

/// Binds one pair after the other; each is one event.
async fn bind(world: &World, index: u64) -> Binding {
    world.bound(world.select(a(index), b(index)), at(0)).await
}

async fn change(world: &World, binding: &Binding, text: &str) {
    let change = BindingChange::OutId(Some(text.to_owned()));
    world
        .update(binding, change, at(SECOND))
        .await
        .expect("it is live");
}

fn topics(leased: &[Leased]) -> Vec<Topic> {
    leased.iter().map(|one| one.event.topic).collect()
}

async fn a_receiver_is_kept_changed_and_forgotten_with_its_token_sealed(world: &mut World) {
    let mut first = receiver(
        AccountId::DEFAULT,
        7,
        &[EventKind::CallRecord, EventKind::Risk],
    );
    first.ca_pem = Some("a certificate".to_owned());
    assert_eq!(
        world.store.create_receiver(&first, 1).await.expect("works"),
        Saved::Done
    );
    let second = receiver(AccountId::DEFAULT, 8, &[EventKind::Risk]);
    assert_eq!(
        world
            .store
            .create_receiver(&second, 1)
            .await
            .expect("works"),
        Saved::TooMany
    );
    first.url = "https://elsewhere.example.com/".to_owned();
    first.token = Secret::new("another-token".to_owned());
    first.paused = true;
    first.changed_at = at(5);
    assert_eq!(
        world.store.update_receiver(&first).await.expect("works"),
        Saved::Done
    );
    assert_eq!(
        world.store.update_receiver(&second).await.expect("works"),
        Saved::Unknown
    );
    world.reopen(at(MINUTE)).await;
    let listed = world.store.list_receivers(Some(AccountId::DEFAULT)).await;
    let [kept] = &listed.expect("works")[..] else {
        panic!("one receiver");
    };
    assert_eq!(kept.url, first.url);
    assert_eq!(kept.kinds, first.kinds);
    assert_eq!(kept.token.reveal(), "another-token");
    assert_eq!(kept.ca_pem, first.ca_pem);
    assert!(kept.paused);
    assert_eq!((kept.created_at, kept.changed_at), (at(0), at(5)));
    let others = world.store.list_receivers(Some(other_account())).await;
    assert!(others.expect("works").is_empty());
    let delete = || world.store.delete_receiver(reference(&first));
    assert!(delete().await.expect("works"));
    assert!(!delete().await.expect("works"));
}

async fn each_event_becomes_one_delivery_for_each_receiver_that_subscribed(world: &mut World) {
    world.stock(5).await;
    bind(world, 0).await;
    assert_eq!(fan_out(world).await.1, 0, "nobody is there to be told");
    let all = add(world, 1).await;
    let records = receiver(AccountId::DEFAULT, 2, &[EventKind::CallRecord]);
    let strange = receiver(other_account(), 3, &EventKind::ALL);
    for other in [&records, &strange] {
        let saved = world.store.create_receiver(other, 10).await;
        assert_eq!(saved.expect("works"), Saved::Done);
    }
    for index in 1..5 {
        bind(world, index).await;
    }
    assert_eq!(fan_out(world).await, (4, 4));
    assert_eq!(fan_out(world).await, (0, 0), "once");
    assert_eq!(lease(world, all, 1, 0).await.len(), 4);
    assert!(lease(world, reference(&records), 1, 0).await.is_empty());
    assert!(lease(world, reference(&strange), 1, 0).await.is_empty());
}

async fn what_one_holds_nobody_else_gets_until_the_lease_ends(world: &mut World) {
    world.stock(3).await;
    let to = add(world, 1).await;
    for index in 0..3 {
        bind(world, index).await;
    }
    fan_out(world).await;
    let held = lease(world, to, 1, 0).await;
    assert_eq!(held.len(), 3);
    assert!(lease(world, to, 2, LEASE - 1).await.is_empty());
    finish(world, to, 1, &held[0], Outcome::Delivered, 1).await;
    let taken = lease(world, to, 2, LEASE).await;
    assert_eq!(taken.len(), 2, "the delivered one is through");
    // The first holder comes back late: what it says changes nothing any more.
    finish(world, to, 1, &held[1], Outcome::Parked, LEASE).await;
    finish(world, to, 2, &taken[0], Outcome::Delivered, LEASE).await;
    finish(world, to, 2, &taken[1], Outcome::Delivered, LEASE).await;
    let standing = world.store.delivery_standing().await.expect("works");
    assert_eq!((standing.unfinished, standing.parked), (0, 0));
    assert!(lease(world, to, 3, 10 * LEASE).await.is_empty());
}

async fn a_later_event_of_a_subject_waits_for_the_earlier_one(world: &mut World) {
    world.stock(2).await;
    let to = add(world, 1).await;
    let binding = bind(world, 0).await;
    change(world, &binding, "one").await;
    fan_out(world).await;
    change(world, &binding, "two").await;
    bind(world, 1).await;
    fan_out(world).await;
    let first = lease(world, to, 1, MINUTE).await;
    assert_eq!(
        topics(&first),
        [Topic::BindingBound, Topic::BindingBound],
        "one of each binding"
    );
    let again_at = MINUTE + LEASE / 2;
    let retry = Outcome::Retry(at(again_at));
    finish(world, to, 1, &first[0], retry, MINUTE).await;
    assert!(lease(world, to, 1, again_at - 1).await.is_empty());
    let again = lease(world, to, 1, again_at).await;
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].event.id, first[0].event.id);
    assert_eq!(again[0].failures, 1);
    finish(world, to, 1, &again[0], Outcome::Delivered, again_at).await;
    for outcome in [Outcome::Parked, Outcome::Stale] {
        let next = lease(world, to, 1, again_at).await;
        assert_eq!(topics(&next), [Topic::BindingUpdated], "one at a time");
        finish(world, to, 1, &next[0], outcome, again_at).await;
    }
    let standing = world.store.delivery_standing().await.expect("works");
    assert_eq!((standing.unfinished, standing.parked), (1, 1));
}

async fn only_receivers_with_something_due_are_named(world: &mut World) {
    world.stock(1).await;
    let to = add(world, 1).await;
    let idle = receiver(AccountId::DEFAULT, 2, &[EventKind::Risk]);
    world.store.create_receiver(&idle, 10).await.expect("works");
    let mut paused = receiver(AccountId::DEFAULT, 3, &EventKind::ALL);
    paused.paused = true;
    world
        .store
        .create_receiver(&paused, 10)
        .await
        .expect("works");
    bind(world, 0).await;
    fan_out(world).await;
    let due = async |now: i64| world.store.due_receivers(at(now)).await.expect("works");
    assert_eq!(due(0).await, [to]);
    let held = lease(world, to, 1, 0).await;
    assert!(due(1).await.is_empty());
    let retry = Outcome::Retry(at(MINUTE));
    finish(world, to, 1, &held[0], retry, 1).await;
    assert!(due(MINUTE - 1).await.is_empty());
    assert_eq!(due(MINUTE).await, [to]);
    let hastened = world.store.hasten_deliveries(to, at(2)).await;
    hastened.expect("works");
    assert_eq!(due(2).await, [to]);
    // What the paused one is owed does not count as late.
    finish_all(world, to, 3).await;
    let standing = world.store.delivery_standing().await.expect("works");
    assert_eq!((standing.unfinished, standing.oldest), (1, None));
}

/// Takes and delivers everything that is due, and what becomes due by it.
async fn finish_all(world: &World, to: ReceiverRef, now: i64) -> Vec<i64> {
    let mut sent = Vec::new();
    loop {
        let held = lease(world, to, 9, now).await;
        if held.is_empty() {
            return sent;
        }
        for one in held {
            finish(world, to, 9, &one, Outcome::Delivered, now).await;
            sent.push(one.event.id);
        }
    }
}

async fn past_events_are_sent_again_in_order_and_only_those_asked_for(world: &mut World) {
    world.stock(2).await;
    let first = add(world, 1).await;
    let binding = bind(world, 0).await;
    change(world, &binding, "one").await;
    change(world, &binding, "two").await;
    fan_out(world).await;
    let sent = finish_all(world, first, MINUTE).await;
    assert_eq!(sent.len(), 3);
    let second = add(world, 2).await;
    let replay = Replay {
        account: AccountId::DEFAULT,
        from: at(0),
        to: at(2 * SECOND),
        receiver: None,
        kind: Some(EventKind::Binding),
    };
    let replayed = async |replay| {
        let made = world.store.replay_events(replay, at(2 * MINUTE)).await;
        made.expect("works")
    };
    let none = Replay {
        kind: Some(EventKind::Risk),
        ..replay
    };
    assert_eq!(replayed(none).await, 0);
    assert_eq!(replayed(replay).await, 6);
    assert_eq!(replayed(replay).await, 0, "all of them are unfinished");
    assert_eq!(finish_all(world, first, 2 * MINUTE).await, sent);
    assert_eq!(finish_all(world, second, 2 * MINUTE).await, sent);
    let updates = Replay {
        from: at(SECOND),
        receiver: Some(second.id),
        ..replay
    };
    assert_eq!(replayed(updates).await, 2);
    assert!(finish_all(world, first, 2 * MINUTE).await.is_empty());
    assert_eq!(finish_all(world, second, 2 * MINUTE).await, sent[1..]);
}

async fn the_log_shows_events_newest_first_with_how_each_delivery_stands(world: &mut World) {
    world.stock(3).await;
    let to = add(world, 1).await;
    for index in 0..3 {
        bind(world, index).await;
    }
    fan_out(world).await;
    let held = lease(world, to, 1, 0).await;
    finish(world, to, 1, &held[0], Outcome::Delivered, SECOND).await;
    finish(world, to, 1, &held[1], Outcome::Parked, SECOND).await;
    let log = async |filter, limit| {
        let rows = world.store.event_log(filter, limit).await;
        rows.expect("works")
    };
    let everything = log(EventFilter::default(), 10).await;
    let ids: Vec<i64> = everything.iter().map(|row| row.event.id).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older));
    assert_eq!(ids.len(), 3);
    let states: Vec<DeliveryState> = everything
        .iter()
        .map(|row| row.deliveries[0].state)
        .collect();
    assert_eq!(
        states,
        [
            DeliveryState::Due,
            DeliveryState::Parked,
            DeliveryState::Delivered
        ]
    );
    let parked = EventFilter {
        state: Some(DeliveryState::Parked),
        account: Some(AccountId::DEFAULT),
        ..EventFilter::default()
    };
    let [row] = &log(parked, 10).await[..] else {
        panic!("one event is parked");
    };
    let delivery = &row.deliveries[0];
    assert_eq!(delivery.receiver, to.id);
    assert_eq!((delivery.failures, delivery.status), (1, Some(503)));
    assert_eq!(delivery.note.as_deref(), Some("not now"));
    assert_eq!(delivery.at, at(SECOND));
    let page = EventFilter {
        before: Some(ids[0]),
        ..EventFilter::default()
    };
    assert_eq!(log(page, 1).await[0].event.id, ids[1]);
    let elsewhere = EventFilter {
        account: Some(other_account()),
        ..EventFilter::default()
    };
    assert!(log(elsewhere, 10).await.is_empty());
    let later = EventFilter {
        from: Some(at(1)),
        ..EventFilter::default()
    };
    assert!(log(later, 10).await.is_empty());
}

async fn old_events_go_once_they_are_through_and_what_is_owed_stays(world: &mut World) {
    world.stock(3).await;
    let to = add(world, 1).await;
    let binding = bind(world, 0).await;
    change(world, &binding, "later").await;
    bind(world, 1).await;
    fan_out(world).await;
    let held = lease(world, to, 1, 0).await;
    finish(world, to, 1, &held[0], Outcome::Delivered, 1).await;
    // Made, but not yet a delivery: it is old as well, and stays.
    bind(world, 2).await;
    let purged = world.store.purge_deliveries(at(MINUTE)).await;
    assert!(purged.expect("works") > 0);
    let left = world.store.event_log(EventFilter::default(), 10).await;
    assert_eq!(left.expect("works").len(), 1);
    fan_out(world).await;
    let sent = finish_all(world, to, MINUTE).await;
    assert_eq!(
        sent.len(),
        3,
        "the update, the second and the third binding"
    );
    let purged = world.store.purge_deliveries(at(MINUTE)).await;
    assert!(purged.expect("works") > 0);
    assert_eq!(
        world
            .store
            .purge_deliveries(at(MINUTE))
            .await
            .expect("works"),
        0
    );
    let left = world.store.event_log(EventFilter::default(), 10).await;
    assert!(left.expect("works").is_empty());
}

async fn a_forgotten_receiver_is_owed_nothing(world: &mut World) {
    world.stock(1).await;
    let to = add(world, 1).await;
    bind(world, 0).await;
    fan_out(world).await;
    world.store.delete_receiver(to).await.expect("works");
    let standing = world.store.delivery_standing().await.expect("works");
    assert_eq!(standing.unfinished, 0);
    assert!(lease(world, to, 1, MINUTE).await.is_empty());
}

#[test]
fn there_is_a_topic_for_every_kind() {
    let told: Kinds = Topic::ALL.into_iter().map(Topic::kind).collect();
    assert_eq!(told, Kinds::all());
}

scenarios!(
    a_receiver_is_kept_changed_and_forgotten_with_its_token_sealed,
    each_event_becomes_one_delivery_for_each_receiver_that_subscribed,
    what_one_holds_nobody_else_gets_until_the_lease_ends,
    a_later_event_of_a_subject_waits_for_the_earlier_one,
    only_receivers_with_something_due_are_named,
    past_events_are_sent_again_in_order_and_only_those_asked_for,
    the_log_shows_events_newest_first_with_how_each_delivery_stands,
    old_events_go_once_they_are_through_and_what_is_owed_stays,
    a_forgotten_receiver_is_owed_nothing,
);

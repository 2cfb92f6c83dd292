//! Whatever a receiver does, each event arrives at least once and in the order of its subject.

use axbridge_app::callbacks::{DeliveryState, EventFilter};

use crate::{
    authority::Authority,
    house::{House, quick, wait_for},
    receiver::{Mood, Receiver},
};

const BINDINGS: u64 = 12;
const EVENTS: usize = 4 * BINDINGS as usize;

/// A house with one receiver, which every binding tells of.
async fn pair() -> (House, Receiver, Authority) {
    let authority = Authority::new();
    let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
    let house = House::open(quick()).await;
    let url = receiver.url("localhost");
    house.subscribe(&url, Some(authority.pem())).await;
    (house, receiver, authority)
}

async fn all_arrived_in_order(house: &House, receiver: &Receiver) {
    house.all_delivered().await;
    let (firsts, _) = receiver.first_takings();
    assert_eq!(firsts.len(), EVENTS, "each event was taken");
    receiver.assert_order();
}

async fn under(mood: impl Fn(u64) -> Mood + Send + Sync + 'static) -> Receiver {
    let (mut house, receiver, _) = pair().await;
    receiver.behave(mood);
    for index in 0..BINDINGS {
        house.live_and_die(index).await;
    }
    all_arrived_in_order(&house, &receiver).await;
    house.stop().await;
    receiver
}

/// Two requests of three go wrong, with what goes wrong drawn from the request's number.
fn chaos(number: u64) -> Mood {
    let bad = [
        Mood::Refuse(500),
        Mood::Refuse(404),
        Mood::Redirect,
        Mood::Hang,
        Mood::Reset,
        Mood::HalfAnswer,
        Mood::TakeSlowly,
        Mood::TakeAndClose,
    ];
    let draw = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    match draw % 3 {
        0 => Mood::Take,
        _ => bad[(draw / 3 % bad.len() as u64) as usize],
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_works_gets_each_event_once_and_in_order() {
    let receiver = under(|_| Mood::Take).await;
    let (_, counts) = receiver.first_takings();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_does_everything_wrong_in_turn_gets_all_in_order() {
    under(chaos).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_without_end_is_an_answer() {
    let receiver = under(|_| Mood::TakeSlowly).await;
    let (_, counts) = receiver.first_takings();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_that_dies_and_comes_back_gets_what_it_missed() {
    let (house, mut receiver, _) = pair().await;
    for index in 0..BINDINGS {
        match index {
            3 => receiver.die().await,
            9 => receiver.come_back().await,
            _ => {}
        }
        house.live_and_die(index).await;
    }
    all_arrived_in_order(&house, &receiver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_with_a_wrong_certificate_gets_nothing_until_it_is_right() {
    let (house, receiver, authority) = pair().await;
    let stranger = Authority::new();
    for wrong in [
        stranger.acceptor(&["localhost"]),
        authority.acceptor(&["elsewhere.example.com"]),
    ] {
        receiver.present(wrong);
        let (_, before) = receiver.seen();
        house.live_and_die(before).await;
        let tried = async || receiver.seen().1 >= before + 3;
        wait_for("some tries", tried).await;
        assert_eq!(receiver.seen().0, 0, "no request was made");
    }
    receiver.present(authority.acceptor(&["localhost"]));
    house.all_delivered().await;
    receiver.assert_order();
    assert_eq!(receiver.first_takings().0.len(), 8);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_is_parked_and_can_be_replayed() {
    let mut settings = quick();
    settings.schedule.keep_ms = 150;
    let authority = Authority::new();
    let receiver = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
    receiver.behave(|_| Mood::Refuse(503));
    let house = House::open(settings).await;
    let url = receiver.url("localhost");
    house.subscribe(&url, Some(authority.pem())).await;
    let from = house.app.clock().now();
    house.live_and_die(0).await;
    house.all_delivered().await;
    assert!(receiver.taken().is_empty());
    let parked = EventFilter {
        state: Some(DeliveryState::Parked),
        ..EventFilter::default()
    };
    let log = house.app.event_log(parked, 10).await.expect("a log");
    assert_eq!(log.len(), 4);
    assert!(log.iter().all(|row| row.deliveries[0].status == Some(503)));
    receiver.behave(|_| Mood::Take);
    let replay = axbridge_app::callbacks::Replay {
        account: axbridge_domain::account::AccountId::DEFAULT,
        from,
        to: house.app.clock().now().plus_ms(1),
        receiver: None,
        kind: None,
    };
    assert_eq!(house.app.replay_events(replay).await, Ok(4));
    house.all_delivered().await;
    assert_eq!(receiver.first_takings().0.len(), 4);
    receiver.assert_order();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_receiver_gets_everything_when_it_goes_on() {
    let (house, receiver, _) = pair().await;
    let id = house.app.list_receivers(None).await.expect("a list")[0].id;
    let pause = async |paused| {
        let change = axbridge_app::callbacks::ReceiverChange {
            paused: Some(paused),
            ..Default::default()
        };
        house
            .app
            .update_receiver(id, change)
            .await
            .expect("it is set");
    };
    pause(true).await;
    for index in 0..BINDINGS {
        house.live_and_die(index).await;
    }
    let owed = async || {
        let standing = house.app.store().delivery_standing().await.expect("works");
        standing.unfinished >= EVENTS as u64
    };
    wait_for("all is owed", owed).await;
    assert!(receiver.taken().is_empty());
    pause(false).await;
    all_arrived_in_order(&house, &receiver).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_finished_before_a_stop() {
    let (mut house, receiver, _) = pair().await;
    for index in 0..BINDINGS {
        house.live_and_die(index).await;
    }
    let some = async || receiver.seen().0 > 4;
    wait_for("some messages", some).await;
    house.stop().await;
    let (firsts, counts) = receiver.first_takings();
    assert!(counts.values().all(|count| *count == 1));
    house.deliver();
    all_arrived_in_order(&house, &receiver).await;
    let (_, counts) = receiver.first_takings();
    assert!(
        counts.values().all(|count| *count == 1),
        "after {}",
        firsts.len()
    );
}

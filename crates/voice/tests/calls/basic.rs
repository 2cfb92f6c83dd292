//! Who reaches whom, who sees what, and what the record says.

use std::time::Duration;

use axbridge_app::trunks::TrunkChange;
use axbridge_domain::{
    binding::DisplayType,
    call::{CallResult, Direction, ReleasedBy},
};

use crate::{
    house::{A, B, House, STRANGER, Setup, X},
    line::Line,
    peer::{Peer, Whose},
    scene::{Scene, World, came_out, quick, quick_with, ringing, talking, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dials_x_and_b_rings_and_sees_x() {
    let mut scene = talking(quick(), |_| ()).await;
    let invite = &scene.b.invite;
    assert!(invite.start().starts_with(&format!("INVITE sip:{B}@")));
    assert!(invite.header("From").expect("a From").contains(X));
    assert_eq!(invite.header("Max-Forwards"), Some("69"));
    assert_eq!(scene.sound_of_a().ip(), scene.house.address().ip());
    scene.a_hangs_up().await;
    let calls = scene.house.ended_calls(1).await;
    assert_eq!(calls[0].direction, Direction::AToB);
    assert!(calls[0].binding.is_some());
    assert!(calls[0].ringing_at.is_some() && calls[0].answered_at.is_some());
    assert_eq!(calls[0].trunk, "carrier-a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_dials_x_and_a_rings_and_hangs_up_first() {
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let invite = to_x(&b, B);
    let mut b = Line::call(b, house.address(), invite).await;
    let mut a = Line::ring(a, house.address()).await;
    assert!(a.invite.start().starts_with(&format!("INVITE sip:{A}@")));
    assert!(a.invite.header("From").expect("a From").contains(X));
    a.picks_up().await;
    b.status(200).await;
    b.ack(None).await;
    a.bye().await;
    b.is_hung_up().await;
    came_out(&house, CallResult::Connected, ReleasedBy::Callee).await;
    let calls = house.ended_calls(1).await;
    assert_eq!(calls[0].direction, Direction::BToA);
    // Answered without a 180: it never rang.
    assert!(calls[0].ringing_at.is_none() && calls[0].answered_at.is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reaches_a_by_an_ax_and_nobody_by_an_axb() {
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let invite = to_x(&a, STRANGER);
    let mut stranger = Line::call(a, house.address(), invite).await;
    // The announcement, then the refusal.
    stranger.status(183).await;
    stranger.is_refused(404).await;
    came_out(&house, CallResult::NoBinding, ReleasedBy::Platform).await;
    let calls = house.ended_calls(1).await;
    assert_eq!(calls[0].id.sub_id(), None);

    house.clock.move_by_ms(24 * 3_600_000);
    house.bind(None, |_| ()).await;
    let invite = to_x(&b, B);
    let stranger_at_b = Line::call(b, house.address(), invite).await;
    let at_a = Line::ring(stranger.peer, house.address()).await;
    assert!(at_a.invite.start().starts_with(&format!("INVITE sip:{A}@")));
    drop(stranger_at_b);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_binding_and_an_unknown_x_ring_nobody() {
    let world = World::bound(quick(), |_| ()).await;
    world.house.clock.move_by_ms(3_600_000);
    let mut calling = world.a_calls().await;
    calling.a.status(183).await;
    calling
        .a_is_refused(404, CallResult::NoBinding, ReleasedBy::Platform)
        .await;
    let (house, mut b) = (calling.house, calling.b);
    let mut invite = to_x(&calling.a.peer, A);
    invite.x = "13900000005";
    let mut a = Line::call(calling.a.peer, house.address(), invite).await;
    a.status(183).await;
    a.is_refused(404).await;
    assert!(b.hears_nothing_for(Duration::from_millis(100)).await);
    assert_eq!(house.calls().await.len(), 1);
    house.is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sees_whom_is_what_the_binding_says() {
    for (display, b_sees, a_sees) in [
        (DisplayType::BothSeeX, X, X),
        (DisplayType::ASeesB, X, B),
        (DisplayType::BSeesA, A, X),
        (DisplayType::BothSeeReal, A, B),
    ] {
        let mut world = World::bound(quick(), |terms| terms.display = display).await;
        world.a.may_learn(a_sees);
        world.b.may_learn(b_sees);
        let mut scene = world.a_calls().await.reaches_b().await;
        let shows = |line: &Line, number: &str| {
            let from = line.invite.header("From").expect("a From");
            assert!(from.contains(&format!("sip:{number}@")), "{display:?}");
        };
        shows(&scene.b, b_sees);
        scene.b_refuses("486 Busy Here", 486).await;
        let Scene { house, a, b } = scene;
        let invite = to_x(&b.peer, B);
        let mut b = Line::call(b.peer, house.address(), invite).await;
        let mut a = Line::ring(a.peer, house.address()).await;
        shows(&a, a_sees);
        a.answer("486 Busy Here", None).await;
        a.wants("ACK").await;
        b.is_refused(486).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withheld_number_is_never_shown() {
    let world = World::bound(quick(), |terms| terms.display = DisplayType::BothSeeReal).await;
    let calling = world
        .a_calls_with(|invite| invite.headers = "Privacy: id\r\n")
        .await;
    let scene = calling.reaches_b().await;
    assert!(scene.b.invite.header("From").expect("a From").contains(X));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_gives_up() {
    let mut scene = ringing(quick(), |_| ()).await;
    scene.a.cancels().await;
    scene.a.is_refused(487).await;
    scene.b.is_cancelled().await;
    scene
        .came_out(CallResult::CallerHungUp, ReleasedBy::Caller)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_callee_reaches_the_caller_in_our_words() {
    for (status, told, result) in [
        ("486 Busy Here", 486, CallResult::Busy),
        ("480 Temporarily Unavailable", 480, CallResult::NoAnswer),
        ("603 Decline", 603, CallResult::Rejected),
        ("404 Not Found", 404, CallResult::VacantNumber),
        ("302 Moved Temporarily", 480, CallResult::RoutingFailure),
    ] {
        let mut scene = ringing(quick(), |_| ()).await;
        let (a, b) = (&mut scene.a, &mut scene.b);
        let reason = format!(
            "Reason: SIP;cause=600;text=\"{B}\"\r\nWarning: 399 {} \"x\"\r\n",
            Whose::B_HOST
        );
        b.send(&b.response(&b.invite, status, &reason, None)).await;
        b.wants("ACK").await;
        a.is_refused(told).await;
        scene.came_out(result, ReleasedBy::Callee).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_picks_up() {
    let setup = quick_with(|settings| settings.call.ring_ms_max = 300);
    let mut scene = ringing(setup, |_| ()).await;
    scene.b.is_cancelled().await;
    scene.a.is_refused(480).await;
    scene
        .came_out(CallResult::NoAnswer, ReleasedBy::Platform)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_trunk_is_told_to_the_caller() {
    let mut calling = World::bound(quick(), |_| ()).await.a_calls().await;
    calling
        .a_is_refused(480, CallResult::TimedOut, ReleasedBy::Platform)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_to_all_trunks_hears_nothing() {
    let World { house, .. } = World::bound(quick(), |_| ()).await;
    let foreign = Peer::at("127.0.0.9").await;
    let invite = to_x(&foreign, A);
    let mut foreign = Line::call(foreign, house.address(), invite).await;
    let options = foreign.request("OPTIONS", "", None);
    foreign.send(&options).await;
    foreign.hears_nothing().await;
    assert_eq!(house.calls().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_carriers_may_speak_over_connections() {
    let b = Peer::by_tcp(Whose::B_HOST, None).await;
    let a = Peer::at(Whose::A_HOST).await;
    let setup = Setup {
        trunk_b: vec![("Peers", format!("{};transport=tcp", b.address))],
        ..quick()
    };
    let house = House::start(&a, &b, setup).await;
    house.bind(Some(B), |_| ()).await;
    let a = Peer::by_tcp(Whose::A_HOST, Some(house.tcp_address())).await;
    let invite = to_x(&a, A);
    let a = Line::call(a, house.tcp_address(), invite).await;
    let b = Line::ring(b, house.tcp_address()).await;
    let mut scene = Scene { house, a, b };
    scene.b.answer("180 Ringing", None).await;
    scene.a.status(180).await;
    scene.b_picks_up().await;
    scene.b_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_without_early_media_hears_refusals_in_an_answered_call() {
    let setup = Setup {
        trunk_a: vec![("AnswerRefusals", "true".to_owned())],
        ..quick()
    };
    let World { house, a, .. } = World::bound(setup, |_| ()).await;
    let invite = to_x(&a, STRANGER);
    let mut stranger = Line::call(a, house.address(), invite).await;
    stranger.status(200).await;
    stranger.ack(None).await;
    stranger.is_hung_up().await;
    came_out(&house, CallResult::NoBinding, ReleasedBy::Platform).await;
    let calls = house.ended_calls(1).await;
    assert!(calls[0].answered_at.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_carrier_may_have_a_trunk_for_each_way() {
    let setup = Setup {
        trunk_b: vec![("Inbound", "false".to_owned())],
        ..quick()
    };
    let world = World::new(setup).await;
    // By its name it comes before the other, so that messages of the address count to it.
    let change = TrunkChange {
        fields: vec![
            ("Networks", Whose::B_HOST.to_owned()),
            ("Outbound", "false".to_owned()),
            ("Peers", format!("{}:9", Whose::B_HOST)),
        ],
        ..TrunkChange::default()
    };
    let made = world.house.app.create_trunk("a-b-in", change).await;
    made.expect("a trunk");
    world.house.knows_peers(3).await;
    world.house.bind(Some(B), |_| ()).await;
    let mut scene = world.a_calls().await.reaches_b().await;
    scene.b_picks_up().await;
    scene.b_hangs_up().await;
}

//! Who reaches whom, who sees what, and what the record says.

use axbridge_app::trunks::TrunkChange;
use axbridge_domain::{
    binding::DisplayType,
    call::{CallResult, Direction, ReleasedBy},
};

use crate::{
    house::{A, B, House, STRANGER, Setup, X},
    line::Line,
    peer::Peer,
    scene::{calling, came_out, carriers, quick, ringing, talking, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dials_x_and_b_rings_and_sees_x() {
    let (house, mut a, mut b, answer) = talking(quick(), |_| ()).await;
    assert!(b.invite.start().starts_with(&format!("INVITE sip:{B}@")));
    assert!(b.invite.header("From").expect("a From").contains(X));
    assert_eq!(b.invite.header("Max-Forwards"), Some("69"));
    assert_eq!(answer.media().ip(), house.address().ip());
    a.bye().await;
    b.is_hung_up().await;
    let calls = house.ended_calls(1).await;
    assert_eq!(calls[0].direction, Direction::AToB);
    assert!(calls[0].binding.is_some());
    assert!(calls[0].ringing_at.is_some() && calls[0].answered_at.is_some());
    assert_eq!(calls[0].trunk, "carrier-a");
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b_dials_x_and_a_rings_and_b_hangs_up_first() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&b, B);
    let mut b = Line::call(b, house.address(), invite).await;
    let mut a = Line::ring(a, house.address()).await;
    assert!(a.invite.start().starts_with(&format!("INVITE sip:{A}@")));
    assert!(a.invite.header("From").expect("a From").contains(X));
    let sdp = a.peer.sdp("sendrecv");
    a.answer("200 OK", Some(&sdp)).await;
    a.wants("ACK").await;
    b.status(200).await;
    b.ack(None).await;
    a.bye().await;
    b.is_hung_up().await;
    let calls = house.ended_calls(1).await;
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!(
        (end.result, end.released_by),
        (CallResult::Connected, ReleasedBy::Callee)
    );
    assert_eq!(calls[0].direction, Direction::BToA);
    // Answered without a 180: it never rang.
    assert!(calls[0].ringing_at.is_none() && calls[0].answered_at.is_some());
    house.is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_reaches_a_by_an_ax_and_nobody_by_an_axb() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, STRANGER);
    let mut stranger = Line::call(a, house.address(), invite).await;
    // The announcement, then the refusal.
    stranger.status(183).await;
    stranger.status(404).await;
    stranger.ack_refusal().await;
    let calls = house.ended_calls(1).await;
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!(end.result, CallResult::NoBinding);
    assert_eq!(calls[0].id.sub_id(), None);
    house.is_empty().await;

    house.clock.move_by_ms(24 * 3_600_000);
    house.bind(None, |_| ()).await;
    let mut a = stranger.peer;
    let invite = to_x(&b, B);
    let stranger = Line::call(b, house.address(), invite).await;
    let ring = a.next().await.0;
    assert!(ring.start().starts_with(&format!("INVITE sip:{A}@")));
    assert!(!ring.0.contains(B));
    drop(stranger);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_binding_and_an_unknown_x_ring_nobody() {
    let (a, mut b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    house.clock.move_by_ms(3_600_000);
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.address(), invite).await;
    a.status(183).await;
    a.status(404).await;
    a.ack_refusal().await;
    let calls = house.ended_calls(1).await;
    assert_eq!(
        calls[0].end.as_ref().expect("an end").result,
        CallResult::NoBinding
    );
    let mut invite = to_x(&a.peer, A);
    invite.x = "13900000005";
    let mut a = Line::call(a.peer, house.address(), invite).await;
    a.status(183).await;
    a.status(503).await;
    a.ack_refusal().await;
    assert!(
        b.hears_nothing_for(std::time::Duration::from_millis(100))
            .await
    );
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
        let (house, a, b) = calling(quick(), |terms| terms.display = display).await;
        let mut at_b = Line::ring(b, house.address()).await;
        let from = |line: &Line| line.invite.header("From").expect("a From").to_owned();
        assert!(
            from(&at_b).contains(&format!("sip:{b_sees}@")),
            "{display:?}"
        );
        at_b.answer("486 Busy Here", None).await;
        at_b.wants("ACK").await;
        let mut a = a;
        a.status(486).await;
        a.ack_refusal().await;
        let invite = to_x(&at_b.peer, B);
        let mut b = Line::call(at_b.peer, house.address(), invite).await;
        let mut at_a = Line::ring(a.peer, house.address()).await;
        assert!(
            from(&at_a).contains(&format!("sip:{a_sees}@")),
            "{display:?}"
        );
        at_a.answer("486 Busy Here", None).await;
        at_a.wants("ACK").await;
        b.status(486).await;
        b.ack_refusal().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_withheld_number_is_never_shown() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house
        .bind(Some(B), |terms| terms.display = DisplayType::BothSeeReal)
        .await;
    let mut invite = to_x(&a, A);
    invite.headers = "Privacy: id\r\n";
    let _a = Line::call(a, house.address(), invite).await;
    let b = Line::ring(b, house.address()).await;
    assert!(b.invite.header("From").expect("a From").contains(X));
    assert!(!b.invite.0.contains(A));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_caller_gives_up() {
    let (house, mut a, mut b) = ringing(quick(), |_| ()).await;
    let cancel = a.request("CANCEL", "", None);
    a.send(&cancel).await;
    let answer = a.peer.next().await.0;
    assert_eq!((answer.status(), answer.cseq().1), (Some(200), "CANCEL"));
    a.status(487).await;
    a.ack_refusal().await;
    let cancel = b.wants("CANCEL").await;
    b.reply(&cancel, "200 OK", None).await;
    b.answer("487 Request Terminated", None).await;
    b.wants("ACK").await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::CallerHungUp,
        ReleasedBy::Caller,
    )
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
        let (house, mut a, mut b) = ringing(quick(), |_| ()).await;
        let text = b.response(
            &b.invite,
            status,
            "Reason: Q.850;cause=99;text=\"13800000002\"\r\nWarning: 399 127.0.0.3 \"x\"\r\n",
            None,
        );
        let text = text.replace("Q.850;cause=99", "SIP;cause=600");
        b.send(&text).await;
        b.wants("ACK").await;
        a.status(told).await;
        a.ack_refusal().await;
        came_out(&house, &a, &b.peer, result, ReleasedBy::Callee).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_picks_up() {
    let setup = crate::scene::quick_with(|settings| settings.call.ring_ms_max = 300);
    let (house, mut a, mut b) = ringing(setup, |_| ()).await;
    let cancel = b.wants("CANCEL").await;
    b.reply(&cancel, "200 OK", None).await;
    b.answer("487 Request Terminated", None).await;
    a.status(480).await;
    a.ack_refusal().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::NoAnswer,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_trunk_is_told_to_the_caller() {
    let (house, mut a, b) = calling(quick(), |_| ()).await;
    a.status(480).await;
    a.ack_refusal().await;
    came_out(&house, &a, &b, CallResult::TimedOut, ReleasedBy::Platform).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_to_all_trunks_hears_nothing() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
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
    let b = Peer::by_tcp("127.0.0.3", None).await;
    let a = Peer::at("127.0.0.2").await;
    let setup = Setup {
        trunk_b: vec![("Peers", format!("{};transport=tcp", b.address))],
        ..quick()
    };
    let house = House::start(&a, &b, setup).await;
    house.bind(Some(B), |_| ()).await;
    let a = Peer::by_tcp("127.0.0.2", Some(house.tcp_address())).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.tcp_address(), invite).await;
    let mut b = Line::ring(b, house.tcp_address()).await;
    b.answer("180 Ringing", None).await;
    a.status(180).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    a.status(200).await;
    a.ack(None).await;
    b.bye().await;
    a.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Callee,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_without_early_media_hears_refusals_in_an_answered_call() {
    let (a, b) = carriers().await;
    let setup = Setup {
        trunk_a: vec![("AnswerRefusals", "true".to_owned())],
        ..quick()
    };
    let house = House::start(&a, &b, setup).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, STRANGER);
    let mut stranger = Line::call(a, house.address(), invite).await;
    stranger.status(200).await;
    stranger.ack(None).await;
    stranger.is_hung_up().await;
    let calls = house.ended_calls(1).await;
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!(end.result, CallResult::NoBinding);
    assert!(calls[0].answered_at.is_none());
    house.is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_carrier_may_have_a_trunk_for_each_way() {
    let (a, b) = carriers().await;
    let setup = Setup {
        trunk_b: vec![("Inbound", "false".to_owned())],
        ..quick()
    };
    let house = House::start(&a, &b, setup).await;
    // By its name it comes before the other, so that messages of the address count to it.
    let change = TrunkChange {
        fields: vec![
            ("Networks", "127.0.0.3".to_owned()),
            ("Outbound", "false".to_owned()),
            ("Peers", "127.0.0.3:9".to_owned()),
        ],
        ..TrunkChange::default()
    };
    house
        .app
        .create_trunk("a-b-in", change)
        .await
        .expect("a trunk");
    house.knows_peers(3).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.address(), invite).await;
    let mut b = Line::ring(b, house.address()).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    a.status(200).await;
    a.ack(None).await;
    b.bye().await;
    a.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Callee,
    )
    .await;
}

//! Session timers (RFC 4028) over the wire. The sessions are shorter than the RFC lets anybody ask
//! for, so that their ends can be awaited.

use std::time::Duration;

use crate::{
    house::Setup,
    line::Line,
    peer::Message,
    scene::{Scene, World, quick, quick_with},
};

/// Sessions of seconds, on a platform that takes them.
fn short() -> Setup {
    quick_with(|settings| {
        settings.call.session_s = 2;
        settings.call.session_s_min = 1;
    })
}

/// A and B talk; A asked for a session in these words, and B answered with those.
async fn talking(setup: Setup, asked: &str, answered: &str) -> Scene {
    let world = World::bound(setup, |_| ()).await;
    let calling = world.a_calls_with(|invite| invite.headers = asked).await;
    let mut scene = calling.reaches_b().await;
    let sdp = scene.b.peer.sdp("sendrecv");
    let answer = scene
        .b
        .response(&scene.b.invite, "200 OK", answered, Some(&sdp));
    scene.b.send(&answer).await;
    scene.b.wants("ACK").await;
    scene.a.status(200).await;
    scene.a.ack(None).await;
    scene
}

/// Takes our refresh and agrees to it once more.
async fn is_refreshed(line: &mut Line, method: &str) -> Message {
    let refresh = line.wants(method).await;
    assert_eq!(refresh.header("Session-Expires"), Some("2;refresher=uac"));
    let sdp = (method == "INVITE").then(|| line.peer.sdp("sendrecv"));
    let headers = "Session-Expires: 2;refresher=uac\r\n";
    line.send(&line.response(&refresh, "200 OK", headers, sdp.as_deref()))
        .await;
    if method == "INVITE" {
        line.wants("ACK").await;
    }
    refresh
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_is_refreshed_by_us_again_and_again() {
    let mut scene = talking(
        short(),
        "Session-Expires: 2;refresher=uas\r\nSupported: timer\r\n",
        "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\nSession-Expires: 2;refresher=uac\r\n",
    )
    .await;
    let answer = scene.a.answered.clone().expect("an answer");
    assert_eq!(answer.header("Session-Expires"), Some("2;refresher=uas"));
    for _ in 0..2 {
        // A does not take UPDATE: it is offered what it has.
        let offer = is_refreshed(&mut scene.a, "INVITE").await;
        assert_eq!(offer.media(), answer.media());
        let refresh = is_refreshed(&mut scene.b, "UPDATE").await;
        assert_eq!(refresh.body(), "");
    }
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_peer_that_refreshes_keeps_the_call_and_one_that_stops_loses_it() {
    let asked = "Session-Expires: 3;refresher=uac\r\nSupported: timer\r\n";
    let mut scene = talking(short(), asked, "").await;
    let answer = scene.a.answered.clone().expect("an answer");
    assert_eq!(answer.header("Session-Expires"), Some("3;refresher=uac"));
    assert_eq!(answer.header("Require"), Some("timer"));
    // Longer than the session, which would end after two seconds.
    for _ in 0..3 {
        let pause = Duration::from_millis(800);
        assert!(scene.a.peer.hears_nothing_for(pause).await);
        let refresh = scene.a.request("UPDATE", asked, None);
        scene.a.send(&refresh).await;
        let answer = scene.a.status(200).await;
        assert_eq!(answer.header("Session-Expires"), Some("3;refresher=uac"));
        assert_eq!(answer.body(), "");
    }
    scene.both_are_hung_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_callee_that_promised_to_refresh_and_does_not_loses_the_call() {
    let answered = "Session-Expires: 2;refresher=uas\r\nRequire: timer\r\n";
    let mut scene = talking(short(), "", answered).await;
    assert_eq!(scene.b.invite.header("Session-Expires"), Some("2"));
    scene.both_are_hung_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_that_is_too_short_for_the_callee_is_made_longer() {
    let answered =
        "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\r\nSession-Expires: 2;refresher=uac\r\n";
    let mut scene = talking(short(), "", answered).await;
    let b = &mut scene.b;
    let refresh = b.wants("UPDATE").await;
    let status = "422 Session Interval Too Small";
    b.send(&b.response(&refresh, status, "Min-SE: 5\r\n", None))
        .await;
    let again = b.wants("UPDATE").await;
    assert_eq!(again.header("Session-Expires"), Some("5;refresher=uac"));
    assert_eq!(again.header("Min-SE"), Some("5"));
    let headers = "Session-Expires: 5;refresher=uac\r\n";
    b.send(&b.response(&again, "200 OK", headers, None)).await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_long_enough_for_both() {
    let world = World::bound(quick(), |_| ()).await;
    let asked = "Session-Expires: 30\r\nSupported: timer\r\n";
    let mut calling = world.a_calls_with(|invite| invite.headers = asked).await;
    assert_eq!(calling.a.status(422).await.header("Min-SE"), Some("90"));
    calling.a.ack_refusal().await;
    let world = World {
        house: calling.house,
        a: calling.a.peer,
        b: calling.b,
    };
    let asked = "Session-Expires: 1800;refresher=uas\r\nSupported: timer\r\n";
    let calling = world.a_calls_with(|invite| invite.headers = asked).await;
    let mut scene = calling.reaches_b().await;
    let b = &mut scene.b;
    assert_eq!(b.invite.header("Session-Expires"), Some("1800"));
    let status = "422 Session Interval Too Small";
    b.send(&b.response(&b.invite, status, "Min-SE: 3600\r\n", None))
        .await;
    b.wants("ACK").await;
    let Scene { house, a, b } = scene;
    let b = Line::ring(b.peer, house.address()).await;
    assert_eq!(b.invite.header("Session-Expires"), Some("3600"));
    assert_eq!(b.invite.header("Min-SE"), Some("3600"));
    let mut scene = Scene { house, a, b };
    let answer = scene.b_picks_up().await;
    assert_eq!(answer.header("Session-Expires"), Some("1800;refresher=uas"));
    // In the dialog too.
    let asked = "Session-Expires: 30\r\nSupported: timer\r\n";
    let update = scene.a.request("UPDATE", asked, None);
    scene.a.send(&update).await;
    assert_eq!(scene.a.status(422).await.header("Min-SE"), Some("90"));
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refresh_of_a_peer_changes_nothing_else() {
    let mut scene = talking(quick(), "", "").await;
    let asked = "Session-Expires: 90\r\nSupported: timer\r\n";
    let refresh = scene.b.request("UPDATE", asked, None);
    scene.b.send(&refresh).await;
    let answer = scene.b.status(200).await;
    assert_eq!(answer.body(), "");
    assert_eq!(answer.header("Session-Expires"), Some("90;refresher=uac"));
    scene.a_hangs_up().await;
}

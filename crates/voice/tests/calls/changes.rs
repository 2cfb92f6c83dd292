//! Sessions that change: early media, hold and resume, late offers, UPDATE, reliable answers, and
//! both sides offering at once.

use std::time::Duration;

use crate::{
    line::Line,
    scene::{World, quick, reached, talking},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_is_described_by_us_and_again_in_the_answer() {
    let mut scene = reached(quick(), |_| ()).await;
    let sdp = scene.b.peer.sdp("sendrecv");
    scene.b.answer("183 Session Progress", Some(&sdp)).await;
    let early = scene.a.status(183).await;
    assert_eq!(early.media().ip(), scene.house.address().ip());
    let answer = scene.b_picks_up().await;
    assert_eq!(answer.body(), early.body());
    scene.a_hangs_up().await;
}

/// One side holds and resumes; the other is told each time.
async fn holds(one: &mut Line, other: &mut Line) {
    for (asked, answered, told, replied) in [
        ("sendonly", "recvonly", "sendonly", "recvonly"),
        ("sendrecv", "sendrecv", "sendrecv", "sendrecv"),
    ] {
        let sdp = one.peer.sdp(asked);
        let answer = one.offers(&sdp).await;
        assert_eq!(answer.direction(), answered);
        one.ack(None).await;
        let offer = other.wants("INVITE").await;
        assert_eq!(offer.direction(), told);
        assert_eq!(offer.media().ip(), answer.media().ip());
        let sdp = other.peer.sdp(replied);
        other.reply(&offer, "200 OK", Some(&sdp)).await;
        other.wants("ACK").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_holds_and_resumes() {
    let mut scene = talking(quick(), |_| ()).await;
    holds(&mut scene.a, &mut scene.b).await;
    holds(&mut scene.b, &mut scene.a).await;
    scene.b_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_meets_ours_is_told_to_wait() {
    let mut scene = talking(quick(), |_| ()).await;
    let (a, b) = (&mut scene.a, &mut scene.b);
    let sdp = a.peer.sdp("sendonly");
    a.reinvite("", Some(&sdp)).await;
    a.status(200).await;
    a.ack(None).await;
    let ours = b.wants("INVITE").await;
    let sdp = b.peer.sdp("sendrecv");
    b.reinvite("", Some(&sdp)).await;
    b.is_refused(491).await;
    // Ours is told 491 too: it comes again after a pause.
    b.reply(&ours, "491 Request Pending", None).await;
    b.wants("ACK").await;
    let again = b.wants("INVITE").await;
    assert_eq!(again.direction(), "sendonly");
    let sdp = b.peer.sdp("recvonly");
    b.reply(&again, "200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    scene.a_hangs_up().await;
}

/// Datagrams overtake each other, and so do the tasks that take them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_overtakes_the_ack_of_the_one_before_is_taken() {
    let mut scene = talking(quick(), |_| ()).await;
    let a = &mut scene.a;
    let sdp = a.peer.sdp("sendrecv");
    a.reinvite("", Some(&sdp)).await;
    a.status(200).await;
    let late = a.request("ACK", "", None);
    a.reinvite("", Some(&sdp)).await;
    a.send(&late).await;
    // The first 200 may come again meanwhile.
    while a.status(200).await.cseq() != a.invite.cseq() {}
    a.ack(None).await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_update_may_offer_too() {
    let mut scene = talking(quick(), |_| ()).await;
    let sdp = scene.a.peer.sdp("sendrecv");
    let update = scene.a.request("UPDATE", "", Some(&sdp));
    scene.a.send(&update).await;
    assert_eq!(scene.a.status(200).await.direction(), "sendrecv");
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_without_an_offer_gets_ours() {
    let world = World::bound(quick(), |_| ()).await;
    let calling = world.a_calls_with(|invite| invite.sdp = None).await;
    let mut scene = calling.reaches_b().await;
    assert_eq!(scene.sound_of_b().ip(), scene.house.address().ip());
    scene.b.picks_up().await;
    let offer = scene.a.status(200).await;
    assert_eq!(offer.direction(), "sendrecv");
    let sdp = scene.a.peer.sdp("sendrecv");
    scene.a.ack(Some(&sdp)).await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reliable_answers_are_acknowledged_both_ways() {
    let world = World::bound(quick(), |_| ()).await;
    let insisting = "Require: 100rel\r\nSupported: 100rel\r\n";
    let calling = world
        .a_calls_with(|invite| invite.headers = insisting)
        .await;
    let mut scene = calling.reaches_b().await;
    let (a, b) = (&mut scene.a, &mut scene.b);
    let headers = "Require: 100rel\r\nRSeq: 7\r\n";
    b.send(&b.response(&b.invite, "180 Ringing", headers, None))
        .await;
    let prack = b.wants("PRACK").await;
    let seq = b.invite.cseq().0;
    assert_eq!(prack.header("RAck"), Some(&*format!("7 {seq} INVITE")));
    b.reply(&prack, "200 OK", None).await;
    let ringing = a.status(180).await;
    assert_eq!(ringing.header("Require"), Some("100rel"));
    let rseq = ringing.header("RSeq").expect("an RSeq").to_owned();
    b.picks_up().await;
    // The answer waits for the PRACK; the ringing is repeated until then.
    assert!(a.peer.hears_nothing_for(Duration::from_millis(100)).await);
    let wrong = a.request("PRACK", "RAck: 99 1 INVITE\r\n", None);
    a.send(&wrong).await;
    a.status(481).await;
    let prack = a.request("PRACK", &format!("RAck: {rseq} 1 INVITE\r\n"), None);
    a.send(&prack).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let next = a.peer.next().await.0;
        assert_eq!(next.status(), Some(200));
        seen.push(next.cseq().1.to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["INVITE", "PRACK"]);
    a.ack(None).await;
    scene.a_hangs_up().await;
}

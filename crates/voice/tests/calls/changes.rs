//! Sessions that change: early media, hold and resume, late offers, UPDATE, reliable answers,
//! session timers, and both sides offering at once.

use axbridge_domain::call::{CallResult, ReleasedBy};

use crate::{
    house::{A, B, House},
    line::{Invite, Line},
    scene::{came_out, carriers, quick, talking, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn early_media_is_described_by_us_and_again_in_the_answer() {
    let (house, mut a, b) = crate::scene::calling(quick(), |_| ()).await;
    let mut b = Line::ring(b, house.address()).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("183 Session Progress", Some(&sdp)).await;
    let early = a.status(183).await;
    assert_eq!(early.media().ip(), house.address().ip());
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    let answer = a.status(200).await;
    assert_eq!(answer.body(), early.body());
    a.ack(None).await;
    a.bye().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
}

/// One side holds and resumes; the other is told each time.
async fn holds(house: &House, one: &mut Line, other: &mut Line) {
    for (asked, answered, told) in [
        ("sendonly", "recvonly", "sendonly"),
        ("sendrecv", "sendrecv", "sendrecv"),
    ] {
        let sdp = one.peer.sdp(asked);
        let invite = one.request("INVITE", "", Some(&sdp));
        one.invite = crate::peer::Message(invite.clone());
        one.send(&invite).await;
        assert_eq!(one.status(200).await.direction(), answered);
        one.ack(None).await;
        let offer = other.wants("INVITE").await;
        assert_eq!(offer.direction(), told);
        assert_eq!(offer.media().ip(), house.address().ip());
        let reversed = if asked == "sendonly" {
            "recvonly"
        } else {
            "sendrecv"
        };
        let sdp = other.peer.sdp(reversed);
        other.reply(&offer, "200 OK", Some(&sdp)).await;
        other.wants("ACK").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn either_side_holds_and_resumes() {
    let (house, mut a, mut b, _) = talking(quick(), |_| ()).await;
    holds(&house, &mut a, &mut b).await;
    holds(&house, &mut b, &mut a).await;
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
async fn an_offer_that_meets_ours_is_told_to_wait() {
    let (house, mut a, mut b, _) = talking(quick(), |_| ()).await;
    let sdp = a.peer.sdp("sendonly");
    let hold = a.request("INVITE", "", Some(&sdp));
    a.invite = crate::peer::Message(hold.clone());
    a.send(&hold).await;
    a.status(200).await;
    a.ack(None).await;
    let ours = b.wants("INVITE").await;
    let sdp = b.peer.sdp("sendrecv");
    let theirs = b.request("INVITE", "", Some(&sdp));
    b.invite = crate::peer::Message(theirs.clone());
    b.send(&theirs).await;
    b.status(491).await;
    b.ack_refusal().await;
    // Theirs is told 491 too: ours comes again after a pause.
    b.reply(&ours, "491 Request Pending", None).await;
    b.wants("ACK").await;
    let again = b.wants("INVITE").await;
    assert_eq!(again.direction(), "sendonly");
    let sdp = b.peer.sdp("recvonly");
    b.reply(&again, "200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    a.bye().await;
    b.is_hung_up().await;
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
async fn an_update_moves_the_sound_or_refreshes_the_session() {
    let (house, mut a, mut b, _) = talking(quick(), |_| ()).await;
    let sdp = a.peer.sdp("sendrecv");
    let update = a.request("UPDATE", "", Some(&sdp));
    a.send(&update).await;
    assert_eq!(a.status(200).await.direction(), "sendrecv");
    let refresh = b.request(
        "UPDATE",
        "Session-Expires: 90\r\nSupported: timer\r\n",
        None,
    );
    b.send(&refresh).await;
    let answer = b.status(200).await;
    assert_eq!(answer.body(), "");
    assert_eq!(answer.header("Session-Expires"), Some("90;refresher=uac"));
    a.bye().await;
    b.is_hung_up().await;
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
async fn a_caller_without_an_offer_gets_ours() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = Invite {
        sdp: None,
        ..to_x(&a, A)
    };
    let mut a = Line::call(a, house.address(), invite).await;
    let mut b = Line::ring(b, house.address()).await;
    assert_eq!(b.invite.media().ip(), house.address().ip());
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    let offer = a.status(200).await;
    assert_eq!(offer.direction(), "sendrecv");
    let sdp = a.peer.sdp("sendrecv");
    a.ack(Some(&sdp)).await;
    a.bye().await;
    b.is_hung_up().await;
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
async fn reliable_answers_are_acknowledged_both_ways() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = Invite {
        headers: "Require: 100rel\r\nSupported: 100rel\r\n",
        ..to_x(&a, A)
    };
    let mut a = Line::call(a, house.address(), invite).await;
    let mut b = Line::ring(b, house.address()).await;
    let reliable = b.response(
        &b.invite,
        "180 Ringing",
        "Require: 100rel\r\nRSeq: 7\r\n",
        None,
    );
    b.send(&reliable).await;
    let prack = b.wants("PRACK").await;
    let seq = b.invite.cseq().0;
    assert_eq!(prack.header("RAck"), Some(&*format!("7 {seq} INVITE")));
    b.reply(&prack, "200 OK", None).await;
    let ringing = a.status(180).await;
    assert_eq!(ringing.header("Require"), Some("100rel"));
    let rseq = ringing.header("RSeq").expect("an RSeq").to_owned();
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    // The answer waits for the PRACK; the ringing is repeated until then.
    assert!(
        a.peer
            .hears_nothing_for(std::time::Duration::from_millis(100))
            .await
    );
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
    a.bye().await;
    b.is_hung_up().await;
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
async fn sessions_are_long_enough_for_both() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let short = Invite {
        headers: "Session-Expires: 30\r\nSupported: timer\r\n",
        ..to_x(&a, A)
    };
    let mut a = Line::call(a, house.address(), short).await;
    assert_eq!(a.status(422).await.header("Min-SE"), Some("90"));
    a.ack_refusal().await;
    let right = Invite {
        headers: "Session-Expires: 1800;refresher=uas\r\nSupported: timer\r\n",
        ..to_x(&a.peer, A)
    };
    let mut a = Line::call(a.peer, house.address(), right).await;
    let b = Line::ring(b, house.address()).await;
    assert_eq!(b.invite.header("Session-Expires"), Some("1800"));
    let too_short = b.response(
        &b.invite,
        "422 Session Interval Too Small",
        "Min-SE: 3600\r\n",
        None,
    );
    b.send(&too_short).await;
    let mut b = b;
    b.wants("ACK").await;
    let mut b = Line::ring(b.peer, house.address()).await;
    assert_eq!(b.invite.header("Session-Expires"), Some("3600"));
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    let answer = a.status(200).await;
    assert_eq!(answer.header("Session-Expires"), Some("1800;refresher=uas"));
    a.ack(None).await;
    a.bye().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
}

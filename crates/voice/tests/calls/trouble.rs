//! What goes wrong: messages that cross or are lost, phones that answer twice, peers that are dead,
//! limits that are reached.

use std::time::Duration;

use axbridge_app::trunks::TrunkChange;
use axbridge_domain::{
    account::AccountTerms,
    call::{CallResult, ReleasedBy},
};

use crate::{
    house::{A, B, House, Setup},
    line::Line,
    peer::Peer,
    scene::{calling, came_out, carriers, quick, quick_with, ringing, talking, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let (house, mut a, mut b) = ringing(quick(), |_| ()).await;
    let cancel = a.request("CANCEL", "", None);
    a.send(&cancel).await;
    let answer = a.peer.next().await.0;
    assert_eq!(answer.cseq().1, "CANCEL");
    a.status(487).await;
    a.ack_refusal().await;
    let cancel = b.wants("CANCEL").await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.reply(&cancel, "200 OK", None).await;
    b.wants("ACK").await;
    b.is_hung_up().await;
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
async fn of_two_phones_that_answer_the_second_is_hung_up() {
    let (house, mut a, mut b) = ringing(quick(), |_| ()).await;
    let sdp = b.peer.sdp("sendrecv");
    let first = b.response(&b.invite, "200 OK", "", Some(&sdp));
    let second = first.replace("tag=tag-b-", "tag=tag-b-fork-");
    b.send(&first).await;
    let ack = b.wants("ACK").await;
    assert!(!ack.tag("To").expect("a tag").contains("fork"));
    b.send(&second).await;
    let ack = b.wants("ACK").await;
    assert!(ack.tag("To").expect("a tag").contains("fork"));
    let bye = b.wants("BYE").await;
    assert!(bye.tag("To").expect("a tag").contains("fork"));
    b.reply(&bye, "200 OK", None).await;
    a.status(200).await;
    a.ack(None).await;
    a.bye().await;
    let bye = b.wants("BYE").await;
    assert!(!bye.tag("To").expect("a tag").contains("fork"));
    b.reply(&bye, "200 OK", None).await;
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
async fn a_caller_that_never_acknowledges_is_hung_up_and_so_is_the_callee() {
    let (house, mut a, mut b) = ringing(quick(), |_| ()).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    a.status(200).await;
    a.is_hung_up().await;
    b.is_hung_up().await;
    let repeats = a.peer.log();
    let answers = repeats.iter().filter(|it| it.status() == Some(200));
    assert!(answers.count() > 3, "the answer is repeated");
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_messages_are_repeated_and_repeats_ring_nobody_twice() {
    let (a, mut b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.address(), invite).await;
    let again = a.invite.0.clone();
    a.send(&again).await;
    a.send(&again).await;
    // The first copy to B is lost: the second is answered.
    let (first, _) = b.next_of_all().await;
    let (second, _) = b.next_of_all().await;
    assert_eq!(first, second);
    let mut b = Line::ring(b, house.address()).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    b.answer("200 OK", Some(&sdp)).await;
    a.status(200).await;
    a.ack(None).await;
    a.bye().await;
    b.is_hung_up().await;
    let invites = b.peer.log();
    let ids: std::collections::BTreeSet<_> = invites
        .iter()
        .filter(|it| it.method() == "INVITE")
        .map(|it| it.header("Call-ID").map(str::to_owned))
        .collect();
    assert_eq!(ids.len(), 1, "B rang once");
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
}

/// Another peer of B's carrier, tried after the first.
async fn second_peer(house: &House, first: &Peer) -> Peer {
    let second = Peer::at("127.0.0.3").await;
    let peers = format!("{}, {};priority=2", first.address, second.address);
    let change = TrunkChange {
        fields: vec![("Peers", peers)],
        ..TrunkChange::default()
    };
    house
        .app
        .update_trunk("carrier-b", change)
        .await
        .expect("a change");
    house.knows_peers(3).await;
    second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_to_the_next_peer_when_one_is_dead_or_full() {
    for is_dead in [true, false] {
        let (a, b) = carriers().await;
        let house = House::start(
            &a,
            &b,
            quick_with(|settings| settings.call.no_sign_ms_max = 300),
        )
        .await;
        house.bind(Some(B), |_| ()).await;
        let second = second_peer(&house, &b).await;
        let invite = to_x(&a, A);
        let mut a = Line::call(a, house.address(), invite).await;
        let first = Line::ring(b, house.address()).await;
        if !is_dead {
            first.answer("503 Service Unavailable", None).await;
        }
        let mut second = Line::ring(second, house.address()).await;
        let sdp = second.peer.sdp("sendrecv");
        second.answer("200 OK", Some(&sdp)).await;
        second.wants("ACK").await;
        a.status(200).await;
        a.ack(None).await;
        a.bye().await;
        second.is_hung_up().await;
        came_out(
            &house,
            &a,
            &second.peer,
            CallResult::Connected,
            ReleasedBy::Caller,
        )
        .await;
        house.no_leak(&[], &first.peer.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_is_trying_is_waited_for() {
    let setup = quick_with(|settings| settings.call.no_sign_ms_max = 200);
    let (house, mut a, b) = calling(setup, |_| ()).await;
    let mut b = Line::ring(b, house.address()).await;
    b.answer("100 Trying", None).await;
    assert!(b.peer.hears_nothing_for(Duration::from_millis(400)).await);
    b.answer("180 Ringing", None).await;
    a.status(180).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.status(486).await;
    a.ack_refusal().await;
    came_out(&house, &a, &b.peer, CallResult::Busy, ReleasedBy::Callee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_challenges_us_is_answered() {
    let setup = Setup {
        trunk_b: vec![("OutboundUser", "axb".to_owned())],
        password_b: Some("secret".to_owned()),
        ..quick()
    };
    let (house, mut a, b) = calling(setup, |_| ()).await;
    let mut b = Line::ring(b, house.address()).await;
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";
    let text = b.response(
        &b.invite,
        "407 Proxy Authentication Required",
        challenge,
        None,
    );
    b.send(&text).await;
    b.wants("ACK").await;
    let mut b = Line::ring(b.peer, house.address()).await;
    let credentials = b.invite.header("Proxy-Authorization").expect("credentials");
    assert!(credentials.contains("username=\"axb\"") && !credentials.contains("secret"));
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    a.status(200).await;
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
async fn the_longest_talk_ends_for_both() {
    let setup = Setup {
        terms: AccountTerms {
            talk_s_max: Some(1),
            ..AccountTerms::default()
        },
        ..quick()
    };
    let (house, mut a, mut b, _) = talking(setup, |_| ()).await;
    a.is_hung_up().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_of_which_nothing_is_heard_ends() {
    let setup = quick_with(|settings| settings.silence_ms_max = Some(300));
    let (house, mut a, mut b, _) = talking(setup, |_| ()).await;
    a.is_hung_up().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_calls_are_refused_and_recorded() {
    for (account, trunk, result, told) in [
        (Some(1), "0", CallResult::AccountConcurrency, 486),
        (None, "1", CallResult::TrunkConcurrency, 503),
    ] {
        let setup = Setup {
            terms: AccountTerms {
                calls_max: account,
                ..AccountTerms::default()
            },
            trunk_a: vec![("CallsMax", trunk.to_owned())],
            ..quick()
        };
        let (house, first, _b, _) = talking(setup, |_| ()).await;
        let second = Peer::at("127.0.0.2").await;
        let invite = to_x(&second, A);
        let mut second = Line::call(second, house.address(), invite).await;
        second.status(183).await;
        second.status(told).await;
        second.ack_refusal().await;
        let calls = house.ended_calls(1).await;
        assert_eq!(calls[0].end.as_ref().expect("an end").result, result);
        drop(first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_goes_down_takes_no_calls_and_hangs_up_in_order() {
    let (house, mut a, mut b, _) = talking(quick(), |_| ()).await;
    let late = Peer::at("127.0.0.2").await;
    let drain = async { house.plane.drain(Duration::from_millis(500)).await };
    let callers = async {
        let invite = to_x(&late, A);
        let mut late = Line::call(late, house.address(), invite).await;
        late.status(503).await;
        late.ack_refusal().await;
        a.is_hung_up().await;
        b.is_hung_up().await;
    };
    let (left, ()) = tokio::join!(drain, callers);
    assert_eq!(left, 1);
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Platform,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_requests_of_a_trunk_get_their_answers() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.address(), invite).await;
    let mut b = Line::ring(b, house.address()).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.status(486).await;
    a.ack_refusal().await;
    // The dialog is over: its BYE is unknown.
    let bye = a.request("BYE", "", None).replace(";tag=", ";tag=x");
    a.send(&bye).await;
    a.status(481).await;
    let keep_alive = a.request("OPTIONS", "", None);
    let (before, after) = keep_alive.split_once("To: ").expect("a To");
    let (to, after) = after.split_once("\r\n").expect("a line");
    let to = to.split(";tag=").next().expect("an address");
    a.send(&format!("{before}To: {to}\r\n{after}")).await;
    assert!(
        a.status(200)
            .await
            .header("Allow")
            .expect("an Allow")
            .contains("PRACK")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_names_an_unreachable_contact_is_still_reached() {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, A);
    let mut a = Line::call_from(a, house.address(), invite, "<sip:line@10.255.255.1:5060>").await;
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

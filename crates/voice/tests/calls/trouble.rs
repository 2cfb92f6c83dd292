//! What goes wrong: messages that cross or are lost, phones that answer twice, peers that are dead.

use std::{collections::BTreeSet, time::Duration};

use axbridge_app::trunks::TrunkChange;
use axbridge_domain::call::{CallResult, ReleasedBy};

use crate::{
    house::{A, House, Setup},
    line::Line,
    peer::{Message, PATIENCE, Peer, Whose},
    scene::{Calling, Scene, World, quick, quick_with, reached, ringing, to_x},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut scene = ringing(quick(), |_| ()).await;
    scene.a.cancels().await;
    scene.a.is_refused(487).await;
    let cancel = scene.b.wants("CANCEL").await;
    let sdp = scene.b.peer.sdp("sendrecv");
    scene.b.answer("200 OK", Some(&sdp)).await;
    scene.b.reply(&cancel, "200 OK", None).await;
    scene.b.wants("ACK").await;
    scene.b.is_hung_up().await;
    scene
        .came_out(CallResult::CallerHungUp, ReleasedBy::Caller)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_phones_that_answer_the_second_is_hung_up() {
    let mut scene = ringing(quick(), |_| ()).await;
    let (a, b) = (&mut scene.a, &mut scene.b);
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
    scene
        .came_out(CallResult::Connected, ReleasedBy::Caller)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_repeated_late_is_acknowledged_again() {
    let mut scene = ringing(quick(), |_| ()).await;
    let (a, b) = (&mut scene.a, &mut scene.b);
    let sdp = b.peer.sdp("sendrecv");
    let answer = b.response(&b.invite, "200 OK", "", Some(&sdp));
    b.send(&answer).await;
    b.wants("ACK").await;
    a.status(200).await;
    a.ack(None).await;
    // 20 and 40 × T1: after other forks are waited for, before everything is forgotten.
    for repeats in 1..=2 {
        tokio::time::sleep(Duration::from_millis(800)).await;
        b.send(&answer).await;
        let acks = || {
            let log = b.peer.log();
            log.iter().filter(|it| it.method() == "ACK").count()
        };
        let acknowledged = async {
            while acks() < 1 + repeats {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, acknowledged).await;
        in_time.expect("an ACK for every answer");
    }
    a.bye().await;
    let bye = b.wants("BYE").await;
    b.reply(&bye, "200 OK", None).await;
    scene
        .came_out(CallResult::Connected, ReleasedBy::Caller)
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_never_acknowledges_is_hung_up_and_so_is_the_callee() {
    let mut scene = ringing(quick(), |_| ()).await;
    scene.b.picks_up().await;
    scene.a.status(200).await;
    scene.both_are_hung_up().await;
    let repeats = scene.a.peer.log();
    let answers = repeats.iter().filter(|it| it.status() == Some(200));
    assert!(answers.count() > 3, "the answer is repeated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_messages_are_repeated_and_repeats_ring_nobody_twice() {
    let Calling { house, a, mut b } = World::bound(quick(), |_| ()).await.a_calls().await;
    let again = a.invite.0.clone();
    a.send(&again).await;
    a.send(&again).await;
    // The first copy to B is lost: the second is answered.
    let (first, _) = b.next_of_all().await;
    let (second, _) = b.next_of_all().await;
    assert_eq!(first, second);
    let mut scene = Calling { house, a, b }.reaches_b().await;
    scene.b_picks_up().await;
    let sdp = scene.b.peer.sdp("sendrecv");
    scene.b.answer("200 OK", Some(&sdp)).await;
    scene.a_hangs_up().await;
    let messages = scene.b.peer.log();
    let invites = messages.iter().filter(|it| it.method() == "INVITE");
    let ids: BTreeSet<_> = invites.map(|it| it.header("Call-ID")).collect();
    assert_eq!(ids.len(), 1, "B rang once");
}

/// Another peer of B's carrier, tried after the first.
async fn second_peer(house: &House, first: &Peer) -> Peer {
    let second = Peer::at(Whose::B_HOST).await;
    let peers = format!("{}, {};priority=2", first.address, second.address);
    let change = TrunkChange {
        fields: vec![("Peers", peers)],
        ..TrunkChange::default()
    };
    let changed = house.app.update_trunk("carrier-b", change).await;
    changed.expect("a change");
    house.knows_peers(3).await;
    second
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_goes_on_to_the_next_peer_when_one_is_dead_or_full() {
    for is_dead in [true, false] {
        let setup = quick_with(|settings| settings.call.no_sign_ms_max = 300);
        let world = World::bound(setup, |_| ()).await;
        let second = second_peer(&world.house, &world.b).await;
        let Scene { house, a, b: first } = world.a_calls().await.reaches_b().await;
        if !is_dead {
            first.answer("503 Service Unavailable", None).await;
        }
        let mut scene = Calling {
            house,
            a,
            b: second,
        }
        .reaches_b()
        .await;
        scene.b_picks_up().await;
        scene.a_hangs_up().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_is_trying_is_waited_for() {
    let setup = quick_with(|settings| settings.call.no_sign_ms_max = 200);
    let mut scene = reached(setup, |_| ()).await;
    scene.b.answer("100 Trying", None).await;
    let long = Duration::from_millis(400);
    assert!(scene.b.peer.hears_nothing_for(long).await);
    scene.b.answer("180 Ringing", None).await;
    scene.a.status(180).await;
    scene.b_refuses("486 Busy Here", 486).await;
    scene.came_out(CallResult::Busy, ReleasedBy::Callee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trunk_that_challenges_us_is_answered() {
    let setup = Setup {
        trunk_b: vec![("OutboundUser", "axb".to_owned())],
        password_b: Some("secret".to_owned()),
        ..quick()
    };
    let Scene { house, a, mut b } = reached(setup, |_| ()).await;
    let challenge = "Proxy-Authenticate: Digest realm=\"carrier\", nonce=\"abc\", algorithm=MD5, qop=\"auth\"\r\n";
    let status = "407 Proxy Authentication Required";
    b.send(&b.response(&b.invite, status, challenge, None))
        .await;
    b.wants("ACK").await;
    let mut scene = Calling {
        house,
        a,
        b: b.peer,
    }
    .reaches_b()
    .await;
    let credentials = scene.b.invite.header("Proxy-Authorization");
    let credentials = credentials.expect("credentials");
    assert!(credentials.contains("username=\"axb\"") && !credentials.contains("secret"));
    scene.b_picks_up().await;
    scene.a_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_longer_than_a_datagram_should_be_is_taken_and_goes_on_short() {
    let long = format!("X-Padding: {}\r\n", "x".repeat(1_000)).repeat(4);
    let world = World::bound(quick(), |_| ()).await;
    let calling = world.a_calls_with(|invite| invite.headers = &long).await;
    assert!(calling.a.invite.0.len() > 4_000);
    let mut scene = calling.reaches_b().await;
    scene.b_picks_up().await;
    scene.b_hangs_up().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strange_requests_of_a_trunk_get_their_answers() {
    let mut scene = reached(quick(), |_| ()).await;
    scene.b_refuses("486 Busy Here", 486).await;
    let a = &mut scene.a;
    // The dialog is over: its BYE is unknown.
    let bye = a.request("BYE", "", None).replace(";tag=", ";tag=x");
    a.send(&bye).await;
    a.status(481).await;
    let keep_alive = a.request("OPTIONS", "", None);
    let (before, after) = keep_alive.split_once("To: ").expect("a To");
    let (to, after) = after.split_once("\r\n").expect("a line");
    let to = to.split(";tag=").next().expect("an address");
    a.send(&format!("{before}To: {to}\r\n{after}")).await;
    let answer = a.status(200).await;
    assert!(answer.header("Allow").expect("an Allow").contains("PRACK"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_names_an_unreachable_contact_is_still_reached() {
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let invite = to_x(&a, A);
    let a = Line::call_from(a, house.address(), invite, "<sip:line@10.255.255.1:5060>").await;
    let mut scene = Calling { house, a, b }.reaches_b().await;
    scene.b_picks_up().await;
    scene.b_hangs_up().await;
}

/// A re-INVITE whose Contact is what the first one had.
async fn refreshes(a: &mut Line, contact: &str) {
    let own = format!("Contact: <sip:line@{}>", a.peer.address);
    let sdp = a.peer.sdp("sendrecv");
    let text = a.request("INVITE", "", Some(&sdp));
    let text = text.replace(&own, &format!("Contact: {contact}"));
    a.invite = Message(text.clone());
    a.send(&text).await;
    a.status(200).await;
    a.ack(None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_carrier_that_names_an_unreachable_contact_again_is_still_reached() {
    const FAR: &str = "<sip:line@10.255.255.1:5060>";
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let invite = to_x(&a, A);
    let a = Line::call_from(a, house.address(), invite, FAR).await;
    let mut scene = Calling { house, a, b }.reaches_b().await;
    scene.b_picks_up().await;
    refreshes(&mut scene.a, FAR).await;
    scene.b_hangs_up().await;
}

/// Requests in a dialog need no Record-Route: the one that made it said which way they go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_behind_a_proxy_keeps_its_address_when_it_changes_the_session() {
    const PHONE: &str = "sip:line@127.9.9.9:5060";
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let mut invite = to_x(&a, A);
    let route = format!("Record-Route: <sip:{};lr>\r\n", a.address);
    invite.headers = &route;
    let a = Line::call_from(a, house.address(), invite, &format!("<{PHONE}>")).await;
    let mut scene = Calling { house, a, b }.reaches_b().await;
    scene.b_picks_up().await;
    refreshes(&mut scene.a, &format!("<{PHONE}>")).await;
    scene.b.bye().await;
    let bye = scene.a.wants("BYE").await;
    assert!(bye.0.starts_with(&format!("BYE {PHONE} ")), "{}", bye.0);
    scene.a.reply(&bye, "200 OK", None).await;
    scene
        .came_out(CallResult::Connected, ReleasedBy::Callee)
        .await;
}

//! Beginnings that scenarios share.

use axbridge_domain::{
    binding::Terms,
    call::{CallResult, ReleasedBy},
};

use crate::{
    house::{A, B, House, Setup, X},
    line::{Invite, Line},
    peer::{Message, Peer},
};

pub(crate) async fn carriers() -> (Peer, Peer) {
    (Peer::at("127.0.0.2").await, Peer::at("127.0.0.3").await)
}

pub(crate) fn to_x<'a>(peer: &Peer, from: &'a str) -> Invite<'a> {
    Invite {
        from,
        x: X,
        headers: "",
        sdp: Some(peer.sdp("sendrecv")),
    }
}

/// A platform with quick timers: nothing waits longer than seconds.
pub(crate) fn quick() -> Setup {
    quick_with(|_| ())
}

pub(crate) fn quick_with(
    change: impl FnOnce(&mut axbridge_voice::plane::VoiceSettings) + 'static,
) -> Setup {
    Setup {
        settings: Box::new(|settings| {
            settings.sip_times.t1_ms = 40;
            settings.sip_times.t2_ms = 320;
            settings.call.no_sign_ms_max = 1_500;
            change(settings);
        }),
        ..Setup::default()
    }
}

/// A house with an AXB, and A's INVITE on its way.
pub(crate) async fn calling(setup: Setup, change: impl FnOnce(&mut Terms)) -> (House, Line, Peer) {
    let (a, b) = carriers().await;
    let house = House::start(&a, &b, setup).await;
    house.bind(Some(B), change).await;
    let invite = to_x(&a, A);
    let a = Line::call(a, house.address(), invite).await;
    (house, a, b)
}

/// As [`calling`], and B rings.
pub(crate) async fn ringing(setup: Setup, change: impl FnOnce(&mut Terms)) -> (House, Line, Line) {
    let (house, mut a, b) = calling(setup, change).await;
    let b = Line::ring(b, house.address()).await;
    b.answer("180 Ringing", None).await;
    a.status(180).await;
    (house, a, b)
}

/// As [`ringing`], and the two talk.
pub(crate) async fn talking(
    setup: Setup,
    change: impl FnOnce(&mut Terms),
) -> (House, Line, Line, Message) {
    let (house, mut a, mut b) = ringing(setup, change).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    let answer = a.status(200).await;
    a.ack(None).await;
    (house, a, b, answer)
}

/// The one call came out so, nobody heard of the other, and nothing is left of it.
pub(crate) async fn came_out(
    house: &House,
    a: &Line,
    b: &Peer,
    result: CallResult,
    by: ReleasedBy,
) {
    let calls = house.ended_calls(1).await;
    assert_eq!(calls.len(), 1);
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!((end.result, end.released_by), (result, by));
    house.no_leak(&a.peer.log(), &b.log());
    house.is_empty().await;
}

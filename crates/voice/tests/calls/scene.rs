//! The world of a scenario: a platform, A's carrier and B's, and the calls between the two as far
//! as most scenarios go the same way.

use axbridge_domain::{
    binding::Terms,
    call::{CallResult, ReleasedBy},
};
use axbridge_voice::plane::VoiceSettings;

use crate::{
    house::{A, B, House, Setup, X},
    line::{Invite, Line},
    peer::{Message, Peer, Whose},
};

/// A platform with quick timers: nothing waits longer than seconds.
pub(crate) fn quick() -> Setup {
    quick_with(|_| ())
}

pub(crate) fn quick_with(change: impl FnOnce(&mut VoiceSettings) + 'static) -> Setup {
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

/// What a call to X says when it says nothing special.
pub(crate) fn to_x<'a>(peer: &Peer, from: &'a str) -> Invite<'a> {
    Invite {
        from,
        x: X,
        headers: "",
        sdp: Some(peer.sdp("sendrecv")),
    }
}

pub(crate) async fn carriers() -> (Peer, Peer) {
    (Peer::at(Whose::A_HOST).await, Peer::at(Whose::B_HOST).await)
}

/// A platform and its two carriers, before any call.
pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) a: Peer,
    pub(crate) b: Peer,
}

impl World {
    /// Nobody is bound.
    pub(crate) async fn new(setup: Setup) -> Self {
        let (a, b) = carriers().await;
        let house = House::start(&a, &b, setup).await;
        Self { house, a, b }
    }

    /// A and B are bound to X on these terms.
    pub(crate) async fn bound(setup: Setup, terms: impl FnOnce(&mut Terms)) -> Self {
        let world = Self::new(setup).await;
        world.house.bind(Some(B), terms).await;
        world
    }

    /// A's INVITE is on its way.
    pub(crate) async fn a_calls(self) -> Calling {
        self.a_calls_with(|_| ()).await
    }

    /// The same with something changed in it.
    pub(crate) async fn a_calls_with<'a>(self, change: impl FnOnce(&mut Invite<'a>)) -> Calling {
        let Self { house, a, b } = self;
        let mut invite = to_x(&a, A);
        change(&mut invite);
        let a = Line::call(a, house.address(), invite).await;
        Calling { house, a, b }
    }
}

/// A call of A of which B has not heard yet.
pub(crate) struct Calling {
    pub(crate) house: House,
    pub(crate) a: Line,
    pub(crate) b: Peer,
}

impl Calling {
    /// The INVITE reaches B.
    pub(crate) async fn reaches_b(self) -> Scene {
        let Self { house, a, b } = self;
        let b = Line::ring(b, house.address()).await;
        Scene { house, a, b }
    }

    /// A is refused; B never heard of it.
    pub(crate) async fn a_is_refused(&mut self, status: u16, result: CallResult, by: ReleasedBy) {
        self.a.is_refused(status).await;
        came_out(&self.house, result, by).await;
    }
}

/// A call between A and B, or as much of it as there is.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) a: Line,
    pub(crate) b: Line,
}

/// A has called, and B has the INVITE.
pub(crate) async fn reached(setup: Setup, terms: impl FnOnce(&mut Terms)) -> Scene {
    let world = World::bound(setup, terms).await;
    world.a_calls().await.reaches_b().await
}

/// As [`reached`], and both know that it rings.
pub(crate) async fn ringing(setup: Setup, terms: impl FnOnce(&mut Terms)) -> Scene {
    let mut scene = reached(setup, terms).await;
    scene.b.answer("180 Ringing", None).await;
    scene.a.status(180).await;
    scene
}

/// As [`ringing`], and the two talk.
pub(crate) async fn talking(setup: Setup, terms: impl FnOnce(&mut Terms)) -> Scene {
    let mut scene = ringing(setup, terms).await;
    scene.b_picks_up().await;
    scene
}

impl Scene {
    /// B answers and so A is answered; what A gets.
    pub(crate) async fn b_picks_up(&mut self) -> Message {
        self.b.picks_up().await;
        let answer = self.a.status(200).await;
        self.a.ack(None).await;
        answer
    }

    /// Where A's sound goes.
    pub(crate) fn sound_of_a(&self) -> std::net::SocketAddr {
        self.a.answered.as_ref().expect("an answer").media()
    }

    /// Where B's sound goes.
    pub(crate) fn sound_of_b(&self) -> std::net::SocketAddr {
        self.b.invite.media()
    }

    /// B refuses, in its words, and A hears of it in ours.
    pub(crate) async fn b_refuses(&mut self, words: &str, told: u16) {
        self.b.answer(words, None).await;
        self.b.wants("ACK").await;
        self.a.is_refused(told).await;
    }

    /// A ends the talk.
    pub(crate) async fn a_hangs_up(&mut self) {
        self.a.bye().await;
        self.b.is_hung_up().await;
        self.came_out(CallResult::Connected, ReleasedBy::Caller)
            .await;
    }

    /// B ends the talk.
    pub(crate) async fn b_hangs_up(&mut self) {
        self.b.bye().await;
        self.a.is_hung_up().await;
        self.came_out(CallResult::Connected, ReleasedBy::Callee)
            .await;
    }

    /// The platform ends the talk.
    pub(crate) async fn both_are_hung_up(&mut self) {
        self.a.is_hung_up().await;
        self.b.is_hung_up().await;
        self.came_out(CallResult::Connected, ReleasedBy::Platform)
            .await;
    }

    /// The one call came out so, and nothing is left of it.
    pub(crate) async fn came_out(&self, result: CallResult, by: ReleasedBy) {
        came_out(&self.house, result, by).await;
    }
}

/// The one call came out so, and nothing is left of it.
pub(crate) async fn came_out(house: &House, result: CallResult, by: ReleasedBy) {
    let calls = house.ended_calls(1).await;
    assert_eq!(calls.len(), 1);
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!((end.result, end.released_by), (result, by));
    house.is_empty().await;
}

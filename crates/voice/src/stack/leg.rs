//! One leg of a call: a dialog with its INVITE, and everything that may be done to it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, atomic::AtomicBool},
};

use rsipstack::{
    sip::{Method, Request, Response},
    transaction::transaction::{TransactionEvent, TransactionEventSender},
};
use tokio::sync::{mpsc, watch};

use super::{
    DialogKey, Inner,
    dialog::Dialog,
    lock,
    message::{self, Abilities, Extra},
    outbound,
    reliable::Reliable,
    requests,
};

/// A leg, unique within the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LegId(pub u64);

/// A request of a peer that waits for our answer, by its CSeq.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OfferId(pub u32);

/// Where a leg's signals go.
pub type Signals = mpsc::Sender<(LegId, Signal)>;

/// What a leg has to say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signal {
    /// The caller gave up before the answer (CANCEL).
    Cancelled,
    /// The caller acknowledged our answer, with a session description if we had offered one.
    Acked {
        /// The ACK's body.
        sdp: Vec<u8>,
    },
    /// Our answer was never acknowledged.
    NoAck,
    /// The caller acknowledged a provisional answer (PRACK).
    Pracked {
        /// The PRACK's body.
        sdp: Vec<u8>,
    },
    /// The callee's side is working on it.
    Provisional {
        /// 100 to 199.
        status: u16,
        /// Its body.
        sdp: Vec<u8>,
        /// What it can do.
        abilities: Abilities,
    },
    /// The callee answered.
    Answered {
        /// Its body.
        sdp: Vec<u8>,
        /// What it can do.
        abilities: Abilities,
    },
    /// The callee's side refused.
    Refused {
        /// 300 to 699; 408 or 503 when it is our own verdict that nobody answers.
        status: u16,
        /// The Q.850 cause, if a `Reason` names one (RFC 3326).
        cause: Option<u8>,
        /// Nobody answered or could be reached at all.
        unreachable: bool,
        /// The shortest session it takes, when it found ours too short (422, RFC 4028 §6).
        min_se_s: Option<u32>,
    },
    /// The peer hung up; it is answered already.
    Bye,
    /// The peer wants the session changed or refreshed (re-INVITE, UPDATE, PRACK with an offer).
    Offer {
        /// To answer it by.
        id: OfferId,
        /// Its body; empty when it makes no offer.
        sdp: Vec<u8>,
        /// Whether it was an INVITE, whose empty body asks for our offer.
        invite: bool,
        /// What it can do.
        abilities: Abilities,
    },
    /// The peer acknowledged our answer to its re-INVITE.
    OfferAcked {
        /// The ACK's body.
        sdp: Vec<u8>,
    },
    /// The peer keyed a digit and tells it by INFO; it is answered already.
    Keyed {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
    },
    /// What came of our own re-offer or refresh.
    Reoffered {
        /// The final status; 408 when nobody answered.
        status: u16,
        /// Its body.
        sdp: Vec<u8>,
        /// What it can do.
        abilities: Abilities,
    },
}

/// How far the INVITE of a leg has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Progress {
    /// No final answer.
    Open,
    /// A callee's leg that we gave up before any sign of life: cancelled with the first one.
    CancelWaits,
    /// A callee's leg whose CANCEL is out.
    Cancelled,
    /// Answered.
    Up,
    /// Refused, hung up, or on its way there.
    Over,
}

/// A request that waits for its answer.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) answer: TransactionEventSender,
}

pub(super) struct LegState {
    pub(super) id: LegId,
    pub(super) inner: Arc<Inner>,
    pub(super) key: DialogKey,
    pub(super) signals: Signals,
    /// Whether the peer called us.
    pub(super) inbound: bool,
    pub(super) dialog: Mutex<Dialog>,
    pub(super) invite: Mutex<Request>,
    /// The transaction of the INVITE that came in.
    pub(super) answer: Mutex<Option<TransactionEventSender>>,
    pub(super) progress: Mutex<Progress>,
    pub(super) waiting: Mutex<HashMap<OfferId, Waiting>>,
    /// An offer of ours is out.
    pub(super) offering: AtomicBool,
    /// An INVITE of the peer is not finished.
    pub(super) taking: watch::Sender<bool>,
    /// Whether our 2xx was acknowledged, or never will be.
    pub(super) acked: watch::Sender<bool>,
    /// Whether the callee's side gave a sign of life.
    pub(super) heard: AtomicBool,
    pub(super) reliable: Option<Reliable>,
    pub(super) credentials: Option<outbound::Credentials>,
}

impl LegState {
    pub(super) async fn say(&self, signal: Signal) {
        // The call may be over: then nobody is left to be told.
        let _ = self.signals.send((self.id, signal)).await;
    }

    pub(super) fn progress(&self) -> Progress {
        *lock(&self.progress)
    }

    /// Moves to `to` if it is in one of `from`; says whether it did.
    pub(super) fn step(&self, from: &[Progress], to: Progress) -> bool {
        let mut progress = lock(&self.progress);
        let may = from.contains(&progress);
        if may {
            *progress = to;
        }
        may
    }

    /// Sends a response to the INVITE that came in.
    pub(super) fn respond(&self, response: Response) {
        if let Some(answer) = &*lock(&self.answer) {
            let _ = answer.send(TransactionEvent::Respond(response));
        }
    }

    pub(super) fn write(
        &self,
        status: u16,
        sdp: Option<Vec<u8>>,
        mut extras: Vec<Extra>,
    ) -> Response {
        let contact = lock(&self.dialog).contact.clone();
        if (200..300).contains(&status) {
            extras.extend(message::abilities());
        }
        message::response(
            &lock(&self.invite),
            status,
            Some(&self.key.local_tag),
            (status < 300).then_some(contact.as_str()),
            extras,
            message::sdp_body(sdp),
        )
    }
}

impl Drop for LegState {
    fn drop(&mut self) {
        lock(&self.inner.dialogs).remove(&self.key);
    }
}

/// A handle on a leg. What is asked of it happens in its own time; nothing here waits.
#[derive(Clone)]
pub struct Leg(pub(super) Arc<LegState>);

impl fmt::Debug for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Leg({:?}, {:?})", self.0.id, self.0.progress())
    }
}

impl Leg {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> LegId {
        self.0.id
    }

    /// The Call-ID of its messages, for the trace.
    #[must_use]
    pub fn sip_call_id(&self) -> &str {
        &self.0.key.call_id
    }

    /// The trunk that it is on.
    #[must_use]
    pub fn trunk(&self) -> Arc<str> {
        lock(&self.0.dialog).trunk.clone()
    }

    /// Answers the caller provisionally, reliably if they insist on it.
    pub fn provisional(&self, status: u16, sdp: Option<Vec<u8>>) {
        if self.0.progress() != Progress::Open {
            return;
        }
        match &self.0.reliable {
            Some(reliable) => reliable.provisional(status, sdp),
            None => self.0.respond(self.0.write(status, sdp, Vec::new())),
        }
    }

    /// Answers the caller.
    pub fn accept(&self, sdp: Option<Vec<u8>>, extras: Vec<Extra>) {
        if !self.0.step(&[Progress::Open], Progress::Up) {
            return;
        }
        let response = self.0.write(200, sdp, extras);
        match &self.0.reliable {
            Some(reliable) => reliable.last(response),
            None => self.0.respond(response),
        }
    }

    /// Refuses the caller.
    pub fn refuse(&self, status: u16, extras: Vec<Extra>) {
        if !self.0.step(&[Progress::Open], Progress::Over) {
            return;
        }
        if let Some(reliable) = &self.0.reliable {
            reliable.stop();
        }
        self.0.respond(self.0.write(status, None, extras));
    }

    /// Gives the callee up: CANCEL, or BYE if the answer was quicker.
    pub fn cancel(&self) {
        outbound::cancel(&self.0);
    }

    /// Hangs up an answered leg, once our answer is acknowledged (RFC 3261 §15).
    pub fn bye(&self) {
        requests::bye(&self.0);
    }

    /// Offers the session anew by re-INVITE, or refreshes it by UPDATE if there is no body and
    /// the peer takes it.
    pub fn reoffer(&self, sdp: Option<Vec<u8>>, extras: Vec<Extra>) {
        let method = if sdp.is_some() {
            Method::Invite
        } else {
            Method::Update
        };
        requests::reoffer(&self.0, method, sdp, extras);
    }

    /// Answers a request of the peer.
    pub fn answer_offer(&self, id: OfferId, status: u16, sdp: Option<Vec<u8>>, extras: Vec<Extra>) {
        requests::answer(&self.0, id, status, sdp, extras);
    }
}

//! Ringing somebody: the INVITE that we send, and the OPTIONS that keeps a trunk warm.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use rsipstack::{
    dialog::authenticate::AuthRetry,
    sip::{self, Header, Method, Request, Response, SipMessage},
    transaction::Transaction,
};
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{
    DialogKey, Inner, Leg, Signal, Signals, StackFault, Transport,
    authenticate::Challenged,
    dialog::{self, Dialog, Way},
    inbound,
    leg::{LegState, Progress},
    lock,
    message::{self, Extra},
    requests,
};

/// What a trunk asks us for (RFC 7616).
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Its name for us.
    pub user: String,
    /// The secret.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// A call to make. Every text is written by us; nothing is taken from the other leg.
#[derive(Clone, Debug)]
pub struct CallOut {
    /// The trunk's name.
    pub trunk: Arc<str>,
    /// How to reach it.
    pub transport: Transport,
    /// Where.
    pub peer: SocketAddr,
    /// The name that its certificate must bear, over TLS.
    pub certificate_name: String,
    /// The Request-URI.
    pub uri: String,
    /// The value of `From`, without a tag.
    pub from: String,
    /// The value of `To`, without a tag.
    pub to: String,
    /// Hops that are left to it.
    pub max_forwards: u8,
    /// The user in our Contact.
    pub contact_user: String,
    /// Further headers: who calls, session timer.
    pub extras: Vec<Extra>,
    /// Our offer.
    pub sdp: Vec<u8>,
    /// To answer a challenge with.
    pub credentials: Option<Credentials>,
}

pub(super) fn call_out(
    inner: &Arc<Inner>,
    what: CallOut,
    signals: Signals,
) -> Result<Leg, StackFault> {
    let outlet = inner
        .outlet(what.transport)
        .ok_or_else(|| StackFault::of("we do not listen by that transport"))?
        .clone();
    let key = DialogKey {
        call_id: message::new_call_id(),
        local_tag: message::new_tag(),
    };
    let contact = inbound::contact_of(Some(&what.contact_user), &outlet);
    let mut dialog = Dialog {
        call_id: key.call_id.clone(),
        local_tag: key.local_tag.clone(),
        remote_tag: None,
        local: what.from,
        remote: what.to,
        target: sip::parse_uri(&what.uri).map_err(StackFault::of)?,
        routes: Vec::new(),
        local_seq: 0,
        remote_seq: 0,
        contact,
        outlet,
        flow: None,
        certificate_name: what.certificate_name,
        peer: what.peer,
        trunk: what.trunk,
    };
    let seq = dialog.next_seq();
    let mut invite = dialog.request(
        Method::Invite,
        seq,
        what.extras,
        message::sdp_body(Some(what.sdp)),
    );
    invite
        .headers
        .unique_push(Header::MaxForwards(u32::from(what.max_forwards).into()));
    let state = Arc::new(LegState {
        id: inner.next_leg(),
        inner: inner.clone(),
        key: key.clone(),
        signals,
        inbound: false,
        dialog: Mutex::new(dialog),
        invite: Mutex::new(invite),
        answer: Mutex::new(None),
        progress: Mutex::new(Progress::Open),
        waiting: Mutex::new(HashMap::new()),
        offering: AtomicBool::new(false),
        taking: watch::Sender::new(false),
        acked: watch::Sender::new(true),
        heard: AtomicBool::new(false),
        reliable: None,
        credentials: what.credentials,
    });
    lock(&inner.dialogs).insert(key, Arc::downgrade(&state));
    tokio::spawn(ring(state.clone()));
    Ok(Leg(state))
}

/// Drives the INVITE that we sent.
async fn ring(state: Arc<LegState>) {
    let (request, way) = {
        let dialog = lock(&state.dialog);
        (lock(&state.invite).clone(), Way::first(&dialog))
    };
    // Boxed, for the task would keep room for the way it was sent until the call is over.
    match Box::pin(send(&state, request, way)).await {
        Ok(transaction) => Ring::new(state).run(transaction).await,
        Err(error) => {
            tracing::debug!(%error, "a call could not be sent");
            refused(&state, 503, None, true, None).await;
        }
    }
}

async fn send(state: &LegState, request: Request, way: Way) -> Result<Transaction, StackFault> {
    let mut transaction = dialog::transaction(&state.inner, request, way).await?;
    transaction.send().await.map_err(StackFault::of)?;
    Ok(transaction)
}

struct Ring {
    state: Arc<LegState>,
    auth: AuthRetry,
    /// The newest RSeq that we acknowledged (RFC 3262 §4).
    rseq: u32,
    /// The tag of the 2xx that made the dialog.
    answered_by: Option<String>,
    /// Until when another fork's 2xx is waited for: T4 after the first, a message's life in the
    /// network. A proxy ends the other branches with the first 2xx (RFC 3261 §16.7 step 10), so only
    /// phones that answer at one moment make two. The transaction, which could wait for 64 × T1,
    /// weighs 15 KiB; a 2xx that is only repeated is acknowledged by the stack without it.
    ends: Option<Instant>,
    /// Other forks that answered, and were hung up.
    forks: Vec<String>,
}

/// Forks of one INVITE that are hung up with their own BYE; a peer with more is broken.
const FORKS_MAX: usize = 8;

impl Ring {
    fn new(state: Arc<LegState>) -> Self {
        Self {
            state,
            auth: AuthRetry::new(),
            rseq: 0,
            answered_by: None,
            ends: None,
            forks: Vec::new(),
        }
    }

    async fn run(mut self, mut transaction: Transaction) {
        lock(&self.state.dialog).flow = dialog::flow_of(transaction.connection.as_ref());
        while let Some(message) = self.next(&mut transaction).await {
            let SipMessage::Response(response) = message else {
                continue;
            };
            let status = response.status_code.code();
            match status {
                100..200 => self.provisional(status, &response).await,
                200..300 => self.answered(response).await,
                401 | 407 => match self.challenged(&transaction, &response).await {
                    Some(next) => transaction = next,
                    None => self.refused(status, &response).await,
                },
                _ => self.refused(status, &response).await,
            }
        }
        // The transaction ended: whatever was still hoped for does not come.
        refused(&self.state, 408, None, true, None).await;
    }

    /// What comes next; none when the transaction is over, or nothing is waited for any more.
    async fn next(&self, transaction: &mut Transaction) -> Option<SipMessage> {
        match self.ends {
            None => transaction.receive().await,
            Some(ends) => timeout_at(ends, transaction.receive()).await.ok()?,
        }
    }

    async fn provisional(&mut self, status: u16, response: &Response) {
        self.state.heard.store(true, Ordering::SeqCst);
        cancel_if_heard(&self.state);
        if self.state.progress() != Progress::Open {
            return;
        }
        if status > 100 && message::to_tag(response).is_some() {
            lock(&self.state.dialog).learn(response);
        }
        if message::has_token(&response.headers, "Require", "100rel") && !self.prack(response) {
            return;
        }
        self.state
            .say(Signal::Provisional {
                status,
                sdp: response.body.clone(),
                abilities: message::abilities_of(&response.headers),
            })
            .await;
    }

    /// Acknowledges a reliable provisional answer; false when it is a repeat or out of order.
    fn prack(&mut self, response: &Response) -> bool {
        let rseq = message::header(&response.headers, "RSeq").and_then(|value| value.parse().ok());
        let (Some(rseq), Some(cseq)) = (rseq, message::cseq(response)) else {
            return false;
        };
        if self.rseq != 0 && self.rseq.checked_add(1) != Some(rseq) {
            return false;
        }
        self.rseq = rseq;
        let rack = Extra::new("RAck", format!("{rseq} {cseq} INVITE"));
        let state = self.state.clone();
        tokio::spawn(async move {
            requests::send(&state, Method::PRack, vec![rack], None).await;
        });
        true
    }

    async fn answered(&mut self, response: Response) {
        let tag = message::to_tag(&response).unwrap_or_default();
        if self.answered_by.as_ref() == Some(&tag) || self.forks.contains(&tag) {
            // A repeat: the stack acknowledged it again.
            return;
        }
        if self.answered_by.is_some() {
            return self.hang_up_fork(tag, &response);
        }
        self.answered_by = Some(tag);
        let wait = Duration::from_millis(self.state.inner.times.lifetime_ms());
        self.ends = Some(Instant::now() + wait);
        lock(&self.state.dialog).learn(&response);
        if self.state.step(&[Progress::Open], Progress::Up) {
            self.state
                .say(Signal::Answered {
                    abilities: message::abilities_of(&response.headers),
                    sdp: response.body,
                })
                .await;
        } else if self.state.step(
            &[Progress::Cancelled, Progress::CancelWaits, Progress::Over],
            Progress::Up,
        ) {
            // It crossed our CANCEL (§9.1): acknowledged by the stack, then ended.
            requests::bye(&self.state);
        }
    }

    /// A second phone answered too (§13.2.2.4).
    fn hang_up_fork(&mut self, tag: String, response: &Response) {
        if self.forks.len() >= FORKS_MAX {
            return;
        }
        self.forks.push(tag);
        let (request, way) = {
            let mut dialog = lock(&self.state.dialog);
            let kept = (
                dialog.remote_tag.clone(),
                dialog.target.clone(),
                dialog.routes.clone(),
            );
            let seq = dialog.next_seq();
            dialog.learn(response);
            let request = dialog.request(Method::Bye, seq, Vec::new(), None);
            let way = Way::of(&dialog);
            (dialog.remote_tag, dialog.target, dialog.routes) = kept;
            (request, way)
        };
        let state = self.state.clone();
        tokio::spawn(async move {
            requests::exchange(&state.inner, request, way, None).await;
        });
    }

    async fn challenged(
        &mut self,
        transaction: &Transaction,
        response: &Response,
    ) -> Option<Transaction> {
        let credentials = self.state.credentials.as_ref()?;
        let challenged = Challenged::read(response)?;
        if self.state.progress() != Progress::Open || !self.auth.should_answer(&challenged.response)
        {
            return None;
        }
        let seq = lock(&self.state.dialog).next_seq();
        let mut next = challenged.answer(seq, transaction, credentials).await?;
        *lock(&self.state.invite) = next.original.clone();
        {
            let mut dialog = lock(&self.state.dialog);
            dialog.remote_tag = None;
            dialog.routes = Vec::new();
        }
        next.send().await.ok()?;
        Some(next)
    }

    async fn refused(&mut self, status: u16, response: &Response) {
        if self.answered_by.is_some() {
            return;
        }
        let abilities = message::abilities_of(&response.headers);
        // The stack's own verdict about a peer that does not answer bears no tag.
        let ours = message::to_tag(response).is_none();
        refused(
            &self.state,
            status,
            q850_cause(response),
            ours && matches!(status, 408 | 503),
            abilities.min_se_s,
        )
        .await;
    }
}

/// The Q.850 cause of a `Reason` (RFC 3326 §2).
fn q850_cause(response: &Response) -> Option<u8> {
    response
        .headers
        .iter()
        .filter(|header| header.name().eq_ignore_ascii_case("Reason"))
        .flat_map(|header| header.value().split(','))
        .find_map(|reason| {
            let mut parts = reason.split(';').map(str::trim);
            if !parts.next()?.eq_ignore_ascii_case("Q.850") {
                return None;
            }
            parts
                .find_map(|part| part.strip_prefix("cause="))?
                .trim()
                .parse()
                .ok()
        })
}

async fn refused(
    state: &Arc<LegState>,
    status: u16,
    cause: Option<u8>,
    unreachable: bool,
    min_se_s: Option<u32>,
) {
    if state.step(&[Progress::Open], Progress::Over) {
        state
            .say(Signal::Refused {
                status,
                cause,
                unreachable,
                min_se_s,
            })
            .await;
    } else {
        state.step(
            &[Progress::Cancelled, Progress::CancelWaits],
            Progress::Over,
        );
    }
}

pub(super) fn cancel(state: &Arc<LegState>) {
    if state.step(&[Progress::Open], Progress::CancelWaits) {
        cancel_if_heard(state);
    } else {
        requests::bye(state);
    }
}

/// Before the first sign of life no CANCEL may go out (§9.1).
fn cancel_if_heard(state: &Arc<LegState>) {
    if state.heard.load(Ordering::SeqCst)
        && state.step(&[Progress::CancelWaits], Progress::Cancelled)
    {
        tokio::spawn(send_cancel(state.clone()));
    }
}

async fn send_cancel(state: Arc<LegState>) {
    let (request, way) = {
        let dialog = lock(&state.dialog);
        let request = dialog::cancel_of(&lock(&state.invite));
        (request, Way::first(&dialog))
    };
    if let Some(request) = request {
        requests::exchange(&state.inner, request, way, None).await;
    }
    // Without a final answer to the INVITE it is dead after 64 × T1 (§9.1).
    tokio::time::sleep(Duration::from_millis(state.inner.times.give_up_ms())).await;
    state.step(&[Progress::Cancelled], Progress::Over);
}

pub(super) async fn ask_options(
    inner: &Arc<Inner>,
    transport: Transport,
    peer: SocketAddr,
    certificate_name: &str,
) -> Result<u16, StackFault> {
    let outlet = inner
        .outlet(transport)
        .ok_or_else(|| StackFault::of("we do not listen by that transport"))?
        .clone();
    let us = inbound::contact_of(None, &outlet);
    let mut dialog = Dialog {
        call_id: message::new_call_id(),
        local_tag: message::new_tag(),
        remote_tag: None,
        local: us.clone(),
        remote: format!("<sip:{peer}>"),
        target: sip::parse_uri(&inbound::uri_at(peer, transport)).map_err(StackFault::of)?,
        routes: Vec::new(),
        local_seq: 0,
        remote_seq: 0,
        contact: us,
        outlet: outlet.clone(),
        flow: None,
        certificate_name: certificate_name.to_owned(),
        peer,
        trunk: "".into(),
    };
    let seq = dialog.next_seq();
    let request = dialog.request(
        Method::Options,
        seq,
        vec![Extra::new("Accept", message::SDP)],
        None,
    );
    let way = Way::to(outlet, peer, certificate_name.to_owned());
    let transaction = dialog::transaction(inner, request, way).await?;
    let answer = requests::finish(transaction, None).await;
    // The stack's own verdict about a peer that does not answer bears no tag.
    let answer = answer.filter(|response| message::to_tag(response).is_some());
    answer
        .map(|response| response.status_code.code())
        .ok_or_else(|| StackFault::of("no answer"))
}

//! Requests inside a dialog: those that come in, and those that we send.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use rsipstack::{
    dialog::authenticate::AuthRetry,
    sip::{Method, Request, Response, SipMessage, Uri},
    transaction::{Transaction, transaction::TransactionEvent},
};

use super::{
    ALLOW, DialogKey, Inner, Signal,
    authenticate::Challenged,
    dialog::{self, Way},
    inbound, info, inspect,
    leg::{LegState, OfferId, Progress, Waiting},
    lock,
    message::{self, Extra},
    outbound::Credentials,
};

/// Requests of one leg that may wait for an answer.
const WAITING_MAX: usize = 8;
/// `Retry-After` of a request that came while another was in work, in seconds (RFC 3261 §14.2
/// wants 0 to 10 at random; the peer's own clock is random enough).
const RETRY_AFTER_S: &str = "2";
/// How long a change waits for the ACK of the one before. A peer sends both in one breath, and
/// each is taken by a task of its own.
const ACK_WAIT: Duration = Duration::from_millis(500);

/// Takes a request that bears our tag.
pub(super) async fn take(inner: &Arc<Inner>, transaction: Transaction) {
    let request = &transaction.original;
    let Some(state) = find(inner, request) else {
        if request.method != Method::Ack {
            inbound::reply(transaction, 481, Vec::new()).await;
        }
        return;
    };
    let Some(seq) = message::cseq(request) else {
        return inbound::reply(transaction, 400, Vec::new()).await;
    };
    if !advance(&state, request, seq) {
        // Out of order (RFC 3261 §12.2.2).
        return inbound::reply(transaction, 500, Vec::new()).await;
    }
    match request.method {
        Method::Bye => hung_up(state, transaction).await,
        Method::Invite => reinvited(state, transaction, OfferId(seq)).await,
        Method::Update => updated(state, transaction, OfferId(seq)).await,
        Method::PRack => pracked(state, transaction, OfferId(seq)).await,
        Method::Info => informed(state, transaction).await,
        Method::Options => inbound::reply(transaction, 200, message::abilities().into()).await,
        _ => inbound::reply(transaction, 405, vec![Extra::new("Allow", ALLOW)]).await,
    }
}

/// Takes the CSeq and the new target of a request; false when it is older than one we know.
fn advance(state: &LegState, request: &Request, seq: u32) -> bool {
    let mut dialog = lock(&state.dialog);
    if seq <= dialog.remote_seq {
        return false;
    }
    dialog.remote_seq = seq;
    if matches!(request.method, Method::Invite | Method::Update)
        && let Some(target) = message::contact(request)
    {
        dialog.target = match dialog.routes.is_empty() {
            true => reachable(&state.inner, request, target),
            // A proxy stands between us, and reaches it.
            false => target,
        };
    }
    true
}

/// The target, or where the request came from if the trunk may not send us there.
fn reachable(inner: &Inner, request: &Request, target: Uri) -> Uri {
    let acl = inner.guard.acl();
    let source = inspect::came_by(&request.headers).map(|(source, _)| source);
    let known = source.and_then(|source| Some((source, acl.trunk(source.ip())?)));
    known
        .and_then(|(source, trunk)| inspect::reachable(&target, trunk, source))
        .unwrap_or(target)
}

fn find(inner: &Inner, request: &Request) -> Option<Arc<LegState>> {
    let key = DialogKey {
        call_id: message::call_id(request)?.to_owned(),
        local_tag: message::to_tag(request)?,
    };
    let state = inbound::leg_by(inner, &key)?;
    let from = message::from_tag(request);
    let (known, trunk, peer) = {
        let dialog = lock(&state.dialog);
        (
            dialog.remote_tag.clone(),
            dialog.trunk.clone(),
            dialog.peer.ip(),
        )
    };
    // Another trunk has no business in this dialog, whatever tags it has learned. One address may
    // belong to two trunks, one for each way: then it is known by the address.
    let is_of_trunk = inspect::came_by(&request.headers)
        .is_some_and(|(source, name)| name == &*trunk || source.ip() == peer);
    let is_theirs = known.is_none() || known == from;
    (is_theirs && is_of_trunk).then_some(state)
}

async fn hung_up(state: Arc<LegState>, transaction: Transaction) {
    let was_up = state.step(
        &[
            Progress::Open,
            Progress::Up,
            Progress::Cancelled,
            Progress::CancelWaits,
        ],
        Progress::Over,
    );
    if was_up {
        // A BYE before the answer ends the INVITE too (RFC 3261 §15.1.2).
        if state.inbound && lock(&state.answer).is_some() && !*state.acked.borrow() {
            state.respond(state.write(487, None, Vec::new()));
        }
        state.say(Signal::Bye).await;
    }
    inbound::reply(transaction, 200, Vec::new()).await;
}

async fn informed(state: Arc<LegState>, transaction: Transaction) {
    let request = &transaction.original;
    let taken = info::take(&request.headers, &request.body);
    if let Some(digit) = taken.digit {
        state.say(Signal::Keyed { digit }).await;
    }
    inbound::reply(transaction, taken.status, taken.extras).await;
}

/// Whether a change may be taken now; else how it is refused.
async fn busy(state: &LegState) -> Option<(u16, Vec<Extra>)> {
    let mut taking = state.taking.subscribe();
    let is_free = tokio::time::timeout(ACK_WAIT, taking.wait_for(|taking| !taking)).await;
    if state.offering.load(Ordering::Acquire) {
        // Both offer at once (RFC 3261 §14.2, RFC 3311 §5.2).
        return Some((491, Vec::new()));
    }
    if is_free.is_err() || lock(&state.waiting).len() >= WAITING_MAX {
        return Some(later());
    }
    None
}

/// Refuses what came while a change before it was in work.
fn later() -> (u16, Vec<Extra>) {
    (500, vec![Extra::new("Retry-After", RETRY_AFTER_S)])
}

async fn reinvited(state: Arc<LegState>, mut transaction: Transaction, id: OfferId) {
    if state.progress() != Progress::Up {
        let (status, extras) = later();
        return inbound::reply(transaction, status, extras).await;
    }
    if let Some((status, extras)) = busy(&state).await {
        return inbound::reply(transaction, status, extras).await;
    }
    let is_mine = |taking: &mut bool| !std::mem::replace(taking, true);
    if !state.taking.send_if_modified(is_mine) {
        let (status, extras) = later();
        return inbound::reply(transaction, status, extras).await;
    }
    if let Err(error) = transaction.send_trying().await {
        tracing::debug!(%error, "100 could not be sent");
    }
    offer(&state, &transaction, id, true).await;
    let mut acked = false;
    while let Some(message) = transaction.receive().await {
        if let SipMessage::Request(request) = message
            && request.method == Method::Ack
        {
            acked = true;
            state.taking.send_replace(false);
            state.say(Signal::OfferAcked { sdp: request.body }).await;
        }
    }
    if !acked {
        state.taking.send_replace(false);
    }
    lock(&state.waiting).remove(&id);
    let was_accepted = transaction
        .last_response
        .as_ref()
        .is_some_and(|response| (200..300).contains(&response.status_code.code()));
    if !acked && was_accepted && state.progress() == Progress::Up {
        // RFC 3261 §14.2: without an ACK the dialog is ended.
        state.say(Signal::NoAck).await;
    }
}

async fn updated(state: Arc<LegState>, mut transaction: Transaction, id: OfferId) {
    let has_offer = !transaction.original.body.is_empty();
    if has_offer && let Some((status, extras)) = busy(&state).await {
        return inbound::reply(transaction, status, extras).await;
    }
    offer(&state, &transaction, id, false).await;
    while transaction.receive().await.is_some() {}
    lock(&state.waiting).remove(&id);
}

async fn pracked(state: Arc<LegState>, mut transaction: Transaction, id: OfferId) {
    let rack = message::header(&transaction.original.headers, "RAck").unwrap_or_default();
    let mut parts = rack.split_whitespace();
    let rseq = parts.next().and_then(|part| part.parse().ok());
    let seq = parts.next().and_then(|part| part.parse().ok());
    let invite_seq = message::cseq(&*lock(&state.invite));
    let matches = seq.is_some() && seq == invite_seq;
    let right = matches
        && state
            .reliable
            .as_ref()
            .zip(rseq)
            .is_some_and(|(reliable, rseq)| reliable.acknowledge(rseq));
    if !right {
        return inbound::reply(transaction, 481, Vec::new()).await;
    }
    let invite_had_offer = !lock(&state.invite).body.is_empty();
    if invite_had_offer && !transaction.original.body.is_empty() {
        offer(&state, &transaction, id, false).await;
        while transaction.receive().await.is_some() {}
        lock(&state.waiting).remove(&id);
    } else {
        let sdp = transaction.original.body.clone();
        state.say(Signal::Pracked { sdp }).await;
        inbound::reply(transaction, 200, Vec::new()).await;
    }
}

/// Hands a request to the call, which answers it by [`answer`].
async fn offer(state: &Arc<LegState>, transaction: &Transaction, id: OfferId, invite: bool) {
    let mut request = transaction.original.clone();
    let sdp = std::mem::take(&mut request.body);
    let abilities = message::abilities_of(&request.headers);
    lock(&state.waiting).insert(
        id,
        Waiting {
            request,
            answer: transaction.tu_sender.clone(),
        },
    );
    state
        .say(Signal::Offer {
            id,
            sdp,
            invite,
            abilities,
        })
        .await;
    if state.signals.is_closed() {
        // The call is over, and its BYE on the way.
        answer(state, id, 481, None, Vec::new());
    }
}

pub(super) fn answer(
    state: &Arc<LegState>,
    id: OfferId,
    status: u16,
    sdp: Option<Vec<u8>>,
    mut extras: Vec<Extra>,
) {
    let Some(waiting) = lock(&state.waiting).remove(&id) else {
        return;
    };
    let contact = lock(&state.dialog).contact.clone();
    let ok = (200..300).contains(&status);
    if ok {
        extras.extend(message::abilities());
    }
    let response = message::response(
        &waiting.request,
        status,
        Some(&state.key.local_tag),
        ok.then_some(contact.as_str()),
        extras,
        message::sdp_body(sdp),
    );
    let _ = waiting.answer.send(TransactionEvent::Respond(response));
}

pub(super) fn bye(state: &Arc<LegState>) {
    if !state.step(&[Progress::Up], Progress::Over) {
        return;
    }
    let state = state.clone();
    tokio::spawn(async move {
        let mut acked = state.acked.subscribe();
        // Our 2xx must be acknowledged, or given up, first (RFC 3261 §15).
        let limit = Duration::from_millis(state.inner.times.give_up_ms() * 2);
        let _ = tokio::time::timeout(limit, acked.wait_for(|acked| *acked)).await;
        send(&state, Method::Bye, Vec::new(), None).await;
    });
}

pub(super) fn reoffer(
    state: &Arc<LegState>,
    method: Method,
    sdp: Option<Vec<u8>>,
    extras: Vec<Extra>,
) {
    let state = state.clone();
    let offers = sdp.is_some();
    if offers {
        state.offering.store(true, Ordering::Release);
    }
    tokio::spawn(async move {
        let response = send(&state, method, extras, message::sdp_body(sdp)).await;
        if offers {
            state.offering.store(false, Ordering::Release);
        }
        let signal = match response {
            Some(response) => Signal::Reoffered {
                status: response.status_code.code(),
                abilities: message::abilities_of(&response.headers),
                sdp: response.body,
            },
            None => Signal::Reoffered {
                status: 408,
                sdp: Vec::new(),
                abilities: message::Abilities::default(),
            },
        };
        state.say(signal).await;
    });
}

/// Sends a request in the leg's dialog and waits for its final answer.
pub(super) async fn send(
    state: &Arc<LegState>,
    method: Method,
    extras: Vec<Extra>,
    body: Option<(&'static str, Vec<u8>)>,
) -> Option<Response> {
    let (request, way) = {
        let mut dialog = lock(&state.dialog);
        let seq = dialog.next_seq();
        (dialog.request(method, seq, extras, body), Way::of(&dialog))
    };
    let auth = state
        .credentials
        .as_ref()
        .map(|credentials| (state, credentials));
    exchange(&state.inner, request, way, auth).await
}

/// Sends a request and waits for its final answer; `None` when it could not be sent.
pub(super) async fn exchange(
    inner: &Inner,
    request: Request,
    way: Way,
    auth: Option<(&Arc<LegState>, &Credentials)>,
) -> Option<Response> {
    match dialog::transaction(inner, request, way).await {
        Ok(transaction) => finish(transaction, auth).await,
        Err(error) => {
            tracing::debug!(%error, "a request could not be sent");
            None
        }
    }
}

/// Sends what is ready to be sent and waits for its final answer.
pub(super) async fn finish(
    mut transaction: Transaction,
    auth: Option<(&Arc<LegState>, &Credentials)>,
) -> Option<Response> {
    transaction.send().await.ok()?;
    let mut retry = AuthRetry::new();
    while let Some(message) = transaction.receive().await {
        let SipMessage::Response(response) = message else {
            continue;
        };
        let status = response.status_code.code();
        if status < 200 {
            continue;
        }
        if let Some((state, credentials)) = auth
            && let Some(challenged) = Challenged::read(&response)
            && retry.should_answer(&challenged.response)
        {
            let seq = lock(&state.dialog).next_seq();
            transaction = challenged.answer(seq, &transaction, credentials).await?;
            transaction.send().await.ok()?;
            continue;
        }
        if transaction.original.method == Method::Invite && status < 300 {
            // Repeats of the 2xx want their ACK for as long as they may come (RFC 6026 §7.2).
            tokio::spawn(async move { while transaction.receive().await.is_some() {} });
        }
        return Some(response);
    }
    None
}

//! What comes in: new calls become legs, requests in dialogs go to theirs, the rest is answered
//! here.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, Weak, atomic::AtomicBool, atomic::Ordering},
};

use rsipstack::{
    sip::{HeadersExt as _, Method, SipMessage},
    transaction::{Transaction, TransactionReceiver},
};
use tokio::sync::{mpsc, watch};

use super::{
    ALLOW, Arrived, DialogKey, Inner, Leg, Signal, Transport,
    dialog::{self, Dialog},
    inspect,
    leg::{LegState, Progress},
    lock,
    message::{self, Extra},
    reliable::Reliable,
    requests, tls,
};

/// Signals of one call that may wait for it.
const SIGNALS_MAX: usize = 64;

pub(super) async fn dispatch(
    inner: Arc<Inner>,
    mut incoming: TransactionReceiver,
    arrivals: mpsc::Sender<Arrived>,
) {
    loop {
        let transaction = tokio::select! {
            () = inner.stop.cancelled() => return,
            transaction = incoming.recv() => transaction,
        };
        let Some(transaction) = transaction else {
            return;
        };
        tokio::spawn(take(inner.clone(), transaction, arrivals.clone()));
    }
}

async fn take(inner: Arc<Inner>, mut transaction: Transaction, arrivals: mpsc::Sender<Arrived>) {
    if let Some((source, _)) = inspect::came_by(&transaction.original.headers) {
        // Answers go back to the address that asked, whatever its Via claims.
        if transaction
            .connection
            .as_ref()
            .is_some_and(|connection| !connection.is_reliable())
        {
            transaction.destination = Some(super::sip_addr(Transport::Udp, source));
        }
    }
    if message::to_tag(&transaction.original).is_some() {
        return requests::take(&inner, transaction).await;
    }
    match transaction.original.method {
        Method::Invite => invite(inner, transaction, arrivals).await,
        Method::Options => reply(transaction, 200, message::abilities().into()).await,
        Method::Bye | Method::Update | Method::PRack | Method::Info => {
            reply(transaction, 481, Vec::new()).await;
        }
        Method::Ack | Method::Cancel => {}
        _ => reply(transaction, 405, vec![Extra::new("Allow", ALLOW)]).await,
    }
}

/// Answers a request that leads nowhere, and sees the transaction to its end.
pub(super) async fn reply(mut transaction: Transaction, status: u16, extras: Vec<Extra>) {
    let tag = message::new_tag();
    let response = message::response(
        &transaction.original,
        status,
        Some(&tag),
        None,
        extras,
        None,
    );
    if let Err(error) = transaction.respond(response).await {
        tracing::debug!(%error, status, "an answer could not be sent");
    }
    while transaction.receive().await.is_some() {}
}

async fn invite(inner: Arc<Inner>, transaction: Transaction, arrivals: mpsc::Sender<Arrived>) {
    if inner.closed.load(Ordering::Acquire) {
        return reply(transaction, 503, Vec::new()).await;
    }
    let Some(identity) = identity(&transaction) else {
        return reply(transaction, 400, Vec::new()).await;
    };
    if lock(&inner.invites).insert(identity.clone(), ()).is_some() {
        // The same request by another way (RFC 3261 §8.2.2.2).
        return reply(transaction, 482, Vec::new()).await;
    }
    let _guard = InviteGuard(inner.clone(), identity);
    let Some(arrived) = leg_of(&inner, &transaction) else {
        return reply(transaction, 400, Vec::new()).await;
    };
    let state = arrived.leg.0.clone();
    if arrivals.try_send(arrived).is_err() {
        drop(state);
        return reply(transaction, 503, Vec::new()).await;
    }
    serve(state, transaction).await;
}

fn identity(transaction: &Transaction) -> Option<(String, String, u32)> {
    Some((
        message::call_id(&transaction.original)?.to_owned(),
        message::from_tag(&transaction.original)?,
        message::cseq(&transaction.original)?,
    ))
}

struct InviteGuard(Arc<Inner>, (String, String, u32));

impl Drop for InviteGuard {
    fn drop(&mut self) {
        lock(&self.0.invites).remove(&self.1);
    }
}

fn leg_of(inner: &Arc<Inner>, transaction: &Transaction) -> Option<Arrived> {
    let request = &transaction.original;
    let (source, trunk) = inspect::came_by(&request.headers)?;
    let trunk: Arc<str> = trunk.into();
    let transport = super::of_stack(transaction.connection.as_ref()?.transport())?;
    let outlet = inner.outlet(transport)?.clone();
    let local_tag = message::new_tag();
    let key = DialogKey {
        call_id: message::call_id(request)?.to_owned(),
        local_tag: local_tag.clone(),
    };
    let dialog = dialog_of(inner, transaction, outlet, local_tag, (source, &trunk))?;
    let (sender, signals) = mpsc::channel(SIGNALS_MAX);
    let insists = message::abilities_of(&request.headers).needs_reliable;
    let (reliable, work) = insists.then(Reliable::new).unzip();
    let mut invite = request.clone();
    invite
        .headers
        .retain(|header| header.name() != inspect::STAMP);
    let state = Arc::new(LegState {
        id: inner.next_leg(),
        inner: inner.clone(),
        key: key.clone(),
        signals: sender.clone(),
        inbound: true,
        dialog: Mutex::new(dialog),
        invite: Mutex::new(invite.clone()),
        answer: Mutex::new(Some(transaction.tu_sender.clone())),
        progress: Mutex::new(Progress::Open),
        waiting: Mutex::new(HashMap::new()),
        offering: AtomicBool::new(false),
        taking: watch::Sender::new(false),
        acked: watch::Sender::new(false),
        heard: AtomicBool::new(true),
        reliable,
        credentials: None,
    });
    if let Some(work) = work {
        tokio::spawn(work.run(Arc::downgrade(&state), inner.times));
    }
    lock(&inner.dialogs).insert(key, Arc::downgrade(&state));
    Some(Arrived {
        sdp: invite.body.clone(),
        abilities: message::abilities_of(&invite.headers),
        message: invite.to_bytes(),
        source,
        transport,
        trunk,
        leg: Leg(state),
        signals,
        sender,
    })
}

/// The dialog that an answer of ours to the INVITE makes.
fn dialog_of(
    inner: &Inner,
    transaction: &Transaction,
    outlet: super::Outlet,
    local_tag: String,
    (source, trunk): (SocketAddr, &Arc<str>),
) -> Option<Dialog> {
    let request = &transaction.original;
    Some(Dialog {
        call_id: message::call_id(request)?.to_owned(),
        local_tag,
        remote_tag: message::from_tag(request),
        local: without_tag(request.to_header().ok()?.value()),
        remote: without_tag(request.from_header().ok()?.value()),
        target: message::contact(request)?,
        routes: message::record_route(&request.headers),
        // Far enough below 2^31 for any call (RFC 3261 §12.1.1).
        local_seq: 0,
        remote_seq: message::cseq(request)?,
        contact: contact_of(request.uri.user(), &outlet),
        outlet,
        flow: dialog::flow_of(transaction.connection.as_ref()),
        certificate_name: tls::name_for(
            inner.guard.acl().trunk(source.ip()).map(AsRef::as_ref),
            source,
        ),
        peer: source,
        trunk: trunk.clone(),
    })
}

/// Our Contact: the user that was dialled, at our address.
pub(super) fn contact_of(user: Option<&str>, outlet: &super::Outlet) -> String {
    let parameter = parameter_of(outlet.transport);
    let user = user
        .filter(|user| {
            user.bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'+')
        })
        .map_or_else(String::new, |user| format!("{user}@"));
    format!("<sip:{user}{}{parameter}>", outlet.public)
}

/// How a URI names the transport (RFC 3261 §19.1.1).
const fn parameter_of(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    }
}

/// The URI of a machine.
pub(super) fn uri_at(address: std::net::SocketAddr, transport: Transport) -> String {
    format!("sip:{address}{}", parameter_of(transport))
}

/// The value of From or To without its tag, which the dialog keeps apart.
fn without_tag(value: &str) -> String {
    let (address, parameters) = match value.rfind('>') {
        Some(end) => value.split_at(end + 1),
        None => value.split_once(';').map_or((value, ""), |(address, _)| {
            (address, &value[address.len()..])
        }),
    };
    let kept: String = parameters
        .split(';')
        .map(str::trim)
        .filter(|parameter| !parameter.is_empty())
        .filter(|parameter| {
            let name = parameter.split('=').next().unwrap_or_default();
            !name.trim().eq_ignore_ascii_case("tag")
        })
        .map(|parameter| format!(";{parameter}"))
        .collect();
    if value.contains('>') {
        format!("{address}{kept}")
    } else {
        // Without angle brackets the parameters are the header's (RFC 3261 §20.10).
        format!("<{address}>{kept}")
    }
}

/// Drives the INVITE's transaction to its end.
async fn serve(state: Arc<LegState>, mut transaction: Transaction) {
    if let Err(error) = transaction.send_trying().await {
        tracing::debug!(%error, "100 could not be sent");
    }
    let mut acked = false;
    while let Some(message) = transaction.receive().await {
        let SipMessage::Request(request) = message else {
            continue;
        };
        match request.method {
            Method::Cancel => state.say(Signal::Cancelled).await,
            Method::Ack if state.progress() == Progress::Up && !acked => {
                acked = true;
                state.acked.send_replace(true);
                state.say(Signal::Acked { sdp: request.body }).await;
            }
            _ => {}
        }
    }
    *lock(&state.answer) = None;
    // Whoever waits for the ACK to say BYE waits no longer.
    state.acked.send_replace(true);
    if !acked && state.progress() == Progress::Up {
        state.say(Signal::NoAck).await;
    }
}

/// The leg that a request in a dialog belongs to.
pub(super) fn leg_by(inner: &Inner, key: &DialogKey) -> Option<Arc<LegState>> {
    lock(&inner.dialogs).get(key).and_then(Weak::upgrade)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peers_address_is_kept_without_its_tag() {
        for (value, kept) in [
            ("<sip:1@h>;tag=a", "<sip:1@h>"),
            ("\"x\" <sip:1@h;p=1>;tag=a;q=2", "\"x\" <sip:1@h;p=1>;q=2"),
            ("sip:1@h;tag=a", "<sip:1@h>"),
            ("sip:1@h", "<sip:1@h>"),
            ("<sip:1@h>; TAG = a", "<sip:1@h>"),
        ] {
            assert_eq!(without_tag(value), kept);
        }
    }
}

//! One dialog (RFC 3261 §12): what each request in it carries and where it goes.

use std::{net::SocketAddr, sync::Arc};

use rsipstack::{
    sip::{self, Header, HeadersExt as _, Host, Method, Request, Version},
    transaction::{
        Transaction,
        key::{TransactionKey, TransactionRole},
    },
    transport::SipConnection,
};

use super::{
    AGENT, Inner, Outlet, StackFault, Transport,
    message::{self, Extra},
    sip_addr,
};

/// `Max-Forwards` of what starts here (RFC 3261 §8.1.1.6).
const MAX_FORWARDS: u32 = 70;
/// The state of a dialog.
pub(super) struct Dialog {
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) remote_tag: Option<String>,
    /// Our address as From or To shows it, without a tag.
    pub(super) local: String,
    /// The peer's, likewise.
    pub(super) remote: String,
    /// Where the peer wants requests.
    pub(super) target: sip::Uri,
    /// Over which hops, nearest first.
    pub(super) routes: Vec<String>,
    pub(super) local_seq: u32,
    pub(super) remote_seq: u32,
    /// Our Contact.
    pub(super) contact: String,
    pub(super) outlet: Outlet,
    /// The connection that the leg lives on, when it is a stream.
    pub(super) flow: Option<SipConnection>,
    /// The name that the peer's certificate must bear, where a connection has to be made.
    pub(super) certificate_name: String,
    /// The first peer's address, for what goes out before a dialog exists.
    pub(super) peer: SocketAddr,
    pub(super) trunk: Arc<str>,
}

impl Dialog {
    /// Takes target and tag from an answer to our INVITE (§12.1.2); the route set is fixed by the
    /// 2xx, and until then by the newest provisional.
    pub(super) fn learn(&mut self, response: &sip::Response) {
        if let Some(tag) = message::to_tag(response) {
            self.remote_tag = Some(tag);
        }
        if let Some(target) = message::contact(response) {
            self.target = target;
        }
        let mut routes = message::record_route(&response.headers);
        routes.reverse();
        self.routes = routes;
    }

    pub(super) const fn next_seq(&mut self) -> u32 {
        self.local_seq = self.local_seq.saturating_add(1);
        self.local_seq
    }

    fn via(&self) -> String {
        let transport = match self.outlet.transport {
            Transport::Udp => "UDP",
            Transport::Tcp => "TCP",
            Transport::Tls => "TLS",
        };
        let branch = message::new_tag();
        format!(
            "SIP/2.0/{transport} {};branch=z9hG4bK{branch};rport",
            self.outlet.public
        )
    }

    /// Writes a request of this dialog.
    pub(super) fn request(
        &self,
        method: Method,
        seq: u32,
        extras: Vec<Extra>,
        body: Option<(&'static str, Vec<u8>)>,
    ) -> Request {
        let mut headers = sip::Headers::default();
        headers.push(Header::Via(self.via().into()));
        headers.push(Header::MaxForwards(MAX_FORWARDS.into()));
        headers.push(Header::From(
            format!("{};tag={}", self.local, self.local_tag).into(),
        ));
        headers.push(Header::To(
            match &self.remote_tag {
                Some(tag) => format!("{};tag={tag}", self.remote),
                None => self.remote.clone(),
            }
            .into(),
        ));
        headers.push(Header::CallId(self.call_id.clone().into()));
        headers.push(Header::CSeq(format!("{seq} {method}").into()));
        for route in &self.routes {
            headers.push(Header::Route(route.clone().into()));
        }
        if matches!(method, Method::Invite | Method::Update) {
            headers.push(Header::Contact(self.contact.clone().into()));
            for ability in message::abilities() {
                headers.push(ability.into_header());
            }
        }
        for extra in extras {
            headers.push(extra.into_header());
        }
        headers.push(Header::UserAgent(AGENT.into()));
        let body = message::push_body(&mut headers, body);
        Request {
            method,
            uri: self.target.clone(),
            version: Version::V2,
            headers,
            body,
        }
    }

    /// The next hop: the first route, else the target.
    fn next_hop(&self) -> sip::HostWithPort {
        self.routes
            .first()
            .and_then(|route| sip::parse_uri(route).ok())
            .map_or_else(
                || self.target.host_with_port.clone(),
                |uri| uri.host_with_port,
            )
    }
}

/// A client transaction for a request, on its way to `peer` or to where the dialog leads.
pub(super) async fn transaction(
    inner: &Inner,
    request: Request,
    way: Way,
) -> Result<Transaction, StackFault> {
    let key =
        TransactionKey::from_request(&request, TransactionRole::Client).map_err(StackFault::of)?;
    let peer = match way.peer {
        Some(peer) => peer,
        None => resolve(way.next_hop, way.outlet.transport).await?,
    };
    let flow = way.flow.filter(|flow| {
        flow.cancel_token()
            .is_none_or(|token| !token.is_cancelled())
    });
    let connection = match flow.or(way.outlet.socket) {
        None if way.outlet.transport == Transport::Tls => {
            Some(encrypted(inner, peer, &way.certificate_name).await?)
        }
        connection => connection,
    };
    let mut transaction = Transaction::new_client(key, request, inner.endpoint.clone(), connection);
    transaction.destination = Some(sip_addr(way.outlet.transport, peer));
    Ok(transaction)
}

/// A connection by TLS. The stack opens none by itself, so that each is to whom it should be.
async fn encrypted(
    inner: &Inner,
    peer: SocketAddr,
    name: &str,
) -> Result<SipConnection, StackFault> {
    let dialler = inner.dialler.as_ref();
    let dialler = dialler.ok_or_else(|| StackFault::of("we have no certificate for TLS"))?;
    dialler.connection(inner, peer, name).await
}

/// How a request travels.
pub(super) struct Way {
    outlet: Outlet,
    flow: Option<SipConnection>,
    certificate_name: String,
    next_hop: sip::HostWithPort,
    peer: Option<SocketAddr>,
}

impl Way {
    /// To where the dialog leads.
    pub(super) fn of(dialog: &Dialog) -> Self {
        Self {
            outlet: dialog.outlet.clone(),
            flow: dialog.flow.clone(),
            certificate_name: dialog.certificate_name.clone(),
            next_hop: dialog.next_hop(),
            peer: None,
        }
    }

    /// To the trunk's own address, as long as there is no dialog.
    pub(super) fn first(dialog: &Dialog) -> Self {
        Self {
            peer: Some(dialog.peer),
            ..Self::of(dialog)
        }
    }

    /// To an address, outside any dialog.
    pub(super) fn to(outlet: Outlet, peer: SocketAddr, certificate_name: String) -> Self {
        Self {
            outlet,
            flow: None,
            certificate_name,
            next_hop: peer.into(),
            peer: Some(peer),
        }
    }
}

async fn resolve(place: sip::HostWithPort, transport: Transport) -> Result<SocketAddr, StackFault> {
    let port = place
        .port
        .map_or(transport.default_port(), |port| port.value());
    match place.host {
        Host::IpAddr(address) => Ok(SocketAddr::new(address, port)),
        Host::Domain(name) => tokio::net::lookup_host((name.to_string(), port))
            .await
            .map_err(StackFault::of)?
            .next()
            .ok_or_else(|| StackFault::of("the peer's host has no address")),
    }
}

/// The stream that a message came over, if it was one.
pub(super) fn flow_of(connection: Option<&SipConnection>) -> Option<SipConnection> {
    connection
        .filter(|connection| connection.is_reliable())
        .cloned()
}

/// The CANCEL of an INVITE (§9.1): its own transaction, with the INVITE's branch.
pub(super) fn cancel_of(invite: &Request) -> Option<Request> {
    let mut headers = sip::Headers::default();
    for header in invite.headers.iter() {
        match header {
            Header::Via(_)
            | Header::From(_)
            | Header::To(_)
            | Header::CallId(_)
            | Header::MaxForwards(_)
            | Header::Route(_)
            | Header::UserAgent(_) => headers.push(header.clone()),
            _ => {}
        }
    }
    let seq = invite.cseq_header().ok()?.seq().ok()?;
    headers.push(Header::CSeq(sip::CSeq::new(format!("{seq} CANCEL"))));
    headers.push(Header::ContentLength(0_u32.into()));
    Some(Request {
        method: Method::Cancel,
        uri: invite.uri.clone(),
        version: Version::V2,
        headers,
        body: Vec::new(),
    })
}

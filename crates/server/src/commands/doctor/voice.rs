//! What calls need: addresses and ports, certificates, the trunks at the other end, a place for
//! recordings.

use std::net::{IpAddr, SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axbridge_domain::trunk::{Host, Peer, Transport, Trunk};
use axbridge_voice::guard::{Acl, Guard, Limits};
use axbridge_voice::stack::{Listen, SipTimes, Stack, TlsMaterial};

use super::network::{Server, client_of};
use super::{Finding, disk};
use crate::config::{Settings, Voice};
use crate::output::{list, plain, text};
use crate::wire::peer_answer;

/// A certificate that ends within this time is to be renewed now.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const DAY_S: u64 = 24 * 60 * 60;
/// Ports of sound that one call takes: RTP and RTCP, of two legs.
const PORTS_PER_CALL: usize = 4;

/// Looks at all of it; nothing if this node takes no calls.
pub(super) async fn look(
    settings: &Settings,
    server: Option<&Server>,
    trunks: &[Trunk],
) -> Vec<Finding> {
    let voice = &settings.voice;
    if !voice.is_on() {
        return Vec::new();
    }
    let listens = match voice.listens() {
        Ok(listens) => listens,
        Err(what) => return vec![Finding::fail("SIP", what)],
    };
    let is_running = server.is_some_and(|server| server.file.sip_endpoint.is_some());
    let mut findings: Vec<Finding> = listens
        .iter()
        .map(|listen| sip_port(listen, is_running))
        .collect();
    findings.extend(told_addresses(voice, &listens, trunks));
    findings.extend(sound_ports(voice, &listens, is_running));
    let papers = voice.tls_files().map(TlsMaterial::read);
    findings.extend(papers.as_ref().map(certificate));
    let spool = settings.recordings.spool_in(&settings.store.data);
    if spool.exists() {
        findings.push(disk::directory("spool", &spool));
        findings.push(disk::space("spool space", &spool));
    }
    match server.filter(|_| is_running) {
        Some(server) => findings.extend(trunks_by_server(server, trunks).await),
        None => {
            let papers = papers.and_then(Result::ok).map(Arc::new);
            findings.extend(trunks_by_ourselves(&listens, trunks, papers).await);
        }
    }
    findings
}

fn sip_port(listen: &Listen, is_running: bool) -> Finding {
    const CHECK: &str = "SIP port";
    let (name, address) = (listen.transport.name(), listen.address);
    let bound = match listen.transport {
        Transport::Udp => UdpSocket::bind(address).map(drop),
        Transport::Tcp | Transport::Tls => TcpListener::bind(address).map(drop),
    };
    match bound {
        Ok(()) => Finding::ok(CHECK, format!("{name} {address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse && is_running => {
            Finding::ok(CHECK, format!("{name} {address} is served by axbridge"))
        }
        Err(error) if error.kind() == std::io::ErrorKind::AddrNotAvailable => Finding::fail(
            CHECK,
            format!("{name} {address} is no address of this machine"),
        )
        .hint(
            "voice.sip names an address that `ip address` shows; one that only others reach it by \
             belongs into voice.public_address",
        ),
        Err(error) => Finding::fail(CHECK, format!("{name} {address}: {error}"))
            .hint("stop what listens there, or name another port in voice.sip"),
    }
}

/// Whether the addresses that trunks are told can be reached from where they are.
fn told_addresses(voice: &Voice, listens: &[Listen], trunks: &[Trunk]) -> Vec<Finding> {
    const CHECK: &str = "address told";
    let mut told: Vec<IpAddr> = Vec::new();
    let sound = voice.public().ok().flatten();
    let sound = sound.or_else(|| voice.media_address(listens).ok());
    let signalling = listens
        .iter()
        .map(|listen| listen.public.unwrap_or(listen.address).ip());
    for address in signalling.chain(sound) {
        if !told.contains(&address) {
            told.push(address);
        }
    }
    told.into_iter().map(|address| {
        let far = trunks.iter().find(|trunk| is_beyond(trunk, address));
        match far {
            Some(trunk) if address.is_loopback() => Finding::fail(
                CHECK,
                format!("trunk {} is told {address}, which is its own machine", trunk.name),
            )
            .hint("listen on an address of this machine's network, or name it in voice.public_address"),
            Some(trunk) => Finding::warn(
                CHECK,
                format!("trunk {} is told the private address {address}", trunk.name),
            )
            .hint(
                "if there is address translation between you, name the outer address in \
                 voice.public_address and forward the ports of SIP and sound",
            ),
            None if is_of_this_machine(address) => {
                Finding::ok(CHECK, format!("{address} is of this machine"))
            }
            None => Finding::ok(CHECK, format!("{address} is not of this machine")).hint(
                "that is right behind address translation, which must forward the ports of SIP \
                 and sound to this machine, unchanged",
            ),
        }
    })
    .collect()
}

fn is_of_this_machine(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// Whether a trunk with a numbered peer lies where this address of ours means nothing.
fn is_beyond(trunk: &Trunk, ours: IpAddr) -> bool {
    let mut addresses = trunk.peers.iter().filter_map(|peer| match peer.host {
        Host::Address(address) => Some(address),
        Host::Name(_) => None,
    });
    if !trunk.enabled {
        return false;
    }
    if ours.is_loopback() {
        return addresses.any(|theirs| !theirs.is_loopback());
    }
    is_private(ours) && addresses.any(|theirs| !is_private(theirs) && !theirs.is_loopback())
}

/// Addresses of inner networks (RFC 1918, RFC 4193, RFC 6598).
fn is_private(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            address.is_private() || (a == 100 && (64..128).contains(&b))
        }
        IpAddr::V6(address) => address.is_unique_local(),
    }
}

fn sound_ports(voice: &Voice, listens: &[Listen], is_running: bool) -> Vec<Finding> {
    const CHECK: &str = "sound ports";
    let (address, ports) = match (voice.media_address(listens), voice.ports()) {
        (Ok(address), Ok(ports)) => (address, ports),
        (Err(what), _) | (_, Err(what)) => return vec![Finding::fail(CHECK, what)],
    };
    if !is_of_this_machine(address) {
        let says = format!("{address} is no address of this machine");
        return vec![
            Finding::fail(CHECK, says).hint("name one of its addresses in voice.rtp_address"),
        ];
    }
    let (first, last) = (*ports.start(), *ports.end());
    let taken = ports
        .clone()
        .filter(|port| UdpSocket::bind((address, *port)).is_err());
    let taken = if is_running { 0 } else { taken.count() };
    let free = usize::from(last - first) + 1 - taken;
    let (calls, most) = (free / PORTS_PER_CALL, voice.calls_max());
    let says = format!("{first}-{last} on {address} are enough for {calls} calls");
    if calls < most {
        let says = format!("{says}, voice.calls_max is {most}");
        let hint = format!(
            "give voice.rtp_ports {} ports more, or lower voice.calls_max",
            (most - calls) * PORTS_PER_CALL
        );
        return vec![Finding::warn(CHECK, says).hint(hint)];
    }
    if taken > 0 {
        let says = format!("{says}; {taken} more are in use by others");
        return vec![
            Finding::warn(CHECK, says)
                .hint("calls go round them; better name a range of our own in voice.rtp_ports"),
        ];
    }
    vec![Finding::ok(CHECK, says)]
}

fn certificate(read: &Result<TlsMaterial, axbridge_voice::stack::TlsError>) -> Finding {
    const CHECK: &str = "SIP certificate";
    match read {
        Ok(material) => expiry(CHECK, material.expires_at()),
        Err(error) => Finding::fail(CHECK, error.to_string()).hint(
            "voice.tls_certificate, tls_key, tls_trunk_roots and tls_client_roots are PEM files",
        ),
    }
}

/// How long a certificate still holds.
pub(super) fn expiry(check: &'static str, expires_at: SystemTime) -> Finding {
    let renew = "renew it, then `kill -HUP` the server";
    match expires_at.duration_since(SystemTime::now()) {
        Err(_) => Finding::fail(check, "has expired").hint(renew),
        Ok(left) if left < EXPIRES_SOON => {
            let says = format!("expires in {} days", left.as_secs() / DAY_S);
            Finding::warn(check, says).hint(renew)
        }
        Ok(left) => Finding::ok(
            check,
            format!("can be used, for {} days", left.as_secs() / DAY_S),
        ),
    }
}

const TRUNK: &str = "trunk";

/// Lets the running server ask, whose ports they are.
async fn trunks_by_server(server: &Server, trunks: &[Trunk]) -> Vec<Finding> {
    let client = match client_of(server) {
        Ok(client) => client,
        Err(failure) => return vec![Finding::of(TRUNK, &failure)],
    };
    let mut findings = Vec::new();
    for trunk in trunks.iter().filter(|trunk| is_asked(trunk)) {
        let parameters = serde_json::json!({"TrunkName": trunk.name.as_str()});
        match client.call("TestTrunk", &parameters).await {
            Ok(found) => findings.extend(list(&found, "Records").iter().map(|peer| {
                let answer = match peer["Answers"].as_bool() {
                    Some(true) => Ok(plain(&peer["Status"])),
                    _ => Err(text(peer, "Reason").to_owned()),
                };
                answered(trunk, text(peer, "Peer"), answer)
            })),
            Err(error) => {
                let says = format!("{}: the server did not ask it: {error}", trunk.name);
                findings.push(Finding::warn(TRUNK, says));
            }
        }
    }
    findings
}

/// Asks from the ports that the server will use.
async fn trunks_by_ourselves(
    listens: &[Listen],
    trunks: &[Trunk],
    papers: Option<Arc<TlsMaterial>>,
) -> Vec<Finding> {
    if !trunks.iter().any(is_asked) {
        return Vec::new();
    }
    let guard = Arc::new(Guard::new(Acl::new(trunks), Limits::default()));
    let started = Stack::start(listens, SipTimes::default(), guard, papers).await;
    // What stands in the way was told by its own check.
    let Ok((stack, _arrivals)) = started else {
        return vec![Finding::warn(
            TRUNK,
            "not asked: SIP cannot be spoken here yet",
        )];
    };
    let mut findings = Vec::new();
    for trunk in trunks.iter().filter(|trunk| is_asked(trunk)) {
        let asked = trunk.peers.iter().map(|peer| ask(&stack, trunk, peer));
        for (peer, answer) in trunk
            .peers
            .iter()
            .zip(futures_util::future::join_all(asked).await)
        {
            let status = answer.map(|status| status.to_string());
            findings.push(answered(trunk, &peer.address(), status));
        }
    }
    stack.stop();
    findings
}

async fn ask(stack: &Stack, trunk: &Trunk, peer: &Peer) -> Result<u16, String> {
    peer_answer(peer, async |address: SocketAddr| {
        let name = trunk.certificate_name(&peer.host);
        let asked = stack.ask_options(peer.transport, address, &name).await;
        asked.map_err(|fault| fault.to_string())
    })
    .await
}

fn is_asked(trunk: &Trunk) -> bool {
    trunk.enabled && trunk.outbound
}

fn answered(trunk: &Trunk, peer: &str, answer: Result<String, String>) -> Finding {
    match answer {
        Ok(status) => Finding::ok(TRUNK, format!("{} at {peer} answers {status}", trunk.name)),
        Err(why) => Finding::fail(TRUNK, format!("{} at {peer}: {why}", trunk.name)).hint(
            "check address, port and transport, that the peer accepts this machine's address, and \
             the firewall between; calls by it fail until it answers",
        ),
    }
}

//! Calls over TLS, and what must not become one.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axbridge_domain::call::CallResult;
use axbridge_voice::{
    guard::Cause,
    stack::{Listen, Transport},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{
    house::{A, B, House, Setup},
    line::Line,
    papers::{Authority, Papers, asked, files, material},
    peer::{Peer, Wrap},
    scene::{quick_with, to_x},
};

const PATIENCE: Duration = Duration::from_secs(10);

/// What a scenario knows of certificates.
struct Scene {
    /// Whom the platform trusts, and who signed its own.
    authority: Authority,
    own: Papers,
    directory: TempDir,
}

impl Scene {
    fn new() -> Self {
        let authority = Authority::new();
        let own = authority.papers(&["127.0.0.1"]);
        let directory = tempfile::tempdir().expect("a temporary directory");
        Self {
            authority,
            own,
            directory,
        }
    }

    /// A platform that speaks TLS too; clients must show what `clients` signed.
    fn setup(&self, clients: Option<&Authority>) -> Setup {
        let files = files(self.directory.path(), &self.own, &self.authority, clients);
        let material = material(&files);
        let mut setup = quick_with(move |settings| {
            settings.tls = Some(material);
            settings.listen.push(Listen {
                transport: Transport::Tls,
                address: "127.0.0.1:0".parse().expect("an address"),
                public: None,
            });
        });
        setup.trunk_a = vec![("Networks", "127.0.0.2".to_owned())];
        setup
    }

    /// The same, with B's trunk over TLS.
    fn setup_to(&self, b: SocketAddr, clients: Option<&Authority>) -> Setup {
        let mut setup = self.setup(clients);
        setup.trunk_b = vec![("Peers", format!("{b};transport=tls"))];
        setup
    }
}

/// How often the guard turned something away for this cause.
fn turned(house: &House, cause: Cause) -> u64 {
    let all = house.plane.statistics().turned_by_guard;
    all.iter().find(|(it, _)| *it == cause).map_or(0, |it| it.1)
}

async fn until_turned(house: &House, cause: Cause, count: u64) {
    let all = async {
        while turned(house, cause) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = timeout(PATIENCE, all).await;
    waited.unwrap_or_else(|_| panic!("{cause:?}: {}", turned(house, cause)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_comes_and_goes_over_tls() {
    let scene = Scene::new();
    let offered = scene.authority.papers(&["127.0.0.3"]).offered(None);
    let b = Peer::by_tls("127.0.0.3", None, Wrap::Offered(offered)).await;
    let stand_in = Peer::at("127.0.0.2").await;
    let house = House::start(&stand_in, &b, scene.setup_to(b.address, None)).await;
    house.bind(Some(B), |_| ()).await;
    let platform = house.tls_address();
    let wrap = Wrap::Asked(asked(&scene.authority, None));
    let a = Peer::by_tls("127.0.0.2", Some(platform), wrap).await;

    let invite = to_x(&a, A);
    let mut a = Line::call(a, platform, invite).await;
    let mut b = Line::ring(b, platform).await;
    for field in ["Via", "Contact"] {
        let value = b.invite.header(field).expect("a field").to_owned();
        let marks = [format!("{platform}"), "tls".to_owned()];
        let plain = value.to_ascii_lowercase();
        assert!(marks.iter().all(|mark| plain.contains(mark)), "{value}");
    }
    b.answer("180 Ringing", None).await;
    a.status(180).await;
    let sdp = b.peer.sdp("sendrecv");
    b.answer("200 OK", Some(&sdp)).await;
    b.wants("ACK").await;
    let answer = a.status(200).await;
    assert!(answer.contact().ends_with(";transport=tls"));
    a.ack(None).await;
    b.bye().await;
    a.is_hung_up().await;
    house.ended_calls(1).await;

    // The next call goes over the connection that stands: B takes no second one.
    let invite = to_x(&a.peer, A);
    let mut a = Line::call(a.peer, platform, invite).await;
    let mut b = Line::ring(b.peer, platform).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.is_refused(486).await;
    house.ended_calls(2).await;
    house.is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_shown_both_ways_where_they_are_asked_for() {
    let scene = Scene::new();
    let clients = Authority::new();
    // B asks the platform for a certificate; it shows its own.
    let papers = scene.authority.papers(&["sip.carrier.test"]);
    let offered = papers.offered(Some(&scene.authority));
    let b = Peer::by_tls("127.0.0.3", None, Wrap::Offered(offered)).await;
    let stand_in = Peer::at("127.0.0.2").await;
    let mut setup = scene.setup_to(b.address, Some(&clients));
    setup
        .trunk_b
        .push(("TlsName", "sip.carrier.test".to_owned()));
    let house = House::start(&stand_in, &b, setup).await;
    house.bind(Some(B), |_| ()).await;
    let platform = house.tls_address();

    // Whoever shows nothing, or what somebody else signed, is not heard.
    let strange = Authority::new().papers(&["carrier-a"]);
    for own in [None, Some(&strange)] {
        let mut stream = handshake(platform, asked(&scene.authority, own)).await;
        let said = stream.write_all(&options(platform, 1)).await;
        let mut answer = Vec::new();
        let _ = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        assert_eq!((said.is_ok(), answer.as_slice()), (true, &[][..]));
    }
    until_turned(&house, Cause::Handshake, 2).await;

    let own = clients.papers(&["carrier-a"]);
    let wrap = Wrap::Asked(asked(&scene.authority, Some(&own)));
    let a = Peer::by_tls("127.0.0.2", Some(platform), wrap).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, platform, invite).await;
    let mut b = Line::ring(b, platform).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.is_refused(486).await;
    house.ended_calls(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_called_who_cannot_prove_the_name() {
    let scene = Scene::new();
    let strange = Authority::new();
    for (what, offered) in [
        ("another authority", Some(strange.papers(&["127.0.0.3"]))),
        ("another name", Some(scene.authority.papers(&["127.0.0.4"]))),
        ("expired", Some(scene.authority.old_papers(&["127.0.0.3"]))),
        ("clear text", None),
    ] {
        let listener = TcpListener::bind("127.0.0.3:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let acceptor = offered.map(|papers| tokio_rustls::TlsAcceptor::from(papers.offered(None)));
        let heard = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            match acceptor {
                Some(acceptor) => {
                    assert!(acceptor.accept(stream).await.is_err(), "it was trusted");
                    Vec::new()
                }
                None => {
                    let mut heard = vec![0; 8192];
                    let length = stream.read(&mut heard).await.expect("the first flight");
                    heard.truncate(length);
                    let answer = b"SIP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n";
                    stream.write_all(answer).await.expect("said");
                    heard
                }
            }
        });
        let (a, clear) = (Peer::at("127.0.0.2").await, Peer::at("127.0.0.3").await);
        let house = House::start(&a, &clear, scene.setup_to(address, None)).await;
        house.bind(Some(B), |_| ()).await;
        let mut a = Line::call(a, house.address(), to_x_of(A)).await;
        a.is_refused(503).await;
        let calls = house.ended_calls(1).await;
        let end = calls[0].end.as_ref().expect("an end");
        assert_ne!(end.result, CallResult::Connected, "{what}");
        let heard = heard.await.expect("the listener");
        let heard = String::from_utf8_lossy(&heard);
        assert!(!heard.contains("SIP/2.0") && !heard.contains(B), "{what}");
        assert!(clear.log().is_empty(), "{what}");
        house.is_empty().await;
    }
}

fn to_x_of(from: &str) -> crate::line::Invite<'_> {
    let sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n\
               m=audio 40000 RTP/AVP 8\r\n";
    crate::line::Invite {
        from,
        x: crate::house::X,
        headers: "",
        sdp: Some(sdp.to_owned()),
    }
}

async fn connect(ip: &str, platform: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let own: SocketAddr = format!("{ip}:0").parse().expect("an address");
    socket.bind(own).expect("a port");
    socket.connect(platform).await.expect("a connection")
}

type Encrypted = tokio_rustls::client::TlsStream<TcpStream>;

async fn handshake(platform: SocketAddr, config: Arc<rustls::ClientConfig>) -> Encrypted {
    let stream = connect("127.0.0.2", platform).await;
    let name = rustls::pki_types::ServerName::try_from("127.0.0.1").expect("a name");
    let connector = tokio_rustls::TlsConnector::from(config);
    connector.connect(name, stream).await.expect("a handshake")
}

fn options(platform: SocketAddr, number: u32) -> Vec<u8> {
    format!(
        "OPTIONS sip:{platform} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.2:5061;branch=z9hG4bK-o{number}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:o@127.0.0.2>;tag=o{number}\r\nTo: <sip:{platform}>\r\n\
         Call-ID: options-{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}

/// Waits for the 200 to that OPTIONS.
async fn hears(stream: &mut Encrypted, number: u32) {
    let mut heard = String::new();
    let branch = format!("z9hG4bK-o{number}");
    let all = async {
        while !heard.contains(&branch) || !heard.ends_with("\r\n\r\n") {
            let mut buffer = vec![0; 4096];
            let length = stream.read(&mut buffer).await.expect("it is open");
            assert!(length > 0, "closed after {heard}");
            heard += &String::from_utf8_lossy(&buffer[..length]);
        }
    };
    timeout(PATIENCE, all).await.expect("an answer in time");
    assert!(heard.contains("SIP/2.0 200 "), "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_tls_is_closed_and_half_open_handshakes_are_bounded() {
    let scene = Scene::new();
    let (a, b) = (Peer::at("127.0.0.2").await, Peer::at("127.0.0.3").await);
    let house = House::start(&a, &b, scene.setup(None)).await;
    let platform = house.tls_address();
    let closed = |mut stream: TcpStream| async move {
        let mut rest = Vec::new();
        let read = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        let _ = read.expect("closed in time");
        String::from_utf8_lossy(&rest).into_owned()
    };

    // Clear text and nonsense hear at most TLS's alert.
    for said in [
        options(platform, 1),
        b"\x16\x03\x01\xff\xff".repeat(9),
        vec![0; 4096],
    ] {
        let mut stream = connect("127.0.0.2", platform).await;
        stream.write_all(&said).await.expect("said");
        let heard = closed(stream).await;
        assert!(!heard.contains("SIP"), "{heard}");
    }
    until_turned(&house, Cause::Handshake, 3).await;
    // A stranger is not even greeted.
    let stranger = connect("127.0.0.9", platform).await;
    assert_eq!(closed(stranger).await, "");
    until_turned(&house, Cause::Stranger, 1).await;

    // So many may begin a handshake and say nothing; the next are closed at once, and when the
    // first are gone there is room again.
    let mut silent = Vec::new();
    for _ in 0..32 {
        silent.push(connect("127.0.0.2", platform).await);
    }
    // Accepted in their order, so these come after all of the others.
    for _ in 0..8 {
        let one_more = connect("127.0.0.2", platform).await;
        assert_eq!(closed(one_more).await, "");
    }
    until_turned(&house, Cause::Flood, 8).await;
    drop(silent);
    until_turned(&house, Cause::Handshake, 35).await;
    let mut stream = handshake(platform, asked(&scene.authority, None)).await;
    stream.write_all(&options(platform, 2)).await.expect("said");
    hears(&mut stream, 2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_hostile_bytes_ends_and_the_next_is_served() {
    let scene = Scene::new();
    let (a, b) = (Peer::at("127.0.0.2").await, Peer::at("127.0.0.3").await);
    let house = House::start(&a, &b, scene.setup(None)).await;
    let platform = house.tls_address();
    let config = asked(&scene.authority, None);
    let whole = String::from_utf8(options(platform, 1)).expect("text");
    let with = |length: &str| whole.replace("Content-Length: 0", length).into_bytes();
    for (what, bytes) in [
        ("no length", with("Subject: x")),
        ("a length below zero", with("Content-Length: -1")),
        (
            "a length beyond any",
            with("Content-Length: 18446744073709551615"),
        ),
        ("a length beyond ours", with("Content-Length: 70000")),
        ("no end", vec![b'a'; 70_000]),
        (
            "a stray LF",
            b"OPTIONS sip:a SIP/2.0\nX: y\r\n\r\n".to_vec(),
        ),
        (
            "TLS in TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(),
        ),
    ] {
        let mut stream = handshake(platform, config.clone()).await;
        // The other end may close while we still write.
        let _ = stream.write_all(&bytes).await;
        let mut rest = Vec::new();
        let ended = timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "{what}: the stream goes on");
        assert!(
            rest.is_empty(),
            "{what}: {}",
            String::from_utf8_lossy(&rest)
        );
    }

    // A length that the stack's own reading would miss hides no second message.
    let hidden = whole.replace("-o1", "-o9");
    let body = format!(
        "Content-Length : {}\r\nContent-Type: text/plain",
        hidden.len()
    );
    let outer = whole.replace("Content-Length: 0", &body);
    let mut stream = handshake(platform, config.clone()).await;
    let both = format!("{outer}{hidden}{}", whole.replace("-o1", "-o2"));
    // In pieces that end anywhere.
    for piece in both.as_bytes().chunks(97) {
        stream.write_all(piece).await.expect("said");
        stream.flush().await.expect("said");
    }
    let mut heard = String::new();
    while !heard.contains("z9hG4bK-o2") {
        let mut buffer = vec![0; 4096];
        let read = timeout(PATIENCE, stream.read(&mut buffer)).await;
        let length = read.expect("in time").expect("it is open");
        assert!(length > 0, "closed after {heard}");
        heard += &String::from_utf8_lossy(&buffer[..length]);
    }
    assert!(!heard.contains("z9hG4bK-o9"), "{heard}");

    // Keep-alives are answered by half (RFC 5626 §4.4.1), and calls still come in.
    stream.write_all(b"\r\n\r\n").await.expect("said");
    let mut pong = [0; 2];
    let read = timeout(PATIENCE, stream.read_exact(&mut pong)).await;
    read.expect("in time").expect("a pong");
    assert_eq!(&pong, b"\r\n");
    stream.write_all(&options(platform, 3)).await.expect("said");
    hears(&mut stream, 3).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_is_read_anew_and_a_broken_one_changes_nothing() {
    let scene = Scene::new();
    let (a, b) = (Peer::at("127.0.0.2").await, Peer::at("127.0.0.3").await);
    let house = House::start(&a, &b, scene.setup(None)).await;
    let platform = house.tls_address();
    let config = asked(&scene.authority, None);
    let shown = |stream: &Encrypted| {
        let certificates = stream.get_ref().1.peer_certificates();
        certificates.expect("certificates")[0].clone()
    };
    let mut standing = handshake(platform, config.clone()).await;
    let first = shown(&standing);

    let own = scene.directory.path();
    std::fs::write(own.join("own.key"), "nonsense").expect("written");
    let error = house.plane.reload_tls().expect_err("no key");
    assert!(error.to_string().contains("own.key"), "{error}");
    // A session that is resumed shows no certificate anew.
    let fresh = || asked(&scene.authority, None);
    assert_eq!(shown(&handshake(platform, fresh()).await), first);

    let next = scene.authority.papers(&["127.0.0.1"]);
    files(own, &next, &scene.authority, None);
    house.plane.reload_tls().expect("good files");
    assert_ne!(shown(&handshake(platform, fresh()).await), first);
    // What stands goes on.
    standing
        .write_all(&options(platform, 1))
        .await
        .expect("said");
    hears(&mut standing, 1).await;
}

//! The running plane under messages that must ring nobody. The table of verdicts is in
//! `tests/hostile.rs`; here each case goes over the wire, from a carrier that is let in, for a
//! call that would ring B if it were whole.

use std::{fs, net::SocketAddr, path::PathBuf, time::Duration};

use tokio::{net::UdpSocket, time::timeout};

use crate::{
    house::{A, X},
    line::Line,
    peer::Whose,
    scene::{World, quick, to_x},
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A socket that says what it likes.
struct Mouth {
    socket: UdpSocket,
    platform: SocketAddr,
}

impl Mouth {
    async fn at(ip: &str, platform: SocketAddr) -> Self {
        let socket = UdpSocket::bind((ip, 0)).await.expect("a socket");
        Self { socket, platform }
    }

    fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    /// A call that rings B, with a Call-ID of its own.
    fn invite(&self, number: usize) -> String {
        let own = self.address();
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
            ip = own.ip()
        );
        format!(
            "INVITE sip:{X}@{platform} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-h{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{A}@{own}>;tag=h{number}\r\nTo: <sip:{X}@{platform}>\r\n\
             Call-ID: hostile-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:{A}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}",
            platform = self.platform,
            length = sdp.len()
        )
    }

    async fn say(&self, bytes: &[u8]) {
        let sent = self.socket.send_to(bytes, self.platform).await;
        sent.expect("sent");
    }

    /// Asks OPTIONS and waits for its 200; what else comes in between is passed over.
    async fn hears_options(&self, number: usize) {
        let own = self.address();
        let branch = format!("z9hG4bK-o{number}");
        let options = format!(
            "OPTIONS sip:{platform} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:o@{own}>;tag=o{number}\r\nTo: <sip:{platform}>\r\n\
             Call-ID: options-{number}-{own}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            platform = self.platform
        );
        self.say(options.as_bytes()).await;
        let mut buffer = vec![0; 9_000];
        loop {
            let received = timeout(PATIENCE, self.socket.recv(&mut buffer)).await;
            let length = received.expect("OPTIONS is answered").expect("received");
            let text = String::from_utf8_lossy(&buffer[..length]);
            if text.contains(&branch) {
                assert!(text.starts_with("SIP/2.0 200 "), "{text}");
                return;
            }
        }
    }
}

/// What is changed, and what it becomes.
fn changes() -> Vec<(String, Vec<u8>)> {
    let text = |old: &str, new: &str| (old.to_owned(), new.as_bytes().to_vec());
    let long = "x".repeat(60_000);
    vec![
        text("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"),
        text("CSeq: 1 INVITE", "CSeq: 1 BYE"),
        text("CSeq: 1 INVITE", "CSeq: 4294967296 INVITE"),
        text("CSeq: 1 INVITE\r\n", ""),
        text("Max-Forwards: 70", "Max-Forwards: 0"),
        text("Max-Forwards: 70", "Max-Forwards: -1"),
        text("Max-Forwards: 70", "Max-Forwards: 70\r\nRequire: teleport"),
        text("Max-Forwards: 70", "Max-Forwards: 70\r\nX:\0"),
        text("Max-Forwards: 70", "Max-Forwards: 70\nX: y"),
        text(
            "Max-Forwards: 70",
            &format!("Max-Forwards: 70\r\nX: {}", &long[..8_000]),
        ),
        text(
            "Max-Forwards: 70",
            &format!("Max-Forwards: 70\r\nX: {long}"),
        ),
        text(
            "Max-Forwards: 70",
            &format!("Max-Forwards: 70{}", "\r\nX:".repeat(1_500)),
        ),
        text("Content-Length: ", "Content-Length: 9"),
        text("Content-Length: ", "Content-Length: -"),
        text("Content-Length: ", "Content-Length: 5\r\nContent-Length: "),
        text(
            "Content-Length: ",
            "Content-Length: 18446744073709551615\r\nX: ",
        ),
        text("Content-Length: ", "l: 3\r\nContent-Length: "),
        text("From: ", "f: <sip:x@y>;tag=2\r\nFrom: "),
        text("Via: ", " folded: before all\r\nVia: "),
        text("Max-Forwards: 70", "Max-Forwards:\r\n\r\n 70"),
        text("application/sdp", "text/plain"),
        text(
            "application/sdp",
            "application/sdp\r\nContent-Encoding: gzip",
        ),
        text("v=0", "no description"),
        text("RTP/AVP 8", "RTP/AVP 8\r\n\r\nINVITE sip:x@y SIP/2.0"),
        text("INVITE sip:", "INVITE <sip:"),
        text("INVITE sip:", "INVITE  sip:"),
        text("INVITE sip:", "TELEPORT sip:"),
        text("INVITE sip:", "INVITE http:"),
        text(";branch=z9hG4bK-h", ";branch=z9hG4bK;x="),
        text("From: ", "From: \"open "),
        text("Contact: ", "X-Contact: "),
        text("Contact: ", "Contact: *, "),
        ("From: ".to_owned(), b"From: \xd5\xc5\xc8\xfd ".to_vec()),
    ]
}

fn changed(invite: &str, old: &str, new: &[u8]) -> Vec<u8> {
    let (before, after) = invite.split_once(old).expect("the text to change");
    [before.as_bytes(), new, after.as_bytes()].concat()
}

fn torture_messages() -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    let entries = fs::read_dir(folder).expect("the messages");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "dat"))
        .map(|path| fs::read(path).expect("a message"))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_that_must_be_refused_rings_b_and_options_is_always_answered() {
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let mouth = Mouth::at(Whose::A_HOST, house.address()).await;
    let mut sent = 0;
    for (old, new) in changes() {
        let message = changed(&mouth.invite(sent), &old, &new);
        mouth.say(&message).await;
        mouth.hears_options(sent).await;
        sent += 1;
    }
    for message in torture_messages() {
        mouth.say(&message).await;
        mouth.hears_options(sent).await;
        sent += 1;
    }
    assert_eq!(b.log(), []);
    assert_eq!(house.calls().await, []);
    let held = house.plane.statistics();
    assert_eq!((held.calls, held.stack.dialogs), (0, 0));
    // What is kept for half a minute is the OPTIONS alone, and the few of RFC 4475 that are whole.
    let kept = held.stack.transactions + held.stack.finished;
    assert!(kept <= sent + 10, "{kept} of {sent}");
    // The same call, whole, rings: it is the changes that were refused.
    let call = Line::call(a, house.address(), to_x(&b, A)).await;
    let b = Line::ring(b, house.address()).await;
    b.answer("486 Busy Here", None).await;
    drop(call);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_a_forged_via_hears_nothing_and_rings_nobody() {
    let World { house, a, b } = World::bound(quick(), |_| ()).await;
    let stranger = Mouth::at("127.0.0.66", house.address()).await;
    let carrier = Mouth::at(Whose::A_HOST, house.address()).await;
    let own = stranger.address();
    for (number, via) in [
        "127.0.0.2:5060".to_owned(),
        format!("{};received=127.0.0.2", a.address),
        format!("{own};received=127.0.0.2"),
        format!("{own};received=127.0.0.2;rport=5060"),
        format!("{};rport", a.address),
        "127.0.0.2;maddr=127.0.0.2".to_owned(),
        own.to_string(),
    ]
    .into_iter()
    .enumerate()
    {
        let sent_by = format!("UDP {own};");
        let invite = stranger
            .invite(number)
            .replace(&sent_by, &format!("UDP {via};"));
        stranger.say(invite.as_bytes()).await;
        let options = invite.replace("INVITE", "OPTIONS");
        stranger.say(options.as_bytes()).await;
        // A keep-alive that the stack would answer.
        stranger.say(b"\r\n\r\n").await;
        carrier.hears_options(number).await;
    }
    assert!(stranger.socket.try_recv(&mut [0; 100]).is_err());
    assert_eq!(b.log(), []);
    assert_eq!(house.calls().await, []);
}

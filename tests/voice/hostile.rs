//! Thousands of hostile messages to the real program: B is never rung, OPTIONS is always answered,
//! and memory does not grow with them. What each kind is refused with is the table of
//! `crates/voice/tests/hostile.rs`.

use std::time::Duration;

use serde_json::json;
use tokio::{net::UdpSocket, time::timeout};

use crate::house::{A, House, PATIENCE, X};

/// Messages of one round, after which OPTIONS must be answered.
const IN_A_ROUND: usize = 300;
/// Rounds before memory is looked at, and after that.
const FIRST_ROUNDS: usize = 5;
const ROUNDS: usize = 15;
/// What the program may hold more after the latter than before, in KiB: less than a tenth of a
/// byte for each byte that was sent.
const GROWTH_KIB_MAX: u64 = 8 * 1024;

/// A carrier's socket, from which the messages are let in.
struct Mouth {
    socket: UdpSocket,
    platform: std::net::SocketAddr,
}

impl Mouth {
    /// A call that would ring B, changed so that it must not.
    fn message(&self, number: usize) -> Vec<u8> {
        let own = self.socket.local_addr().expect("an address");
        let platform = self.platform;
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
            ip = own.ip()
        );
        let whole = format!(
            "INVITE sip:{X}@{platform} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK-m{number}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{A}@{own}>;tag=m{number}\r\nTo: <sip:{X}@{platform}>\r\n\
             Call-ID: many-{number}\r\nCSeq: 1 INVITE\r\nContact: <sip:{A}@{own}>\r\n\
             Content-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{sdp}",
            length = sdp.len()
        );
        let long = "x".repeat(60_000);
        let header = |text: &str| whole.replacen("Max-Forwards: 70", text, 1).into_bytes();
        let lone = |from: &str, to: &str| whole.replacen(from, to, 1).into_bytes();
        match number % 16 {
            0 => header(&format!("Max-Forwards: 70\r\nX: {long}")),
            1 => header(&format!("Max-Forwards: 70{}", "\r\nX:".repeat(5_000))),
            2 => header("Max-Forwards: 70\r\nRequire: teleport"),
            3 => header("Max-Forwards: 0"),
            4 => header("Max-Forwards: 70\r\nX:\0\0\0"),
            5 => lone("CSeq: 1 INVITE", "CSeq: 1 ACK"),
            6 => lone("SIP/2.0\r\nVia", "SIP/9.0\r\nVia"),
            7 => lone("Content-Length: ", "Content-Length: 99"),
            8 => [b"INVITE \xff\xfe\xfd", whole.as_bytes()].concat(),
            9 => lone("From: ", "f: <sip:x@y>;tag=z\r\nFrom: "),
            10 => lone("RTP/AVP 8", &format!("RTP/AVP 8\r\n\r\n{whole}")),
            11 => whole.as_bytes()[..whole.len() * (1 + number % 97) / 100].to_vec(),
            12 => lone("Via: ", " folded: before all\r\nVia: "),
            13 => lone("v=0", &long),
            14 => lone("Contact: ", "X-Contact: "),
            _ => (0..number % 1_400)
                .map(|at| (at * number % 251) as u8)
                .collect(),
        }
    }

    async fn hears_options(&self, number: usize) {
        let own = self.socket.local_addr().expect("an address");
        let branch = format!("z9hG4bK-many-o{number}");
        let options = format!(
            "OPTIONS sip:{platform} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\n\
             Max-Forwards: 70\r\nFrom: <sip:o@{own}>;tag=o{number}\r\nTo: <sip:{platform}>\r\n\
             Call-ID: many-options-{number}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            platform = self.platform
        );
        let mut buffer = vec![0; 65_535];
        loop {
            // Of a burst some datagrams are lost on the way; this one is sent until it arrives.
            self.say(options.as_bytes()).await;
            let again = Duration::from_millis(500);
            while let Ok(received) = timeout(again, self.socket.recv(&mut buffer)).await {
                let length = received.expect("received");
                let text = String::from_utf8_lossy(&buffer[..length]);
                if text.contains(&branch) {
                    assert!(text.starts_with("SIP/2.0 200 "), "{text}");
                    return;
                }
            }
        }
    }

    async fn say(&self, bytes: &[u8]) {
        self.socket
            .send_to(bytes, self.platform)
            .await
            .expect("sent");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_hostile_messages_ring_nobody_and_leave_nothing() {
    // What is refused is told at debug; here it would be all that is measured.
    let house = House::with(&[("LOG__LEVEL", "info")]).await;
    house.bind(json!({}));
    let host = house.a.address().ip();
    let mouth = Mouth {
        socket: UdpSocket::bind((host, 0)).await.expect("a port"),
        platform: house.server.sip(),
    };
    let mut number = 0;
    let mut before = 0;
    for round in 0..FIRST_ROUNDS + ROUNDS {
        if round == FIRST_ROUNDS {
            before = house.server.resident_kib();
        }
        for _ in 0..IN_A_ROUND {
            mouth.say(&mouth.message(number)).await;
            number += 1;
        }
        let answered = timeout(PATIENCE, mouth.hears_options(round));
        answered.await.expect("OPTIONS is answered");
    }
    let after = house.server.resident_kib();
    assert!(
        after < before + GROWTH_KIB_MAX,
        "{before} KiB, then {after}"
    );
    assert_eq!(house.b.messages().len(), 0, "B was rung");
    assert!(house.exported().is_empty(), "a call was begun");
}

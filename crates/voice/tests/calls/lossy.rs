//! Calls over a network that loses every tenth datagram of the signalling, either way. Between the
//! platform and two carriers' phones stands a relay; which datagrams it loses comes from a seed and
//! the order in which they arrive.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axbridge_domain::{
    call::{CallResult, ReleasedBy},
    draws::Draws,
};
use axbridge_voice::phone::{Ended, Phone, PhoneCall, Say, Script};
use tokio::net::UdpSocket;

use crate::{
    house::{A, B, House, Setup, X},
    leaks::leaks,
    peer::Whose,
    scene::carriers,
};

/// Of so many datagrams one is lost.
const ONE_IN: u64 = 10;
const SEED: u64 = 4028;
const CALLS: usize = 36;
/// The longest that a call may take over it: every exchange may be repeated some times.
const PATIENCE: Duration = Duration::from_secs(120);

/// Hosts of the relay that the platform takes for the carriers'.
const BACKS: [&str; 2] = ["127.0.0.42", "127.0.0.43"];

struct Relay {
    /// Where the platform is, for the phones.
    front: SocketAddr,
    /// Where the phones are, for the platform.
    backs: [SocketAddr; 2],
    carried: Arc<AtomicU64>,
    lost: Arc<AtomicU64>,
}

impl Relay {
    async fn between(phones: [SocketAddr; 2]) -> Self {
        let bind = async |ip| UdpSocket::bind((ip, 0)).await.expect("a port");
        let front = bind("127.0.0.41").await;
        let backs = [bind(BACKS[0]).await, bind(BACKS[1]).await];
        let relay = Self {
            front: front.local_addr().expect("an address"),
            backs: [&backs[0], &backs[1]].map(|it| it.local_addr().expect("an address")),
            carried: Arc::default(),
            lost: Arc::default(),
        };
        let (carried, lost) = (relay.carried.clone(), relay.lost.clone());
        tokio::spawn(async move {
            let mut draws = Draws::from_seed(SEED);
            let mut platform = None;
            let (mut one, mut two, mut three) = (vec![0; 65_535], vec![0; 65_535], vec![0; 65_535]);
            loop {
                // From a phone to the platform, or the other way, at one of the carriers.
                let (bytes, side, to) = tokio::select! {
                    got = front.recv_from(&mut one) => {
                        let (length, from) = got.expect("loopback works");
                        let side = usize::from(from.ip() == phones[1].ip());
                        (&one[..length], Some(side), platform)
                    }
                    got = backs[0].recv_from(&mut two) => {
                        let (length, from) = got.expect("loopback works");
                        platform = Some(from);
                        (&two[..length], None, Some(phones[0]))
                    }
                    got = backs[1].recv_from(&mut three) => {
                        let (length, from) = got.expect("loopback works");
                        platform = Some(from);
                        (&three[..length], None, Some(phones[1]))
                    }
                };
                carried.fetch_add(1, Ordering::Relaxed);
                let Some(to) = to.filter(|_| !draws.next_u64().is_multiple_of(ONE_IN)) else {
                    lost.fetch_add(1, Ordering::Relaxed);
                    continue;
                };
                let socket = side.map_or(&front, |side| &backs[side]);
                socket.send_to(bytes, to).await.expect("loopback works");
            }
        });
        relay
    }
}

async fn over(call: PhoneCall) -> Ended {
    let report = tokio::time::timeout(PATIENCE, call.report()).await;
    report.expect("it ends").expect("the phone is on").ended
}

/// What a phone got tells nothing of the other.
fn learnt_nothing(phone: &Phone, needles: &[&str]) {
    for message in phone.messages().iter().filter(|it| !it.sent) {
        assert_eq!(leaks(&message.bytes, needles), []);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_call_fails_where_every_tenth_message_is_lost() {
    let on = async |ip: &str| {
        let address = format!("{ip}:0").parse().expect("an address");
        Phone::open(address).await.expect("a port")
    };
    let (a, b) = (on(Whose::A_HOST).await, on(Whose::B_HOST).await);
    let relay = Relay::between([a.address(), b.address()]).await;
    let front = relay.front;
    let behind = |back: SocketAddr| {
        vec![
            ("Peers", back.to_string()),
            // The relay learns from it where the platform is.
            ("KeepAliveSeconds", "60".to_owned()),
        ]
    };
    let setup = Setup {
        settings: Box::new(move |settings| {
            settings.listen[0].public = Some(front);
            // What is remembered for late repeats is gone seconds after the last call.
            settings.sip_times.t1_ms = 100;
            settings.sip_times.t2_ms = 800;
        }),
        trunk_a: behind(relay.backs[0]),
        trunk_b: behind(relay.backs[1]),
        ..Setup::default()
    };
    let (carrier_a, carrier_b) = carriers().await;
    let house = House::start(&carrier_a, &carrier_b, setup).await;
    house.bind(Some(B), |_| ()).await;
    let script = Script {
        say: Say::Nothing,
        ..Script::default()
    };
    b.answer_others(script.clone());
    let mut out = Vec::new();
    for number in 0..CALLS {
        let talk = Duration::from_millis(200 + 20 * number as u64);
        out.push(a.call(front, A, X, script.clone().for_time(talk)).await);
    }
    for call in out {
        assert_eq!(over(call).await, Ended::HungUp);
    }
    for _ in 0..CALLS {
        let next = tokio::time::timeout(PATIENCE, b.next_call()).await;
        let call = next.expect("it rang").expect("the phone is on");
        assert_eq!(over(call).await, Ended::ByOther);
    }
    let calls = house.ended_calls(CALLS).await;
    assert_eq!(calls.len(), CALLS, "each call has one record");
    for call in &calls {
        let end = call.end.as_ref().expect("an end");
        assert_eq!(
            (end.result, end.released_by),
            (CallResult::Connected, ReleasedBy::Caller)
        );
    }
    house.is_empty().await;
    let (carried, lost) = (
        relay.carried.load(Ordering::Relaxed),
        relay.lost.load(Ordering::Relaxed),
    );
    assert!(lost * 2 * ONE_IN > carried, "{lost} of {carried} were lost");
    learnt_nothing(&a, &[B, Whose::B_HOST, BACKS[1], "carrier-b"]);
    learnt_nothing(&b, &[A, Whose::A_HOST, BACKS[0], "carrier-a"]);
}

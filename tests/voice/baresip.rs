//! A softphone that people use, Debian's baresip, calls X and is called by it: it sees X, each
//! side hears the other, and the recording has each on its track. By UDP, and by TLS, where its
//! OpenSSL is another implementation than ours.
//!
//! Without baresip on the machine this says so and tries nothing; `cargo xtask test` installs it.

mod process;

use std::{
    io::{ErrorKind, Read as _},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use axbridge_tests::leaks::{assert_no_leak, leaks};
use axbridge_voice::phone::{Ended, Script, Stage};
use process::{Baresip, is_installed};
use serde_json::json;

use crate::{
    authority::Authority,
    house::{
        B, B_HOST, B_HZ, HEARD, House, PATIENCE, POLL, X, file, report, rings, seconds_of,
        until_heard,
    },
};

/// Who has the softphone, where it runs, and what it says.
const OWNER: &str = "13900000008";
const HOST: &str = "127.0.6.2";
const OWNER_HZ: f32 = 660.0;

/// A house, a softphone at a trunk of its own, and the binding of its owner to B.
struct Scene {
    house: House,
    softphone: Baresip,
    sub_id: String,
    /// Where the softphone finds the server.
    server: SocketAddr,
    /// What its URIs say of the way there.
    parameters: &'static str,
}

/// By UDP.
async fn open() -> Option<Scene> {
    if !is_installed() {
        return None;
    }
    let house = House::with(&[("VOICE__RECORDING_NOTICE", "false")]).await;
    let softphone = softphone(&house, "");
    let server = house.server.sip();
    let peer = softphone.address.to_string();
    Some(scene(house, softphone, server, "", peer))
}

/// By TLS: each shows a certificate of the same authority, and asks for one.
async fn open_by_tls() -> Option<Scene> {
    if !is_installed() {
        return None;
    }
    let papers = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    let file = |name: &str, text: &str| -> String {
        let path = papers.path().join(name);
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    };
    let roots = file("roots.pem", authority.pem());
    let (certificate, key) = authority.certify(&["127.0.0.1"]);
    let settings = [
        ("VOICE__RECORDING_NOTICE", "false"),
        ("VOICE__SIP", "127.0.0.1:0,tls:127.0.0.1:0"),
        ("VOICE__TLS_TRUNK_ROOTS", &roots),
        (
            "VOICE__TLS_CERTIFICATE",
            &file("own.pem", &certificate.pem()),
        ),
        ("VOICE__TLS_KEY", &file("own.key", &key.serialize_pem())),
    ];
    let house = House::with(&settings).await;
    let (certificate, key) = authority.certify(&[HOST]);
    let both = format!("{}{}", certificate.pem(), key.serialize_pem());
    let both = file("softphone.pem", &both);
    let softphone = softphone(
        &house,
        &format!("sip_certificate {both}\nsip_cafile {roots}\n"),
    );
    let server = house.server.sip_by("tls");
    let peer = format!("{};transport=tls", softphone.tls_address());
    let scene = scene(house, softphone, server, ";transport=tls", peer);
    until_no_stranger(server);
    Some(scene)
}

/// Waits until the server lets who connects speak: a trunk is known a moment after it was made, and
/// strangers' connections are closed.
fn until_no_stranger(server: SocketAddr) {
    let started = Instant::now();
    loop {
        let mut connection = TcpStream::connect(server).expect("it listens");
        let patience = connection.set_read_timeout(Some(POLL));
        patience.expect("a time");
        let said = connection.read(&mut [0]);
        if said.is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "it keeps its trunk out");
    }
}

fn softphone(house: &House, more: &str) -> Baresip {
    let folder = house.folder.path().join("baresip");
    Baresip::start(&folder, (HOST, OWNER), OWNER_HZ, more)
}

fn scene(
    house: House,
    softphone: Baresip,
    server: SocketAddr,
    parameters: &'static str,
    peer: String,
) -> Scene {
    let trunk = json!({
        "TrunkName": "softphone", "Peers": [peer],
        "PrefixRules": ["139"], "KeepAliveSeconds": 0,
        // Its connections and its sound come from another address than it says, as from behind
        // address translation: baresip binds neither.
        "Networks": [format!("{HOST}/32"), "127.0.0.1/32".to_owned()],
        "SymmetricRtp": true, "MediaNetworks": ["127.0.0.1/32"],
    });
    house.server.call("CreateTrunk", trunk);
    let sub_id = house.bind(json!({"PhoneNoA": OWNER, "AudioRecordFlag": 1}));
    Scene {
        house,
        softphone,
        sub_id,
        server,
        parameters,
    }
}

/// Both tones are in the recording, each on its own track.
async fn assert_recorded(house: &House, left_hz: f32, right_hz: f32) {
    for (ending, own_hz, other_hz) in [
        ("-left.wav", left_hz, right_hz),
        ("-right.wav", right_hz, left_hz),
    ] {
        let path: PathBuf = file(house, ending).await;
        let [own, other] = seconds_of(&path, [own_hz, other_hz]);
        assert!(
            own >= HEARD && other == Duration::ZERO,
            "{ending}: {own:?} {other:?}"
        );
    }
}

/// What each side was told of the other: nothing.
fn assert_no_leaks(scene: &Scene) {
    for message in scene.house.b.messages().iter().filter(|it| !it.sent) {
        assert_no_leak(&message.bytes, &[OWNER, HOST], "what B received");
    }
    for message in scene.softphone.received(scene.server) {
        let found = leaks(message.as_bytes(), &[B, B_HOST]);
        assert!(found.is_empty(), "{found:?} in\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_calls_x_and_talks_to_b() {
    if let Some(scene) = open().await {
        calls_x_and_talks_to_b(scene).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_calls_x_by_tls_and_talks_to_b() {
    if let Some(scene) = open_by_tls().await {
        calls_x_and_talks_to_b(scene).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_is_called_by_b_and_sees_x() {
    if let Some(scene) = open().await {
        is_called_by_b_and_sees_x(scene).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_is_called_by_tls_and_sees_x() {
    if let Some(scene) = open_by_tls().await {
        is_called_by_b_and_sees_x(scene).await;
    }
}

async fn calls_x_and_talks_to_b(mut scene: Scene) {
    let at = format!("{}{}", scene.server, scene.parameters);
    scene.softphone.dial(X, &at);
    let (house, softphone) = (&scene.house, &mut scene.softphone);
    let mut incoming = rings(&house.b).await;
    assert_eq!((incoming.dialled(), incoming.caller_shown()), (B, X));
    assert!(incoming.reaches(Stage::Answered).await);
    softphone.until_event("CALL_ESTABLISHED");
    until_heard(&incoming, OWNER_HZ).await;
    tokio::time::sleep(HEARD).await;
    softphone.hang_up();
    assert_eq!(report(incoming).await.ended, Ended::ByOther);
    assert_recorded(house, OWNER_HZ, B_HZ).await;
    assert!(softphone.heard(B_HZ).await >= HEARD);
    let record = house.record(&scene.sub_id).await;
    assert_eq!(record["CallResult"], 1, "{record}");
    assert_eq!(record["ReleaseType"], 1, "the softphone hung up: {record}");
    assert_no_leaks(&scene);
}

async fn is_called_by_b_and_sees_x(mut scene: Scene) {
    let (house, softphone) = (&scene.house, &mut scene.softphone);
    let sip = house.server.sip();
    let mut out = house.b.call(sip, B, X, Script::tone(B_HZ)).await;
    let call = softphone.until_event("CALL_ESTABLISHED");
    let shown = call["peeruri"].as_str().expect("who calls");
    assert!(shown.starts_with(&format!("sip:{X}@")), "{shown}");
    assert!(out.reaches(Stage::Answered).await);
    until_heard(&out, OWNER_HZ).await;
    tokio::time::sleep(HEARD).await;
    out.hang_up().await;
    assert_eq!(report(out).await.ended, Ended::HungUp);
    softphone.until_event("CALL_CLOSED");
    assert_recorded(house, B_HZ, OWNER_HZ).await;
    assert!(softphone.heard(B_HZ).await >= HEARD);
    let record = house.record(&scene.sub_id).await;
    assert_eq!(record["CallResult"], 1, "{record}");
    assert_no_leaks(&scene);
}

//! A softphone that people use, Debian's baresip, calls X and is called by it: it sees X, each
//! side hears the other, and the recording has each on its track.
//!
//! Without baresip on the machine this says so and tries nothing; `cargo xtask test` installs it.

mod process;

use std::{path::PathBuf, time::Duration};

use axbridge_tests::leaks::{assert_no_leak, leaks};
use axbridge_voice::phone::{Ended, Script, Stage};
use process::{Baresip, is_installed};
use serde_json::json;

use crate::house::{
    B, B_HOST, B_HZ, HEARD, House, X, file, report, rings, seconds_of, until_heard,
};

/// Who has the softphone, where it runs, and what it says.
const OWNER: &str = "13900000008";
const HOST: &str = "127.0.6.2";
const OWNER_HZ: f32 = 660.0;

/// A house with a softphone at a trunk of its own, whose owner is bound to B.
async fn open() -> Option<(House, Baresip, String)> {
    if !is_installed() {
        return None;
    }
    let house = House::with(&[("VOICE__RECORDING_NOTICE", "false")]).await;
    let softphone = Baresip::start(&house.folder.path().join("baresip"), HOST, OWNER, OWNER_HZ);
    let trunk = json!({
        "TrunkName": "softphone", "Peers": [softphone.address.to_string()],
        "PrefixRules": ["139"], "KeepAliveSeconds": 0,
        // Its sound comes from another address than it says, as from behind address translation:
        // baresip binds its ports of sound to no address.
        "SymmetricRtp": true, "MediaNetworks": ["127.0.0.1/32"],
    });
    house.server.call("CreateTrunk", trunk);
    let sub_id = house.bind(json!({"PhoneNoA": OWNER, "AudioRecordFlag": 1}));
    Some((house, softphone, sub_id))
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
fn assert_no_leaks(house: &House, softphone: &Baresip) {
    for message in house.b.messages().iter().filter(|it| !it.sent) {
        assert_no_leak(&message.bytes, &[OWNER, HOST], "what B received");
    }
    for message in softphone.received() {
        let found = leaks(message.as_bytes(), &[B, B_HOST]);
        assert!(found.is_empty(), "{found:?} in\n{message}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_calls_x_and_talks_to_b() {
    let Some((house, mut softphone, sub_id)) = open().await else {
        return;
    };
    softphone.dial(X, house.server.sip());
    let mut incoming = rings(&house.b).await;
    assert_eq!((incoming.dialled(), incoming.caller_shown()), (B, X));
    assert!(incoming.reaches(Stage::Answered).await);
    softphone.until_event("CALL_ESTABLISHED");
    until_heard(&incoming, OWNER_HZ).await;
    tokio::time::sleep(HEARD).await;
    softphone.hang_up();
    assert_eq!(report(incoming).await.ended, Ended::ByOther);
    assert_recorded(&house, OWNER_HZ, B_HZ).await;
    assert!(softphone.heard(B_HZ).await >= HEARD);
    let record = house.record(&sub_id).await;
    assert_eq!(record["CallResult"], 1, "{record}");
    assert_eq!(record["ReleaseType"], 1, "the softphone hung up: {record}");
    assert_no_leaks(&house, &softphone);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_softphone_is_called_by_b_and_sees_x() {
    let Some((house, mut softphone, sub_id)) = open().await else {
        return;
    };
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
    assert_recorded(&house, B_HZ, OWNER_HZ).await;
    assert!(softphone.heard(B_HZ).await >= HEARD);
    let record = house.record(&sub_id).await;
    assert_eq!(record["CallResult"], 1, "{record}");
    assert_no_leaks(&house, &softphone);
}

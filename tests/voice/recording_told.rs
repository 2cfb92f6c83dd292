//! From a recorded call to its receiver: the message comes, and its links play what was said.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use axbridge_app::callbacks::signature::auth_code;
use axbridge_voice::{
    audio::{Clip, ClipLimits, tone_share},
    phone::{Script, Stage},
};
use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    routing::post,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::house::{A_HZ, B_HZ, House, PATIENCE, report, rings, until_heard};

const TOKEN: &str = "8D202AC288";

async fn take(
    State(took): State<mpsc::UnboundedSender<Value>>,
    RawQuery(query): RawQuery,
    body: Bytes,
) {
    let query = query.expect("a signature");
    let signature = query.strip_prefix("timestamp=").expect("a timestamp");
    let (timestamp, code) = signature.split_once("&authCode=").expect("a code");
    assert_eq!(code, auth_code(timestamp, &body, TOKEN), "the signature");
    let message = serde_json::from_slice(&body).expect("JSON");
    // The test may be over.
    let _ = took.send(message);
}

/// A receiver on loopback: its URL, and what it took.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Value>) {
    let (took, taken) = mpsc::unbounded_channel();
    let routes = Router::new().route("/events", post(take)).with_state(took);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://127.0.0.1:{port}/events"), taken)
}

/// The body that a link leads to.
fn fetch(link: &str) -> Vec<u8> {
    let rest = link.strip_prefix("http://").expect("a link to the server");
    let (address, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address).expect("it answers");
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("read");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(
        head.to_lowercase().contains("content-type: audio/wav"),
        "{head}"
    );
    answer[end + 4..].to_vec()
}

/// How long each of the tones is in what a link leads to.
fn tones(link: &Value) -> [Duration; 2] {
    let sound = fetch(link.as_str().expect("a link"));
    let clip = Clip::read(&sound, ClipLimits::default()).expect("it is sound");
    [A_HZ, B_HZ].map(|hz| {
        let pieces = clip.samples().chunks_exact(400);
        // In the mixed file each has at most half.
        let loud = pieces.filter(|piece| tone_share(piece, hz) > 0.3).count();
        Duration::from_millis(loud as u64 * 50)
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorded_call_is_told_of_and_its_links_play_what_was_said() {
    let (url, mut taken) = receiver().await;
    let house = House::with(&[
        ("VOICE__RECORDING_NOTICE", "false"),
        ("CALLBACKS__HTTP_HOSTS", "127.0.0.1"),
        ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
        ("CALLBACKS__POLL_MS", "20"),
    ])
    .await;
    let callback = json!({
        "Url": url, "AuthToken": TOKEN,
        "EventKinds": ["call_record", "recording", "recording_failed"],
    });
    house.server.call("SetCallback", callback);
    let sub_id = house.bind(json!({"AudioRecordFlag": 1, "UserData": "ride 17"}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    until_heard(&out, B_HZ).await;
    until_heard(&incoming, A_HZ).await;
    out.hang_up().await;
    report(out).await;
    report(incoming).await;

    let (mut record, mut recording) = (Value::Null, Value::Null);
    while record.is_null() || recording.is_null() {
        let message = tokio::time::timeout(PATIENCE, taken.recv()).await;
        let message = message.expect("it comes in time").expect("a message");
        match message["messageType"].as_i64() {
            Some(2) => record = message,
            Some(3) => recording = message,
            _ => panic!("not asked for: {message}"),
        }
    }
    assert_eq!(record["subscriptionId"], sub_id);
    assert_eq!(record["audioRecordFlag"], 1);
    assert_eq!(recording["callId"], record["callId"]);
    assert_eq!(recording["userData"], "ride 17");
    assert_eq!(recording["audioRecordModel"], 1);
    let heard = Duration::from_millis(250);
    let [a_left, b_left] = tones(&recording["audioRecordLeftUrl"]);
    let [a_right, b_right] = tones(&recording["audioRecordRightUrl"]);
    let [a_mixed, b_mixed] = tones(&recording["audioRecordUrl"]);
    assert!(
        a_left >= heard && b_right >= heard,
        "{a_left:?} {b_right:?}"
    );
    assert_eq!((b_left, a_right), (Duration::ZERO, Duration::ZERO));
    assert!(
        a_mixed >= heard && b_mixed >= heard,
        "{a_mixed:?} {b_mixed:?}"
    );
    house.assert_no_leaks();
}

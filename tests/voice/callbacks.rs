//! What receivers are told of real calls: the numbers that the account bound, each in a field of its
//! own, and nothing of the carriers.

use axbridge_tests::leaks::{assert_no_leak, leaks};
use axbridge_voice::phone::{Script, Stage};
use axum::{Router, body::Bytes, extract::State, routing::post};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};

use crate::house::{A, A_HZ, B, House, PATIENCE, STRANGER, X, report, rings, texts};

/// The call's record, the last that is told of it.
const RECORD: i64 = 2;

async fn take(State(took): State<mpsc::UnboundedSender<Bytes>>, body: Bytes) {
    // The test may be over.
    let _ = took.send(body);
}

/// A receiver on loopback: its URL, and what it took.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Bytes>) {
    let (took, taken) = mpsc::unbounded_channel();
    let routes = Router::new().route("/told", post(take)).with_state(took);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}/told"), taken)
}

/// A number stands alone in its field, never inside of a text.
fn numbers_stand_alone(value: &Value) {
    match value {
        Value::Object(fields) => fields.values().for_each(numbers_stand_alone),
        Value::Array(items) => items.iter().for_each(numbers_stand_alone),
        Value::String(text) if [A, B, STRANGER].contains(&&**text) => {}
        other => {
            let found = leaks(other.to_string().as_bytes(), &[A, B, STRANGER]);
            assert!(found.is_empty(), "{other}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_are_told_numbers_in_their_fields_and_nothing_of_carriers() {
    let (url, mut taken) = receiver().await;
    let house = House::with(&[
        ("CALLBACKS__HTTP_HOSTS", "127.0.0.1"),
        ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
        ("CALLBACKS__POLL_MS", "20"),
    ])
    .await;
    let callback = json!({
        "Url": url, "AuthToken": "8D202AC288", "EventKinds": ["call_status", "call_record"],
    });
    house.server.call("SetCallback", callback);
    house.bind(json!({}));
    let mut out = house.a_calls(Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    out.hang_up().await;
    report(out).await;
    report(incoming).await;
    let sip = house.server.sip();
    report(house.a.call(sip, STRANGER, X, Script::default()).await).await;

    let mut bodies: Vec<Bytes> = Vec::new();
    let mut records = 0;
    while records < 2 {
        let body = tokio::time::timeout(PATIENCE, taken.recv()).await;
        let body = body
            .expect("it is told in time")
            .expect("the receiver lives");
        let message: Value = serde_json::from_slice(&body).expect("JSON");
        numbers_stand_alone(&message);
        records += usize::from(message["messageType"] == RECORD);
        bodies.push(body);
    }
    // Started, ringing, answered and ended of the one, started and ended of the other.
    assert!(bodies.len() >= 8, "{bodies:#?}");
    let told = bodies.concat();
    assert!(
        !leaks(&told, &[A, B]).is_empty(),
        "the search finds what is there"
    );
    for phone in [&house.a, &house.b] {
        let own = house.own_of(phone);
        assert_no_leak(&told, &texts(&own), "a callback");
    }
}

//! Callbacks and events: the operator's actions, what they answer and what they refuse.

use axbridge_app::callbacks::{CallbackSettings, signature::auth_code};
use axbridge_domain::delivery::EventKind;
use axum::{Router, http::StatusCode, routing::post};
use serde_json::{Value, json};

use crate::harness::{A, B, C, Setup, TestApp, text};

const X: &str = "17000000010";
const OTHER_X: &str = "17000000011";
const URL: &str = "https://shop.example.com/events?shop=7";
const TOKEN: &str = "8D202AC288";
/// As the application has it (`callbacks::RECEIVERS_MAX`).
const CALLBACKS_MAX: u64 = 20;

/// An application that may send plain HTTP to loopback.
async fn on_loopback() -> TestApp {
    let callbacks = CallbackSettings {
        http_hosts: vec!["127.0.0.1".to_owned()],
        allowed_ranges: vec!["127.0.0.0/8".parse().expect("a range")],
        ..CallbackSettings::default()
    };
    TestApp::start_with(Setup {
        callbacks,
        ..Setup::default()
    })
    .await
}

async fn set(test: &TestApp, parameters: Value) -> Value {
    test.operator.ok("SetCallback", parameters).await
}

async fn listed(test: &TestApp, filter: Value) -> Value {
    test.operator.ok("ListCallbacks", filter).await
}

#[tokio::test]
async fn a_callback_is_made_listed_changed_paused_and_deleted() {
    let test = TestApp::start().await;
    let stranger = test.other_account().await;
    let made = set(&test, json!({"Url": URL})).await;
    let id = text(&made["CallbackId"]);
    assert!(id.starts_with("CB") && id.len() == 18, "{id}");
    assert_eq!(text(&made["AuthToken"]).len(), 20, "made at random");
    let all: Vec<&str> = EventKind::ALL.map(EventKind::name).to_vec();
    assert_eq!(made["EventKinds"], json!(all));
    assert_eq!(made["AccountId"], test.operator.account.to_string());
    assert_eq!(
        (&made["Paused"], &made["PinnedCa"]),
        (&json!(false), &json!(false))
    );

    test.move_clock_s(1);
    let other = json!({
        "Url": "https://other.example.com/", "AccountId": stranger.account.to_string(),
        "EventKinds": ["Call_Record", "risk"], "AuthToken": TOKEN,
    });
    let other = set(&test, other).await;
    assert_eq!(other["AuthToken"], TOKEN);
    assert_eq!(other["EventKinds"], json!(["call_record", "risk"]));

    let found = listed(&test, json!({})).await;
    assert_eq!((&found["Total"], &found["Records"][0]), (&json!(2), &made));
    let of_one = json!({"AccountId": stranger.account.to_string()});
    assert_eq!(listed(&test, of_one).await["Records"], json!([other]));
    let second = listed(&test, json!({"Limit": 1, "Offset": 1})).await;
    assert_eq!(second["Records"], json!([other]));

    let change = json!({
        "CallbackId": id, "Paused": true, "EventKinds": "binding",
        "Url": "https://shop.example.com/new",
    });
    let changed = set(&test, change).await;
    assert_eq!(changed["Url"], "https://shop.example.com/new");
    assert_eq!(
        (&changed["Paused"], &changed["EventKinds"]),
        (&json!(true), &json!(["binding"]))
    );
    assert_eq!(
        changed["AuthToken"], made["AuthToken"],
        "what is left out stays"
    );

    let named = json!({"CallbackId": id});
    assert_eq!(
        test.operator.ok("DeleteCallback", named.clone()).await["Success"],
        true
    );
    assert_eq!(listed(&test, json!({})).await["Records"], json!([other]));
    for action in ["DeleteCallback", "TestCallback", "SetCallback"] {
        let answer = test.operator.call(action, named.clone()).await;
        answer.expect_invalid("CallbackId");
        assert!(
            answer.message().contains("ListCallbacks"),
            "{}",
            answer.message()
        );
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_callback_is_named_and_changes_nothing() {
    let test = TestApp::start().await;
    let made = set(&test, json!({"Url": URL, "AuthToken": TOKEN})).await;
    let long = format!("https://a.example/{}", "x".repeat(1024));
    for (field, value, says) in [
        (
            "Url",
            json!("http://shop.example.com/"),
            "callbacks.http_hosts",
        ),
        (
            "Url",
            json!("https://10.0.0.8/"),
            "callbacks.allowed_ranges",
        ),
        (
            "Url",
            json!("https://me:secret@shop.example.com/"),
            "authCode",
        ),
        ("Url", json!("shop.example.com"), "https://host/path"),
        ("Url", json!(long), "1024"),
        (
            "EventKinds",
            json!(["call_status", "weather"]),
            "recording_failed",
        ),
        ("AuthToken", json!("short"), "10 to 20"),
        ("AuthToken", json!("with a blank in"), "blanks"),
        ("CaCertificates", json!("not PEM"), ""),
        (
            "CaCertificates",
            json!("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"),
            "",
        ),
        ("Paused", json!("perhaps"), ""),
    ] {
        for id in [json!(null), made["CallbackId"].clone()] {
            let mut wish = json!({"Url": URL, "CallbackId": id});
            wish[field] = value.clone();
            let answer = test.operator.call("SetCallback", wish).await;
            answer.expect_invalid(field);
            assert!(answer.message().contains(says), "{}", answer.message());
            assert!(
                !answer.message().contains("secret@"),
                "{}",
                answer.message()
            );
        }
    }
    let answer = test
        .operator
        .call("SetCallback", json!({"Paused": true}))
        .await;
    answer.expect_missing("Url");
    let moved = json!({"CallbackId": made["CallbackId"], "AccountId": made["AccountId"]});
    let answer = test.operator.call("SetCallback", moved).await;
    answer.expect_invalid("AccountId");
    let nowhere = json!({"Url": URL, "AccountId": "2100009999"});
    let answer = test.operator.call("SetCallback", nowhere).await;
    answer.expect_invalid("AccountId");
    for id in ["CB1", "CBxyz", "CB00000000000000001"] {
        let answer = test
            .operator
            .call("TestCallback", json!({"CallbackId": id}))
            .await;
        answer.expect_invalid("CallbackId");
    }
    assert_eq!(listed(&test, json!({})).await["Records"], json!([made]));
}

#[tokio::test]
async fn an_account_has_so_many_callbacks_and_no_more() {
    let test = TestApp::start().await;
    for number in 0..CALLBACKS_MAX {
        set(
            &test,
            json!({"Url": format!("https://shop{number}.example.com/")}),
        )
        .await;
    }
    let answer = test.operator.call("SetCallback", json!({"Url": URL})).await;
    answer.expect_error("QuotaExceeded", "Callback has exceeded the quota");
    let stranger = test.other_account().await;
    set(
        &test,
        json!({"Url": URL, "AccountId": stranger.account.to_string()}),
    )
    .await;
}

/// A receiver on loopback that answers with this status; its URL.
async fn answering(status: StatusCode) -> String {
    let answer = move |body: String| async move { (status, format!("took {}", body.len())) };
    let routes = Router::new().route("/events", post(answer));
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let socket = socket.expect("a port");
    let address = socket.local_addr().expect("its address");
    tokio::spawn(async move { axum::serve(socket, routes).await });
    format!("http://{address}/events")
}

#[tokio::test]
async fn a_test_shows_the_signed_request_and_what_came_back() {
    let test = on_loopback().await;
    let url = answering(StatusCode::ACCEPTED).await;
    let made = set(
        &test,
        json!({"Url": url, "AuthToken": TOKEN, "Paused": true}),
    )
    .await;
    for kind in EventKind::ALL {
        let asked = json!({"CallbackId": made["CallbackId"], "EventKind": kind.name()});
        let shown = test.operator.ok("TestCallback", asked).await;
        assert_eq!(
            (&shown["Delivered"], &shown["Status"]),
            (&json!(true), &json!(202))
        );
        let body = text(&shown["RequestBody"]);
        assert_eq!(shown["AnswerBody"], format!("took {}", body.len()));
        assert!(text(&shown["EventIdHeader"]).starts_with("x-axbridge-event-id: test-"));
        let request = text(&shown["RequestUrl"]);
        let signature = request
            .strip_prefix(&format!("{url}?timestamp="))
            .expect("its URL");
        let (timestamp, code) = signature.split_once("&authCode=").expect("a code");
        assert_eq!(code, auth_code(timestamp, body.as_bytes(), TOKEN));
    }
    let none = json!({"CallbackId": made["CallbackId"], "EventKind": "weather"});
    let answer = test.operator.call("TestCallback", none).await;
    answer.expect_invalid("EventKind");
}

#[tokio::test]
async fn a_test_that_fails_says_what_came_or_why_nothing_did() {
    let test = on_loopback().await;
    let busy = answering(StatusCode::SERVICE_UNAVAILABLE).await;
    let made = set(&test, json!({"Url": busy})).await;
    let named = json!({"CallbackId": made["CallbackId"]});
    let shown = test.operator.ok("TestCallback", named.clone()).await;
    assert_eq!(
        (&shown["Delivered"], &shown["Status"]),
        (&json!(false), &json!(503))
    );
    assert!(text(&shown["AnswerBody"]).starts_with("took "));
    assert_eq!(shown.get("Problem"), None);

    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let address = socket.expect("a port").local_addr().expect("its address");
    let mut moved = named.clone();
    moved["Url"] = json!(format!("http://{address}/"));
    set(&test, moved).await;
    let shown = test.operator.ok("TestCallback", named).await;
    assert_eq!(shown["Delivered"], false);
    assert_eq!(shown.get("Status"), None);
    assert!(!text(&shown["Problem"]).is_empty());
}

/// Lets everything that happened become deliveries.
async fn pass_all(test: &TestApp) {
    while test.app.store().fan_out(100).await.expect("works").events > 0 {}
}

#[tokio::test]
async fn events_are_listed_by_time_state_and_page() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let made = set(&test, json!({"Url": URL, "EventKinds": ["binding"]})).await;
    let begun = test.in_s(0);
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    test.move_clock_s(60);
    let named = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", named).await;
    pass_all(&test).await;
    let events = async |filter: Value| test.operator.ok("ListEvents", filter).await;

    let all = events(json!({"From": begun})).await;
    assert_eq!(all["HasMore"], false);
    let records = all["Records"].as_array().expect("a list");
    let [newer, older] = &records[..] else {
        panic!("{all}");
    };
    assert_eq!(
        (&newer["Topic"], &older["Topic"]),
        (&json!("binding.unbound"), &json!("binding.bound"))
    );
    assert_eq!(older["Subject"], bound["SubId"]);
    assert_eq!(
        (&older["EventTime"], &newer["EventTime"]),
        (&json!(begun), &json!(begun + 60))
    );
    assert_eq!(older["Deliveries"][0]["CallbackId"], made["CallbackId"]);
    let states = [older, newer].map(|event| text(&event["Deliveries"][0]["State"]));
    assert_eq!(states, ["due", "waiting"]);

    for (filter, expected) in [
        (json!({"From": begun, "To": begun + 60}), vec![older]),
        (json!({"From": begun + 1}), vec![newer]),
        (json!({"State": "waiting"}), vec![newer]),
        (json!({"State": "parked"}), vec![]),
        (
            json!({"From": begun, "BeforeEventId": newer["EventId"]}),
            vec![older],
        ),
        (json!({"From": begun + 61}), vec![]),
        (json!({"AccountId": "2100009999"}), vec![]),
    ] {
        assert_eq!(
            events(filter.clone()).await["Records"],
            json!(expected),
            "{filter}"
        );
    }
    let page = events(json!({"Limit": 1})).await;
    assert_eq!(
        (&page["HasMore"], &page["Records"]),
        (&json!(true), &json!([newer]))
    );
    for (field, value) in [
        ("State", json!("lost")),
        ("From", json!("yesterday")),
        ("BeforeEventId", json!(-1.5)),
        ("Limit", json!(501)),
    ] {
        let mut filter = json!({});
        filter[field] = value;
        let answer = test.operator.call("ListEvents", filter).await;
        answer.expect_invalid(field);
    }
}

#[tokio::test]
async fn past_events_are_replayed_to_whom_they_are_asked_for() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let stranger = test.other_account().await;
    let pool = test.pool(&[(X, "010"), (OTHER_X, "010")]).await;
    let begun = test.in_s(0);
    for b in [B, C] {
        let bound = test.bind(&client, &pool, A, Some(b)).await;
        let named = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
        client.ok("UnbindAXB", named).await;
        test.move_clock_s(60);
    }
    pass_all(&test).await;
    // Both are younger than what happened.
    let wants = json!({"Url": URL, "EventKinds": ["binding"]});
    let wants = set(&test, wants).await["CallbackId"].clone();
    let other = json!({"Url": URL, "EventKinds": ["risk"]});
    let other = set(&test, other).await["CallbackId"].clone();
    let mut foreign = json!({"Url": URL, "AccountId": stranger.account.to_string()});
    foreign = set(&test, foreign).await["CallbackId"].clone();
    let replay = async |from: i64, to: i64, more: Value| {
        let mut asked = json!({"From": from, "To": to});
        for (name, value) in more.as_object().expect("an object") {
            asked[name] = value.clone();
        }
        test.operator.call("ReplayEvents", asked).await
    };
    let whole = (begun, begun + 3600);
    for (from, to, more, deliveries) in [
        (begun, begun + 60, json!({}), 2),
        (whole.0, whole.1, json!({"CallbackId": other}), 0),
        (whole.0, whole.1, json!({"CallbackId": foreign}), 0),
        (whole.0, whole.1, json!({"EventKind": "call_record"}), 0),
        // Those of the first minute are under way already.
        (
            whole.0,
            whole.1,
            json!({"CallbackId": wants, "EventKind": "binding"}),
            2,
        ),
        (whole.0, whole.1, json!({}), 0),
    ] {
        let made = replay(from, to, more.clone()).await;
        assert_eq!(made.result()["Deliveries"], deliveries, "{more}");
    }
    replay(begun, begun, json!({})).await.expect_invalid("To");
    let account = test.operator.account.to_string();
    let mixed = json!({"CallbackId": foreign, "AccountId": account});
    replay(whole.0, whole.1, mixed)
        .await
        .expect_invalid("CallbackId");
    let unknown = json!({"CallbackId": "CB0000000000000007"});
    replay(whole.0, whole.1, unknown)
        .await
        .expect_invalid("CallbackId");
    replay(whole.0, whole.1, json!({"EventKind": "weather"}))
        .await
        .expect_invalid("EventKind");
    let answer = test
        .operator
        .call("ReplayEvents", json!({"To": begun}))
        .await;
    answer.expect_missing("From");
}

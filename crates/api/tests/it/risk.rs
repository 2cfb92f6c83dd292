//! Risk control: blacklists that forbid binds and calls, windows that bound calls.

use axbridge_app::calls::{Admission, Announcement, Arrival};
use axbridge_domain::{call::CallResult, phone::PhoneNumber};
use serde_json::{Value, json};

use crate::harness::{A, Answer, B, C, Client, D, TestApp, text};

const X: &str = "17000000010";
const OTHER_X: &str = "17000000011";
const DAY_S: i64 = 24 * 3600;

fn entry(number: &str, kind: i64) -> Value {
    json!({
        "CustomerNumber": number,
        "ServiceType": 200,
        "SubServiceType": 201,
        "Type": kind,
        "FreezeTime": 12,
        "Remark": "complaints",
    })
}

async fn freeze(client: &Client, number: &str, kind: i64) {
    let answer = client.ok("AddBlackList", entry(number, kind)).await;
    assert_eq!(answer, "success");
}

async fn thaw(client: &Client, number: &str, kind: i64) {
    let answer = client.ok("DeleteBlackList", entry(number, kind)).await;
    assert_eq!(answer, "success");
}

/// Binds A and B while one of them is on the blacklist.
pub(crate) async fn bind_frozen(kind: i64, number: &str) -> Answer {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    freeze(&client, number, kind).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    client.call("SelectNumberAndBindAXB", wish).await
}

/// How a call comes out: `None` when it is made.
async fn call(test: &TestApp, x: &str, caller: &str) -> Option<(CallResult, Announcement)> {
    let number = |text| PhoneNumber::parse(text).expect("a number");
    let arrival = Arrival {
        x: number(x),
        caller: Some(number(caller)),
        extension: None,
        trunk: "t1".to_owned(),
    };
    match test.app.admit_call(&arrival).await.expect("it is judged") {
        Admission::Connect(_) => None,
        Admission::Refuse {
            call,
            result,
            announcement,
        } => {
            assert!(call.is_some(), "it is written down");
            Some((result, announcement))
        }
        Admission::AskExtension { .. } => panic!("X has no extensions"),
    }
}

#[tokio::test]
async fn a_frozen_a_or_b_is_not_bound_until_it_is_taken_off_the_list() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010"), (OTHER_X, "010")]).await;
    let mut both = test.wish(&pool, A);
    both["PhoneNoB"] = B.into();
    for (kind, frozen, code) in [(5, A, "PhoneNoARiskFrozen"), (6, B, "PhoneNoBRiskFrozen")] {
        freeze(&client, frozen, kind).await;
        let answer = client.call("SelectNumberAndBindAXB", both.clone()).await;
        answer.expect_error(code, "blacklist");
        assert!(!answer.message().contains(frozen));
        let mut dry = both.clone();
        dry["DryRun"] = true.into();
        let answer = client.call("SelectNumberAndBindAXB", dry).await;
        answer.expect_error(code, "blacklist");
        thaw(&client, frozen, kind).await;
    }
    // In the other role it is free.
    freeze(&client, A, 6).await;
    freeze(&client, B, 5).await;
    test.bind(&client, &pool, A, Some(B)).await;
}

#[tokio::test]
async fn a_retry_is_answered_as_before_though_its_party_was_frozen_since() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010"), (OTHER_X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "once".into();
    let first = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    freeze(&client, A, 5).await;
    let again = client.ok("SelectNumberAndBindAXB", wish.clone()).await;
    assert_eq!(again, first);
    wish["ClientToken"] = "twice".into();
    let answer = client.call("SelectNumberAndBindAXB", wish).await;
    answer.expect_error("PhoneNoARiskFrozen", "");

    // The same of an upgrade.
    let mut upgrade = json!({
        "NumberPoolNo": pool, "SubId": first["SubId"], "PhoneNoB": B, "IdempotentId": "up",
    });
    let upgraded = client.ok("UpgradeAXToAXB", upgrade.clone()).await;
    freeze(&client, B, 6).await;
    let again = client.ok("UpgradeAXToAXB", upgrade.clone()).await;
    assert_eq!(again["SubId"], upgraded["SubId"]);
    thaw(&client, A, 5).await;
    let ax = test.bind(&client, &pool, A, None).await;
    upgrade["SubId"] = ax["SubId"].clone();
    upgrade["IdempotentId"] = "another".into();
    let answer = client.call("UpgradeAXToAXB", upgrade).await;
    answer.expect_error("PhoneNoBRiskFrozen", "");
}

#[tokio::test]
async fn a_binding_is_not_changed_to_a_frozen_number() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    freeze(&client, C, 5).await;
    freeze(&client, D, 6).await;
    let change = |update: &str, field: &str, number: &str| {
        let mut change = json!({
            "NumberPoolNo": pool, "SubId": bound["SubId"], "UpdateType": update,
        });
        change[field] = number.into();
        change
    };
    let answer = client.call("UpdateAXB", change("updatePhoneNoA", "PhoneNoA", C));
    answer.await.expect_error("PhoneNoARiskFrozen", "");
    let answer = client.call("UpdateAXB", change("updatePhoneNoB", "PhoneNoB", D));
    answer.await.expect_error("PhoneNoBRiskFrozen", "");
    client
        .ok("UpdateAXB", change("updatePhoneNoA", "PhoneNoA", D))
        .await;
}

#[tokio::test]
async fn entries_forbid_calls_in_the_direction_that_they_name() {
    use CallResult as R;
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    assert_eq!(call(&test, X, A).await, None);
    // (Type, whom, what A's call to B ends with, what B's call to A ends with)
    let table = [
        (7, B, Some(R::AToBCalleeRestricted), None),
        (8, A, Some(R::AToBCallerRestricted), None),
        (9, B, None, Some(R::BToACallerRestricted)),
        (10, A, None, Some(R::BToACalleeRestricted)),
        (1, B, Some(R::CalleeBlacklisted), None),
        (1, A, None, Some(R::CalleeBlacklisted)),
        (5, A, None, None),
    ];
    for (kind, number, a_calls, b_calls) in table {
        freeze(&client, number, kind).await;
        let forbidden = |result: Option<R>| result.map(|it| (it, Announcement::NotPermitted));
        assert_eq!(call(&test, X, A).await, forbidden(a_calls), "Type {kind}");
        assert_eq!(call(&test, X, B).await, forbidden(b_calls), "Type {kind}");
        thaw(&client, number, kind).await;
    }
    assert_eq!(call(&test, X, B).await, None);
}

#[tokio::test]
async fn calls_come_as_often_as_the_windows_of_the_account_allow() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, None).await;
    let account = client.account.to_string();
    let set = json!({"AccountId": account, "Windows": ["5/3", "caller:10/2"]});
    let answer = test.operator.ok("SetFrequencyLimits", set.clone()).await;
    let windows = json!(["callee:5/3", "caller:10/2"]);
    assert_eq!(answer["Windows"], windows);
    let shown = json!({"AccountId": account});
    let shown = test.operator.ok("ListFrequencyLimits", shown).await;
    assert_eq!(shown["Windows"], windows);

    let too_often = Some((CallResult::TooFrequent, Announcement::TryLater));
    assert_eq!(call(&test, X, B).await, None);
    assert_eq!(call(&test, X, B).await, None);
    assert_eq!(
        call(&test, X, B).await,
        too_often,
        "B's third in 10 minutes"
    );
    assert_eq!(call(&test, X, C).await, None);
    assert_eq!(
        call(&test, X, D).await,
        too_often,
        "A's fourth in 5 minutes"
    );
    let ask = json!({
        "CustomerNumberList": [A, B, C], "BusinessLineId": account, "CallType": 1,
    });
    let answer = client.ok("QueryCanCall", ask).await;
    let statuses: Vec<&Value> = answer
        .as_array()
        .expect("an array")
        .iter()
        .map(|it| &it["status"])
        .collect();
    assert_eq!(statuses, [-1, 0, 0]);
    assert_eq!(answer[0]["reason"], "got 3 calls in 5 minutes");
    assert_eq!(answer[0]["expiryTime"], "2025-06-03 19:26:42");
    test.move_clock_s(5 * 60);
    assert_eq!(call(&test, X, D).await, None);
    assert_eq!(call(&test, X, B).await, too_often);
    test.move_clock_s(5 * 60);
    assert_eq!(call(&test, X, B).await, None);

    for odd in ["5", "0/3", "both:5/3"] {
        let answer = json!({"AccountId": account, "Windows": [odd]});
        let answer = test.operator.call("SetFrequencyLimits", answer).await;
        answer.expect_invalid("Windows");
    }
    for action in ["SetFrequencyLimits", "ListFrequencyLimits"] {
        let nobodys = json!({"AccountId": "2999999999"});
        let answer = test.operator.call(action, nobodys).await;
        answer.expect_invalid("AccountId");
    }
}

#[tokio::test]
async fn numbers_are_bound_as_often_as_the_windows_of_the_account_allow() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..30).map(|it| format!("170000000{it}")).collect();
    let imported: Vec<(&str, &str)> = numbers.iter().map(|it| (it.as_str(), "010")).collect();
    let pool = test.pool(&imported).await;
    let set = json!({
        "AccountId": client.account.to_string(),
        "Windows": ["bound_as_a:60/3", "bound_as_b:10/2"],
    });
    test.operator.ok("SetFrequencyLimits", set).await;
    let bind = async |a: &str, b: &str, more: Value| {
        let mut wish = test.wish(&pool, a);
        wish["PhoneNoB"] = b.into();
        for (name, value) in more.as_object().expect("an object") {
            wish[name] = value.clone();
        }
        client.call("SelectNumberAndBindAXB", wish).await
    };
    let once = json!({"ClientToken": "once"});
    let first = bind(A, B, once.clone()).await.into_result();
    // A retry is no further bind, nor is one that is only tried.
    assert_eq!(bind(A, B, once.clone()).await.into_result(), first);
    bind(A, B, json!({"DryRun": true}))
        .await
        .expect_error("DryRunOperation", "");
    let second = bind(A, B, json!({})).await.into_result();
    let refused = bind(A, B, json!({})).await;
    let says = "bound as B 2 times in 10 minutes";
    refused.expect_error("PhoneNoBRiskFrozen", says);
    assert!(
        refused.message().contains("2025-06-03 19:31:42"),
        "{}",
        refused.message()
    );
    assert!(!refused.message().contains(B));
    assert_eq!(bind(A, B, once).await.into_result(), first);

    let bound = bind(A, C, json!({})).await.into_result();
    let refused = bind(A, C, json!({})).await;
    refused.expect_error("PhoneNoARiskFrozen", "bound as A 3 times in 60 minutes");
    let change = |to: &str, field: &str, number: &str| {
        let mut change = json!({
            "NumberPoolNo": pool, "SubId": bound["SubId"], "UpdateType": to,
        });
        change[field] = number.into();
        change
    };
    let to_b = client.call("UpdateAXB", change("updatePhoneNoB", "PhoneNoB", B));
    to_b.await.expect_error("PhoneNoBRiskFrozen", says);
    client
        .ok("UpdateAXB", change("updatePhoneNoB", "PhoneNoB", D))
        .await;
    // On a number where nobody of these is, so that B could join.
    let taken = [&first["PhoneNoX"], &second["PhoneNoX"], &bound["PhoneNoX"]];
    let free = numbers.iter().find(|x| !taken.contains(&&json!(x)));
    let mut wish = test.wish(&pool, C);
    wish["PhoneNoX"] = json!(free);
    let ax = client.ok("BindAXB", wish).await;
    let upgrade = |b: &str| json!({"NumberPoolNo": pool, "SubId": ax["SubId"], "PhoneNoB": b});
    let to_b = client.call("UpgradeAXToAXB", upgrade(B)).await;
    to_b.expect_error("PhoneNoBRiskFrozen", says);
    test.move_clock_s(10 * 60);
    client.ok("UpgradeAXToAXB", upgrade(B)).await;
    // Calls are not counted by these.
    for _ in 0..5 {
        assert_eq!(call(&test, &text(&first["PhoneNoX"]), A).await, None);
    }
}

#[tokio::test]
async fn query_can_call_says_who_is_frozen_why_and_until_when() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let account = client.account.to_string();
    freeze(&client, A, 1).await;
    freeze(&client, B, 9).await;
    let ask = |kind: i64| json!({"CustomerNumberList": [A, B], "BusinessLineId": account, "CallType": kind});
    let answer = client.ok("QueryCanCall", ask(1)).await;
    let frozen = json!({
        "customerNumber": A, "businessLineId": account, "status": -1, "reason": "complaints",
        "startTime": "2025-06-03 19:21:42", "expiryTime": "2025-07-03 19:21:42", "highRisk": 0,
        "treatmentId": "12", "treatmentName": "30 days",
    });
    let normal = json!({
        "customerNumber": B, "businessLineId": account, "status": 0, "reason": "",
        "startTime": "", "expiryTime": "", "highRisk": 0, "treatmentId": "", "treatmentName": "",
    });
    assert_eq!(answer, json!([frozen, normal]));
    let answer = client.ok("QueryCanCall", ask(2)).await;
    assert_eq!(
        (&answer[0]["status"], &answer[1]["status"]),
        (&json!(0), &json!(-1))
    );
    let answer = client.ok("QueryCanCall", ask(3)).await;
    assert_eq!(
        (&answer[0]["status"], &answer[1]["status"]),
        (&json!(0), &json!(0))
    );
    test.move_clock_s(30 * DAY_S);
    let answer = client.ok("QueryCanCall", ask(1)).await;
    assert_eq!(answer[0]["status"], 0, "its time is over");
    let stranger = test.other_account().await;
    let answer = stranger.call("QueryCanCall", ask(1)).await;
    answer.expect_error("OperationDenied", "another account");
}

#[tokio::test]
async fn a_list_is_of_its_account_alone() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let stranger = test.other_account().await;
    freeze(&client, A, 5).await;
    let pool = test.pool_of(stranger.account, &[(X, "010")]).await;
    test.bind(&stranger, &pool, A, None).await;
    let answer = stranger.call("DeleteBlackList", entry(A, 5)).await;
    answer.expect_invalid("CustomerNumber");
    let list = |account: String| json!({"AccountId": account});
    let own = list(client.account.to_string());
    let own = test.operator.ok("ListBlackList", own).await;
    assert_eq!(own["Total"], 1);
    assert_eq!(own["Records"][0]["CustomerNumber"], A);
    assert_eq!(own["Records"][0]["TypeName"], "bound_as_a");
    assert!(text(&own["Records"][0]["Id"]).starts_with("RF"));
    let none = list(stranger.account.to_string());
    assert_eq!(test.operator.ok("ListBlackList", none).await["Total"], 0);
}

#[tokio::test]
async fn bad_entries_are_refused_and_change_nothing() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let with = |field: &str, value: Value| {
        let mut entry = entry(A, 5);
        entry[field] = value;
        entry
    };
    for (field, value) in [
        ("Type", json!(2)),
        ("Type", json!(11)),
        ("FreezeTime", json!(16)),
        ("CustomerNumber", json!("12345")),
        ("Remark", json!("x".repeat(257))),
    ] {
        let answer = client.call("AddBlackList", with(field, value)).await;
        answer.expect_invalid(field);
    }
    let answer = client
        .call("AddBlackList", with("Remark", Value::Null))
        .await;
    answer.expect_error("MissingParameter", "Remark");
    let all = json!({"StandingOnly": false});
    assert_eq!(test.operator.ok("ListBlackList", all).await["Total"], 0);
}

#[tokio::test]
async fn entries_that_expire_are_announced_by_the_sweep() {
    let test = TestApp::start().await;
    let client = test.application().await;
    freeze(&client, A, 5).await;
    test.move_clock_s(30 * DAY_S);
    test.app.sweep().await.expect("a sweep");
    let events = test.app.store().events(0, 9).await.expect("events");
    let topics: Vec<&str> = events.iter().map(|event| event.topic.name()).collect();
    assert_eq!(topics, ["risk.frozen", "risk.unfrozen"]);
    assert_eq!(events[0].subject, events[1].subject);
}

//! What calls leave, as their account reads it. A script stands in for the voice plane: it says
//! what happens, in the words that the voice plane uses.

use axbridge_app::calls::{Admission, Announcement, Arrival, CallEnd, CallPlan, Verification};
use axbridge_domain::{
    call::{CallId, CallResult, ReleasedBy},
    phone::PhoneNumber,
};
use serde_json::{Value, json};

use crate::harness::{A, B, C, TestApp, text};

const X: &str = "17000000010";

fn arrival(x: &str, caller: Option<&str>) -> Arrival {
    let number = |text| PhoneNumber::parse(text).expect("a number");
    Arrival {
        x: number(x),
        caller: caller.map(number),
        extension: None,
        trunk: "carrier".to_owned(),
    }
}

fn ended(result: CallResult, released_by: ReleasedBy) -> CallEnd {
    CallEnd {
        result,
        released_by,
        verification: None,
    }
}

impl TestApp {
    async fn arrives(&self, x: &str, caller: &str) -> Admission {
        let admitted = self.app.admit_call(&arrival(x, Some(caller))).await;
        admitted.expect("the store works")
    }

    async fn connects(&self, x: &str, caller: &str) -> Box<CallPlan> {
        match self.arrives(x, caller).await {
            Admission::Connect(plan) => plan,
            other => panic!("not connected: {other:?}"),
        }
    }

    /// A call that is refused, and that has been told so.
    async fn is_refused(&self, x: &str, caller: &str) -> (CallId, CallResult, Announcement) {
        let Admission::Refuse {
            call: Some(call),
            result,
            announcement,
        } = self.arrives(x, caller).await
        else {
            panic!("not refused");
        };
        self.ends(call, ended(result, ReleasedBy::Platform)).await;
        (call, result, announcement)
    }

    async fn rings(&self, call: CallId) {
        self.app.call_ringing(call).await.expect("the store works");
    }

    async fn answers(&self, call: CallId) {
        self.app.call_answered(call).await.expect("the store works");
    }

    async fn ends(&self, call: CallId, end: CallEnd) {
        let done = self.app.call_ended(call, end).await;
        done.expect("the store works");
    }

    fn now_ms(&self) -> i64 {
        self.clock.now().unix_ms()
    }
}

/// A call of four moments: begun, ringing after 1 s, answered after 5 s, over after 65.5 s.
async fn talk(test: &TestApp, x: &str, caller: &str) -> (CallId, i64) {
    let begun = test.now_ms();
    let call = test.connects(x, caller).await.call;
    test.move_clock_s(1);
    test.rings(call).await;
    test.move_clock_s(4);
    test.answers(call).await;
    test.clock.move_by_ms(60_500);
    let end = ended(CallResult::Connected, ReleasedBy::Callee);
    test.ends(call, end).await;
    (call, begun)
}

#[tokio::test]
async fn a_call_that_was_answered_is_in_the_record_with_all_its_moments() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = B.into();
    wish["UserData"] = "order 7".into();
    wish["OutId"] = "o-7".into();
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    let (call, begun) = talk(&test, X, B).await;
    // A record does not change with its binding.
    let change = json!({"NumberPoolNo": pool, "SubId": bound["SubId"],
        "UpdateType": "updateUserData", "UserData": "other"});
    client.ok("UpdateAXB", change).await;

    let asked = json!({"CallIdList": [call.to_string()]});
    let shared = json!({
        "AccountId": client.account.to_string(),
        "CallId": call.to_string(),
        "ServiceType": 200, "SubServiceType": 201,
        "Caller": B, "CallerCountryIsoCode": "CN",
        "CallerProvinceCode": "31", "CallerCityCode": "021",
        "Callee": A, "CalleeCountryIsoCode": "CN",
        "CalleeProvinceCode": "11", "CalleeCityCode": "010",
        "BeginCallTime": begun, "EndTime": begun + 65_500,
        "ReleaseType": 2, "CallDuration": 60, "CallResult": 1, "AudioRecordFlag": 1,
        "CdrCreateTime": begun + 65_500, "UserData": "order 7",
        "SubscriptionId": bound["SubId"],
    });
    let first = with(
        &shared,
        &json!({
            "CallType": 0, "CallerDuration": 0,
            "CallerShowNumber": "", "CallerShowNumberPoolNo": "",
            "CalleeShowNumber": "", "CalleeShowNumberPoolNo": "",
        }),
    );
    let answer = client.ok("QueryCallRecordMsg", asked.clone()).await;
    assert_eq!(answer, json!([first]));

    let second = with(
        &shared,
        &json!({
            "RingTime": begun + 1_000, "StartTime": begun + 5_000,
            "NumberPoolNo": pool, "PhoneNoX": X, "PhoneNoXCountryIsoCode": "CN",
            "PhoneNoXProvinceCode": "11", "PhoneNoXCityCode": "010",
            "PhoneNoA": A, "PhoneNoB": B, "PhoneNoY": "", "PhoneNoE": "", "OutId": "o-7",
            "SecretCallType": 2, "CallDisplayType": 1, "CdrType": 1, "MessageType": 2,
            "VerifyVoiceCode": "", "VerifyCorrectAnwser": "", "VerifyAnwser": "",
        }),
    );
    let answer = client.ok("QueryCallRecordMsgV2", asked).await;
    assert_eq!(answer, json!({"Records": [second]}));
}

fn with(one: &Value, other: &Value) -> Value {
    let mut all = one.clone();
    let fields = other.as_object().expect("an object").clone();
    all.as_object_mut().expect("an object").extend(fields);
    all
}

#[tokio::test]
async fn a_stranger_leaves_a_record_without_a_binding() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let (call, result, announcement) = test.is_refused(X, C).await;
    assert_eq!(result, CallResult::NoBinding);
    assert_eq!(announcement, Announcement::NoBinding);
    let id = call.to_string();
    assert!(id.starts_with("S0010_"), "{id}");
    let records = client
        .ok("QueryCallRecordMsgV2", json!({"CallIdList": id}))
        .await;
    let record = &records["Records"][0];
    for (field, value) in [
        ("CallResult", json!(13)),
        ("SubscriptionId", json!("")),
        ("Caller", json!(C)),
        ("Callee", json!("")),
        ("CalleeCountryIsoCode", json!("")),
        ("PhoneNoA", json!("")),
        ("PhoneNoB", json!("")),
        ("PhoneNoX", json!(X)),
        ("NumberPoolNo", json!(pool)),
        ("SecretCallType", json!(3)),
        ("ReleaseType", json!(0)),
        ("CallDuration", json!(0)),
        ("AudioRecordFlag", json!(0)),
        ("UserData", json!("")),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    for absent in ["RingTime", "StartTime", "CallDisplayType", "VerifyResult"] {
        assert!(record.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test]
async fn a_late_redial_names_the_binding_that_ended() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let (call, result, announcement) = test.is_refused(X, B).await;
    assert_eq!(result, CallResult::NoBinding);
    assert_eq!(announcement, Announcement::Ended);
    let asked = json!({"CallIdList": call.to_string()});
    let record = &client.ok("QueryCallRecordMsgV2", asked).await["Records"][0];
    assert_eq!(record["SubscriptionId"], bound["SubId"]);
    assert_eq!(record["CallResult"], 13);
    assert_eq!(
        (&record["Caller"], &record["Callee"]),
        (&json!(B), &json!(""))
    );
    assert_eq!(record["SecretCallType"], 2);
}

#[tokio::test]
async fn verification_is_in_the_record() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let call = test.connects(X, A).await.call;
    let end = CallEnd {
        verification: Some(Verification {
            voice_code: "ask.wav".to_owned(),
            correct: "4711".to_owned(),
            answer: "0000".to_owned(),
            passed: false,
        }),
        ..ended(CallResult::CallerNotPermitted, ReleasedBy::Platform)
    };
    test.ends(call, end).await;
    let asked = json!({"CallIdList": call.to_string()});
    let record = &client.ok("QueryCallRecordMsgV2", asked).await["Records"][0];
    assert_eq!(record["VerifyVoiceCode"], "ask.wav");
    assert_eq!(record["VerifyCorrectAnwser"], "4711");
    assert_eq!(record["VerifyAnwser"], "0000");
    assert_eq!(record["VerifyResult"], 0);
    assert_eq!(record["CallResult"], 12);
}

#[tokio::test]
async fn a_number_out_of_service_and_one_of_nobody_are_told_apart() {
    let test = TestApp::start().await;
    let client = test.application().await;
    test.pool(&[(X, "010")]).await;
    let disable = json!({"NumberList": X, "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disable).await;
    let (_, result, announcement) = test.is_refused(X, A).await;
    assert_eq!(result, CallResult::NumberAbnormal);
    assert_eq!(announcement, Announcement::OutOfService);
    let nobodys = test.arrives("17000000099", A).await;
    assert!(matches!(nobodys, Admission::Refuse { call: None, .. }));
    let listed = client.ok("ListCalls", json!({})).await;
    assert_eq!(listed["Total"], 1);
}

#[tokio::test]
async fn ids_come_as_a_list_or_with_commas_and_unknown_ones_are_left_out() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let (one, _) = talk(&test, X, A).await;
    let (two, _) = talk(&test, X, B).await;
    let unknown = CallId::bound(one.sub_id().expect("bound"), 1);
    let in_progress = test.connects(X, A).await.call;
    let list = format!("{two},nonsense,{unknown},{in_progress},{one},{two}");
    let ids = |records: &Value| -> Vec<String> {
        let records = records.as_array().expect("an array").iter();
        records.map(|record| text(&record["CallId"])).collect()
    };
    let expected = [two.to_string(), one.to_string()];
    let by_form = client
        .form("QueryCallRecordMsg", &format!("CallIdList={list}"))
        .await;
    assert_eq!(ids(by_form.result()), expected);
    let by_query = client
        .get(
            "QueryCallRecordMsgV2",
            &format!("CallIdList={}", list.replace(',', "%2C")),
        )
        .await;
    assert_eq!(ids(&by_query.result()["Records"]), expected);
    let array: Vec<&str> = list.split(',').collect();
    let by_json = client
        .ok("QueryCallRecordMsg", json!({"CallIdList": array}))
        .await;
    assert_eq!(ids(&by_json), expected);
    let none = json!({"CallIdList": "nonsense"});
    assert_eq!(
        client.ok("QueryCallRecordMsg", none.clone()).await,
        json!([])
    );
    let empty = client.ok("QueryCallRecordMsgV2", none).await;
    assert_eq!(empty, json!({"Records": []}));
    let many = vec!["S0010_0000000000000001"; 101];
    let answer = client
        .call("QueryCallRecordMsg", json!({"CallIdList": many}))
        .await;
    answer.expect_invalid("CallIdList");
}

#[tokio::test]
async fn calls_are_listed_by_what_they_were() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let (one, begun) = talk(&test, X, A).await;
    test.move_clock_s(60);
    let (two, _, _) = test.is_refused(X, C).await;
    test.move_clock_s(60);
    let three = test.connects(X, B).await.call;
    test.rings(three).await;
    let found = async |filter: Value| -> Vec<String> {
        let list = client.ok("ListCalls", filter).await;
        let records = list["Records"].as_array().expect("an array").clone();
        assert_eq!(list["Total"], records.len());
        records
            .iter()
            .map(|record| text(&record["CallId"]))
            .collect()
    };
    let (one, two, three) = (one.to_string(), two.to_string(), three.to_string());
    assert_eq!(found(json!({})).await, [&*three, &*two, &*one]);
    for (filter, expected) in [
        (json!({"SubId": bound["SubId"]}), vec![&three, &one]),
        (json!({"SubId": "somebody else's"}), vec![]),
        (json!({"Number": C}), vec![&two]),
        (json!({"Number": A, "PhoneNoX": X}), vec![&three, &one]),
        (json!({"CallResult": 13}), vec![&two]),
        (json!({"StartTime": begun / 1000 + 1}), vec![&three, &two]),
        (json!({"EndTime": begun / 1000 + 1}), vec![&one]),
        (json!({"Node": "axbridge", "CallResult": 1}), vec![&one]),
        (json!({"Node": "another"}), vec![]),
    ] {
        let found = found(filter.clone()).await;
        assert!(found.iter().eq(expected), "{filter} {found:?}");
    }
    let page = client
        .ok("ListCalls", json!({"Limit": 1, "Offset": 1}))
        .await;
    assert_eq!(
        (&page["Total"], &page["Records"][0]["CallId"]),
        (&json!(3), &json!(two))
    );
    let open = client
        .ok("ListCalls", json!({"Number": B, "Limit": 1}))
        .await;
    let open = &open["Records"][0];
    assert_eq!(open["State"], "ringing");
    assert_eq!(open["Trunk"], "carrier");
    assert!(open.get("EndTime").is_none() && open.get("CallResult").is_none());
}

#[tokio::test]
async fn accounts_do_not_see_each_others_calls() {
    let test = TestApp::start().await;
    let owner = test.application().await;
    let stranger = test.other_account().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&owner, &pool, A, Some(B)).await;
    let (call, _) = talk(&test, X, A).await;
    let asked = json!({"CallIdList": call.to_string()});
    assert_eq!(stranger.ok("QueryCallRecordMsg", asked).await, json!([]));
    let listed = stranger.ok("ListCalls", json!({"Number": A})).await;
    assert_eq!(listed["Total"], 0);
    let theirs = json!({"AccountId": owner.account.to_string()});
    let answer = stranger.call("ListCalls", theirs.clone()).await;
    answer.expect_error("OperationDenied", "AccountId");
    let listed = test.operator.ok("ListCalls", theirs).await;
    assert_eq!(listed["Total"], 1);
    let other = json!({"AccountId": stranger.account.to_string()});
    assert_eq!(test.operator.ok("ListCalls", other).await["Total"], 0);
}

#[tokio::test]
async fn calls_whose_node_died_are_closed() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let lost = test.connects(X, A).await.call;
    test.rings(lost).await;
    test.answers(lost).await;
    assert_eq!(test.app.close_calls_of_last_run().await, Ok(1));
    assert_eq!(test.app.close_calls_of_last_run().await, Ok(0));
    let asked = json!({"CallIdList": lost.to_string()});
    let record = &client.ok("QueryCallRecordMsg", asked).await[0];
    assert_eq!(
        (&record["CallResult"], &record["ReleaseType"]),
        (&json!(20), &json!(0))
    );

    // A node that never came back: after a day the sweep closes what it carried. A second later,
    // because calls that began at the same moment are listed in no order that is told.
    test.move_clock_s(1);
    let forgotten = test.connects(X, A).await.call;
    test.move_clock_s(60);
    let begun_later = test.connects(X, A).await.call;
    test.move_clock_s(24 * 3600 - 30);
    test.app.sweep().await.expect("the store works");
    let open = client.ok("ListCalls", json!({"Limit": 2})).await;
    let state = |index: usize| {
        let record = &open["Records"][index];
        (text(&record["CallId"]), text(&record["State"]))
    };
    assert_eq!(state(0), (begun_later.to_string(), "begun".to_owned()));
    assert_eq!(state(1), (forgotten.to_string(), "ended".to_owned()));
}

#[tokio::test]
async fn ended_calls_are_counted_by_how_they_came_out() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    test.bind(&client, &pool, A, Some(B)).await;
    let (call, _) = talk(&test, X, A).await;
    let again = ended(CallResult::Busy, ReleasedBy::Callee);
    test.ends(call, again).await;
    test.is_refused(X, C).await;
    let metrics = test.app.metrics_text().await.expect("metrics");
    for line in [
        "axbridge_calls_total{result=\"connected\"} 1",
        "axbridge_calls_total{result=\"no_binding\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
    assert!(!metrics.contains("busy"), "{metrics}");
}

#[tokio::test]
async fn calls_and_bindings_go_when_retention_is_over() {
    const DAY_S: i64 = 24 * 3600;
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let old = test.bind(&client, &pool, A, Some(B)).await;
    let (call, _) = talk(&test, X, A).await;
    test.move_clock_s(100 * DAY_S);
    let young = test.bind(&client, &pool, A, Some(C)).await;
    let (later, _) = talk(&test, X, C).await;
    test.move_clock_s(70 * DAY_S);
    test.app.sweep().await.expect("the store works");
    let listed = client.ok("QuerySubscriptionForList", json!({})).await;
    assert_eq!(listed["Total"], 2);
    assert_eq!(client.ok("ListCalls", json!({})).await["Total"], 2);

    test.move_clock_s(20 * DAY_S);
    test.app.sweep().await.expect("the store works");
    let listed = client.ok("QuerySubscriptionForList", json!({})).await;
    assert_eq!(listed["Total"], 1);
    assert_eq!(listed["Records"][0]["SubId"], young["SubId"]);
    let gone = json!({"NumberPoolNo": pool, "SubId": old["SubId"]});
    let answer = client.call("QuerySubscription", gone).await;
    answer.expect_error("SubscriptionEmpty", "");
    let asked = json!({"CallIdList": [call.to_string(), later.to_string()]});
    let records = client.ok("QueryCallRecordMsg", asked).await;
    assert_eq!(records.as_array().map(Vec::len), Some(1));
    assert_eq!(records[0]["CallId"], later.to_string());
    let by_number = client.ok("ListCalls", json!({"Number": A})).await;
    assert_eq!(by_number["Total"], 1);
}

//! The shapes that official clients of two generations send, judged by what they bind.

use serde_json::{Value, json};

use crate::harness::{A, B, Client, Message, TestApp};

const X: &str = "17000000010";

async fn shown(client: &Client, bound: &Value) -> Value {
    client
        .ok("QuerySubscription", json!({"SubId": bound["SubId"]}))
        .await
}

#[tokio::test]
async fn a_go_client_sends_zeros_for_what_is_unset() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let form = format!(
        "AudioRecordFlag=0&AxConflictAxbFlag=0&CallDisplayType=0&DegradeCityList=010%2C021\
         &ExpireTime={}&NumberPoolNo={pool}&PhoneNoA={A}&PhoneNoB={B}&RandomFlag=0&VerifyFlag=0",
        test.in_s(3600)
    );
    let bound = client.form("SelectNumberAndBindAXB", &form).await;
    let shown = shown(&client, bound.result()).await;
    assert_eq!(shown["CallDisplayType"], 1, "zero stands for unset");
    assert_eq!(shown["RecordFlag"], 0, "zero is a value of this one");
}

#[tokio::test]
async fn a_go_client_leaves_an_unset_expire_time_at_zero() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let form = format!("ExpireTime=0&NumberPoolNo={pool}&PhoneNoA={A}");
    let answer = client.form("SelectNumberAndBindAXB", &form).await;
    answer.expect_missing("ExpireTime");
}

#[tokio::test]
async fn a_java_client_writes_names_in_lower_camel_case_and_lists_encoded_twice() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "021")]).await;
    let form = format!(
        "phoneNoA={A}&numberPoolNo={pool}&expireTime={}&cityCode=020\
         &degradeCityList=0755%252C021&userData=%E8%AE%A2%E5%8D%95+%F0%9F%9A%9A",
        test.in_s(3600)
    );
    let bound = client.form("SelectNumberAndBindAXB", &form).await;
    assert_eq!(bound.result()["PhoneNoX"], X);
    let shown = shown(&client, bound.result()).await;
    assert_eq!(shown["UserData"], "订单 🚚");
}

#[tokio::test]
async fn every_way_to_write_a_list_means_the_same() {
    for list in [
        "DegradeCityList=020%2C021",
        "DegradeCityList=020&DegradeCityList=021",
        "DegradeCityList%5B0%5D=020&DegradeCityList%5B1%5D=021",
        "DegradeCityList[]=020&DegradeCityList[]=021",
        "DegradeCityList.1=020&DegradeCityList.2=021",
        "DegradeCityList=%5B%27020%27%2C%27021%27%5D",
    ] {
        let test = TestApp::start().await;
        let client = test.application().await;
        let pool = test.pool(&[(X, "021")]).await;
        let form = format!(
            "PhoneNoA={A}&NumberPoolNo={pool}&ExpireTime={}&CityCode=010&{list}",
            test.in_s(3600)
        );
        let bound = client.form("SelectNumberAndBindAXB", &form).await;
        assert_eq!(bound.result()["PhoneNoX"], X, "{list}");
    }
}

#[tokio::test]
async fn numbers_may_be_text_and_flags_booleans() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["ExpireTime"] = test.in_s(3600).to_string().into();
    wish["AudioRecordFlag"] = "0".into();
    wish["AxConflictAxbFlag"] = true.into();
    wish["RandomFlag"] = "1".into();
    wish["DryRun"] = "false".into();
    wish["DegradeCityList"] = "010,021".into();
    wish["CityCode"] = Value::Null;
    wish["PhoneNoB"] = "".into();
    let bound = client.ok("SelectNumberAndBindAXB", wish).await;
    assert_eq!(bound.get("PhoneNoB"), None);
    assert_eq!(shown(&client, &bound).await["RecordFlag"], 0);
}

#[tokio::test]
async fn odd_content_types_are_read_by_what_the_body_is() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (content_type, body) in [
        (Some("application-json"), "{\"Limit\":7}"),
        (Some("APPLICATION/JSON;charset=UTF-8"), "{\"Limit\":7}"),
        (Some("text/plain"), " {\"Limit\":7}"),
        (None, "{\"limit\":\"7\"}"),
        (None, "Limit=7"),
        (Some("text/plain"), "limit=7"),
    ] {
        let message = Message {
            content_type,
            ..Message::post("NumberPoolList", "", body)
        };
        let answer = client.send(message).await;
        assert_eq!(answer.result()["Limit"], 7, "{content_type:?} {body}");
    }
}

#[tokio::test]
async fn a_voice_code_may_be_a_code_or_json_by_role() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test
        .pool(&[(X, "010"), ("17000000011", "010"), ("17000000012", "010")])
        .await;
    for voice_code in [
        json!("abc.mp3"),
        json!("{\"axCallerVoiceCode\":\"abc\"}"),
        json!({"axCallerVoiceCode": "abc"}),
    ] {
        let mut wish = test.wish(&pool, A);
        wish["PhoneNoB"] = B.into();
        wish["VoiceCode"] = voice_code;
        client.ok("SelectNumberAndBindAXB", wish).await;
    }
}

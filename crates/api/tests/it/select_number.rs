//! Looking up numbers that could be used.

use serde_json::{Value, json};

use crate::harness::{A, TestApp};

const NUMBERS: [(&str, &str); 4] = [
    ("01062340000", "010"),
    ("17000000010", "010"),
    ("17000000021", "021"),
    ("17000000531", "0531"),
];

async fn select(test: &TestApp, pool: &str, extra: Value) -> Value {
    let mut request = json!({"NumberPoolNo": pool});
    for (name, value) in extra.as_object().expect("an object") {
        request[name] = value.clone();
    }
    let answer = test.operator.call("SelectNumber", request).await;
    if answer.is_error() {
        return answer.code().into();
    }
    answer.into_result()
}

#[tokio::test]
async fn cities_come_in_the_order_they_were_named() {
    let test = TestApp::start().await;
    let pool = test.pool(&NUMBERS).await;
    let [landline, beijing, shanghai, jinan] = NUMBERS.map(|(number, _)| number);
    for (extra, expected) in [
        (json!({}), json!([landline])),
        (json!({"CityCode": "021"}), json!([shanghai])),
        (json!({"CityCode": "020"}), json!("NumberNotEnough")),
        (
            json!({"CityCode": "020", "DegradeCityList": ["021"]}),
            json!([shanghai]),
        ),
        (
            json!({"CityCode": "0532", "DegradeCityList": "PNPC"}),
            json!([jinan]),
        ),
        (
            json!({"CityCode": "021", "DegradeCityList": "010,021", "NumberCount": 9}),
            json!([shanghai, landline, beijing]),
        ),
        (
            json!({"NumberCount": 3}),
            json!([landline, beijing, shanghai]),
        ),
        (
            json!({"NumberType": 0, "CityCode": "010"}),
            json!([beijing]),
        ),
        (json!({"NumberType": 1}), json!([landline])),
        (
            json!({"CandidateNumberList": [jinan, shanghai], "NumberCount": 9}),
            json!([shanghai, jinan]),
        ),
        (
            json!({"BindNumberList": [landline, beijing]}),
            json!([shanghai]),
        ),
        (json!({"SelectType": "anything"}), json!([landline])),
    ] {
        assert_eq!(
            select(&test, &pool, extra.clone()).await,
            expected,
            "{extra}"
        );
    }
}

#[tokio::test]
async fn numbers_that_are_disabled_or_at_their_cap_are_left_out() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let cap = json!({"NumberPoolNo": pool, "BindingsPerNumberMax": 1});
    test.operator.ok("UpdatePoolSettings", cap).await;
    test.bind(&client, &pool, A, None).await;
    test.import(&pool, &[("17000000011", "010"), ("17000000012", "010")])
        .await;
    let disable = json!({"Number": "17000000011", "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disable).await;
    let all = json!({"NumberCount": 100});
    assert_eq!(select(&test, &pool, all).await, json!(["17000000012"]));
}

#[tokio::test]
async fn it_is_read_by_get_with_lists_as_text() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let query = format!("NumberPoolNo={pool}&CityCode=020&DegradeCityList=021%252C010");
    let answer = client.get("SelectNumber", &query).await;
    assert_eq!(answer.result(), &json!(["17000000021"]));
}

#[tokio::test]
async fn bounds_are_named() {
    let test = TestApp::start().await;
    let pool = test.pool(&NUMBERS).await;
    for (name, value) in [
        ("NumberCount", json!(101)),
        ("NumberType", json!(2)),
        (
            "DegradeCityList",
            json!(["010", "020", "021", "022", "023", "024"]),
        ),
        ("NumberPoolNo", json!("NP000000000000000001")),
    ] {
        let mut request = json!({"NumberPoolNo": pool});
        request[name] = value;
        let answer = test.operator.call("SelectNumber", request).await;
        answer.expect_invalid(name);
    }
}

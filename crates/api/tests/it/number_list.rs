//! Listing numbers.

use serde_json::{Value, json};

use crate::harness::{A, TestApp};

const NUMBERS: [(&str, &str); 3] = [
    ("01062340000", "010"),
    ("17000000010", "010"),
    ("17000000021", "021"),
];

#[tokio::test]
async fn a_record_shows_all_about_a_number() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS[2..]).await;
    test.bind(&client, &pool, A, None).await;
    let list = client.ok("NumberList", json!({})).await;
    assert_eq!(
        list,
        json!({
            "Records": [{
                "Number": "17000000021", "NumberStatusCode": 1, "NumberStatusDesc": "in use",
                "NumberTypeCode": 0, "NumberTypeDesc": "mobile", "NumberLocation": "上海市",
                "NumberPurchaseTime": "2025-06-03 19:21:42", "NumberPoolNo": pool,
                "NumberPoolName": "shop", "NumberPoolTypeCode": 201, "NumberPoolTypeDesc": "AXB",
                "ServiceTypeCode": 200, "ServiceTypeDesc": "privacy numbers",
                "QualificationNo": "", "QualificationEntity": "", "CurrentBindCount": 1,
                "CityCode": "021",
            }],
            "Limit": 20, "Offset": 0, "Total": 1,
        })
    );
}

#[tokio::test]
async fn every_filter_narrows_the_list() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let elsewhere = test.pool(&[("17000000031", "010")]).await;
    let disable = json!({"NumberList": "17000000021", "EnableCode": 2});
    client.ok("EnableOrDisableNumber", disable).await;
    let all = [NUMBERS[0].0, NUMBERS[1].0, NUMBERS[2].0, "17000000031"];
    let cases: [(Value, &[&str]); 14] = [
        (json!({}), &all),
        (json!({"NumberPoolNo": pool}), &all[..3]),
        (json!({"NumberPoolNo": elsewhere}), &all[3..]),
        (json!({"Number": all[1]}), &all[1..2]),
        (json!({"NumberList": [all[1], all[3]]}), &[all[1], all[3]]),
        (
            json!({"NumberList": "17000000010,17000000031"}),
            &[all[1], all[3]],
        ),
        (json!({"Number": all[0], "NumberList": [all[1]]}), &[]),
        (json!({"NumberStatusCode": "2"}), &all[2..3]),
        (
            json!({"NumberStatusCode": 1, "NumberPoolNo": pool}),
            &all[..2],
        ),
        (json!({"NumberStatusCode": -1}), &[]),
        (json!({"NumberTypeCode": 1}), &all[..1]),
        (json!({"NumberTypeCode": 0}), &all[1..]),
        (json!({"NumberPoolTypeCode": 201}), &all),
        (json!({"NumberPoolTypeCode": 202}), &[]),
    ];
    for (filter, expected) in cases {
        let list = client.ok("NumberList", filter.clone()).await;
        let records = list["Records"].as_array().expect("records");
        let found: Vec<&str> = records
            .iter()
            .map(|record| record["Number"].as_str().expect("a number"))
            .collect();
        assert_eq!(found, expected, "{filter}");
        assert_eq!(list["Total"], expected.len(), "{filter}");
    }
}

#[tokio::test]
async fn it_is_read_by_get_and_by_post() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&NUMBERS).await;
    let query = format!("NumberPoolNo={pool}&Limit=2&Offset=1&Number=");
    let by_get = client.get("NumberList", &query).await.into_result();
    assert_eq!(by_get["Records"].as_array().map(Vec::len), Some(2));
    assert_eq!(by_get["Total"], 3);
    let by_post = client
        .ok(
            "NumberList",
            json!({"NumberPoolNo": pool, "Limit": "2", "Offset": "1"}),
        )
        .await;
    assert_eq!(by_post, by_get);
}

#[tokio::test]
async fn pages_are_bounded() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for (name, value) in [("Limit", 501), ("Limit", -1), ("Offset", -1)] {
        let answer = client.call("NumberList", json!({name: value})).await;
        answer.expect_invalid(name);
    }
    let far = json!({"Offset": 1_000_000_000, "Limit": 500});
    let list = client.ok("NumberList", far).await;
    assert_eq!(list["Records"], json!([]));
}

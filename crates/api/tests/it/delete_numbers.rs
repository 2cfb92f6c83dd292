//! Taking numbers out of a pool.

use serde_json::json;

use crate::harness::{A, TestApp};

#[tokio::test]
async fn free_numbers_go_and_bound_ones_stay() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let bound = test.bind(&client, &pool, A, None).await;
    test.import(&pool, &[("17000000011", "010")]).await;
    let numbers = ["17000000010", "17000000011", "17000000099"];
    let request = json!({"NumberPoolNo": pool, "NumberList": numbers});
    let report = test.operator.ok("DeleteNumbers", request.clone()).await;
    assert_eq!(report["Deleted"], 1);
    let refused: Vec<_> = report["Refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|refused| refused["Number"].clone())
        .collect();
    assert_eq!(refused, ["17000000010", "17000000099"]);

    let list = client.ok("NumberList", json!({})).await;
    assert_eq!(list["Total"], 1);
    let given_back = json!({"NumberStatusCode": 4});
    let list = client.ok("NumberList", given_back).await;
    assert_eq!(list["Records"][0]["Number"], "17000000011");

    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let report = test.operator.ok("DeleteNumbers", request).await;
    assert_eq!(report["Deleted"], 1);
    assert_eq!(test.ring("17000000011", A).await.0, "UnknownNumber");
}

#[tokio::test]
async fn a_number_that_was_taken_out_can_come_back_even_with_another_city() {
    let test = TestApp::start().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let request = json!({"NumberPoolNo": pool, "NumberList": "17000000010"});
    test.operator.ok("DeleteNumbers", request).await;
    test.import(&pool, &[("17000000010", "021")]).await;
    let list = test.operator.ok("NumberList", json!({})).await;
    assert_eq!(list["Records"][0]["CityCode"], "021");
    assert_eq!(list["Records"][0]["NumberStatusCode"], 1);
}

#[tokio::test]
async fn it_takes_up_to_a_thousand_numbers_of_one_pool() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    let numbers: Vec<String> = (0..1001).map(|tail| format!("1700000{tail:04}")).collect();
    let request = json!({"NumberPoolNo": pool, "NumberList": numbers});
    let answer = test.operator.call("DeleteNumbers", request).await;
    answer.expect_invalid("NumberList");
    let request = json!({"NumberPoolNo": "NP000000000000000001", "NumberList": "17000000010"});
    let answer = test.operator.call("DeleteNumbers", request).await;
    answer.expect_invalid("NumberPoolNo");
}

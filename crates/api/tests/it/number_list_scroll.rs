//! Reading a long list of numbers to its end.

use serde_json::{Value, json};

use crate::harness::{Client, TestApp};

async fn read_on(client: &Client, pool: &str, token: Option<&Value>) -> (Vec<String>, Value) {
    let mut request = json!({"NumberPoolNo": pool, "Limit": 4});
    if let Some(token) = token {
        request["NextToken"] = token.clone();
    }
    let page = client.ok("NumberListScroll", request).await;
    let records = page["Records"].as_array().expect("records");
    let numbers = records.iter().map(|record| record["Number"].as_str());
    let numbers = numbers.map(|number| number.expect("a number").to_owned());
    (numbers.collect(), page)
}

async fn scene() -> (TestApp, Client, String, Vec<String>) {
    let test = TestApp::start().await;
    let client = test.application().await;
    let numbers: Vec<String> = (10..20).map(|tail| format!("170000000{tail}")).collect();
    let pairs: Vec<(&str, &str)> = numbers.iter().map(|x| (x.as_str(), "010")).collect();
    let pool = test.pool(&pairs).await;
    (test, client, pool, numbers)
}

#[tokio::test]
async fn every_number_is_read_once() {
    let (test, client, pool, numbers) = scene().await;
    let (mut read, mut page) = read_on(&client, &pool, None).await;
    assert_eq!((&page["Limit"], &page["Total"]), (&json!(4), &json!(10)));
    assert_eq!(page["NextTokenExpireAt"], test.in_s(3600));
    let mut pages = 1;
    while page["HasMore"] == true {
        let token = page["NextToken"].clone();
        let (more, next) = read_on(&client, &pool, Some(&token)).await;
        read.extend(more);
        page = next;
        pages += 1;
    }
    assert_eq!(read, numbers);
    assert_eq!(pages, 3);
    assert_eq!(
        (&page["NextToken"], &page["NextTokenExpireAt"]),
        (&json!(""), &json!(0))
    );
}

#[tokio::test]
async fn a_page_that_ends_with_the_list_says_so() {
    let (_test, client, pool, numbers) = scene().await;
    let request = json!({"NumberPoolNo": pool, "Limit": 10});
    let page = client.ok("NumberListScroll", request).await;
    assert_eq!(
        page["Records"].as_array().map(Vec::len),
        Some(numbers.len())
    );
    assert_eq!(page["HasMore"], false);
}

#[tokio::test]
async fn numbers_that_come_and_go_shift_nothing() {
    let (test, client, pool, numbers) = scene().await;
    let (first, page) = read_on(&client, &pool, None).await;
    let gone = json!({"NumberPoolNo": pool, "NumberList": [numbers[0], numbers[5]]});
    test.operator.ok("DeleteNumbers", gone).await;
    test.import(&pool, &[("17000000001", "010")]).await;
    let (second, _) = read_on(&client, &pool, Some(&page["NextToken"])).await;
    assert_eq!(first, numbers[..4]);
    let expected = [4, 6, 7, 8].map(|index: usize| numbers[index].clone());
    assert_eq!(second, expected);
}

#[tokio::test]
async fn tokens_expire_and_serve_one_listing_only() {
    let (test, client, pool, _) = scene().await;
    let (_, page) = read_on(&client, &pool, None).await;
    let token = page["NextToken"].clone();
    for spoilt in [
        json!({"NumberPoolNo": pool, "NextToken": token, "NumberTypeCode": 0}),
        json!({"NextToken": token}),
        json!({"NumberPoolNo": pool, "NextToken": "x"}),
    ] {
        let answer = client.call("NumberListScroll", spoilt).await;
        answer.expect_invalid("NextToken");
    }
    let stranger = test.other_account().await;
    let theirs = json!({"NumberPoolNo": pool, "NextToken": token});
    let answer = stranger.call("NumberListScroll", theirs).await;
    answer.expect_invalid("NextToken");
    test.move_clock_s(3600);
    let late = json!({"NumberPoolNo": pool, "NextToken": token});
    let answer = client.call("NumberListScroll", late).await;
    answer.expect_error("InvalidParameter", "expired");
}

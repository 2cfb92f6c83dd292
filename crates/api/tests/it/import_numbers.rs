//! Putting numbers into a pool.

use axbridge_domain::account::AccountTerms;
use serde_json::{Value, json};

use crate::harness::{Setup, TestApp};

async fn import(test: &TestApp, pool: &str, csv: &str) -> Value {
    let request = json!({"NumberPoolNo": pool, "Csv": csv});
    test.operator.ok("ImportNumbers", request).await
}

#[tokio::test]
async fn good_lines_are_taken_and_bad_ones_reported_with_number_and_reason() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    let csv = "\u{feff}number,city_code,type\n\
               17000000010,010\n\
               01062345670,\n\
               700123456789012\n\
               not a number,010\n\
               17000000011,999\n\
               17000000012,010,landline\n\
               95588,010\n\
               17000000013,010,mobile,extra\n\
               \n\
               17000000014 , 021 , 0\r\n";
    let report = import(&test, &pool, csv).await;
    assert_eq!(
        (&report["Added"], &report["Unchanged"]),
        (&json!(4), &json!(0))
    );
    let refused = report["Refused"].as_array().expect("a list");
    let lines: Vec<&Value> = refused.iter().map(|line| &line["Line"]).collect();
    assert_eq!(lines, [5, 6, 7, 8, 9]);
    assert_eq!(report["RefusedCount"], 5);
    for line in refused {
        assert!(
            line["Reason"]
                .as_str()
                .is_some_and(|reason| reason.len() > 10)
        );
    }
    let list = test.operator.ok("NumberList", json!({})).await;
    let cities: Vec<(&Value, &Value)> = list["Records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|record| (&record["Number"], &record["CityCode"]))
        .collect();
    assert!(cities.contains(&(&json!("01062345670"), &json!("010"))));
    assert!(cities.contains(&(&json!("17000000014"), &json!("021"))));
    assert!(cities.contains(&(&json!("700123456789012"), &json!(""))));
}

#[tokio::test]
async fn doing_it_again_changes_nothing() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    let csv = "17000000010,010\n17000000011,021\n";
    import(&test, &pool, csv).await;
    let report = import(&test, &pool, csv).await;
    assert_eq!(
        report,
        json!({"Added": 0, "Unchanged": 2, "RefusedCount": 0, "Refused": []})
    );
}

#[tokio::test]
async fn a_number_is_in_one_pool_and_one_city() {
    let test = TestApp::start().await;
    let pool = test.pool(&[("17000000010", "010")]).await;
    let elsewhere = test.pool(&[]).await;
    let report = import(&test, &elsewhere, "17000000010,010").await;
    assert_eq!(report["RefusedCount"], 1);
    let report = import(&test, &pool, "17000000010,021").await;
    assert_eq!(report["RefusedCount"], 1);
    let report = import(&test, &pool, "17000000011,010\n17000000011,010").await;
    assert_eq!(
        (&report["Added"], &report["Unchanged"]),
        (&json!(1), &json!(1))
    );
}

#[tokio::test]
async fn the_quota_of_numbers_is_kept_line_by_line() {
    let terms = AccountTerms {
        numbers_max: Some(2),
        ..AccountTerms::default()
    };
    let test = TestApp::start_with(Setup {
        terms,
        ..Setup::default()
    })
    .await;
    let pool = test.pool(&[]).await;
    let csv = "17000000010,010\n17000000011,010\n17000000012,010\n";
    let report = import(&test, &pool, csv).await;
    assert_eq!(report["Added"], 2);
    assert_eq!(report["Refused"][0]["Line"], 3);
}

#[tokio::test]
async fn a_thousand_lines_go_in_one_request_and_no_more() {
    let test = TestApp::start().await;
    let pool = test.pool(&[]).await;
    let lines = |count: usize| -> String {
        (0..count)
            .map(|tail| format!("1700000{tail:04},010,mobile\n"))
            .collect()
    };
    let report = import(&test, &pool, &lines(1000)).await;
    assert_eq!(report["Added"], 1000);
    let request = json!({"NumberPoolNo": pool, "Csv": lines(1002)});
    let answer = test.operator.call("ImportNumbers", request).await;
    answer.expect_invalid("Csv");
}

#[tokio::test]
async fn it_is_for_operators() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[]).await;
    let request = json!({"NumberPoolNo": pool, "Csv": "17000000010,010"});
    let answer = client.call("ImportNumbers", request).await;
    answer.expect_error("AccessDenied", "ImportNumbers");
    assert_eq!(answer.status, 403);
}

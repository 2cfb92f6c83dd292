//! Making an AXB of an AX on the same X.

use serde_json::json;

use crate::harness::{A, B, C, TestApp};

const X: &str = "17000000010";

#[tokio::test]
async fn the_ax_ends_and_an_axb_with_a_new_id_begins_on_the_same_x() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let ax = test.bind(&client, &pool, A, None).await;
    let upgrade = json!({
        "NumberPoolNo": pool, "SubId": ax["SubId"], "PhoneNoB": B, "UserData": "up", "OutId": "7",
    });
    let mut axb = client.ok("UpgradeAXToAXB", upgrade).await;
    let sub_id = axb["SubId"].take();
    assert_ne!(sub_id, ax["SubId"]);
    assert_eq!(
        axb,
        json!({
            "SubId": null, "PhoneNoX": X, "PhoneNoXCityCode": "010",
            "PhoneNoA": A, "PhoneNoACityCode": "010", "PhoneNoB": B, "PhoneNoBCityCode": "021",
        }),
        "the page lists no Status"
    );
    assert_eq!(test.ring(X, A).await, ("Connect".to_owned(), B.to_owned()));
    assert_ne!(test.ring(X, C).await.0, "Connect");

    let of = |sub_id| json!({"NumberPoolNo": pool, "SubId": sub_id});
    let shown = client.ok("QuerySubscription", of(sub_id)).await;
    assert_eq!(
        (&shown["UserData"], &shown["OutId"]),
        (&json!("up"), &json!("7"))
    );
    assert_eq!(shown["Status"], 1);
    let old = client
        .ok("QuerySubscription", of(ax["SubId"].clone()))
        .await;
    assert_eq!(old["Status"], 0);
}

#[tokio::test]
async fn only_a_live_ax_can_be_upgraded() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010"), ("17000000011", "010")]).await;
    let axb = test.bind(&client, &pool, A, Some(B)).await;
    let upgrade = json!({"NumberPoolNo": pool, "SubId": axb["SubId"], "PhoneNoB": C});
    let answer = client.call("UpgradeAXToAXB", upgrade).await;
    answer.expect_error("UpgradeError", "");

    let ax = test.bind(&client, &pool, A, None).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": ax["SubId"]});
    client.ok("UnbindAXB", binding).await;
    let upgrade = json!({"NumberPoolNo": pool, "SubId": ax["SubId"], "PhoneNoB": C});
    let answer = client.call("UpgradeAXToAXB", upgrade).await;
    answer.expect_error("SubscriptionEmpty", "");
}

#[tokio::test]
async fn b_must_be_somebody_else() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let ax = test.bind(&client, &pool, A, None).await;
    for b in [A, X] {
        let upgrade = json!({"NumberPoolNo": pool, "SubId": ax["SubId"], "PhoneNoB": b});
        let answer = client.call("UpgradeAXToAXB", upgrade).await;
        answer.expect_invalid("PhoneNoB");
    }
    assert_eq!(test.ring(X, C).await.0, "Connect", "the AX still stands");
}

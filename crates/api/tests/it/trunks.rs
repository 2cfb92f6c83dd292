//! Trunks: making, changing, listing and removing them.

use serde_json::json;

use crate::harness::TestApp;

fn carrier() -> serde_json::Value {
    json!({
        "TrunkName": "carrier-1",
        "Peers": ["192.0.2.7:5070;transport=tcp", "carrier.example.com"],
        "Networks": ["192.0.2.0/24"],
        "OutboundUser": "axbridge",
        "OutboundPassword": "not to be shown",
        "CallerIdForm": "+86",
        "CallerIdHeader": "p-asserted-identity",
        "PrefixRules": ["13", "*>9"],
        "CallsMax": 30,
    })
}

#[tokio::test]
async fn a_trunk_is_made_shown_changed_and_removed() {
    let test = TestApp::start().await;
    let made = test.operator.ok("CreateTrunk", carrier()).await;
    let expected = json!({
        "TrunkName": "carrier-1", "Enabled": true, "Inbound": true, "Outbound": true,
        "Peers": ["192.0.2.7:5070;transport=tcp", "carrier.example.com"],
        "Networks": ["192.0.2.0/24"], "MediaNetworks": [],
        "OutboundUser": "axbridge", "InboundUser": "", "InboundAlgorithms": ["sha-256", "md5"],
        "CallerIdForm": "+86", "CallerIdHeader": "P-Asserted-Identity",
        "DialledForm": "national", "DialledIn": "Request-URI",
        "PrefixRules": ["13", "*>9"], "ShownPrefixes": [], "Codecs": ["pcma", "pcmu"],
        "CallsMax": 30, "SymmetricRtp": false, "AnswerRefusals": false,
        "TlsName": "", "KeepAliveSeconds": 30, "Priority": 1, "Weight": 1, "Origin": "action", "CreateTime": test.in_s(0),
    });
    assert_eq!(made, expected);
    let list = test.operator.ok("ListTrunks", json!({})).await;
    assert_eq!(list, json!({"Records": [expected]}));

    let change = json!({
        "TrunkName": "carrier-1", "Enabled": "false", "PrefixRules": "", "CallsMax": 0,
        "Weight": 7,
    });
    let changed = test.operator.ok("UpdateTrunk", change).await;
    let mut after = expected.clone();
    for (field, value) in [
        ("Enabled", json!(false)),
        ("PrefixRules", json!([])),
        ("CallsMax", json!(0)),
        ("Weight", json!(7)),
    ] {
        after[field] = value;
    }
    assert_eq!(changed, after, "what was left out stays");
    let one = json!({"TrunkName": "carrier-1"});
    let shown = test.operator.ok("ListTrunks", one.clone()).await;
    assert_eq!(shown, json!({"Records": [after]}));

    assert_eq!(test.operator.ok("DeleteTrunk", one.clone()).await, true);
    let list = test.operator.ok("ListTrunks", json!({})).await;
    assert_eq!(list, json!({"Records": []}));
    let gone = test.operator.call("DeleteTrunk", one).await;
    gone.expect_invalid("TrunkName");
}

#[tokio::test]
async fn a_name_is_given_once() {
    let test = TestApp::start().await;
    test.operator.ok("CreateTrunk", carrier()).await;
    let again = test.operator.call("CreateTrunk", carrier()).await;
    again.expect_error("OperationDenied", "UpdateTrunk");
}

#[tokio::test]
async fn what_will_not_do_is_named_and_makes_nothing() {
    let test = TestApp::start().await;
    for (field, value) in [
        ("TrunkName", json!("Carrier 1")),
        ("Peers", json!(["192.0.2.7:99999"])),
        ("Networks", json!(["192.0.2.7/24"])),
        ("CallerIdForm", json!("86")),
        ("PrefixRules", json!(["x"])),
        ("Codecs", json!(["g729"])),
        ("CallsMax", json!(-1)),
        ("KeepAliveSeconds", json!(100_000)),
        ("OutboundPassword", json!("")),
    ] {
        let mut wish = carrier();
        wish[field] = value;
        let answer = test.operator.call("CreateTrunk", wish).await;
        answer.expect_invalid(field);
    }
    let mut nowhere = carrier();
    nowhere["Peers"] = json!([]);
    let answer = test.operator.call("CreateTrunk", nowhere).await;
    answer.expect_invalid("Peers");
    let list = test.operator.ok("ListTrunks", json!({})).await;
    assert_eq!(list, json!({"Records": []}));
}

#[tokio::test]
async fn passwords_stay_until_they_are_changed_with_their_user() {
    let test = TestApp::start().await;
    test.operator.ok("CreateTrunk", carrier()).await;
    let password = async || {
        let record = test.app.trunk("carrier-1").await.expect("there");
        record.outbound_secret.map(|it| it.reveal().to_owned())
    };
    let lighter = json!({"TrunkName": "carrier-1", "Weight": 2});
    test.operator.ok("UpdateTrunk", lighter).await;
    assert_eq!(password().await.as_deref(), Some("not to be shown"));
    let userless = json!({"TrunkName": "carrier-1", "OutboundUser": ""});
    let answer = test.operator.call("UpdateTrunk", userless).await;
    answer.expect_invalid("OutboundPassword");
    let none = json!({"TrunkName": "carrier-1", "OutboundUser": "", "OutboundPassword": ""});
    test.operator.ok("UpdateTrunk", none).await;
    assert_eq!(password().await, None);
}

#[tokio::test]
async fn trunks_are_for_operators() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for action in ["CreateTrunk", "UpdateTrunk", "DeleteTrunk", "ListTrunks"] {
        let answer = client.call(action, carrier()).await;
        answer.expect_error("AccessDenied", action);
    }
}

//! The table of actions and what is really served.

use axbridge_api::{action::Permission, actions::ACTIONS};
use serde_json::json;

use crate::harness::TestApp;

#[tokio::test]
async fn every_action_answers_to_its_name_and_asks_for_what_it_requires() {
    let test = TestApp::start().await;
    for action in ACTIONS {
        let names = std::iter::once(&action.name).chain(action.aliases);
        for name in names {
            let answer = test.operator.call(name, json!({})).await;
            let required = action.parameters.iter().find(|it| it.required);
            match required {
                Some(parameter) => answer.expect_missing(parameter.name),
                None => assert_ne!(answer.code(), "InvalidAction", "{name}"),
            }
        }
    }
}

#[tokio::test]
async fn applications_are_kept_out_of_the_operators_actions() {
    let test = TestApp::start().await;
    let client = test.application().await;
    for action in ACTIONS {
        let answer = client.call(action.name, json!({})).await;
        let kept_out = answer.code() == "AccessDenied";
        assert_eq!(
            kept_out,
            action.permission == Permission::Operator,
            "{}",
            action.name
        );
    }
}

#[test]
fn the_actions_of_the_first_release_are_all_there() {
    for name in [
        "SelectNumberAndBindAXB",
        "BindAXB",
        "UnbindAXB",
        "UnbindAXBV2",
        "UpdateAXB",
        "UpgradeAXToAXB",
        "QuerySubscription",
        "QuerySubscriptionForList",
        "CreateNumberPool",
        "UpdateNumberPool",
        "UpdateNumberPoolV2",
        "NumberPoolList",
        "NumberList",
        "NumberListScroll",
        "SelectNumber",
        "EnableOrDisableNumber",
        "ImportNumbers",
        "DeleteNumbers",
        "UpdatePoolSettings",
        "CreateAccessKey",
        "ListAccessKeys",
        "DisableAccessKey",
        "ListAccounts",
        "UpdateAccount",
        "ExplainSelection",
        "ResolveCall",
        "QueryCallRecordMsg",
        "QueryCallRecordMsgV2",
        "ListCalls",
    ] {
        assert!(axbridge_api::actions::find(name).is_some(), "{name}");
    }
}

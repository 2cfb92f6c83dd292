//! Every code of the error table that is answered, provoked.

use axbridge_api::{
    error::{ERROR_TABLE, ErrorCode, ErrorFamily},
    gateway::{GatewaySettings, OverRate},
};
use axbridge_domain::account::{AccountId, AccountTerms};
use axbridge_store::{
    keyring::Secret,
    model::{AccessKey, Role},
};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};
use std::time::Duration;

use crate::harness::{A, Answer, B, C, Message, Setup, TestApp, unsigned};

const X: &str = "17000000010";

#[tokio::test]
async fn every_code_in_force_can_be_met_and_reads_as_the_table_says() {
    for entry in ERROR_TABLE.iter().filter(|entry| !entry.reserved) {
        let answer = provoke(entry.code).await;
        assert_eq!(answer.code(), entry.name, "{}", answer.body);
        assert_eq!(answer.status, entry.http_status, "{}", entry.name);
        let error = &answer.body["ResponseMetadata"]["Error"];
        let number = error.get("CodeN").and_then(Value::as_u64);
        assert_eq!(number, entry.number.map(u64::from), "{}", entry.name);
        let fixed = entry.text.split("%s").next().unwrap_or_default();
        let stands = answer.message().contains(fixed);
        assert!(stands, "{}: {}", entry.name, answer.message());
        if entry.family == ErrorFamily::Business {
            assert_eq!(error.get("CodeN"), None, "{}", entry.name);
        }
    }
}

async fn provoke(code: ErrorCode) -> Answer {
    match code {
        ErrorCode::MissingParameter => call("UnbindAXB", json!({})).await,
        ErrorCode::InvalidParameter => call("NumberList", json!({"Limit": "many"})).await,
        ErrorCode::OperationDenied => {
            call("NumberPoolList", json!({"QueryAccountId": "9999999999"})).await
        }
        ErrorCode::AccessDenied => call("ListAccounts", json!({})).await,
        ErrorCode::SubscriptionEmpty => {
            let binding = json!({"NumberPoolNo": "NP000000000000000001", "SubId": "S1"});
            call("UnbindAXB", binding).await
        }
        ErrorCode::InvalidAction => call("NoSuchAction", json!({})).await,
        ErrorCode::QuotaExceeded
        | ErrorCode::IdempotentParameterMismatch
        | ErrorCode::DryRunOperation
        | ErrorCode::NumberNotEnough
        | ErrorCode::UnsupportedOperation => bind_refused(code).await,
        ErrorCode::IllegalPhoneNoX
        | ErrorCode::ConflictWithExisting
        | ErrorCode::BlockNumber
        | ErrorCode::PhoneNoXOccupied
        | ErrorCode::ExceedMaxBindCount
        | ErrorCode::UpgradeError => named_x_refused(code).await,
        ErrorCode::LinkInvalid
        | ErrorCode::LinkExpired
        | ErrorCode::RecordingNotFound
        | ErrorCode::RecordingNotReady => crate::recordings::provoke(code.name()).await,
        ErrorCode::PhoneNoARiskFrozen => crate::risk::bind_frozen(5, A).await,
        ErrorCode::PhoneNoBRiskFrozen => crate::risk::bind_frozen(6, B).await,
        ErrorCode::InternalError
        | ErrorCode::ServiceUnavailable
        | ErrorCode::FlowLimitExceeded
        | ErrorCode::OverQpsLimit
        | ErrorCode::RequestTimeout => server_at_fault(code).await,
        ErrorCode::MissingAction
        | ErrorCode::MethodNotAllowed
        | ErrorCode::NotFound
        | ErrorCode::PayloadTooLarge => odd_request(code).await,
        _ => badly_signed(code).await,
    }
}

async fn call(action: &str, parameters: Value) -> Answer {
    let test = TestApp::start().await;
    let client = test.application().await;
    client.call(action, parameters).await
}

async fn bind_refused(code: ErrorCode) -> Answer {
    let terms = AccountTerms {
        live_bindings_max: Some(1),
        ..AccountTerms::default()
    };
    let test = TestApp::start_with(Setup {
        terms,
        ..Setup::default()
    })
    .await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let mut wish = test.wish(&pool, A);
    wish["ClientToken"] = "7".into();
    match code {
        ErrorCode::DryRunOperation => wish["DryRun"] = true.into(),
        ErrorCode::NumberNotEnough => wish["CityCode"] = "020".into(),
        ErrorCode::UnsupportedOperation => {
            let voice = json!({"Name": "p", "ServiceType": 100, "SubServiceType": 101});
            return client.call("CreateNumberPool", voice).await;
        }
        ErrorCode::QuotaExceeded => {
            client.ok("SelectNumberAndBindAXB", wish.clone()).await;
            wish["ClientToken"] = "8".into();
        }
        _ => {
            client.ok("SelectNumberAndBindAXB", wish.clone()).await;
            wish["PhoneNoA"] = B.into();
        }
    }
    client.call("SelectNumberAndBindAXB", wish).await
}

async fn named_x_refused(code: ErrorCode) -> Answer {
    let test = TestApp::start().await;
    let client = test.application().await;
    let pool = test.pool(&[(X, "010")]).await;
    let bound = test.bind(&client, &pool, A, Some(B)).await;
    let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
    let mut wish = test.wish(&pool, A);
    wish["PhoneNoB"] = C.into();
    wish["PhoneNoX"] = X.into();
    match code {
        ErrorCode::IllegalPhoneNoX => wish["PhoneNoX"] = "17000000099".into(),
        ErrorCode::BlockNumber => {
            let disable = json!({"Number": X, "EnableCode": 2});
            client.ok("EnableOrDisableNumber", disable).await;
        }
        ErrorCode::PhoneNoXOccupied => {
            client.ok("UnbindAXB", binding).await;
        }
        ErrorCode::ExceedMaxBindCount => {
            let cap = json!({"NumberPoolNo": pool, "BindingsPerNumberMax": 1});
            test.operator.ok("UpdatePoolSettings", cap).await;
        }
        ErrorCode::UpgradeError => {
            let mut upgrade = binding;
            upgrade["PhoneNoB"] = C.into();
            return client.call("UpgradeAXToAXB", upgrade).await;
        }
        _ => {}
    }
    client.call("BindAXB", wish).await
}

async fn server_at_fault(code: ErrorCode) -> Answer {
    let mut gateway = GatewaySettings::default();
    match code {
        ErrorCode::FlowLimitExceeded => {
            gateway.requests_per_key_per_s = Some(1);
            gateway.over_rate = OverRate::FlowLimitExceeded;
        }
        ErrorCode::OverQpsLimit => gateway.requests_per_key_per_s = Some(1),
        ErrorCode::RequestTimeout => gateway.request_timeout = Duration::from_millis(1),
        _ => {}
    }
    let test = TestApp::start_with(Setup {
        gateway,
        ..Setup::default()
    })
    .await;
    let list = Message::post("NumberPoolList", "application/json", "{}");
    match code {
        ErrorCode::ServiceUnavailable => {
            test.app.close().await;
            test.operator.send(list).await
        }
        ErrorCode::RequestTimeout => test.operator.send_without_end(&list).await,
        ErrorCode::InternalError => {
            let lost = lost_key(&test).await;
            let wish = test.wish("NP000000000000000001", A);
            test.client_of(&lost)
                .call("SelectNumberAndBindAXB", wish)
                .await
        }
        _ => {
            let mut answer = test.operator.send(list.clone()).await;
            for _ in 0..1000 {
                if answer.is_error() {
                    break;
                }
                answer = test.operator.send(list.clone()).await;
            }
            answer
        }
    }
}

/// A key whose account does not exist, as only damaged data can have it.
async fn lost_key(test: &TestApp) -> AccessKey {
    let key = AccessKey {
        id: "AKLTlost".to_owned(),
        secret: Secret::new("secret".to_owned()),
        account: AccountId::new(9_999_999_999).expect("an id"),
        role: Role::Application,
        description: String::new(),
        created_at: test.clock.now(),
        disabled_at: None,
    };
    let made = test.app.store().create_access_key(&key).await;
    assert!(made.expect("the store works"), "the key is new");
    key
}

async fn odd_request(code: ErrorCode) -> Answer {
    let test = TestApp::start().await;
    let mut message = Message::post("NumberPoolList", "application/json", "{}");
    match code {
        ErrorCode::MissingAction => message.query.clear(),
        ErrorCode::MethodNotAllowed => message.method = "DELETE",
        ErrorCode::NotFound => message.path = "/elsewhere",
        _ => message.body = vec![b' '; 256 * 1024 + 1],
    }
    test.operator.send(message).await
}

async fn badly_signed(code: ErrorCode) -> Answer {
    let test = TestApp::start().await;
    let message = Message::post("NumberPoolList", "application/json", "{}");
    let mut client = test.application().await;
    match code {
        ErrorCode::MissingAuthenticationToken => {
            return client.send_as_is(unsigned(&message)).await;
        }
        ErrorCode::InvalidAccessKey => client.access_key = "AKLTnobody".to_owned(),
        ErrorCode::SignatureDoesNotMatch => client.secret = "wrong".to_owned(),
        _ => {}
    }
    let mut request = client.sign(&message);
    spoil(code, &mut request);
    client.send_as_is(request).await
}

fn spoil(code: ErrorCode, request: &mut Request<Body>) {
    let headers = request.headers_mut();
    let authorization = headers["authorization"].to_str().expect("text").to_owned();
    let cut = authorization.find(", Signature=").expect("a signature");
    let set = |name: &'static str, value: &str| Some((name, value.to_owned()));
    let change = match code {
        ErrorCode::InvalidAccessKey | ErrorCode::SignatureDoesNotMatch => None,
        ErrorCode::MissingRequestInfo => {
            headers.remove("x-date");
            None
        }
        ErrorCode::MissingSignature => set("authorization", &authorization[..cut]),
        ErrorCode::InvalidTimestamp => set("x-date", "yesterday"),
        ErrorCode::ServiceNotFound => {
            set("authorization", &authorization.replace("/vms/", "/ecs/"))
        }
        ErrorCode::InvalidAuthorization => set("authorization", "Basic dXNlcjpwYXNz"),
        ErrorCode::InvalidCredential => {
            set("authorization", &authorization.replace("/vms/request", ""))
        }
        ErrorCode::InvalidSecretToken => set("x-security-token", "STS2something"),
        other => panic!("{} is in force and nothing here provokes it", other.name()),
    };
    if let Some((name, value)) = change {
        headers.insert(name, value.parse().expect("a header value"));
    }
}

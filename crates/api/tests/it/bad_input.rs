//! Bad input of every kind to every parameter of every action: always the envelope, never a fault
//! of the server, nothing changed.

use axbridge_api::{
    action::{Action, Kind, Parameter},
    actions::ACTIONS,
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Map, Value, json};

use crate::harness::{A, Answer, B, Client, Message, Snapshot, TestApp, text};

/// What the requests speak of: everything in them is good until it is spoilt.
struct Scene {
    test: TestApp,
    pool: String,
    sub_id: String,
}

impl Scene {
    async fn new() -> Self {
        let test = TestApp::start().await;
        let pool = test.pool(&[("17000000010", "010")]).await;
        let bound = test.bind(&test.operator, &pool, A, None).await;
        test.import(&pool, &[("17000000011", "010")]).await;
        Self {
            sub_id: text(&bound["SubId"]),
            test,
            pool,
        }
    }

    fn operator(&self) -> &Client {
        &self.test.operator
    }

    /// A request with what the action needs and no more.
    fn good_request(&self, action: &Action) -> Map<String, Value> {
        let mut request = Map::new();
        let update = action.name == "UpdateAXB";
        for parameter in action.parameters {
            if parameter.required || (update && parameter.name == "ExpireTime") {
                request.insert(parameter.name.to_owned(), self.good_value(parameter.name));
            }
        }
        request
    }

    fn good_value(&self, name: &str) -> Value {
        match name {
            "PhoneNoA" => json!(A),
            "PhoneNoB" => json!(B),
            "PhoneNoX" | "NumberList" => json!("17000000011"),
            "NumberPoolNo" => json!(self.pool),
            "ExpireTime" => json!(self.test.in_s(3600)),
            "SubId" => json!(self.sub_id),
            "UpdateType" => json!("updateExpireTime"),
            "CallIdList" => json!("S0010_0000000000000001"),
            "CallId" => json!("S0010_0000000000000001"),
            "VoiceCode" => json!("ask"),
            "Audio" => json!("UklGRg=="),
            "CallbackId" => json!("CB0000000000000001"),
            "From" => json!(self.test.in_s(-3600)),
            "To" => json!(self.test.in_s(0)),
            "CustomerNumber" | "CustomerNumberList" => json!("13700000009"),
            "BusinessLineId" => json!(self.operator().account.to_string()),
            "Type" => json!(5),
            "FreezeTime" => json!(12),
            "CallType" => json!(1),
            "Remark" | "TrunkName" => json!("spare"),
            "Name" => json!("renamed"),
            "ServiceType" => json!(200),
            "SubServiceType" => json!(201),
            "EnableCode" => json!(2),
            "Csv" => json!("17000000012,010"),
            "AccessKeyId" => json!(self.operator().access_key),
            "AccountId" => json!(self.operator().account.to_string()),
            other => panic!("say here what a good {other} is"),
        }
    }
}

fn is_list(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::DegradeCities | Kind::Texts { .. } | Kind::Numbers { .. }
    )
}

fn is_text(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text { .. } | Kind::FreeText { .. } | Kind::TextOrJson { .. } | Kind::SubId
    )
}

/// Values that no client could mean anything by.
fn hostile_values(parameter: &Parameter) -> Vec<Value> {
    let kind = parameter.kind;
    let mut values = vec![json!("\u{0}"), json!("13911\u{7}112222")];
    if !matches!(kind, Kind::TextOrJson { .. }) {
        values.extend([json!({"a": 1}), json!([["010"]])]);
        if !is_list(kind) {
            values.push(json!(["010", "021"]));
        }
    }
    // An id that is none of ours names a call that there is not.
    if !is_text(kind) && parameter.name != "CallIdList" {
        values.extend([
            json!("x"),
            json!("１３７０００００００１"),
            json!(1e30),
            json!(1.5),
        ]);
        values.extend([json!("-5"), json!(-5), json!("9223372036854775808")]);
        values.push(json!("🚚".repeat(10_000)));
    }
    match kind {
        Kind::Text { chars_max }
        | Kind::FreeText { chars_max }
        | Kind::TextOrJson { chars_max } => {
            values.push(json!("好".repeat(chars_max + 1)));
        }
        Kind::SubId => values.push(json!("S".repeat(65))),
        Kind::Integer { max, .. } if max < i64::MAX => values.push(json!(i64::MAX)),
        Kind::Flag => values.push(json!(2)),
        Kind::Boolean => values.push(json!(7)),
        Kind::UnixSeconds => values.push(json!(i64::MAX)),
        Kind::DegradeCities => values.push(json!(["010", "021", "022", "023", "024", "025"])),
        Kind::Texts { items_max, .. } | Kind::Numbers { items_max } => {
            let numbers = (0..=items_max).map(|tail| format!("1700000{tail:04}"));
            values.push(numbers.collect());
        }
        _ => {}
    }
    values
}

/// Whether the answer refuses the parameter by its name and says no number back.
fn refuses(answer: &Answer, parameter: &str) -> bool {
    answer.status == 400
        && ["InvalidParameter", "MissingParameter"].contains(&answer.code())
        && answer.message().contains(parameter)
        && !answer.message().contains("13911")
}

#[tokio::test]
async fn hostile_values_are_refused_by_name_and_change_nothing() {
    let scene = Scene::new().await;
    let before = Snapshot::take(scene.operator()).await;
    let mut faults = Vec::new();
    for action in ACTIONS {
        let good = scene.good_request(action);
        for parameter in action.parameters {
            for value in hostile_values(parameter) {
                let mut request = good.clone();
                request.insert(parameter.name.to_owned(), value.clone());
                let request = Value::Object(request);
                let bytes = request.to_string().len();
                let answer = scene.operator().call(action.name, request).await;
                // The fields of a trunk are judged together: another one may be named.
                let of_trunk = action.name.ends_with("Trunk") && answer.status == 400;
                // A value that no body can hold is refused with its body, before it is read.
                let too_large = bytes > axbridge_api::gateway::BODY_BYTES_MAX_DEFAULT
                    && answer.code() == "PayloadTooLarge";
                if !refuses(&answer, parameter.name) && !of_trunk && !too_large {
                    let sent: String = value.to_string().chars().take(80).collect();
                    let (action, parameter) = (action.name, parameter.name);
                    faults.push(format!("{action} {parameter} {sent}: {}", answer.body));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let after = Snapshot::take(scene.operator()).await;
    assert_eq!(after, before, "a refused request changed something");
}

#[tokio::test]
async fn required_parameters_that_are_absent_null_or_empty_are_missing() {
    let scene = Scene::new().await;
    let before = Snapshot::take(scene.operator()).await;
    for action in ACTIONS {
        for parameter in action.parameters.iter().filter(|it| it.required) {
            for value in [None, Some(Value::Null), Some(json!("")), Some(json!([]))] {
                if value == Some(json!([])) && !is_list(parameter.kind) {
                    continue;
                }
                let mut request = scene.good_request(action);
                request.remove(parameter.name);
                if let Some(value) = value {
                    request.insert(parameter.name.to_owned(), value);
                }
                let request = Value::Object(request);
                let answer = scene.operator().call(action.name, request).await;
                answer.expect_missing(parameter.name);
            }
        }
    }
    assert_eq!(Snapshot::take(scene.operator()).await, before);
}

#[tokio::test]
async fn optional_parameters_that_are_null_or_empty_count_as_absent() {
    for action in ACTIONS {
        let scene = Scene::new().await;
        let mut request = scene.good_request(action);
        for (index, parameter) in action.parameters.iter().enumerate() {
            if !request.contains_key(parameter.name) {
                let nothing = [Value::Null, json!("")];
                request.insert(parameter.name.to_owned(), nothing[index % 2].clone());
            }
        }
        let plain = Scene::new().await;
        let expected = plain
            .operator()
            .call(action.name, Value::Object(plain.good_request(action)))
            .await;
        let answer = scene
            .operator()
            .call(action.name, Value::Object(request))
            .await;
        assert_eq!(answer.code(), expected.code(), "{}", action.name);
    }
}

#[tokio::test]
async fn text_in_the_wrong_encoding_is_refused_in_body_and_query() {
    let scene = Scene::new().await;
    let before = Snapshot::take(scene.operator()).await;
    let client = scene.operator();
    for action in ACTIONS {
        let good = scene.good_request(action);
        for parameter in action.parameters {
            for spoilt in ["%FF%FE", "%C0%80", "%00", "%ED%A0%80"] {
                let others: String = good
                    .iter()
                    .filter(|(name, _)| *name != parameter.name)
                    .map(|(name, value)| format!("&{name}={}", plain(value)))
                    .collect();
                let form = format!("{}={spoilt}{others}", parameter.name);
                for answer in [
                    client.form(action.name, &form).await,
                    client.get(action.name, &form).await,
                ] {
                    let case = format!("{} {form}: {}", action.name, answer.body);
                    assert_eq!(answer.code(), "InvalidParameter", "{case}");
                    assert_eq!(answer.status, 400, "{case}");
                }
            }
        }
    }
    assert_eq!(Snapshot::take(client).await, before);
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[tokio::test]
async fn broken_json_is_refused_whole() {
    let scene = Scene::new().await;
    let before = Snapshot::take(scene.operator()).await;
    for action in ACTIONS {
        let good = Value::Object(scene.good_request(action)).to_string();
        let mut not_utf8 = good.clone().into_bytes();
        not_utf8.splice(1..1, *b"\"a\":\"\xFF\",");
        let mut bodies = vec![
            good.as_bytes()[..good.len() - 1].to_vec(),
            format!("[{good}]").into_bytes(),
            format!("{good}{good}").into_bytes(),
            good.replace('{', "{,").into_bytes(),
        ];
        if good.len() > 2 {
            bodies.push(not_utf8);
        }
        for body in bodies {
            let shown = String::from_utf8_lossy(&body).into_owned();
            let message = Message::post(action.name, "application/json", body);
            let answer = scene.operator().send(message).await;
            let case = format!("{} {shown}: {}", action.name, answer.body);
            assert_eq!(answer.code(), "InvalidParameter", "{case}");
            assert_eq!(answer.status, 400, "{case}");
        }
    }
    assert_eq!(Snapshot::take(scene.operator()).await, before);
}

#[test]
fn whatever_the_bytes_are_the_answer_is_an_envelope_and_no_fault() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let scene = runtime.block_on(Scene::new());
    let content_types = prop::sample::select(vec![
        "application/json",
        "application/x-www-form-urlencoded",
        "text/plain",
        "multipart/form-data",
    ]);
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "[{}\\[\\]\":,a-zA-Z0-9%&=. ]{0,80}".prop_map(String::into_bytes),
    ];
    let queries = "[a-zA-Z0-9%&=+.\\[\\]~-]{0,60}";
    let actions = 0..ACTIONS.len();
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let inputs = (actions, content_types, bodies, queries);
    let outcome = runner.run(&inputs, |(action, content_type, body, query)| {
        let mut message = Message::post(ACTIONS[action].name, content_type, body);
        message.query.push('&');
        message.query.push_str(&query);
        // `Answer::read` checks the envelope.
        let answer = runtime.block_on(scene.operator().send(message));
        prop_assert!(answer.status < 500, "{}", answer.body);
        Ok(())
    });
    outcome.expect("no bytes break the gateway");
}

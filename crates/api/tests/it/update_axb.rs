//! Changing one thing of a binding.

use serde_json::{Value, json};

use crate::harness::{A, Answer, B, C, Client, D, TestApp};

const X: &str = "17000000010";
const OTHER_X: &str = "17000000011";

struct Scene {
    test: TestApp,
    client: Client,
    binding: Value,
}

impl Scene {
    async fn of(b: Option<&str>) -> Self {
        let test = TestApp::start().await;
        let client = test.application().await;
        let pool = test.pool(&[(X, "010")]).await;
        let bound = test.bind(&client, &pool, A, b).await;
        test.import(&pool, &[(OTHER_X, "010")]).await;
        let binding = json!({"NumberPoolNo": pool, "SubId": bound["SubId"]});
        Self {
            test,
            client,
            binding,
        }
    }

    async fn update(&self, update_type: &str, name: &str, value: Value) -> Answer {
        let mut request = self.binding.clone();
        request["UpdateType"] = update_type.into();
        request[name] = value;
        self.client.call("UpdateAXB", request).await
    }

    async fn shown(&self) -> Value {
        self.client
            .ok("QuerySubscription", self.binding.clone())
            .await
    }
}

#[tokio::test]
async fn each_update_type_changes_its_field_and_answers_true() {
    let scene = Scene::of(Some(B)).await;
    let later = scene.test.in_s(7200);
    for (update_type, name, value) in [
        ("updateExpireTime", "ExpireTime", json!(later)),
        ("updateUserData", "UserData", json!("新数据")),
        ("updateOutId", "OutId", json!("out-2")),
        ("updatePhoneNoA", "PhoneNoA", json!(C)),
        ("updatePhoneNoB", "PhoneNoB", json!(D)),
        ("updatePhoneNoX", "PhoneNoX", json!(OTHER_X)),
        ("updateOrderId", "OrderId", json!("order-2")),
        ("updateIndustrialId", "IndustrialId", json!("industry-2")),
    ] {
        let answer = scene.update(update_type, name, value.clone()).await;
        assert_eq!(answer.result(), &json!(true), "{update_type}");
        assert_eq!(scene.shown().await[name], value, "{update_type}");
    }
    let connect = |to: &str| ("Connect".to_owned(), to.to_owned());
    assert_eq!(scene.test.ring(OTHER_X, C).await, connect(D));
    assert_eq!(scene.test.ring(OTHER_X, D).await, connect(C));
    assert_ne!(scene.test.ring(X, B).await.0, "Connect");
}

#[tokio::test]
async fn the_update_type_is_read_in_any_case_and_other_fields_are_left_alone() {
    let scene = Scene::of(Some(B)).await;
    let mut request = scene.binding.clone();
    request["UpdateType"] = "UpdateUserData".into();
    request["UserData"] = "new".into();
    request["PhoneNoA"] = C.into();
    request["ExpireTime"] = 0.into();
    scene.client.ok("UpdateAXB", request).await;
    let shown = scene.shown().await;
    assert_eq!(shown["UserData"], "new");
    assert_eq!(shown["PhoneNoA"], A);
}

#[tokio::test]
async fn the_field_that_is_to_change_is_required() {
    let scene = Scene::of(Some(B)).await;
    for (update_type, name) in [
        ("updateExpireTime", "ExpireTime"),
        ("updatePhoneNoA", "PhoneNoA"),
        ("updatePhoneNoB", "PhoneNoB"),
        ("updatePhoneNoX", "PhoneNoX"),
    ] {
        let answer = scene.update(update_type, "Remark", json!("")).await;
        answer.expect_missing(name);
    }
    scene
        .update("updateEverything", "PhoneNoA", json!(C))
        .await
        .expect_invalid("UpdateType");
}

#[tokio::test]
async fn user_data_and_out_id_can_be_cleared() {
    let scene = Scene::of(Some(B)).await;
    for (update_type, name) in [("updateUserData", "UserData"), ("updateOutId", "OutId")] {
        scene
            .update(update_type, name, json!("something"))
            .await
            .into_result();
        scene
            .update(update_type, name, json!(""))
            .await
            .into_result();
        assert_eq!(scene.shown().await[name], "");
    }
}

#[tokio::test]
async fn an_ax_gets_no_b_by_an_update() {
    let scene = Scene::of(None).await;
    let answer = scene.update("updatePhoneNoB", "PhoneNoB", json!(B)).await;
    answer.expect_error("UnsupportedOperation", "UpgradeAXToAXB");
}

#[tokio::test]
async fn a_change_that_clashes_leaves_everything_as_it_was() {
    let scene = Scene::of(Some(B)).await;
    let mut wish = scene
        .test
        .wish(scene.binding["NumberPoolNo"].as_str().expect("a pool"), C);
    wish["PhoneNoB"] = D.into();
    wish["PhoneNoX"] = X.into();
    scene.client.ok("BindAXB", wish).await;
    let before = scene.shown().await;
    let answer = scene.update("updatePhoneNoB", "PhoneNoB", json!(C)).await;
    answer.expect_error("ConflictWithExisting", "");
    let answer = scene.update("updatePhoneNoB", "PhoneNoB", json!(A)).await;
    answer.expect_invalid("PhoneNoB");
    let answer = scene
        .update("updatePhoneNoX", "PhoneNoX", json!("17000000099"))
        .await;
    answer.expect_error("IllegalPhoneNoX", "");
    let soon = scene.test.in_s(30);
    let answer = scene
        .update("updateExpireTime", "ExpireTime", json!(soon))
        .await;
    answer.expect_invalid("ExpireTime");
    assert_eq!(scene.shown().await, before);
}

#[tokio::test]
async fn a_binding_that_has_ended_is_not_changed() {
    let scene = Scene::of(Some(B)).await;
    scene.client.ok("UnbindAXB", scene.binding.clone()).await;
    let answer = scene
        .update("updateUserData", "UserData", json!("new"))
        .await;
    answer.expect_error("SubscriptionEmpty", "");
}

#[tokio::test]
async fn a_shorter_life_ends_the_binding_at_its_new_time() {
    let scene = Scene::of(Some(B)).await;
    let sooner = scene.test.in_s(120);
    scene
        .update("updateExpireTime", "ExpireTime", json!(sooner.to_string()))
        .await
        .into_result();
    scene.test.move_clock_s(120);
    assert_eq!(scene.test.ring(X, A).await.0, "Ended");
}

//! Who sees which number.

use std::time::Duration;

use axbridge_voice::phone::{Answer, Script};
use serde_json::json;

use crate::house::{A, B, House, X, report, rings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_display_type_shows_each_side_what_it_says() {
    for (display, a_sees, b_sees) in [(1, X, X), (2, B, X), (3, X, A), (4, B, A)] {
        let mut house = House::start().await;
        house.shown = [a_sees, b_sees].map(|number| (number != X).then_some(number));
        let account = house.server.call("ListAccounts", json!({}));
        let account = account["Records"][0]["AccountId"].clone();
        let terms = json!({"AccountId": account, "MayShowRealNumbers": true});
        house.server.call("UpdateAccount", terms);
        house.bind(json!({"CallDisplayType": display}));
        let brief = |script: Script| {
            script
                .answering(Answer::AtOnce)
                .for_time(Duration::from_millis(200))
        };
        house.a.answer_others(brief(Script::default()));
        house.b.answer_others(brief(Script::default()));
        let out = house.a_calls(Script::default()).await;
        assert_eq!(
            rings(&house.b).await.caller_shown(),
            b_sees,
            "type {display}"
        );
        report(out).await;
        let out = house
            .b
            .call(house.server.sip(), B, X, Script::default())
            .await;
        assert_eq!(
            rings(&house.a).await.caller_shown(),
            a_sees,
            "type {display}"
        );
        report(out).await;
    }
}

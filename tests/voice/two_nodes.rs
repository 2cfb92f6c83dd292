//! Two nodes on one PostgreSQL: what one acknowledged the other calls by.

use axbridge_voice::phone::{Ended, Script, Stage};
use serde_json::json;

use crate::database::Database;
use crate::house::{A, A_HZ, House, Server, X, report, rings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_one_node_goes_by_a_binding_of_the_other() {
    let Some(database) = Database::make("two_nodes").await else {
        return;
    };
    let house = House::with(&[("STORE__URL", database.url())]).await;
    let keys = std::fs::read_to_string(house.server.data.join("keys")).expect("keys");
    let other = Server::start(
        &house.folder.path().join("data-2"),
        &house.folder.path().join("logs-2"),
        &[("STORE__URL", database.url()), ("STORE__KEYS", &keys)],
    );
    let sub_id = house.bind(json!({}));
    let mut out = house.a.call(other.sip(), A, X, Script::tone(A_HZ)).await;
    let incoming = rings(&house.b).await;
    assert_eq!(incoming.caller_shown(), X);
    assert!(out.reaches(Stage::Answered).await);
    out.hang_up().await;
    report(out).await;
    report(incoming).await;
    assert_eq!(house.record(&sub_id).await["CallResult"], 1);
    house.server.call(
        "UnbindAXB",
        json!({"NumberPoolNo": house.pool, "SubId": sub_id}),
    );
    let late = house.a.call(other.sip(), A, X, Script::default()).await;
    assert_eq!(report(late).await.ended, Ended::Refused(404));
    drop(other);
    drop(house);
    database.remove().await;
}

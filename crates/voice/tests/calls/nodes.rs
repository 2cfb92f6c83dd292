//! Two nodes on one database: what one acknowledged, a call on the other follows at once.

use axbridge_domain::call::CallResult;
use axbridge_store::Location;
use tokio_postgres::NoTls;

use crate::{
    house::{A, B, House},
    line::Line,
    scene::{carriers, quick, to_x},
};

async fn execute(server: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls)
        .await
        .expect("TEST_DATABASE_URL names a server that answers");
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    done.expect("the user of TEST_DATABASE_URL may make databases");
    drop(client);
    let _ = connection.await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_one_node_follows_what_the_other_acknowledged() {
    // Without a server there is nothing that two nodes could share.
    let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
        return;
    };
    let name = format!("axbridge_voice_{}", std::process::id());
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let (before, _) = server.rsplit_once('/').expect("a URL with a database");
    let location = Location::Postgres(format!("{before}/{name}"));
    let (a, b) = carriers().await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let house = House::start_at(&a, &b, quick(), location, directory).await;
    let (app, plane) = house.second_node().await;
    let two = plane.addresses()[0].1;

    let binding = house.bind(Some(B), |_| ()).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, two, invite).await;
    let mut b = Line::ring(b, two).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.is_refused(486).await;

    house.unbind(binding.sub_id).await;
    let invite = to_x(&a.peer, A);
    let mut a = Line::call(a.peer, two, invite).await;
    a.status(183).await;
    a.is_refused(404).await;
    let calls = house.ended_calls(2).await;
    let mut results: Vec<CallResult> = calls
        .iter()
        .filter_map(|call| call.end.as_ref().map(|end| end.result))
        .collect();
    results.sort_by_key(|result| result.code());
    assert_eq!(results, [CallResult::Busy, CallResult::NoBinding]);
    assert!(calls.iter().all(|call| call.node == "two"));
    plane.stop().await;
    house.plane.stop().await;
    app.close().await;
    house.app.close().await;
    execute(
        &server,
        &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
    )
    .await;
}

//! Two nodes on one database: what one acknowledged, a call on the other follows at once.

use axbridge_domain::call::CallResult;
use axbridge_store::Location;
use tokio_postgres::NoTls;

use crate::{
    house::{A, B, House},
    line::Line,
    peer::Peer,
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

/// A database of its own.
struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Without a server there is nothing that two nodes could share.
    async fn make(purpose: &str) -> Option<Self> {
        let server = std::env::var("TEST_DATABASE_URL").ok()?;
        let name = format!("axbridge_voice_{purpose}_{}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        Some(Self { server, name })
    }

    fn location(&self) -> Location {
        let before = self.server.rsplit_once('/');
        let (before, _) = before.expect("a URL with a database");
        Location::Postgres(format!("{before}/{}", self.name))
    }

    async fn drop(self) {
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        execute(&self.server, &drop).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_on_one_node_follows_what_the_other_acknowledged() {
    let Some(database) = Database::make("follows").await else {
        return;
    };
    let location = database.location();
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
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_hold_over_all_nodes_and_a_dead_node_frees_its_places() {
    let Some(database) = Database::make("limits").await else {
        return;
    };
    let (a, b) = carriers().await;
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut setup = quick();
    setup.terms.calls_max = Some(1);
    setup.trunk_b = vec![("CallsMax", "2".to_owned())];
    let house = House::start_at(&a, &b, setup, database.location(), directory).await;
    let (app, plane) = house.second_node().await;
    let two = plane.addresses()[0].1;
    house.bind(Some(B), |_| ()).await;

    // One call on node two is all that the account may have, on node one as well.
    let other = Peer::at("127.0.0.2").await;
    let invite = to_x(&other, A);
    let mut cut_off = Line::call(other, two, invite).await;
    let b = Line::ring(b, two).await;
    b.answer("180 Ringing", None).await;
    cut_off.status(180).await;
    let invite = to_x(&a, A);
    let mut a = Line::call(a, house.address(), invite).await;
    a.status(183).await;
    a.is_refused(486).await;
    let refused = house.ended_calls(1).await;
    let end = refused[0].end.as_ref().expect("an end");
    assert_eq!(end.result, CallResult::AccountConcurrency);
    assert_eq!(refused[0].node, "one");

    // Node two dies without a word. While it may be alive its call counts; then there is room.
    app.close().await;
    drop(plane);
    let gone = house.app.store().keep_node("two", 0).await;
    gone.expect("the store");
    let invite = to_x(&a.peer, A);
    let mut a = Line::call(a.peer, house.address(), invite).await;
    let mut b = Line::ring(b.peer, house.address()).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.is_refused(486).await;
    house.ended_calls(2).await;
    house.plane.stop().await;
    house.app.close().await;
    database.drop().await;
}

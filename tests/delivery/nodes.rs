//! Two nodes on one PostgreSQL deliver; one is killed, and the other takes over what it held.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axbridge_store::Location;

use crate::{
    authority::Authority,
    house::{House, quick, wait_for},
    kill::{Place, furnish, receiver, settle, work},
    receiver::{Mood, Receiver},
};

const ROUNDS: usize = 3;
const LIFE: Duration = Duration::from_millis(700);

/// A database of our own on the server that the environment names; `None` without one.
pub(crate) async fn database() -> Option<(String, String)> {
    let server = std::env::var("TEST_DATABASE_URL").unwrap_or_default();
    if server.is_empty() {
        println!("skipped: TEST_DATABASE_URL is not set");
        return None;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let nanos = since.map_or(0, |since| since.as_nanos());
    let name = format!("delivery_{}_{nanos}", std::process::id());
    execute(&server, &format!("CREATE DATABASE {name}")).await;
    let (address, _) = server.rsplit_once('/').expect("a URL with a database");
    Some((server.clone(), format!("{address}/{name}")))
}

pub(crate) async fn drop_database(server: &str, url: &str) {
    let name = url.rsplit('/').next().expect("a name");
    execute(server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

async fn execute(url: &str, statement: &str) {
    let connecting = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connecting.expect("TEST_DATABASE_URL names a server");
    tokio::spawn(connection);
    let done = client.batch_execute(statement).await;
    done.unwrap_or_else(|error| panic!("{statement}: {error}"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_nodes_one_is_killed_and_nothing_is_lost_or_out_of_order() {
    let Some((server, url)) = database().await else {
        return;
    };
    let authority = Authority::new();
    let receiver = receiver(&authority).await;
    let store = ("AXBRIDGE__STORE__URL", url.as_str());
    let first = Place::new(&[store]);
    let mut lasting = first.start();
    let keys = first.data().join("keys");
    let key_file = ("AXBRIDGE__STORE__KEY_FILE", keys.to_str().expect("text"));
    let second = Place::new(&[store, key_file]);
    let mut client = first.client();
    let pool = furnish(&mut client, &receiver.url("localhost"), authority.pem());
    let next = Arc::new(AtomicU64::new(0));
    for round in 0..ROUNDS {
        let victim = second.start();
        let stop = Arc::new(AtomicBool::new(false));
        let start = |client| work(client, pool.clone(), Arc::clone(&next), Arc::clone(&stop));
        let workers = [start(first.client()), start(second.client())];
        sleep(LIFE);
        // Both have been the one that dies.
        let victim = if round % 2 == 0 {
            victim
        } else {
            std::mem::replace(&mut lasting, victim)
        };
        drop(victim);
        stop.store(true, Ordering::SeqCst);
        for worker in workers {
            worker.join().expect("it works");
        }
        if round % 2 == 1 {
            drop(std::mem::replace(&mut lasting, first.start()));
        }
    }
    let happened = settle(&mut first.client(), &receiver, 1).await;
    assert!(happened > 30, "only {happened} events");
    let (_, counts) = receiver.first_takings();
    let repeated = counts.values().filter(|count| **count > 1).count();
    // What was under way at a death may come twice; that is at most what a node sends at once.
    assert!(
        repeated <= ROUNDS * 2 * 8,
        "{repeated} events came more than once"
    );
    drop(lasting);
    drop_database(&server, &url).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_receiver_is_tried_a_few_times_by_each_node_and_then_left_alone() {
    let Some((server, url)) = database().await else {
        return;
    };
    let mut settings = quick();
    // Once it is left alone it stays so for longer than this test.
    settings.breaker.open_ms = 3_600_000;
    settings.breaker.open_ms_max = 3_600_000;
    let tried_at_most = settings.concurrency as u64 + u64::from(settings.breaker.failures);
    let authority = Authority::new();
    let dead = Receiver::start("127.0.0.1", authority.acceptor(&["localhost"])).await;
    dead.behave(|_| Mood::Refuse(503));
    let first = House::open_on(settings.clone(), Some(Location::Postgres(url.clone()))).await;
    let second = first.beside(settings).await;
    let url_of_dead = dead.url("localhost");
    first.subscribe(&url_of_dead, Some(authority.pem())).await;
    for index in 0..60 {
        first.bind(index).await;
    }
    for house in [&first, &second] {
        let left_alone = async || {
            let metrics = house.app.metrics_text().await.expect("metrics");
            metrics.contains("axbridge_callback_receivers{state=\"broken\"} 1")
        };
        wait_for("each node leaves it alone", left_alone).await;
    }
    let (asked, _) = dead.seen();
    assert!(asked <= 2 * tried_at_most, "{asked} requests");
    for mut house in [first, second] {
        house.stop().await;
    }
    assert_eq!(dead.seen().0, asked, "nothing more came");
    drop_database(&server, &url).await;
}

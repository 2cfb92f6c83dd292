//! Two nodes on one PostgreSQL deliver; one is killed, and the other takes over what it held.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::sleep,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::{
    kill::{Place, furnish, receiver, settle, work},
    receiver::Authority,
};

const ROUNDS: usize = 3;
const LIFE: Duration = Duration::from_millis(700);

/// A database of our own on the server that the environment names; `None` without one.
async fn database() -> Option<(String, String)> {
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
    let name = url.rsplit('/').next().expect("a name");
    execute(&server, &format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

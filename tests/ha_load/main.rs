//! The load of the rehearsal of a failover (`cargo xtask ha-rehearsal`): binds
//! and unbinds on several nodes of one database, and the judgement afterwards.
//! What was acknowledged must hold on every node.
//!
//! Arguments: the data directory of each node. It prints `running` once every
//! worker was answered, works until a line or the end of standard input, then
//! prints what it found as one line of JSON.
//!
//! Not here: servers, databases and their deaths; those are the chore's.

mod judge;
mod worker;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};
use std::{process::ExitCode, sync::Arc};

use axbridge_tests::signed_client::SignedClient;
use serde_json::{Value, json};

use crate::worker::{Diary, Worker};

/// Workers of each node.
const WORKERS: usize = 4;

/// Privacy numbers of the pool.
const NUMBERS: usize = 400;

/// What the workers share.
pub(crate) struct Shared {
    /// The nodes.
    pub(crate) nodes: Vec<SignedClient>,
    /// The pool that all bind from.
    pub(crate) pool: String,
    /// Set when the workers are to finish.
    pub(crate) stop: AtomicBool,
    /// Workers that were answered once.
    pub(crate) answered: AtomicUsize,
    /// When the load began.
    pub(crate) began: Instant,
}

fn main() -> ExitCode {
    let nodes: Vec<SignedClient> = std::env::args()
        .skip(1)
        .map(|data| SignedClient::of_operator(Path::new(&data)))
        .collect();
    let Some(first) = nodes.first() else {
        eprintln!("error: name the data directory of each node");
        return ExitCode::FAILURE;
    };
    let pool = make_pool(&mut first.clone());
    let shared = Arc::new(Shared {
        nodes,
        pool,
        stop: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        began: Instant::now(),
    });
    let diaries = work(&shared);
    let report = report(&shared, &diaries);
    println!("{report}");
    ExitCode::SUCCESS
}

fn make_pool(client: &mut SignedClient) -> String {
    let wish = json!({"Name": "failover", "ServiceType": 200, "SubServiceType": 201});
    let made = client.call("CreateNumberPool", &wish).done("a pool");
    let pool = made["NumberPoolNo"].as_str().expect("a text").to_owned();
    let rows: Vec<String> = (0..NUMBERS)
        .map(|it| format!("1700000{it:04},010"))
        .collect();
    let numbers = json!({"NumberPoolNo": pool, "Csv": rows.join("\n")});
    let report = client.call("ImportNumbers", &numbers).done("an import");
    assert_eq!(report["Added"], NUMBERS, "{report}");
    // What ended may be taken by others at once: the hardest case for "one owner".
    let rules = json!({"NumberPoolNo": pool, "QuarantineSeconds": 0, "QuarantineMinSeconds": 0});
    let _ = client.call("UpdatePoolSettings", &rules).done("rules");
    pool
}

/// Lets the workers work until standard input says otherwise.
fn work(shared: &Arc<Shared>) -> Vec<Diary> {
    let workers: Vec<JoinHandle<Diary>> = (0..shared.nodes.len() * WORKERS)
        .map(|number| {
            let shared = Arc::clone(shared);
            spawn(move || Worker::new(&shared, number).work())
        })
        .collect();
    let all = workers.len();
    while shared.answered.load(Ordering::SeqCst) < all {
        sleep(Duration::from_millis(5));
    }
    println!("running");
    let mut line = String::new();
    // A closed input is as good as a line.
    let _ = std::io::stdin().read_line(&mut line);
    shared.stop.store(true, Ordering::SeqCst);
    workers
        .into_iter()
        .map(|worker| worker.join().expect("a worker does not panic"))
        .collect()
}

fn report(shared: &Arc<Shared>, diaries: &[Diary]) -> Value {
    let judgement = judge::judge(shared, diaries);
    let entries = || diaries.iter().flat_map(|diary| &diary.entries);
    let sum = |of: fn(&Diary) -> u64| diaries.iter().map(of).sum::<u64>();
    let refused: Vec<&String> = diaries.iter().flat_map(|it| &it.refused).collect();
    let longest = diaries.iter().map(|it| it.longest).max();
    let silences: Vec<Value> = (0..shared.nodes.len())
        .map(|node| {
            let of_node = entries().filter(|it| it.node == node).map(|it| it.at);
            let (from, length) = silence(of_node.collect());
            json!({"FromMs": millis(from), "Ms": millis(length)})
        })
        .collect();
    json!({
        "Bound": entries().count(),
        "Ended": entries().filter(|it| it.ended).count(),
        "WithoutAnswer": sum(|it| it.without_answer),
        "SettledByRetry": sum(|it| it.settled),
        "Refused": refused,
        "LongestWaitForAnAnswerMs": millis(longest.unwrap_or_default()),
        "WithoutService": silences,
        "Resolved": judgement.resolved,
        "Faults": judgement.faults,
    })
}

/// The longest time between two acknowledgements: when it began, and its length.
fn silence(mut moments: Vec<Duration>) -> (Duration, Duration) {
    moments.sort_unstable();
    moments
        .windows(2)
        .map(|pair| (pair[0], pair[1] - pair[0]))
        .max_by_key(|(_, length)| *length)
        .unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[test]
fn the_longest_silence_is_found_whatever_the_order_of_moments() {
    let ms = Duration::from_millis;
    let moments = vec![ms(900), ms(10), ms(40), ms(300)];
    assert_eq!(silence(moments), (ms(300), ms(600)));
    assert_eq!(silence(vec![ms(5)]), (ms(0), ms(0)));
}

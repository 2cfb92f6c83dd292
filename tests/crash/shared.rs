//! Rounds of sudden death on PostgreSQL: of one of two nodes, and of the
//! database under both.

use std::path::PathBuf;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use axbridge_tests::signed_client::{Reply, SignedClient};
use serde_json::json;
use tempfile::TempDir;

use crate::audit;
use crate::cluster::Cluster;
use crate::dice::Dice;
use crate::ledger::Tally;
use crate::load::{ledgers, make_pool, settle, tally, under_load};
use crate::program::{Node, serve};

const LIFE_MS_MAX: u64 = 900;

/// How long a database lies dead, at the most.
const DEAD_MS_MAX: u64 = 400;

/// A backend finishes the statement it is in before it notices that its client died.
const BACKENDS_NOTICE: Duration = Duration::from_millis(300);

/// Nodes find a database that is back within this.
const RECONNECT_MAX: Duration = Duration::from_secs(30);

/// Two nodes on one database, each with a folder for its files.
struct Pair {
    cluster: Cluster,
    folders: [TempDir; 2],
}

impl Pair {
    fn new(cluster: Cluster) -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self {
            cluster,
            folders: [folder(), folder()],
        }
    }

    fn start(&self, which: usize) -> Node {
        let data = self.data(which);
        Node::start(&mut self.command(which), &data, self.folders[which].path())
    }

    fn data(&self, which: usize) -> PathBuf {
        self.folders[which].path().join("data")
    }

    fn command(&self, which: usize) -> Command {
        let mut command = serve(&self.data(which));
        command.args(["--store", &self.cluster.url()]);
        // The keys of the first node serve both.
        command.env("AXBRIDGE__STORE__KEY_FILE", self.data(0).join("keys"));
        command
    }
}

/// Kills one node of two so often. `None` without PostgreSQL.
pub(crate) fn node_rounds(count: u64, seed: u64) -> Option<Tally> {
    let pair = Pair::new(Cluster::start()?);
    let mut dice = Dice::new(seed);
    let mut nodes = [pair.start(0), pair.start(1)].map(Some);
    let pool = make_pool(&mut client_of(&nodes[0]));
    let mut ledgers = ledgers(&pool, seed);
    for round in 0..count {
        let victim = (round % 2) as usize;
        let servers = [client_of(&nodes[0]), client_of(&nodes[1])];
        let life = Duration::from_millis(dice.below(LIFE_MS_MAX) + 100);
        under_load(&mut ledgers, &servers, || {
            sleep(life);
            nodes[victim].take().expect("both live").kill();
        });
        sleep(BACKENDS_NOTICE);
        // The other node knows everything at once.
        settle(&mut ledgers, &servers[1 - victim..2 - victim]);
        nodes[victim] = Some(pair.start(victim));
        settle(&mut ledgers, &[client_of(&nodes[victim])]);
    }
    nodes.into_iter().flatten().for_each(Node::stop);
    audit::postgres(&pair.cluster.psql(), &pair.cluster.url(), &ledgers);
    Some(tally(&ledgers))
}

/// Stops the database under both nodes at once so often. `None` without PostgreSQL.
pub(crate) fn database_rounds(count: u64, seed: u64) -> Option<Tally> {
    let pair = Pair::new(Cluster::start()?);
    let mut dice = Dice::new(seed);
    let nodes = [pair.start(0), pair.start(1)];
    let servers = [nodes[0].client(), nodes[1].client()];
    let pool = make_pool(&mut servers[0].clone());
    let mut ledgers = ledgers(&pool, seed);
    for _ in 0..count {
        let life = Duration::from_millis(dice.below(LIFE_MS_MAX) + 100);
        let dead = Duration::from_millis(dice.below(DEAD_MS_MAX));
        under_load(&mut ledgers, &servers, || {
            sleep(life);
            pair.cluster.fall();
            sleep(dead);
            pair.cluster.rise();
            servers.iter().for_each(until_it_answers);
        });
        settle(&mut ledgers, &servers);
    }
    nodes.into_iter().for_each(Node::stop);
    audit::postgres(&pair.cluster.psql(), &pair.cluster.url(), &ledgers);
    Some(tally(&ledgers))
}

fn client_of(node: &Option<Node>) -> SignedClient {
    node.as_ref().expect("it lives").client()
}

/// Nodes come back to their database by themselves.
fn until_it_answers(server: &SignedClient) {
    let mut client = server.clone();
    let started = Instant::now();
    loop {
        match client.call("QuerySubscriptionForList", &json!({"Limit": 1})) {
            Reply::Done(_) => return,
            Reply::Unknown(why) => assert!(started.elapsed() < RECONNECT_MAX, "{why}"),
            Reply::Refused { code, message } => panic!("{code}: {message}"),
        }
        sleep(Duration::from_millis(50));
    }
}

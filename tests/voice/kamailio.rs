//! Two real nodes on one PostgreSQL behind Kamailio with the files of `deploy/kamailio`: every
//! call connects while one node is dead or drains, and what belongs to a call reaches its node.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use axbridge_tests::{
    kamailio::{Front, until_answered},
    leaks::leaks,
    program::{PATIENCE, POLL, Server},
};
use axbridge_voice::phone::{Answer, Ended, Phone, PhoneCall, Script, Stage};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    database::Database,
    house::{
        A, A_HOST, A_HZ, B, B_HOST, B_HZ, X, bind_at, phone, report, rings, stock, until_heard,
    },
};

const FRONT_HOST: &str = "127.0.5.1";
/// Calls that are made to see where they go.
const CALLS: usize = 6;

struct Site {
    nodes: Vec<Server>,
    front: Front,
    a: Phone,
    b: Phone,
    database: Database,
    // The nodes' files, for as long as they run.
    _folder: TempDir,
}

impl Site {
    /// `None` when the machine lacks what it needs, which is said.
    async fn open(name: &str) -> Option<Self> {
        if !Front::is_installed() {
            return None;
        }
        let database = Database::make(name).await?;
        let folder = tempfile::tempdir().expect("a directory");
        let start = |node: &str, keys: &[(&str, &str)]| {
            let mut settings = vec![("STORE__URL", database.url()), ("NODE__NAME", node)];
            settings.extend(keys);
            let path = |kind: &str| folder.path().join(format!("{kind}-{node}"));
            Server::start(&path("data"), &path("logs"), &settings)
        };
        let first = start("one", &[]);
        let keys = std::fs::read_to_string(first.data.join("keys")).expect("keys");
        let nodes = vec![first, start("two", &[("STORE__KEYS", &keys)])];
        let (a, b) = (phone(A_HOST).await, phone(B_HOST).await);
        let networks = [A_HOST, B_HOST].map(|host| format!("{host}/32"));
        let addresses: Vec<_> = nodes.iter().map(Server::sip).collect();
        let front = Front::start(FRONT_HOST, &addresses, &[&networks[0], &networks[1]]);
        for (name, phone, host, prefix) in [
            ("carrier-a", &a, A_HOST, "137"),
            ("carrier-b", &b, B_HOST, "138"),
        ] {
            // One front for both carriers: what comes through it counts as A's carrier's.
            let front = (name == "carrier-a").then_some(FRONT_HOST);
            let networks: Vec<&str> = [host].into_iter().chain(front).collect();
            let trunk = json!({
                "TrunkName": name, "Peers": [phone.address().to_string()], "Networks": networks,
                "PrefixRules": [prefix], "KeepAliveSeconds": 0,
            });
            nodes[0].call("CreateTrunk", trunk);
        }
        a.answer_others(Script::tone(A_HZ));
        b.answer_others(Script::tone(B_HZ));
        bind_at(&nodes[0], &stock(&nodes[0]), json!({}));
        let site = Self {
            nodes,
            front,
            a,
            b,
            database,
            _folder: folder,
        };
        site.opens().await;
        Some(site)
    }

    /// Waits until calls get through to both nodes: the front asks them every two seconds, and
    /// each reads the trunks every second.
    async fn opens(&self) {
        for node in &self.nodes {
            until_answered(B_HOST, node.sip());
        }
        until_answered(A_HOST, self.front.address());
        let started = Instant::now();
        while self.nodes_of_calls().len() < self.nodes.len() {
            let call = self.calls(Script::default()).await;
            assert_eq!(self.talk(call).await, Ended::HungUp);
            assert!(started.elapsed() < PATIENCE, "one node gets no calls");
        }
    }

    /// A calls X through the front.
    async fn calls(&self, script: Script) -> PhoneCall {
        let patient = Script {
            give_up_after: script.give_up_after.or(Some(Duration::from_secs(10))),
            ..script
        };
        self.a.call(self.front.address(), A, X, patient).await
    }

    /// Sees an answered call through: both hear each other, A hangs up.
    async fn talk(&self, mut call: PhoneCall) -> Ended {
        if call.reaches(Stage::Answered).await {
            call.hang_up().await;
            report(rings(&self.b).await).await;
        }
        report(call).await.ended
    }

    /// How many calls each node took.
    fn nodes_of_calls(&self) -> BTreeMap<String, usize> {
        let alive = self.nodes.last().expect("a node");
        let found = alive.call("ListCalls", json!({"Limit": 500}));
        let mut nodes = BTreeMap::new();
        for record in found["Records"].as_array().expect("a list") {
            let node = record["Node"].as_str().expect("a name").to_owned();
            *nodes.entry(node).or_default() += 1;
        }
        nodes
    }

    /// How many more calls each node took than before.
    fn more_than(&self, before: &BTreeMap<String, usize>) -> [usize; 2] {
        let now = self.nodes_of_calls();
        ["one", "two"].map(|node| {
            let count = |counts: &BTreeMap<String, usize>| counts.get(node).copied();
            count(&now).unwrap_or_default() - count(before).unwrap_or_default()
        })
    }

    /// The newest record, once its call is over.
    async fn newest(&self) -> Value {
        let alive = self.nodes.last().expect("a node");
        let started = Instant::now();
        loop {
            let found = alive.call("ListCalls", json!({"Limit": 1}));
            let newest = &found["Records"][0];
            if newest["State"] == "ended" {
                return newest.clone();
            }
            assert!(started.elapsed() < PATIENCE, "{newest}");
            tokio::time::sleep(POLL).await;
        }
    }

    async fn close(self) {
        for (phone, needles) in [(&self.a, [B, B_HOST]), (&self.b, [A, A_HOST])] {
            for message in phone.messages().iter().filter(|it| !it.sent) {
                let found = leaks(&message.bytes, &needles);
                let text = String::from_utf8_lossy(&message.bytes);
                assert!(found.is_empty(), "{found:?} in\n{text}");
            }
        }
        drop(self.nodes);
        drop(self.front);
        self.database.remove().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_kamailio_calls_are_spread_and_end_on_their_node() {
    let Some(site) = Site::open("spread").await else {
        return;
    };
    let before = site.nodes_of_calls();
    for _ in 0..CALLS {
        let mut call = site.calls(Script::tone(A_HZ)).await;
        let incoming = rings(&site.b).await;
        assert_eq!(incoming.caller_shown(), X);
        assert!(call.reaches(Stage::Answered).await);
        until_heard(&call, B_HZ).await;
        until_heard(&incoming, A_HZ).await;
        call.hang_up().await;
        assert_eq!(report(call).await.ended, Ended::HungUp);
        assert_eq!(report(incoming).await.ended, Ended::ByOther);
        let record = site.newest().await;
        assert_eq!(record["CallResult"], 1, "{record}");
        assert_eq!(
            record["ReleaseType"], 1,
            "the caller's BYE reached its node: {record}"
        );
    }
    assert_eq!(site.more_than(&before), [CALLS / 2; 2], "turn by turn");
    // A call that nobody answers is taken back through the front.
    site.b
        .answer_others(Script::default().answering(Answer::Never));
    for _ in 0..2 {
        let mut call = site.calls(Script::default()).await;
        let incoming = rings(&site.b).await;
        assert!(call.reaches(Stage::Ringing).await);
        call.hang_up().await;
        assert_eq!(report(call).await.ended, Ended::GivenUp);
        assert_eq!(report(incoming).await.ended, Ended::Cancelled);
        assert_eq!(site.newest().await["CallResult"], 5);
    }
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_kamailio_every_call_connects_with_one_node_dead() {
    let Some(mut site) = Site::open("dead").await else {
        return;
    };
    let before = site.nodes_of_calls();
    site.nodes[0].kill();
    for _ in 0..CALLS {
        let call = site.calls(Script::tone(A_HZ)).await;
        assert_eq!(site.talk(call).await, Ended::HungUp);
        let record = site.newest().await;
        assert_eq!(
            (&record["CallResult"], &record["ReleaseType"]),
            (&json!(1), &json!(1))
        );
    }
    assert_eq!(site.more_than(&before), [0, CALLS]);
    site.b
        .answer_others(Script::default().answering(Answer::Never));
    let mut call = site.calls(Script::default()).await;
    let incoming = rings(&site.b).await;
    assert!(call.reaches(Stage::Ringing).await);
    call.hang_up().await;
    assert_eq!(report(call).await.ended, Ended::GivenUp);
    assert_eq!(report(incoming).await.ended, Ended::Cancelled);
    site.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_kamailio_a_draining_node_keeps_its_call_and_gets_no_other() {
    let Some(mut site) = Site::open("drain").await else {
        return;
    };
    let before = site.nodes_of_calls();
    // One call on each node: turn by turn.
    let mut talks = Vec::new();
    for _ in 0..2 {
        let mut call = site.calls(Script::tone(A_HZ)).await;
        let incoming = rings(&site.b).await;
        assert!(call.reaches(Stage::Answered).await);
        talks.push((call, incoming));
    }
    assert_eq!(site.more_than(&before), [1, 1]);
    site.nodes[0].terminate();
    for _ in 0..CALLS {
        let call = site.calls(Script::default()).await;
        assert_eq!(site.talk(call).await, Ended::HungUp);
    }
    // The signal takes a moment to arrive: the first of them may still have got through.
    let [on_draining, on_other] = site.more_than(&before);
    assert!(on_draining <= 2 && on_draining + on_other == CALLS + 2);
    for (call, incoming) in talks {
        until_heard(&call, B_HZ).await;
        call.hang_up().await;
        assert_eq!(report(call).await.ended, Ended::HungUp);
        assert_eq!(report(incoming).await.ended, Ended::ByOther);
    }
    assert!(site.nodes[0].ended().await.success());
    site.close().await;
}

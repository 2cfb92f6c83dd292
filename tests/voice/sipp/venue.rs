//! Where the scenarios are played: the nodes, what stands before them, and four carriers.

use std::{
    net::SocketAddr,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use axbridge_tests::{
    kamailio::{Front, free_address, until_answered},
    leaks::leaks,
    program::{PATIENCE, POLL, Server},
};
use serde_json::json;
use tempfile::TempDir;

use super::{
    process::{Player, Sipp},
    scenarios::{Scenario, Way},
};
use crate::house::{A, B, STRANGER, X, stock};

/// Another pair, whose B is at a carrier that wants proof.
const A2: &str = "13700000006";
const B2: &str = "13900000007";
/// Nobody's X.
const NO_X: &str = "17000000099";

/// The hosts: A's carrier, B's, the one that must prove itself, the one that wants proof, nobody's.
const HOSTS: [&str; 5] = [
    "127.0.4.2",
    "127.0.4.3",
    "127.0.4.4",
    "127.0.4.5",
    "127.0.4.9",
];
/// The host of Kamailio.
const FRONT: &str = "127.0.5.20";

/// The words that only the caller's and only the callee's messages hold.
const CALLER_WORD: &str = "alpha-side";
const CALLEE_WORD: &str = "beta-side";

pub(super) struct Venue {
    nodes: Vec<Server>,
    /// What stands before them.
    front: Option<Front>,
    carriers: [SocketAddr; 5],
    folder: TempDir,
}

impl Venue {
    pub(super) fn of_one_node() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let settings = [("VOICE__RING_TIMEOUT_S", "5")];
        let node = Server::start(
            &folder.path().join("data"),
            &folder.path().join("logs"),
            &settings,
        );
        let venue = Self {
            nodes: vec![node],
            front: None,
            carriers: HOSTS.map(free_address),
            folder,
        };
        venue.prepare();
        venue
    }

    pub(super) fn of_two_nodes(database: &str) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let start = |name: &str, keys: &str| {
            let settings = [
                ("VOICE__RING_TIMEOUT_S", "5"),
                ("STORE__URL", database),
                ("STORE__KEYS", keys),
                ("NODE__NAME", name),
            ];
            let settings = settings.into_iter().filter(|(_, value)| !value.is_empty());
            let settings: Vec<(&str, &str)> = settings.collect();
            let path = |kind: &str| folder.path().join(format!("{kind}-{name}"));
            Server::start(&path("data"), &path("logs"), &settings)
        };
        let first = start("one", "");
        let keys = std::fs::read_to_string(first.data.join("keys")).expect("keys");
        let nodes = vec![first, start("two", &keys)];
        let addresses: Vec<SocketAddr> = nodes.iter().map(Server::sip).collect();
        let carriers = HOSTS.map(free_address);
        let networks = HOSTS.map(|host| format!("{host}/32"));
        let networks: Vec<&str> = networks.iter().map(String::as_str).collect();
        let front = Some(Front::start(FRONT, &addresses, &networks[..4]));
        let venue = Self {
            nodes,
            front,
            carriers,
            folder,
        };
        venue.prepare();
        venue
    }

    /// Trunks and bindings; then waits until calls are taken.
    fn prepare(&self) {
        let node = &self.nodes[0];
        let [a, b, proved, proving, _] = self.carriers.map(|it| it.to_string());
        let front = self.front.as_ref().map(|it| it.address().ip().to_string());
        let trunks = [
            json!({"TrunkName": "carrier-a", "Peers": [a], "PrefixRules": ["137"],
                "Networks": [Some(HOSTS[0].to_owned()), front]}),
            json!({"TrunkName": "carrier-b", "Peers": [b], "PrefixRules": ["138"]}),
            json!({"TrunkName": "carrier-c", "Peers": [proved], "Outbound": false,
                "Networks": [HOSTS[2]],
                "InboundUser": "axbridge", "InboundPassword": "right-for-a", "InboundAlgorithms": ["md5"]}),
            json!({"TrunkName": "carrier-d", "Peers": [proving], "PrefixRules": ["139"],
                "OutboundUser": "axbridge", "OutboundPassword": "right-for-b"}),
        ];
        for mut trunk in trunks {
            trunk["KeepAliveSeconds"] = 0.into();
            if let Some(networks) = trunk["Networks"].as_array_mut() {
                networks.retain(|it| !it.is_null());
            }
            node.call("CreateTrunk", trunk);
        }
        let pool = stock(node);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let expires = now.expect("after 1970").as_secs() + 3600;
        for (a, b) in [(A, B), (A2, B2)] {
            let wish = json!({
                "NumberPoolNo": pool, "PhoneNoA": a, "PhoneNoB": b, "ExpireTime": expires,
                "AudioRecordFlag": 0,
            });
            let bound = node.call("SelectNumberAndBindAXB", wish);
            assert_eq!(bound["PhoneNoX"], X);
        }
        for node in &self.nodes {
            until_answered(HOSTS[1], node.sip());
        }
        if let Some(front) = &self.front {
            until_answered(HOSTS[0], front.address());
        }
    }

    /// Where a carrier sends its calls.
    fn entrance(&self) -> SocketAddr {
        let front = self.front.as_ref();
        front.map_or_else(|| self.nodes[0].sip(), Front::address)
    }

    /// Whether a scenario can be played here. A carrier that must prove itself comes to the nodes
    /// directly: the front would have to prove itself too when it asks whether they live.
    pub(super) fn has_room_for(&self, scenario: &Scenario) -> bool {
        self.front.is_none() || scenario.way != Way::Challenged
    }

    /// Plays one; an error tells what was not as it should be.
    pub(super) async fn play(&self, scenario: &Scenario) -> Result<(), String> {
        let [a, b, proved, proving, nobody] = self.carriers;
        let (from, caller, to, callee, dialled) = match scenario.way {
            Way::AToB => (a, A, b, B, X),
            Way::BToA => (b, B, a, A, X),
            Way::Stranger => (a, STRANGER, b, B, X),
            Way::NoX => (a, A, b, B, NO_X),
            Way::Challenged => (proved, A, b, B, X),
            Way::Challenging => (a, A2, proving, B2, X),
            Way::Untrusted => (nobody, A, b, B, X),
        };
        let before = self.calls();
        let folder = self.folder.path().join(scenario.name.replace(' ', "-"));
        let player = |address, number, word| Player {
            address,
            number,
            word,
        };
        let (status, cause) = scenario.said;
        let mut listening = None;
        if let Some(file) = scenario.callee {
            let me = player(to, callee, CALLEE_WORD);
            let words = [("STATUS", status), ("REASON", cause)];
            let mut sipp = Sipp::start(&folder.join("callee"), file, &words, me, None);
            sipp.listens(to).await;
            listening = Some(sipp);
        }
        let me = player(from, caller, CALLER_WORD);
        let entrance = self.entrance();
        let words = [("STATUS", scenario.heard)];
        let calls = Some((entrance, dialled));
        let mut calling = Sipp::start(&folder.join("caller"), scenario.caller, &words, me, calls);
        let called = calling
            .ended()
            .await
            .map_err(|why| format!("the caller: {why}"));
        if let Some(callee_sipp) = &mut listening {
            called.map_err(|why| format!("{why}\nthe callee: {}", callee_sipp.said()))?;
            callee_sipp
                .ended()
                .await
                .map_err(|why| format!("the callee: {why}"))?;
            let received = callee_sipp.received();
            let rung = received.first().ok_or("nobody was rung")?;
            let wanted = format!("INVITE sip:{callee}@");
            if !rung.starts_with(&wanted) {
                return Err(format!("the wrong number was rung:\n{rung}"));
            }
            let host = from.ip().to_string();
            search("the callee", &received, &[caller, &host, CALLER_WORD])?;
        } else {
            called?;
        }
        let host = to.ip().to_string();
        search(
            "the caller",
            &calling.received(),
            &[callee, &host, CALLEE_WORD],
        )?;
        self.judge_record(scenario, before).await
    }

    /// One record more, or none, and what it says.
    async fn judge_record(&self, scenario: &Scenario, before: u64) -> Result<(), String> {
        let Some(result) = scenario.result else {
            let more = self.calls() - before;
            return if more == 0 {
                Ok(())
            } else {
                Err(format!("{more} calls are recorded"))
            };
        };
        let started = Instant::now();
        loop {
            let found = self.nodes[0].call("ListCalls", json!({"Limit": 1}));
            let newest = &found["Records"][0];
            let is_over = found["Total"] == before + 1 && newest["State"] == "ended";
            if is_over && newest["CallResult"] == result && newest["PhoneNoX"] == X {
                return Ok(());
            }
            if is_over || started.elapsed() > PATIENCE {
                return Err(format!("the record is not that of {result}: {newest}"));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    fn calls(&self) -> u64 {
        let found = self.nodes[0].call("ListCalls", json!({"Limit": 1}));
        found["Total"].as_u64().expect("a number")
    }

    /// Waits until no call is left on any node.
    pub(super) async fn is_empty(&self) {
        let started = Instant::now();
        for node in &self.nodes {
            while node.metric("voice_calls") + node.metric("voice_rtp_port_pairs_in_use") > 0.0 {
                assert!(
                    started.elapsed() < PATIENCE,
                    "a call is left: {}",
                    node.metrics()
                );
                tokio::time::sleep(POLL).await;
            }
        }
    }

    /// Searches logs, metrics and names of files for real numbers.
    pub(super) fn assert_nothing_lies_about(&self) {
        for node in &self.nodes {
            for text in [node.read("err"), node.read("out"), node.metrics()] {
                let found = leaks(text.as_bytes(), &[A, B, A2, B2, STRANGER]);
                assert!(found.is_empty(), "{found:?}");
            }
        }
    }

    pub(super) fn assert_both_nodes_took_part(&self) {
        for node in &self.nodes {
            assert!(node.metric("voice_calls_arrived_total") > 5.0);
        }
    }
}

fn search(whose: &str, messages: &[String], needles: &[&str]) -> Result<(), String> {
    for message in messages {
        let found = leaks(message.as_bytes(), needles);
        if !found.is_empty() {
            return Err(format!("{whose} received {found:?} in\n{message}"));
        }
    }
    Ok(())
}

//! `deploy/kamailio` as it stands, started from Debian's package, in front of two voice nodes:
//! calls are spread, stay with their node, and still connect when a node dies or drains.
//!
//! The nodes are played, because what is tried is the front: how a node answers a call is tried
//! elsewhere. Without Kamailio on the machine this says so and tries nothing; `cargo xtask test`
//! installs it.

mod carrier;
mod node;

use axbridge_tests::{kamailio::Front, leaks::assert_no_leak};
use carrier::Carrier;
use node::{Mood, Node};

/// Calls that are made to see how they are spread.
const CALLS: usize = 8;

async fn house() -> Option<(Front, [Node; 2], Carrier)> {
    if !Front::is_installed() {
        return None;
    }
    let nodes = [Node::start().await, Node::start().await];
    let addresses = nodes.each_ref().map(Node::address);
    let front = Front::start("127.0.0.1", &addresses, &["127.0.0.2/32"]);
    let carrier = Carrier::start("127.0.0.2", front.address()).await;
    carrier.until_answered("OPTIONS").await;
    Some((front, nodes, carrier))
}

#[tokio::test]
async fn calls_are_spread_over_the_nodes_and_stay_with_theirs() {
    let Some((front, nodes, carrier)) = house().await else {
        return;
    };
    for _ in 0..CALLS {
        let call = carrier.call().await;
        assert_eq!(call.status, 200);
        assert_eq!(carrier.hang_up(&call).await, 200);
    }
    for node in &nodes {
        let heard = node.heard();
        let of = |method: &str| -> Vec<&String> {
            let heard = heard.iter().filter(|(heard, _)| heard == method);
            heard.map(|(_, call)| call).collect()
        };
        assert_eq!(of("INVITE").len(), CALLS / 2, "turn by turn");
        assert_eq!(of("INVITE"), of("BYE"), "a call stays with its node");
    }
    front.stop();
}

#[tokio::test]
async fn with_one_node_dead_every_call_connects() {
    let Some((front, nodes, carrier)) = house().await else {
        return;
    };
    let [dead, alive] = nodes;
    dead.set_mood(Mood::Dead);
    for _ in 0..CALLS {
        assert_eq!(carrier.call().await.status, 200);
    }
    assert_eq!(alive.calls(), CALLS);
    // The first call found it out; the others did not have to.
    assert!(dead.calls_missed() < CALLS / 2, "{}", dead.calls_missed());
    front.stop();
}

#[tokio::test]
async fn a_node_that_drains_gets_no_call_and_loses_none() {
    let Some((front, nodes, carrier)) = house().await else {
        return;
    };
    let [draining, other] = nodes;
    let before = [carrier.call().await, carrier.call().await];
    draining.set_mood(Mood::Draining);
    for _ in 0..CALLS {
        assert_eq!(carrier.call().await.status, 200);
    }
    assert_eq!(other.calls(), CALLS + 1);
    for call in &before {
        assert_eq!(carrier.hang_up(call).await, 200);
    }
    front.stop();
}

#[tokio::test]
async fn strangers_hear_nothing_and_a_routes_wish_is_not_followed() {
    let Some((front, nodes, carrier)) = house().await else {
        return;
    };
    let stranger = Carrier::start("127.0.0.3", front.address()).await;
    let trap = Carrier::start("127.0.0.3", front.address()).await;
    stranger.send("OPTIONS", "").await;
    stranger.send("INVITE", "").await;
    let route = format!("Route: <sip:{};lr>\r\n", trap.address());
    let call = carrier.call_with(&route).await;
    assert_eq!(call.status, 200);
    for _ in 0..CALLS {
        carrier.until_answered("OPTIONS").await;
    }
    assert!(stranger.has_heard_nothing());
    assert!(trap.has_heard_nothing());
    assert_eq!(nodes.iter().map(Node::calls).sum::<usize>(), 1);
    // What the carrier hears tells it of the front alone.
    let [one, two] = nodes.each_ref().map(|node| node.address().to_string());
    assert_no_leak(&call.answer_head(), &[&one, &two], "the answer's Via");
    front.stop();
}

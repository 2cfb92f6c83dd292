//! The choice of a way out: which peers of which trunks a call is tried on, in which order.

use super::{Peer, Trunk, WireNumber};
use crate::{draws::Draws, limits, phone::PhoneNumber};

/// How a trunk stands at the moment of a call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// Calls on it now.
    pub calls: u32,
    /// Whether each peer, in the trunk's order, answers; one that is not listed counts as up.
    pub peers_up: Vec<bool>,
}

/// One attempt.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WayOut<'t> {
    /// The trunk.
    pub trunk: &'t Trunk,
    /// The peer of it.
    pub peer: &'t Peer,
    /// What is dialled.
    pub dialled: WireNumber,
}

/// Why there is no way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoWayOut {
    /// No enabled outbound trunk takes the number and may show that caller.
    NoTrunk,
    /// Those that would are full.
    Full,
}

/// The attempts of a call to `callee` that shows `shown`, best first, at most
/// [`limits::WAYS_OUT_MAX`].
///
/// Trunks come by priority and, among equals, by chance in proportion to their weight; so do the
/// peers of each (as RFC 2782 orders service records). Full trunks are left out. Peers that do not
/// answer come last: when nothing else is left, they may have come back.
///
/// # Errors
/// [`NoWayOut`].
pub fn ways_out<'t>(
    trunks: &[(&'t Trunk, Standing)],
    callee: PhoneNumber,
    shown: PhoneNumber,
    draws: &mut Draws,
) -> Result<Vec<WayOut<'t>>, NoWayOut> {
    let mut fitting = Vec::new();
    for (trunk, standing) in trunks {
        if trunk.enabled && trunk.outbound && trunk.may_show(shown) {
            let dialled = trunk.dial(callee);
            fitting.extend(dialled.map(|dialled| (*trunk, standing, dialled)));
        }
    }
    if fitting.is_empty() {
        return Err(NoWayOut::NoTrunk);
    }
    let has_room = |trunk: &Trunk, standing: &Standing| {
        trunk.calls_max.is_none_or(|most| standing.calls < most)
    };
    fitting.retain(|(trunk, standing, _)| has_room(trunk, standing));
    if fitting.is_empty() {
        return Err(NoWayOut::Full);
    }
    let order = |(trunk, ..): &(&'t Trunk, &Standing, WireNumber)| (trunk.priority, trunk.weight);
    let mut ways = Vec::new();
    let mut last = Vec::new();
    for (trunk, standing, dialled) in in_order(fitting, order, draws) {
        let peers: Vec<(usize, &Peer)> = trunk.peers.iter().enumerate().collect();
        for (index, peer) in in_order(peers, |(_, peer)| (peer.priority, peer.weight), draws) {
            let is_up = standing.peers_up.get(index).copied().unwrap_or(true);
            let way = WayOut {
                trunk,
                peer,
                dialled: dialled.clone(),
            };
            if is_up { &mut ways } else { &mut last }.push(way);
        }
    }
    ways.append(&mut last);
    ways.truncate(limits::WAYS_OUT_MAX);
    if ways.is_empty() {
        return Err(NoWayOut::NoTrunk);
    }
    Ok(ways)
}

/// By priority; among equals, each next one drawn in proportion to its weight. A weight of 0 comes
/// after all that have one.
fn in_order<T>(mut items: Vec<T>, order: impl Fn(&T) -> (u16, u16), draws: &mut Draws) -> Vec<T> {
    let mut ordered = Vec::with_capacity(items.len());
    while let Some(priority) = items.iter().map(|item| order(item).0).min() {
        let weight = |item: &T| match order(item) {
            (own, weight) if own == priority => usize::from(weight),
            _ => 0,
        };
        let total: usize = items.iter().map(weight).sum();
        let chosen = if total == 0 {
            items.iter().position(|item| order(item).0 == priority)
        } else {
            let mut left = draws.below(total);
            items.iter().position(|item| {
                let weight = weight(item);
                let is_it = left < weight;
                left = left.saturating_sub(weight);
                is_it
            })
        };
        match chosen {
            Some(chosen) => ordered.push(items.remove(chosen)),
            None => break,
        }
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALLEE: &str = "13700000001";
    const SHOWN: &str = "17000000001";

    fn trunk(name: &str, fields: &[(&str, &str)]) -> Trunk {
        let mut trunk = Trunk::new(name.parse().expect("a name"));
        trunk.set("Peers", "192.0.2.7").expect("a peer");
        for (field, text) in fields {
            trunk.set(field, text).expect("fits");
        }
        trunk
    }

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    /// Names of trunks and addresses of peers, in order.
    fn order(trunks: &[(&Trunk, Standing)], seed: u64) -> Result<Vec<String>, NoWayOut> {
        let mut draws = Draws::from_seed(seed);
        let ways = ways_out(trunks, number(CALLEE), number(SHOWN), &mut draws)?;
        let text = |way: &WayOut<'_>| format!("{} {}", way.trunk.name, way.peer.address());
        Ok(ways.iter().map(text).collect())
    }

    fn idle(trunk: &Trunk) -> (&Trunk, Standing) {
        (trunk, Standing::default())
    }

    #[test]
    fn only_trunks_that_take_the_call_are_tried() {
        let good = trunk("good", &[]);
        for fields in [
            ("Enabled", "false"),
            ("Outbound", "false"),
            ("PrefixRules", "0"),
            ("ShownPrefixes", "171"),
        ] {
            let other = trunk("other", &[fields]);
            let both = [idle(&other), idle(&good)];
            assert_eq!(order(&both, 1), Ok(vec!["good 192.0.2.7:5060".to_owned()]));
            assert_eq!(order(&both[..1], 1), Err(NoWayOut::NoTrunk), "{fields:?}");
        }
        assert_eq!(order(&[], 1), Err(NoWayOut::NoTrunk));
    }

    #[test]
    fn a_full_trunk_is_passed_over() {
        let small = trunk("small", &[("CallsMax", "2"), ("Priority", "0")]);
        let large = trunk("large", &[]);
        let standing = |calls| Standing {
            calls,
            ..Standing::default()
        };
        let first = |calls| {
            let trunks = [(&small, standing(calls)), idle(&large)];
            order(&trunks, 1).map(|ways| ways[0].clone())
        };
        assert_eq!(first(1), Ok("small 192.0.2.7:5060".to_owned()));
        assert_eq!(first(2), Ok("large 192.0.2.7:5060".to_owned()));
        assert_eq!(order(&[(&small, standing(2))], 1), Err(NoWayOut::Full));
    }

    #[test]
    fn priority_decides_first_and_peers_that_are_down_come_last() {
        let first = trunk("first", &[("Peers", "192.0.2.1, 192.0.2.2;priority=0")]);
        let second = trunk("second", &[("Peers", "192.0.2.3"), ("Priority", "2")]);
        let with_peers = |peers_up: &[bool]| {
            let standing = Standing {
                calls: 0,
                peers_up: peers_up.to_vec(),
            };
            order(&[idle(&second), (&first, standing)], 1).expect("a way")
        };
        let (a, b) = ("first 192.0.2.1:5060", "first 192.0.2.2:5060");
        let c = "second 192.0.2.3:5060";
        assert_eq!(with_peers(&[]), [b, a, c]);
        assert_eq!(with_peers(&[true, false]), [a, c, b]);
        assert_eq!(with_peers(&[false, false]), [c, b, a]);
    }

    #[test]
    fn equals_share_calls_in_proportion_to_their_weights() {
        let light = trunk("light", &[("Weight", "1")]);
        let heavy = trunk("heavy", &[("Weight", "3")]);
        let none = trunk("none", &[("Weight", "0")]);
        let trunks = [idle(&none), idle(&light), idle(&heavy)];
        let mut first_is_heavy = 0;
        for seed in 0..4_000 {
            let order = order(&trunks, seed).expect("a way");
            assert_eq!(order.len(), 3);
            assert!(order[2].starts_with("none"), "{order:?}");
            first_is_heavy += i32::from(order[0].starts_with("heavy"));
        }
        assert!((2_850..3_150).contains(&first_is_heavy), "{first_is_heavy}");
    }

    #[test]
    fn attempts_are_bounded() {
        let peers: Vec<String> = (1..=16).map(|last| format!("192.0.2.{last}")).collect();
        let wide = trunk("wide", &[("Peers", &peers.join(","))]);
        let ways = order(&[idle(&wide)], 1).expect("a way");
        assert_eq!(ways.len(), limits::WAYS_OUT_MAX);
    }
}

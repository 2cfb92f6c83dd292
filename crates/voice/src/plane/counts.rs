//! How many calls there are: on the node, on each trunk, of each account, to each X.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axbridge_domain::{account::AccountId, phone::PhoneNumber, trunk::TrunkName};

#[derive(Default)]
struct Tables {
    node: usize,
    trunks: HashMap<TrunkName, u32>,
    accounts: HashMap<AccountId, u32>,
    xs: HashMap<PhoneNumber, u32>,
}

/// The counts of a node.
#[derive(Clone, Default)]
pub(super) struct Counts(Arc<Mutex<Tables>>);

/// What is counted.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// A call on the node.
    Node,
    /// A leg on a trunk.
    Trunk(TrunkName),
    /// A call of an account.
    Account(AccountId),
    /// A call to an X.
    X(PhoneNumber),
}

/// One counted call; it counts until it is dropped.
pub(super) struct Ticket {
    counts: Counts,
    place: Place,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut tables = self.counts.lock();
        match &self.place {
            Place::Node => tables.node = tables.node.saturating_sub(1),
            Place::Trunk(name) => release(&mut tables.trunks, name),
            Place::Account(account) => release(&mut tables.accounts, account),
            Place::X(x) => release(&mut tables.xs, x),
        }
    }
}

fn release<K: Hash + Eq>(table: &mut HashMap<K, u32>, key: &K) {
    if let Some(count) = table.get_mut(key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            table.remove(key);
        }
    }
}

fn take<K: Hash + Eq>(table: &mut HashMap<K, u32>, key: K, most: Option<u32>) -> bool {
    let count = table.entry(key).or_insert(0);
    let may = most.is_none_or(|most| *count < most);
    if may {
        *count += 1;
    }
    may
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts one more, unless that is more than the most.
    pub(super) fn take(&self, place: Place, most: Option<u32>) -> Option<Ticket> {
        let mut tables = self.lock();
        let may = match &place {
            Place::Node => {
                let may = most.is_none_or(|most| tables.node < most as usize);
                tables.node += usize::from(may);
                may
            }
            Place::Trunk(name) => take(&mut tables.trunks, name.clone(), most),
            Place::Account(account) => take(&mut tables.accounts, *account, most),
            Place::X(x) => take(&mut tables.xs, *x, most),
        };
        drop(tables);
        may.then(|| Ticket {
            counts: self.clone(),
            place,
        })
    }

    /// Calls on the node.
    pub(super) fn calls(&self) -> usize {
        self.lock().node
    }

    /// Legs on a trunk.
    pub(super) fn on_trunk(&self, name: &TrunkName) -> u32 {
        self.lock().trunks.get(name).copied().unwrap_or(0)
    }

    /// Legs on every trunk that has any.
    pub(super) fn by_trunk(&self) -> Vec<(TrunkName, u32)> {
        let tables = self.lock();
        let pairs = tables.trunks.iter();
        pairs.map(|(name, count)| (name.clone(), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_place_takes_no_more_until_somebody_leaves() {
        let counts = Counts::default();
        let trunk = || Place::Trunk("t".parse().expect("a name"));
        let first = counts.take(trunk(), Some(2));
        let second = counts.take(trunk(), Some(2));
        assert!(first.is_some() && second.is_some());
        assert!(counts.take(trunk(), Some(2)).is_none());
        assert_eq!(counts.on_trunk(&"t".parse().expect("a name")), 2);
        drop(first);
        assert!(counts.take(trunk(), Some(2)).is_some());
        drop(second);
        assert_eq!(counts.by_trunk(), []);
        let x = Place::X(PhoneNumber::parse("13800000001").expect("a number"));
        let node = counts.take(Place::Node, Some(1));
        assert!(node.is_some() && counts.take(Place::Node, Some(1)).is_none());
        assert!(counts.take(x, Some(0)).is_none());
        assert_eq!(counts.calls(), 1);
    }
}

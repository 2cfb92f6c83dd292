//! A disk that keeps what was committed and nothing else: rows in the order they were written,
//! and a mark after each batch. What stands after the last mark was torn by a crash.

use std::collections::HashMap;

use axbridge_domain::{
    binding::SubId, phone::PhoneNumber, pool::PoolRules, route_table::Record, time::Timestamp,
};

use crate::{
    cast,
    request::{Parties, Request},
};

/// A binding as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) sub_id: SubId,
    pub(crate) account: usize,
    pub(crate) pool: usize,
    pub(crate) x: PhoneNumber,
    pub(crate) parties: Parties,
    pub(crate) exclusive: bool,
    pub(crate) until: Timestamp,
}

impl Stored {
    pub(crate) fn record(&self) -> Record {
        Record {
            sub_id: self.sub_id,
            x: self.x,
            shape: self.parties.shape(self.account),
            exclusive: self.exclusive,
            live_until: self.until,
        }
    }
}

/// The answer that belongs to an idempotency key.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) request: Request,
    pub(crate) sub_id: SubId,
    pub(crate) x: PhoneNumber,
    pub(crate) at: Timestamp,
}

#[derive(Clone, Debug)]
pub(crate) enum Row {
    Bound(Stored, Option<Kept>),
    Ended(SubId, Timestamp),
    Replaced(Stored, Timestamp),
    Moved(SubId, Timestamp),
    Added(usize),
    Removed(usize),
    Enabled(usize, bool),
    Rules(usize, PoolRules),
}

#[derive(Clone, Debug)]
enum Entry {
    Row(Box<Row>),
    Committed(Timestamp),
}

/// The log of everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    log: Vec<Entry>,
}

/// What a start reads.
#[derive(Debug)]
pub(crate) struct Recovered {
    /// Claims in the order they were made, each with the moment it ends or ended.
    pub(crate) claims: Vec<Record>,
    /// Bindings in their last form.
    pub(crate) bindings: HashMap<SubId, Stored>,
    pub(crate) keys: HashMap<(usize, u32), Kept>,
    /// Numbers in import order, and whether each is enabled.
    pub(crate) numbers: Vec<(usize, bool)>,
    pub(crate) rules: [PoolRules; cast::POOL_OWNERS.len()],
    /// The moment of the last batch.
    pub(crate) now: Timestamp,
}

impl Disk {
    pub(crate) fn append(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.log
            .extend(rows.into_iter().map(|row| Entry::Row(Box::new(row))));
    }

    pub(crate) fn commit(&mut self, at: Timestamp) {
        self.log.push(Entry::Committed(at));
    }

    /// Reads everything that was committed and forgets the rest.
    pub(crate) fn recover(&mut self, keep_torn: bool) -> Recovered {
        let is_mark = |entry: &Entry| matches!(entry, Entry::Committed(_));
        let end = self.log.iter().rposition(is_mark);
        if !keep_torn {
            self.log.truncate(end.map_or(0, |mark| mark + 1));
        }
        let mut recovered = Recovered {
            claims: Vec::new(),
            bindings: HashMap::new(),
            keys: HashMap::new(),
            numbers: Vec::new(),
            rules: [cast::rules(0, 1); cast::POOL_OWNERS.len()],
            now: Timestamp::MIN,
        };
        let mut places = HashMap::new();
        for entry in &self.log {
            match entry {
                Entry::Committed(at) => recovered.now = recovered.now.max(*at),
                Entry::Row(row) => recovered.read(row, &mut places),
            }
        }
        recovered
    }
}

impl Recovered {
    fn read(&mut self, row: &Row, places: &mut HashMap<SubId, usize>) {
        match row {
            Row::Bound(stored, kept) => {
                if let Some(kept) = kept {
                    let key = kept.request.key.unwrap_or_default();
                    self.keys.insert((stored.account, key), kept.clone());
                }
                self.claim(stored, places);
            }
            Row::Ended(sub_id, at) => self.end(*sub_id, *at, places),
            Row::Replaced(stored, at) => {
                self.end(stored.sub_id, *at, places);
                self.claim(stored, places);
            }
            Row::Moved(sub_id, until) => {
                self.end(*sub_id, *until, places);
                if let Some(stored) = self.bindings.get_mut(sub_id) {
                    stored.until = *until;
                }
            }
            Row::Added(number) => self.numbers.push((*number, true)),
            Row::Removed(number) => self.numbers.retain(|(known, _)| known != number),
            Row::Enabled(number, enabled) => {
                for (_, state) in self.numbers.iter_mut().filter(|known| known.0 == *number) {
                    *state = *enabled;
                }
            }
            Row::Rules(pool, rules) => self.rules[*pool] = *rules,
        }
    }

    fn claim(&mut self, stored: &Stored, places: &mut HashMap<SubId, usize>) {
        places.insert(stored.sub_id, self.claims.len());
        self.claims.push(stored.record());
        self.bindings.insert(stored.sub_id, stored.clone());
    }

    fn end(&mut self, sub_id: SubId, at: Timestamp, places: &HashMap<SubId, usize>) {
        let claim = places.get(&sub_id).and_then(|at| self.claims.get_mut(*at));
        if let Some(claim) = claim {
            claim.live_until = at;
        }
    }
}

//! A store in miniature around the pure heart: batches on a draft, one commit, a disk that may
//! fail at any point, and a memory that is rebuilt from the disk alone.

use std::collections::HashMap;

use axbridge_domain::{
    binding::SubId,
    draft::Delta,
    inventory::{Inventory, NumberSlot},
    party::PartyKey,
    phone::PhoneNumber,
    pool::PoolRules,
    route::Selector,
    route_table::{Load, Record, Resolution, RouteStanding, RouteTable},
    time::Timestamp,
};

use crate::{
    cast,
    decide::Batch,
    disk::{Disk, Kept, Recovered, Row, Stored},
    flaw::Flaw,
    request::{Answer, Operation, Request, Why},
};

/// A request on its way, with the dice that the application rolled for it.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) request: Request,
    pub(crate) nonce: u32,
    pub(crate) seed: u64,
    /// When it was sent.
    pub(crate) now: Timestamp,
}

/// What becomes of a batch.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Fate {
    /// It is committed and answered.
    Commit,
    /// It is committed, and the answers are lost on the way.
    AnswersLost,
    /// It cannot be written; everybody hears that.
    Fail,
    /// Nobody can say whether it was committed; the store stops until a restart.
    Unknown { durable: bool },
    /// The process dies before anything is written.
    CrashBefore,
    /// The process dies when some of the rows are written.
    CrashTorn(usize),
    /// The process dies between the commit and the answers.
    CrashAfter,
}

impl Fate {
    /// Whether a restart finds the batch.
    pub(crate) fn is_durable(self) -> bool {
        matches!(
            self,
            Fate::Commit | Fate::AnswersLost | Fate::CrashAfter | Fate::Unknown { durable: true }
        )
    }

    /// Whether the process dies of it.
    pub(crate) fn is_crash(self) -> bool {
        matches!(
            self,
            Fate::CrashBefore | Fate::CrashTorn(_) | Fate::CrashAfter
        )
    }
}

/// How a batch came out.
#[derive(Debug)]
pub(crate) struct Served {
    /// The moment it was judged at.
    pub(crate) at: Timestamp,
    /// What was decided, whether or not anybody heard of it.
    pub(crate) decided: Vec<Answer>,
    /// What the clients hear, if they hear anything.
    pub(crate) heard: Option<Vec<Answer>>,
}

/// What decisions are made on.
pub(crate) struct Memory {
    pub(crate) table: RouteTable,
    pub(crate) inventory: Inventory,
    pub(crate) bindings: HashMap<SubId, Stored>,
    pub(crate) keys: HashMap<(usize, u32), Kept>,
    pub(crate) rules: [PoolRules; cast::POOL_OWNERS.len()],
}

pub(crate) struct Store {
    disk: Disk,
    memory: Memory,
    stopped: bool,
    flaw: Option<Flaw>,
}

impl Store {
    pub(crate) fn new(flaw: Option<Flaw>) -> Self {
        let mut disk = Disk::default();
        let memory = start(disk.recover(false), Timestamp::MIN);
        Self {
            disk,
            memory,
            stopped: false,
            flaw,
        }
    }

    /// The process starts anew and knows only what the disk holds.
    pub(crate) fn restart(&mut self, now: Timestamp) {
        let mut recovered = self.disk.recover(self.flaw == Some(Flaw::TornBatchKept));
        if self.flaw == Some(Flaw::LostAtRestart) {
            recovered.claims.pop();
        }
        self.memory = start(recovered, now);
        self.stopped = false;
    }

    /// Decides a batch, writes it, makes it visible and answers; or whatever its fate has of that.
    pub(crate) fn serve(&mut self, tickets: &[Ticket], fate: Fate) -> Served {
        let asked = tickets.iter().map(|ticket| ticket.now).max();
        let asked = asked.unwrap_or(Timestamp::MIN);
        if self.stopped {
            return self.refuse(tickets.len());
        }
        self.memory.table.advance(asked);
        let mut batch = Batch::new(&self.memory, self.flaw);
        let decided = tickets.iter().map(|ticket| batch.decide(ticket)).collect();
        let changes = batch.into_changes();
        self.settle(changes, fate, decided)
    }

    /// An operator's work, in a batch of its own.
    pub(crate) fn operate(&mut self, operation: Operation, now: Timestamp, fate: Fate) -> Served {
        if self.stopped {
            return self.refuse(1);
        }
        self.memory.table.advance(now);
        let (answer, row) = self.decide_operation(operation);
        let changes = Changes {
            rows: row.into_iter().collect(),
            ..Changes::default()
        };
        self.settle(changes, fate, vec![answer])
    }

    fn decide_operation(&self, operation: Operation) -> (Answer, Option<Row>) {
        let known = |number| self.memory.inventory.get(cast::number(number));
        match operation {
            Operation::Import(number) if known(number).is_some() => (Answer::Unchanged, None),
            Operation::Import(number) => (Answer::Done, Some(Row::Added(number))),
            Operation::Delete(number) | Operation::Enable(number, _) if known(number).is_none() => {
                (Answer::Refused(Why::NotInPool), None)
            }
            Operation::Delete(number) => {
                if self.load(cast::number(number)).live() > 0 {
                    (Answer::Refused(Why::CarriesBindings), None)
                } else {
                    (Answer::Done, Some(Row::Removed(number)))
                }
            }
            Operation::Enable(number, enabled) => {
                (Answer::Done, Some(Row::Enabled(number, enabled)))
            }
            Operation::Rules(pool, index) => {
                (Answer::Done, Some(Row::Rules(pool, cast::rules(index, 1))))
            }
        }
    }

    fn refuse(&self, count: usize) -> Served {
        Served {
            at: self.now(),
            decided: Vec::new(),
            heard: Some(vec![Answer::Unavailable; count]),
        }
    }

    fn settle(&mut self, changes: Changes, fate: Fate, decided: Vec<Answer>) -> Served {
        let at = self.memory.table.now();
        if let Fate::CrashTorn(rows) = fate {
            self.disk.append(changes.rows.iter().take(rows).cloned());
        } else if fate.is_durable() {
            self.disk.append(changes.rows.iter().cloned());
            self.disk.commit(at);
        }
        let heard = match fate {
            Fate::Commit => Some(decided.clone()),
            Fate::Fail if self.flaw == Some(Flaw::AnsweredWithoutCommit) => Some(decided.clone()),
            Fate::Fail | Fate::Unknown { .. } => Some(vec![Answer::Unavailable; decided.len()]),
            _ => None,
        };
        let seen_early = fate == Fate::Fail && self.flaw == Some(Flaw::SeenWithoutCommit);
        if matches!(fate, Fate::Commit | Fate::AnswersLost) || seen_early {
            self.memory.apply(changes);
        }
        self.stopped = matches!(fate, Fate::Unknown { .. });
        Served { at, decided, heard }
    }

    /// The moment of the last batch.
    pub(crate) fn now(&self) -> Timestamp {
        self.memory.table.now()
    }

    pub(crate) fn stand(
        &self,
        x: PhoneNumber,
        selector: Selector,
        now: Timestamp,
    ) -> RouteStanding {
        self.memory.table.stand(x, selector, self.read_at(now))
    }

    pub(crate) fn resolve(
        &self,
        x: PhoneNumber,
        caller: Option<PartyKey>,
        now: Timestamp,
        quarantine_ms: i64,
    ) -> Resolution {
        let now = self.read_at(now);
        self.memory
            .table
            .resolve(x, caller, None, now, quarantine_ms)
    }

    fn read_at(&self, now: Timestamp) -> Timestamp {
        if self.flaw == Some(Flaw::ExpiryWaits) {
            self.now()
        } else {
            now
        }
    }

    pub(crate) fn load(&self, x: PhoneNumber) -> Load {
        self.memory.table.load(x)
    }

    /// Whether a number is in its pool, and enabled.
    pub(crate) fn slot(&self, x: PhoneNumber) -> Option<bool> {
        self.memory.inventory.get(x).map(|slot| slot.enabled)
    }

    /// Drops what was too old to be remembered when it was written.
    pub(crate) fn sweep(&mut self) {
        self.memory.table.advance(self.now());
    }

    /// Bindings that are live, and those in memory, as of the last batch.
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.memory.table.live(), self.memory.table.remembered())
    }
}

/// What follows a commit.
#[derive(Default)]
pub(crate) struct Changes {
    pub(crate) delta: Delta,
    pub(crate) rows: Vec<Row>,
    /// Claims that a flaw made past the draft.
    pub(crate) smuggled: Vec<Record>,
}

impl Memory {
    fn apply(&mut self, changes: Changes) {
        self.table.apply(changes.delta);
        for record in changes.smuggled {
            self.table.insert(record);
        }
        for row in changes.rows {
            match row {
                Row::Bound(stored, kept) => {
                    if let Some(kept) = kept {
                        let key = kept.request.key.unwrap_or_default();
                        self.keys.insert((stored.account, key), kept);
                    }
                    self.bindings.insert(stored.sub_id, stored);
                }
                Row::Replaced(stored, _) => {
                    self.bindings.insert(stored.sub_id, stored);
                }
                Row::Moved(sub_id, until) => {
                    if let Some(stored) = self.bindings.get_mut(&sub_id) {
                        stored.until = until;
                    }
                }
                Row::Ended(..) => {}
                Row::Added(number) => self.add_number(number, true),
                Row::Removed(number) => self.inventory.remove(&[cast::number(number)]),
                Row::Enabled(number, enabled) => {
                    self.inventory.set_enabled(cast::number(number), enabled);
                }
                Row::Rules(pool, rules) => self.rules[pool] = rules,
            }
        }
    }

    fn add_number(&mut self, number: usize, enabled: bool) {
        self.inventory.add(NumberSlot {
            x: cast::number(number),
            pool: cast::pool_no(cast::NUMBER_POOLS[number]),
            city: Some(cast::city_of(number)),
            enabled,
        });
    }
}

/// Memory as the disk tells it, at `now` or at the last moment that was written, if that is later.
fn start(recovered: Recovered, now: Timestamp) -> Memory {
    let mut memory = Memory {
        table: RouteTable::new(cast::REMEMBER),
        inventory: Inventory::default(),
        bindings: recovered.bindings,
        keys: recovered.keys,
        rules: recovered.rules,
    };
    let now = now.max(recovered.now);
    memory.table.advance(now);
    for record in recovered.claims {
        memory.table.insert(record);
    }
    // What is too old to be remembered goes at once.
    memory.table.advance(now);
    for (number, enabled) in recovered.numbers {
        memory.add_number(number, enabled);
    }
    memory
}

//! The pure heart over the simulated store: runs a history and judges it after every step.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use axbridge_domain::{
    draws::Draws,
    phone::PhoneNumber,
    route::Selector,
    route_table::{Resolution, RouteStanding},
    time::Timestamp,
};

use crate::{
    cast,
    clients::{self, Clients, Stage},
    flaw::Flaw,
    history::{self, Step},
    judge::{Judge, Terms, Verdict, must},
    outcome::{self, Breach, Outcome},
    request::{Answer, Operation},
    store::{Fate, Served, Store, Ticket},
};

const STAGE: Stage = Stage {
    scale: 1,
    lead_ms: 0,
    all_modes: true,
};

const TERMS: Terms = Terms {
    remember_ms: cast::REMEMBER,
    keys_kept_ms: cast::KEYS_KEPT,
    lead_ms: None,
    scale: 1,
};

/// How often what is in memory is counted: the oracle counts slowly.
const COUNT_EVERY: usize = 16;

/// Runs a history from an empty disk; with `tell` it also says what happened, line by line.
pub(crate) fn run(steps: &[Step], flaw: Option<Flaw>, tell: bool) -> Outcome {
    let mut play = Play::new(flaw, tell);
    let mut breach = None;
    for (index, step) in [None].into_iter().chain(steps.iter().map(Some)).enumerate() {
        // A panic is a breach like any other, and keeps what was told so far.
        let judged = catch_unwind(AssertUnwindSafe(|| match step {
            None => play.import_everything(),
            Some(step) => play.step(*step).and_then(|()| play.look(index)),
        }));
        let judged = judged.unwrap_or_else(|panic| Err(outcome::words_of(&*panic)));
        if let Err(what) = judged {
            let step = index.saturating_sub(1);
            breach = Some(Breach { step, what });
            break;
        }
    }
    Outcome {
        digest: play.digest.finish(),
        breach,
        told: play.told.unwrap_or_default(),
    }
}

struct Play {
    store: Store,
    judge: Judge,
    clients: Clients,
    clock: Timestamp,
    /// What a stopped store may or may not have written; a restart shows.
    unsettled: Vec<(Vec<Heard>, Timestamp)>,
    digest: DefaultHasher,
    told: Option<Vec<String>>,
}

/// Something that was asked, with what was decided.
#[derive(Clone)]
enum Heard {
    Request(Ticket, Answer),
    Operation(Operation, Answer),
}

impl Play {
    fn new(flaw: Option<Flaw>, tell: bool) -> Self {
        Self {
            store: Store::new(flaw),
            judge: Judge::new(TERMS),
            clients: Clients::default(),
            clock: cast::at(0),
            unsettled: Vec::new(),
            digest: DefaultHasher::new(),
            told: tell.then(Vec::new),
        }
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            told.push(line());
        }
    }

    fn import_everything(&mut self) -> Verdict {
        (0..cast::NUMBER_POOLS.len())
            .try_for_each(|number| self.operate(Operation::Import(number), Fate::Commit))
    }

    fn step(&mut self, step: Step) -> Verdict {
        match step {
            Step::Ask(seed) => {
                let mut draws = Draws::from_seed(seed);
                let ticket = self.clients.ask(&mut draws, self.clock, STAGE);
                self.tell(|| format!("ask {:?}", ticket.request));
            }
            Step::Resend(seed) => {
                let mut draws = Draws::from_seed(seed);
                let again = self.clients.ask_again(&mut draws, self.clock);
                self.tell(|| format!("ask again {:?}", again.map(|ticket| ticket.request)));
            }
            Step::Lose(seed) => {
                self.clients.lose(&mut Draws::from_seed(seed));
                self.tell(|| "a request is lost".to_owned());
            }
            Step::Serve(seed) => return self.serve(seed),
            Step::Operate(seed) => {
                let mut draws = Draws::from_seed(seed);
                let operation = clients::operation(&mut draws);
                return self.operate(operation, history::fate(&mut draws, seed & 3));
            }
            Step::Wait(seed) => self.wait(&mut Draws::from_seed(seed)),
            Step::Restart(_) => return self.restart(),
        }
        Ok(())
    }

    fn serve(&mut self, seed: u64) -> Verdict {
        let mut draws = Draws::from_seed(seed);
        if self.clients.waiting.is_empty() {
            self.clients.ask(&mut draws, self.clock, STAGE);
        }
        let fate = history::fate(&mut draws, seed & 3);
        let count = 1 + draws.below(4);
        let tickets = self.clients.take(&mut draws, count);
        let asked = tickets.iter().map(|ticket| ticket.now).max();
        let served = self.store.serve(&tickets, fate);
        let heard = tickets.iter().zip(&served.decided);
        let heard: Vec<Heard> = heard
            .map(|(ticket, answer)| Heard::Request(ticket.clone(), answer.clone()))
            .collect();
        for (ticket, answer) in tickets.iter().zip(&served.decided) {
            self.tell(|| format!("serve {:?}: {answer:?}, {fate:?}", ticket.request));
        }
        if let Some(answers) = &served.heard {
            for (ticket, answer) in tickets.iter().zip(answers) {
                self.clients.hear(&ticket.request, answer);
            }
        }
        self.settle(heard, asked, &served, fate)
    }

    fn operate(&mut self, operation: Operation, fate: Fate) -> Verdict {
        let served = self.store.operate(operation, self.clock, fate);
        self.tell(|| format!("{operation:?}: {:?}, {fate:?}", served.decided));
        let answers = served.decided.iter();
        let heard = answers.map(|answer| Heard::Operation(operation, answer.clone()));
        self.settle(heard.collect(), Some(self.clock), &served, fate)
    }

    /// Has the judge hear of a batch when it counts: when somebody was told of it, or when the
    /// disk has it.
    fn settle(
        &mut self,
        heard: Vec<Heard>,
        asked: Option<Timestamp>,
        served: &Served,
        fate: Fate,
    ) -> Verdict {
        if heard.is_empty() {
            return Ok(()); // The store has stopped.
        }
        let asked = asked.unwrap_or(Timestamp::MIN);
        self.judge.batch_at(asked, served.at)?;
        served.at.hash(&mut self.digest);
        let told = served.heard.as_ref();
        let acknowledged = told.is_some_and(|answers| !answers.contains(&Answer::Unavailable));
        match fate {
            Fate::Unknown { durable } => {
                if durable {
                    self.unsettled.push((heard, served.at));
                }
                return Ok(());
            }
            _ if acknowledged || fate.is_durable() => self.hear_all(heard, served.at)?,
            _ => {}
        }
        if fate.is_crash() {
            return self.restart();
        }
        Ok(())
    }

    fn hear_all(&mut self, heard: Vec<Heard>, at: Timestamp) -> Verdict {
        for heard in heard {
            match heard {
                Heard::Request(ticket, answer) => {
                    answer.digest(&mut self.digest);
                    self.judge.hear(&ticket.request, ticket.now, &answer, at)?;
                }
                Heard::Operation(operation, answer) => {
                    self.judge.hear_operation(operation, &answer, at)?;
                }
            }
        }
        self.judge.durable(at);
        Ok(())
    }

    fn restart(&mut self) -> Verdict {
        for (heard, at) in std::mem::take(&mut self.unsettled) {
            self.hear_all(heard, at)?;
        }
        self.store.restart(self.clock);
        self.judge.restarted(self.clock);
        let (known, expected) = (self.store.now(), self.judge.served_at);
        self.tell(|| format!("restart at {known:?}"));
        must!(
            known == expected,
            "a restart is at {known:?}, not {expected:?}"
        );
        Ok(())
    }

    /// Mostly a little, often to the very millisecond at which something ends, sometimes back.
    fn wait(&mut self, draws: &mut Draws) {
        let kind = draws.below(16);
        let ms = match kind {
            0..=5 => draws.below(4) as i64,
            6..=11 => self.ms_to_a_boundary(draws),
            12..=13 => 4 + draws.below(20) as i64,
            14 => -(1 + draws.below(8) as i64),
            _ => -(1 + draws.below(40) as i64),
        };
        self.clock = self.clock.plus_ms(ms);
        let clock = self.clock;
        self.tell(|| format!("wait {ms} ms until {clock:?}"));
    }

    fn ms_to_a_boundary(&self, draws: &mut Draws) -> i64 {
        let deals = &self.judge.oracle.deals;
        let back = draws.below(deals.len().min(8));
        let Some(deal) = deals.iter().rev().nth(back) else {
            return 1;
        };
        let rules = &self.judge.rules[draws.below(self.judge.rules.len())];
        let after = match draws.below(4) {
            0 => rules.quarantine_ms,
            1 => rules.quarantine_min_ms,
            2 => 0,
            _ => cast::REMEMBER,
        };
        let boundary = deal.record.live_until.plus_ms(after);
        let exactly = boundary.ms_since(self.clock) + draws.below(3) as i64 - 1;
        exactly.clamp(0, 100)
    }

    /// Holds everything that a caller could notice against the oracle.
    fn look(&mut self, index: usize) -> Verdict {
        let now = self.judge.look_at(self.clock);
        for number in 0..cast::NUMBER_POOLS.len() {
            self.look_at_number(number, index)?;
        }
        if now == self.store.now() && index.is_multiple_of(COUNT_EVERY) {
            self.store.sweep();
            let oracle = &self.judge.oracle;
            let counts = (oracle.live_deals().count(), oracle.remembered());
            let found = self.store.counts();
            must!(
                found == counts,
                "live and remembered: {found:?}, not {counts:?}"
            );
        }
        Ok(())
    }

    fn look_at_number(&mut self, number: usize, index: usize) -> Verdict {
        let (x, oracle) = (cast::number(number), &self.judge.oracle);
        for selector in cast::selectors(number) {
            let found = self.store.stand(x, selector, self.clock);
            // What nobody need remember is dropped by the next batch, at the latest.
            let found = match found {
                RouteStanding::Ended { at, .. } if oracle.now >= at.plus_ms(cast::REMEMBER) => {
                    RouteStanding::Free
                }
                standing => standing,
            };
            let expected = oracle.stand(x, selector);
            must!(
                found == expected,
                "({x:?}, {selector:?}) stands {found:?}, not {expected:?}"
            );
        }
        self.look_at_calls(number, x, index)?;
        let (slot, expected) = (self.store.slot(x), self.judge.slot(number));
        must!(slot == expected, "{x:?} is {slot:?}, not {expected:?}");
        if oracle.now == self.store.now() {
            let (found, expected) = (self.store.load(x), oracle.load(x));
            must!(
                found == expected,
                "{x:?} carries {found:?}, not {expected:?}"
            );
        }
        Ok(())
    }

    /// One caller each time, in turn, so that the oracle's slow answer is affordable.
    fn look_at_calls(&self, number: usize, x: PhoneNumber, index: usize) -> Verdict {
        let oracle = &self.judge.oracle;
        let mut callers = cast::selectors(number).map(|selector| match selector {
            Selector::Caller(party) => Some(party),
            _ => None,
        });
        let caller = callers.nth((index + number) % (cast::PEOPLE + 1)).flatten();
        let quarantine_ms = self.judge.rules[cast::NUMBER_POOLS[number]].quarantine_ms;
        let found = self.store.resolve(x, caller, self.clock, quarantine_ms);
        if found == Resolution::AskExtension && self.store.now() < oracle.now {
            // Whether X has extensions is counted as of the last batch; who is rung is not.
            return Ok(());
        }
        let expected = oracle.resolve(x, caller, None, quarantine_ms);
        must!(
            found == expected,
            "a call to {x:?} by {caller:?} goes to {found:?}, not {expected:?}"
        );
        Ok(())
    }
}

//! The whole application under the same histories: slower, but nothing is simulated except the
//! clock, the dice and the ways in which a process ends.

use std::{
    hash::{DefaultHasher, Hasher as _},
    panic::{AssertUnwindSafe, catch_unwind},
};

use axbridge_app::model::CallRoute;
use axbridge_domain::{
    draws::Draws, inventory::NumberState, numbering::Numbering, route_table::Resolution,
    time::Timestamp,
};

use crate::{
    cast,
    clients::{self, Clients, Stage},
    flaw::Meddling,
    history::{self, Step},
    house::{End, House},
    judge::{Judge, Terms, Verdict, must},
    outcome::{self, Breach, Outcome},
    request::{Answer, Operation, What},
    store::{Fate, Ticket},
};

/// Milliseconds to the unit of the cast.
const SCALE: i64 = 30_000;

const STAGE: Stage = Stage {
    scale: SCALE,
    lead_ms: 60_000,
    all_modes: false,
};

const TERMS: Terms = Terms {
    remember_ms: cast::REMEMBER * SCALE,
    keys_kept_ms: cast::KEYS_KEPT * SCALE,
    lead_ms: Some(60_000),
    scale: SCALE,
};

/// How often every number and every binding is looked at, rather than one.
const LOOK_AT_ALL_EVERY: usize = 10;

/// Runs a history from an empty directory; with `tell` it also says what happened.
pub(crate) fn run(steps: &[Step], meddling: Option<Meddling>, tell: bool) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut play = runtime.block_on(Play::new(meddling, tell));
    let mut breach = None;
    for (index, step) in steps.iter().enumerate() {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async {
                play.step(*step).await?;
                play.look(index).await
            })
        }));
        let judged = judged.unwrap_or_else(|panic| Err(outcome::words_of(&*panic)));
        if let Err(what) = judged {
            breach = Some(Breach { step: index, what });
            break;
        }
    }
    runtime.block_on(play.house.close());
    Outcome {
        digest: play.digest.finish(),
        breach,
        told: play.told.unwrap_or_default(),
    }
}

struct Play {
    house: House,
    judge: Judge,
    clients: Clients,
    digest: DefaultHasher,
    told: Option<Vec<String>>,
}

impl Play {
    async fn new(meddling: Option<Meddling>, tell: bool) -> Self {
        let mut play = Self {
            house: House::build(1, TERMS, meddling).await,
            judge: Judge::new(TERMS).in_cities_of(Numbering::built_in()),
            clients: Clients::default(),
            digest: DefaultHasher::new(),
            told: tell.then(Vec::new),
        };
        for number in 0..cast::NUMBER_POOLS.len() {
            let imported = play.operate(Operation::Import(number)).await;
            imported.expect("the first import");
        }
        play
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(told) = &mut self.told {
            told.push(line());
        }
    }

    fn now(&self) -> Timestamp {
        self.house.clock.now()
    }

    /// The moment that everything is decided at: it never goes back.
    fn moment(&self) -> Timestamp {
        self.now().max(self.judge.served_at)
    }

    async fn step(&mut self, step: Step) -> Verdict {
        match step {
            Step::Ask(seed) => {
                let (mut draws, now) = (Draws::from_seed(seed), self.now());
                self.clients.ask(&mut draws, now, STAGE);
            }
            Step::Resend(seed) => {
                let (mut draws, now) = (Draws::from_seed(seed), self.now());
                self.clients.ask_again(&mut draws, now);
            }
            Step::Lose(seed) => {
                self.clients.lose(&mut Draws::from_seed(seed));
                self.house.sweep().await;
                self.tell(|| "a request is lost, and a sweep comes by".to_owned());
            }
            Step::Serve(seed) => return self.serve(seed).await,
            Step::Operate(seed) => {
                let operation = clients::operation(&mut Draws::from_seed(seed));
                return self.operate(operation).await;
            }
            Step::Wait(seed) => self.wait(&mut Draws::from_seed(seed)),
            Step::Restart(seed) => {
                let ends = [End::Closed, End::Crashed, End::Torn];
                let end = ends[Draws::from_seed(seed).below(ends.len())];
                return self.restart(end).await;
            }
        }
        Ok(())
    }

    async fn serve(&mut self, seed: u64) -> Verdict {
        let (mut draws, now) = (Draws::from_seed(seed), self.now());
        if self.clients.waiting.is_empty() {
            self.clients.ask(&mut draws, now, STAGE);
        }
        let fate = history::fate(&mut draws, seed & 3);
        let count = 1 + draws.below(4);
        for ticket in self.clients.take(&mut draws, count) {
            match fate {
                Fate::Fail | Fate::Unknown { .. } | Fate::CrashBefore => {
                    self.tell(|| format!("{:?} never arrives", ticket.request));
                }
                _ => self.put(&ticket, fate, draws.below(8) == 0).await?,
            }
        }
        match fate {
            Fate::CrashBefore | Fate::CrashAfter => self.restart(End::Crashed).await,
            Fate::CrashTorn(_) => self.restart(End::Torn).await,
            _ => Ok(()),
        }
    }

    /// Puts a request, now and then twice at once.
    async fn put(&mut self, ticket: &Ticket, fate: Fate, twice: bool) -> Verdict {
        let request = &ticket.request;
        // Two dry runs may well find two numbers; two binds of one key may not.
        let is_dry = matches!(&request.what, What::Bind(bind) if bind.dry_run);
        let answer = if twice && request.key.is_some() && !is_dry {
            let (first, second) = tokio::join!(self.house.put(request), self.house.put(request));
            must!(
                first == second,
                "{request:?} was answered {first:?} and at the same time {second:?}"
            );
            first
        } else {
            self.house.put(request).await
        };
        self.tell(|| format!("{request:?}: {answer:?}, {fate:?}"));
        if fate == Fate::Commit {
            self.clients.hear(request, &answer);
        }
        answer.digest(&mut self.digest);
        let at = self.moment();
        let made = self.judge.made();
        self.judge.hear(request, at, &answer, at)?;
        let is_update = matches!(request.what, What::Update(..)) && answer == Answer::Done;
        if is_update || self.judge.made() > made {
            // The disk knows the moments of these; a restart never goes back behind them.
            self.judge.durable(at);
        }
        Ok(())
    }

    async fn operate(&mut self, operation: Operation) -> Verdict {
        let answer = self.house.operate(operation).await;
        self.tell(|| format!("{operation:?}: {answer:?}"));
        let at = self.moment();
        self.judge.batch_at(self.now(), at)?;
        self.judge.hear_operation(operation, &answer, at)
    }

    async fn restart(&mut self, end: End) -> Verdict {
        self.house.restart(end).await;
        let (earliest, latest) = (self.now().max(self.judge.durable_at), self.moment());
        let moment = self.house.moment();
        self.tell(|| format!("restart at {moment:?}: {end:?}"));
        must!(
            (earliest..=latest).contains(&moment),
            "a restart is at {moment:?}, not between {earliest:?} and {latest:?}"
        );
        self.judge.restarted_at(moment);
        Ok(())
    }

    fn wait(&mut self, draws: &mut Draws) {
        let ms = match draws.below(8) {
            0..=2 => draws.below(3) as i64 * SCALE,
            3..=5 => self.ms_to_a_boundary(draws),
            6 => (4 + draws.below(20) as i64) * SCALE,
            _ => -(draws.below(8) as i64) * SCALE,
        };
        self.house.clock.move_by_ms(ms);
        let now = self.now();
        self.tell(|| format!("wait {ms} ms until {now:?}"));
    }

    fn ms_to_a_boundary(&self, draws: &mut Draws) -> i64 {
        let deals = &self.judge.oracle.deals;
        let Some(deal) = deals.iter().rev().nth(draws.below(deals.len().min(8))) else {
            return 1;
        };
        let rules = &self.judge.rules[draws.below(self.judge.rules.len())];
        let after = match draws.below(3) {
            0 => rules.quarantine_ms,
            1 => rules.quarantine_min_ms,
            _ => 0,
        };
        let boundary = deal.record.live_until.plus_ms(after);
        let exactly = boundary.ms_since(self.now()) + draws.below(3) as i64 - 1;
        exactly.clamp(0, 100 * SCALE)
    }

    async fn look(&mut self, index: usize) -> Verdict {
        let live = self.house.live().await;
        let now = self.now();
        self.judge.batch_at(now, self.moment())?;
        self.judge.look_at(now);
        let expected = self.judge.oracle.live_deals().count() as u64;
        must!(live == expected, "{live} bindings live, not {expected}");
        let all = index.is_multiple_of(LOOK_AT_ALL_EVERY);
        for number in 0..cast::NUMBER_POOLS.len() {
            if all || index % cast::NUMBER_POOLS.len() == number {
                self.look_at_calls(number).await?;
            }
        }
        if all {
            self.look_at_numbers().await?;
            self.look_at_bindings().await?;
        }
        Ok(())
    }

    async fn look_at_calls(&self, number: usize) -> Verdict {
        let callers = (0..cast::PEOPLE).map(Some).chain([None]);
        for caller in callers {
            let x = cast::number(number);
            let route = self.house.call(x, caller.map(cast::person)).await;
            let party = caller.map(|caller| cast::party(cast::owner_of(number), caller));
            let quarantine_ms = self.judge.rules[cast::NUMBER_POOLS[number]].quarantine_ms;
            let resolved = self.judge.oracle.resolve(x, party, None, quarantine_ms);
            let agrees = match (self.judge.slot(number), &route, resolved) {
                (None, route, _) => matches!(route, CallRoute::UnknownNumber),
                (Some(false), route, _) => matches!(route, CallRoute::NumberDisabled { .. }),
                (
                    Some(true),
                    CallRoute::Connect { binding, callee },
                    Resolution::Connect {
                        sub_id,
                        callee: expected,
                    },
                ) => {
                    let rung = (0..cast::PEOPLE).find(|person| cast::person(*person) == *callee);
                    let rung = rung.map(|person| cast::party(cast::owner_of(number), person));
                    binding.sub_id == sub_id && rung == Some(expected)
                }
                (
                    Some(true),
                    CallRoute::Ended { sub_id, .. },
                    Resolution::Ended { sub_id: last },
                ) => *sub_id == last,
                (Some(true), CallRoute::NoBinding { .. }, Resolution::NoBinding) => true,
                _ => false,
            };
            must!(
                agrees,
                "person {caller:?} calls {x:?}: {route:?}, not {resolved:?}"
            );
        }
        Ok(())
    }

    async fn look_at_numbers(&self) -> Verdict {
        let rows = self.house.numbers().await;
        for number in 0..cast::NUMBER_POOLS.len() {
            let x = cast::number(number);
            let row = rows.iter().find(|row| row.x == x);
            let found = row.map(|row| row.state == NumberState::Enabled);
            let expected = self.judge.slot(number);
            must!(found == expected, "{x:?} is {found:?}, not {expected:?}");
            let (found, expected) = (row.map(|row| row.load), self.judge.oracle.load(x));
            must!(
                found.is_none_or(|found| found == expected),
                "{x:?} carries {found:?}, not {expected:?}"
            );
        }
        Ok(())
    }

    /// What was answered is there, in its last form.
    async fn look_at_bindings(&self) -> Verdict {
        for stored in self.judge.recent() {
            let shown = self.house.show(stored.account, stored.sub_id).await;
            let live = self.judge.oracle.live_deal(stored.sub_id).is_some();
            let agrees = shown.is_some_and(|(x, until, shown_live)| {
                (x, until, shown_live) == (stored.x, stored.until, live)
            });
            must!(
                agrees,
                "{stored:?} is shown as {shown:?}, and lives: {live}"
            );
        }
        Ok(())
    }
}

//! The one thread that writes: it takes everything that waits, decides each request in memory and
//! in one transaction, commits once and changes memory. The flusher ([`super::flush`]) makes the
//! commit durable and answers, while the next batch is decided.
//!
//! Memory is as the commits are; who looks at it learns of nothing that is not durable. When a
//! statement fails, the transaction is rolled back, the draft dropped, and everybody in the batch
//! hears `Unavailable`; the next batch tries anew. When the COMMIT itself fails with an I/O error,
//! nobody can say what a restart would find in the log, so the writer refuses all further work until
//! a restart has read what stands.

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use axbridge_domain::{
    account::AccountId,
    binding::SubId,
    closed::Closed,
    draft::{Delta, Draft},
    pool::{Pool, PoolNo},
    time::Timestamp,
};
use rusqlite::{Connection, params};
use tokio::sync::{mpsc, oneshot};

use super::{
    fault::{Fault, certainly_not_committed, engine},
    flush::{Flight, Landing},
    rows::account_column,
    state::{Change, Shared, State},
    sub_ids::SubIds,
};
use crate::{error::StoreError, keyring::Keyring, model::Topic, store::StoreOptions};

/// What the writer alone knows, besides the shared state.
pub(super) struct Ledger {
    /// Live bindings by account, as of the table's last moment.
    live: HashMap<AccountId, u64>,
    /// Bindings that expired and are not announced yet.
    pub(super) expired: BTreeMap<(Timestamp, SubId), AccountId>,
    /// Every expiry up to here is announced.
    pub(super) announced: Timestamp,
    /// The next place in the order of claims and events, which count on together.
    next_seq: i64,
    /// Records that left memory since the last sweep.
    pub(super) forgotten: u64,
}

impl Ledger {
    pub(super) fn new(announced: Timestamp, next_seq: i64) -> Self {
        Self {
            live: HashMap::new(),
            expired: BTreeMap::new(),
            announced,
            next_seq,
            forgotten: 0,
        }
    }

    pub(super) fn count_live(&mut self, account: AccountId, by: i64) {
        let count = self.live.entry(account).or_default();
        *count = count.saturating_add_signed(by);
    }

    pub(super) fn note_expired(&mut self, sub_id: SubId, account: AccountId, at: Timestamp) {
        self.expired.insert((at, sub_id), account);
    }
}

/// One request that waits for the writer.
pub(super) trait Job: Send {
    /// The moment it asks for.
    fn now(&self) -> Timestamp;
    /// Whether it changes what other requests of a batch would decide on (pools, numbers, keys,
    /// the watermark of the sweep), so that it must have a batch of its own.
    fn alone(&self) -> bool;
    /// Decides and writes.
    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError>;
    /// Answers, with what was decided if the batch was committed.
    fn finish(self: Box<Self>, outcome: Result<(), StoreError>);
}

/// A request as a closure and the channel of its answer.
pub(super) struct Request<T, F> {
    pub(super) now: Timestamp,
    pub(super) alone: bool,
    pub(super) work: Option<F>,
    pub(super) answer: Option<Result<T, StoreError>>,
    pub(super) reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnOnce(&mut Batch<'_>) -> Result<T, Fault> + Send,
{
    fn now(&self) -> Timestamp {
        self.now
    }

    fn alone(&self) -> bool {
        self.alone
    }

    fn run(&mut self, batch: &mut Batch<'_>) -> Result<(), StoreError> {
        let Some(work) = self.work.take() else {
            return Err(StoreError::Internal("a request ran twice".to_owned()));
        };
        self.answer = match work(batch) {
            Ok(value) => Some(Ok(value)),
            Err(Fault::Request(error)) => Some(Err(error)),
            Err(Fault::Batch(error)) => return Err(error),
        };
        Ok(())
    }

    fn finish(self: Box<Self>, outcome: Result<(), StoreError>) {
        let answer = match (outcome, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(StoreError::Internal("a request did not run".to_owned())),
            (Err(error), _) => Err(error),
        };
        // Whoever asked may have gone away; what was committed stands all the same.
        let _ = self.reply.send(answer);
    }
}

/// A batch in the making, as its requests see it.
pub(super) struct Batch<'a> {
    pub(super) connection: &'a Connection,
    pub(super) state: &'a State,
    pub(super) draft: Draft<'a>,
    pub(super) keys: &'a Keyring,
    pub(super) options: &'a StoreOptions,
    pub(super) ledger: &'a Ledger,
    pub(super) closed: &'a mut Closed,
    pub(super) sub_ids: &'a SubIds,
    next_seq: Cell<i64>,
    after: AfterCommit,
}

/// What follows a commit, besides the routes.
#[derive(Default)]
struct AfterCommit {
    changes: Vec<Change>,
    live: HashMap<AccountId, i64>,
    expired: Vec<(Timestamp, SubId, AccountId)>,
    /// Expiries that were announced, by the last of them.
    announced: Option<((Timestamp, SubId), Timestamp)>,
    forgotten_told: u64,
}

impl Batch<'_> {
    pub(super) fn now(&self) -> Timestamp {
        self.draft.now()
    }

    /// The next place in the order of claims and events.
    pub(super) fn take_seq(&self) -> i64 {
        let seq = self.next_seq.get();
        self.next_seq.set(seq + 1);
        seq
    }

    /// Live bindings of the account, the batch included.
    pub(super) fn live(&self, account: AccountId) -> u64 {
        let before = self.ledger.live.get(&account).copied().unwrap_or_default();
        let since = self.after.live.get(&account).copied().unwrap_or_default();
        before.saturating_add_signed(since)
    }

    pub(super) fn count_live(&mut self, account: AccountId, by: i64) {
        *self.after.live.entry(account).or_default() += by;
    }

    /// Writes an event of the batch's moment.
    pub(super) fn event(
        &self,
        account: AccountId,
        topic: Topic,
        subject: &str,
    ) -> Result<(), Fault> {
        self.event_at(account, topic, subject, self.now())
    }

    pub(super) fn event_at(
        &self,
        account: AccountId,
        topic: Topic,
        subject: &str,
        at: Timestamp,
    ) -> Result<(), Fault> {
        const INSERT: &str =
            "INSERT INTO outbox (id, account, topic, subject, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        self.connection.prepare_cached(INSERT)?.execute(params![
            self.take_seq(),
            account_column(account),
            topic.name(),
            subject,
            at.unix_ms()
        ])?;
        Ok(())
    }

    /// Accounts for a binding whose end was set to a moment that has passed already.
    pub(super) fn ended_in_the_past(
        &mut self,
        sub_id: SubId,
        account: AccountId,
        at: Timestamp,
    ) -> Result<(), Fault> {
        if at > self.ledger.announced {
            self.after.expired.push((at, sub_id, account));
            return Ok(());
        }
        // The sweeps are past this moment and would not come back for it.
        self.event_at(account, Topic::BindingExpired, &sub_id.to_string(), at)
    }

    /// Changes memory once the batch is committed.
    pub(super) fn after_commit(&mut self, change: Change) {
        self.after.changes.push(change);
    }

    /// Notes that expiries up to and including `last` were announced, and all up to `until`.
    pub(super) fn announced(&mut self, last: (Timestamp, SubId), until: Timestamp) {
        self.after.announced = Some((last, until));
    }

    pub(super) fn tell_forgotten(&mut self) -> u64 {
        self.after.forgotten_told = self.ledger.forgotten;
        self.ledger.forgotten
    }

    /// A pool as the batch knows it.
    pub(super) fn pool(&self, account: AccountId, pool: PoolNo) -> Option<Arc<Pool>> {
        self.state.pool_of_account(account, pool).cloned()
    }
}

/// The writer thread's belongings.
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) shared: Arc<Shared>,
    pub(super) ledger: Ledger,
    /// What full looks at lists found closed.
    pub(super) closed: Closed,
    /// The way to the disk.
    pub(super) landing: Landing,
}

impl Writer {
    /// Serves until every sender is gone and the queue is empty; gives the connection back.
    pub(super) fn serve(mut self, mut queue: mpsc::Receiver<Box<dyn Job>>) -> Connection {
        while let Some(first) = queue.blocking_recv() {
            let mut waiting = vec![first];
            while waiting.len() < self.shared.options.batch_max.max(1) {
                match queue.try_recv() {
                    Ok(job) => waiting.push(job),
                    Err(_) => break,
                }
            }
            self.process(waiting);
        }
        self.connection
    }

    fn process(&mut self, waiting: Vec<Box<dyn Job>>) {
        let is_alone = waiting.len() == 1;
        let mut group = Vec::with_capacity(waiting.len());
        for job in waiting {
            if job.alone() {
                self.commit_group(std::mem::take(&mut group), is_alone);
                self.commit_group(vec![job], is_alone);
            } else {
                group.push(job);
            }
        }
        self.commit_group(group, is_alone);
    }

    fn commit_group(&mut self, mut jobs: Vec<Box<dyn Job>>, is_alone: bool) {
        if jobs.is_empty() {
            return;
        }
        let outcome = self
            .shared
            .check_usable()
            .and_then(|()| self.try_commit(&mut jobs));
        let flight = Flight {
            commit: self.shared.begun(),
            jobs,
            outcome,
        };
        self.landing.land(flight, is_alone);
    }

    /// Decides and commits; tells whether anything was written.
    fn try_commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<bool, StoreError> {
        let asked = jobs.iter().map(|job| job.now()).max();
        self.let_time_pass(asked.unwrap_or(Timestamp::MIN));
        let shared = Arc::clone(&self.shared);
        let begun_at = self.connection.total_changes();
        let (delta, after, next_seq) = {
            let state = shared.look()?;
            self.connection
                .execute_batch("BEGIN IMMEDIATE")
                .map_err(|error| engine(&error))?;
            let mut batch = Batch {
                connection: &self.connection,
                state: &state,
                draft: Draft::new(&state.routes, state.routes.now()),
                keys: &shared.keys,
                options: &shared.options,
                ledger: &self.ledger,
                closed: &mut self.closed,
                sub_ids: &shared.sub_ids,
                next_seq: Cell::new(self.ledger.next_seq),
                after: AfterCommit::default(),
            };
            let ran = jobs.iter_mut().try_for_each(|job| job.run(&mut batch));
            // Whether or not the batch comes to stand.
            batch.closed.reopen(batch.draft.touched().iter().copied());
            if let Err(error) = ran {
                self.roll_back();
                return Err(error);
            }
            (batch.draft.into_delta(), batch.after, batch.next_seq.get())
        };
        shared.begin_commit();
        self.commit()?;
        self.ledger.next_seq = next_seq;
        self.apply(delta, after);
        Ok(self.connection.total_changes() != begun_at)
    }

    /// Expiry in memory, which costs no write: loads, quotas and memory forget what is over.
    fn let_time_pass(&mut self, now: Timestamp) {
        let mut state = self.shared.change();
        let remembered = state.routes.remembered();
        let expired = state.routes.advance(now);
        self.closed.reopen(expired.iter().map(|end| end.x));
        self.ledger.forgotten += remembered.saturating_sub(state.routes.remembered()) as u64;
        for end in expired {
            if let Some((_, pool)) = state.pool_of(end.x) {
                self.ledger.count_live(pool.account, -1);
                self.ledger.note_expired(end.sub_id, pool.account, end.at);
            }
        }
    }

    fn commit(&self) -> Result<(), StoreError> {
        let Err(error) = self.connection.execute_batch("COMMIT") else {
            return Ok(());
        };
        let certain = certainly_not_committed(&error);
        self.roll_back();
        if !certain {
            self.shared.set_broken(format!(
                "the disk failed while a transaction was committed: {error}; check the disk, then restart axbridge"
            ));
        }
        Err(engine(&error))
    }

    fn roll_back(&self) {
        if self.connection.is_autocommit() {
            // The engine rolled back by itself.
            return;
        }
        if let Err(error) = self.connection.execute_batch("ROLLBACK") {
            self.shared.set_broken(format!(
                "a transaction can be neither committed nor undone: {error}; restart axbridge"
            ));
        }
    }

    fn apply(&mut self, delta: Delta, after: AfterCommit) {
        for (account, by) in after.live {
            self.ledger.count_live(account, by);
        }
        if let Some((last, until)) = after.announced {
            self.ledger.expired.retain(|key, _| *key > last);
            self.ledger.announced = until;
        }
        for (at, sub_id, account) in after.expired {
            self.ledger.note_expired(sub_id, account, at);
        }
        self.ledger.forgotten -= after.forgotten_told;
        let mut state = self.shared.change();
        state.routes.apply(delta);
        for change in after.changes {
            if change.is_of_numbers() {
                self.closed.clear();
            }
            state.apply(change);
        }
    }
}

//! The queue of binds and the workers that empty it in batches.
//!
//! A worker takes everything that waits, up to a bound, and makes one transaction of it for each
//! account. Who loses a claim, or must see first what the batch before it did, goes into the next
//! batch, ahead of those that came later.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axbridge_domain::{
    account::AccountId, binding::Shape, draws::Draws, pool::PoolRules, selection::Wanted,
    time::Timestamp,
};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};

use super::{WRITERS, batch, core::Core};
use crate::{
    error::{BindRefusal, StoreError},
    model::{BindCommand, Bound, Placement},
};

/// What a bind answers.
pub(super) type Answer = Result<Result<Bound, BindRefusal>, StoreError>;

/// A bind that waits for its answer.
pub(super) struct Job {
    pub(super) command: BindCommand,
    pub(super) wanted: Wanted,
    pub(super) now: Timestamp,
    /// How often its claim was lost, or its batch failed.
    pub(super) tries: u32,
    reply: Option<oneshot::Sender<Answer>>,
}

impl Job {
    /// Claims lost in a row before a bind gives up.
    pub(super) const TRIES_MAX: u32 = 64;

    pub(super) fn new(
        command: BindCommand,
        shape: Shape,
        mut rules: PoolRules,
        now: Timestamp,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (reply, answer) = oneshot::channel();
        let tiers = match &command.placement {
            Placement::Select { tiers, policy } => {
                rules.policy = policy.unwrap_or(rules.policy);
                tiers.clone()
            }
            Placement::Named(_) => Vec::new(),
        };
        let wanted = Wanted {
            pool: command.pool,
            tiers,
            shape,
            exclusive: command.terms.exclusive,
            rules,
            never: [Some(command.terms.a), command.terms.b],
        };
        let job = Self {
            command,
            wanted,
            now,
            tries: 0,
            reply: Some(reply),
        };
        (job, answer)
    }

    /// The dice of this turn.
    pub(super) fn draws(&self) -> Draws {
        Draws::from_seed(self.command.seed.wrapping_add(u64::from(self.tries)))
    }

    /// Answers, the first time it is called. Nobody may be listening any more; the work stands.
    pub(super) fn answer(&mut self, answer: Answer) {
        if let Some(reply) = self.reply.take() {
            let _ = reply.send(answer);
        }
    }

    pub(super) fn is_answered(&self) -> bool {
        self.reply.is_none()
    }

    /// The key of a safe retry, where it counts.
    pub(super) fn idempotency(&self) -> Option<&crate::model::Idempotency> {
        self.command
            .idempotency
            .as_ref()
            .filter(|_| !self.command.dry_run)
    }
}

/// Binds that wait, and how many the workers have taken.
pub(super) struct Queue {
    waiting: Mutex<mpsc::Receiver<Job>>,
    in_work: AtomicUsize,
    done: Notify,
}

/// How long a worker with little to do waits for more while another one is busy with much. A
/// transaction costs as much for one bind as for ten, so that a small one beside a large one only
/// takes time from it.
const COMPANY_WAIT: Duration = Duration::from_millis(3);

impl Queue {
    pub(super) fn new(waiting: mpsc::Receiver<Job>) -> Self {
        Self {
            waiting: Mutex::new(waiting),
            in_work: AtomicUsize::new(0),
            done: Notify::new(),
        }
    }

    /// Adds to `jobs` a fair share of what waits; waits itself only when there is nothing to go on
    /// with. False at the end.
    async fn fill(&self, jobs: &mut Vec<Job>, batch_max: usize) -> bool {
        if jobs.is_empty() {
            let mut waiting = self.waiting.lock().await;
            let Some(first) = waiting.recv().await else {
                return false;
            };
            jobs.push(first);
            // Clients that were just answered together ask again together: let them.
            tokio::task::yield_now().await;
            let company = self.wait_for_company(jobs, &mut waiting, batch_max);
            // When nobody came, the few go alone.
            let _ = tokio::time::timeout(COMPANY_WAIT, company).await;
            self.take_share(jobs, &mut waiting, batch_max);
        } else if let Ok(mut waiting) = self.waiting.try_lock() {
            // Where the lock is taken, another worker waits for what comes and will take it.
            self.take_share(jobs, &mut waiting, batch_max);
        }
        self.in_work.fetch_add(jobs.len(), Ordering::SeqCst);
        true
    }

    /// Waits until at least half as many wait as other workers have in work.
    async fn wait_for_company(
        &self,
        jobs: &mut Vec<Job>,
        waiting: &mut mpsc::Receiver<Job>,
        batch_max: usize,
    ) {
        loop {
            let done = self.done.notified();
            let elsewhere = self.in_work.load(Ordering::SeqCst).min(batch_max);
            if 2 * (jobs.len() + waiting.len()) >= elsewhere {
                return;
            }
            tokio::select! {
                () = done => {}
                job = waiting.recv() => match job {
                    Some(job) => jobs.push(job),
                    None => return,
                },
            }
        }
    }

    /// Takes so much that the workers share evenly what waits and what is in work.
    fn take_share(&self, jobs: &mut Vec<Job>, waiting: &mut mpsc::Receiver<Job>, batch_max: usize) {
        let elsewhere = self.in_work.load(Ordering::SeqCst);
        let share = (jobs.len() + waiting.len() + elsewhere).div_ceil(WRITERS);
        while jobs.len() < share.min(batch_max) {
            match waiting.try_recv() {
                Ok(job) => jobs.push(job),
                Err(_) => return,
            }
        }
    }

    /// Notes that a batch is done.
    fn done(&self, count: usize) {
        self.in_work.fetch_sub(count, Ordering::SeqCst);
        self.done.notify_waiters();
    }
}

/// Empties the queue until its senders are gone.
pub(super) async fn run(core: Arc<Core>, queue: Arc<Queue>) {
    let mut waiting: Vec<Job> = Vec::new();
    while queue
        .fill(&mut waiting, core.options.batch_max.max(1))
        .await
    {
        let taken = waiting.len();
        let mut accounts: BTreeMap<AccountId, Vec<Job>> = BTreeMap::new();
        for job in waiting.drain(..) {
            accounts.entry(job.command.account).or_default().push(job);
        }
        for (account, jobs) in accounts {
            waiting.extend(batch::process(&core, account, jobs).await);
        }
        queue.done(taken);
    }
}

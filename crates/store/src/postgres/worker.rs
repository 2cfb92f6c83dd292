//! The queue of binds and the workers that empty it in batches.
//!
//! A worker takes everything that waits, up to a bound, and makes one transaction of it for each
//! account. Who loses a claim, or must see first what the batch before it did, goes into the next
//! batch, ahead of those that came later.

use std::{collections::BTreeMap, sync::Arc};

use axbridge_domain::{
    account::AccountId, binding::Shape, pool::PoolRules, selection::Wanted, time::Timestamp,
};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::{batch, core::Core};
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

/// Empties the queue until its senders are gone.
pub(super) async fn run(core: Arc<Core>, queue: Arc<Mutex<mpsc::Receiver<Job>>>) {
    let mut waiting: Vec<Job> = Vec::new();
    while fill(&queue, &mut waiting, core.options.batch_max.max(1)).await {
        let mut accounts: BTreeMap<AccountId, Vec<Job>> = BTreeMap::new();
        for job in waiting.drain(..) {
            accounts.entry(job.command.account).or_default().push(job);
        }
        for (account, jobs) in accounts {
            waiting.extend(batch::process(&core, account, jobs).await);
        }
    }
}

/// Takes what waits; waits itself only when there is nothing to go on with. False at the end.
async fn fill(
    queue: &Mutex<mpsc::Receiver<Job>>,
    waiting: &mut Vec<Job>,
    batch_max: usize,
) -> bool {
    if waiting.is_empty() {
        return queue.lock().await.recv_many(waiting, batch_max).await > 0;
    }
    // Another worker may be waiting in the queue: it will take what comes.
    if let Ok(mut queue) = queue.try_lock() {
        while waiting.len() < batch_max {
            match queue.try_recv() {
                Ok(job) => waiting.push(job),
                Err(_) => break,
            }
        }
    }
    true
}

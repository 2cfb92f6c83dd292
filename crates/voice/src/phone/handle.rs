//! A call as whoever holds it sees it: how far it has come, and what it was.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::ear::Heard;

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The INVITE is out, or has come.
    Begun,
    /// It rings, or early sound is heard.
    Ringing,
    /// The two are connected.
    Answered,
    /// It is over.
    Over,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// We hung up.
    HungUp,
    /// The other hung up.
    ByOther,
    /// It was refused, with this status; for a call that came in, by us.
    Refused(u16),
    /// We gave up before an answer.
    GivenUp,
    /// The other gave up before an answer.
    Cancelled,
    /// Nothing was heard of the other any more.
    Lost,
}

/// What a call was.
#[derive(Debug, Clone)]
pub struct CallReport {
    /// Its Call-ID.
    pub call_id: String,
    /// Who calls, as From showed it to the one who is called.
    pub caller_shown: String,
    /// The same from P-Asserted-Identity; empty when there was none.
    pub caller_asserted: String,
    /// The number that was dialled.
    pub dialled: String,
    /// Statuses that came before the final one, as they came; for a call that came in, none.
    pub provisional: Vec<u16>,
    /// Whether it was answered.
    pub answered: bool,
    /// How it ended.
    pub ended: Ended,
    /// How long it lasted once answered.
    pub talked: Duration,
    /// What was heard, early sound included.
    pub heard: Heard,
}

/// What whoever holds a call may ask of it.
pub(super) enum Command {
    HangUp,
    Heard(oneshot::Sender<Heard>),
}

/// A call that runs by its script.
pub struct PhoneCall {
    pub(super) stage: watch::Receiver<Stage>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) report: oneshot::Receiver<CallReport>,
    pub(super) dialled: String,
    pub(super) shown: String,
}

impl PhoneCall {
    /// The number that was dialled.
    #[must_use]
    pub fn dialled(&self) -> &str {
        &self.dialled
    }

    /// Who calls, as From shows it.
    #[must_use]
    pub fn caller_shown(&self) -> &str {
        &self.shown
    }

    /// Waits until the call has come so far; true if it has, false if it ended before.
    pub async fn reaches(&mut self, stage: Stage) -> bool {
        let reached = self.stage.wait_for(|now| *now >= stage).await;
        reached.is_ok_and(|now| stage == Stage::Over || *now != Stage::Over)
    }

    /// Hangs up, or gives up, or refuses.
    pub async fn hang_up(&self) {
        // A call that takes no command any more is over.
        let _ = self.commands.send(Command::HangUp).await;
    }

    /// What was heard so far; `None` when the call is over and its report has it.
    pub async fn heard(&self) -> Option<Heard> {
        let (sender, receiver) = oneshot::channel();
        self.commands.send(Command::Heard(sender)).await.ok()?;
        receiver.await.ok()
    }

    /// Waits for the end. `None` when the phone was switched off before.
    pub async fn report(self) -> Option<CallReport> {
        self.report.await.ok()
    }
}

//! Reliable provisional answers (RFC 3262), to a caller that insists on them: one at a time, each
//! repeated until its PRACK, and the final answer after the last.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use rsipstack::sip::Response;
use tokio::sync::{mpsc, watch};

use super::{
    SipTimes,
    leg::{LegState, Progress},
    message::Extra,
};

/// Provisional answers that may wait for their turn.
const QUEUE_MAX: usize = 16;

enum Task {
    Provisional(u16, Option<Vec<u8>>),
    Last(Box<Response>),
}

pub(super) struct Reliable {
    tasks: mpsc::Sender<Task>,
    /// The RSeq that was acknowledged last.
    pracked: watch::Sender<u32>,
    /// The RSeq that is out.
    out: watch::Receiver<u32>,
    stopped: watch::Sender<bool>,
}

impl Reliable {
    /// The queue of one leg; [`Work::run`] empties it.
    pub(super) fn new() -> (Self, Work) {
        let (tasks, queue) = mpsc::channel(QUEUE_MAX);
        let (pracked, heard) = watch::channel(0);
        let (announce, out) = watch::channel(0);
        let (stopped, stop) = watch::channel(false);
        (
            Self {
                tasks,
                pracked,
                out,
                stopped,
            },
            Work {
                queue,
                heard,
                announce,
                stop,
            },
        )
    }

    pub(super) fn provisional(&self, status: u16, sdp: Option<Vec<u8>>) {
        // A full queue drops a ringing too many.
        let _ = self.tasks.try_send(Task::Provisional(status, sdp));
    }

    pub(super) fn last(&self, response: Response) {
        let tasks = self.tasks.clone();
        tokio::spawn(async move {
            let _ = tasks.send(Task::Last(Box::new(response))).await;
        });
    }

    pub(super) fn stop(&self) {
        self.stopped.send_replace(true);
    }

    /// Takes a PRACK's RSeq; false when it acknowledges nothing that is out (RFC 3262 §3).
    pub(super) fn acknowledge(&self, rseq: u32) -> bool {
        let right = rseq != 0 && *self.out.borrow() == rseq && *self.pracked.borrow() != rseq;
        if right {
            self.pracked.send_replace(rseq);
        }
        right
    }
}

pub(super) struct Work {
    queue: mpsc::Receiver<Task>,
    heard: watch::Receiver<u32>,
    announce: watch::Sender<u32>,
    stop: watch::Receiver<bool>,
}

impl Work {
    pub(super) async fn run(mut self, leg: Weak<LegState>, times: SipTimes) {
        let mut rseq = 0;
        loop {
            let task = tokio::select! {
                _ = self.stop.wait_for(|stopped| *stopped) => return,
                task = self.queue.recv() => task,
            };
            let Some(leg) = leg.upgrade() else { return };
            match task {
                None => return,
                Some(Task::Last(response)) => {
                    leg.respond(*response);
                    return;
                }
                Some(Task::Provisional(status, sdp)) => {
                    rseq += 1;
                    self.announce.send_replace(rseq);
                    if !self
                        .until_acknowledged(&leg, times, rseq, status, sdp)
                        .await
                    {
                        return;
                    }
                }
            }
        }
    }

    /// Repeats one answer until its PRACK; false when there is nothing more to do. Without a PRACK
    /// the INVITE is refused (RFC 3262 §3).
    async fn until_acknowledged(
        &mut self,
        leg: &Arc<LegState>,
        times: SipTimes,
        rseq: u32,
        status: u16,
        sdp: Option<Vec<u8>>,
    ) -> bool {
        let extras = vec![
            Extra::new("Require", "100rel"),
            Extra::new("RSeq", rseq.to_string()),
        ];
        let response = leg.write(status, sdp, extras);
        let mut pause_ms = times.t1_ms;
        let mut waited_ms = 0;
        while waited_ms < times.give_up_ms() {
            leg.respond(response.clone());
            tokio::select! {
                _ = self.stop.wait_for(|stopped| *stopped) => return false,
                heard = self.heard.wait_for(|heard| *heard >= rseq) => return heard.is_ok(),
                () = tokio::time::sleep(Duration::from_millis(pause_ms)) => {}
            }
            waited_ms += pause_ms;
            pause_ms *= 2;
        }
        if leg.step(&[Progress::Open, Progress::Up], Progress::Over) {
            leg.respond(leg.write(504, None, Vec::new()));
            leg.say(super::Signal::NoAck).await;
        }
        false
    }
}

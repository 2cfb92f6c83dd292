//! The callee's part of a call, up to the answer.

use tokio::time::Instant;

use super::{Course, Next};
use crate::phone::{
    handle::{CallReport, Command, Ended, Stage},
    message::{Incoming, reason},
    script::Answer,
    sound::answer_direction,
};

impl Course {
    pub(super) async fn take(
        mut self,
        tag: String,
        dialled: String,
        shown: String,
        asserted: String,
    ) -> CallReport {
        let ended = match self.ring(&tag).await {
            None => self.talk().await,
            Some(ended) => ended,
        };
        self.into_report(dialled, shown, asserted, ended)
    }

    async fn respond(&mut self, status: u16, tag: &str, more: &str, body: &str) {
        let Some(invite) = &self.invite else {
            return;
        };
        let bytes = invite.reply_with(status, reason(status), Some(tag), more, body);
        self.last_response.clone_from(&bytes);
        if status < 200 {
            self.wire.send(&bytes).await;
        } else {
            self.send_until_answered(bytes).await;
        }
    }

    /// The callee's part up to the answer; `None` once it is given.
    async fn ring(&mut self, tag: &str) -> Option<Ended> {
        let contact = format!("Contact: {}\r\n", self.dialog.contact());
        let now = Instant::now();
        let (rings, deadline) = match self.script.answer {
            Answer::AtOnce => (false, Some(now)),
            Answer::After(time) => (true, Some(now + time)),
            Answer::Refuse(_, time) => (!time.is_zero(), Some(now + time)),
            Answer::Never => (true, None),
            Answer::Silent => (false, None),
        };
        if rings {
            self.respond(180, tag, &contact, "").await;
            self.has_come_to(Stage::Ringing);
        }
        loop {
            match self.next(deadline).await {
                Next::Off => return Some(Ended::Lost),
                Next::Resend => {}
                Next::Command(Command::Heard(asker)) => self.tell_heard(asker),
                Next::Command(Command::HangUp) => return Some(self.refuse(603, tag).await),
                Next::Deadline => break,
                Next::Message(message) => {
                    if let Some(ended) = self.take_while_ringing(*message, tag).await {
                        return Some(ended);
                    }
                }
            }
        }
        if let Answer::Refuse(status, _) = self.script.answer {
            return Some(self.refuse(status, tag).await);
        }
        self.pick_up(tag, &contact).await
    }

    async fn take_while_ringing(&mut self, message: Incoming, tag: &str) -> Option<Ended> {
        let is_silent = self.script.answer == Answer::Silent;
        match message.method.as_deref() {
            Some("INVITE") if !self.last_response.is_empty() => {
                let again = self.last_response.clone();
                self.wire.send(&again).await;
            }
            Some("CANCEL") if !is_silent => {
                let done = message.reply(200, "OK", Some(tag), "");
                self.wire.send(&done).await;
                self.respond(487, tag, "", "").await;
                self.wait_for_ack().await;
                return Some(Ended::Cancelled);
            }
            _ if !is_silent => self.answer_request(&message).await,
            _ => {}
        }
        None
    }

    async fn refuse(&mut self, status: u16, tag: &str) -> Ended {
        self.respond(status, tag, "", "").await;
        self.wait_for_ack().await;
        Ended::Refused(status)
    }

    /// Waits for the ACK of a final answer; false when none comes.
    async fn wait_for_ack(&mut self) -> bool {
        loop {
            match self.next(None).await {
                Next::Off => return false,
                Next::Resend => {
                    if !self.resend().await {
                        return false;
                    }
                }
                Next::Command(Command::Heard(asker)) => self.tell_heard(asker),
                Next::Command(Command::HangUp) | Next::Deadline => {}
                Next::Message(message) if message.method.as_deref() == Some("ACK") => {
                    self.resending = None;
                    self.hear_description(&message.body);
                    return true;
                }
                Next::Message(message) => self.answer_request(&message).await,
            }
        }
    }

    async fn pick_up(&mut self, tag: &str, contact: &str) -> Option<Ended> {
        let offer = self.invite.as_ref().map(|it| it.body.clone());
        let offer = offer.unwrap_or_default();
        if !self.open_sound().await {
            return Some(self.refuse(503, tag).await);
        }
        let understood = offer.is_empty()
            || self
                .sound
                .as_ref()
                .is_some_and(|sound| sound.take(&offer, &self.script.codecs));
        if !understood {
            return Some(self.refuse(488, tag).await);
        }
        let answer = self.describe(answer_direction(&offer));
        self.respond(200, tag, contact, &answer).await;
        None
    }
}

//! One call of the phone, from either end.

mod answering;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};

use super::{
    Line,
    dialog::Dialog,
    ear::Heard,
    handle::{CallReport, Command, Ended, PhoneCall, Stage},
    message::Incoming,
    resending::Resending,
    script::Script,
    sound::{Sound, answer_direction},
};

/// A call's share of the line.
pub(super) struct Wire {
    line: Arc<Line>,
    peer: SocketAddr,
    inbox: mpsc::Receiver<Incoming>,
    call_id: String,
}

impl Wire {
    pub(super) fn new(line: Arc<Line>, peer: SocketAddr, inbox: mpsc::Receiver<Incoming>) -> Self {
        let call_id = line.token();
        Self {
            line,
            peer,
            inbox,
            call_id,
        }
    }

    pub(super) fn call_id(&self) -> &str {
        &self.call_id
    }

    async fn send(&self, bytes: &[u8]) {
        self.line.send(bytes, self.peer).await;
    }

    fn branch(&self) -> String {
        format!("z9hG4bK{}", self.line.token())
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.line.forget(&self.call_id);
    }
}

/// The course of a call.
struct Course {
    wire: Wire,
    dialog: Dialog,
    script: Script,
    sound: Option<Sound>,
    stage: watch::Sender<Stage>,
    commands: mpsc::Receiver<Command>,
    resending: Option<Resending>,
    /// The INVITE that came, for the one who is called.
    invite: Option<Incoming>,
    /// The response that a repeated INVITE gets.
    last_response: Vec<u8>,
    /// The INVITE's branch, for the caller.
    branch: String,
    /// The ACK of the answer, for the caller.
    ack: Vec<u8>,
    answered_at: Option<Instant>,
    provisional: Vec<u16>,
    /// Set when we wait for the last word of a call that is over.
    ending: Option<Ended>,
}

/// What happened next.
enum Next {
    Message(Box<Incoming>),
    Command(Command),
    Resend,
    Deadline,
    Off,
}

fn begin(
    wire: Wire,
    dialog: Dialog,
    script: Script,
    dialled: &str,
    shown: &str,
) -> (Course, PhoneCall, oneshot::Sender<CallReport>) {
    let (stage, stages) = watch::channel(Stage::Begun);
    let (commander, commands) = mpsc::channel(16);
    let (reporter, report) = oneshot::channel();
    let call = PhoneCall {
        stage: stages,
        commands: commander,
        report,
        dialled: dialled.to_owned(),
        shown: shown.to_owned(),
    };
    let course = Course {
        branch: wire.branch(),
        wire,
        dialog,
        script,
        sound: None,
        stage,
        commands,
        resending: None,
        invite: None,
        last_response: Vec::new(),
        ack: Vec::new(),
        answered_at: None,
        provisional: Vec::new(),
        ending: None,
    };
    (course, call, reporter)
}

/// Places a call.
pub(super) fn place(wire: Wire, from: &str, to: &str, script: Script) -> PhoneCall {
    let own = wire.line.address;
    let dialog = Dialog {
        call_id: wire.call_id.clone(),
        from: format!("<sip:{from}@{own}>;tag={}", wire.line.token()),
        to: format!("<sip:{to}@{}>", wire.peer),
        target: format!("sip:{to}@{}", wire.peer),
        routes: Vec::new(),
        cseq: 0,
        own,
    };
    let (course, call, reporter) = begin(wire, dialog, script, to, from);
    let (dialled, shown) = (to.to_owned(), from.to_owned());
    tokio::spawn(async move {
        let report = course.place(dialled, shown).await;
        let _ = reporter.send(report);
    });
    call
}

/// Takes a call that came in.
pub(super) fn take(mut wire: Wire, invite: Incoming, script: Script) -> PhoneCall {
    wire.call_id.clone_from(&invite.call_id);
    let tag = wire.line.token();
    let dialog = Dialog::of_invite(&invite, &tag, wire.line.address);
    let (dialled, shown) = (invite.dialled(), invite.shown_in("From"));
    let (mut course, call, reporter) = begin(wire, dialog, script, &dialled, &shown);
    let asserted = invite.shown_in("P-Asserted-Identity");
    course.invite = Some(invite);
    tokio::spawn(async move {
        let report = course.take(tag, dialled, shown, asserted).await;
        let _ = reporter.send(report);
    });
    call
}

impl Course {
    async fn next(&mut self, deadline: Option<Instant>) -> Next {
        let resend = self.resending.as_ref().map(|it| it.next);
        let far = Instant::now() + Duration::from_secs(86_400);
        tokio::select! {
            () = self.wire.line.off.cancelled() => Next::Off,
            message = self.wire.inbox.recv() => match message {
                Some(message) => Next::Message(Box::new(message)),
                None => Next::Off,
            },
            Some(command) = self.commands.recv() => Next::Command(command),
            () = sleep_until(resend.unwrap_or(far)), if resend.is_some() => Next::Resend,
            () = sleep_until(deadline.unwrap_or(far)), if deadline.is_some() => Next::Deadline,
        }
    }

    /// Sends again what is not answered; false when it has been sent for long enough.
    async fn resend(&mut self) -> bool {
        let Some(resending) = &mut self.resending else {
            return true;
        };
        let now = Instant::now();
        if now >= resending.give_up {
            self.resending = None;
            return false;
        }
        resending.lengthen(now);
        let bytes = resending.bytes.clone();
        self.wire.send(&bytes).await;
        true
    }

    async fn send_until_answered(&mut self, bytes: Vec<u8>) {
        self.wire.send(&bytes).await;
        self.resending = Some(Resending::of(bytes));
    }

    fn has_come_to(&self, stage: Stage) {
        self.stage.send_if_modified(|now| {
            let is_later = *now < stage;
            if is_later {
                *now = stage;
            }
            is_later
        });
    }

    fn tell_heard(&self, asker: oneshot::Sender<Heard>) {
        // Whoever asked may have gone.
        let _ = asker.send(self.heard());
    }

    fn heard(&self) -> Heard {
        self.sound.as_ref().map(Sound::heard).unwrap_or_default()
    }

    async fn open_sound(&mut self) -> bool {
        let host = self.dialog.own.ip();
        self.sound = Sound::open(host, &self.script).await.ok();
        self.sound.is_some()
    }

    async fn place(mut self, dialled: String, shown: String) -> CallReport {
        let ended = if self.open_sound().await {
            let offer = self.describe("sendrecv");
            let branch = self.branch.clone();
            let allow = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE\r\n";
            let invite = self.dialog.request("INVITE", &branch, allow, &offer);
            self.send_until_answered(invite).await;
            match self.wait_for_answer().await {
                None => self.talk().await,
                Some(ended) => ended,
            }
        } else {
            Ended::Lost
        };
        self.into_report(dialled, shown, String::new(), ended)
    }

    fn describe(&self, direction: &str) -> String {
        let sound = self.sound.as_ref();
        sound.map_or_else(String::new, |it| {
            it.describe(&self.script.codecs, direction)
        })
    }

    /// The caller's wait; `None` once connected.
    async fn wait_for_answer(&mut self) -> Option<Ended> {
        let mut deadline = self
            .script
            .give_up_after
            .map(|after| Instant::now() + after);
        loop {
            match self.next(deadline).await {
                Next::Off => return Some(Ended::Lost),
                Next::Resend => {
                    if !self.resend().await {
                        return Some(self.ending.take().unwrap_or(Ended::Lost));
                    }
                }
                Next::Command(Command::Heard(asker)) => self.tell_heard(asker),
                Next::Command(Command::HangUp) | Next::Deadline => {
                    deadline = None;
                    if self.ending.is_none() {
                        self.cancel().await;
                    }
                }
                Next::Message(message) => {
                    if let Some(done) = self.take_answer(*message).await {
                        return done;
                    }
                }
            }
        }
    }

    async fn cancel(&mut self) {
        self.ending = Some(Ended::GivenUp);
        let branch = self.branch.clone();
        let cancel = self
            .dialog
            .write("CANCEL", self.dialog.cseq, &branch, "", "");
        // The final answer to the INVITE ends the waiting for both.
        self.send_until_answered(cancel).await;
    }

    /// Takes a message while the caller waits. `Some(None)` is an answer, `Some(Some(…))` an end.
    async fn take_answer(&mut self, message: Incoming) -> Option<Option<Ended>> {
        if message.method.is_some() || message.cseq_method != "INVITE" {
            self.answer_request(&message).await;
            return None;
        }
        if message.status < 200 {
            if self.ending.is_none() {
                self.resending = None;
            }
            if message.status > 100 {
                self.provisional.push(message.status);
                self.has_come_to(Stage::Ringing);
            }
            self.hear_description(&message.body);
            return None;
        }
        self.resending = None;
        if message.status >= 300 {
            let to = std::mem::replace(
                &mut self.dialog.to,
                message.first("To").unwrap_or_default().to_owned(),
            );
            // The ACK of a refusal belongs to the INVITE's own transaction (§17.1.1.3).
            let ack = self.dialog.write("ACK", message.cseq, &self.branch, "", "");
            self.dialog.to = to;
            self.wire.send(&ack).await;
            let ended = self.ending.take();
            return Some(Some(ended.unwrap_or(Ended::Refused(message.status))));
        }
        self.dialog.learn_from_answer(&message);
        self.ack = self
            .dialog
            .write("ACK", message.cseq, &self.wire.branch(), "", "");
        let ack = self.ack.clone();
        self.wire.send(&ack).await;
        self.hear_description(&message.body);
        Some(None)
    }

    fn hear_description(&self, body: &[u8]) {
        if let (Some(sound), false) = (&self.sound, body.is_empty()) {
            sound.take(body, &self.script.codecs);
        }
    }

    /// Both ends' part once connected.
    async fn talk(&mut self) -> Ended {
        let now = Instant::now();
        self.answered_at = Some(now);
        self.has_come_to(Stage::Answered);
        if let Some(sound) = &self.sound {
            sound.speak();
        }
        if self.ending.is_some() {
            // It was answered while we gave up (RFC 3261 §9.1): hang up at once.
            self.hang_up().await;
        }
        let mut deadline = self.script.hang_up_after.map(|after| now + after);
        loop {
            match self.next(deadline).await {
                Next::Off => return Ended::Lost,
                Next::Resend => {
                    if !self.resend().await {
                        return self.ending.take().unwrap_or(Ended::Lost);
                    }
                }
                Next::Command(Command::Heard(asker)) => self.tell_heard(asker),
                Next::Command(Command::HangUp) | Next::Deadline => {
                    deadline = None;
                    if self.ending.is_none() {
                        self.ending = Some(Ended::HungUp);
                        self.hang_up().await;
                    }
                }
                Next::Message(message) => {
                    if let Some(ended) = self.take_while_talking(*message).await {
                        return ended;
                    }
                }
            }
        }
    }

    async fn hang_up(&mut self) {
        let branch = self.wire.branch();
        let bye = self.dialog.request("BYE", &branch, "", "");
        self.send_until_answered(bye).await;
    }

    async fn take_while_talking(&mut self, message: Incoming) -> Option<Ended> {
        match (message.method.as_deref(), message.cseq_method.as_str()) {
            (None, "BYE") if message.status >= 200 => {
                return Some(self.ending.take().unwrap_or(Ended::HungUp));
            }
            (None, "INVITE") if (200..300).contains(&message.status) => {
                let ack = self.ack.clone();
                self.wire.send(&ack).await;
            }
            (Some("ACK"), _) => {
                if self.ending.is_none() {
                    self.resending = None;
                }
                self.hear_description(&message.body);
            }
            (Some("BYE"), _) => {
                let done = message.reply(200, "OK", None, "");
                self.wire.send(&done).await;
                return Some(self.ending.take().unwrap_or(Ended::ByOther));
            }
            _ => self.answer_request(&message).await,
        }
        None
    }

    /// Requests that a call takes at any time: other media, and questions.
    async fn answer_request(&mut self, message: &Incoming) {
        let contact = format!("Contact: {}\r\n", self.dialog.contact());
        let reply = match message.method.as_deref() {
            Some("INVITE" | "UPDATE") if !message.body.is_empty() => {
                self.hear_description(&message.body);
                let answer = self.describe(answer_direction(&message.body));
                message.reply_with(200, "OK", None, &contact, &answer)
            }
            Some("INVITE") => {
                let offer = self.describe("sendrecv");
                message.reply_with(200, "OK", None, &contact, &offer)
            }
            Some("UPDATE" | "OPTIONS" | "INFO" | "PRACK") => {
                message.reply(200, "OK", None, &contact)
            }
            Some("CANCEL") => message.reply(200, "OK", None, ""),
            Some("BYE") => message.reply(200, "OK", None, ""),
            Some("ACK") | None => return,
            Some(_) => message.reply(501, "Not Implemented", None, ""),
        };
        self.wire.send(&reply).await;
    }

    fn into_report(
        self,
        dialled: String,
        shown: String,
        asserted: String,
        ended: Ended,
    ) -> CallReport {
        let report = CallReport {
            call_id: self.dialog.call_id.clone(),
            caller_shown: shown,
            caller_asserted: asserted,
            dialled,
            provisional: self.provisional.clone(),
            answered: self.answered_at.is_some(),
            ended,
            talked: self.answered_at.map(|at| at.elapsed()).unwrap_or_default(),
            heard: self.heard(),
        };
        self.has_come_to(Stage::Over);
        report
    }
}

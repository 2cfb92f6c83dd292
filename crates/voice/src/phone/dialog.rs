//! One end of a dialog: the names that its requests carry (RFC 3261 §12).

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::message::{Incoming, finish};

/// What every request of a dialog needs.
#[derive(Debug, Clone)]
pub(super) struct Dialog {
    pub(super) call_id: String,
    /// Our From, with its tag.
    pub(super) from: String,
    /// Their To, with its tag once they have one.
    pub(super) to: String,
    /// Where requests go.
    pub(super) target: String,
    /// Record-Route, in the order in which requests visit it.
    pub(super) routes: Vec<String>,
    pub(super) cseq: u32,
    pub(super) own: SocketAddr,
}

impl Dialog {
    /// A request with the next number, and its branch.
    pub(super) fn request(
        &mut self,
        method: &str,
        branch: &str,
        more: &str,
        body: &str,
    ) -> Vec<u8> {
        self.cseq += 1;
        self.write(method, self.cseq, branch, more, body)
    }

    /// A request with a number of the caller's choice: ACK and CANCEL carry the INVITE's.
    pub(super) fn write(
        &self,
        method: &str,
        cseq: u32,
        branch: &str,
        more: &str,
        body: &str,
    ) -> Vec<u8> {
        let mut text = format!(
            "{method} {} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch={branch};rport\r\n\
             Max-Forwards: 70\r\n",
            self.target, self.own
        );
        for route in &self.routes {
            let _ = write!(text, "Route: {route}\r\n");
        }
        let _ = write!(
            text,
            "From: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContact: {}\r\n{more}",
            self.from,
            self.to,
            self.call_id,
            self.contact(),
        );
        finish(text, body)
    }

    /// Our Contact.
    pub(super) fn contact(&self) -> String {
        format!("<sip:{}>", self.own)
    }

    /// Learns from the answer to our INVITE.
    pub(super) fn learn_from_answer(&mut self, answer: &Incoming) {
        if let Some(to) = answer.first("To") {
            self.to = to.to_owned();
        }
        if let Some(contact) = answer.contact() {
            self.target = contact;
        }
        self.routes = answer.all("Record-Route").map(str::to_owned).collect();
        self.routes.reverse();
    }

    /// The end of the one who was called.
    pub(super) fn of_invite(invite: &Incoming, tag: &str, own: SocketAddr) -> Self {
        let text = |name: &str| invite.first(name).unwrap_or_default().to_owned();
        Self {
            call_id: invite.call_id.clone(),
            from: format!("{};tag={tag}", text("To")),
            to: text("From"),
            target: invite.contact().unwrap_or_default(),
            routes: invite.all("Record-Route").map(str::to_owned).collect(),
            cseq: 0,
            own,
        }
    }
}

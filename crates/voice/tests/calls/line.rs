//! One dialog of a carrier, written by hand.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::peer::{Message, Peer};

static COUNT: AtomicU32 = AtomicU32::new(1);

fn unique() -> u32 {
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// A dialog: who we are in it, who they are, and what was sent last.
pub(crate) struct Line {
    pub(crate) peer: Peer,
    pub(crate) call_id: String,
    pub(crate) local: String,
    pub(crate) remote: String,
    pub(crate) target: String,
    pub(crate) seq: u32,
    /// Our INVITE, or theirs.
    pub(crate) invite: Message,
    /// The 2xx that our INVITE got.
    pub(crate) answered: Option<Message>,
    from: SocketAddr,
}

/// What an INVITE is made of.
pub(crate) struct Invite<'a> {
    pub(crate) from: &'a str,
    pub(crate) x: &'a str,
    pub(crate) headers: &'a str,
    pub(crate) sdp: Option<String>,
}

impl Line {
    /// Calls X.
    pub(crate) async fn call(peer: Peer, platform: SocketAddr, invite: Invite<'_>) -> Self {
        let contact = format!("<sip:line@{}>", peer.address);
        Self::call_from(peer, platform, invite, &contact).await
    }

    /// Calls X and names this Contact.
    pub(crate) async fn call_from(
        peer: Peer,
        platform: SocketAddr,
        invite: Invite<'_>,
        contact: &str,
    ) -> Self {
        let number = unique();
        let (own, person) = peer.whose.names();
        let call_id = format!("carrier-{own}-{number}@{}", peer.address.ip());
        let local = format!(
            "\"{person}\" <sip:{}@{}>;tag=tag-{own}-{number}",
            invite.from, peer.address
        );
        let remote = format!("<sip:{}@{platform}>", invite.x);
        let target = format!("sip:{}@{platform}", invite.x);
        let mut line = Self {
            peer,
            call_id,
            local,
            remote,
            target,
            seq: 0,
            invite: Message(String::new()),
            answered: None,
            from: platform,
        };
        let text = line.request("INVITE", invite.headers, invite.sdp.as_deref());
        let own = format!("Contact: <sip:line@{}>", line.peer.address);
        let text = text.replace(&own, &format!("Contact: {contact}"));
        line.invite = Message(text.clone());
        line.send(&text).await;
        line
    }

    /// Waits for a call.
    pub(crate) async fn ring(mut peer: Peer, platform: SocketAddr) -> Self {
        let (invite, from) = loop {
            let next = peer.next().await;
            match next.0.method() {
                "INVITE" => break next,
                // A keep-alive.
                "OPTIONS" => answer_options(&peer, &next).await,
                // The last word of a node that died.
                "CANCEL" => {}
                other => panic!("a {other} before the INVITE"),
            }
        };
        assert!(peer.is_stream() || from == platform);
        let (own, person) = peer.whose.names();
        Self {
            call_id: invite.header("Call-ID").expect("a Call-ID").to_owned(),
            local: format!(
                "\"{person}\" {};tag=tag-{own}-{}",
                invite.header("To").expect("a To"),
                unique()
            ),
            remote: invite.header("From").expect("a From").to_owned(),
            target: invite.contact(),
            seq: 0,
            invite,
            answered: None,
            from,
            peer,
        }
    }

    pub(crate) fn request(&mut self, method: &str, headers: &str, body: Option<&str>) -> String {
        if !matches!(method, "ACK" | "CANCEL") {
            self.seq += 1;
        }
        let branch = match method {
            "CANCEL" => self.branch_of_invite(),
            _ => format!("z9hG4bK-peer-{}", unique()),
        };
        let seq = match method {
            "ACK" | "CANCEL" => self.invite.cseq().0,
            _ => self.seq,
        };
        let body = body.unwrap_or_default();
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/{transport} {address};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: {local}\r\nTo: {remote}\r\nCall-ID: {call_id}\r\n\
             CSeq: {seq} {method}\r\nContact: <sip:line@{address}>\r\nUser-Agent: agent-{own}\r\n\
             {headers}{kind}Content-Length: {length}\r\n\r\n{body}",
            own = self.peer.whose.names().0,
            target = self.target,
            transport = self.peer.transport(),
            address = self.peer.address,
            local = self.local,
            remote = self.remote,
            call_id = self.call_id,
            length = body.len(),
        )
    }

    fn branch_of_invite(&self) -> String {
        let via = self.invite.header("Via").expect("a Via");
        let (_, rest) = via.split_once("branch=").expect("a branch");
        rest.split(';').next().unwrap_or_default().to_owned()
    }

    pub(crate) fn response(
        &self,
        request: &Message,
        status: &str,
        headers: &str,
        body: Option<&str>,
    ) -> String {
        let vias: String = request
            .headers("Via")
            .iter()
            .map(|via| format!("Via: {via}\r\n"))
            .collect();
        let body = body.unwrap_or_default();
        let kind = if body.is_empty() {
            ""
        } else {
            "Content-Type: application/sdp\r\n"
        };
        let to = if request.tag("To").is_some() {
            request.header("To").expect("a To").to_owned()
        } else {
            self.local.clone()
        };
        format!(
            "SIP/2.0 {status}\r\n{vias}From: {from}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq}\r\nContact: <sip:line@{address}>\r\nServer: agent-{own}\r\n\
             {headers}{kind}Content-Length: {length}\r\n\r\n{body}",
            own = self.peer.whose.names().0,
            from = request.header("From").expect("a From"),
            call_id = self.call_id,
            cseq = request.header("CSeq").expect("a CSeq"),
            address = self.peer.address,
            length = body.len(),
        )
    }

    pub(crate) async fn send(&self, text: &str) {
        self.peer.send(self.from, text).await;
    }

    /// Answers their INVITE.
    pub(crate) async fn answer(&self, status: &str, body: Option<&str>) {
        let text = self.response(
            &self.invite,
            status,
            "Allow: INVITE, ACK, BYE, CANCEL, UPDATE, PRACK\r\n",
            body,
        );
        self.send(&text).await;
    }

    /// Answers their INVITE with 200 and our description, which they acknowledge.
    pub(crate) async fn picks_up(&mut self) {
        let sdp = self.peer.sdp("sendrecv");
        self.answer("200 OK", Some(&sdp)).await;
        self.wants("ACK").await;
    }

    /// Waits for this refusal of our INVITE and acknowledges it.
    pub(crate) async fn is_refused(&mut self, status: u16) {
        self.status(status).await;
        self.ack_refusal().await;
    }

    /// Gives our INVITE up; the CANCEL is answered.
    pub(crate) async fn cancels(&mut self) {
        let cancel = self.request("CANCEL", "", None);
        self.send(&cancel).await;
        let answer = self.peer.next().await.0;
        assert_eq!((answer.status(), answer.cseq().1), (Some(200), "CANCEL"));
    }

    /// Their INVITE is given up, and ends so.
    pub(crate) async fn is_cancelled(&mut self) {
        let cancel = self.wants("CANCEL").await;
        self.reply(&cancel, "200 OK", None).await;
        self.answer("487 Request Terminated", None).await;
        self.wants("ACK").await;
    }

    /// Sends a new INVITE in the dialog.
    pub(crate) async fn reinvite(&mut self, headers: &str, sdp: Option<&str>) {
        let text = self.request("INVITE", headers, sdp);
        self.invite = Message(text.clone());
        self.send(&text).await;
    }

    /// Offers in the dialog; asks again a moment later if the platform is not done with what was
    /// before (491, RFC 3261 §14.1).
    pub(crate) async fn offers(&mut self, sdp: &str) -> Message {
        loop {
            self.reinvite("", Some(sdp)).await;
            let answer = self.status_of(&[200, 491]).await;
            if answer.status() == Some(200) {
                return answer;
            }
            self.ack_refusal().await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Answers another request of theirs.
    pub(crate) async fn reply(&self, request: &Message, status: &str, body: Option<&str>) {
        let text = self.response(request, status, "", body);
        self.send(&text).await;
    }

    /// Waits for this status to our last request; lower ones may come before.
    pub(crate) async fn status(&mut self, status: u16) -> Message {
        self.status_of(&[status]).await
    }

    async fn status_of(&mut self, wanted: &[u16]) -> Message {
        loop {
            let (message, _) = self.peer.next().await;
            match message.status() {
                Some(status) if wanted.contains(&status) => {
                    if message.cseq().1 == "INVITE" && message.tag("To").is_some() {
                        self.remote = message.header("To").expect("a To").to_owned();
                        if message.header("Contact").is_some() {
                            self.target = message.contact();
                        }
                        if (200..300).contains(&status) {
                            self.answered = Some(message.clone());
                        }
                    }
                    return message;
                }
                Some(it) if it < 200 && wanted.iter().all(|status| it < *status) => {}
                _ => panic!("{wanted:?} was to come, not {}", message.0),
            }
        }
    }

    /// Waits for a request.
    pub(crate) async fn wants(&mut self, method: &str) -> Message {
        loop {
            let next = self.peer.next().await;
            if next.0.method() == method {
                return next.0;
            }
            if next.0.method() == "OPTIONS" {
                answer_options(&self.peer, &next).await;
                continue;
            }
            panic!("{method} was to come, not {}", next.0.0);
        }
    }

    pub(crate) async fn ack(&mut self, body: Option<&str>) {
        let text = self.request("ACK", "", body);
        self.send(&text).await;
    }

    /// Acknowledges a refusal: the same branch (RFC 3261 §17.1.1.3).
    pub(crate) async fn ack_refusal(&mut self) {
        let text = self.request("ACK", "", None);
        let (before, rest) = text.split_once("branch=").expect("a branch");
        let (_, after) = rest.split_once(";rport").expect("rport");
        let branch = self.branch_of_invite();
        self.send(&format!("{before}branch={branch};rport{after}"))
            .await;
    }

    pub(crate) async fn bye(&mut self) {
        let text = self.request("BYE", "", None);
        self.send(&text).await;
        self.status(200).await;
    }

    /// Takes their BYE.
    pub(crate) async fn is_hung_up(&mut self) {
        let bye = self.wants("BYE").await;
        self.reply(&bye, "200 OK", None).await;
    }

    pub(crate) async fn hears_nothing(&mut self) {
        assert!(
            self.peer
                .hears_nothing_for(Duration::from_millis(300))
                .await
        );
    }
}

async fn answer_options(peer: &Peer, (request, from): &(Message, SocketAddr)) {
    let copied: String = ["Via", "From", "To", "Call-ID", "CSeq"]
        .iter()
        .map(|name| format!("{name}: {}\r\n", request.header(name).expect("a field")))
        .collect();
    peer.send(
        *from,
        &format!("SIP/2.0 200 OK\r\n{copied}Content-Length: 0\r\n\r\n"),
    )
    .await;
}

//! The guard of the voice plane: whatever comes from a socket is judged without harm, and what is
//! let in means the same to the stack behind it.

use std::net::SocketAddr;

use axbridge_domain::trunk::{Transport, Trunk};
use axbridge_voice::guard::{Acl, Guard, Limits, Verdict};
use axbridge_voice::message::{Message, NameAddr, StartLine, halves};
use rsipstack::sip::{self, HasHeaders, HeadersExt, SipMessage};

/// An answer may add so much to what it answers.
const REPLY_BYTES_ADDED_MAX: usize = 400;

/// Judges the bytes as a datagram and as a message of a stream.
pub fn check_sip_message(data: &[u8]) {
    let mut trunk = Trunk::new("carrier".parse().expect("a name"));
    trunk.set("Networks", "192.0.2.0/24").expect("a network");
    let guard = Guard::new(Acl::new([&trunk]), Limits::default());
    let source = SocketAddr::from(([192, 0, 2, 5], 5060));
    for transport in [Transport::Udp, Transport::Tls] {
        let (verdict, reply) = guard.judge_with_reply(data, source, transport, 0);
        assert_eq!(guard.judge(data, source, transport, 0), verdict);
        match (&verdict, reply) {
            (Verdict::Accept { facts, .. }, None) => {
                check_accepted(data);
                assert!(!(facts.is_of_no_call && facts.new_call_to.is_some()));
            }
            (Verdict::Drop(_), None) => {}
            (Verdict::Refuse(refusal), Some(reply)) => check_reply(data, refusal.status, &reply),
            (verdict, reply) => panic!("{verdict:?} with {reply:?}"),
        }
    }
    let stranger = SocketAddr::from(([198, 51, 100, 5], 5060));
    let (verdict, reply) = guard.judge_with_reply(data, stranger, Transport::Udp, 0);
    assert!(matches!(verdict, Verdict::Drop(_)) && reply.is_none());
}

/// The stack reads the same message, if it reads it at all.
fn check_accepted(data: &[u8]) {
    let halves = halves(data).expect("accepted");
    let ours = Message::read(&halves).expect("accepted");
    // Empty lines before a message are ours to skip.
    let Ok(theirs) = SipMessage::try_from(without_empty_lines(data)) else {
        return;
    };
    let count = theirs.headers().iter().count();
    assert_eq!(
        count,
        ours.headers().len(),
        "the stack sees other header fields"
    );
    let same = |theirs: Result<&str, sip::Error>, name| {
        let theirs = theirs.expect("the stack misses a field");
        let ours = ours.first(name).expect("accepted");
        let plain = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(plain(theirs), plain(ours), "{name}");
    };
    same(
        theirs.call_id_header().map(|header| header.value()),
        "Call-ID",
    );
    same(theirs.from_header().map(|header| header.value()), "From");
    same(theirs.to_header().map(|header| header.value()), "To");
    same(theirs.cseq_header().map(|header| header.value()), "CSeq");
    match (&theirs, ours.start) {
        (SipMessage::Request(request), StartLine::Request { method, .. }) => {
            assert_eq!(request.method.to_string(), method);
            if ours.first("Content-Length").is_some() {
                assert_eq!(request.body, ours.body());
            }
        }
        (SipMessage::Response(response), StartLine::Response { code, .. }) => {
            assert_eq!(response.status_code.code().to_string(), code);
        }
        _ => panic!("a request to the one is a response to the other"),
    }
}

fn without_empty_lines(mut data: &[u8]) -> &[u8] {
    while let Some(rest) = data.strip_prefix(b"\r\n") {
        data = rest;
    }
    data
}

/// An answer is a message, about the same call, and no way to make little into much.
fn check_reply(data: &[u8], status: u16, reply: &[u8]) {
    assert!((400..700).contains(&status));
    assert!(reply.len() <= data.len() + REPLY_BYTES_ADDED_MAX);
    let request_halves = halves(data).expect("refused with an answer");
    let request = Message::read(&request_halves).expect("refused with an answer");
    assert!(request.method().is_some_and(|method| method != "ACK"));
    let reply_halves = halves(reply).expect("an answer");
    let reply = Message::read(&reply_halves).expect("an answer");
    let StartLine::Response { code, .. } = reply.start else {
        panic!("an answer is a response");
    };
    assert_eq!(code, status.to_string());
    assert!(reply.rest.is_empty());
    for name in ["Call-ID", "From", "CSeq"] {
        assert_eq!(reply.first(name), request.first(name));
    }
    assert_eq!(reply.all("Via").count(), request.all("Via").count());
    let to = reply.first("To").expect("an answer names both sides");
    if let Ok(to) = NameAddr::parse(to) {
        assert!(to.parameter("tag").is_some());
    }
}

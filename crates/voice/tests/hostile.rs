//! Messages that must not ring anybody, one line a case, and what the guard does with each.

use std::net::SocketAddr;

use axbridge_domain::trunk::{Transport, Trunk};
use axbridge_voice::digest::best_challenge;
use axbridge_voice::guard::{Acl, Cause, Guard, Limits, Rate, Verdict};

const X: &str = "02131075869";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.5\r\ns=-\r\nc=IN IP4 192.0.2.5\r\nt=0 0\r\n\
                   m=audio 4000 RTP/AVP 8\r\n";

fn trunk(fields: &[(&str, &str)]) -> Trunk {
    let mut trunk = Trunk::new("carrier".parse().expect("a name"));
    for (field, text) in fields {
        trunk.set(field, text).expect("fits");
    }
    trunk
}

fn guard_with(fields: &[(&str, &str)], limits: Limits) -> Guard {
    let mut all = vec![("Networks", "192.0.2.0/24")];
    all.extend(fields);
    Guard::new(Acl::new([&trunk(&all)]), limits)
}

fn guard() -> Guard {
    guard_with(&[], Limits::default())
}

fn source() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 5], 5060))
}

fn invite() -> String {
    format!(
        "INVITE sip:{X}@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKabc;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"A\" <sip:13700000001@192.0.2.5>;tag=a1\r\n\
         To: <sip:{X}@192.0.2.1>\r\n\
         Call-ID: c1@192.0.2.5\r\n\
         CSeq: 1 INVITE\r\n\
         Contact: <sip:13700000001@192.0.2.5:5060>\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    )
}

fn said(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept { .. } => "accept".to_owned(),
        Verdict::Drop(cause) => format!("drop {}", cause.name()),
        Verdict::Refuse(refusal) => format!("{} {}", refusal.status, refusal.cause.name()),
    }
}

fn judged(message: &[u8]) -> String {
    said(&guard().judge(message, source(), Transport::Udp, 0))
}

/// Replaces `old`, which must be there.
fn with(old: &str, new: &str) -> Vec<u8> {
    let text = invite();
    assert!(text.contains(old), "{old:?}");
    text.replacen(old, new, 1).into_bytes()
}

#[test]
fn a_whole_message_is_let_in_with_what_it_asks_for() {
    let verdict = guard().judge(invite().as_bytes(), source(), Transport::Udp, 0);
    let Verdict::Accept { trunk, facts } = verdict else {
        panic!("{verdict:?}");
    };
    assert_eq!(trunk.name.as_str(), "carrier");
    assert_eq!(facts.max_forwards, Some(70));
    let x = facts.new_call_to.map(|x| x.expose().to_string());
    assert_eq!(x.as_deref(), Some(X));
}

#[test]
fn forms_that_are_allowed_are_let_in() {
    let cases: [(&str, &str); 13] = [
        ("Via: ", "v: "),
        ("From: \"A\" ", "f: "),
        ("Content-Length: ", "l : "),
        ("Max-Forwards: 70", "Max-Forwards:\r\n 070"),
        (
            "Content-Type: application/sdp",
            "Content-Type: Application/SDP;charset=utf-8",
        ),
        ("CSeq: 1 INVITE", "CSeq: 2147483647\t INVITE"),
        ("\"A\"", "\"张三\""),
        ("\"A\"", "张三"),
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\r\nRequire: 100rel,timer\r\nAccept: */*\r\n",
        ),
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\r\nRoute: <sip:192.0.2.1;lr>, <sip:b@c>\r\n",
        ),
        (
            "Max-Forwards: 70\r\n",
            "Max-Forwards: 70\r\nVia: SIP/2.0/TCP h;branch=x, SIP/2.0/UDP i\r\n",
        ),
        ("INVITE sip:02131075869@", "INVITE sip:+86-21-31075869;x=y@"),
        (&invite()[..0], "\r\n\r\n"),
    ];
    for (old, new) in cases {
        assert_eq!(judged(&with(old, new)), "accept", "{new}");
    }
    let length = format!("Content-Length: {}\r\n", SDP.len());
    assert_eq!(judged(&with(&length, "")), "accept");
    let empty = with(&length, "Content-Length: 0\r\n");
    let empty = String::from_utf8(empty).expect("text").replace(SDP, "");
    assert_eq!(judged(empty.as_bytes()), "accept");
}

#[test]
fn no_message_that_is_not_whole_gets_through() {
    let length = format!("Content-Length: {}", SDP.len());
    let long = "x".repeat(9_000);
    let cases: Vec<(&str, String, &str)> = vec![
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia".into(), "505 version"),
        ("SIP/2.0\r\nVia", "SIP/7.0\r\nVia".into(), "505 version"),
        ("SIP/2.0\r\nVia", "HTTP/1.1\r\nVia".into(), "drop not_sip"),
        (
            "SIP/2.0\r\nVia",
            "SIP/2.0\nVia".into(),
            "drop stray_control",
        ),
        ("\"A\"", "\"A\0\"".into(), "drop stray_control"),
        ("\"A\"", "\"A\rB\"".into(), "drop stray_control"),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE".into(), "400 cseq"),
        ("CSeq: 1 INVITE", "CSeq: 1 invite".into(), "400 cseq"),
        (
            "CSeq: 1 INVITE",
            "CSeq: 2147483648 INVITE".into(),
            "400 cseq",
        ),
        ("CSeq: 1 INVITE", "CSeq: -1 INVITE".into(), "400 cseq"),
        ("CSeq: 1 INVITE", "CSeq: INVITE".into(), "400 cseq"),
        (
            "CSeq: 1 INVITE",
            "CSeq: 1 INVITE\r\nCSeq: 1 INVITE".into(),
            "400 header_repeated",
        ),
        ("CSeq: 1 INVITE\r\n", String::new(), "drop header_missing"),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 0".into(),
            "483 too_many_hops",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 256".into(),
            "400 max_forwards",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: seventy".into(),
            "400 max_forwards",
        ),
        ("Max-Forwards: 70\r\n", String::new(), "400 header_missing"),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nRequire: teleport".into(),
            "420 extension",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nRequire: 100rel, <x>".into(),
            "400 header_form",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nDate: now".into(),
            "400 header_form",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nMin-SE: x".into(),
            "400 header_form",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nAccept: text/plain".into(),
            "406 not_acceptable",
        ),
        (
            "Max-Forwards: 70",
            "Max-Forwards: 70\r\nno header".into(),
            "drop not_sip",
        ),
        (
            "Max-Forwards: 70",
            format!("Max-Forwards: 70\r\nX: {long}"),
            "drop header_limit",
        ),
        (
            "Max-Forwards: 70",
            format!("Max-Forwards: 70{}", "\r\nX: y".repeat(3_000)),
            "drop header_limit",
        ),
        (
            "Max-Forwards: 70",
            format!(
                "Max-Forwards: 70\r\nv: {}SIP/2.0/UDP h",
                "SIP/2.0/UDP h, ".repeat(90)
            ),
            "400 header_limit",
        ),
        (&length, "Content-Length: 9999".into(), "400 content_length"),
        (&length, "Content-Length: -1".into(), "400 content_length"),
        (
            &length,
            "Content-Length: 18446744073709551617".into(),
            "400 content_length",
        ),
        (&length, "Content-Length: 20".into(), "400 bad_sdp"),
        (
            &length,
            format!("Content-Length: {}", SDP.len() - 24),
            "488 no_audio",
        ),
        (
            &length,
            format!("Content-Length: {}", SDP.len() - 2),
            "accept",
        ),
        (
            &length,
            format!("{length}\r\nContent-Length: 0"),
            "400 header_repeated",
        ),
        (
            SDP,
            format!("{SDP}INVITE sip:x@y SIP/2.0\r\n\r\n"),
            "400 content_length",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "<sip:02131075869@192.0.2.1> SIP".into(),
            "400 request_uri",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:02131075869@h?Route=x SIP".into(),
            "400 request_uri",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sips:02131075869@192.0.2.1 SIP".into(),
            "416 uri_scheme",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "mailto:02131075869@h SIP".into(),
            "416 uri_scheme",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:0213107586%00@h SIP".into(),
            "400 escaped_nul",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:alice@h SIP".into(),
            "404 dialled_form",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:h SIP".into(),
            "404 dialled_form",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:+15551234567@h SIP".into(),
            "404 dialled_form",
        ),
        (
            "sip:02131075869@192.0.2.1 SIP",
            "sip:0213107%35%3869;%00@h SIP".into(),
            "400 escaped_nul",
        ),
        ("INVITE sip", "INVITE  sip".into(), "drop not_sip"),
        (";branch=z9hG4bKabc", String::new(), "400 via"),
        (";branch=z9hG4bKabc", ";branch=z9hG4bK".into(), "400 via"),
        (";branch=z9hG4bKabc", ";branch=a b".into(), "400 via"),
        (
            "Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKabc;rport\r\n",
            String::new(),
            "drop header_missing",
        ),
        (";tag=a1", String::new(), "400 address"),
        (";tag=a1", ";tag=".into(), "400 address"),
        ("\"A\" <sip", "\"A <sip".into(), "400 address"),
        (
            "<sip:13700000001@192.0.2.5>;tag",
            "<sip:%00@h>;tag".into(),
            "400 escaped_nul",
        ),
        (
            "To: <sip:02131075869@192.0.2.1>",
            "To: <sip:x@y>;tag=<".into(),
            "400 address",
        ),
        (
            "To: <sip:02131075869@192.0.2.1>",
            "To: <sip:x@y>, <sip:z@y>".into(),
            "400 address",
        ),
        (
            "Contact: <sip:13700000001@192.0.2.5:5060>\r\n",
            String::new(),
            "400 address",
        ),
        ("Contact: ", "Contact: <sip:b@c>, ".into(), "400 address"),
        (
            "Contact: <sip:13700000001@192.0.2.5:5060>",
            "Contact: *".into(),
            "400 address",
        ),
        ("c1@192.0.2.5", "c1 @192.0.2.5".into(), "400 call_id"),
        ("c1@192.0.2.5", "x".repeat(600), "400 call_id"),
        ("application/sdp", "text/html".into(), "415 content_type"),
        (
            "application/sdp",
            "multipart/mixed;boundary=x".into(),
            "415 content_type",
        ),
        (
            "application/sdp",
            "application/sdp\r\nContent-Encoding: gzip".into(),
            "415 content_type",
        ),
        (
            "application/sdp",
            "application/sdp\r\nContent-Disposition: render".into(),
            "415 content_type",
        ),
        (
            "Content-Type: application/sdp\r\n",
            String::new(),
            "400 content_type",
        ),
        ("v=0", "v=1".into(), "400 bad_sdp"),
        ("RTP/AVP 8", "RTP/AVP 9".into(), "488 no_audio"),
        ("RTP/AVP 8", "RTP/SAV 8".into(), "488 no_audio"),
        (
            "c=IN IP4 192.0.2.5",
            "c=IN IP4 224.0.0.5".into(),
            "400 bad_sdp",
        ),
    ];
    for (old, new, verdict) in cases {
        let shown: String = new.chars().take(60).collect();
        assert_eq!(judged(&with(old, &new)), verdict, "{old:?} -> {shown:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let at = invite().find("\"A\"").expect("there") + 1;
    let mut message = invite().into_bytes();
    message[at] = 0xd5;
    assert_eq!(judged(&message), "400 not_utf8");
    assert_eq!(judged(&[0xff; 100]), "drop not_sip");
    assert_eq!(judged(b""), "drop not_sip");
    assert_eq!(judged(&vec![b'a'; 70_000]), "drop too_long");
    // STUN, a keep-alive of another protocol.
    assert_eq!(
        judged(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]),
        "drop not_sip"
    );
}

fn request(method: &str, more: &str) -> Vec<u8> {
    format!(
        "{method} sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n\
         From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n{more}\r\n"
    )
    .into_bytes()
}

#[test]
fn methods_that_are_not_for_a_trunk_are_refused_and_unknown_ones_not_known() {
    for method in [
        "REGISTER",
        "SUBSCRIBE",
        "NOTIFY",
        "REFER",
        "PUBLISH",
        "MESSAGE",
    ] {
        assert_eq!(
            judged(&request(method, "")),
            "405 method_not_allowed",
            "{method}"
        );
    }
    assert_eq!(judged(&request("TELEPORT", "")), "501 unknown_method");
    assert_eq!(judged(&request("invite", "")), "501 unknown_method");
    for method in ["OPTIONS", "BYE", "CANCEL", "ACK", "PRACK", "UPDATE", "INFO"] {
        assert_eq!(judged(&request(method, "")), "accept", "{method}");
    }
    let info = "Content-Type: application/dtmf-relay\r\nContent-Length: 8\r\n\r\nSignal=5";
    assert_eq!(judged(&request("INFO", info)), "accept");
    assert_eq!(
        judged(&request("INFO", &info.replace("dtmf-relay", "sdp"))),
        "415 content_type"
    );
    // Nobody is asked what an ACK or a CANCEL requires, and an ACK gets no answer.
    assert_eq!(judged(&request("CANCEL", "Require: x\r\n")), "accept");
    assert_eq!(
        judged(&request("ACK", "Date: never\r\n")),
        "drop header_form"
    );
}

#[test]
fn responses_are_dropped_unless_they_could_be_to_us() {
    let response = |change: (&str, &str)| {
        let text = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\n\
                    To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n";
        assert!(text.contains(change.0));
        judged(text.replacen(change.0, change.1, 1).as_bytes())
    };
    assert_eq!(response(("OK", "OK")), "accept");
    assert_eq!(response((" OK", "")), "accept");
    for change in [
        ("Via: SIP/2.0/UDP h", "Via: SIP/2.0/UDP a, SIP/2.0/UDP h"),
        ("CSeq: 1 INVITE\r\n", ""),
        ("CSeq: 1 INVITE", "CSeq: x INVITE"),
        ("Length: 0", "Length: 5"),
        ("From", "X-From"),
        ("200", "099"),
        ("200", "700"),
    ] {
        assert_eq!(response(change), "drop response", "{change:?}");
    }
    assert_eq!(response(("SIP/2.0 200", "SIP/9.0 200")), "drop version");
}

#[test]
fn strangers_are_not_answered_whatever_their_via_says() {
    let guard = guard();
    let stranger = SocketAddr::from(([198, 51, 100, 66], 5060));
    for via in [
        "SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKa",
        "SIP/2.0/UDP 192.0.2.5:5060;received=192.0.2.5;branch=z9hG4bKa",
        "SIP/2.0/UDP 198.51.100.66:5060;received=192.0.2.5;branch=z9hG4bKa",
        "SIP/2.0/UDP 198.51.100.66:5060;received=192.0.2.5;rport=5060;branch=z9hG4bKa",
        "SIP/2.0/TCP 192.0.2.5;branch=z9hG4bKa, SIP/2.0/UDP 192.0.2.6;branch=z9hG4bKb",
        "SIP/2.0/UDP 192.0.2.5;maddr=192.0.2.5;branch=z9hG4bKa",
        "SIP/2.0/UDP [::ffff:192.0.2.5]:5060;branch=z9hG4bKa",
    ] {
        let message = with("SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKabc;rport", via);
        let (verdict, reply) = guard.judge_with_reply(&message, stranger, Transport::Udp, 0);
        assert_eq!(
            (said(&verdict).as_str(), reply),
            ("drop stranger", None),
            "{via}"
        );
    }
    let options = request("OPTIONS", "");
    let (verdict, reply) = guard.judge_with_reply(&options, stranger, Transport::Udp, 0);
    assert_eq!((verdict, reply), (Verdict::Drop(Cause::Stranger), None));
    assert_eq!(guard.counters().of(Cause::Stranger), 8);
}

#[test]
fn a_refusal_holds_what_the_request_held_and_the_same_tag_each_time() {
    let guard = guard();
    let message = with(
        "Max-Forwards: 70",
        "Max-Forwards: 70\r\nRequire: x, 100rel, y\r\nUser-Agent: z",
    );
    let answer = || {
        let (_, reply) = guard.judge_with_reply(&message, source(), Transport::Udp, 0);
        String::from_utf8(reply.expect("an answer")).expect("text")
    };
    let first = answer();
    assert_eq!(first, answer());
    let tag = first
        .split(";tag=")
        .nth(2)
        .and_then(|rest| rest.split('\r').next());
    let expected = format!(
        "SIP/2.0 420 Bad Extension\r\n\
         Via: SIP/2.0/UDP 192.0.2.5:5060;branch=z9hG4bKabc;rport\r\n\
         From: \"A\" <sip:13700000001@192.0.2.5>;tag=a1\r\n\
         Call-ID: c1@192.0.2.5\r\n\
         CSeq: 1 INVITE\r\n\
         To: <sip:{X}@192.0.2.1>;tag={}\r\n\
         Unsupported: x, y\r\n\
         Content-Length: 0\r\n\r\n",
        tag.expect("a tag")
    );
    assert_eq!(first, expected);
}

#[test]
fn calls_are_let_in_at_the_rates_of_source_and_number() {
    let limits = Limits {
        calls: Rate { per_s: 1, burst: 3 },
        calls_to_x: Rate { per_s: 1, burst: 2 },
        others: Rate { per_s: 1, burst: 1 },
        ..Limits::default()
    };
    let guard = guard_with(&[], limits);
    let call = |x: &str, now_ms| {
        let message = with("sip:02131075869@192.0.2.1 SIP", &format!("sip:{x}@h SIP"));
        said(&guard.judge(&message, source(), Transport::Udp, now_ms))
    };
    assert_eq!(
        [X; 3].map(|x| call(x, 0)),
        ["accept", "accept", "480 x_rate"]
    );
    assert_eq!(call("02131075868", 0), "503 call_rate");
    assert_eq!(call("02131075868", 1_000), "accept");
    let options =
        |now_ms| said(&guard.judge(&request("OPTIONS", ""), source(), Transport::Udp, now_ms));
    assert_eq!(
        [0, 0, 1_000].map(options),
        ["accept", "drop flood", "accept"]
    );
}

#[test]
fn a_flood_is_dropped_before_it_is_read() {
    let limits = Limits {
        messages: Rate {
            per_s: 10,
            burst: 2,
        },
        ..Limits::default()
    };
    let guard = guard_with(&[], limits);
    let judge = |bytes: &[u8]| said(&guard.judge(bytes, source(), Transport::Udp, 0));
    assert_eq!(judge(b"x"), "drop not_sip");
    assert_eq!(judge(b"x"), "drop not_sip");
    assert_eq!(judge(invite().as_bytes()), "drop flood");
}

#[test]
fn scanners_are_dropped_only_if_the_operator_asks() {
    let message = with(
        "Max-Forwards: 70",
        "Max-Forwards: 70\r\nUser-Agent: Friendly-Scanner",
    );
    assert_eq!(judged(&message), "accept");
    let limits = Limits {
        drop_scanners: true,
        ..Limits::default()
    };
    let verdict = guard_with(&[], limits).judge(&message, source(), Transport::Udp, 0);
    assert_eq!(said(&verdict), "drop scanner");
}

#[test]
fn a_trunk_for_outgoing_calls_starts_none() {
    let guard = guard_with(&[("Inbound", "false")], Limits::default());
    let judge = |bytes: &[u8]| said(&guard.judge(bytes, source(), Transport::Udp, 0));
    assert_eq!(judge(invite().as_bytes()), "403 outbound_only");
    assert_eq!(judge(&request("BYE", "")), "accept");
}

#[test]
fn a_stream_needs_a_length_and_may_carry_sips() {
    let judge = |bytes: &[u8], transport| said(&guard().judge(bytes, source(), transport, 0));
    let without = with(&format!("Content-Length: {}\r\n", SDP.len()), "");
    assert_eq!(judge(&without, Transport::Tcp), "400 content_length");
    let sips = with(
        "sip:02131075869@192.0.2.1 SIP",
        "sips:02131075869@192.0.2.1 SIP",
    );
    assert_eq!(judge(&sips, Transport::Tcp), "416 uri_scheme");
    assert_eq!(judge(&sips, Transport::Tls), "accept");
}

#[test]
fn a_trunk_that_is_known_by_its_password_hears_one_challenge_and_nothing_else() {
    let mut anywhere = trunk(&[("Networks", "0.0.0.0/0")]);
    anywhere.set("InboundUser", "roamer").expect("fits");
    let acl = Acl::with_passwords([(&anywhere, Some("secret".to_owned()))]);
    let guard = Guard::new(acl, Limits::default());
    let judge = |bytes: &[u8], now_ms| {
        let (verdict, reply) = guard.judge_with_reply(bytes, source(), Transport::Udp, now_ms);
        let reply = reply.map(|reply| String::from_utf8(reply).expect("text"));
        (said(&verdict), reply)
    };
    assert_eq!(
        judge(&request("OPTIONS", ""), 0),
        ("drop challenged".to_owned(), None)
    );
    let malformed = with("CSeq: 1 INVITE", "CSeq: 1 BYE");
    assert_eq!(judge(&malformed, 0), ("drop cseq".to_owned(), None));
    let (verdict, reply) = judge(invite().as_bytes(), 0);
    assert_eq!(verdict, "401 challenged");
    let reply = reply.expect("a challenge");
    let values = reply
        .lines()
        .filter_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let challenge = best_challenge(values).expect("a challenge");
    let uri = format!("sip:{X}@192.0.2.1");
    let credentials = |password, chance| {
        let value = challenge.answer("roamer", password, "INVITE", &uri, [chance; 16]);
        with(
            "Max-Forwards: 70",
            &format!("Max-Forwards: 70\r\nAuthorization: {value}"),
        )
    };
    assert_eq!(judge(&credentials("guess", 1), 1).0, "401 credentials");
    let right = credentials("secret", 1);
    assert_eq!(judge(&right, 1).0, "accept");
    // The datagram again is what UDP does; the same credentials for another call are a replay.
    assert_eq!(judge(&right, 2).0, "accept");
    let replay = String::from_utf8(right)
        .expect("text")
        .replace("c1@", "c2@");
    let (verdict, reply) = judge(replay.as_bytes(), 3);
    assert_eq!(verdict, "401 challenged");
    assert!(reply.expect("a challenge").contains("stale=true"));
    // A dialog's requests were proven by the call that they belong to.
    let bye = String::from_utf8(request("BYE", "")).expect("text");
    assert_eq!(
        judge(bye.replace("<sip:c@d>", "<sip:c@d>;tag=2").as_bytes(), 4).0,
        "accept"
    );
}

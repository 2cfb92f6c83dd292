//! The phone library against itself: what one phone does the other sees and hears.

use std::time::Duration;

use axbridge_voice::phone::{Answer, Ended, Phone, PhoneCall, Script, Stage};

const A: &str = "13700000001";
const B: &str = "13800000002";
const LOW_HZ: f32 = 440.0;
const HIGH_HZ: f32 = 880.0;
const MOMENT: Duration = Duration::from_millis(100);

async fn phone() -> Phone {
    let address = "127.0.0.1:0".parse().expect("an address");
    Phone::open(address).await.expect("a free port")
}

/// Calls B on the second phone from A on the first.
async fn call(caller: &Phone, callee: &Phone, script: Script) -> PhoneCall {
    caller.call(callee.address(), A, B, script).await
}

/// Waits until this much of a tone was heard.
async fn until_heard(call: &PhoneCall, frequency_hz: f32, time: Duration) {
    while call
        .heard()
        .await
        .is_some_and(|heard| heard.tone(frequency_hz) < time)
    {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn two_phones_talk_and_hear_each_other() {
    let (caller, callee) = (phone().await, phone().await);
    callee.answer(B, Script::tone(HIGH_HZ).answering(Answer::After(MOMENT)));
    let mut out = call(&caller, &callee, Script::tone(LOW_HZ)).await;
    let incoming = callee.next_call().await.expect("it rings");
    assert_eq!((incoming.dialled(), incoming.caller_shown()), (B, A));
    assert!(out.reaches(Stage::Answered).await);
    until_heard(&out, HIGH_HZ, MOMENT).await;
    until_heard(&incoming, LOW_HZ, MOMENT).await;
    out.hang_up().await;
    let out = out.report().await.expect("a report");
    let incoming = incoming.report().await.expect("a report");
    assert_eq!((out.ended, incoming.ended), (Ended::HungUp, Ended::ByOther));
    assert_eq!(out.provisional, [180]);
    assert!(out.answered && incoming.answered);
    assert!(out.heard.tone(HIGH_HZ) >= MOMENT);
    assert_eq!(out.heard.tone(LOW_HZ), Duration::ZERO);
    assert!(incoming.heard.tone(LOW_HZ) >= MOMENT);
    let requests = |phone: &Phone, sent: bool| {
        let kept = phone.messages();
        let of_way = kept.iter().filter(|message| message.sent == sent);
        let texts = of_way.map(|it| String::from_utf8_lossy(&it.bytes).into_owned());
        let first_words = texts.map(|text| text.split(' ').next().unwrap_or_default().to_owned());
        first_words
            .filter(|word| word != "SIP/2.0")
            .collect::<Vec<_>>()
    };
    assert_eq!(requests(&caller, true), ["INVITE", "ACK", "BYE"]);
    assert_eq!(requests(&callee, false), ["INVITE", "ACK", "BYE"]);
}

#[tokio::test]
async fn the_one_who_was_called_may_hang_up_too() {
    let (caller, callee) = (phone().await, phone().await);
    let short = Script::default().answering(Answer::AtOnce).for_time(MOMENT);
    callee.answer_others(short);
    let out = call(&caller, &callee, Script::default()).await;
    let report = out.report().await.expect("a report");
    assert_eq!(report.ended, Ended::ByOther);
    assert!(report.answered);
    assert_eq!(report.provisional, [0; 0]);
}

#[tokio::test]
async fn a_refusal_reaches_the_caller() {
    for status in [486, 603, 503] {
        let (caller, callee) = (phone().await, phone().await);
        let refusing = Answer::Refuse(status, Duration::ZERO);
        callee.answer(B, Script::default().answering(refusing));
        let out = call(&caller, &callee, Script::default()).await;
        let incoming = callee.next_call().await.expect("it comes in");
        let report = out.report().await.expect("a report");
        assert_eq!(report.ended, Ended::Refused(status));
        assert!(!report.answered);
        let other = incoming.report().await.expect("a report");
        assert_eq!(other.ended, Ended::Refused(status));
    }
}

#[tokio::test]
async fn a_caller_who_gives_up_is_told_so_at_both_ends() {
    let (caller, callee) = (phone().await, phone().await);
    callee.answer(B, Script::default().answering(Answer::Never));
    let mut out = call(&caller, &callee, Script::default()).await;
    assert!(out.reaches(Stage::Ringing).await);
    out.hang_up().await;
    let incoming = callee.next_call().await.expect("it rings");
    assert_eq!(out.report().await.expect("a report").ended, Ended::GivenUp);
    let other = incoming.report().await.expect("a report");
    assert_eq!(other.ended, Ended::Cancelled);
}

#[tokio::test]
async fn digits_cross_as_events_and_as_sound() {
    for as_sound in [false, true] {
        let (caller, callee) = (phone().await, phone().await);
        callee.answer_others(Script::default().answering(Answer::AtOnce));
        let keying = Script {
            digits_as_sound: as_sound,
            ..Script::default().keying("15#", MOMENT, MOMENT * 3)
        };
        let out = call(&caller, &callee, keying).await;
        let incoming = callee.next_call().await.expect("it rings");
        let heard = async || {
            let heard = incoming.heard().await.expect("a call");
            if as_sound {
                heard.digits_in_sound
            } else {
                heard.digits
            }
        };
        while heard().await.len() < 3 {
            tokio::time::sleep(MOMENT).await;
        }
        assert_eq!(heard().await, "15#");
        out.hang_up().await;
        assert!(out.report().await.expect("a report").answered);
    }
}

#[tokio::test]
async fn the_codec_that_both_speak_is_used() {
    let (caller, callee) = (phone().await, phone().await);
    let ulaw = |script: Script| Script {
        codecs: vec![0],
        ..script
    };
    callee.answer_others(Script::tone(HIGH_HZ).answering(Answer::AtOnce));
    let mut out = call(&caller, &callee, ulaw(Script::default())).await;
    assert!(out.reaches(Stage::Answered).await);
    until_heard(&out, HIGH_HZ, MOMENT).await;
    callee.answer_others(ulaw(Script::default()).answering(Answer::AtOnce));
    let alaw = Script {
        codecs: vec![8],
        ..Script::default()
    };
    let report = call(&caller, &callee, alaw).await.report().await;
    assert_eq!(report.expect("a report").ended, Ended::Refused(488));
}

#[tokio::test]
async fn questions_from_outside_are_answered() {
    let phone = phone().await;
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let own = socket.local_addr().expect("bound");
    let ask = |method: &str| {
        format!(
            "{method} sip:x@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bK1\r\n\
             From: <sip:a@{own}>;tag=a\r\nTo: <sip:x@127.0.0.1>;tag=b\r\nCall-ID: {method}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
    };
    let mut buffer = [0; 2048];
    for (method, status) in [("OPTIONS", "SIP/2.0 200"), ("BYE", "SIP/2.0 481")] {
        let sent = socket
            .send_to(ask(method).as_bytes(), phone.address())
            .await;
        sent.expect("sent");
        let length = socket.recv(&mut buffer).await.expect("an answer");
        assert!(buffer[..length].starts_with(status.as_bytes()), "{method}");
    }
}

//! What the two hear, and what is written of it.

use std::time::Duration;

use axbridge_domain::call::{CallResult, ReleasedBy};
use axbridge_voice::audio::{Codec, sine, tone_share};
use tokio::net::UdpSocket;

use crate::{
    house::{House, Setup},
    line::Line,
    peer::Message,
    scene::{came_out, quick, talking},
};

/// Samples of one packet.
const FRAME: usize = 160;

/// Sends a tone to where the platform says that it listens, one packet every 20 ms.
async fn say(from: &UdpSocket, to: std::net::SocketAddr, hz: f32, packets: u16) {
    let tone = sine(hz, Duration::from_secs(10));
    let mut pace = tokio::time::interval(Duration::from_millis(20));
    for number in 0..packets {
        pace.tick().await;
        let mut packet = vec![0x80, 8];
        packet.extend(number.to_be_bytes());
        packet.extend((u32::from(number) * FRAME as u32).to_be_bytes());
        packet.extend(7_u32.to_be_bytes());
        let start = usize::from(number) * FRAME;
        let samples = &tone.samples()[start..start + FRAME];
        packet.extend(samples.iter().map(|sample| Codec::Pcma.encode(*sample)));
        from.send_to(&packet, to).await.expect("loopback takes it");
    }
}

/// What came in `packets` packets, decoded, and that all of it came from `from`.
async fn hear(at: &UdpSocket, from: std::net::SocketAddr, packets: usize) -> Vec<i16> {
    let mut samples = Vec::new();
    let mut buffer = [0; 2048];
    while samples.len() < packets * FRAME {
        let got = tokio::time::timeout(Duration::from_secs(5), at.recv_from(&mut buffer));
        let (length, source) = got.await.expect("sound").expect("a packet");
        assert_eq!(source, from);
        assert_eq!(buffer[0], 0x80);
        samples.extend(
            buffer[12..length]
                .iter()
                .map(|byte| Codec::Pcma.decode(*byte)),
        );
    }
    samples
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hears_the_other_through_the_platform_only_and_it_is_recorded() {
    let (house, mut a, mut b, answer) = talking(quick(), |terms| terms.record = true).await;
    let at_a = answer.media();
    let at_b = b.invite.media();
    assert_ne!(at_a, at_b);
    let (_, _, heard_by_a, heard_by_b) = tokio::join!(
        say(&a.peer.sound, at_a, 440.0, 60),
        say(&b.peer.sound, at_b, 1_000.0, 60),
        hear(&a.peer.sound, at_a, 30),
        hear(&b.peer.sound, at_b, 30),
    );
    assert!(tone_share(&heard_by_a[800..], 1_000.0) > 0.8);
    assert!(tone_share(&heard_by_b[800..], 440.0) > 0.8);
    a.bye().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
    let recorded = house.plane.statistics().media;
    assert_eq!(
        (recorded.recordings_begun, recorded.recordings_finished),
        (1, 1)
    );
    assert_eq!(recorded.recordings_failed, 0);
    let calls = house.ended_calls(1).await;
    assert!(house.recorded_ms(&calls[0]).await >= 600);
}

/// A key as RFC 4733 sends it: three packets, the last three times.
async fn key(from: &UdpSocket, to: std::net::SocketAddr, event: u8, number: &mut u16) {
    let time = u32::from(*number) * 1_600;
    for (end, duration) in [
        (0, 160_u16),
        (0, 320),
        (0x80, 480),
        (0x80, 480),
        (0x80, 480),
    ] {
        let mut packet = vec![0x80, 101];
        packet.extend(number.to_be_bytes());
        *number += 1;
        packet.extend(time.to_be_bytes());
        packet.extend(9_u32.to_be_bytes());
        packet.extend([event, end | 10]);
        packet.extend(duration.to_be_bytes());
        from.send_to(&packet, to).await.expect("loopback takes it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_keys_the_wrong_digits_three_times_is_not_connected() {
    let setup: Setup = quick();
    let (house, mut a, mut b) = crate::scene::calling(setup, |terms| terms.verify = true).await;
    let answer: Message = a.status(200).await;
    a.ack(None).await;
    let to = answer.media();
    let mut number = 1;
    // Twelve times a key that may be right, but hardly all four of a question.
    for _ in 0..3 {
        for _ in 0..4 {
            key(&a.peer.sound, to, 0, &mut number).await;
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }
    a.is_hung_up().await;
    assert!(b.hears_nothing_for(Duration::from_millis(50)).await);
    let calls = house.ended_calls(1).await;
    let end = calls[0].end.as_ref().expect("an end");
    assert_eq!(end.result, CallResult::CheckFailed);
    let verification = end.verification.as_ref().expect("a verification");
    assert_eq!(verification.correct.len(), 4);
    assert_eq!(verification.answer, "0000");
    assert!(!verification.passed);
    assert!(calls[0].answered_at.is_none());
    house.no_leak(&a.peer.log(), &b.log());
    house.is_empty().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_is_heard_before_anybody_rings() {
    let (a, b) = crate::scene::carriers().await;
    let house = House::start(&a, &b, quick()).await;
    house.keep_prompt("hello", 700.0).await;
    house
        .bind(Some(crate::house::B), |terms| {
            terms.voice_code = Some("{\"axCallerVoiceCode\":\"hello\"}".to_owned());
        })
        .await;
    let invite = crate::scene::to_x(&a, crate::house::A);
    let mut a = Line::call(a, house.address(), invite).await;
    let early = a.status(183).await;
    let heard = hear(&a.peer.sound, early.media(), 25).await;
    assert!(tone_share(&heard[800..], 700.0) > 0.8);
    let mut b = Line::ring(b, house.address()).await;
    b.answer("486 Busy Here", None).await;
    b.wants("ACK").await;
    a.status(486).await;
    a.ack_refusal().await;
    came_out(&house, &a, &b.peer, CallResult::Busy, ReleasedBy::Callee).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prompt_that_is_not_there_keeps_nobody_from_talking() {
    let setup = quick();
    let (house, mut a, mut b, _) = talking(setup, |terms| {
        terms.voice_code = Some("gone.mp3".to_owned())
    })
    .await;
    a.bye().await;
    b.is_hung_up().await;
    came_out(
        &house,
        &a,
        &b.peer,
        CallResult::Connected,
        ReleasedBy::Caller,
    )
    .await;
}

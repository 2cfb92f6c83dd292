//! Packets as a carrier's phones send and take them.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use axbridge_voice::audio::{Clip, Codec, sine};

use crate::ear::Ear;

/// Samples of one packet.
pub(crate) const FRAME: usize = 160;
/// How long one is.
const FRAME_MS: u64 = 20;

/// The head of a packet.
fn head(payload_type: u8, number: u16, time: u32, source: u32) -> Vec<u8> {
    let mut packet = vec![0x80, payload_type];
    packet.extend(number.to_be_bytes());
    packet.extend(time.to_be_bytes());
    packet.extend(source.to_be_bytes());
    packet
}

/// A stream that there was not before.
pub(crate) fn new_source() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0x0a0b_0c00);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// One packet of a tone.
pub(crate) fn tone_packet(codec: Codec, hz: f32, number: u16, source: u32) -> Vec<u8> {
    let from = u64::from(number) * FRAME_MS;
    let tone = sine(hz, Duration::from_millis(from + FRAME_MS));
    let payload_type = match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    };
    let mut packet = head(
        payload_type,
        number,
        u32::from(number) * FRAME as u32,
        source,
    );
    let samples = &tone.samples()[usize::from(number) * FRAME..];
    packet.extend(samples.iter().map(|sample| codec.encode(*sample)));
    packet
}

/// Sends a tone to where the platform says that it listens, one packet every 20 ms.
pub(crate) async fn say(from: &Ear, to: SocketAddr, codec: Codec, hz: f32, packets: u16) {
    let source = new_source();
    let mut pace = tokio::time::interval(Duration::from_millis(FRAME_MS));
    for number in 0..packets {
        pace.tick().await;
        let packet = tone_packet(codec, hz, number, source);
        from.send_to(&packet, to).await.expect("loopback takes it");
    }
}

/// What came in `packets` packets, decoded; all of it came from `from` and in this codec.
pub(crate) async fn hear(at: &Ear, from: SocketAddr, codec: Codec, packets: usize) -> Vec<i16> {
    let payload_type = match codec {
        Codec::Pcma => 8,
        Codec::Pcmu => 0,
    };
    let mut samples = Vec::new();
    let mut buffer = [0; 2048];
    while samples.len() < packets * FRAME {
        let got = tokio::time::timeout(Duration::from_secs(5), at.recv_from(&mut buffer));
        let (length, source) = got.await.expect("sound").expect("a packet");
        assert_eq!(source, from);
        assert_eq!((buffer[0], buffer[1] & 0x7f), (0x80, payload_type));
        samples.extend(buffer[12..length].iter().map(|byte| codec.decode(*byte)));
    }
    samples
}

/// A key as RFC 4733 sends it: five packets, the last three alike.
pub(crate) async fn key(from: &Ear, to: SocketAddr, digit: char, number: &mut u16) {
    let event = match digit {
        '*' => 10,
        '#' => 11,
        digit => digit.to_digit(10).expect("a digit") as u8,
    };
    let time = u32::from(*number) * 1_600;
    for (end, duration) in [
        (0, 160_u16),
        (0, 320),
        (0x80, 480),
        (0x80, 480),
        (0x80, 480),
    ] {
        let mut packet = head(101, *number, time, 9);
        *number += 1;
        packet.extend([event, end | 10]);
        packet.extend(duration.to_be_bytes());
        from.send_to(&packet, to).await.expect("loopback takes it");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A report of a sender that names itself (RFC 3550 §6.4.1, §6.5).
pub(crate) fn sender_report(name: &str) -> Vec<u8> {
    let mut packet = vec![0x80, 200, 0, 6];
    packet.extend(7_u32.to_be_bytes());
    packet.extend([0; 20]);
    let mut chunk = 7_u32.to_be_bytes().to_vec();
    chunk.extend([1, u8::try_from(name.len()).expect("a short name")]);
    chunk.extend(name.bytes());
    chunk.push(0);
    chunk.resize(chunk.len().next_multiple_of(4), 0);
    packet.extend([0x81, 202]);
    let words = u16::try_from(chunk.len() / 4).expect("short");
    packet.extend(words.to_be_bytes());
    packet.extend(chunk);
    packet
}

/// Says something at its pace, as PCMA.
pub(crate) async fn say_sound(from: &Ear, to: SocketAddr, sound: &Clip) {
    let source = new_source();
    let mut pace = tokio::time::interval(Duration::from_millis(FRAME_MS));
    for (number, frame) in (0_u16..).zip(sound.samples().chunks_exact(FRAME)) {
        pace.tick().await;
        let mut packet = head(8, number, u32::from(number) * FRAME as u32, source);
        packet.extend(frame.iter().map(|sample| Codec::Pcma.encode(*sample)));
        from.send_to(&packet, to).await.expect("loopback takes it");
    }
}

/// Waits for a key as RFC 4733 sends it, told once by its first packet with the end bit.
pub(crate) async fn hear_key(at: &Ear) -> u8 {
    let mut buffer = [0; 2048];
    loop {
        let got = tokio::time::timeout(Duration::from_secs(5), at.recv_from(&mut buffer));
        let (length, _) = got.await.expect("a key").expect("a packet");
        if length == 16 && buffer[1] & 0x7f == 101 && buffer[13] & 0x80 != 0 {
            return buffer[12];
        }
    }
}

//! Digits as events in RTP.

use axbridge_voice::audio::Digit;
use axbridge_voice::media::telephone_event::{EVENT_BYTES, EventReader, TelephoneEvent};

/// How many told events are known, so that their late packets tell nothing.
const REMEMBERED: usize = 4;

/// Bytes of one packet here: its source, its timestamp and its payload.
const PACKET_BYTES: usize = 2 + EVENT_BYTES;

/// Reads packets of events, some bytes each.
///
/// # Panics
/// If an event is read otherwise than by the table of RFC 4733 §2.3, or a digit is told twice or
/// never.
pub fn check_telephone_event(data: &[u8]) {
    let mut reader = EventReader::default();
    let mut told: Vec<(u8, u8)> = Vec::new();
    for packet in data.chunks(PACKET_BYTES) {
        let (Some(&source), Some(&time)) = (packet.first(), packet.get(1)) else {
            continue;
        };
        let payload = packet.get(2..).unwrap_or_default();
        let Some(event) = TelephoneEvent::parse(payload) else {
            assert!(payload.len() < EVENT_BYTES, "a whole event is refused");
            continue;
        };
        assert_eq!(event.event, payload[0]);
        assert_eq!(event.end, payload[1] >= 128);
        assert_eq!(event.volume, payload[1] % 64);
        let duration = u16::from(payload[2]) * 256 + u16::from(payload[3]);
        assert_eq!(event.duration, duration);
        assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
        let digit = reader.digit(u32::from(source), u32::from(time), event);
        let known = told.iter().rev().take(REMEMBERED);
        let is_new = event.event < 16 && !known.into_iter().any(|&one| one == (source, time));
        assert_eq!(digit.is_some(), is_new);
        if let Some(digit) = digit {
            told.push((source, time));
            let key = "0123456789*#ABCD".chars().nth(usize::from(event.event));
            assert_eq!(Some(digit.as_char()), key);
            assert_eq!(Digit::from_char(digit.as_char()), Some(digit));
            // Debug output does not tell which key it was.
            assert_eq!(format!("{digit:?}"), "Digit(_)");
        }
    }
}

//! What a phone heard.

use std::time::Duration;

use crate::{
    audio::{Codec, Digit, DtmfDetector, SAMPLE_RATE_HZ, tone_share},
    media::{
        rtp::Packet,
        telephone_event::{EventReader, TelephoneEvent},
    },
};

/// The longest sound that is kept: ten minutes.
const SAMPLES_KEPT_MAX: usize = 600 * SAMPLE_RATE_HZ as usize;
/// The piece of sound in which a tone is looked for: 50 ms.
const PIECE_SAMPLES: usize = 400;
/// How much of a piece's energy a tone must have.
const TONE_SHARE_MIN: f32 = 0.6;
/// A piece that is quieter than this, in mean square, holds nothing.
const MEAN_SQUARE_MIN: f64 = 10_000.0;

/// What was heard in a call.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Packets of sound.
    pub packets: u64,
    /// Digits that came as events of RFC 4733.
    pub digits: String,
    /// Digits that came as sound.
    pub digits_in_sound: String,
    samples: Vec<i16>,
}

impl Heard {
    /// The sound, as it came.
    #[must_use]
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long anything but silence was heard.
    #[must_use]
    pub fn loud(&self) -> Duration {
        self.pieces(is_loud)
    }

    /// How long this tone was heard.
    #[must_use]
    pub fn tone(&self, frequency_hz: f32) -> Duration {
        self.pieces(|piece| is_loud(piece) && tone_share(piece, frequency_hz) > TONE_SHARE_MIN)
    }

    fn pieces(&self, fits: impl Fn(&[i16]) -> bool) -> Duration {
        let pieces = self.samples.chunks_exact(PIECE_SAMPLES);
        let count = pieces.filter(|piece| fits(piece)).count();
        let samples = (count * PIECE_SAMPLES) as u64;
        Duration::from_millis(samples * 1000 / u64::from(SAMPLE_RATE_HZ))
    }
}

fn is_loud(piece: &[i16]) -> bool {
    let sum: f64 = piece.iter().map(|it| f64::from(*it).powi(2)).sum();
    sum / piece.len() as f64 > MEAN_SQUARE_MIN
}

/// Listens to packets.
#[derive(Debug, Default)]
pub(super) struct Ear {
    pub(super) heard: Heard,
    events: EventReader,
    detector: DtmfDetector,
}

impl Ear {
    /// Takes a datagram; `event_payload_type` is what digits travel as.
    pub(super) fn hear(&mut self, datagram: &[u8], event_payload_type: u8) {
        let Ok(packet) = Packet::parse(datagram) else {
            return;
        };
        let payload = packet.payload(datagram);
        if packet.header.payload_type == event_payload_type {
            let Some(event) = TelephoneEvent::parse(payload) else {
                return;
            };
            let header = packet.header;
            let digit = self.events.digit(header.ssrc, header.timestamp, event);
            self.heard.digits.extend(digit.map(Digit::as_char));
            return;
        }
        let Some(codec) = Codec::of_payload_type(packet.header.payload_type) else {
            return;
        };
        self.heard.packets += 1;
        let samples = payload.iter().map(|byte| codec.decode(*byte));
        let digits = &mut self.heard.digits_in_sound;
        self.detector
            .hear(samples.clone(), |digit| digits.push(digit.as_char()));
        let room = SAMPLES_KEPT_MAX.saturating_sub(self.heard.samples.len());
        self.heard.samples.extend(samples.take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{audio::sine, media::rtp::Header};

    fn packet(payload_type: u8, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let header = Header {
            marker: false,
            payload_type,
            sequence,
            timestamp: u32::from(sequence) * 160,
            ssrc: 7,
        };
        [&header.to_bytes()[..], payload].concat()
    }

    #[test]
    fn a_tone_is_heard_as_long_as_it_lasts() {
        let mut ear = Ear::default();
        let tone = sine(440.0, Duration::from_secs(1));
        let silence = vec![0; 8000];
        let frames = tone
            .samples()
            .chunks_exact(160)
            .chain(silence.chunks_exact(160));
        for (sequence, frame) in (0u16..).zip(frames) {
            let payload: Vec<u8> = frame.iter().map(|it| Codec::Pcma.encode(*it)).collect();
            ear.hear(&packet(8, sequence, &payload), 101);
        }
        assert_eq!(ear.heard.packets, 100);
        let near_a_second = Duration::from_millis(900)..=Duration::from_secs(1);
        assert!(near_a_second.contains(&ear.heard.tone(440.0)));
        assert!(near_a_second.contains(&ear.heard.loud()));
        assert_eq!(ear.heard.tone(880.0), Duration::ZERO);
    }

    #[test]
    fn digits_are_heard_both_ways() {
        let mut ear = Ear::default();
        let digit = Digit::from_char('5').expect("a digit");
        let event = TelephoneEvent::of(digit, 160, false).to_bytes();
        for sequence in [1, 1, 1] {
            ear.hear(&packet(101, sequence, &event), 101);
        }
        let tone = digit.tone(Duration::from_millis(200));
        for (sequence, frame) in (10u16..).zip(tone.samples().chunks_exact(160)) {
            let payload: Vec<u8> = frame.iter().map(|it| Codec::Pcmu.encode(*it)).collect();
            ear.hear(&packet(0, sequence, &payload), 101);
        }
        assert_eq!(ear.heard.digits, "5");
        assert_eq!(ear.heard.digits_in_sound, "5");
    }
}

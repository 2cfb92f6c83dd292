//! The numbers of what we send to one side: its stream is ours alone, whatever feeds it. Relayed
//! packets keep the gaps and the order in which they came, so that the receiver can tell a loss
//! from a pause; nothing else of the sender's header remains.

use std::time::{Duration, Instant};

use super::rtp::Header;
use crate::audio::FRAME_SAMPLES;

/// A longer pause is told as this long, so that a receiver's buffer does not wait for it.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// How the numbers of a relayed stream become ours.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    from_extended: u64,
    from_timestamp: u32,
    to_sequence: u16,
    to_timestamp: u32,
}

/// The stream to one side.
#[derive(Debug)]
pub(crate) struct Outgoing {
    ssrc: u32,
    /// The next sequence number.
    sequence: u16,
    /// The timestamp of the newest packet.
    timestamp: u32,
    sent_at: Option<Instant>,
    mapping: Option<Mapping>,
    own: bool,
}

impl Outgoing {
    /// A stream with random beginnings (RFC 3550 §5.1).
    pub(crate) fn new(random: [u8; 10]) -> Self {
        let [i0, i1, i2, i3, s0, s1, t0, t1, t2, t3] = random;
        Self {
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            sent_at: None,
            mapping: None,
            own: false,
        }
    }

    /// Our name in this stream.
    pub(crate) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The timestamp of this moment, for reports.
    pub(crate) fn timestamp_at(&self, now: Instant) -> u32 {
        let passed = self.sent_at.map_or(0, |at| samples(now - at));
        self.timestamp.wrapping_add(passed)
    }

    /// The timestamp of the newest packet.
    pub(crate) fn timestamp_of_last(&self) -> u32 {
        self.timestamp
    }

    /// The header of the next packet of sound that we make, 20 ms after the last.
    pub(crate) fn own_frame(&mut self, payload_type: u8, now: Instant) -> Header {
        let begins = !self.own;
        let timestamp = if begins {
            self.resume_at(now)
        } else {
            self.timestamp.wrapping_add(FRAME_SAMPLES as u32)
        };
        self.own_packet(payload_type, timestamp, begins, now)
    }

    /// The timestamp at which something begins that does not continue what was sent before.
    pub(crate) fn resume_at(&self, now: Instant) -> u32 {
        let Some(at) = self.sent_at else {
            return self.timestamp;
        };
        let passed = samples((now - at).min(PAUSE_MAX)).max(FRAME_SAMPLES as u32);
        self.timestamp.wrapping_add(passed)
    }

    /// The header of the next packet that we make, at a timestamp of its own.
    pub(crate) fn own_packet(
        &mut self,
        payload_type: u8,
        timestamp: u32,
        marker: bool,
        now: Instant,
    ) -> Header {
        let header = Header {
            marker,
            payload_type,
            sequence: self.sequence,
            timestamp,
            ssrc: self.ssrc,
        };
        self.sequence = self.sequence.wrapping_add(1);
        self.timestamp = timestamp;
        self.sent_at = Some(now);
        self.mapping = None;
        self.own = true;
        header
    }

    /// Ends what we made ourselves: the next packet begins something new.
    pub(crate) fn own_ends(&mut self) {
        self.own = false;
    }

    /// The header of a relayed packet; `None` for one from before the relaying began, whose
    /// number has been given to something else.
    pub(crate) fn relayed(
        &mut self,
        mut header: Header,
        extended: u64,
        restarted: bool,
        now: Instant,
    ) -> Option<Header> {
        let known = self.mapping.filter(|_| !restarted);
        let mapping = known.unwrap_or_else(|| Mapping {
            from_extended: extended,
            from_timestamp: header.timestamp,
            to_sequence: self.sequence,
            to_timestamp: self.resume_at(now),
        });
        let step = extended.checked_sub(mapping.from_extended)?;
        header.marker |= known.is_none();
        header.sequence = mapping.to_sequence.wrapping_add(step as u16);
        let passed = header.timestamp.wrapping_sub(mapping.from_timestamp);
        header.timestamp = mapping.to_timestamp.wrapping_add(passed);
        header.ssrc = self.ssrc;
        let ahead = header.sequence.wrapping_sub(self.sequence).cast_signed() >= 0;
        if ahead {
            self.sequence = header.sequence.wrapping_add(1);
            self.timestamp = header.timestamp;
            self.sent_at = Some(now);
        }
        self.mapping = Some(mapping);
        self.own = false;
        Some(header)
    }
}

/// A time in samples.
fn samples(time: Duration) -> u32 {
    (time.as_micros() / 125) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn incoming(sequence: u16, timestamp: u32) -> Header {
        Header {
            marker: false,
            payload_type: 8,
            sequence,
            timestamp,
            ssrc: 0xdead_beef,
        }
    }

    fn stream() -> Outgoing {
        Outgoing::new([0, 0, 0, 9, 0xff, 0xff, 0, 0, 1, 0])
    }

    #[test]
    fn relayed_packets_keep_their_gaps_and_order_and_nothing_else() {
        let (mut out, now) = (stream(), Instant::now());
        let mut relay = |extended: u64, timestamp: u32| {
            let header = incoming(extended as u16, timestamp);
            out.relayed(header, extended, false, now)
        };
        let first = relay(70_000, 5000).expect("sent");
        assert_eq!(
            (first.ssrc, first.sequence, first.timestamp),
            (9, 65_535, 256)
        );
        assert!(first.marker);
        let after_loss = relay(70_002, 5320).expect("sent");
        assert_eq!((after_loss.sequence, after_loss.timestamp), (1, 576));
        let reordered = relay(70_001, 5160).expect("sent");
        assert_eq!((reordered.sequence, reordered.timestamp), (0, 416));
        assert_eq!(relay(69_999, 4840), None);
        let next = relay(70_003, 5480).expect("sent");
        assert_eq!(
            (next.sequence, next.timestamp, next.marker),
            (2, 736, false)
        );
    }

    #[test]
    fn what_we_play_and_what_we_relay_make_one_stream() {
        let (mut out, start) = (stream(), Instant::now());
        let at = |ms| start + Duration::from_millis(ms);
        let played: Vec<Header> = (0..2).map(|n| out.own_frame(8, at(n * 20))).collect();
        assert_eq!(played[1].timestamp - played[0].timestamp, 160);
        assert!(played[0].marker && !played[1].marker);
        out.own_ends();
        let relayed = out
            .relayed(incoming(7, 99), 7, false, at(120))
            .expect("sent");
        assert_eq!(relayed.sequence, played[1].sequence.wrapping_add(1));
        assert_eq!(relayed.timestamp - played[1].timestamp, 800);
        assert!(relayed.marker);
        let again = out.own_frame(8, at(130));
        assert_eq!(again.sequence, relayed.sequence.wrapping_add(1));
        assert_eq!(again.timestamp - relayed.timestamp, 160);
    }

    #[test]
    fn another_source_goes_on_where_the_last_one_stopped() {
        let (mut out, now) = (stream(), Instant::now());
        let first = out.relayed(incoming(1, 0), 1, true, now).expect("sent");
        let second = out
            .relayed(incoming(900, 77_000), 900, true, now)
            .expect("sent");
        assert_eq!(second.sequence, first.sequence.wrapping_add(1));
        assert_eq!(second.timestamp, first.timestamp + 160);
    }
}

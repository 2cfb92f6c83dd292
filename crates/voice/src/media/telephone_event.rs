//! Digits as events in RTP (RFC 4733): one packet's payload, and the digits in a stream of them.

use crate::audio::Digit;

/// Length of an event in a payload; more may follow and is not looked at.
pub const EVENT_BYTES: usize = 4;

/// How loud our events say they are, in −dBm0 (RFC 4733 §2.3.3).
const VOLUME: u8 = 10;

/// One event as a packet carries it (RFC 4733 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// Which event; 0 to 15 are digits.
    pub event: u8,
    /// Whether it is over.
    pub end: bool,
    /// Its power in −dBm0, 0 to 63.
    pub volume: u8,
    /// How long it has lasted, in samples.
    pub duration: u16,
}

impl TelephoneEvent {
    /// An event that we make.
    pub const fn of(digit: Digit, duration: u16, end: bool) -> Self {
        Self {
            event: digit.event(),
            end,
            volume: VOLUME,
            duration,
        }
    }

    /// Reads a payload; `None` if it is too short.
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let [event, flags, high, low] = *payload.first_chunk::<EVENT_BYTES>()?;
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3f,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Its payload.
    pub fn to_bytes(self) -> [u8; EVENT_BYTES] {
        let [high, low] = self.duration.to_be_bytes();
        let flags = (u8::from(self.end) << 7) | (self.volume & 0x3f);
        [self.event, flags, high, low]
    }
}

/// How many events back a late packet is still known as belonging to one that was told.
const REMEMBERED: usize = 4;

/// Tells each digit of a stream once, at its first packet: an event is sent again and again while
/// it lasts, and its end three times, all with one timestamp (RFC 4733 §2.5.1). So a digit is
/// heard as long as one of its packets arrives.
#[derive(Debug, Clone, Default)]
pub struct EventReader {
    told: [Option<(u32, u32)>; REMEMBERED],
    next: usize,
}

impl EventReader {
    /// The digit that begins with this packet.
    pub fn digit(&mut self, ssrc: u32, timestamp: u32, event: TelephoneEvent) -> Option<Digit> {
        let digit = Digit::from_event(event.event)?;
        let key = Some((ssrc, timestamp));
        if self.told.contains(&key) {
            return None;
        }
        self.told[self.next] = key;
        self.next = (self.next + 1) % REMEMBERED;
        Some(digit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(code: u8, end: bool) -> TelephoneEvent {
        TelephoneEvent {
            event: code,
            end,
            volume: 10,
            duration: 160,
        }
    }

    #[test]
    fn an_event_comes_back_as_it_was_written() {
        for code in 0..=255 {
            let event = event(code, code % 2 == 0);
            assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
        }
        assert_eq!(TelephoneEvent::parse(&[1, 2, 3]), None);
    }

    #[test]
    fn a_digit_is_told_once_however_its_packets_come() {
        let mut reader = EventReader::default();
        let keys = |reader: &mut EventReader, packets: &[(u32, u8, bool)]| -> String {
            packets
                .iter()
                .filter_map(|&(at, code, end)| reader.digit(1, at, event(code, end)))
                .map(Digit::as_char)
                .collect()
        };
        let five = [
            (100, 5, false),
            (100, 5, false),
            (100, 5, true),
            (100, 5, true),
        ];
        assert_eq!(keys(&mut reader, &five), "5");
        // The same key again is another digit; a late packet of the first is not.
        assert_eq!(
            keys(
                &mut reader,
                &[(900, 5, true), (100, 5, true), (1700, 11, true)]
            ),
            "5#"
        );
        assert_eq!(
            keys(&mut reader, &[(2500, 16, true), (2600, 255, true)]),
            ""
        );
    }
}

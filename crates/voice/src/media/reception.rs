//! The order of what arrives in one stream: what is new, what came before, what is missing, and
//! how regularly it comes (RFC 3550 §6.4.1, §A.1, §A.3 and §A.8).

/// A packet further ahead than this begins a new count (RFC 3550 §A.1).
const DROPOUT_MAX: u64 = 3000;

/// A packet further behind than this begins a new count too, one less far behind is late.
const MISORDER_MAX: u64 = 100;

/// How many packets back it is known which came.
const REMEMBERED: u64 = 64;

/// What a packet is in its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is new.
    Fresh {
        /// Its number in a count that does not wrap.
        extended: u64,
        /// Whether it begins a stream that does not continue the one before.
        restarted: bool,
    },
    /// It came before.
    Repeated,
    /// It is so late that its place is forgotten.
    Late,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    first: u64,
    highest: u64,
    /// Bit n: the packet n before the highest has come.
    seen: u64,
    received: u64,
    transit: u32,
    jitter: u32,
}

/// One side's incoming stream.
#[derive(Debug, Default)]
pub(crate) struct Reception {
    stream: Option<Stream>,
    /// Losses of streams that have ended.
    lost_before: u64,
}

impl Reception {
    /// Takes a packet; `arrived` is the time in units of the timestamp.
    pub(crate) fn take(
        &mut self,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        arrived: u32,
    ) -> Arrival {
        let transit = arrived.wrapping_sub(timestamp);
        let Some(stream) = self.stream.as_mut().filter(|stream| stream.ssrc == ssrc) else {
            return self.begin(ssrc, sequence, transit);
        };
        let ahead = u64::from(sequence.wrapping_sub(stream.highest as u16));
        let behind = 0x1_0000 - ahead;
        let extended = if ahead < DROPOUT_MAX {
            stream.highest + ahead
        } else if behind <= MISORDER_MAX {
            stream.highest - behind
        } else {
            return self.begin(ssrc, sequence, transit);
        };
        if extended > stream.highest {
            let step = extended - stream.highest;
            stream.seen = stream.seen.checked_shl(step as u32).unwrap_or(0) | 1;
            stream.highest = extended;
        } else {
            let back = stream.highest - extended;
            if back >= REMEMBERED {
                return Arrival::Late;
            }
            if stream.seen & (1 << back) != 0 {
                return Arrival::Repeated;
            }
            stream.seen |= 1 << back;
            stream.first = stream.first.min(extended);
        }
        stream.received += 1;
        let change = transit.wrapping_sub(stream.transit).cast_signed();
        stream.transit = transit;
        // A jump of the timestamp at the end of silence is no jitter.
        let change = change.unsigned_abs().min(0xffff);
        stream.jitter = stream.jitter + change - ((stream.jitter + 8) >> 4);
        Arrival::Fresh {
            extended,
            restarted: false,
        }
    }

    fn begin(&mut self, ssrc: u32, sequence: u16, transit: u32) -> Arrival {
        self.lost_before = self.lost();
        // Room below, so that what came just before the first still has a number.
        let extended = 0x1_0000 + u64::from(sequence);
        self.stream = Some(Stream {
            ssrc,
            first: extended,
            highest: extended,
            seen: 1,
            received: 1,
            transit,
            jitter: 0,
        });
        Arrival::Fresh {
            extended,
            restarted: true,
        }
    }

    /// Packets that were expected and have not come.
    pub(crate) fn lost(&self) -> u64 {
        let now = self.stream.map_or(0, |stream| {
            (stream.highest - stream.first + 1).saturating_sub(stream.received)
        });
        self.lost_before + now
    }

    /// Jitter in units of the timestamp, times 16.
    pub(crate) fn jitter(&self) -> u32 {
        self.stream.map_or(0, |stream| stream.jitter)
    }

    /// What a report says of the stream: its source and its highest number, as RFC 3550 §6.4.1
    /// counts it.
    pub(crate) fn source(&self) -> Option<(u32, u32)> {
        let stream = self.stream?;
        Some((stream.ssrc, stream.highest.wrapping_sub(0x1_0000) as u32))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(reception: &mut Reception, packets: &[u16]) -> Vec<Option<u64>> {
        let take = |&sequence: &u16| {
            let timestamp = u32::from(sequence) * 160;
            match reception.take(1, sequence, timestamp, timestamp) {
                Arrival::Fresh { extended, .. } => Some(extended - 0x1_0000),
                _ => None,
            }
        };
        packets.iter().map(take).collect()
    }

    #[test]
    fn the_count_goes_on_when_the_number_wraps() {
        let mut reception = Reception::default();
        let seen = numbers(&mut reception, &[65_534, 65_535, 0, 1]);
        assert_eq!(seen, [65_534, 65_535, 65_536, 65_537].map(Some));
        assert_eq!(reception.lost(), 0);
    }

    #[test]
    fn what_came_before_is_known_and_what_is_missing_is_counted() {
        let mut reception = Reception::default();
        let seen = numbers(&mut reception, &[10, 12, 12, 11, 11, 15]);
        let expected = [Some(10), Some(12), None, Some(11), None, Some(15)];
        assert_eq!(seen, expected);
        assert_eq!(reception.lost(), 2);
    }

    #[test]
    fn a_jump_or_another_source_begins_anew_and_keeps_the_losses() {
        let mut reception = Reception::default();
        numbers(&mut reception, &[1, 3]);
        let jump = reception.take(1, 40_000, 0, 0);
        assert!(matches!(
            jump,
            Arrival::Fresh {
                restarted: true,
                ..
            }
        ));
        let other = reception.take(2, 40_001, 0, 0);
        assert!(matches!(
            other,
            Arrival::Fresh {
                restarted: true,
                ..
            }
        ));
        assert_eq!(reception.lost(), 1);
    }

    #[test]
    fn regular_arrival_has_no_jitter_and_irregular_has_its_measure() {
        let mut regular = Reception::default();
        let mut irregular = Reception::default();
        for index in 0..500_u16 {
            let timestamp = u32::from(index) * 160;
            regular.take(1, index, timestamp, timestamp + 77);
            // 10 ms early, 10 ms late, in turn: 20 ms between neighbours.
            let shift = if index % 2 == 0 { 0 } else { 160 };
            irregular.take(1, index, timestamp, timestamp + shift);
        }
        assert_eq!(regular.jitter(), 0);
        assert!((2400..=2560).contains(&irregular.jitter()));
    }

    proptest! {
        #[test]
        fn whatever_comes_each_packet_counts_once(packets in prop::collection::vec(any::<(bool, u16)>(), 1..300)) {
            let mut reception = Reception::default();
            let mut fresh = std::collections::HashSet::new();
            let mut spell = 0;
            for (other, sequence) in packets {
                let taken = reception.take(u32::from(other), sequence, 0, 0);
                if let Arrival::Fresh { extended, restarted } = taken {
                    spell += u32::from(restarted);
                    prop_assert!(fresh.insert((spell, extended)));
                    prop_assert_eq!(extended as u16, sequence);
                }
            }
        }
    }
}

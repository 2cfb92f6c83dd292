//! The two directions of a call, aligned by time. A packet's place follows from its timestamp, so
//! jitter and reordering do not shift the sound; what did not come is silence.

use crate::audio::Codec;
use crate::media::Side;

/// How far a packet's place may be from the time at which it came, in samples, before its clock
/// is read anew: 400 ms. Above any jitter that a talker would bear, below any drift that a
/// listener would hear.
const DRIFT_MAX: u64 = 3200;

/// How long late packets are waited for, in samples: 240 ms.
const HELD_BACK: u64 = 1920;

/// Bytes of one moment of both sides.
pub(crate) const MOMENT_BYTES: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Clock {
    timestamp: u32,
    position: u64,
}

/// The sound of both sides that has not been handed over yet.
#[derive(Debug, Default)]
pub(crate) struct Tracks {
    /// The position of the first moment in `window`, in samples since the recording began.
    start: u64,
    window: Vec<[i16; 2]>,
    clocks: [Option<Clock>; 2],
}

impl Tracks {
    /// Puts a packet's sound into its place; `now` is the time since the recording began, in
    /// samples.
    pub(crate) fn put(
        &mut self,
        side: Side,
        now: u64,
        timestamp: u32,
        codec: Codec,
        payload: &[u8],
    ) {
        let position = self.place(side, now, timestamp);
        // What is later than that has been handed over.
        let skip = usize::try_from(self.start.saturating_sub(position)).unwrap_or(usize::MAX);
        let Some(payload) = payload.get(skip..) else {
            return;
        };
        let offset = (position.max(self.start) - self.start) as usize;
        let end = offset + payload.len();
        if self.window.len() < end {
            self.window.resize(end, [0; 2]);
        }
        let channel = side.index();
        for (moment, &byte) in self.window[offset..end].iter_mut().zip(payload) {
            moment[channel] = codec.decode(byte);
        }
    }

    /// Where a timestamp of a side lies. The clock of a side is read when it begins, and anew
    /// when it has left the time of arrival behind (another source, a jump, a long drift).
    fn place(&mut self, side: Side, now: u64, timestamp: u32) -> u64 {
        let clock = &mut self.clocks[side.index()];
        let passed = |clock: Clock| {
            let step = timestamp.wrapping_sub(clock.timestamp).cast_signed();
            clock.position.checked_add_signed(i64::from(step))
        };
        let known = clock.and_then(passed);
        let position = match known {
            Some(position) if position.abs_diff(now) <= DRIFT_MAX => position,
            _ => now,
        };
        // The newest packet carries the clock on, so that timestamps may wrap.
        if known != Some(position) || clock.is_some_and(|clock| position > clock.position) {
            *clock = Some(Clock {
                timestamp,
                position,
            });
        }
        position
    }

    /// Hands over what is complete at `now`, as interleaved little-endian samples.
    pub(crate) fn take(&mut self, now: u64) -> Vec<u8> {
        self.take_until(now.saturating_sub(HELD_BACK))
    }

    /// Hands over everything, with silence up to `now`.
    pub(crate) fn take_all(&mut self, now: u64) -> Vec<u8> {
        self.take_until(now.max(self.start + self.window.len() as u64))
    }

    fn take_until(&mut self, until: u64) -> Vec<u8> {
        let count = usize::try_from(until.saturating_sub(self.start)).unwrap_or(usize::MAX);
        let kept = count.min(self.window.len());
        let mut bytes = Vec::with_capacity(count * MOMENT_BYTES);
        for [left, right] in self.window.drain(..kept) {
            bytes.extend_from_slice(&left.to_le_bytes());
            bytes.extend_from_slice(&right.to_le_bytes());
        }
        bytes.resize(count * MOMENT_BYTES, 0);
        self.start += count as u64;
        bytes
    }
}

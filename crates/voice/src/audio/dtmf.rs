//! Digits keyed on a telephone: what they are, how they sound (ITU-T Q.23), and how they are
//! heard in a voice channel (Q.24).

use std::fmt;
use std::time::Duration;

use super::Clip;
use super::detect::{energy, power};
use super::tones::waves;

/// The keys in the order of their event codes (RFC 4733 §3.2).
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// Rows and columns of the keypad (Q.23).
const ROWS_HZ: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const COLUMNS_HZ: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];
const KEYPAD: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// How loud each of the two tones is that we make: about −14 dB of full scale.
const LEVEL: f32 = 6400.0;

/// One key of a telephone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

impl Digit {
    /// The key of a character: `0` to `9`, `*`, `#`, `A` to `D` in either case.
    pub fn from_char(key: char) -> Option<Self> {
        let key = key.to_ascii_uppercase();
        let code = KEYS.iter().position(|&other| other == key)?;
        u8::try_from(code).ok().map(Self)
    }

    /// The key of an event code (RFC 4733 §3.2); `None` for events that are no keys.
    pub const fn from_event(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// Its event code.
    pub const fn event(self) -> u8 {
        self.0
    }

    /// Its character.
    pub fn as_char(self) -> char {
        KEYS[usize::from(self.0 & 15)]
    }

    /// Its sound in a voice channel.
    pub fn tone(self, time: Duration) -> Clip {
        let key = self.as_char();
        let mut hz = [0.0; 2];
        for (row, keys) in KEYPAD.iter().enumerate() {
            if let Some(column) = keys.iter().position(|&other| other == key) {
                hz = [ROWS_HZ[row], COLUMNS_HZ[column]];
            }
        }
        Clip::from_samples(waves(&hz, LEVEL, time))
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.as_char())
    }
}

/// What somebody keys may be a secret, so debug output does not show it.
impl fmt::Debug for Digit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Digit(_)")
    }
}

/// Samples looked at together, 13 ms. Short enough that two whole blocks fit into the 40 ms that
/// a digit must last at least (Q.24), long enough to tell neighbouring frequencies apart.
const BLOCK_SAMPLES: usize = 106;

/// The stronger of the two tones may be this many times as powerful as the weaker, 8 dB.
const TWIST_POWER_MAX: f32 = 6.31;

/// Of all the energy in a block the two tones must have this share; speech spreads wider.
const SHARE_MIN: f32 = 0.82;

/// A block below this mean square is silence, about −45 dB of full scale.
const MEAN_SQUARE_MIN: f32 = 20_000.0;

/// A tone must be this many times as powerful as the next in its group.
const NEIGHBOUR_POWER_MIN: f32 = 4.0;

/// Blocks in a row that must hold the same digit, and blocks without it that end it.
const BLOCKS_TO_BEGIN: u8 = 2;
const BLOCKS_TO_END: u8 = 2;

/// Listens for digits in one direction of a call.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    block: [i16; BLOCK_SAMPLES],
    filled: usize,
    candidate: Option<Digit>,
    seen: u8,
    held: Option<Digit>,
    missed: u8,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        Self {
            block: [0; BLOCK_SAMPLES],
            filled: 0,
            candidate: None,
            seen: 0,
            held: None,
            missed: 0,
        }
    }
}

impl DtmfDetector {
    /// Takes more sound and tells which digits began in it.
    pub fn hear(
        &mut self,
        samples: impl IntoIterator<Item = i16>,
        mut on_digit: impl FnMut(Digit),
    ) {
        for sample in samples {
            self.block[self.filled] = sample;
            self.filled += 1;
            if self.filled == BLOCK_SAMPLES {
                self.filled = 0;
                let found = digit_in(&self.block);
                if let Some(digit) = self.judge(found) {
                    on_digit(digit);
                }
            }
        }
    }

    fn judge(&mut self, found: Option<Digit>) -> Option<Digit> {
        if let Some(held) = self.held {
            if found == Some(held) {
                self.missed = 0;
                return None;
            }
            self.missed += 1;
            if self.missed >= BLOCKS_TO_END {
                self.held = None;
            }
        }
        if found.is_some() && found == self.candidate {
            self.seen = self.seen.saturating_add(1);
        } else {
            self.candidate = found;
            self.seen = u8::from(found.is_some());
        }
        let begins = self.seen == BLOCKS_TO_BEGIN && self.held.is_none();
        if !begins {
            return None;
        }
        self.held = found;
        self.missed = 0;
        found
    }
}

/// The digit that fills a block, if one does.
fn digit_in(block: &[i16; BLOCK_SAMPLES]) -> Option<Digit> {
    let all = energy(block);
    if all < MEAN_SQUARE_MIN * BLOCK_SAMPLES as f32 {
        return None;
    }
    let (row, row_power) = strongest(block, &ROWS_HZ)?;
    let (column, column_power) = strongest(block, &COLUMNS_HZ)?;
    let twisted =
        row_power > column_power * TWIST_POWER_MAX || column_power > row_power * TWIST_POWER_MAX;
    let share = 2.0 * (row_power + column_power) / (all * BLOCK_SAMPLES as f32);
    if twisted || share < SHARE_MIN {
        return None;
    }
    Digit::from_char(KEYPAD[row][column])
}

/// The strongest of four frequencies, if it stands out from the others.
fn strongest(block: &[i16], frequencies_hz: &[f32; 4]) -> Option<(usize, f32)> {
    let powers = frequencies_hz.map(|hz| power(block, hz));
    let best = (0..4).max_by(|&one, &other| powers[one].total_cmp(&powers[other]))?;
    let stands_out = (0..4)
        .filter(|&index| index != best)
        .all(|index| powers[best] >= powers[index] * NEIGHBOUR_POWER_MIN);
    stands_out.then_some((best, powers[best]))
}

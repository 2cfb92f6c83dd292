//! What a phone does in a call, told beforehand.

use std::time::Duration;

/// What becomes of a call that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It rings so long, then is answered.
    After(Duration),
    /// It is answered without ringing first.
    AtOnce,
    /// It is refused with this status, after ringing so long.
    Refuse(u16, Duration),
    /// It rings until the caller gives up.
    Never,
    /// Nothing is said at all, as by a machine that is off.
    Silent,
}

/// What is said once connected.
#[derive(Debug, Clone, PartialEq)]
pub enum Say {
    /// A steady tone of this frequency.
    Tone(f32),
    /// Nothing, but the line is kept warm with silence.
    Silence,
    /// Nothing at all: not a packet.
    Nothing,
}

/// What a phone does in a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Script {
    /// What becomes of it, when it comes in.
    pub answer: Answer,
    /// What is said once connected.
    pub say: Say,
    /// Digits that are keyed, each so long after sound begins to flow (also before an answer, to a
    /// prompt that is played early), as events of RFC 4733.
    pub digits: Vec<(Duration, char)>,
    /// Whether digits go as sound instead.
    pub digits_as_sound: bool,
    /// When it hangs up once connected; `None` leaves that to the other.
    pub hang_up_after: Option<Duration>,
    /// When a caller gives up that nobody answered; `None` waits for ever.
    pub give_up_after: Option<Duration>,
    /// The codecs that it speaks, the liked one first: 8 is A-law, 0 is µ-law.
    pub codecs: Vec<u8>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            answer: Answer::After(Duration::from_millis(200)),
            say: Say::Silence,
            digits: Vec::new(),
            digits_as_sound: false,
            hang_up_after: None,
            give_up_after: None,
            codecs: vec![8, 0],
        }
    }
}

impl Script {
    /// A script that says a tone.
    #[must_use]
    pub fn tone(frequency_hz: f32) -> Self {
        Self {
            say: Say::Tone(frequency_hz),
            ..Self::default()
        }
    }

    /// The same, hanging up so long after the answer.
    #[must_use]
    pub fn for_time(self, time: Duration) -> Self {
        Self {
            hang_up_after: Some(time),
            ..self
        }
    }

    /// The same with another fate for a call that comes in.
    #[must_use]
    pub fn answering(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    /// The same with digits, keyed one after the other from `first` on.
    #[must_use]
    pub fn keying(self, digits: &str, first: Duration, every: Duration) -> Self {
        let moments = (0u32..).map(|index| first + every * index);
        Self {
            digits: moments.zip(digits.chars()).collect(),
            ..self
        }
    }
}

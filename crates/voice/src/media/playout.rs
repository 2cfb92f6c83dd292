//! What we ourselves send to a side, 20 ms at a time: clips and digits. Digits go before clips,
//! and both before what is relayed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::settings::{Play, PlayId};
use super::telephone_event::TelephoneEvent;
use crate::audio::{Clip, Digit, FRAME_SAMPLES};

/// Time between two packets.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Digits that wait to be sent; more are not taken.
pub const DIGITS_QUEUED_MAX: usize = 64;

/// A digit lasts 100 ms and is followed by 100 ms without one; 40 ms and 40 ms are the least that
/// must be understood (ITU-T Q.24).
const DIGIT_TICKS: u16 = 5;
const PAUSE_TICKS: u16 = 5;

/// The end of an event is sent three times (RFC 4733 §2.5.1.4).
const END_REPEATS: u16 = 2;

/// What is sent at one tick.
#[derive(Debug, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "made and used up at once, 50 times a second; a box would cost more"
)]
pub(crate) enum Step {
    /// Sound.
    Sound([i16; FRAME_SAMPLES]),
    /// A packet of an event, and whether it is the first of its digit.
    Event(TelephoneEvent, bool),
    /// Nothing, but more will follow.
    Pause,
    /// Nothing more.
    Done,
}

#[derive(Debug)]
struct Playing {
    clip: Arc<Clip>,
    position: usize,
    mode: Play,
    id: PlayId,
}

#[derive(Debug)]
struct Keying {
    digit: Digit,
    /// Its sound, if the side knows no events.
    tone: Option<Clip>,
    tick: u16,
}

/// What waits to be sent to a side.
#[derive(Debug, Default)]
pub(crate) struct Playout {
    playing: Option<Playing>,
    digits: VecDeque<Digit>,
    keying: Option<Keying>,
}

impl Playout {
    /// Whether anything is to be sent.
    pub(crate) fn is_busy(&self) -> bool {
        self.playing.is_some() || self.keying.is_some() || !self.digits.is_empty()
    }

    /// Plays a clip instead of the one that is being played, whose id is returned.
    pub(crate) fn play(&mut self, clip: Arc<Clip>, mode: Play, id: PlayId) -> Option<PlayId> {
        let before = self.playing.replace(Playing {
            clip,
            position: 0,
            mode,
            id,
        });
        before.map(|playing| playing.id)
    }

    /// Stops playing; returns what was played.
    pub(crate) fn stop(&mut self) -> Option<PlayId> {
        self.playing.take().map(|playing| playing.id)
    }

    /// Queues a digit.
    pub(crate) fn key(&mut self, digit: Digit) {
        if self.digits.len() < DIGITS_QUEUED_MAX {
            self.digits.push_back(digit);
        }
    }

    /// What is sent at this tick, and the clip that ended with the tick before.
    pub(crate) fn next(&mut self, knows_events: bool) -> (Step, Option<PlayId>) {
        if self.keying.is_none()
            && let Some(digit) = self.digits.pop_front()
        {
            let time = TICK * u32::from(DIGIT_TICKS);
            let tone = (!knows_events).then(|| digit.tone(time));
            let tick = 0;
            self.keying = Some(Keying { digit, tone, tick });
        }
        if let Some(keying) = &mut self.keying {
            let step = keying.step();
            keying.tick += 1;
            if keying.tick == DIGIT_TICKS + PAUSE_TICKS {
                self.keying = None;
            }
            return (step, None);
        }
        let Some(playing) = &mut self.playing else {
            return (Step::Done, None);
        };
        match playing.frame() {
            Some(frame) => (Step::Sound(frame), None),
            None => (Step::Done, self.stop()),
        }
    }
}

impl Keying {
    fn step(&self) -> Step {
        let Some(tone) = &self.tone else {
            return self.event();
        };
        let mut frame = [0; FRAME_SAMPLES];
        let start = usize::from(self.tick) * FRAME_SAMPLES;
        if let Some(sound) = tone.samples().get(start..start + FRAME_SAMPLES) {
            frame.copy_from_slice(sound);
        }
        Step::Sound(frame)
    }

    fn event(&self) -> Step {
        if self.tick >= DIGIT_TICKS + END_REPEATS {
            return Step::Pause;
        }
        let ticks = (self.tick + 1).min(DIGIT_TICKS);
        let duration = ticks * FRAME_SAMPLES as u16;
        let event = TelephoneEvent::of(self.digit, duration, ticks == DIGIT_TICKS);
        Step::Event(event, self.tick == 0)
    }
}

impl Playing {
    /// The next 20 ms; `None` at the end.
    fn frame(&mut self) -> Option<[i16; FRAME_SAMPLES]> {
        let samples = self.clip.samples();
        let mut frame = [0; FRAME_SAMPLES];
        let mut filled = 0;
        while filled < FRAME_SAMPLES {
            let count = (samples.len() - self.position).min(FRAME_SAMPLES - filled);
            frame[filled..filled + count]
                .copy_from_slice(&samples[self.position..self.position + count]);
            filled += count;
            self.position += count;
            if self.position < samples.len() {
                continue;
            }
            if self.mode == Play::Once || samples.is_empty() {
                break;
            }
            self.position = 0;
        }
        (filled > 0).then_some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(count: i16) -> Arc<Clip> {
        Arc::new(Clip::from_samples((1..=count).collect()))
    }

    fn sounds(playout: &mut Playout, ticks: usize) -> Vec<i16> {
        let mut heard = Vec::new();
        for _ in 0..ticks {
            if let (Step::Sound(frame), _) = playout.next(true) {
                heard.extend(frame);
            }
        }
        heard
    }

    #[test]
    fn a_clip_is_played_once_to_its_last_sample_and_told_once() {
        let mut playout = Playout::default();
        assert_eq!(playout.play(clip(200), Play::Once, PlayId(7)), None);
        let heard = sounds(&mut playout, 2);
        assert_eq!(heard[..200], (1..=200).collect::<Vec<i16>>());
        assert!(heard[200..].iter().all(|&sample| sample == 0));
        assert_eq!(playout.next(true), (Step::Done, Some(PlayId(7))));
        assert_eq!(playout.next(true), (Step::Done, None));
    }

    #[test]
    fn a_loop_has_no_seam_and_ends_when_stopped() {
        let mut playout = Playout::default();
        playout.play(clip(100), Play::Loop, PlayId(1));
        let expected: Vec<i16> = (1..=100).cycle().take(800).collect();
        assert_eq!(sounds(&mut playout, 5), expected);
        assert_eq!(
            playout.play(clip(1), Play::Once, PlayId(2)),
            Some(PlayId(1))
        );
        assert_eq!(playout.stop(), Some(PlayId(2)));
        assert!(!playout.is_busy());
    }

    #[test]
    fn an_empty_clip_ends_at_once_even_as_a_loop() {
        let mut playout = Playout::default();
        playout.play(clip(0), Play::Loop, PlayId(3));
        assert_eq!(playout.next(true), (Step::Done, Some(PlayId(3))));
    }

    #[test]
    fn a_digit_is_five_packets_of_growing_length_and_two_more_ends() {
        let mut playout = Playout::default();
        playout.key(Digit::from_char('9').expect("a key"));
        let steps: Vec<Step> = (0..10).map(|_| playout.next(true).0).collect();
        let durations: Vec<u16> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Event(event, _) => Some(event.duration),
                _ => None,
            })
            .collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        assert!(matches!(steps[3], Step::Event(event, false) if !event.end));
        assert!(matches!(steps[6], Step::Event(event, false) if event.end));
        assert!(!playout.is_busy());
    }

    #[test]
    fn a_side_without_events_gets_the_digit_as_sound() {
        let mut playout = Playout::default();
        for key in "3#".chars() {
            playout.key(Digit::from_char(key).expect("a key"));
        }
        let mut heard = String::new();
        let mut detector = crate::audio::DtmfDetector::default();
        while let (Step::Sound(frame), _) = playout.next(false) {
            detector.hear(frame, |digit| heard.push(digit.as_char()));
        }
        assert_eq!(heard, "3#");
    }
}

//! How often calls and binds of one number may come.

use std::{fmt, str::FromStr};

use super::MINUTE_MS;
use crate::time::Timestamp;

/// What of a number is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Counted {
    /// Calls that it makes.
    Caller,
    /// Calls that it gets.
    Callee,
    /// Binds in which it is A.
    BoundAsA,
    /// Binds in which it is B.
    BoundAsB,
}

impl Counted {
    /// All of them.
    pub const ALL: [Counted; 4] = [
        Counted::Caller,
        Counted::Callee,
        Counted::BoundAsA,
        Counted::BoundAsB,
    ];

    /// The number in storage. Whoever locks several counts does it in this order.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Caller => 1,
            Self::Callee => 2,
            Self::BoundAsA => 3,
            Self::BoundAsB => 4,
        }
    }

    /// Reads the number in storage.
    #[must_use]
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|counted| i64::from(counted.code()) == code)
    }

    /// The name on the wire and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Caller => "caller",
            Self::Callee => "callee",
            Self::BoundAsA => "bound_as_a",
            Self::BoundAsB => "bound_as_b",
        }
    }
}

/// At most so many calls or binds of one number in so much time, such as 3 in 5 minutes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FrequencyWindow {
    counted: Counted,
    minutes: u32,
    calls_max: u32,
}

impl FrequencyWindow {
    /// The longest window, in minutes: a week.
    pub const MINUTES_MAX: u32 = 7 * 24 * 60;
    /// The most calls that a window may allow; more is no bound worth keeping count for.
    pub const CALLS_MAX: u32 = 100;
    /// The most windows of an account.
    pub const COUNT_MAX: usize = 8;

    /// A window.
    ///
    /// # Errors
    /// When a bound is zero or too large.
    pub fn new(counted: Counted, minutes: u32, calls_max: u32) -> Result<Self, WindowError> {
        if minutes == 0 || minutes > Self::MINUTES_MAX {
            return Err(WindowError::Minutes);
        }
        if calls_max == 0 || calls_max > Self::CALLS_MAX {
            return Err(WindowError::Calls);
        }
        Ok(Self {
            counted,
            minutes,
            calls_max,
        })
    }

    /// What it counts.
    #[must_use]
    pub const fn counted(self) -> Counted {
        self.counted
    }

    /// How long it is, in minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.minutes
    }

    /// How many of them it allows.
    #[must_use]
    pub const fn calls_max(self) -> u32 {
        self.calls_max
    }

    const fn duration_ms(self) -> i64 {
        self.minutes as i64 * MINUTE_MS
    }
}

impl fmt::Display for FrequencyWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}/{}",
            self.counted.name(),
            self.minutes,
            self.calls_max
        )
    }
}

/// Why a text is no frequency window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowError {
    /// It is not written as one.
    Form,
    /// Its length.
    Minutes,
    /// Its calls.
    Calls,
}

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str(
                "a window is minutes/calls, such as 5/3, for the calls that a number gets; caller: in \
                 front counts those it makes, bound_as_a: or bound_as_b: its binds",
            ),
            Self::Minutes => write!(
                f,
                "the minutes of a window go from 1 to {}",
                FrequencyWindow::MINUTES_MAX
            ),
            Self::Calls => write!(
                f,
                "the calls of a window go from 1 to {}",
                FrequencyWindow::CALLS_MAX
            ),
        }
    }
}

impl std::error::Error for WindowError {}

impl FromStr for FrequencyWindow {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let (counted, rest) = match text.split_once(':') {
            None => (Counted::Callee, text),
            Some((name, rest)) => {
                let known = Counted::ALL.into_iter().find(|it| it.name() == name);
                (known.ok_or(WindowError::Form)?, rest)
            }
        };
        let (minutes, calls) = rest.split_once('/').ok_or(WindowError::Form)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| WindowError::Form);
        Self::new(counted, number(minutes)?, number(calls)?)
    }
}

/// When the calls (or binds) of one number were, newest first, as far back as a rule needs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RecentCalls(Vec<Timestamp>);

impl RecentCalls {
    /// These calls, newest first.
    #[must_use]
    pub fn new(newest_first: Vec<Timestamp>) -> Self {
        Self(newest_first)
    }

    /// The calls, newest first.
    #[must_use]
    pub fn newest_first(&self) -> &[Timestamp] {
        &self.0
    }

    /// Notes a call, and forgets those that no window looks back at.
    pub fn note(&mut self, at: Timestamp, windows: &[FrequencyWindow], counted: Counted) {
        let place = self.0.partition_point(|known| *known > at);
        self.0.insert(place, at);
        let mine = windows.iter().filter(|window| window.counted == counted);
        let most = mine.map(|window| window.calls_max).max().unwrap_or(0);
        self.0.truncate(most as usize);
    }

    /// The window that allows no further call at `now`; of several, the one that stays so longest.
    #[must_use]
    pub fn judge(
        &self,
        windows: &[FrequencyWindow],
        counted: Counted,
        now: Timestamp,
    ) -> Option<TooFrequent> {
        let mine = windows.iter().filter(|window| window.counted == counted);
        let full = mine.filter_map(|window| {
            let oldest = self.0.get(window.calls_max as usize - 1)?;
            let free_at = oldest.plus_ms(window.duration_ms());
            (free_at > now).then_some(TooFrequent {
                window: *window,
                free_at,
            })
        });
        full.max_by_key(|full| full.free_at)
    }
}

/// A window that is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooFrequent {
    /// The window.
    pub window: FrequencyWindow,
    /// When the next may come.
    pub free_at: Timestamp,
}

/// The longest stretch that any window may look back, in milliseconds.
pub const LOOK_BACK_MS_MAX: i64 = FrequencyWindow::MINUTES_MAX as i64 * MINUTE_MS;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_unix_ms(1_800_000_000_000 + ms)
    }

    #[test]
    fn a_window_is_full_from_its_last_call_until_its_first_is_old_enough() {
        let windows = ["5/3", "10/6"].map(|text| text.parse().expect("a window"));
        let mut recent = RecentCalls::default();
        let judge = |recent: &RecentCalls, now| recent.judge(&windows, Counted::Callee, now);
        for minute in 0..3 {
            let now = at(minute * MINUTE_MS);
            assert_eq!(judge(&recent, now), None, "call {minute}");
            recent.note(now, &windows, Counted::Callee);
        }
        let full = judge(&recent, at(2 * MINUTE_MS)).expect("three in five minutes");
        assert_eq!(full.window.to_string(), "callee:5/3");
        assert_eq!(full.free_at, at(5 * MINUTE_MS));
        assert!(judge(&recent, at(5 * MINUTE_MS - 1)).is_some());
        assert_eq!(judge(&recent, at(5 * MINUTE_MS)), None);
        assert_eq!(recent.judge(&windows, Counted::Caller, at(0)), None);
    }

    #[test]
    fn the_window_that_stays_full_longest_is_named_and_no_more_is_kept_than_it_needs() {
        let windows = ["5/1", "60/2"].map(|text| text.parse().expect("a window"));
        let mut recent = RecentCalls::default();
        for minute in [0, 1, 2] {
            recent.note(at(minute * MINUTE_MS), &windows, Counted::Callee);
        }
        assert_eq!(
            recent.newest_first(),
            [at(2 * MINUTE_MS), at(MINUTE_MS)],
            "two are enough"
        );
        let full = recent.judge(&windows, Counted::Callee, at(3 * MINUTE_MS));
        assert_eq!(full.map(|full| full.free_at), Some(at(61 * MINUTE_MS)));
    }

    #[test]
    fn calls_that_come_out_of_order_are_kept_in_order() {
        let windows = ["5/3".parse().expect("a window")];
        let mut recent = RecentCalls::default();
        for ms in [5, 9, 7] {
            recent.note(at(ms), &windows, Counted::Callee);
        }
        assert_eq!(recent.newest_first(), [at(9), at(7), at(5)]);
    }

    #[test]
    fn windows_read_back_and_odd_ones_are_refused() {
        for (text, shown) in [
            ("5/3", "callee:5/3"),
            ("callee:1440/10", "callee:1440/10"),
            ("caller:10/6", "caller:10/6"),
            ("bound_as_a:60/20", "bound_as_a:60/20"),
            ("bound_as_b:60/20", "bound_as_b:60/20"),
        ] {
            let window: FrequencyWindow = text.parse().expect("a window");
            assert_eq!(window.to_string(), shown);
            assert_eq!(shown.parse(), Ok(window));
        }
        for counted in Counted::ALL {
            assert_eq!(Counted::from_code(counted.code().into()), Some(counted));
        }
        assert_eq!(Counted::from_code(5), None);
        for (text, why) in [
            ("", WindowError::Form),
            ("5", WindowError::Form),
            ("both:5/3", WindowError::Form),
            ("five/3", WindowError::Form),
            ("0/3", WindowError::Minutes),
            ("10081/3", WindowError::Minutes),
            ("5/0", WindowError::Calls),
            ("5/101", WindowError::Calls),
        ] {
            assert_eq!(text.parse::<FrequencyWindow>(), Err(why), "{text}");
        }
    }
}

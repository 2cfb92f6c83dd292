//! Calendar months as China counts them. What calls leave is kept, and destroyed, by the month.

use std::fmt;

use crate::time::Timestamp;

/// China keeps UTC+8 all year.
const CHINA_OFFSET_MS: i64 = 8 * 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A calendar month in China's time (UTC+8), in the years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// The month that a moment falls into. Moments outside of the years that can be named count to
    /// the first or the last month.
    #[must_use]
    pub fn of(moment: Timestamp) -> Self {
        let days = moment.plus_ms(CHINA_OFFSET_MS).unix_ms().div_euclid(DAY_MS);
        let (year, month) = year_and_month(days);
        match u16::try_from(year) {
            Ok(year @ 1970..=9999) => Self { year, month },
            _ if year < 1970 => Self {
                year: 1970,
                month: 1,
            },
            _ => Self {
                year: 9999,
                month: 12,
            },
        }
    }

    /// The month of a number like 202611.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        let year = u16::try_from(number / 100).ok()?;
        let month = u8::try_from(number % 100).ok()?;
        ((1970..=9999).contains(&year) && (1..=12).contains(&month)).then_some(Self { year, month })
    }

    /// The month as a number like 202611, which sorts as time goes.
    #[must_use]
    pub fn number(self) -> u32 {
        u32::from(self.year) * 100 + u32::from(self.month)
    }

    /// The first moment after the month.
    #[must_use]
    pub fn end(self) -> Timestamp {
        let (year, month) = match self.month {
            12 => (i64::from(self.year) + 1, 1),
            month => (i64::from(self.year), month + 1),
        };
        Timestamp::from_unix_ms(days_before(year, month) * DAY_MS).plus_ms(-CHINA_OFFSET_MS)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Days of 400 years of the Gregorian calendar.
const DAYS_OF_CYCLE: i64 = 146_097;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: i64 = 719_468;

/// Year and month of a day since 1970-01-01. Years are counted from March, so that the leap day is
/// the last of its year.
fn year_and_month(days: i64) -> (i64, u8) {
    let days = days.saturating_add(EPOCH_DAYS);
    let cycle = days.div_euclid(DAYS_OF_CYCLE);
    let day_of_cycle = days.rem_euclid(DAYS_OF_CYCLE);
    let year_of_cycle =
        (day_of_cycle - day_of_cycle / 1460 + day_of_cycle / 36_524 - day_of_cycle / 146_096) / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let since_march = (5 * day_of_year + 2) / 153;
    let month = if since_march < 10 {
        since_march + 3
    } else {
        since_march - 9
    };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, u8::try_from(month).unwrap_or(1))
}

/// Days from 1970-01-01 to the first of a month.
fn days_before(year: i64, month: u8) -> i64 {
    let month = i64::from(month);
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let year_of_cycle = year.rem_euclid(400);
    let since_march = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * since_march + 2) / 5;
    let day_of_cycle = year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    cycle * DAYS_OF_CYCLE + day_of_cycle - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_begins_at_midnight_in_china() {
        // 2026-10-31 23:59:59.999 and 2026-11-01 00:00:00 in China.
        let midnight = 1_793_462_400_000;
        let before = Month::of(Timestamp::from_unix_ms(midnight - 1));
        let after = Month::of(Timestamp::from_unix_ms(midnight));
        assert_eq!((before.number(), after.number()), (202_610, 202_611));
        assert_eq!(before.end(), Timestamp::from_unix_ms(midnight));
        assert_eq!(after.to_string(), "2026-11");
    }

    #[test]
    fn each_month_ends_where_the_next_begins() {
        let mut month = Month::of(Timestamp::from_unix_ms(0));
        assert_eq!(month.number(), 197_001);
        for _ in 0..12 * 500 {
            let next = Month::of(month.end());
            assert_eq!(Month::of(month.end().plus_ms(-1)), month);
            let follows = match month.number() % 100 {
                12 => month.number() + 89,
                _ => month.number() + 1,
            };
            assert_eq!(next.number(), follows);
            month = next;
        }
        // The leap day of a year that only the 400-year rule makes one: 2000-02-29 in China.
        let leap_day = Timestamp::from_unix_s(951_753_600);
        assert_eq!(Month::of(leap_day).number(), 200_002);
    }

    #[test]
    fn numbers_read_back_and_others_are_none() {
        for number in [197_001, 202_611, 999_912] {
            assert_eq!(Month::from_number(number).map(Month::number), Some(number));
        }
        for number in [0, 196_912, 202_600, 202_613, 1_000_001, u32::MAX] {
            assert_eq!(Month::from_number(number), None, "{number}");
        }
        assert_eq!(Month::of(Timestamp::MIN).number(), 197_001);
        assert_eq!(Month::of(Timestamp::MAX).number(), 999_912);
    }
}

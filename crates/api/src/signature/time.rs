//! The form of `X-Date`: `YYYYMMDD'T'HHMMSS'Z'`, always UTC.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Reads an `X-Date` strictly; `None` when it is anything else. Unix seconds.
pub(super) fn parse_x_date(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 16 || bytes[8] != b'T' || bytes[15] != b'Z' {
        return None;
    }
    let number = |from: usize, to: usize| -> Option<i16> {
        bytes[from..to].iter().try_fold(0_i16, |sum, byte| {
            let digit = byte.is_ascii_digit().then(|| i16::from(byte - b'0'))?;
            sum.checked_mul(10)?.checked_add(digit)
        })
    };
    let small = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let at = DateTime::new(
        number(0, 4)?,
        small(4)?,
        small(6)?,
        small(9)?,
        small(11)?,
        small(13)?,
        0,
    );
    let at = Offset::UTC.to_timestamp(at.ok()?).ok()?;
    Some(at.as_second())
}

/// Writes Unix seconds as an `X-Date`. Times that the form cannot write become
/// the nearest that it can.
pub(super) fn format_x_date(unix_s: i64) -> String {
    let unix_s = unix_s.clamp(0, Timestamp::MAX.as_second());
    let at = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let utc = Offset::UTC.to_datetime(at);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    )
}

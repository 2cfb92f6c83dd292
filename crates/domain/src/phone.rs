//! Phone numbers: what may be written, how it is kept in eight bytes, how it is shown.
//!
//! A [`PhoneNumber`] masks itself wherever it is printed; [`PhoneNumber::expose`] is the only way
//! to the digits. Which city a number belongs to is the business of [`crate::numbering`].

mod error;
mod services;

use std::fmt;
use std::num::NonZeroU64;
use std::ops::{Deref, RangeInclusive};

pub use error::PhoneError;
pub use services::{ServiceNumbers, ServiceNumbersError};

use crate::city::CityCode;

const MOBILE_DIGITS: u32 = 11;
const NUMBER_700_DIGITS: u32 = 15;
const DIGITS_MIN: u32 = 5;
const DIGITS_MAX: u32 = NUMBER_700_DIGITS;

/// Digits of a landline after its area code.
const SUBSCRIBER_DIGITS: RangeInclusive<usize> = 7..=8;

/// How many digits a mask keeps hidden at the least, so that a short number does not show whole.
const HIDDEN_DIGITS_MIN: usize = 4;

/// A telephone number of mainland China, as it is dialled inside the country.
///
/// `Debug` and `Display` show a mask such as `137****0001`. The order is that of length, then
/// of digits.
// The value is 10^length + digits: the leading 1 keeps the zeros that a landline starts with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(NonZeroU64);

/// What sort of number it is, which decides where it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PhoneKind {
    /// 11 digits, `13…` to `19…`.
    Mobile,
    /// Area code with its leading 0, then seven or eight digits.
    Landline,
    /// 15 digits, `700…`: the numbering range kept for privacy numbers; never a party.
    Number700,
    /// `95…`, `1010…`, `400…`, `800…`: a number that a company answers.
    Service,
}

impl PhoneNumber {
    /// Reads a number that is written in plain digits and nothing else.
    ///
    /// Mobile networks that are not allocated yet are accepted (new ones come into use every
    /// year); area codes must be in force. Whether a service number is *registered* is for
    /// [`PhoneNumber::parse_as_party`].
    ///
    /// # Errors
    /// A [`PhoneError`] that says what is wrong with the way the number is written.
    pub fn parse(text: &str) -> Result<PhoneNumber, PhoneError> {
        error::refuse_foreign_characters(text)?;
        if check_form(text)? == PhoneKind::Landline && !CityCode::is_in_force(area_code_of(text)) {
            return Err(PhoneError::UnknownAreaCode);
        }
        PhoneNumber::pack(text).ok_or(PhoneError::UnknownForm)
    }

    /// Reads a number of a party of a binding (A or B): a mobile number, a landline, or a
    /// service number that the operator registered (vendor doc 6358/1722692).
    ///
    /// # Errors
    /// As [`PhoneNumber::parse`]; and for a 700 number or an unregistered service number.
    pub fn parse_as_party(
        text: &str,
        services: &ServiceNumbers,
    ) -> Result<PhoneNumber, PhoneError> {
        let number = PhoneNumber::parse(text)?;
        match number.kind() {
            PhoneKind::Mobile | PhoneKind::Landline => Ok(number),
            PhoneKind::Service if services.contains(&number) => Ok(number),
            PhoneKind::Service => Err(PhoneError::ServiceNotRegistered),
            PhoneKind::Number700 => Err(PhoneError::Number700AsParty),
        }
    }

    /// What sort of number this is.
    pub fn kind(&self) -> PhoneKind {
        let first_digit = self.digits_from_left(1);
        match (first_digit, self.digit_count()) {
            (0, _) => PhoneKind::Landline,
            (1, MOBILE_DIGITS) => PhoneKind::Mobile,
            (7, NUMBER_700_DIGITS) => PhoneKind::Number700,
            _ => PhoneKind::Service,
        }
    }

    /// The digits in clear. Nothing else gives them away: whoever calls this answers for where
    /// they go.
    pub fn expose(&self) -> ExposedDigits {
        let length = self.digit_count() as usize;
        let mut digits = [0; DIGITS_MAX as usize];
        let mut rest = self.0.get();
        for digit in digits[..length].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        ExposedDigits { digits, length }
    }

    /// The last four digits as a number (0 to 9999); write it with its leading zeros.
    pub fn last4(&self) -> u16 {
        (self.0.get() % 10_000) as u16
    }

    /// The area code of a landline; `None` for every other kind.
    pub fn area_code(&self) -> Option<CityCode> {
        if self.kind() != PhoneKind::Landline {
            return None;
        }
        let short = self.digits_from_left(3);
        let code = if is_short_area_code(short) {
            short
        } else {
            self.digits_from_left(4)
        };
        CityCode::from_bits(u16::try_from(code).ok()?)
    }

    /// The first seven digits of a mobile number, which tell its city; `None` for other kinds.
    pub(crate) fn mobile_prefix(&self) -> Option<u32> {
        if self.kind() != PhoneKind::Mobile {
            return None;
        }
        u32::try_from(self.digits_from_left(7)).ok()
    }

    /// A lossless form to store, below 2^51. It holds the digits in clear: treat it as such.
    pub fn to_bits(self) -> u64 {
        self.0.get()
    }

    /// The number whose [`PhoneNumber::to_bits`] this is; `None` when it is no number's.
    ///
    /// A landline whose area code was retired since it was stored can still be read.
    pub fn from_bits(bits: u64) -> Option<PhoneNumber> {
        let number = PhoneNumber(NonZeroU64::new(bits)?);
        if !(DIGITS_MIN..=DIGITS_MAX).contains(&number.digit_count()) {
            return None;
        }
        // A leading digit other than 1 is no length mark.
        if number.length_mark() * 2 <= bits {
            return None;
        }
        check_form(number.expose().as_str()).ok().map(|_| number)
    }

    fn pack(digits: &str) -> Option<PhoneNumber> {
        let length = u32::try_from(digits.len()).ok()?;
        let value = digits.parse::<u64>().ok()?;
        let mark = 10_u64.checked_pow(length)?;
        NonZeroU64::new(mark.checked_add(value)?).map(PhoneNumber)
    }

    fn digit_count(&self) -> u32 {
        self.0.ilog10()
    }

    fn length_mark(&self) -> u64 {
        10_u64.pow(self.digit_count())
    }

    fn digits_from_left(&self, count: u32) -> u64 {
        let digits = self.0.get() - self.length_mark();
        digits / 10_u64.pow(self.digit_count().saturating_sub(count))
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exposed = self.expose();
        let digits = exposed.as_str();
        let shown = digits.len().saturating_sub(HIDDEN_DIGITS_MIN);
        let head = shown.min(3);
        let tail = (shown - head).min(4);
        // Always four stars: the mask does not tell the length either.
        write!(
            f,
            "{}****{}",
            &digits[..head],
            &digits[digits.len() - tail..]
        )
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The digits of a number in clear, on loan from [`PhoneNumber::expose`].
///
/// It has no `Display`, and its `Debug` shows nothing, so that only [`ExposedDigits::as_str`]
/// (or the dereference to `str`) can put a real number anywhere.
#[derive(Clone, Copy)]
pub struct ExposedDigits {
    digits: [u8; DIGITS_MAX as usize],
    length: usize,
}

impl ExposedDigits {
    /// The digits, as they are dialled.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.digits[..self.length]).expect("decimal digits are ASCII")
    }
}

impl Deref for ExposedDigits {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for ExposedDigits {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for ExposedDigits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ExposedDigits(…)")
    }
}

/// Judges a text of ASCII digits. The area code of a landline may be retired here.
fn check_form(digits: &str) -> Result<PhoneKind, PhoneError> {
    match digits.as_bytes() {
        [b'0', b'0', ..] => Err(PhoneError::CountryCode),
        [b'0', b'1', b'3'..=b'9', ..] => Err(PhoneError::ZeroBeforeMobile),
        [b'0', ..] => check_landline(digits),
        [b'1', b'0', b'1', b'0', ..] => check_service(digits, 8..=8),
        [b'1', b'3'..=b'9', ..] if digits.len() == MOBILE_DIGITS as usize => Ok(PhoneKind::Mobile),
        [b'1', b'3'..=b'9', ..] => Err(PhoneError::MobileLength),
        [b'1', ..] => Err(PhoneError::NoMobileNetwork),
        [b'7', b'0', b'0', ..] if digits.len() == NUMBER_700_DIGITS as usize => {
            Ok(PhoneKind::Number700)
        }
        [b'7', b'0', b'0', ..] if digits.len() > 8 => Err(PhoneError::Number700Length),
        [b'8', b'6', b'1', b'3'..=b'9', ..] if digits.len() == 13 => Err(PhoneError::CountryCode),
        [b'9', b'5', ..] => check_service(digits, 5..=8),
        [b'4' | b'8', b'0', b'0', ..] => check_service(digits, 10..=10),
        [b'2'..=b'9', ..] if SUBSCRIBER_DIGITS.contains(&digits.len()) => {
            Err(PhoneError::AreaCodeMissing)
        }
        _ => Err(PhoneError::UnknownForm),
    }
}

fn check_landline(digits: &str) -> Result<PhoneKind, PhoneError> {
    let code = area_code_of(digits);
    if CityCode::parse(code).is_err() {
        return Err(PhoneError::UnknownAreaCode);
    }
    if SUBSCRIBER_DIGITS.contains(&(digits.len() - code.len())) {
        Ok(PhoneKind::Landline)
    } else {
        Err(PhoneError::LandlineLength)
    }
}

fn check_service(digits: &str, lengths: RangeInclusive<usize>) -> Result<PhoneKind, PhoneError> {
    if lengths.contains(&digits.len()) {
        Ok(PhoneKind::Service)
    } else {
        Err(PhoneError::ServiceLength)
    }
}

/// The part of a landline that should be its area code: three digits for the largest cities
/// (`010`, `02x`), four for all others.
fn area_code_of(digits: &str) -> &str {
    let short = digits.get(..3).and_then(|code| code.parse::<u64>().ok());
    let length = if short.is_some_and(is_short_area_code) {
        3
    } else {
        4
    };
    digits.get(..length).unwrap_or(digits)
}

fn is_short_area_code(first_three_digits: u64) -> bool {
    matches!(first_three_digits, 10 | 20..=29)
}

//! Why a text is no phone number, said so that whoever wrote it can put it right.

use std::error::Error;
use std::fmt;

/// What is wrong with a written phone number. The messages never repeat its digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PhoneError {
    /// Nothing was written.
    Empty,
    /// `+86`, `0086` or another country's code stands in front.
    CountryCode,
    /// A hyphen or dash separates groups of digits.
    Hyphen,
    /// White space before, after or between the digits.
    Space,
    /// Digits of another script or width, such as `１３７`.
    ForeignDigit,
    /// Stars, as in a number that was masked.
    Masked,
    /// Any other character that is no digit.
    NotADigit,
    /// Starts as a mobile number but has not 11 digits.
    MobileLength,
    /// A 0 was dialled before a mobile number.
    ZeroBeforeMobile,
    /// Starts with `10`, `11` or `12`: no mobile network, no known service number.
    NoMobileNetwork,
    /// Starts with 0, but no area code in force follows.
    UnknownAreaCode,
    /// Has an area code, but not seven or eight digits after it.
    LandlineLength,
    /// Looks like a landline without its area code.
    AreaCodeMissing,
    /// Starts as a 700 number but has not 15 digits.
    Number700Length,
    /// Starts as a service number but has not the right length.
    ServiceLength,
    /// Digits that no kind of number starts with.
    UnknownForm,
    /// A 700 number was given for a party; it can only be a privacy number.
    Number700AsParty,
    /// A service number was given for a party, and the operator has not registered it.
    ServiceNotRegistered,
    /// A number of another kind was given where a service number belongs.
    NotAServiceNumber,
}

impl fmt::Display for PhoneError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a phone number is needed here, for example 13700000000",
            Self::CountryCode => {
                "leave out the country code and write only the number of mainland China, \
                 for example 13700000000"
            }
            Self::Hyphen => {
                "leave out the hyphen: write area code and number together, for example 02131075869"
            }
            Self::Space => "leave out the spaces: write digits only, for example 13700000000",
            Self::ForeignDigit => {
                "write the number in the digits 0 to 9, not in full-width or other digits"
            }
            Self::Masked => "the number is masked: write all of its digits instead of stars",
            Self::NotADigit => "write digits only, for example 13700000000",
            Self::MobileLength => "write a mobile number as 11 digits, for example 13700000000",
            Self::ZeroBeforeMobile => {
                "leave out the 0 before a mobile number, for example 13700000000"
            }
            Self::NoMobileNetwork => {
                "no mobile network starts so: a mobile number starts with 13 to 19, \
                 for example 13700000000"
            }
            Self::UnknownAreaCode => {
                "the area code is not in use: write a landline as area code and number, \
                 for example 02131075869"
            }
            Self::LandlineLength => {
                "write a landline as area code and 7 or 8 digits, for example 02131075869"
            }
            Self::AreaCodeMissing => {
                "write the area code before a landline number, for example 02131075869"
            }
            Self::Number700Length => "write a 700 number as 15 digits",
            Self::ServiceLength => {
                "write a service number whole: 95 and 3 to 6 digits, 1010 and 4 digits, \
                 400 or 800 and 7 digits"
            }
            Self::UnknownForm => {
                "write a mobile number as 11 digits, for example 13700000000, or a landline as \
                 area code and number, for example 02131075869"
            }
            Self::Number700AsParty => {
                "a 700 number can only be a privacy number: give the party's mobile or landline \
                 number"
            }
            Self::ServiceNotRegistered => {
                "the service number is not registered: ask the operator to register it, or give \
                 a mobile or landline number"
            }
            Self::NotAServiceNumber => {
                "only service numbers (95…, 1010…, 400…, 800…) can be registered as such"
            }
        })
    }
}

impl Error for PhoneError {}

/// Passes a text that consists of ASCII digits, one at least; else names its first fault.
pub(super) fn refuse_foreign_characters(text: &str) -> Result<(), PhoneError> {
    if text.is_empty() {
        return Err(PhoneError::Empty);
    }
    match text.chars().find(|c| !c.is_ascii_digit()) {
        None => Ok(()),
        Some(fault) => Err(match fault {
            '+' | '＋' => PhoneError::CountryCode,
            // The dashes of general punctuation, the minus sign, and the full-width hyphen.
            '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '－' => PhoneError::Hyphen,
            '*' | '＊' => PhoneError::Masked,
            c if c.is_whitespace() => PhoneError::Space,
            c if c.is_numeric() => PhoneError::ForeignDigit,
            _ => PhoneError::NotADigit,
        }),
    }
}

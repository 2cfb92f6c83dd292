//! How numbers are written on a trunk, and which of them it takes.

use std::{fmt, str::FromStr};

use crate::phone::PhoneNumber;

/// How a trunk wants numbers written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NumberForm {
    /// As dialled inside the country: `13700000001`, `02131075869`.
    National,
    /// E.164 with its plus: `+8613700000001`, `+862131075869`.
    Plus86,
    /// With the international prefix: `008613700000001`, `00862131075869`.
    Prefix0086,
}

impl NumberForm {
    /// Writes a number.
    #[must_use]
    pub fn write(self, number: PhoneNumber) -> WireNumber {
        let digits = number.expose();
        let country = match self {
            Self::National => return WireNumber(digits.to_string()),
            Self::Plus86 => "+86",
            Self::Prefix0086 => "0086",
        };
        // Behind a country code an area code loses its trunk prefix (ITU-T E.123 §7).
        let significant = digits.strip_prefix('0').unwrap_or(&digits);
        WireNumber(format!("{country}{significant}"))
    }
}

/// Reads a number in whichever form a trunk wrote it; `None` when it is none of the country's.
#[must_use]
pub fn read_number(text: &str) -> Option<PhoneNumber> {
    let international = ["+86", "0086"]
        .into_iter()
        .find_map(|country| text.strip_prefix(country));
    if let Some(significant) = international {
        return significant_number(significant);
    }
    if let Ok(number) = PhoneNumber::parse(text) {
        return Some(number);
    }
    // Some exchanges put a 0 before mobiles of other cities, some leave the plus out.
    match text.as_bytes() {
        [b'0', b'1', ..] => PhoneNumber::parse(&text[1..]).ok(),
        [b'8', b'6', ..] if text.len() > 9 => significant_number(&text[2..]),
        _ => None,
    }
}

/// Reads what stands behind the country code.
fn significant_number(text: &str) -> Option<PhoneNumber> {
    if let Ok(number) = PhoneNumber::parse(text) {
        return Some(number);
    }
    if text.starts_with('0') {
        return None;
    }
    PhoneNumber::parse(&format!("0{text}")).ok()
}

/// A number as it goes onto the wire. It holds a real number: it masks itself, and
/// [`WireNumber::expose`] is the only way to the text.
#[derive(Clone, PartialEq, Eq)]
pub struct WireNumber(String);

impl WireNumber {
    /// The text in clear. Whoever calls this answers for where it goes.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for WireNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WireNumber(…)")
    }
}

/// Which numbers a trunk takes and how they are dialled: `PREFIX` takes numbers that begin so, in
/// the trunk's own form; `PREFIX>REPLACEMENT` dials the national digits with their beginning
/// replaced, just so. `*` begins every number.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct PrefixRule {
    /// How the national digits begin; empty for all.
    pub prefix: String,
    /// What is dialled in place of it.
    pub replacement: Option<String>,
}

impl fmt::Display for PrefixRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.prefix.is_empty() {
            "*"
        } else {
            &self.prefix
        })?;
        match &self.replacement {
            Some(replacement) => write!(f, ">{replacement}"),
            None => Ok(()),
        }
    }
}

/// The text is not a prefix rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrefixRuleError;

impl fmt::Display for PrefixRuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a prefix rule is digits, or * for every number, and may go on with > and what is \
             dialled instead: 13, 010>8010, *>9",
        )
    }
}

impl std::error::Error for PrefixRuleError {}

/// The most digits of a prefix or a replacement.
const RULE_DIGITS_MAX: usize = 20;

impl FromStr for PrefixRule {
    type Err = PrefixRuleError;

    fn from_str(text: &str) -> Result<Self, PrefixRuleError> {
        let (prefix, replacement) = match text.split_once('>') {
            Some((prefix, replacement)) => (prefix, Some(replacement)),
            None => (text, None),
        };
        let is_digit = |byte: u8| byte.is_ascii_digit();
        let prefix = match prefix {
            "*" => "",
            digits if is_prefix(digits) => digits,
            _ => return Err(PrefixRuleError),
        };
        if let Some(text) = replacement {
            let digits = text.strip_prefix('+').unwrap_or(text);
            let fits = |byte: u8| is_digit(byte) || matches!(byte, b'*' | b'#');
            if text.len() > RULE_DIGITS_MAX || !digits.bytes().all(fits) {
                return Err(PrefixRuleError);
            }
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            replacement: replacement.map(str::to_owned),
        })
    }
}

/// Whether the text is the beginning of a number.
pub(super) fn is_prefix(text: &str) -> bool {
    (1..=RULE_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a number begins with one of these.
pub(super) fn begins(number: PhoneNumber, prefixes: &[String]) -> bool {
    let digits = number.expose();
    prefixes.iter().any(|prefix| digits.starts_with(prefix))
}

/// How a number is dialled by these rules.
pub(super) fn dial(
    rules: &[PrefixRule],
    form: NumberForm,
    number: PhoneNumber,
) -> Option<WireNumber> {
    if rules.is_empty() {
        return Some(form.write(number));
    }
    let digits = number.expose();
    let fitting = rules
        .iter()
        .filter(|rule| digits.starts_with(&rule.prefix))
        .max_by_key(|rule| rule.prefix.len())?;
    Some(match &fitting.replacement {
        None => form.write(number),
        Some(replacement) => {
            let rest = &digits[fitting.prefix.len()..];
            WireNumber(format!("{replacement}{rest}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::parse(text).expect("a number")
    }

    #[test]
    fn a_number_is_written_in_the_form_of_the_trunk_and_read_back() {
        for (digits, plus, prefixed) in [
            ("13700000001", "+8613700000001", "008613700000001"),
            ("02131075869", "+862131075869", "00862131075869"),
            ("07551234567", "+867551234567", "00867551234567"),
            ("95588", "+8695588", "008695588"),
            ("4001234567", "+864001234567", "00864001234567"),
        ] {
            for (form, text) in [
                (NumberForm::National, digits),
                (NumberForm::Plus86, plus),
                (NumberForm::Prefix0086, prefixed),
            ] {
                assert_eq!(form.write(number(digits)).expose(), text);
                assert_eq!(read_number(text), Some(number(digits)), "{text}");
            }
        }
    }

    #[test]
    fn odd_forms_of_exchanges_are_read_too() {
        for (text, digits) in [
            ("013700000001", "13700000001"),
            ("8613700000001", "13700000001"),
            ("862131075869", "02131075869"),
            ("+8602131075869", "02131075869"),
        ] {
            assert_eq!(read_number(text), Some(number(digits)), "{text}");
        }
        for text in ["", "anonymous", "+15550100", "12345", "号"] {
            assert_eq!(read_number(text), None, "{text}");
        }
    }

    #[test]
    fn the_longest_prefix_decides_how_a_number_is_dialled() {
        let rules = |texts: &[&str]| -> Vec<PrefixRule> {
            let read = |text: &&str| text.parse().expect("a rule");
            texts.iter().map(read).collect()
        };
        let dialled = |texts: &[&str], digits: &str| {
            let found = dial(&rules(texts), NumberForm::Plus86, number(digits));
            found.map(|it| it.expose().to_owned())
        };
        let text = |digits: &str| Some(digits.to_owned());
        assert_eq!(dialled(&[], "13700000001"), text("+8613700000001"));
        assert_eq!(dialled(&["13"], "13700000001"), text("+8613700000001"));
        assert_eq!(dialled(&["13"], "02131075869"), None);
        assert_eq!(dialled(&["*>9"], "02131075869"), text("902131075869"));
        let several = ["*>9", "0>80", "021", "13>+8613"];
        assert_eq!(dialled(&several, "02131075869"), text("+862131075869"));
        assert_eq!(dialled(&several, "01012345678"), text("801012345678"));
        assert_eq!(dialled(&several, "13700000001"), text("+8613700000001"));
        assert_eq!(dialled(&several, "18700000001"), text("918700000001"));
    }

    #[test]
    fn rules_are_written_as_they_were_read_and_other_texts_are_none() {
        for text in ["13", "*", "*>9", "010>8010", "0>", "1>+861", "1>*31#1"] {
            let rule: PrefixRule = text.parse().expect("a rule");
            assert_eq!(rule.to_string(), text);
        }
        for text in ["", "a", ">9", "1>a", "1>9>8", "**", "1 3", &"1".repeat(21)] {
            assert_eq!(text.parse::<PrefixRule>(), Err(PrefixRuleError), "{text}");
        }
    }

    #[test]
    fn a_number_for_the_wire_hides_itself() {
        let written = NumberForm::Plus86.write(number("13700000001"));
        assert_eq!(format!("{written:?}"), "WireNumber(…)");
    }
}

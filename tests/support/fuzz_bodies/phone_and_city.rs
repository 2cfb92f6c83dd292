//! Phone numbers and city codes: what is read is what was written, what is
//! stored comes back, and what is shown hides the number.

use std::sync::LazyLock;

use axbridge_domain::city::CityCode;
use axbridge_domain::numbering::Numbering;
use axbridge_domain::phone::{PhoneError, PhoneKind, PhoneNumber, ServiceNumbers};

use super::{LINES_MAX, assert_tells_no_number};

/// The most digits that a mask may show.
const SHOWN_DIGITS_MAX: usize = 7;

/// The fewest digits that a mask must hide.
const HIDDEN_DIGITS_MIN: usize = 4;

static NUMBERING: LazyLock<Numbering> = LazyLock::new(Numbering::built_in);

/// Checks every line as a phone number, as a city code and, if it is a number
/// below 2⁶⁴, as the stored form of either.
pub fn check_phone_and_city(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut numbers = Vec::new();
    for line in text.split('\n').take(LINES_MAX) {
        numbers.extend(check_phone_text(line));
        check_city_text(line);
        if let Ok(bits) = line.parse::<u64>() {
            numbers.extend(check_phone_bits(bits));
            check_city_bits(bits);
        }
    }
    if let Some(bytes) = data.first_chunk() {
        numbers.extend(check_phone_bits(u64::from_le_bytes(*bytes)));
    }
    for two in numbers.windows(2) {
        let order = |number: &PhoneNumber| {
            let digits = number.expose().as_str().to_owned();
            (digits.len(), digits)
        };
        let expected = order(&two[0]).cmp(&order(&two[1]));
        assert_eq!(two[0].cmp(&two[1]), expected);
    }
}

fn check_phone_text(text: &str) -> Option<PhoneNumber> {
    let services = ServiceNumbers::from_texts([text]);
    match PhoneNumber::parse(text) {
        Ok(number) => {
            assert!(*number.expose() == *text, "other digits than were written");
            assert_eq!(PhoneNumber::from_bits(number.to_bits()), Some(number));
            assert_eq!(services.is_ok(), number.kind() == PhoneKind::Service);
            check_number(&number);
            check_party(text, number);
            Some(number)
        }
        Err(error) => {
            assert_tells_no_number(&error.to_string());
            assert!(services.is_err());
            None
        }
    }
}

fn check_party(text: &str, number: PhoneNumber) {
    let unregistered = PhoneNumber::parse_as_party(text, &ServiceNumbers::default());
    let expected = match number.kind() {
        PhoneKind::Mobile | PhoneKind::Landline => Ok(number),
        PhoneKind::Number700 => Err(PhoneError::Number700AsParty),
        PhoneKind::Service => Err(PhoneError::ServiceNotRegistered),
    };
    assert_eq!(unregistered, expected);
    if let Ok(services) = ServiceNumbers::from_texts([text, text]) {
        assert_eq!(services.len(), 1);
        assert_eq!(PhoneNumber::parse_as_party(text, &services), Ok(number));
    }
}

fn check_phone_bits(bits: u64) -> Option<PhoneNumber> {
    let number = PhoneNumber::from_bits(bits)?;
    assert_eq!(number.to_bits(), bits);
    check_number(&number);
    let again = PhoneNumber::parse(&number.expose());
    // A stored landline outlives its area code.
    assert!(again == Ok(number) || again == Err(PhoneError::UnknownAreaCode));
    Some(number)
}

fn check_number(number: &PhoneNumber) {
    let exposed = number.expose();
    let digits = exposed.as_str();
    assert!(number.to_bits() < 1 << 51);
    assert!(digits.ends_with(&format!("{:04}", number.last4())));
    let length_fits = match number.kind() {
        PhoneKind::Mobile => digits.len() == 11 && digits.starts_with('1'),
        PhoneKind::Landline => (10..=12).contains(&digits.len()) && digits.starts_with('0'),
        PhoneKind::Number700 => digits.len() == 15 && digits.starts_with("700"),
        PhoneKind::Service => (5..=10).contains(&digits.len()),
    };
    assert!(length_fits, "{number}");
    check_mask(number, digits);
    assert!(!format!("{exposed:?}").contains(|char: char| char.is_ascii_digit()));
    let city = NUMBERING.city_of(number);
    match number.kind() {
        PhoneKind::Landline => assert_eq!(city, number.area_code()),
        PhoneKind::Mobile => assert_eq!(number.area_code(), None),
        PhoneKind::Number700 | PhoneKind::Service => {
            assert_eq!((city, number.area_code()), (None, None));
        }
    }
    if let Some(code) = city {
        check_city(code);
    }
}

fn check_mask(number: &PhoneNumber, digits: &str) {
    let shown = number.to_string();
    assert_eq!(format!("{number:?}"), shown);
    let (head, tail) = shown.split_once("****").expect("a mask has four stars");
    assert!(digits.starts_with(head) && digits.ends_with(tail));
    let shown_digits = head.len() + tail.len();
    assert!(shown_digits <= SHOWN_DIGITS_MAX);
    assert!(shown_digits + HIDDEN_DIGITS_MIN <= digits.len());
}

fn check_city_text(text: &str) {
    match CityCode::parse(text) {
        Ok(code) => {
            assert!(matches!(text.len(), 3 | 4) && text.starts_with('0'));
            check_city(code);
        }
        Err(error) => assert_tells_no_number(&error.to_string()),
    }
}

fn check_city_bits(bits: u64) {
    let code = u16::try_from(bits).ok().and_then(CityCode::from_bits);
    if let Some(code) = code {
        assert!(bits < 1000);
        check_city(code);
    }
}

fn check_city(code: CityCode) {
    assert_eq!(CityCode::parse(&code.to_string()), Ok(code));
    assert_eq!(CityCode::from_bits(code.to_bits()), Some(code));
    let area = code.area();
    assert_eq!(area.code, code);
    let capital = code.provincial_capital();
    assert_eq!(capital.provincial_capital(), capital);
    assert_eq!(capital.area().province_code, area.province_code);
}

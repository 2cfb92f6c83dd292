//! Ids and selectors: one text for each value, and one value for each text.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use axbridge_domain::account::AccountId;
use axbridge_domain::binding::SubId;
use axbridge_domain::party::PartyKey;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::pool::PoolNo;
use axbridge_domain::route::{Extension, Selector};
use axbridge_domain::time::Timestamp;

use super::LINES_MAX;

/// Checks every line as each kind of id, as a number that an id is made from
/// and, in hexadecimal, as the stored form of a selector; and the first bytes as
/// that too.
pub fn check_ids(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.split('\n').take(LINES_MAX) {
        check_text::<AccountId>(line);
        check_text::<PoolNo>(line);
        check_text::<SubId>(line);
        if let Some(extension) = check_text::<Extension>(line) {
            check_selector(Selector::Extension(extension));
        }
        if let Ok(number) = line.parse() {
            check_number(number);
        }
        let bytes = hex::decode(line).unwrap_or_default();
        if let Ok(bytes) = bytes.try_into() {
            check_selector_bytes(bytes);
        }
    }
    if let Some(bytes) = data.first_chunk() {
        check_selector_bytes(*bytes);
    }
}

/// An id that can be read is written in no other way.
fn check_text<Id>(text: &str) -> Option<Id>
where
    Id: FromStr<Err: Display> + Display + Debug + Copy,
{
    match text.parse::<Id>() {
        Ok(id) => {
            assert_eq!(id.to_string(), text);
            Some(id)
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            None
        }
    }
}

fn check_number(number: u64) {
    if let Some(pool) = PoolNo::new(number) {
        assert_eq!(pool.digits(), number);
        assert_eq!(pool.to_string().parse(), Ok(pool));
    }
    if let Some(account) = AccountId::new(number) {
        assert_eq!(account.to_string().parse(), Ok(account));
    }
    let x = PhoneNumber::parse("13700000001").expect("the example is a number");
    let nonce = u32::try_from(number & u64::from(u32::MAX)).expect("32 bits");
    let now = Timestamp::from_unix_ms(number.cast_signed());
    let sub_id = SubId::new(now, x, nonce);
    let text = sub_id.to_string();
    assert_eq!(text.len(), SubId::TEXT_LENGTH);
    assert_eq!(text.parse(), Ok(sub_id));
}

fn check_selector_bytes(bytes: [u8; 16]) {
    if let Some(selector) = Selector::from_bytes(bytes) {
        assert_eq!(selector.to_bytes(), bytes);
    }
    check_selector(Selector::Caller(PartyKey::from_digest(bytes)));
}

fn check_selector(selector: Selector) {
    assert_eq!(Selector::from_bytes(selector.to_bytes()), Some(selector));
}

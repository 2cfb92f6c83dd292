//! Identifiers round-trip, and hostile texts are refused rather than guessed at.

use axbridge_domain::{
    account::AccountId,
    binding::SubId,
    party::PartyKey,
    phone::PhoneNumber,
    pool::PoolNo,
    route::{Extension, Selector},
    time::Timestamp,
};
use proptest::prelude::*;

fn mobile(value: u64) -> PhoneNumber {
    PhoneNumber::parse(&format!("138{value:08}")).expect("a mobile number")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_sub_id_round_trips_and_shows_second_and_tail(
        unix_ms in 0..4_294_967_295_000i64, value in 0..100_000_000u64, nonce: u32
    ) {
        let id = SubId::new(Timestamp::from_unix_ms(unix_ms), mobile(value), nonce);
        let text = id.to_string();
        prop_assert_eq!(text.len(), SubId::TEXT_LENGTH);
        prop_assert_eq!(text.parse(), Ok(id));
        prop_assert_eq!(&text[1..11], format!("{:010}", unix_ms / 1000));
        prop_assert_eq!(&text[11..15], format!("{:04}", value % 10_000));
        prop_assert_eq!(&text[15..], format!("{:07x}", nonce & 0x0fff_ffff));
    }

    #[test]
    fn sub_ids_sort_as_their_texts_do(
        one in (0..4_294_967_295i64, 0..10_000u64, 0..1u32 << 28),
        two in (0..4_294_967_295i64, 0..10_000u64, 0..1u32 << 28),
    ) {
        let id = |(second, value, nonce)| {
            SubId::new(Timestamp::from_unix_s(second), mobile(value), nonce)
        };
        let (one, two) = (id(one), id(two));
        prop_assert_eq!(one.cmp(&two), one.to_string().cmp(&two.to_string()));
    }

    #[test]
    fn a_pool_number_round_trips(digits in 0..1_000_000_000_000_000_000u64) {
        let pool = PoolNo::new(digits).expect("18 digits");
        prop_assert_eq!(pool.to_string().parse(), Ok(pool));
        prop_assert_eq!(pool.to_string().len(), 20);
        prop_assert_eq!(pool.digits(), digits);
    }

    #[test]
    fn an_account_id_round_trips(number in 1_000_000_000..10_000_000_000u64) {
        let id = AccountId::new(number).expect("ten digits");
        prop_assert_eq!(id.to_string().parse(), Ok(id));
        prop_assert_eq!(id.number(), number);
    }

    #[test]
    fn an_extension_keeps_its_leading_zeros(text in "[0-9]{1,4}") {
        let extension: Extension = text.parse().expect("one to four digits");
        prop_assert_eq!(extension.to_string(), &text[..]);
        let selector = Selector::Extension(extension);
        prop_assert_eq!(Selector::from_bytes(selector.to_bytes()), Some(selector));
    }

    #[test]
    fn a_caller_round_trips_through_bytes(digest: [u8; 16]) {
        let selector = Selector::Caller(PartyKey::from_digest(digest));
        prop_assert_eq!(Selector::from_bytes(selector.to_bytes()), Some(selector));
    }

    #[test]
    fn bytes_that_are_read_are_written_the_same(bytes: [u8; 16], zeros in 0..=16usize) {
        let mut bytes = bytes;
        bytes[..zeros].fill(0);
        if let Some(selector) = Selector::from_bytes(bytes) {
            prop_assert_eq!(selector.to_bytes(), bytes);
        }
    }

    #[test]
    fn no_text_makes_a_reader_panic_or_accept_what_it_would_not_write(text in any::<String>()) {
        if let Ok(id) = text.parse::<SubId>() {
            prop_assert_eq!(id.to_string(), &text[..]);
        }
        if let Ok(pool) = text.parse::<PoolNo>() {
            prop_assert_eq!(pool.to_string(), &text[..]);
        }
        if let Ok(extension) = text.parse::<Extension>() {
            prop_assert_eq!(extension.to_string(), &text[..]);
        }
    }
}

#[test]
fn hostile_sub_ids_are_refused() {
    let good = "S18000000001234abcdef0";
    assert_eq!(good.len(), SubId::TEXT_LENGTH);
    assert!(good.parse::<SubId>().is_ok());
    let bad = [
        "",
        "S",
        "s18000000001234abcdef0",
        "S18000000001234ABCDEF0",
        "S18000000001234abcdef",
        "S18000000001234abcdef01",
        "S18000000001234abcdeg0",
        "S+8000000001234abcdef0",
        "S18000000001234+bcdef0",
        "S99999999991234abcdef0",
        "S18000000001234abcde\u{301}",
        "S١٨٠٠٠٠1234abcdef0",
        " S8000000001234abcdef0",
        "S18000000001234abcdef\0",
    ];
    for text in bad {
        assert!(text.parse::<SubId>().is_err(), "{text:?}");
    }
}

#[test]
fn hostile_pool_numbers_accounts_and_extensions_are_refused() {
    for text in [
        "",
        "NP",
        "NP12345678901234567",
        "NP1234567890123456789",
        "np123456789012345678",
        "NP+23456789012345678",
        "NP-23456789012345678",
        "NP12345678901234567 ",
        "NP１２３４５６",
    ] {
        assert!(text.parse::<PoolNo>().is_err(), "{text:?}");
    }
    for text in [
        "",
        "1",
        "999999999",
        "10000000000",
        "+2100000001",
        "-2100000001",
        "0000000001",
    ] {
        assert!(text.parse::<AccountId>().is_err(), "{text:?}");
    }
    for text in ["", "+1", "-1", "12345", "00000", "1 ", "a", "１"] {
        assert!(text.parse::<Extension>().is_err(), "{text:?}");
    }
    assert_eq!(PoolNo::new(1_000_000_000_000_000_000), None);
    assert_eq!(AccountId::new(999_999_999), None);
}

#[test]
fn extensions_of_other_lengths_are_other_extensions() {
    let texts = ["1", "01", "001", "0001"];
    let bytes: std::collections::HashSet<[u8; 16]> = texts
        .iter()
        .map(|text| Selector::Extension(text.parse().expect("an extension")).to_bytes())
        .collect();
    assert_eq!(bytes.len(), texts.len());
    assert!(!bytes.contains(&Selector::Any.to_bytes()));
}

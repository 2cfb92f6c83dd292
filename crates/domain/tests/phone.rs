//! How phone numbers are read, masked and packed.

use axbridge_domain::phone::{PhoneError, PhoneKind, PhoneNumber, ServiceNumbers};
use proptest::prelude::*;

fn parse(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap_or_else(|error| panic!("{text:?} was refused: {error}"))
}

#[test]
fn each_kind_of_number_is_read_and_masked() {
    let cases = [
        ("13700000001", PhoneKind::Mobile, "137****0001"),
        ("19912345678", PhoneKind::Mobile, "199****5678"),
        ("02131075869", PhoneKind::Landline, "021****5869"),
        ("01012345678", PhoneKind::Landline, "010****5678"),
        ("053112345678", PhoneKind::Landline, "053****5678"),
        ("0101234567", PhoneKind::Landline, "010****567"),
        ("700123456789012", PhoneKind::Number700, "700****9012"),
        ("95588", PhoneKind::Service, "9****"),
        ("955880", PhoneKind::Service, "95****"),
        ("95588001", PhoneKind::Service, "955****1"),
        ("10100000", PhoneKind::Service, "101****0"),
        ("4001234567", PhoneKind::Service, "400****567"),
        ("8008208820", PhoneKind::Service, "800****820"),
    ];
    for (text, kind, mask) in cases {
        let number = parse(text);
        assert_eq!(number.kind(), kind, "{text}");
        assert_eq!(number.to_string(), mask);
        assert_eq!(format!("{number:?}"), mask);
        assert_eq!(number.expose().as_str(), text);
    }
}

#[test]
fn every_allocated_mobile_network_is_accepted() {
    let networks = include_str!("../data/cn-numbering/mobile_networks.csv");
    let mut count = 0;
    for network in networks
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
    {
        assert_eq!(
            parse(&format!("{network:0<11}")).kind(),
            PhoneKind::Mobile,
            "{network}"
        );
        count += 1;
    }
    assert_eq!(count, 90);
}

#[test]
fn a_network_that_is_not_allocated_yet_is_accepted_too() {
    assert_eq!(parse("15400000000").kind(), PhoneKind::Mobile);
}

#[test]
fn each_fault_is_named() {
    use PhoneError::*;
    let cases = [
        ("", Empty),
        ("+8613700000000", CountryCode),
        ("008613700000000", CountryCode),
        ("8613700000000", CountryCode),
        ("+14155550100", CountryCode),
        ("021-31075869", Hyphen),
        ("021—31075869", Hyphen),
        ("021－31075869", Hyphen),
        (" 13700000000", Space),
        ("13700000000\n", Space),
        ("137 0000 0000", Space),
        ("１３７００００００００", ForeignDigit),
        ("1370000000٠", ForeignDigit),
        ("137****0001", Masked),
        ("1370000000a", NotADigit),
        ("13700000000\0", NotADigit),
        ("sip:x", NotADigit),
        ("1370000000", MobileLength),
        ("137000000000", MobileLength),
        ("13", MobileLength),
        ("013700000000", ZeroBeforeMobile),
        ("12345678901", NoMobileNetwork),
        ("10086", NoMobileNetwork),
        ("11000000000", NoMobileNetwork),
        ("1", NoMobileNetwork),
        ("0", UnknownAreaCode),
        ("01", UnknownAreaCode),
        ("0999123456", LandlineLength),
        ("02612345678", UnknownAreaCode),
        ("03781234567", UnknownAreaCode),
        ("010123456", LandlineLength),
        ("010123456789", LandlineLength),
        ("0531123456789", LandlineLength),
        ("31075869", AreaCodeMissing),
        ("70012345", AreaCodeMissing),
        ("7001234567", Number700Length),
        ("7001234567890123", Number700Length),
        ("9558", ServiceLength),
        ("955880000", ServiceLength),
        ("1010000", ServiceLength),
        ("400123456", ServiceLength),
        ("80012345678", ServiceLength),
        ("2", UnknownForm),
        ("999999999999999", UnknownForm),
    ];
    for (text, fault) in cases {
        assert_eq!(PhoneNumber::parse(text).err(), Some(fault), "{text:?}");
    }
}

#[test]
fn a_party_is_a_mobile_a_landline_or_a_registered_service_number() {
    let none = ServiceNumbers::default();
    let registered = ServiceNumbers::from_texts(["4001234567", "95588", "95588"])
        .expect("both are service numbers");
    assert_eq!(registered.len(), 2);
    assert!(none.is_empty() && !registered.is_empty());

    for text in ["13700000000", "02131075869"] {
        assert_eq!(PhoneNumber::parse_as_party(text, &none), Ok(parse(text)));
    }
    assert_eq!(
        PhoneNumber::parse_as_party("95588", &none),
        Err(PhoneError::ServiceNotRegistered)
    );
    assert_eq!(
        PhoneNumber::parse_as_party("95588", &registered),
        Ok(parse("95588"))
    );
    assert_eq!(
        PhoneNumber::parse_as_party("95599", &registered),
        Err(PhoneError::ServiceNotRegistered)
    );
    assert_eq!(
        PhoneNumber::parse_as_party("700123456789012", &registered),
        Err(PhoneError::Number700AsParty)
    );
    assert_eq!(
        PhoneNumber::parse_as_party("1", &registered),
        Err(PhoneError::NoMobileNetwork)
    );
}

#[test]
fn the_service_list_names_the_entry_that_is_wrong() {
    let error = ServiceNumbers::from_texts(["95588", "13700000000"]).expect_err("a mobile number");
    assert_eq!(
        (error.position, error.reason),
        (2, PhoneError::NotAServiceNumber)
    );
    assert!(
        error
            .to_string()
            .starts_with("service number 2 of the list: only service numbers")
    );

    let error = ServiceNumbers::from_texts(["400-123-4567"]).expect_err("hyphens");
    assert_eq!((error.position, error.reason), (1, PhoneError::Hyphen));
}

#[test]
fn a_number_takes_eight_bytes_also_when_it_may_be_absent() {
    assert_eq!(size_of::<PhoneNumber>(), 8);
    assert_eq!(size_of::<Option<PhoneNumber>>(), 8);
}

#[test]
fn the_area_code_of_a_landline_is_known() {
    let code = |text| parse(text).area_code().map(|code| code.to_string());
    assert_eq!(code("01012345678").as_deref(), Some("010"));
    assert_eq!(code("02131075869").as_deref(), Some("021"));
    assert_eq!(code("053112345678").as_deref(), Some("0531"));
    assert_eq!(code("08981234567").as_deref(), Some("0898"));
    assert_eq!(code("13700000000"), None);
    assert_eq!(code("95588"), None);
}

#[test]
fn the_last_four_digits_keep_their_value() {
    assert_eq!(parse("13700000001").last4(), 1);
    assert_eq!(parse("02131075869").last4(), 5869);
    assert_eq!(parse("95588").last4(), 5588);
}

#[test]
fn exposed_digits_do_not_show_in_debug() {
    assert_eq!(
        format!("{:?}", parse("13700000001").expose()),
        "ExposedDigits(…)"
    );
}

#[test]
fn a_stored_landline_of_a_retired_area_code_can_still_be_read() {
    let bits = 10_u64.pow(11) + 3_781_234_567;
    let number = PhoneNumber::from_bits(bits).expect("0378 was merged into 0371");
    assert_eq!(number.expose().as_str(), "03781234567");
    assert_eq!(
        number.area_code().map(|code| code.to_string()).as_deref(),
        Some("0371")
    );
}

#[test]
fn bits_that_no_number_has_are_refused() {
    let ten_to = |power| 10_u64.pow(power);
    let cases = [
        0,
        1,
        9_999,
        u64::MAX,
        2 * ten_to(11) + 3_700_000_000,
        ten_to(11) + 12_345_678_901,
        ten_to(16),
        13_700_000_000,
    ];
    for bits in cases {
        assert_eq!(PhoneNumber::from_bits(bits), None, "{bits}");
    }
}

/// Any number that a user may have, of every kind.
fn any_number() -> impl Strategy<Value = String> {
    let codes: Vec<String> = axbridge_domain::city::all_areas()
        .map(|area| area.code.to_string())
        .collect();
    let landline = (proptest::sample::select(codes), "[0-9]{7,8}")
        .prop_map(|(code, subscriber)| code + &subscriber);
    prop_oneof![
        "1[3-9][0-9]{9}",
        landline,
        "700[0-9]{12}",
        "95[0-9]{3,6}",
        "1010[0-9]{4}",
        "[48]00[0-9]{7}",
    ]
}

/// Near misses: digits with a few other characters among them.
fn hostile_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[0-9]{0,20}",
        "[+]?[0-9 \\-*]{0,20}",
        "[0-9٠-٩０-９]{5,15}",
        "[01][0-9]{9,12}",
        "[0-9]{1000,2000}",
    ]
}

fn digits_shown(mask: &str) -> usize {
    mask.chars().filter(char::is_ascii_digit).count()
}

proptest! {
    #[test]
    fn a_number_comes_back_as_it_was_written(text in any_number()) {
        let number = parse(&text);
        prop_assert_eq!(number.expose().to_string(), text.as_str());
        prop_assert_eq!(PhoneNumber::from_bits(number.to_bits()), Some(number));
        prop_assert!(number.to_bits() < 1 << 51);
        prop_assert_eq!(format!("{:04}", number.last4()), &text[text.len() - 4..]);
        prop_assert_eq!(number.area_code().is_some(), number.kind() == PhoneKind::Landline);
    }

    #[test]
    fn a_mask_shows_at_most_three_digits_before_and_four_after(text in any_number()) {
        for mask in [parse(&text).to_string(), format!("{:?}", parse(&text))] {
            let (head, tail) = mask.split_once("****").expect("four stars");
            prop_assert!(head.len() <= 3 && text.starts_with(head));
            prop_assert!(tail.len() <= 4 && text.ends_with(tail));
            prop_assert_eq!(head.len() + tail.len(), digits_shown(&mask));
            prop_assert!(text.len() - digits_shown(&mask) >= 4);
        }
    }

    #[test]
    fn order_is_by_length_then_digits(left in any_number(), right in any_number()) {
        let key = |text: &String| (text.len(), text.clone());
        prop_assert_eq!(parse(&left).cmp(&parse(&right)), key(&left).cmp(&key(&right)));
    }

    #[test]
    fn hostile_text_is_refused_or_read_exactly(text in hostile_text()) {
        match PhoneNumber::parse(&text) {
            Ok(number) => prop_assert_eq!(number.expose().to_string(), text),
            Err(error) => prop_assert!(!error.to_string().is_empty()),
        }
    }

    #[test]
    fn bits_of_any_value_are_refused_or_a_number(bits in any::<u64>()) {
        if let Some(number) = PhoneNumber::from_bits(bits) {
            prop_assert_eq!(number.to_bits(), bits);
        }
    }

    #[test]
    fn bits_near_those_of_a_number_are_refused_or_that_number(
        power in 4_u32..17,
        rest in any::<u64>(),
    ) {
        let mark = 10_u64.pow(power);
        let bits = mark + rest % mark;
        if let Some(number) = PhoneNumber::from_bits(bits) {
            prop_assert_eq!(number.to_bits(), bits);
            prop_assert_eq!(number.expose().len(), power as usize);
        }
    }
}

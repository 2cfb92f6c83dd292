//! City codes, and which city a number belongs to.

use std::collections::{HashMap, HashSet};

use axbridge_domain::city::{CityCode, CityError, all_areas};
use axbridge_domain::numbering::{Numbering, OverlayReason};
use axbridge_domain::phone::PhoneNumber;
use proptest::prelude::*;

const MOBILE_PREFIX_CSV: &str = include_str!("../data/cn-numbering/mobile_prefix.csv");
const AREA_CODES_CSV: &str = include_str!("../data/cn-numbering/area_codes.csv");
const RETIRED_CODES_CSV: &str = include_str!("../data/cn-numbering/area_code_aliases.csv");

fn code(text: &str) -> CityCode {
    CityCode::parse(text).unwrap_or_else(|error| panic!("{text:?} was refused: {error}"))
}

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap_or_else(|error| panic!("{text:?} was refused: {error}"))
}

fn mobile(prefix: u32) -> PhoneNumber {
    phone(&format!("{prefix}0000"))
}

fn city_of(numbering: &Numbering, text: &str) -> Option<String> {
    numbering.city_of(&phone(text)).map(|code| code.to_string())
}

fn rows(csv: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    csv.lines().skip(1).map(|line| line.split(',').collect())
}

/// The plain map that the packed table must equal.
fn plain_map() -> HashMap<u32, &'static str> {
    let mut map = HashMap::new();
    for row in rows(MOBILE_PREFIX_CSV) {
        let prefix: u32 = row[0].parse().expect("a prefix");
        let count: u32 = row[1].parse().expect("a count");
        for prefix in prefix..prefix + count {
            assert!(map.insert(prefix, row[2]).is_none(), "{prefix} comes twice");
        }
    }
    map
}

#[test]
fn known_prefixes_belong_to_their_cities() {
    let numbering = Numbering::built_in();
    let cases = [
        ("13700000000", "024"),
        ("17000000000", "010"),
        ("13800000000", "010"),
        ("13600000000", "020"),
        ("13900000000", "0991"),
        ("18910000000", "010"),
        ("18605310000", "0531"),
        ("13275310000", "0531"),
        ("19980000000", "028"),
        ("19810000000", "010"),
        ("19112340000", "023"),
        ("18999990000", "0991"),
        ("02131075869", "021"),
        ("053112345678", "0531"),
    ];
    for (number, expected) in cases {
        assert_eq!(
            city_of(&numbering, number).as_deref(),
            Some(expected),
            "{number}"
        );
    }
}

#[test]
fn a_number_without_a_known_city_has_none() {
    let numbering = Numbering::built_in();
    for number in [
        "19200000000",
        "15400000000",
        "700123456789012",
        "95588",
        "4001234567",
    ] {
        assert_eq!(city_of(&numbering, number), None, "{number}");
    }
}

#[test]
fn the_packed_table_answers_as_the_file_for_every_prefix() {
    let numbering = Numbering::built_in();
    let map = plain_map();
    assert_eq!(map.len(), 447_626);
    assert_eq!(Numbering::built_in_prefix_count(), 447_626);
    assert_eq!(Numbering::data_date(), "2020-04");
    let mut codes: HashMap<&str, CityCode> = HashMap::new();
    for prefix in 1_300_000..2_000_000 {
        let expected = map
            .get(&prefix)
            .map(|text| *codes.entry(text).or_insert_with(|| code(text)));
        assert_eq!(numbering.city_of(&mobile(prefix)), expected, "{prefix}");
    }
}

#[test]
fn every_code_comes_back_from_its_text_and_its_bits() {
    let in_file: HashSet<&str> = rows(AREA_CODES_CSV).map(|row| row[0]).collect();
    assert_eq!(in_file.len(), 320);
    assert_eq!(all_areas().count(), 320);
    for text in in_file {
        let code = code(text);
        assert_eq!(code.to_string(), text);
        assert_eq!(format!("{code:?}"), text);
        assert_eq!(CityCode::from_bits(code.to_bits()), Some(code));
        assert_eq!(code.area().code, code);
    }
    assert!(all_areas().is_sorted_by_key(|area| area.code));
}

#[test]
fn bits_of_no_code_are_refused() {
    let known = (0..=u16::MAX)
        .filter(|bits| CityCode::from_bits(*bits).is_some())
        .count();
    let retired = rows(RETIRED_CODES_CSV).count();
    assert_eq!(known, 320 + retired);
    for bits in [0, 1, 26, 100, 999, 1000, 4095, u16::MAX] {
        let in_force = bits == 999;
        assert_eq!(CityCode::from_bits(bits).is_some(), in_force, "{bits}");
    }
}

#[test]
fn every_province_has_one_capital_which_is_its_own() {
    let mut capitals: HashMap<u8, HashSet<CityCode>> = HashMap::new();
    for area in all_areas() {
        assert_eq!(area.code.provincial_capital(), area.capital);
        assert_eq!(area.capital.provincial_capital(), area.capital);
        assert_eq!(area.capital.area().province_zh, area.province_zh);
        capitals
            .entry(area.province_code)
            .or_default()
            .insert(area.capital);
    }
    assert_eq!(capitals.len(), 31);
    assert!(capitals.values().all(|of_province| of_province.len() == 1));
}

#[test]
fn capitals_are_the_seats_one_expects() {
    let cases = [
        ("010", "010"),
        ("023", "023"),
        ("0532", "0531"),
        ("0755", "020"),
        ("0512", "025"),
        ("0411", "024"),
        ("0937", "0931"),
        ("0898", "0898"),
        ("0892", "0891"),
    ];
    for (city, capital) in cases {
        assert_eq!(
            code(city).provincial_capital().to_string(),
            capital,
            "{city}"
        );
    }
}

#[test]
fn cities_that_share_a_code_appear_under_the_primary_one() {
    let area = code("024").area();
    assert_eq!((area.city_zh, area.city_en), ("沈阳市", "Shenyang"));
    assert_eq!((area.province_zh, area.province_code), ("辽宁省", 21));
    assert_eq!(code("0937").area().city_en, "Jiuquan");

    let mut cities: HashMap<&str, usize> = HashMap::new();
    rows(AREA_CODES_CSV).for_each(|row| *cities.entry(row[0]).or_default() += 1);
    assert_eq!(cities["024"], 4);
    assert_eq!(cities.values().filter(|count| **count > 1).count(), 17);
}

#[test]
fn a_retired_code_is_taken_for_its_successor() {
    let mut count = 0;
    for row in rows(RETIRED_CODES_CSV) {
        assert_eq!(code(row[0]), code(row[1]), "{}", row[0]);
        assert_eq!(code(row[0]).to_string(), row[1]);
        count += 1;
    }
    assert_eq!(count, 14);
}

#[test]
fn a_code_is_written_with_its_leading_zero_and_nothing_else() {
    for text in [
        "",
        "0",
        "01",
        "10",
        "531",
        "0010",
        "00531",
        "053 1",
        "+531",
        "0+31",
        "０１０",
    ] {
        assert_eq!(CityCode::parse(text), Err(CityError::Malformed), "{text:?}");
    }
    for text in ["026", "099", "0100", "0101"] {
        assert_eq!(CityCode::parse(text), Err(CityError::Unknown), "{text:?}");
    }
    assert!(CityError::Malformed.to_string().contains("leading 0"));
}

#[test]
fn an_overlay_wins_where_it_speaks_and_only_there() {
    let csv = "\u{feff}prefix,count,area_code\r\n1920000,2,0531\r\n\r\n1370000,010\r\n\
               1999999 , 1 , 0378\r\n";
    let numbering = Numbering::with_overlay(csv).expect("a good list");
    assert_eq!(numbering.overlay_prefix_count(), 4);
    let cases = [
        ("13700000000", Some("010")),
        ("13800000000", Some("010")),
        ("13600000000", Some("020")),
        ("19200009999", Some("0531")),
        ("19200019999", Some("0531")),
        ("19200020000", None),
        ("19999999999", Some("0371")),
        ("02131075869", Some("021")),
    ];
    for (number, expected) in cases {
        assert_eq!(city_of(&numbering, number).as_deref(), expected, "{number}");
    }
    assert_eq!(
        format!("{numbering:?}"),
        "Numbering { data_date: \"2020-04\", overlay_prefix_count: 4 }"
    );
}

#[test]
fn an_empty_overlay_changes_nothing() {
    for csv in ["", "\n\n", "prefix,area_code\n"] {
        let numbering = Numbering::with_overlay(csv).expect("nothing to refuse");
        assert_eq!(numbering.overlay_prefix_count(), 0);
        assert_eq!(city_of(&numbering, "13700000000").as_deref(), Some("024"));
    }
}

#[test]
fn each_fault_of_an_overlay_is_named_with_its_line() {
    use OverlayReason::*;
    let cases = [
        ("prefix,area_code\n1370000", 2, FieldCount),
        ("1370000,1,010,x", 1, FieldCount),
        ("1370000,010\nprefix,area_code", 2, Prefix),
        ("137000,010", 1, Prefix),
        ("13700000000,010", 1, Prefix),
        ("1299999,010", 1, Prefix),
        ("2000000,010", 1, Prefix),
        ("+1370000,010", 1, Prefix),
        (",010", 1, Prefix),
        ("\n1370000,0,010", 2, Count),
        ("1370000,-1,010", 1, Count),
        ("1370000,99999999999,010", 1, Count),
        ("1370000,,010", 1, Count),
        ("1999999,2,010", 1, RangeEnd),
        ("1370000,4294967295,010", 1, RangeEnd),
        ("1370000,10", 1, AreaCode(CityError::Malformed)),
        ("1370000,099", 1, AreaCode(CityError::Unknown)),
        (
            "1370005,010\n1370000,10,021",
            2,
            Overlap { earlier_line: 1 },
        ),
        (
            "1370000,010\n1380000,010\n1370000,010",
            3,
            Overlap { earlier_line: 1 },
        ),
        (
            "1300000,700000,010\n1300000,1,021\nnever read",
            2,
            Overlap { earlier_line: 1 },
        ),
    ];
    for (csv, line, reason) in cases {
        let error = Numbering::with_overlay(csv).expect_err(csv);
        assert_eq!((error.line, error.reason), (line, reason), "{csv:?}");
        assert!(
            error.to_string().starts_with(&format!("line {line}: ")),
            "{error}"
        );
    }
}

#[test]
fn the_built_in_file_is_itself_a_good_overlay() {
    let numbering = Numbering::with_overlay(MOBILE_PREFIX_CSV).expect("the built-in file");
    assert_eq!(
        numbering.overlay_prefix_count(),
        Numbering::built_in_prefix_count()
    );
}

proptest! {
    #[test]
    fn an_overlay_of_single_prefixes_answers_for_each(
        prefixes in proptest::collection::hash_map(1_300_000_u32..2_000_000, 0_usize..320, 0..50),
        other in 1_300_000_u32..2_000_000,
    ) {
        let codes: Vec<CityCode> = all_areas().map(|area| area.code).collect();
        let csv: String = prefixes
            .iter()
            .map(|(prefix, index)| format!("{prefix},{}\n", codes[*index]))
            .collect();
        let numbering = Numbering::with_overlay(&csv).expect("no prefix comes twice");
        for (prefix, index) in &prefixes {
            prop_assert_eq!(numbering.city_of(&mobile(*prefix)), Some(codes[*index]));
        }
        if !prefixes.contains_key(&other) {
            let built_in = Numbering::built_in().city_of(&mobile(other));
            prop_assert_eq!(numbering.city_of(&mobile(other)), built_in);
        }
    }

    #[test]
    fn no_overlay_text_makes_the_reader_panic(csv in "[0-9,\nprefix]{0,80}|\\PC{0,80}") {
        if let Ok(numbering) = Numbering::with_overlay(&csv) {
            prop_assert!(numbering.overlay_prefix_count() <= 700_000);
        }
    }

    #[test]
    fn no_city_text_makes_the_reader_panic(text in "0?[0-9]{0,6}|\\PC{0,8}") {
        if let Ok(code) = CityCode::parse(&text) {
            prop_assert_eq!(CityCode::parse(&code.to_string()), Ok(code));
        }
    }
}

//! Where to look for a number, and in which order.

use axbridge_domain::{
    city::CityCode,
    city_order::{CityOf, CityWish, DegradeCity, Tier, city_order},
    limits::DEGRADE_CITIES_MAX,
    pool::CityFallback,
};
use proptest::{collection::vec, option, prelude::*};

fn city(code: &str) -> CityCode {
    CityCode::parse(code).expect("a city in force")
}

fn tiers(codes: &[&str]) -> Vec<Tier> {
    codes.iter().map(|code| Tier::City(city(code))).collect()
}

fn order(wish: &CityWish, a: Option<&str>, b: Option<&str>, fallback: CityFallback) -> Vec<Tier> {
    city_order(wish, a.map(city), b.map(city), b.is_some(), fallback)
}

fn degrade(codes: &[&str]) -> Vec<DegradeCity> {
    let read = |code: &&str| match *code {
        "PNPC" => DegradeCity::ProvincialCapital,
        code => DegradeCity::City(city(code)),
    };
    codes.iter().map(read).collect()
}

#[test]
fn a_named_city_is_meant_and_the_pool_is_not_searched() {
    let wish = CityWish {
        city: Some(city("0755")),
        ..CityWish::default()
    };
    for fallback in [CityFallback::Any, CityFallback::None] {
        assert_eq!(order(&wish, Some("010"), None, fallback), tiers(&["0755"]));
    }
}

#[test]
fn a_named_city_is_followed_by_its_degrade_cities_only() {
    let wish = CityWish {
        city: Some(city("0755")),
        city_of: CityOf::B,
        degrade: degrade(&["010", "PNPC", "021"]),
    };
    let found = order(&wish, Some("0531"), Some("0571"), CityFallback::Any);
    assert_eq!(found, tiers(&["0755", "010", "020", "021"]));
}

#[test]
fn without_a_named_city_the_number_of_a_decides_then_the_pool() {
    let wish = CityWish::default();
    let mut expected = tiers(&["0531"]);
    assert_eq!(
        order(&wish, Some("0531"), Some("010"), CityFallback::None),
        expected
    );
    expected.push(Tier::WholePool);
    assert_eq!(
        order(&wish, Some("0531"), Some("010"), CityFallback::Any),
        expected
    );
}

#[test]
fn the_number_of_b_decides_when_asked_for_and_present() {
    let wish = CityWish {
        city_of: CityOf::B,
        ..CityWish::default()
    };
    let none = CityFallback::None;
    assert_eq!(
        order(&wish, Some("0531"), Some("010"), none),
        tiers(&["010"])
    );
    assert_eq!(
        order(&wish, Some("0531"), None, none),
        tiers(&["0531"]),
        "B is absent"
    );
    let unknown_b = city_order(&wish, Some(city("0531")), None, true, none);
    assert_eq!(unknown_b, [Tier::WholePool], "the city of B is unknown");
}

#[test]
fn an_unknown_city_means_the_whole_pool() {
    let wish = CityWish::default();
    for fallback in [CityFallback::Any, CityFallback::None] {
        assert_eq!(order(&wish, None, None, fallback), [Tier::WholePool]);
    }
}

#[test]
fn an_unknown_city_leaves_the_degrade_cities_and_has_no_capital() {
    let wish = CityWish {
        degrade: degrade(&["PNPC", "021"]),
        ..CityWish::default()
    };
    assert_eq!(
        order(&wish, None, None, CityFallback::None),
        tiers(&["021"])
    );
    let capital_only = CityWish {
        degrade: degrade(&["PNPC"]),
        ..CityWish::default()
    };
    let found = order(&capital_only, None, None, CityFallback::None);
    assert_eq!(found, [Tier::WholePool]);
}

#[test]
fn the_capital_is_that_of_the_province_of_the_wanted_city() {
    let wish = CityWish {
        degrade: degrade(&["PNPC"]),
        ..CityWish::default()
    };
    let none = CityFallback::None;
    assert_eq!(
        order(&wish, Some("0532"), None, none),
        tiers(&["0532", "0531"])
    );
    assert_eq!(
        order(&wish, Some("0531"), None, none),
        tiers(&["0531"]),
        "is one itself"
    );
    assert_eq!(
        order(&wish, Some("021"), None, none),
        tiers(&["021"]),
        "a municipality"
    );
}

#[test]
fn no_place_is_looked_at_twice() {
    let wish = CityWish {
        city: Some(city("0532")),
        city_of: CityOf::A,
        degrade: degrade(&["0531", "PNPC", "0532", "0531", "010"]),
    };
    let found = order(&wish, None, None, CityFallback::Any);
    assert_eq!(found, tiers(&["0532", "0531", "010"]));
}

fn cities() -> impl Strategy<Value = CityCode> {
    prop::sample::select(
        ["010", "021", "0531", "0532", "0755", "020"]
            .map(city)
            .to_vec(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn every_order_is_whole_short_and_without_repeats(
        named in option::of(cities()),
        of_b: bool,
        own in (option::of(cities()), option::of(cities()), any::<bool>()),
        list in vec(option::of(cities()), 0..9),
        any_city: bool,
    ) {
        let wish = CityWish {
            city: named,
            city_of: if of_b { CityOf::B } else { CityOf::A },
            degrade: list
                .iter()
                .map(|city| city.map_or(DegradeCity::ProvincialCapital, DegradeCity::City))
                .collect(),
        };
        let (city_of_a, city_of_b, has_b) = own;
        let fallback = if any_city { CityFallback::Any } else { CityFallback::None };
        let found = city_order(&wish, city_of_a, city_of_b, has_b, fallback);

        prop_assert!(!found.is_empty());
        prop_assert!(found.len() <= 2 + DEGRADE_CITIES_MAX);
        for (index, tier) in found.iter().enumerate() {
            prop_assert!(!found[..index].contains(tier), "twice: {tier:?}");
            let last = index + 1 == found.len();
            prop_assert!(*tier != Tier::WholePool || last, "the pool comes last");
        }
        let own = if of_b && has_b { city_of_b } else { city_of_a };
        if let Some(wanted) = named.or(own) {
            prop_assert_eq!(found[0], Tier::City(wanted));
        }
        for city in list.iter().take(DEGRADE_CITIES_MAX).flatten() {
            prop_assert!(found.contains(&Tier::City(*city)));
        }
        if named.is_some() {
            prop_assert!(!found.contains(&Tier::WholePool));
        } else if any_city {
            prop_assert!(found.contains(&Tier::WholePool));
        }
    }
}

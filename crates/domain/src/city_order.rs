//! In which cities to look for an X, and in which order.

use crate::{city::CityCode, limits, pool::CityFallback};

/// Which party's number decides the wanted city when the client named none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CityOf {
    /// A's.
    #[default]
    A,
    /// B's.
    B,
}

/// One entry of `DegradeCityList`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DegradeCity {
    /// This city.
    City(CityCode),
    /// `PNPC`: the capital of the province of the wanted city.
    ProvincialCapital,
}

/// What the client said about the city of X.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CityWish {
    /// The city it named.
    pub city: Option<CityCode>,
    /// Whose city to take when it named none.
    pub city_of: CityOf,
    /// Where else to look, in order.
    pub degrade: Vec<DegradeCity>,
}

/// One place to look for a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Tier {
    /// Numbers of this city.
    City(CityCode),
    /// All numbers of the pool.
    WholePool,
}

impl Tier {
    /// The city to list, or `None` for the whole pool.
    #[must_use]
    pub const fn city(self) -> Option<CityCode> {
        match self {
            Tier::City(city) => Some(city),
            Tier::WholePool => None,
        }
    }
}

/// The places to look, in order, none twice.
///
/// `CityCode` comes before `CityCodeByPhoneNo` before `DegradeCityList`. A client that named a
/// city means it; when the wanted city was only the number's own, `fallback` decides whether the
/// whole pool is tried last. With nothing to go by, the whole pool is.
#[must_use]
pub fn city_order(
    wish: &CityWish,
    city_of_a: Option<CityCode>,
    city_of_b: Option<CityCode>,
    has_b: bool,
    fallback: CityFallback,
) -> Vec<Tier> {
    let own = match wish.city_of {
        CityOf::B if has_b => city_of_b,
        _ => city_of_a,
    };
    let wanted = wish.city.or(own);
    let mut tiers: Vec<Tier> = wanted.map(Tier::City).into_iter().collect();
    for degrade in wish.degrade.iter().take(limits::DEGRADE_CITIES_MAX) {
        let city = match degrade {
            DegradeCity::City(city) => Some(*city),
            DegradeCity::ProvincialCapital => wanted.map(CityCode::provincial_capital),
        };
        if let Some(tier) = city.map(Tier::City)
            && !tiers.contains(&tier)
        {
            tiers.push(tier);
        }
    }
    if tiers.is_empty() || (wish.city.is_none() && fallback == CityFallback::Any) {
        tiers.push(Tier::WholePool);
    }
    tiers
}

//! Which city a phone number belongs to.
//!
//! Landlines carry their area code. Mobile numbers are looked up by their first seven digits in
//! a built-in table (`data/cn-numbering`, whose `SOURCES.md` gives sources and known gaps), over
//! which an operator may lay a newer list. What neither knows is `None`, never a guess. Numbers
//! keep their city when their user moves to another network, so this says nothing of networks.

mod overlay;
mod prefix_table;

use std::fmt;
use std::sync::LazyLock;

pub use overlay::{OverlayError, OverlayReason};

use crate::city::{CityCode, fields};
use crate::phone::{PhoneKind, PhoneNumber};
use prefix_table::{PrefixTable, Run};

const MOBILE_PREFIX_CSV: &str = include_str!("../data/cn-numbering/mobile_prefix.csv");

/// The month of the newest source of the built-in mobile prefixes.
const DATA_DATE: &str = "2020-04";

/// Built on first use, in about ten milliseconds; half a megabyte.
static BUILT_IN: LazyLock<PrefixTable> = LazyLock::new(read_built_in);

/// The numbering plan in use: the built-in table and what the operator lays over it.
#[derive(Clone)]
pub struct Numbering {
    overlay: PrefixTable,
}

impl Numbering {
    /// The built-in table alone.
    pub fn built_in() -> Numbering {
        LazyLock::force(&BUILT_IN);
        Numbering {
            overlay: PrefixTable::empty(),
        }
    }

    /// The built-in table under an operator's list, which wins wherever it speaks.
    ///
    /// The list is CSV text in UTF-8: `prefix,area_code`, or `prefix,count,area_code` for `count`
    /// consecutive prefixes from `prefix` on. A prefix is the first seven digits of a mobile
    /// number. The lines may come in any order; a first line that starts with `prefix` is a
    /// heading.
    ///
    /// # Errors
    /// A line that cannot be used, and why. Two lines that speak of the same prefix are refused,
    /// so that none wins by chance.
    pub fn with_overlay(csv_text: &str) -> Result<Numbering, OverlayError> {
        let runs = overlay::read(csv_text)?;
        LazyLock::force(&BUILT_IN);
        Ok(Numbering {
            overlay: PrefixTable::from_sorted_runs(runs),
        })
    }

    /// The city of a number: of a landline its area code, of a mobile number what the tables
    /// say. `None` when they do not say, and for 700 and service numbers, which have none.
    pub fn city_of(&self, number: &PhoneNumber) -> Option<CityCode> {
        match number.kind() {
            PhoneKind::Landline => number.area_code(),
            PhoneKind::Mobile => {
                let prefix = number.mobile_prefix()?;
                self.overlay
                    .city_of(prefix)
                    .or_else(|| BUILT_IN.city_of(prefix))
            }
            PhoneKind::Number700 | PhoneKind::Service => None,
        }
    }

    /// The year and month that the built-in mobile prefixes are as of, `YYYY-MM`.
    pub fn data_date() -> &'static str {
        DATA_DATE
    }

    /// How many prefixes the operator's list speaks of.
    pub fn overlay_prefix_count(&self) -> u32 {
        self.overlay.prefix_count()
    }

    /// How many prefixes the built-in table knows.
    pub fn built_in_prefix_count() -> u32 {
        BUILT_IN.prefix_count()
    }
}

impl fmt::Debug for Numbering {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbering")
            .field("data_date", &DATA_DATE)
            .field("overlay_prefix_count", &self.overlay_prefix_count())
            .finish()
    }
}

/// Panics on a broken table, which the tests of this crate would have shown.
fn read_built_in() -> PrefixTable {
    PrefixTable::from_sorted_runs(MOBILE_PREFIX_CSV.lines().skip(1).map(|line| {
        let [prefix, count, code] = fields(line);
        let number = |text: &str| text.parse().expect("the built-in prefixes are numbers");
        Run {
            prefix: number(prefix),
            count: number(count),
            city: CityCode::parse(code).expect("the built-in prefixes are of known cities"),
        }
    }))
}

//! City codes: the telephone area codes in force, their cities, provinces and capitals.
//!
//! The table is `data/cn-numbering/area_codes.csv`; its `SOURCES.md` says where it comes from.
//! An area code is not quite a city: some codes are shared by several cities, of which one is
//! the primary one and gives the name. Which code a phone number belongs to is the business of
//! [`crate::numbering`].

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::sync::LazyLock;

const AREA_CODES_CSV: &str = include_str!("../data/cn-numbering/area_codes.csv");
const RETIRED_CODES_CSV: &str = include_str!("../data/cn-numbering/area_code_aliases.csv");

/// Codes are at most four digits with a leading 0.
const CODE_BITS_END: usize = 1000;

/// An area code in force, such as `010` or `0531`. Shown with its leading 0.
// The number without its leading 0. That is lossless: two digits mean a three-digit code (010,
// 02x), three digits mean a four-digit one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CityCode(u16);

/// What is known about an area code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Area {
    /// The code itself.
    pub code: CityCode,
    /// The primary city of the code, in Chinese: `沈阳市`.
    pub city_zh: &'static str,
    /// The primary city of the code, in English: `Shenyang`.
    pub city_en: &'static str,
    /// The province (or municipality, or autonomous region), in Chinese: `辽宁省`.
    pub province_zh: &'static str,
    /// The province's two-digit code by GB/T 2260: 21.
    pub province_code: u8,
    /// The code of the province's capital. A municipality is its own capital.
    pub capital: CityCode,
}

/// Why a text is no city code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CityError {
    /// Not three or four digits with a leading 0.
    Malformed,
    /// Written like a code, but none in force nor one that was merged into another.
    Unknown,
}

impl CityCode {
    /// Reads a city code. A retired code is taken for the one it was merged into (`0378` is
    /// `0371` today).
    ///
    /// # Errors
    /// A [`CityError`] when the text is not written as a code, or no such code is known.
    pub fn parse(text: &str) -> Result<CityCode, CityError> {
        let bits = read_code(text).ok_or(CityError::Malformed)?;
        CityCode::from_bits(bits).ok_or(CityError::Unknown)
    }

    /// Whether the text is a code in force: not a retired one.
    pub(crate) fn is_in_force(text: &str) -> bool {
        read_code(text).is_some_and(|bits| matches!(TABLE.slot(bits), Slot::InForce(_)))
    }

    /// What is known about the code.
    pub fn area(self) -> &'static Area {
        match TABLE.slot(self.0) {
            Slot::InForce(index) => &TABLE.areas[usize::from(index)],
            Slot::Free | Slot::Retired(_) => unreachable!("a CityCode is always one in force"),
        }
    }

    /// The capital of the province that the code belongs to; itself when it is the capital.
    pub fn provincial_capital(self) -> CityCode {
        self.area().capital
    }

    /// A lossless form to store, below 1000. It stays the same when the table grows.
    pub fn to_bits(self) -> u16 {
        self.0
    }

    /// The code whose [`CityCode::to_bits`] this is; when it was retired since, the code it was
    /// merged into.
    pub fn from_bits(bits: u16) -> Option<CityCode> {
        match TABLE.slot(bits) {
            Slot::Free => None,
            Slot::InForce(_) => Some(CityCode(bits)),
            Slot::Retired(successor) => Some(CityCode(successor)),
        }
    }
}

impl fmt::Display for CityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0{}", self.0)
    }
}

impl fmt::Debug for CityCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => {
                "write the city code as an area code with its leading 0, for example 010 or 0531"
            }
            Self::Unknown => {
                "no city has this code: write an area code in use, for example 010 or 0531"
            }
        })
    }
}

impl Error for CityError {}

/// Every area code in force, in ascending order.
pub fn all_areas() -> impl Iterator<Item = &'static Area> {
    TABLE.areas.iter()
}

/// `010` → 10, `0531` → 531; whether such a code exists is another question.
fn read_code(text: &str) -> Option<u16> {
    let number = text.strip_prefix('0')?;
    let plain = number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    if plain && matches!(number.len(), 2 | 3) {
        number.parse().ok()
    } else {
        None
    }
}

static TABLE: LazyLock<AreaTable> = LazyLock::new(AreaTable::built_in);

#[derive(Clone, Copy)]
enum Slot {
    Free,
    /// Index of the area.
    InForce(u16),
    /// The code it was merged into.
    Retired(u16),
}

struct AreaTable {
    areas: Box<[Area]>,
    slots: Box<[Slot]>,
}

impl AreaTable {
    fn slot(&self, bits: u16) -> Slot {
        self.slots
            .get(usize::from(bits))
            .copied()
            .unwrap_or(Slot::Free)
    }

    /// Panics on a broken table, which the tests of this crate would have shown.
    fn built_in() -> AreaTable {
        let rows: Vec<AreaRow> = AREA_CODES_CSV.lines().skip(1).map(AreaRow::read).collect();
        let capitals: HashMap<u8, CityCode> = rows
            .iter()
            .filter(|row| row.is_capital)
            .map(|row| (row.province_code, row.code))
            .collect();
        let primary = rows.iter().filter(|row| row.is_primary);
        let mut areas: Vec<Area> = primary
            .map(|row| row.area(capitals[&row.province_code]))
            .collect();
        areas.sort_unstable_by_key(|area| area.code);

        let mut slots = vec![Slot::Free; CODE_BITS_END];
        for line in RETIRED_CODES_CSV.lines().skip(1) {
            let [retired, successor, _place] = fields(line);
            let successor = read_code(successor).expect(BUILT_IN);
            let retired = read_code(retired).expect(BUILT_IN);
            slots[usize::from(retired)] = Slot::Retired(successor);
        }
        for (index, area) in (0_u16..).zip(&areas) {
            slots[usize::from(area.code.0)] = Slot::InForce(index);
        }
        AreaTable {
            areas: areas.into_boxed_slice(),
            slots: slots.into_boxed_slice(),
        }
    }
}

struct AreaRow {
    code: CityCode,
    city_zh: &'static str,
    city_en: &'static str,
    province_zh: &'static str,
    province_code: u8,
    is_capital: bool,
    is_primary: bool,
}

impl AreaRow {
    fn read(line: &'static str) -> AreaRow {
        let [
            code,
            city_zh,
            city_en,
            province_zh,
            province_code,
            is_capital,
            is_primary,
            _adcode,
        ] = fields(line);
        AreaRow {
            code: CityCode(read_code(code).expect(BUILT_IN)),
            city_zh,
            city_en,
            province_zh,
            province_code: province_code.parse().expect(BUILT_IN),
            is_capital: is_capital == "1",
            is_primary: is_primary == "1",
        }
    }

    fn area(&self, capital: CityCode) -> Area {
        Area {
            code: self.code,
            city_zh: self.city_zh,
            city_en: self.city_en,
            province_zh: self.province_zh,
            province_code: self.province_code,
            capital,
        }
    }
}

const BUILT_IN: &str = "the built-in numbering tables are well formed";

/// The fields of a line of a built-in table; these have no quoted fields.
pub(crate) fn fields<const COUNT: usize>(line: &'static str) -> [&'static str; COUNT] {
    let mut fields = line.split(',');
    std::array::from_fn(|_| fields.next().expect(BUILT_IN))
}

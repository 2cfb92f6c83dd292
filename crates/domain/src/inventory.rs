//! The numbers X: which pool and city each belongs to, in import order.

use hashbrown::HashMap;

use crate::{city::CityCode, phone::PhoneNumber, pool::PoolNo};

/// Whether a number may carry calls (`NumberStatusCode`, vendor docs 6358/148197, 6358/173344).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NumberState {
    /// In use (1).
    Enabled,
    /// Disabled by the account (2).
    UserDisabled,
    /// Disabled by the operator (3).
    PlatformDisabled,
    /// Given back; kept because bindings of the past name it (4).
    Deregistered,
}

impl NumberState {
    /// The code on the wire.
    #[must_use]
    pub const fn code(self) -> i64 {
        match self {
            NumberState::Enabled => 1,
            NumberState::UserDisabled => 2,
            NumberState::PlatformDisabled => 3,
            NumberState::Deregistered => 4,
        }
    }

    /// Reads the code on the wire.
    #[must_use]
    pub const fn from_code(code: i64) -> Option<Self> {
        match code {
            1 => Some(NumberState::Enabled),
            2 => Some(NumberState::UserDisabled),
            3 => Some(NumberState::PlatformDisabled),
            4 => Some(NumberState::Deregistered),
            _ => None,
        }
    }

    /// The words shown to people.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            NumberState::Enabled => "in use",
            NumberState::UserDisabled => "disabled by the user",
            NumberState::PlatformDisabled => "disabled by the platform",
            NumberState::Deregistered => "deregistered",
        }
    }
}

/// A number X as selection sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NumberSlot {
    /// The number.
    pub x: PhoneNumber,
    /// The pool it is in.
    pub pool: PoolNo,
    /// Its city, where it has one.
    pub city: Option<CityCode>,
    /// Whether it may be given out.
    pub enabled: bool,
}

/// All numbers, listed by pool and by pool and city, in import order.
#[derive(Debug, Default)]
pub struct Inventory {
    slots: HashMap<PhoneNumber, NumberSlot>,
    by_pool: HashMap<PoolNo, Vec<PhoneNumber>>,
    by_city: HashMap<(PoolNo, CityCode), Vec<PhoneNumber>>,
}

impl Inventory {
    /// The number's slot, if it is known.
    #[must_use]
    pub fn get(&self, x: PhoneNumber) -> Option<&NumberSlot> {
        self.slots.get(&x)
    }

    /// The numbers of a pool, of one city or of all, in import order.
    #[must_use]
    pub fn list(&self, pool: PoolNo, city: Option<CityCode>) -> &[PhoneNumber] {
        let list = match city {
            Some(city) => self.by_city.get(&(pool, city)),
            None => self.by_pool.get(&pool),
        };
        list.map_or(&[], Vec::as_slice)
    }

    /// Adds a number at the end of its lists; false (and nothing changes) if it is known already.
    pub fn add(&mut self, slot: NumberSlot) -> bool {
        if self.slots.contains_key(&slot.x) {
            return false;
        }
        self.slots.insert(slot.x, slot);
        self.by_pool.entry(slot.pool).or_default().push(slot.x);
        if let Some(city) = slot.city {
            self.by_city
                .entry((slot.pool, city))
                .or_default()
                .push(slot.x);
        }
        true
    }

    /// Allows or forbids giving a number out; false if it is unknown.
    pub fn set_enabled(&mut self, x: PhoneNumber, enabled: bool) -> bool {
        match self.slots.get_mut(&x) {
            Some(slot) => {
                slot.enabled = enabled;
                true
            }
            None => false,
        }
    }

    /// Takes numbers out, keeping the order of the others.
    pub fn remove(&mut self, numbers: &[PhoneNumber]) {
        let mut touched = Vec::new();
        for x in numbers {
            if let Some(slot) = self.slots.remove(x) {
                touched.push((slot.pool, slot.city));
            }
        }
        touched.sort_unstable();
        touched.dedup();
        for (pool, city) in touched {
            if let Some(list) = self.by_pool.get_mut(&pool) {
                list.retain(|x| self.slots.contains_key(x));
            }
            if let Some(list) = city.and_then(|city| self.by_city.get_mut(&(pool, city))) {
                list.retain(|x| self.slots.contains_key(x));
            }
        }
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }
}

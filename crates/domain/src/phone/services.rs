//! The service numbers that an operator registered, and that may therefore be a party.

use std::error::Error;
use std::fmt;

use super::{PhoneError, PhoneKind, PhoneNumber};

/// The set of registered service numbers. Empty unless the operator says otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceNumbers {
    sorted: Box<[PhoneNumber]>,
}

impl ServiceNumbers {
    /// Reads the operator's list. The order does not matter, and a number may come twice.
    ///
    /// # Errors
    /// The first text that is no service number, by its position.
    pub fn from_texts<T: AsRef<str>>(
        texts: impl IntoIterator<Item = T>,
    ) -> Result<ServiceNumbers, ServiceNumbersError> {
        let mut numbers = Vec::new();
        for (index, text) in texts.into_iter().enumerate() {
            let number = PhoneNumber::parse(text.as_ref()).and_then(only_service);
            let at = |reason| ServiceNumbersError {
                position: index + 1,
                reason,
            };
            numbers.push(number.map_err(at)?);
        }
        numbers.sort_unstable();
        numbers.dedup();
        Ok(ServiceNumbers {
            sorted: numbers.into_boxed_slice(),
        })
    }

    /// Whether this number is registered.
    pub fn contains(&self, number: &PhoneNumber) -> bool {
        self.sorted.binary_search(number).is_ok()
    }

    /// How many numbers are registered.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Whether none is registered.
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

fn only_service(number: PhoneNumber) -> Result<PhoneNumber, PhoneError> {
    match number.kind() {
        PhoneKind::Service => Ok(number),
        _ => Err(PhoneError::NotAServiceNumber),
    }
}

/// An entry of the operator's list that is no service number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceNumbersError {
    /// Which entry it is, counted from 1.
    pub position: usize,
    /// What is wrong with it.
    pub reason: PhoneError,
}

impl fmt::Display for ServiceNumbersError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "service number {} of the list: {}",
            self.position, self.reason
        )
    }
}

impl Error for ServiceNumbersError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

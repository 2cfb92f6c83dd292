//! One dialling rule: who calls X in which way reaches whom.

use std::{fmt, str::FromStr};

use crate::{party::PartyKey, phone::PhoneNumber};

/// How a call to X is told apart from other calls to the same X.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Selector {
    /// Whoever has no route of their own.
    Any,
    /// Whoever keys this extension.
    Extension(Extension),
    /// Exactly this caller.
    Caller(PartyKey),
}

impl Selector {
    /// The 16 bytes that stand for the selector in keys: all zero for any caller, a small number
    /// for an extension, the party's key (whose first bit is set) for a caller.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        match self {
            Selector::Any => [0; 16],
            Selector::Extension(extension) => {
                let mut bytes = [0; 16];
                bytes[13] = extension.length;
                bytes[14..].copy_from_slice(&extension.value.to_be_bytes());
                bytes
            }
            Selector::Caller(party) => *party.as_bytes(),
        }
    }

    /// Reads what [`Selector::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Option<Self> {
        if let Some(party) = PartyKey::from_bytes(bytes) {
            return Some(Selector::Caller(party));
        }
        if bytes[..13].iter().any(|byte| *byte != 0) {
            return None;
        }
        let value = u16::from_be_bytes([bytes[14], bytes[15]]);
        match bytes[13] {
            0 if value == 0 => Some(Selector::Any),
            0 => None,
            length => Extension::new(value, length).map(Selector::Extension),
        }
    }
}

/// An extension of an AXNE binding: one to four digits, leading zeros counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Extension {
    value: u16,
    length: u8,
}

impl Extension {
    const LENGTH_MAX: u8 = 4;

    fn new(value: u16, length: u8) -> Option<Self> {
        let fits =
            (1..=Self::LENGTH_MAX).contains(&length) && u32::from(value) < 10u32.pow(length.into());
        fits.then_some(Self { value, length })
    }
}

/// The text is not an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtensionError;

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an extension is 1 to 4 digits, for example 8001")
    }
}

impl std::error::Error for ExtensionError {}

impl FromStr for Extension {
    type Err = ExtensionError;

    fn from_str(text: &str) -> Result<Self, ExtensionError> {
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ExtensionError);
        }
        let length = u8::try_from(text.len()).map_err(|_| ExtensionError)?;
        let value = text.parse().map_err(|_| ExtensionError)?;
        Self::new(value, length).ok_or(ExtensionError)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:0width$}",
            self.value,
            width = usize::from(self.length)
        )
    }
}

/// One rule of a binding: a call to `x` that `selector` matches rings `callee`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    /// The privacy number that is dialled (X, or Y of an AXYB).
    pub x: PhoneNumber,
    /// Which calls to it the rule is for.
    pub selector: Selector,
    /// Who is rung.
    pub callee: PartyKey,
}

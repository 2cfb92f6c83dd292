//! A trunk as the store keeps it: what the operator said of it, and its secrets.

use axbridge_domain::{
    time::Timestamp,
    trunk::{Trunk, TrunkName},
};
use zeroize::Zeroizing;

use crate::{
    error::StoreError,
    keyring::{Keyring, Secret},
};

/// A trunk with its secrets.
#[derive(Debug, Clone)]
pub struct TrunkRecord {
    /// What the operator said of it.
    pub trunk: Trunk,
    /// The password with which its challenges are answered; sealed at rest.
    pub outbound_secret: Option<Secret>,
    /// The password that it must answer our challenges with; sealed at rest.
    pub inbound_secret: Option<Secret>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A trunk's row, as either engine holds it.
pub(crate) struct TrunkRow {
    pub(crate) name: String,
    pub(crate) fields: String,
    pub(crate) outbound_secret: Option<Vec<u8>>,
    pub(crate) inbound_secret: Option<Vec<u8>>,
    pub(crate) created_at: i64,
}

impl TrunkRow {
    /// Seals a trunk's secrets for its row.
    pub(crate) fn seal(record: &TrunkRecord, keys: &Keyring) -> Result<Self, StoreError> {
        let name = &record.trunk.name;
        let sealed = |secret: &Option<Secret>, way: &str| -> Result<Option<Vec<u8>>, StoreError> {
            let secret = secret.as_ref();
            let seal = |it: &Secret| keys.seal(it.reveal().as_bytes(), &place(name, way));
            secret.map(seal).transpose()
        };
        Ok(Self {
            name: name.to_string(),
            fields: record.trunk.to_text(),
            outbound_secret: sealed(&record.outbound_secret, "outbound")?,
            inbound_secret: sealed(&record.inbound_secret, "inbound")?,
            created_at: record.created_at.unix_ms(),
        })
    }

    /// Reads a row.
    pub(crate) fn open(self, keys: &Keyring) -> Result<TrunkRecord, StoreError> {
        let damaged = || StoreError::Unreadable("a trunk".to_owned());
        let name: TrunkName = self.name.parse().map_err(|_| damaged())?;
        let opened = |sealed: Option<Vec<u8>>, way: &str| -> Result<Option<Secret>, StoreError> {
            let Some(sealed) = sealed else {
                return Ok(None);
            };
            let plain = keys.open(&sealed, &place(&name, way))?;
            let text = Zeroizing::new(String::from_utf8(plain.to_vec()).map_err(|_| damaged())?);
            Ok(Some(Secret::new(text.to_string())))
        };
        Ok(TrunkRecord {
            outbound_secret: opened(self.outbound_secret, "outbound")?,
            inbound_secret: opened(self.inbound_secret, "inbound")?,
            created_at: Timestamp::from_unix_ms(self.created_at),
            trunk: Trunk::from_text(name, &self.fields).map_err(|_| damaged())?,
        })
    }
}

fn place(name: &TrunkName, way: &str) -> Vec<u8> {
    format!("trunk {name} {way}").into_bytes()
}

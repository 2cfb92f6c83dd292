//! Trunks.

use axbridge_domain::trunk::TrunkName;

use super::Store;
use crate::{error::StoreError, model::TrunkRecord};

impl Store {
    /// Makes a trunk; false if its name is taken.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn create_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        dispatch!(self, create_trunk(record))
    }

    /// Puts a trunk in the place of the one of its name, whose moment of making stays; false if
    /// there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn replace_trunk(&self, record: &TrunkRecord) -> Result<bool, StoreError> {
        dispatch!(self, replace_trunk(record))
    }

    /// Removes a trunk; false if there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn remove_trunk(&self, name: &TrunkName) -> Result<bool, StoreError> {
        dispatch!(self, remove_trunk(name))
    }

    /// All trunks, by name.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn trunks(&self) -> Result<Vec<TrunkRecord>, StoreError> {
        dispatch!(self, trunks())
    }
}

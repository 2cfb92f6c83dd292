//! Calls in progress that count for limits, where several nodes carry calls. An embedded store has
//! one node, which knows its calls itself.

use axbridge_domain::{call::CallId, time::Timestamp};

use super::Store;
use crate::{error::StoreError, model::CallPlace};

impl Store {
    /// The moment by the database's own clock; `None` on an embedded store, which has none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn database_moment(&self) -> Result<Option<Timestamp>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(store) => store.database_moment().await,
        }
    }

    /// Says that a node is alive: for so many milliseconds from now its calls count.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn keep_node(&self, node: &str, lease_ms: u32) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.keep_node(node, lease_ms).await,
        }
    }

    /// How many calls with a callee there are in a place now, of all nodes that are alive; counts
    /// no further than `most`. 0 on an embedded store.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn calls_in(&self, place: &CallPlace, most: u32) -> Result<u32, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(0),
            Self::Postgres(store) => store.calls_in(place, most).await,
        }
    }

    /// Lets a call that is refused take no place any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn leave_places(&self, call: CallId) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.leave_places(call).await,
        }
    }

    /// Notes the trunk that the callee's leg takes a place on; `None` is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn call_goes_by(&self, call: CallId, trunk: Option<&str>) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(store) => store.call_goes_by(call, trunk).await,
        }
    }
}

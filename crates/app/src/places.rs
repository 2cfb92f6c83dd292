//! Limits of calls at once where several nodes carry calls: each call takes its place in the store
//! and counts the others there. One node alone counts by itself.

use std::{future::Future, sync::Arc, time::Duration};

use axbridge_domain::{call::CallId, trunk::TrunkName};
use axbridge_store::model::CallPlace;

use crate::{App, AppError};

/// How long the calls of a node count after its last sign of life, in milliseconds. A node that
/// dies frees its places after this time.
pub const NODE_LEASE_MS: u32 = 10_000;
/// How often a node gives a sign of life, in milliseconds.
const SIGN_MS: u64 = 3_000;

impl App {
    /// Whether there is room for a call that already stands in the store: whether, with itself, no
    /// more than `most` are in the place. Where one node carries all calls there is.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn has_room(&self, place: CallPlace, most: Option<u32>) -> Result<bool, AppError> {
        let Some(most) = most.filter(|_| self.is_shared) else {
            return Ok(true);
        };
        let found = self.store.calls_in(&place, most.saturating_add(1)).await?;
        Ok(found <= most)
    }

    /// Legs on a trunk over all nodes, as far as they matter for its limit; 0 where one node
    /// carries all calls.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn calls_on_trunk(&self, trunk: &TrunkName, most: u32) -> Result<u32, AppError> {
        if !self.is_shared {
            return Ok(0);
        }
        let place = CallPlace::Trunk(trunk.clone());
        Ok(self.store.calls_in(&place, most).await?)
    }

    /// Takes a place on the trunk that the callee's leg goes by, and says whether there was one.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn take_trunk(
        &self,
        call: CallId,
        trunk: &TrunkName,
        most: u32,
    ) -> Result<bool, AppError> {
        if !self.is_shared {
            return Ok(true);
        }
        self.store.call_goes_by(call, Some(trunk.as_str())).await?;
        let has_room = self.has_room(CallPlace::Trunk(trunk.clone()), Some(most));
        let has_room = has_room.await?;
        if !has_room {
            self.store.call_goes_by(call, None).await?;
        }
        Ok(has_room)
    }

    /// Lets a call that is refused take no place any more.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn leave_places(&self, call: CallId) -> Result<(), AppError> {
        if self.is_shared {
            self.store.leave_places(call).await?;
        }
        Ok(())
    }

    /// Gives this node's sign of life: without it its calls do not count.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn keep_node(&self) -> Result<(), AppError> {
        let node = &self.call_settings.node;
        Ok(self.store.keep_node(node, NODE_LEASE_MS).await?)
    }

    /// Gives it again and again until `stop` is ready.
    pub async fn keep_node_until(self: Arc<Self>, stop: impl Future<Output = ()>) {
        if !self.is_shared {
            return;
        }
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(Duration::from_millis(SIGN_MS)) => {}
            }
            if let Err(error) = self.keep_node().await {
                tracing::warn!(%error, "the store did not take this node's sign of life");
            }
        }
    }
}

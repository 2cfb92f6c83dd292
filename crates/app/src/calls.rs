//! Who would ring.

use axbridge_store::model::{CallQuery, CallRoute};

use crate::{App, AppError};

impl App {
    /// Where a call goes, judged at this moment.
    ///
    /// # Errors
    /// Faults of the store.
    pub async fn route_call(&self, query: CallQuery) -> Result<CallRoute, AppError> {
        Ok(self.store.route_call(query, self.now()).await?)
    }
}

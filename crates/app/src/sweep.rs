//! The chores that time brings: announcing expiries, dropping what nobody need remember. No rule
//! waits for them; a sweep that comes late changes no answer.

use std::{future::Future, sync::Arc, time::Duration};

use axbridge_store::model::Swept;

use crate::{App, AppError};

impl App {
    /// Sweeps once: announces expiries, closes calls whose node died, drops what was kept long
    /// enough.
    ///
    /// # Errors
    /// Faults of the store; the next sweep takes up what this one left.
    pub async fn sweep(&self) -> Result<Swept, AppError> {
        let swept = self.store.sweep(self.now()).await?;
        self.metrics.swept(&swept);
        self.close_forgotten_calls().await?;
        self.purge().await?;
        self.sweep_risk().await?;
        Ok(swept)
    }

    /// Sweeps every `interval` until `stop` is ready.
    pub async fn sweep_until(self: Arc<Self>, interval: Duration, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(interval) => {}
            }
            if let Err(error) = self.sweep().await {
                tracing::warn!(%error, "sweep failed; the next one takes up its work");
            }
        }
    }
}

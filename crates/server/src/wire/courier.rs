//! The task that delivers events, and its end.

use std::sync::Arc;

use axbridge_api::callbacks::render;
use axbridge_app::App;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Delivers events while it runs.
pub(super) struct Courier {
    task: JoinHandle<()>,
    stop: CancellationToken,
}

impl Courier {
    /// Starts it.
    pub(super) fn start(app: &Arc<App>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone().cancelled_owned();
        let delivering = Arc::clone(app).deliver_until(render, stopped);
        let task = tokio::spawn(async move {
            if let Err(error) = delivering.await {
                tracing::error!(%error, "callbacks are not delivered; restart the server");
            }
        });
        Self { task, stop }
    }

    /// Stops it once the messages that are under way have been answered.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the delivery of callbacks did not end in order");
        }
    }
}

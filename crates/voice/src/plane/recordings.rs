//! Handing a finished recording to the app.

use std::sync::Arc;

use axbridge_app::{App, recordings};
use axbridge_domain::call::CallId;

use crate::media::RecordingFiles;

/// Gives the files of a recording, or why there are none, to the recording store, which takes its
/// time. What it does not take stays in the spool, and the next start finds it there.
pub(super) fn hand_over(app: Arc<App>, call: CallId, outcome: Result<RecordingFiles, String>) {
    tokio::spawn(async move {
        let handed = match outcome {
            Ok(files) => {
                let files = recordings::RecordingFiles {
                    mixed: files.mixed,
                    left: files.left,
                    right: files.right,
                    duration_ms: files.duration_ms,
                };
                app.recording_finished(call, files).await
            }
            Err(why) => {
                tracing::warn!(%call, why, "a call was not recorded");
                app.recording_failed(call, &why).await
            }
        };
        if let Err(error) = handed {
            tracing::warn!(%call, %error, "the recording store was not told of a recording");
        }
    });
}

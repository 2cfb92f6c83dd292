//! Recordings: where they are kept, for how long, and who makes text of them.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axbridge_app::recordings::{Place, RecordingSettings, S3, TranscribeBy, Transcriber};
use axbridge_store::keyring::Secret;
use serde::Deserialize;

use super::layers::list;
use super::within;

const DAY_S: u64 = 24 * 3600;

/// Section `recordings`. It holds a secret: `Debug` does not show it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recordings {
    enabled: bool,
    directory: PathBuf,
    spool: PathBuf,
    encrypt: bool,
    s3_bucket: String,
    s3_endpoint: String,
    s3_region: String,
    s3_access_key_id: String,
    s3_secret_access_key: String,
    s3_virtual_hosted: bool,
    s3_presigned_links: bool,
    link_s: u64,
    kept_days: u64,
    give_up_hours: u64,
    #[serde(deserialize_with = "list")]
    transcriber_command: Vec<String>,
    transcriber_url: String,
    transcriber_timeout_s: u64,
    transcriber_at_once: usize,
}

/// A directory, or one of that name in the data directory.
fn in_data(data: &Path, path: &Path, name: &str) -> PathBuf {
    if path.as_os_str().is_empty() {
        data.join(name)
    } else {
        path.to_owned()
    }
}

impl Recordings {
    pub(super) fn check(&self) -> Result<(), String> {
        within("recordings.link_s", self.link_s, 1, 7 * DAY_S)?;
        within("recordings.kept_days", self.kept_days, 1, 36_500)?;
        within("recordings.give_up_hours", self.give_up_hours, 1, 8760)?;
        let timeout = self.transcriber_timeout_s;
        within("recordings.transcriber_timeout_s", timeout, 1, DAY_S)?;
        let at_once = u64::try_from(self.transcriber_at_once).unwrap_or(u64::MAX);
        within("recordings.transcriber_at_once", at_once, 1, 64)?;
        if self.s3_presigned_links && self.s3_bucket.is_empty() {
            return Err("recordings.s3_presigned_links needs recordings.s3_bucket".to_owned());
        }
        if self.s3_presigned_links && self.encrypt {
            return Err(
                "recordings.s3_presigned_links and recordings.encrypt exclude each other: S3 \
                 cannot decrypt"
                    .to_owned(),
            );
        }
        if !self.transcriber_command.is_empty() && !self.transcriber_url.is_empty() {
            return Err(
                "recordings.transcriber_command and recordings.transcriber_url are both set; \
                 leave one empty"
                    .to_owned(),
            );
        }
        let url = &self.transcriber_url;
        if !url.is_empty() && !url.starts_with("http://") && !url.starts_with("https://") {
            return Err("recordings.transcriber_url begins with http:// or https://".to_owned());
        }
        Ok(())
    }

    /// Where the voice plane writes recordings before they are stored.
    pub(crate) fn spool_in(&self, data: &Path) -> PathBuf {
        in_data(data, &self.spool, "spool")
    }

    /// The settings in the application's words; `None` when recordings are not kept.
    pub(crate) fn settings(&self, data: &Path, public_url: String) -> Option<RecordingSettings> {
        if !self.enabled {
            return None;
        }
        let kept = in_data(data, &self.directory, "recordings");
        let spool = self.spool_in(data);
        let usual = RecordingSettings::in_directory(kept, spool);
        Some(RecordingSettings {
            place: self.bucket().map_or(usual.place, Place::S3),
            encrypt: self.encrypt,
            presign: self.s3_presigned_links,
            public_url,
            link: Duration::from_secs(self.link_s),
            kept_ms: i64::try_from(self.kept_days * DAY_S * 1000).unwrap_or(i64::MAX),
            give_up_after: Duration::from_secs(self.give_up_hours * 3600),
            transcriber: self.transcriber(),
            ..usual
        })
    }

    fn bucket(&self) -> Option<S3> {
        (!self.s3_bucket.is_empty()).then(|| S3 {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            bucket: self.s3_bucket.clone(),
            access_key_id: self.s3_access_key_id.clone(),
            secret_access_key: Secret::new(self.s3_secret_access_key.clone()),
            virtual_hosted: self.s3_virtual_hosted,
        })
    }

    fn transcriber(&self) -> Option<Transcriber> {
        let by = if !self.transcriber_command.is_empty() {
            TranscribeBy::Command(self.transcriber_command.clone())
        } else if !self.transcriber_url.is_empty() {
            TranscribeBy::Endpoint(self.transcriber_url.clone())
        } else {
            return None;
        };
        Some(Transcriber {
            by,
            timeout: Duration::from_secs(self.transcriber_timeout_s),
            at_once: self.transcriber_at_once,
        })
    }
}

impl fmt::Debug for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recordings")
            .field("enabled", &self.enabled)
            .field("in_bucket", &!self.s3_bucket.is_empty())
            .field("encrypt", &self.encrypt)
            .finish_non_exhaustive()
    }
}

//! How recordings are kept.

use std::{path::PathBuf, time::Duration};

use axbridge_store::keyring::Secret;

/// How recordings are kept.
#[derive(Debug, Clone)]
pub struct RecordingSettings {
    /// Where their files are kept.
    pub place: Place,
    /// Where the voice plane puts finished files, and from where they are taken.
    pub spool: PathBuf,
    /// Whether files are encrypted before they are kept.
    pub encrypt: bool,
    /// Whether links lead to S3 itself. It cannot decrypt, so only without `encrypt`.
    pub presign: bool,
    /// The URL under which clients reach the API, for links.
    pub public_url: String,
    /// How long links hold when the request does not say.
    pub link: Duration,
    /// How long recordings are kept, in milliseconds.
    pub kept_ms: i64,
    /// How long a recording that cannot be kept is tried again.
    pub give_up_after: Duration,
    /// The wait before the first new try; it doubles, up to [`Self::retry_max`].
    pub retry_first: Duration,
    /// The longest wait between two tries.
    pub retry_max: Duration,
    /// Who makes transcripts.
    pub transcriber: Option<Transcriber>,
}

impl RecordingSettings {
    /// The usual ones, with files in `kept` and finished files in `spool`.
    #[must_use]
    pub fn in_directory(kept: PathBuf, spool: PathBuf) -> Self {
        const DAY: u64 = 24 * 3600;
        Self {
            place: Place::Directory(kept),
            spool,
            encrypt: false,
            presign: false,
            public_url: String::new(),
            link: Duration::from_secs(6 * 3600),
            kept_ms: 180 * DAY as i64 * 1000,
            give_up_after: Duration::from_secs(3 * DAY),
            retry_first: Duration::from_secs(1),
            retry_max: Duration::from_secs(15 * 60),
            transcriber: None,
        }
    }
}

/// Where files are kept.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a directory of this machine.
    Directory(PathBuf),
    /// In a bucket.
    S3(S3),
}

/// A bucket of S3 or of anything that speaks its language.
#[derive(Debug, Clone)]
pub struct S3 {
    /// The server's URL; empty for Amazon's own.
    pub endpoint: String,
    /// The region.
    pub region: String,
    /// The bucket, which must exist.
    pub bucket: String,
    /// The access key.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: Secret,
    /// Whether the bucket is part of the host's name and not of the path.
    pub virtual_hosted: bool,
}

/// Who makes text of audio.
#[derive(Debug, Clone)]
pub struct Transcriber {
    /// The means.
    pub by: TranscribeBy,
    /// How long one recording may take.
    pub timeout: Duration,
    /// The most at once on this node.
    pub at_once: usize,
}

/// The means by which text is made of audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscribeBy {
    /// A program: gets the WAV file on standard input, writes the text to standard output.
    Command(Vec<String>),
    /// An HTTP endpoint: gets the WAV file by POST, answers the text.
    Endpoint(String),
}

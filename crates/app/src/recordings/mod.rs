//! Recordings: taken from the voice plane's spool, kept in a directory or a bucket, handed out by
//! links that expire, and destroyed when their time is over.
//!
//! The spool is the queue: a finished recording lies there until its files are kept and its row
//! and event are committed, so nothing is lost by a crash at any moment, and no call waits.
//!
//! | Module | What lives there |
//! |---|---|
//! | `settings` | how recordings are kept |
//! | `vault`, `cipher` | where the files are, and their encryption |
//! | `keeper` | from the spool to the vault, with new tries |
//! | `links` | links to files, and who may follow them |
//! | `transcripts` | text made of audio |
//! | `purge` | the end of what is kept |

mod cipher;
mod keeper;
mod links;
mod purge;
mod settings;
mod transcripts;
mod vault;

use std::{
    collections::HashMap,
    future::Future,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use axbridge_domain::{account::AccountId, call::CallId};
use axbridge_store::model::CallRecord;
use futures_util::FutureExt as _;
use tokio::sync::{Notify, watch};

use crate::{App, AppError};

pub use axbridge_store::recording::{Recording, Track, Transcript};
pub use links::{LINK_PATH, LinkedFile, RecordingLinks};
pub use settings::{Place, RecordingSettings, S3, TranscribeBy, Transcriber};
pub use transcripts::TranscriptState;
pub use vault::Audio;

use keeper::Job;
use vault::{Vault, VaultError};

/// The finished files of a recorded call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingFiles {
    /// Both voices in one.
    pub mixed: PathBuf,
    /// The caller alone.
    pub left: PathBuf,
    /// The callee alone.
    pub right: PathBuf,
    /// How long it is, in milliseconds.
    pub duration_ms: u64,
}

/// What the keeping of recordings needs.
pub(crate) struct Recordings {
    vault: Vault,
    settings: RecordingSettings,
    /// What lies in the spool and is to be kept.
    jobs: Mutex<HashMap<CallId, Job>>,
    /// How many of them there are.
    waiting: watch::Sender<usize>,
    woken: Notify,
    transcripts_woken: Notify,
    http: reqwest::Client,
}

impl App {
    /// Begins to keep recordings; to be called once, before calls are taken.
    ///
    /// # Errors
    /// What is wrong with the settings or the directories, in words for the operator.
    pub fn keep_recordings(&self, settings: RecordingSettings) -> Result<(), String> {
        if settings.encrypt && settings.presign {
            return Err(
                "links to S3 itself and encryption exclude each other: S3 cannot decrypt"
                    .to_owned(),
            );
        }
        keeper::make_spool(&settings.spool)
            .map_err(|error| format!("{}: {error}", settings.spool.display()))?;
        let vault = Vault::open(&settings.place, self.keys.clone(), self.chance.clone())?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| format!("the HTTP client: {error}"))?;
        let recordings = Recordings {
            vault,
            settings,
            jobs: Mutex::default(),
            waiting: watch::Sender::new(0),
            woken: Notify::new(),
            transcripts_woken: Notify::new(),
            http,
        };
        self.recordings
            .set(Arc::new(recordings))
            .map_err(|_| "recordings are kept already".to_owned())
    }

    /// Where the voice plane is to put recordings: under the name of the call's id, `ID.wav`,
    /// `ID-left.wav` and `ID-right.wav`. `None` when recordings are not kept.
    #[must_use]
    pub fn recording_spool(&self) -> Option<PathBuf> {
        let recordings = self.recordings.get()?;
        Some(recordings.settings.spool.clone())
    }

    /// Works on recordings until `stop` is ready: keeps those that are finished, has them
    /// transcribed, destroys the old ones.
    pub async fn recordings_until(
        self: Arc<Self>,
        stop: impl Future<Output = ()> + Send + 'static,
    ) {
        if self.recordings.get().is_none() {
            return;
        }
        let stop = stop.boxed().shared();
        tokio::join!(
            self.keep_until(stop.clone()),
            self.transcribe_until(stop.clone()),
            self.purge_recordings_until(stop),
        );
    }

    fn kept(&self) -> Result<&Arc<Recordings>, AppError> {
        let none = || AppError::Unsupported("this server keeps no recordings".to_owned());
        self.recordings.get().ok_or_else(none)
    }

    /// A call of the account.
    async fn call_of(&self, account: AccountId, call: CallId) -> Result<CallRecord, AppError> {
        let found = self.store.call(call).await?;
        found
            .filter(|call| call.account == account)
            .ok_or_else(|| AppError::NoRecording("there is no such call".to_owned()))
    }
}

impl From<VaultError> for AppError {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Missing => AppError::NoRecording("its file is gone".to_owned()),
            VaultError::Unreadable(why) => AppError::Internal(format!("a recording: {why}")),
            VaultError::Unavailable(why) => AppError::Unavailable(format!("recordings: {why}")),
        }
    }
}

/// The name of a file in the spool or the vault, without what tells a call's files apart.
fn stem(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let endings = ["-left.wav", "-right.wav", "-stereo.wav", ".wav"];
    endings.iter().find_map(|ending| name.strip_suffix(ending))
}

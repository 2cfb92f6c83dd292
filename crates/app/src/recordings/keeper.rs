//! From the spool to the vault.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, PoisonError},
    time::Duration,
};

use axbridge_domain::{account::AccountId, call::CallId, month::Month};
use axbridge_store::model::CallRecord;
use tokio::{fs, task::JoinSet, time::Instant};

use super::{Recording, RecordingFiles, Recordings, Track, Transcript, VaultError, stem};
use crate::{App, AppError};

/// Recordings that are kept at once.
const AT_ONCE: usize = 4;
/// Recordings that are known to wait; more stay in the spool and are taken up when there is room.
const WAITING_MAX: usize = 10_000;
/// How often the spool is looked through for what was not told of.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Where files go that could not be kept, inside the spool.
const FAILED: &str = "failed";
/// Bytes of a WAV file before its sound.
const WAV_HEADER_BYTES: u64 = 44;

/// A recording in the spool.
pub(super) struct Job {
    files: RecordingFiles,
    failures: u32,
    first_failed: Option<Instant>,
    due: Instant,
    is_running: bool,
}

/// Why a recording was not kept.
enum Trouble {
    /// It may work later.
    Later(String),
    /// It will not.
    Never(String),
}

impl From<AppError> for Trouble {
    fn from(error: AppError) -> Self {
        Self::Later(error.to_string())
    }
}

impl From<VaultError> for Trouble {
    fn from(error: VaultError) -> Self {
        Self::Later(error.to_string())
    }
}

/// Makes the spool, for the service's user alone.
pub(super) fn make_spool(spool: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(spool.join(FAILED))
}

impl App {
    /// Takes the finished files of a call. They are kept in the background, tried again as often
    /// as needed, and deleted once that is done; a crash leaves them in the spool, from where the
    /// next start takes them.
    ///
    /// # Errors
    /// [`AppError::Unsupported`] when recordings are not kept.
    pub async fn recording_finished(
        &self,
        call: CallId,
        files: RecordingFiles,
    ) -> Result<(), AppError> {
        self.kept()?.add(call, files);
        Ok(())
    }

    /// Notes that a call was to be recorded and was not.
    ///
    /// # Errors
    /// [`AppError::NoRecording`] when there is no such call; faults of the store.
    pub async fn recording_failed(&self, call: CallId, why: &str) -> Result<(), AppError> {
        let known = self.store.call(call).await?;
        let known =
            known.ok_or_else(|| AppError::NoRecording("there is no such call".to_owned()))?;
        self.note_failed(known.account, call, why).await
    }

    async fn note_failed(
        &self,
        account: AccountId,
        call: CallId,
        why: &str,
    ) -> Result<(), AppError> {
        let now = self.now();
        let recording = Recording {
            account,
            call,
            at: now,
            failed: Some(why.to_owned()),
            path: String::new(),
            key_id: None,
            mixed_bytes: 0,
            left_bytes: 0,
            right_bytes: 0,
            duration_ms: 0,
            transcript: Transcript::None,
            transcript_bytes: 0,
            transcript_tries: 0,
        };
        if self.store.keep_recording(&recording, now).await? {
            self.metrics.recordings.failed.inc();
        }
        Ok(())
    }

    /// Looks through the spool for finished recordings and takes them up: what a crash left, or
    /// what nobody told of. Answers how many are new.
    ///
    /// # Errors
    /// [`AppError::Unavailable`] when the spool cannot be read.
    pub async fn take_up_recordings(&self) -> Result<usize, AppError> {
        let recordings = self.kept()?;
        let spool = recordings.settings.spool.clone();
        let found = tokio::task::spawn_blocking(move || finished_in(&spool)).await;
        let found = found.map_err(|error| AppError::Internal(format!("the spool: {error}")))?;
        let found = found.map_err(|error| AppError::Unavailable(format!("the spool: {error}")))?;
        let added = found
            .into_iter()
            .filter(|(call, files)| recordings.add(*call, files.clone()));
        Ok(added.count())
    }

    /// Waits until everything that was taken is kept or given up.
    pub async fn recordings_settled(&self) {
        if let Some(recordings) = self.recordings.get() {
            let mut waiting = recordings.waiting.subscribe();
            // The sender is in the application, which is held here.
            let _ = waiting.wait_for(|count| *count == 0).await;
        }
    }

    /// Keeps what is finished until `stop` is ready.
    pub(super) async fn keep_until(self: &Arc<Self>, stop: impl Future<Output = ()>) {
        let Some(recordings) = self.recordings.get().cloned() else {
            return;
        };
        let mut running = JoinSet::new();
        let mut next_look = Instant::now();
        tokio::pin!(stop);
        loop {
            if Instant::now() >= next_look {
                next_look = Instant::now() + LOOK_INTERVAL;
                if let Err(error) = self.take_up_recordings().await {
                    tracing::warn!(%error, "the spool of recordings cannot be looked through");
                }
            }
            while running.len() < AT_ONCE
                && let Some((call, files)) = recordings.take_due()
            {
                let app = Arc::clone(self);
                running.spawn(async move { (call, app.keep(call, &files).await) });
            }
            let wake_at = recordings.next_due(running.len()).min(next_look);
            tokio::select! {
                () = &mut stop => return,
                () = recordings.woken.notified() => {}
                () = tokio::time::sleep_until(wake_at) => {}
                Some(done) = running.join_next() => match done {
                    Ok((call, outcome)) => self.after(&recordings, call, outcome).await,
                    Err(error) => tracing::error!(%error, "keeping a recording stopped early"),
                },
            }
        }
    }

    async fn after(&self, recordings: &Recordings, call: CallId, outcome: Result<(), Trouble>) {
        let why = match outcome {
            Ok(()) => return recordings.remove(call),
            Err(Trouble::Never(why)) => why,
            Err(Trouble::Later(why)) => {
                self.metrics.recordings.retried.inc();
                if recordings.put_off(call) {
                    tracing::warn!(%call, %why, "a recording could not be kept; it is tried again");
                    return;
                }
                why
            }
        };
        tracing::error!(%call, %why, "a recording is given up; its files stay in the spool");
        match self.recording_failed(call, &why).await {
            Ok(()) | Err(AppError::NoRecording(_)) => {
                recordings.set_aside(call).await;
                recordings.remove(call);
            }
            // The store is down: the end must be told, so it is tried again as well.
            Err(_) => recordings.retry_later(call),
        }
    }

    /// Keeps a recording: its files first, its row and event next, and only then are the files in
    /// the spool deleted. Done twice, it does no harm.
    async fn keep(&self, call: CallId, files: &RecordingFiles) -> Result<(), Trouble> {
        let recordings = self.kept()?;
        let unknown = || Trouble::Never("the call is not known to this server".to_owned());
        let known = self.store.call(call).await.map_err(AppError::from)?;
        let known = known.ok_or_else(unknown)?;
        let before = self.store.recording(known.account, call).await;
        let before = before.map_err(AppError::from)?;
        if before.is_none_or(|before| before.failed.is_some()) {
            self.keep_new(recordings, &known, files).await?;
        }
        delete_local(files).await;
        Ok(())
    }

    async fn keep_new(
        &self,
        recordings: &Recordings,
        call: &CallRecord,
        files: &RecordingFiles,
    ) -> Result<(), Trouble> {
        let settings = &recordings.settings;
        let key_id = settings.encrypt.then(|| self.keys.sealing_id());
        // By the month in which the call began, so that a second try meets the first one's files.
        let month = Month::of(call.begun_at).number();
        let path = format!("{}/{month}/{}", call.account, call.id);
        let mut bytes = [0; 3];
        for (track, length) in Track::ALL.into_iter().zip(&mut bytes) {
            let file = local(files, track);
            if !fs::try_exists(file).await.unwrap_or(true) {
                return Err(Trouble::Never("its files are gone".to_owned()));
            }
            let place = format!("{path}{}", track.suffix());
            *length = recordings.vault.keep_file(&place, file, key_id).await?;
        }
        let [mixed_bytes, left_bytes, right_bytes] = bytes;
        let transcript = match settings.transcriber {
            Some(_) => Transcript::Wanted,
            None => Transcript::None,
        };
        let now = self.now();
        let recording = Recording {
            account: call.account,
            call: call.id,
            at: now,
            failed: None,
            path,
            key_id,
            mixed_bytes,
            left_bytes,
            right_bytes,
            duration_ms: files.duration_ms,
            transcript,
            transcript_bytes: 0,
            transcript_tries: 0,
        };
        let kept = self.store.keep_recording(&recording, now).await;
        if kept.map_err(AppError::from)? {
            self.metrics.recordings.kept.inc();
        }
        recordings.transcripts_woken.notify_one();
        Ok(())
    }
}

impl Recordings {
    fn jobs(&self) -> std::sync::MutexGuard<'_, std::collections::HashMap<CallId, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a recording, unless it is there or there is no room; whether it was added.
    fn add(&self, call: CallId, files: RecordingFiles) -> bool {
        let mut jobs = self.jobs();
        if jobs.contains_key(&call) || jobs.len() >= WAITING_MAX {
            return false;
        }
        let job = Job {
            files,
            failures: 0,
            first_failed: None,
            due: Instant::now(),
            is_running: false,
        };
        jobs.insert(call, job);
        self.waiting.send_replace(jobs.len());
        self.woken.notify_one();
        true
    }

    fn remove(&self, call: CallId) {
        let mut jobs = self.jobs();
        jobs.remove(&call);
        self.waiting.send_replace(jobs.len());
    }

    /// How many recordings wait.
    pub(crate) fn waiting(&self) -> usize {
        self.jobs().len()
    }

    fn take_due(&self) -> Option<(CallId, RecordingFiles)> {
        let now = Instant::now();
        let mut jobs = self.jobs();
        let mut due = jobs.iter_mut().filter(|(_, job)| !job.is_running);
        let (call, job) = due.find(|(_, job)| job.due <= now)?;
        job.is_running = true;
        Some((*call, job.files.clone()))
    }

    /// When there is something to do next.
    fn next_due(&self, running: usize) -> Instant {
        let far = Instant::now() + LOOK_INTERVAL;
        if running >= AT_ONCE {
            // Whoever ends first wakes the loop.
            return far;
        }
        let jobs = self.jobs();
        let waiting = jobs.values().filter(|job| !job.is_running);
        waiting.map(|job| job.due).min().unwrap_or(far)
    }

    /// Puts a recording off; false when it was tried long enough.
    fn put_off(&self, call: CallId) -> bool {
        let now = Instant::now();
        let mut jobs = self.jobs();
        let Some(job) = jobs.get_mut(&call) else {
            return false;
        };
        let since = *job.first_failed.get_or_insert(now);
        if now.duration_since(since) >= self.settings.give_up_after {
            return false;
        }
        let doubled = self
            .settings
            .retry_first
            .saturating_mul(1 << job.failures.min(20));
        job.failures += 1;
        job.due = now + doubled.min(self.settings.retry_max);
        job.is_running = false;
        true
    }

    fn retry_later(&self, call: CallId) {
        if let Some(job) = self.jobs().get_mut(&call) {
            job.due = Instant::now() + self.settings.retry_max;
            job.is_running = false;
        }
    }

    /// Moves the files of a recording that was given up to where nobody takes them up again, but
    /// where the operator finds them.
    async fn set_aside(&self, call: CallId) {
        let files = self.jobs().get(&call).map(|job| job.files.clone());
        let Some(files) = files else {
            return;
        };
        let aside = self.settings.spool.join(FAILED);
        for file in all_local(&files) {
            let Some(name) = file.file_name() else {
                continue;
            };
            if let Err(error) = fs::rename(&file, aside.join(name)).await
                && error.kind() != std::io::ErrorKind::NotFound
            {
                tracing::warn!(%error, "a recording's file could not be set aside");
            }
        }
    }
}

fn local(files: &RecordingFiles, track: Track) -> &Path {
    match track {
        Track::Mixed => &files.mixed,
        Track::Left => &files.left,
        Track::Right => &files.right,
    }
}

/// The files, with the recorder's own two-channel file, which holds nothing more.
fn all_local(files: &RecordingFiles) -> Vec<PathBuf> {
    let mut all: Vec<PathBuf> = Track::ALL
        .iter()
        .map(|track| local(files, *track).to_owned())
        .collect();
    if let Some(name) = stem(&files.mixed) {
        all.push(files.mixed.with_file_name(format!("{name}-stereo.wav")));
    }
    all
}

async fn delete_local(files: &RecordingFiles) {
    for file in all_local(files) {
        if let Err(error) = fs::remove_file(&file).await
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(%error, "a recording's file stays in the spool; the next look takes it up");
        }
    }
}

/// The finished recordings of the spool: those with all three files and no unfinished one.
fn finished_in(spool: &Path) -> std::io::Result<Vec<(CallId, RecordingFiles)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(spool)? {
        let path = entry?.path();
        let Some(call) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let Some(Ok(call)) = call.strip_suffix(".wav").map(str::parse::<CallId>) else {
            continue;
        };
        let file = |ending: &str| spool.join(format!("{call}{ending}"));
        let (left, right) = (file("-left.wav"), file("-right.wav"));
        if file(".part").exists() || !left.exists() || !right.exists() {
            continue;
        }
        let duration_ms = duration_ms(&left).unwrap_or(0);
        found.push((
            call,
            RecordingFiles {
                mixed: path,
                left,
                right,
                duration_ms,
            },
        ));
    }
    Ok(found)
}

/// How long a WAV file plays, by its byte rate and length.
fn duration_ms(file: &Path) -> std::io::Result<u64> {
    use std::io::Read as _;
    let mut file = std::fs::File::open(file)?;
    let mut header = [0; WAV_HEADER_BYTES as usize];
    file.read_exact(&mut header)?;
    let rate = u32::from_le_bytes([header[28], header[29], header[30], header[31]]);
    let sound = file.metadata()?.len().saturating_sub(WAV_HEADER_BYTES);
    Ok(sound.saturating_mul(1000) / u64::from(rate.max(1)))
}

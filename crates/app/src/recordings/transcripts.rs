//! Text made of audio, by a program or an HTTP endpoint of the operator. Each recording is
//! transcribed once; the text is kept beside its audio.

use std::{process::Stdio, sync::Arc, time::Duration};

use axbridge_domain::{account::AccountId, call::CallId};
use futures_util::{StreamExt as _, future::join_all};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    process::Command,
    task::JoinSet,
};

use super::{Audio, Recording, Recordings, Track, TranscribeBy, Transcriber, Transcript};
use crate::{App, AppError};

/// The longest text, in bytes.
const TEXT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Tries of one recording.
const TRIES_MAX: u32 = 3;
/// The wait before another try, in milliseconds.
const REST_MS: i64 = 5 * 60 * 1000;
/// Added to the time of one recording, so that no other node takes it while this one works.
const LEASE_MARGIN_MS: i64 = 60 * 1000;
/// How often recordings are looked for that another node left.
const LOOK_INTERVAL: Duration = Duration::from_secs(30);

/// How a call's transcript stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TranscriptState {
    /// It can be fetched here.
    Ready(String),
    /// It is being made, or its recording is.
    Pending,
    /// It could not be made.
    Failed,
    /// There is no recording, or it was made before there was a transcriber.
    None,
}

impl App {
    /// How the transcripts of calls stand, in the order of the calls.
    ///
    /// # Errors
    /// [`AppError::Unsupported`] when nobody makes transcripts here; faults of the store.
    pub async fn transcripts(
        &self,
        account: AccountId,
        calls: &[CallId],
    ) -> Result<Vec<TranscriptState>, AppError> {
        if self.kept()?.settings.transcriber.is_none() {
            return Err(AppError::Unsupported(
                "no transcriber is configured, so there are no transcripts; the operator can set \
                 one under [recordings]"
                    .to_owned(),
            ));
        }
        let mut states = Vec::with_capacity(calls.len());
        for call in calls {
            states.push(self.transcript(account, *call).await?);
        }
        Ok(states)
    }

    async fn transcript(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<TranscriptState, AppError> {
        let Some(recording) = self.store.recording(account, call).await? else {
            let known = self.store.call(call).await?;
            let known = known.filter(|call| call.account == account && call.record);
            let comes =
                known.is_some_and(|call| call.ended_at.is_none() || call.answered_at.is_some());
            return Ok(match comes {
                true => TranscriptState::Pending,
                false => TranscriptState::None,
            });
        };
        Ok(match recording.transcript {
            Transcript::None => TranscriptState::None,
            Transcript::Wanted => TranscriptState::Pending,
            Transcript::Failed => TranscriptState::Failed,
            Transcript::Ready => TranscriptState::Ready(self.transcript_link(&recording).await?),
        })
    }

    /// Makes transcripts until `stop` is ready.
    pub(super) async fn transcribe_until(self: &Arc<Self>, stop: impl Future<Output = ()>) {
        let Some(recordings) = self.recordings.get().cloned() else {
            return;
        };
        let Some(transcriber) = &recordings.settings.transcriber else {
            return;
        };
        tokio::pin!(stop);
        // Tasks of their own, which go on while the next are taken from the store.
        let mut under_way = JoinSet::new();
        loop {
            // A slow one keeps its own place and none of the others'.
            let room = transcriber.at_once.saturating_sub(under_way.len());
            if room > 0 {
                let taken = self.take_transcripts(transcriber, room as u64).await;
                for recording in taken {
                    let app = Arc::clone(self);
                    under_way.spawn(async move { app.transcribe_one(&recording).await });
                }
            }
            tokio::select! {
                // What is cut short here is taken again when its time is over.
                () = &mut stop => return,
                Some(ended) = under_way.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "the making of a transcript stopped early");
                    }
                }
                () = recordings.transcripts_woken.notified() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    /// One round by hand: makes transcripts of recordings that wait for one, as many as are made
    /// at once, and answers how many were tried.
    pub async fn transcribe_due(&self) -> usize {
        let recordings = self.recordings.get();
        let Some(transcriber) = recordings.and_then(|it| it.settings.transcriber.as_ref()) else {
            return 0;
        };
        let taken = self
            .take_transcripts(transcriber, transcriber.at_once as u64)
            .await;
        let work = taken.iter().map(|recording| self.transcribe_one(recording));
        join_all(work).await.len()
    }

    async fn take_transcripts(&self, transcriber: &Transcriber, room: u64) -> Vec<Recording> {
        let timeout_ms = i64::try_from(transcriber.timeout.as_millis()).unwrap_or(i64::MAX);
        let lease_ms = timeout_ms.saturating_add(LEASE_MARGIN_MS);
        let taken = self.store.take_transcripts(room, lease_ms, self.now());
        taken.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "recordings to transcribe could not be looked for");
            Vec::new()
        })
    }

    async fn transcribe_one(&self, recording: &Recording) {
        let Some(recordings) = self.recordings.get() else {
            return;
        };
        let Some(transcriber) = &recordings.settings.transcriber else {
            return;
        };
        let call = recording.call;
        let work = self.transcribe(recordings, transcriber, recording);
        let (transcript, bytes) = match tokio::time::timeout(transcriber.timeout, work).await {
            Ok(Ok(bytes)) => (Transcript::Ready, bytes),
            outcome => {
                let why = match outcome {
                    Ok(Err(why)) => why,
                    _ => "it took too long".to_owned(),
                };
                let is_last = recording.transcript_tries >= TRIES_MAX;
                tracing::warn!(%call, %why, is_last, "a recording could not be transcribed");
                match is_last {
                    true => (Transcript::Failed, 0),
                    false => (Transcript::Wanted, 0),
                }
            }
        };
        let rest_until = self.now().plus_ms(REST_MS);
        let noted =
            self.store
                .set_transcript(recording.account, call, transcript, bytes, rest_until);
        if let Err(error) = noted.await {
            tracing::warn!(%call, %error, "a transcript could not be noted; it is made again");
        }
    }

    async fn transcribe(
        &self,
        recordings: &Recordings,
        transcriber: &Transcriber,
        recording: &Recording,
    ) -> Result<u64, String> {
        let (length, place) = (
            recording.bytes(Track::Mixed),
            recording.object(Track::Mixed),
        );
        let audio = recordings
            .vault
            .read(&place, length, 0..length, recording.key_id)
            .await
            .map_err(|error| error.to_string())?;
        let text = match &transcriber.by {
            TranscribeBy::Command(words) => by_command(words, recording.call, audio).await?,
            TranscribeBy::Endpoint(url) => {
                by_endpoint(&recordings.http, url, recording.call, length, audio).await?
            }
        };
        let text = String::from_utf8(text).map_err(|_| "the text is not UTF-8".to_owned())?;
        let place = format!("{}.txt", recording.path);
        let key_id = recording.key_id;
        let mut source = text.as_bytes();
        let kept = recordings
            .vault
            .keep(&place, &mut source, key_id, "text/plain; charset=utf-8");
        kept.await.map_err(|error| error.to_string())
    }
}

/// Has a program make the text. It ends when it is waited for no longer.
async fn by_command(words: &[String], call: CallId, mut audio: Audio) -> Result<Vec<u8>, String> {
    let (program, arguments) = words.split_first().ok_or("no program is named")?;
    let mut child = Command::new(program)
        .args(arguments)
        .env("AXBRIDGE_CALL_ID", call.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{program} does not start: {error}"))?;
    let mut input = child.stdin.take().ok_or("the program has no input")?;
    let output = child.stdout.take().ok_or("the program has no output")?;
    let feed = async move {
        while let Some(bytes) = audio.next().await {
            let bytes = bytes.map_err(|error| error.to_string())?;
            if input.write_all(&bytes).await.is_err() {
                // It may have heard enough.
                break;
            }
        }
        Ok::<(), String>(())
    };
    let mut text = Vec::new();
    let mut output = output.take(TEXT_BYTES_MAX + 1);
    let read = output.read_to_end(&mut text);
    let (fed, read) = tokio::join!(feed, read);
    fed?;
    read.map_err(|error| error.to_string())?;
    check_length(text.len())?;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    if status.success() {
        Ok(text)
    } else {
        Err(format!("{program} ended with {status}"))
    }
}

/// Has an HTTP endpoint make the text.
async fn by_endpoint(
    http: &reqwest::Client,
    url: &str,
    call: CallId,
    length: u64,
    audio: Audio,
) -> Result<Vec<u8>, String> {
    let asked = http
        .post(url)
        .header("content-type", "audio/wav")
        .header("content-length", length)
        .header("x-axbridge-call-id", call.to_string())
        .body(reqwest::Body::wrap_stream(audio))
        .send()
        .await
        .map_err(|error| error.without_url().to_string())?;
    if !asked.status().is_success() {
        return Err(format!("the endpoint answered {}", asked.status()));
    }
    let mut body = asked.bytes_stream();
    let mut text = Vec::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| error.without_url().to_string())?;
        text.extend_from_slice(&bytes);
        check_length(text.len())?;
    }
    Ok(text)
}

fn check_length(bytes: usize) -> Result<(), String> {
    if bytes as u64 > TEXT_BYTES_MAX {
        return Err(format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
    }
    Ok(())
}

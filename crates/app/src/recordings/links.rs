//! Links to recordings. Whoever holds a link may fetch the file until it expires; the link says
//! so itself, signed with a key of this installation, so that every node honours it.

use std::{ops::Range, time::Duration};

use axbridge_domain::{account::AccountId, call::CallId, time::Timestamp};

use super::{Audio, Recording, Recordings, Track, Transcript};
use crate::{App, AppError};

/// Where links begin after the server's URL.
pub const LINK_PATH: &str = "/recordings/";

/// The longest that a link may hold.
const LINK_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

const PURPOSE: &str = "recording link";
const TRANSCRIPT_SUFFIX: &str = ".txt";

/// Links to the files of one recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingLinks {
    /// Both voices in one.
    pub mixed: String,
    /// The caller alone.
    pub left: String,
    /// The callee alone.
    pub right: String,
}

/// Which file of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Sound(Track),
    Text,
}

/// A file that a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedFile {
    recording: Recording,
    part: Part,
}

impl LinkedFile {
    /// How long it is.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        match self.part {
            Part::Sound(track) => self.recording.bytes(track),
            Part::Text => self.recording.transcript_bytes,
        }
    }

    /// Its name. It holds the call's id and nobody's number.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}{}", self.recording.call, self.part.suffix())
    }

    /// Its media type.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self.part {
            Part::Sound(_) => "audio/wav",
            Part::Text => "text/plain; charset=utf-8",
        }
    }

    /// When it was made.
    #[must_use]
    pub const fn made_at(&self) -> Timestamp {
        self.recording.at
    }

    fn place(&self) -> String {
        format!("{}{}", self.recording.path, self.part.suffix())
    }
}

impl Part {
    const ALL: [Part; 4] = [
        // Longer suffixes first: the mixed file's ends all of sound.
        Part::Sound(Track::Left),
        Part::Sound(Track::Right),
        Part::Sound(Track::Mixed),
        Part::Text,
    ];

    const fn suffix(self) -> &'static str {
        match self {
            Part::Sound(track) => track.suffix(),
            Part::Text => TRANSCRIPT_SUFFIX,
        }
    }
}

impl App {
    /// Links to a recording of the account, which hold for `expires_in` or as the settings say.
    ///
    /// # Errors
    /// [`AppError::NoRecording`], which says why there is none; [`AppError::RecordingNotReady`];
    /// [`AppError::Invalid`] for the time; faults of the store.
    pub async fn recording_links(
        &self,
        account: AccountId,
        call: CallId,
        expires_in: Option<Duration>,
    ) -> Result<RecordingLinks, AppError> {
        let recordings = self.kept()?;
        let expires_in = expires_in.unwrap_or(recordings.settings.link);
        if expires_in.is_zero() || expires_in > LINK_MAX {
            let why = format!("a link holds from 1 to {} seconds", LINK_MAX.as_secs());
            return Err(AppError::invalid("ExpireTime", why));
        }
        let recording = self.ready_recording(account, call).await?;
        let link = |track| {
            let part = Part::Sound(track);
            self.link(recordings, &recording, part, expires_in)
        };
        Ok(RecordingLinks {
            mixed: link(Track::Mixed).await?,
            left: link(Track::Left).await?,
            right: link(Track::Right).await?,
        })
    }

    /// A link to the transcript of a recording that has one.
    pub(super) async fn transcript_link(&self, recording: &Recording) -> Result<String, AppError> {
        let recordings = self.kept()?;
        let expires_in = recordings.settings.link;
        self.link(recordings, recording, Part::Text, expires_in)
            .await
    }

    async fn ready_recording(
        &self,
        account: AccountId,
        call: CallId,
    ) -> Result<Recording, AppError> {
        let none = |why: &str| AppError::NoRecording(why.to_owned());
        match self.store.recording(account, call).await? {
            Some(recording) => match &recording.failed {
                None => Ok(recording),
                Some(why) => Err(AppError::NoRecording(format!("recording failed: {why}"))),
            },
            None => {
                let kept_ms = self.kept()?.settings.kept_ms;
                let call = self.call_of(account, call).await?;
                Err(match call.ended_at {
                    _ if !call.record => none("the call was not to be recorded"),
                    Some(_) if call.answered_at.is_none() => none("nobody answered the call"),
                    Some(ended) if self.now().ms_since(ended) >= kept_ms => {
                        none("it was kept as long as recordings are, and is destroyed")
                    }
                    _ => AppError::RecordingNotReady,
                })
            }
        }
    }

    async fn link(
        &self,
        recordings: &Recordings,
        recording: &Recording,
        part: Part,
        expires_in: Duration,
    ) -> Result<String, AppError> {
        if recordings.settings.presign && recording.key_id.is_none() {
            let place = format!("{}{}", recording.path, part.suffix());
            if let Some(link) = recordings.vault.link(&place, expires_in).await? {
                return Ok(link);
            }
        }
        let seconds = i64::try_from(expires_in.as_secs()).unwrap_or(i64::MAX);
        let until = self.now().unix_s().saturating_add(seconds);
        let file = format!("{}/{}{}", recording.account, recording.call, part.suffix());
        let signature = self.keys.sign(PURPOSE, &signed_text(&file, until));
        let base = recordings.settings.public_url.trim_end_matches('/');
        Ok(format!(
            "{base}{LINK_PATH}{file}?x-expires={until}&x-signature={}",
            hex::encode(signature)
        ))
    }

    /// The file that a link leads to: `file` is what follows [`LINK_PATH`].
    ///
    /// # Errors
    /// [`AppError::LinkInvalid`], [`AppError::LinkExpired`], [`AppError::NoRecording`]; faults of
    /// the store.
    pub async fn follow_link(&self, file: &str, query: &str) -> Result<LinkedFile, AppError> {
        self.kept()?;
        let (until, signature) = read_query(query).ok_or(AppError::LinkInvalid)?;
        if !self
            .keys
            .signed(PURPOSE, &signed_text(file, until), &signature)
        {
            return Err(AppError::LinkInvalid);
        }
        if self.now().unix_s() >= until {
            return Err(AppError::LinkExpired);
        }
        let (account, call, part) = read_file(file).ok_or(AppError::LinkInvalid)?;
        let recording = self.ready_recording(account, call).await?;
        if part == Part::Text && recording.transcript != Transcript::Ready {
            return Err(AppError::NoRecording("it has no transcript".to_owned()));
        }
        Ok(LinkedFile { recording, part })
    }

    /// A range of a linked file, which must lie within it.
    ///
    /// # Errors
    /// [`AppError::NoRecording`] when the file is gone; [`AppError::Unavailable`],
    /// [`AppError::Internal`].
    pub async fn read_linked(
        &self,
        file: &LinkedFile,
        range: Range<u64>,
    ) -> Result<Audio, AppError> {
        let vault = &self.kept()?.vault;
        let key_id = file.recording.key_id;
        Ok(vault
            .read(&file.place(), file.bytes(), range, key_id)
            .await?)
    }
}

/// What a link's signature is over.
fn signed_text(file: &str, until: i64) -> Vec<u8> {
    format!("{file}\n{until}").into_bytes()
}

/// `x-expires` and `x-signature`.
fn read_query(query: &str) -> Option<(i64, Vec<u8>)> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(known, _)| *known == name).map(|pair| pair.1)
    };
    let until = value("x-expires")?.parse().ok()?;
    let signature = hex::decode(value("x-signature")?).ok()?;
    Some((until, signature))
}

fn read_file(file: &str) -> Option<(AccountId, CallId, Part)> {
    let (account, name) = file.split_once('/')?;
    let part = Part::ALL
        .into_iter()
        .find(|part| name.ends_with(part.suffix()))?;
    let call = name.strip_suffix(part.suffix())?;
    Some((account.parse().ok()?, call.parse().ok()?, part))
}

//! What callers hear from the platform, in Mandarin and English. The files under `announcements`
//! are spoken by a program from the table of texts there (`cargo xtask announcements`) and
//! compiled in; an operator puts better ones beside them, in a directory of the same form:
//! `zh/busy.wav`, `en/busy.mp3`.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axbridge_app::calls::Announcement;
use thiserror::Error;

use super::{Clip, ClipError, ClipLimits, Digit};

/// The silence between two languages.
const PAUSE_BETWEEN_LANGUAGES: Duration = Duration::from_millis(500);

/// The silence between digits that are read out.
const PAUSE_BETWEEN_DIGITS: Duration = Duration::from_millis(150);

/// A language of the announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Mandarin, `zh`.
    Mandarin,
    /// English, `en`.
    English,
}

impl Language {
    /// All.
    pub const ALL: [Self; 2] = [Self::Mandarin, Self::English];

    /// Its code, which is also the name of its directory.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Mandarin => "zh",
            Self::English => "en",
        }
    }

    /// The language of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|language| language.code() == code)
    }
}

/// Something that is said to a caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spoken {
    /// Why a call is not connected, or that it is recorded.
    Announcement(Announcement),
    /// Asks for the extension and the hash key.
    AskExtension,
    /// Asks to key the digits that follow.
    AskDigits,
    /// That was wrong; once more.
    TryAgain,
    /// That was wrong; the call ends.
    Goodbye,
    /// A digit from 0 to 9; other keys are not read out.
    Digit(u8),
}

/// The files that are compiled in: the name, what it is, and the sound in both languages.
struct BuiltIn {
    name: &'static str,
    spoken: Spoken,
    sounds: [&'static [u8]; 2],
}

macro_rules! built_in {
    ($($name:literal => $spoken:expr,)*) => {
        [$(BuiltIn {
            name: $name,
            spoken: $spoken,
            sounds: [
                include_bytes!(concat!("../../announcements/zh/", $name, ".wav")),
                include_bytes!(concat!("../../announcements/en/", $name, ".wav")),
            ],
        }),*]
    };
}

const BUILT_IN: [BuiltIn; 22] = built_in! {
    "no-binding" => Spoken::Announcement(Announcement::NoBinding),
    "ended" => Spoken::Announcement(Announcement::Ended),
    "out-of-service" => Spoken::Announcement(Announcement::OutOfService),
    "not-permitted" => Spoken::Announcement(Announcement::NotPermitted),
    "busy" => Spoken::Announcement(Announcement::Busy),
    "no-answer" => Spoken::Announcement(Announcement::NoAnswer),
    "try-later" => Spoken::Announcement(Announcement::TryLater),
    "recorded" => Spoken::Announcement(Announcement::Recorded),
    "ask-extension" => Spoken::AskExtension,
    "ask-digits" => Spoken::AskDigits,
    "try-again" => Spoken::TryAgain,
    "goodbye" => Spoken::Goodbye,
    "digit-0" => Spoken::Digit(0),
    "digit-1" => Spoken::Digit(1),
    "digit-2" => Spoken::Digit(2),
    "digit-3" => Spoken::Digit(3),
    "digit-4" => Spoken::Digit(4),
    "digit-5" => Spoken::Digit(5),
    "digit-6" => Spoken::Digit(6),
    "digit-7" => Spoken::Digit(7),
    "digit-8" => Spoken::Digit(8),
    "digit-9" => Spoken::Digit(9),
};

/// Why announcements could not be had.
#[derive(Debug, Error)]
pub enum AnnouncementError {
    /// No language was chosen.
    #[error("choose at least one language for the announcements: zh, en")]
    NoLanguage,
    /// A file of the operator's cannot be read.
    #[error("cannot read the announcement {}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the operator's is no sound.
    #[error("the announcement {} cannot be used: {source}", .path.display())]
    Sound {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: ClipError,
    },
    /// A file that is compiled in is no sound; the program was built from damaged files.
    #[error("the built-in announcement {name} is damaged: {source}; build the program anew")]
    BuiltIn {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        source: ClipError,
    },
}

/// All announcements, ready to be played.
#[derive(Debug, Clone)]
pub struct Announcements {
    clips: HashMap<Spoken, Arc<Clip>>,
    silence: Arc<Clip>,
}

impl Announcements {
    /// Loads each announcement in these languages, one after the other: from `directory` if a file
    /// of its name is there, else the built-in one.
    ///
    /// # Errors
    /// If a file in the directory cannot be used, or no language was chosen.
    pub fn load(
        languages: &[Language],
        directory: Option<&Path>,
    ) -> Result<Self, AnnouncementError> {
        if languages.is_empty() {
            return Err(AnnouncementError::NoLanguage);
        }
        let mut clips = HashMap::new();
        for built_in in &BUILT_IN {
            let mut parts = Vec::with_capacity(languages.len());
            for &language in languages {
                parts.push(built_in.clip(language, directory)?);
            }
            let clip = Clip::joined(&parts, PAUSE_BETWEEN_LANGUAGES);
            clips.insert(built_in.spoken, Arc::new(clip));
        }
        let silence = Arc::new(Clip::from_samples(Vec::new()));
        Ok(Self { clips, silence })
    }

    /// What is said. A digit above 9 is silence.
    pub fn clip(&self, spoken: Spoken) -> Arc<Clip> {
        let clip = self.clips.get(&spoken).unwrap_or(&self.silence);
        Arc::clone(clip)
    }

    /// The request to key digits, and the digits read out.
    pub fn ask_for(&self, digits: &[Digit]) -> Arc<Clip> {
        let asked = self.clip(Spoken::AskDigits);
        let read: Vec<Arc<Clip>> = digits
            .iter()
            .map(|digit| self.clip(Spoken::Digit(digit.event())))
            .collect();
        let read = Clip::joined(read.iter().map(AsRef::as_ref), PAUSE_BETWEEN_DIGITS);
        Arc::new(Clip::joined([&*asked, &read], PAUSE_BETWEEN_LANGUAGES))
    }
}

impl BuiltIn {
    fn clip(
        &self,
        language: Language,
        directory: Option<&Path>,
    ) -> Result<Clip, AnnouncementError> {
        let limits = ClipLimits::default();
        let stem = directory.map(|directory| directory.join(language.code()).join(self.name));
        for path in stem
            .iter()
            .flat_map(|stem| ["wav", "mp3"].map(|end| stem.with_extension(end)))
        {
            let file = match read_limited(&path, limits) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(source) => return Err(AnnouncementError::File { path, source }),
            };
            return Clip::read(&file, limits)
                .map_err(|source| AnnouncementError::Sound { path, source });
        }
        let sound = match language {
            Language::Mandarin => self.sounds[0],
            Language::English => self.sounds[1],
        };
        let name = self.name;
        Clip::read(sound, limits).map_err(|source| AnnouncementError::BuiltIn { name, source })
    }
}

/// Reads a file, but no more of it than is needed to know that it is too large.
fn read_limited(path: &Path, limits: ClipLimits) -> io::Result<Vec<u8>> {
    use io::Read;
    let mut file = Vec::new();
    let limit = limits.bytes as u64 + 1;
    fs::File::open(path)?.take(limit).read_to_end(&mut file)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{DtmfDetector, sine, tone_share};

    #[test]
    fn every_announcement_is_there_in_both_languages_and_of_a_bearable_length() {
        for language in Language::ALL {
            let loaded = Announcements::load(&[language], None).expect("built in");
            for built_in in &BUILT_IN {
                let clip = loaded.clip(built_in.spoken);
                let ms = clip.duration().as_millis();
                assert!((200..6000).contains(&ms), "{}: {ms} ms", built_in.name);
                let loudest = clip
                    .samples()
                    .iter()
                    .map(|sample| sample.unsigned_abs())
                    .max();
                assert!(loudest > Some(8000), "{}: {loudest:?}", built_in.name);
            }
        }
    }

    #[test]
    fn no_spoken_word_is_taken_for_a_digit() {
        let loaded = Announcements::load(&Language::ALL, None).expect("built in");
        for built_in in &BUILT_IN {
            let clip = loaded.clip(built_in.spoken);
            for gain in [1, 2, 4] {
                let mut detector = DtmfDetector::default();
                let samples = clip.samples().iter().map(|sample| sample / gain);
                detector.hear(samples, |digit| panic!("{}: {digit}", built_in.name));
            }
        }
    }

    #[test]
    fn an_operators_file_is_heard_instead() {
        let directory = tempfile::tempdir().expect("a directory");
        fs::create_dir(directory.path().join("en")).expect("a directory");
        let tone = sine(500.0, Duration::from_secs(1));
        fs::write(directory.path().join("en/busy.wav"), tone.to_wav()).expect("written");
        let loaded = Announcements::load(&[Language::English], Some(directory.path()));
        let busy = Spoken::Announcement(Announcement::Busy);
        let loaded = loaded.expect("a good directory");
        assert!(tone_share(loaded.clip(busy).samples(), 500.0) > 0.9);
        assert!(loaded.clip(Spoken::Goodbye).duration() > Duration::from_secs(1));
        fs::write(directory.path().join("en/busy.wav"), b"no sound").expect("written");
        let refused = Announcements::load(&[Language::English], Some(directory.path()));
        let text = refused.expect_err("a bad file").to_string();
        assert!(
            text.contains("busy.wav") && text.contains("neither WAV nor MP3"),
            "{text}"
        );
    }

    #[test]
    fn digits_are_asked_for_one_after_the_other() {
        let loaded = Announcements::load(&[Language::Mandarin], None).expect("built in");
        let digits = ['4', '2'].map(|key| Digit::from_char(key).expect("a key"));
        let parts = [Spoken::AskDigits, Spoken::Digit(4), Spoken::Digit(2)];
        let sum: Duration = parts.map(|part| loaded.clip(part).duration()).iter().sum();
        let pauses = PAUSE_BETWEEN_LANGUAGES + PAUSE_BETWEEN_DIGITS;
        assert_eq!(loaded.ask_for(&digits).duration(), sum + pauses);
    }
}

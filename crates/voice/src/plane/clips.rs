//! What is played: announcements, digits and tones, made ready once.

use std::sync::Arc;

use axbridge_app::calls::Announcement;

use super::VoiceSettings;
use crate::{
    audio::{
        AnnouncementError, Announcements, Clip as Sound, Digit, Spoken, last_minute_tone, ringback,
    },
    call::Clip,
    media::Play,
};

/// Finds clips.
pub(super) struct Clips {
    announcements: Announcements,
    ringback: Arc<Sound>,
    last_minute: Arc<Sound>,
}

impl Clips {
    pub(super) fn load(settings: &VoiceSettings) -> Result<Self, AnnouncementError> {
        let own = settings.announcements.as_deref();
        Ok(Self {
            announcements: Announcements::load(&settings.languages, own)?,
            ringback: Arc::new(ringback()),
            last_minute: Arc::new(last_minute_tone()),
        })
    }

    /// The sound of a clip, and how it is played; `None` for an account's prompt, which is not
    /// ours.
    pub(super) fn find(&self, clip: &Clip) -> Option<(Arc<Sound>, Play)> {
        let sound = match clip {
            Clip::Announcement(announcement) => self.announcement(*announcement),
            Clip::Question(digits) => self.ask_for(digits),
            Clip::WrongAnswer(digits) => {
                let again = self.announcements.clip(Spoken::TryAgain);
                let question = self.ask_for(digits);
                Arc::new(Sound::joined([&*again, &*question], PAUSE))
            }
            Clip::AskExtension => self.announcements.clip(Spoken::AskExtension),
            Clip::Ringback => return Some((self.ringback.clone(), Play::Loop)),
            Clip::LastMinute => self.last_minute.clone(),
            Clip::Prompt(_) => return None,
        };
        Some((sound, Play::Once))
    }

    fn announcement(&self, announcement: Announcement) -> Arc<Sound> {
        self.announcements.clip(Spoken::Announcement(announcement))
    }

    fn ask_for(&self, digits: &str) -> Arc<Sound> {
        let digits: Vec<Digit> = digits.chars().filter_map(Digit::from_char).collect();
        self.announcements.ask_for(&digits)
    }
}

/// Between two things that are said.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(300);

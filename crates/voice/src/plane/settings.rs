//! What the voice plane is told: plain values; reading them from a file is the server's.

use std::{path::PathBuf, sync::Arc};

use axbridge_domain::call::CallResult;

use crate::{
    audio::Language,
    call::CallSettings,
    guard::Limits,
    media::EngineSettings,
    stack::{Listen, SipTimes, TlsMaterial},
};

/// How the voice plane is set up.
#[derive(Clone, Debug)]
pub struct VoiceSettings {
    /// Where SIP is spoken.
    pub listen: Vec<Listen>,
    /// Who we are and whom we trust where SIP is spoken over TLS.
    pub tls: Option<Arc<TlsMaterial>>,
    /// The sound.
    pub media: EngineSettings,
    /// The times of SIP's transactions.
    pub sip_times: SipTimes,
    /// The bounds of a call.
    pub call: CallSettings,
    /// What is let in.
    pub guard: Limits,
    /// The most calls at once on this node.
    pub calls_max: usize,
    /// The most calls at once to one X on this node.
    pub calls_per_x_max: u32,
    /// The longest talk where nothing shorter is set, in milliseconds.
    pub talk_ms_max: u64,
    /// How long a side that should be heard may be silent, in milliseconds; `None` is for ever.
    pub silence_ms_max: Option<u64>,
    /// Where the operator's own announcements lie, to be heard in place of ours.
    pub announcements: Option<PathBuf>,
    /// The languages of the announcements, one after the other.
    pub languages: Vec<Language>,
    /// Whether those whose call is recorded hear that it is.
    pub recording_notice: bool,
    /// Where recordings are written before they are stored.
    pub spool: PathBuf,
}

/// The most calls at once on a node, unless it is told otherwise.
pub const CALLS_MAX_DEFAULT: usize = 2_000;
/// The most calls at once to one X on a node, unless it is told otherwise.
pub const CALLS_PER_X_MAX_DEFAULT: u32 = 100;
/// The longest talk, unless it is told otherwise, in milliseconds.
pub const TALK_MS_MAX_DEFAULT: u64 = 4 * 60 * 60 * 1000;
/// How long a side may be silent, unless it is told otherwise, in milliseconds.
pub const SILENCE_MS_MAX_DEFAULT: u64 = 60_000;

impl VoiceSettings {
    /// The defaults, with these places.
    #[must_use]
    pub fn new(listen: Vec<Listen>, media: EngineSettings, spool: PathBuf) -> Self {
        Self {
            listen,
            tls: None,
            media,
            sip_times: SipTimes::default(),
            call: CallSettings::default(),
            guard: Limits::default(),
            calls_max: CALLS_MAX_DEFAULT,
            calls_per_x_max: CALLS_PER_X_MAX_DEFAULT,
            talk_ms_max: TALK_MS_MAX_DEFAULT,
            silence_ms_max: Some(SILENCE_MS_MAX_DEFAULT),
            announcements: None,
            languages: vec![Language::Mandarin],
            recording_notice: true,
            spool,
        }
    }
}

/// The final answer to a caller whose call is refused for this reason.
pub(super) const fn refusal_status(result: CallResult) -> u16 {
    match result {
        CallResult::NoBinding | CallResult::NumberAbnormal | CallResult::VacantNumber => 404,
        CallResult::RoutingFailure | CallResult::TrunkConcurrency | CallResult::PlatformError => {
            503
        }
        CallResult::AccountConcurrency | CallResult::LineBusy | CallResult::TooFrequent => 486,
        _ => 403,
    }
}

//! The voice plane.

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axbridge_app::trunks::TrunkChange;
use axbridge_domain::trunk::Transport;
use axbridge_voice::audio::Language;
use axbridge_voice::media::EngineSettings;
use axbridge_voice::plane::VoiceSettings;
use axbridge_voice::stack::{Listen, TlsFiles, TlsMaterial};
use serde::Deserialize;

use super::within;

/// Section `voice`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Voice {
    /// What this node does.
    pub(crate) role: Role,
    #[serde(deserialize_with = "super::layers::list")]
    sip: Vec<String>,
    public_address: String,
    tls_certificate: PathBuf,
    tls_key: PathBuf,
    tls_trunk_roots: PathBuf,
    tls_client_roots: PathBuf,
    rtp_address: String,
    rtp_ports: String,
    sip_threads: usize,
    rtp_threads: usize,
    #[serde(deserialize_with = "super::layers::list")]
    languages: Vec<String>,
    announcements: PathBuf,
    recording_notice: bool,
    announce_failures: bool,
    ring_timeout_s: u64,
    silence_timeout_s: u64,
    talk_s_max: u64,
    session_s: u32,
    calls_max: usize,
    calls_per_x_max: u32,
    calls_per_source_per_s: u32,
    drop_scanners: bool,
    drain_s: u64,
    #[serde(default)]
    trunks: Vec<super::trunks::Described>,
}

/// What a node does.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Role {
    /// The API, and calls if SIP is listened on.
    All,
    /// The API alone.
    Api,
    /// Calls alone.
    Voice,
}

impl Voice {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.role == Role::Voice && self.sip.is_empty() {
            return Err(
                "voice.role is voice, so voice.sip must name an address to listen on, \
                        such as 0.0.0.0:5060"
                    .to_owned(),
            );
        }
        let listens = self.listens()?;
        self.check_tls(&listens)?;
        self.public()?;
        self.ports()?;
        self.media_address(&listens)?;
        self.languages()?;
        self.trunks()?;
        within("voice.sip_threads", self.sip_threads as u64, 1, 64)?;
        within("voice.rtp_threads", self.rtp_threads as u64, 1, 64)?;
        within("voice.ring_timeout_s", self.ring_timeout_s, 5, 180)?;
        within("voice.silence_timeout_s", self.silence_timeout_s, 0, 86_400)?;
        within("voice.talk_s_max", self.talk_s_max, 60, 86_400)?;
        within("voice.session_s", self.session_s.into(), 90, 86_400)?;
        within("voice.calls_max", self.calls_max as u64, 1, 100_000)?;
        within(
            "voice.calls_per_x_max",
            self.calls_per_x_max.into(),
            1,
            100_000,
        )?;
        let rate = self.calls_per_source_per_s.into();
        within("voice.calls_per_source_per_s", rate, 1, 100_000)?;
        within("voice.drain_s", self.drain_s, 0, 86_400)
    }

    /// Whether this node speaks SIP.
    pub(crate) fn is_on(&self) -> bool {
        self.role != Role::Api && !self.sip.is_empty()
    }

    /// Whether this node answers the API.
    pub(crate) fn serves_api(&self) -> bool {
        self.role != Role::Voice
    }

    /// How long calls in progress may go on when the server is asked to stop.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_s)
    }

    /// What the voice plane is told; recordings are written to `spool` before they are stored.
    pub(crate) fn plane(&self, spool: PathBuf) -> Result<VoiceSettings, String> {
        let listen = self.listens()?;
        let media = EngineSettings {
            bind_address: self.media_address(&listen)?,
            public_address: self.public()?,
            ports: self.ports()?,
            threads: self.rtp_threads,
        };
        let mut settings = VoiceSettings::new(listen, media, spool);
        settings.tls = self.tls_material()?;
        settings.call.ring_ms_max = self.ring_timeout_s * 1000;
        settings.call.session_s = self.session_s;
        settings.call.announce_failures = self.announce_failures;
        settings.guard.calls.per_s = self.calls_per_source_per_s;
        settings.guard.calls.burst = self.calls_per_source_per_s.saturating_mul(2);
        settings.guard.drop_scanners = self.drop_scanners;
        settings.calls_max = self.calls_max;
        settings.calls_per_x_max = self.calls_per_x_max;
        settings.talk_ms_max = self.talk_s_max * 1000;
        let silence = (self.silence_timeout_s > 0).then_some(self.silence_timeout_s * 1000);
        settings.silence_ms_max = silence;
        settings.announcements = is_named(&self.announcements).then(|| self.announcements.clone());
        settings.languages = self.languages()?;
        settings.recording_notice = self.recording_notice;
        Ok(settings)
    }

    /// The trunks that are described here, by name.
    pub(crate) fn trunks(&self) -> Result<Vec<(String, TrunkChange)>, String> {
        let numbered = self.trunks.iter().enumerate();
        numbered
            .map(|(place, described)| super::trunks::read(place, described))
            .collect()
    }

    /// Where SIP is listened on.
    pub(crate) fn listens(&self) -> Result<Vec<Listen>, String> {
        let public = self.public()?;
        let read = |text: &String| {
            let (transport, address) = match text.split_once(':') {
                Some(("udp", address)) => (Transport::Udp, address),
                Some(("tcp", address)) => (Transport::Tcp, address),
                Some(("tls", address)) => (Transport::Tls, address),
                _ => (Transport::Udp, text.as_str()),
            };
            let address: SocketAddr = address.parse().map_err(|_| {
                format!(
                    "voice.sip: `{text}` is no address; write ADDRESS:PORT, tcp:ADDRESS:PORT or \
                     tls:ADDRESS:PORT"
                )
            })?;
            if address.ip().is_unspecified() && public.is_none() {
                return Err(format!(
                    "voice.sip listens on all addresses ({address}), so voice.public_address must \
                     say which one peers are to be told"
                ));
            }
            Ok(Listen {
                transport,
                address,
                public: public.map(|ip| SocketAddr::new(ip, address.port())),
            })
        };
        self.sip.iter().map(read).collect()
    }

    fn check_tls(&self, listens: &[Listen]) -> Result<(), String> {
        let (certificate, key) = (is_named(&self.tls_certificate), is_named(&self.tls_key));
        if certificate != key {
            return Err("voice.tls_certificate and voice.tls_key go together".to_owned());
        }
        let speaks = listens.iter().any(|it| it.transport == Transport::Tls);
        if speaks && !certificate {
            return Err(
                "voice.sip listens for TLS, so voice.tls_certificate and voice.tls_key must name \
                 the PEM files of our certificate and its key"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The files of TLS, if SIP is spoken over it.
    pub(crate) fn tls_files(&self) -> Option<TlsFiles> {
        let some = |path: &PathBuf| is_named(path).then(|| path.clone());
        let speaks = self.sip.iter().any(|text| text.starts_with("tls:"));
        speaks.then(|| TlsFiles {
            certificate: self.tls_certificate.clone(),
            key: self.tls_key.clone(),
            trunk_roots: some(&self.tls_trunk_roots),
            client_roots: some(&self.tls_client_roots),
        })
    }

    fn tls_material(&self) -> Result<Option<Arc<TlsMaterial>>, String> {
        let Some(files) = self.tls_files() else {
            return Ok(None);
        };
        let read = TlsMaterial::read(files);
        read.map(|it| Some(Arc::new(it)))
            .map_err(|error| format!("voice.tls: {error}"))
    }

    /// How many threads drive the calls.
    pub(crate) fn sip_threads(&self) -> usize {
        self.sip_threads
    }

    /// The most calls at once.
    pub(crate) fn calls_max(&self) -> usize {
        self.calls_max
    }

    /// The address that peers are told, when it is another.
    pub(crate) fn public(&self) -> Result<Option<IpAddr>, String> {
        address_or_nothing("voice.public_address", &self.public_address)
    }

    /// The ports of sound.
    pub(crate) fn ports(&self) -> Result<RangeInclusive<u16>, String> {
        let ports = self.rtp_ports.split_once('-').and_then(|(first, last)| {
            let first: u16 = first.trim().parse().ok()?;
            let last: u16 = last.trim().parse().ok()?;
            (first >= 1024 && last > first + 2).then_some(first..=last)
        });
        ports.ok_or_else(|| {
            format!(
                "voice.rtp_ports is `{}`; write FIRST-LAST such as 20000-29999, from 1024 on",
                self.rtp_ports
            )
        })
    }

    /// The address that sound is received on.
    pub(crate) fn media_address(&self, listens: &[Listen]) -> Result<IpAddr, String> {
        let named = address_or_nothing("voice.rtp_address", &self.rtp_address)?;
        let sip = listens.first().map(|listen| listen.address.ip());
        Ok(named.or(sip).unwrap_or(IpAddr::from([127, 0, 0, 1])))
    }

    fn languages(&self) -> Result<Vec<Language>, String> {
        let read = |code: &String| {
            Language::from_code(code)
                .ok_or_else(|| format!("voice.languages: `{code}` is none of zh, en"))
        };
        let languages: Vec<Language> = self.languages.iter().map(read).collect::<Result<_, _>>()?;
        if languages.is_empty() {
            return Err("voice.languages names none; it is zh, en or both".to_owned());
        }
        Ok(languages)
    }
}

fn is_named(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn address_or_nothing(name: &str, text: &str) -> Result<Option<IpAddr>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let address = text.parse().ok().filter(|it: &IpAddr| !it.is_unspecified());
    address
        .map(Some)
        .ok_or_else(|| format!("{name}: `{text}` is no address of one machine"))
}

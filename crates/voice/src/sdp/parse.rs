//! Reading a peer's description: strict about what decides where sound goes, tolerant about all
//! else.

use std::net::{IpAddr, SocketAddr};

use super::{Codec, Direction};
use crate::message::decimal;

/// The longest description that is read, in bytes.
pub const SDP_BYTES_MAX: usize = 16_384;

/// The most lines of a description.
pub const LINES_MAX: usize = 512;

/// The most media streams of a description.
pub const MEDIA_MAX: usize = 8;

/// The most formats of a stream.
pub const FORMATS_MAX: usize = 64;

/// The most attributes of a stream that are looked at.
pub const ATTRIBUTES_MAX: usize = 128;

/// Bounds of a packet's length, in milliseconds; what lies outside is taken as the nearest.
const PTIME_MS: std::ops::RangeInclusive<u64> = 10..=60;

/// Why a description cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SdpFlaw {
    /// Longer than [`SDP_BYTES_MAX`].
    #[error("a session description is at most 16384 bytes long")]
    TooLong,
    /// More lines, streams, formats or attributes than are read.
    #[error("a session description has at most 512 lines and 8 streams")]
    TooMany,
    /// Not UTF-8, or a line that is not `x=…`.
    #[error("each line of a session description must be LETTER=VALUE")]
    Line,
    /// Does not start with `v=0`, `o=`, `s=`.
    #[error("a session description must start with v=0, o= and s=")]
    Head,
    /// A line that decides where sound goes is malformed.
    #[error("the lines o=, c= and m= must be as RFC 8866 §5 says")]
    Field,
    /// A stream without any address.
    #[error("a stream needs a line c=IN IP4 ADDRESS or c=IN IP6 ADDRESS")]
    NoAddress,
}

/// What a peer said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The identity and version of the session, from `o=`: the same pair is the same description.
    pub version: (u64, u64),
    /// Its streams, in their order.
    pub media: Vec<Media>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// `audio`, `video`, ….
    pub kind: String,
    /// `RTP/AVP`, ….
    pub protocol: String,
    /// The formats as written; an answer that refuses the stream repeats them.
    pub formats: Vec<String>,
    /// Where its writer wants to be sent to; `None` if nowhere: port 0, or the address 0.0.0.0 of
    /// an old kind of hold (RFC 3264 §8.4).
    pub remote: Option<SocketAddr>,
    /// Where its writer wants RTCP (RFC 3605); the port after RTP's if it does not say.
    pub remote_rtcp: Option<SocketAddr>,
    /// Whether the port is 0: refused, or ended.
    pub is_off: bool,
    /// Which way, seen from its writer.
    pub direction: Direction,
    /// The codecs of it that we speak, with their payload types, in its writer's order.
    pub codecs: Vec<(Codec, u8)>,
    /// The payload type of telephone events (RFC 4733 §2.4.1).
    pub telephone_event: Option<u8>,
    /// How much sound its writer wants in a packet, in milliseconds.
    pub ptime_ms: u16,
}

impl Media {
    /// Whether we could speak on it.
    #[must_use]
    pub fn is_usable_audio(&self) -> bool {
        self.is_audio() && !self.is_off && !self.codecs.is_empty()
    }

    /// Whether it is sound over plain RTP, the kind that we speak.
    pub(super) fn is_audio(&self) -> bool {
        self.kind == "audio" && self.protocol == "RTP/AVP"
    }
}

impl Session {
    /// Reads a description.
    ///
    /// # Errors
    /// See [`SdpFlaw`].
    pub fn parse(bytes: &[u8]) -> Result<Session, SdpFlaw> {
        if bytes.len() > SDP_BYTES_MAX {
            return Err(SdpFlaw::TooLong);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SdpFlaw::Line)?;
        let lines = lines(text)?;
        let [(b'v', "0"), (b'o', origin), (b's', _), rest @ ..] = lines.as_slice() else {
            return Err(SdpFlaw::Head);
        };
        let version = read_origin(origin)?;
        let first_media = rest.iter().position(|(letter, _)| *letter == b'm');
        let (session, streams) = rest.split_at(first_media.unwrap_or(rest.len()));
        let defaults = Defaults::read(session)?;
        let streams: Vec<_> = streams.chunk_by(|_, (letter, _)| *letter != b'm').collect();
        if streams.len() > MEDIA_MAX {
            return Err(SdpFlaw::TooMany);
        }
        let media = streams
            .into_iter()
            .map(|lines| read_media(lines, &defaults))
            .collect::<Result<_, _>>()?;
        Ok(Session { version, media })
    }

    /// Whether there is a stream on which we could speak.
    #[must_use]
    pub fn has_usable_audio(&self) -> bool {
        self.media.iter().any(Media::is_usable_audio)
    }
}

type Line<'a> = (u8, &'a str);

/// Splits into lines; a lone LF ends one too (RFC 8866 §5).
fn lines(text: &str) -> Result<Vec<Line<'_>>, SdpFlaw> {
    let mut lines = Vec::new();
    for line in text.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.is_empty() {
            continue;
        }
        if lines.len() == LINES_MAX {
            return Err(SdpFlaw::TooMany);
        }
        let well_formed = !line.contains(['\r', '\0']);
        match line.as_bytes() {
            [letter @ b'a'..=b'z', b'=', ..] if well_formed => lines.push((*letter, &line[2..])),
            _ => return Err(SdpFlaw::Line),
        }
    }
    Ok(lines)
}

/// `o=<username> <sess-id> <sess-version> <nettype> <addrtype> <unicast-address>`.
fn read_origin(value: &str) -> Result<(u64, u64), SdpFlaw> {
    let fields: Vec<&str> = value.split(' ').collect();
    let [_, id, version, "IN", "IP4" | "IP6", _] = fields.as_slice() else {
        return Err(SdpFlaw::Field);
    };
    // Some peers count higher than 64 bits; only whether the version changed matters.
    let number = |text: &str| match decimal(text) {
        Some(number) => Ok(number),
        None if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(u64::MAX),
        None => Err(SdpFlaw::Field),
    };
    Ok((number(id)?, number(version)?))
}

/// What stands before the first stream and holds for all.
#[derive(Default)]
struct Defaults {
    address: Option<IpAddr>,
    direction: Direction,
}

impl Defaults {
    fn read(lines: &[Line<'_>]) -> Result<Self, SdpFlaw> {
        let mut defaults = Self::default();
        for (letter, value) in lines {
            match letter {
                b'c' => defaults.address = Some(read_address(value)?),
                b'a' => {
                    if let Some(direction) = Direction::from_name(value) {
                        defaults.direction = direction;
                    }
                }
                _ => {}
            }
        }
        Ok(defaults)
    }
}

/// `c=IN IP4 192.0.2.1`; a name would have to be looked up, and several addresses or a multicast
/// group are no phone call.
fn read_address(value: &str) -> Result<IpAddr, SdpFlaw> {
    let fields: Vec<&str> = value.trim_end().split(' ').collect();
    let address = match fields.as_slice() {
        ["IN", "IP4", address] => address.parse().map(IpAddr::V4).ok(),
        ["IN", "IP6", address] => address.parse().map(IpAddr::V6).ok(),
        _ => None,
    };
    let address = address.ok_or(SdpFlaw::Field)?;
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    match address.is_multicast() || is_broadcast {
        true => Err(SdpFlaw::Field),
        false => Ok(address),
    }
}

fn read_media(lines: &[Line<'_>], defaults: &Defaults) -> Result<Media, SdpFlaw> {
    let [(_, description), rest @ ..] = lines else {
        return Err(SdpFlaw::Field);
    };
    let mut fields = description.trim_end().split(' ');
    let (Some(kind), Some(port), Some(protocol)) = (fields.next(), fields.next(), fields.next())
    else {
        return Err(SdpFlaw::Field);
    };
    let formats: Vec<String> = fields.map(str::to_owned).collect();
    if formats.len() > FORMATS_MAX {
        return Err(SdpFlaw::TooMany);
    }
    // `49170/2` would be two streams in one.
    let port = decimal(port).and_then(|port| u16::try_from(port).ok());
    let port = port.ok_or(SdpFlaw::Field)?;
    let words_fit = !kind.is_empty() && !protocol.is_empty();
    if !words_fit || formats.is_empty() || formats.iter().any(String::is_empty) {
        return Err(SdpFlaw::Field);
    }
    let details = Details::read(rest, defaults)?;
    let address = match details.address {
        Some(address) => address,
        // A stream that is off goes nowhere.
        None if port == 0 => IpAddr::from([0, 0, 0, 0]),
        None => return Err(SdpFlaw::NoAddress),
    };
    let is_nowhere = port == 0 || address.is_unspecified();
    let remote = (!is_nowhere).then_some(SocketAddr::new(address, port));
    let mut media = Media {
        kind: kind.to_owned(),
        protocol: protocol.to_owned(),
        formats,
        remote,
        remote_rtcp: remote.and_then(|remote| details.rtcp_of(remote)),
        is_off: port == 0,
        direction: details.direction,
        codecs: Vec::new(),
        telephone_event: None,
        ptime_ms: details.ptime_ms,
    };
    if media.remote.is_none() && !media.is_off {
        // 0.0.0.0: it can be sent nothing, whatever its direction says.
        media.direction = media.direction.and(Direction::SendOnly);
    }
    if media.is_audio() {
        details.name_formats(&mut media);
    }
    Ok(media)
}

/// The lines below an `m=`.
struct Details<'a> {
    address: Option<IpAddr>,
    direction: Direction,
    ptime_ms: u16,
    rtcp: Option<&'a str>,
    rtpmaps: Vec<(u8, &'a str)>,
}

impl<'a> Details<'a> {
    fn read(lines: &[Line<'a>], defaults: &Defaults) -> Result<Self, SdpFlaw> {
        let mut details = Self {
            address: defaults.address,
            direction: defaults.direction,
            ptime_ms: 20,
            rtcp: None,
            rtpmaps: Vec::new(),
        };
        let mut has_address = false;
        let mut attributes = 0;
        for (letter, value) in lines {
            match letter {
                b'c' if has_address => return Err(SdpFlaw::Field),
                b'c' => {
                    details.address = Some(read_address(value)?);
                    has_address = true;
                }
                b'a' => {
                    attributes += 1;
                    if attributes > ATTRIBUTES_MAX {
                        return Err(SdpFlaw::TooMany);
                    }
                    details.attribute(value.trim_end());
                }
                _ => {}
            }
        }
        Ok(details)
    }

    fn attribute(&mut self, value: &'a str) {
        if let Some(direction) = Direction::from_name(value) {
            self.direction = direction;
            return;
        }
        let Some((name, value)) = value.split_once(':') else {
            return;
        };
        match name {
            "rtpmap" => {
                let mapped = value.trim_start().split_once(' ');
                if let Some((format, encoding)) = mapped
                    && let Ok(format) = format.parse()
                {
                    self.rtpmaps.push((format, encoding.trim()));
                }
            }
            "ptime" => {
                if let Some(wanted) = decimal(value.trim()) {
                    let fitting = wanted.clamp(*PTIME_MS.start(), *PTIME_MS.end());
                    self.ptime_ms = u16::try_from(fitting).unwrap_or(20);
                }
            }
            "rtcp" => self.rtcp = Some(value),
            _ => {}
        }
    }

    /// `a=rtcp:53020 IN IP4 126.16.64.4` (RFC 3605 §2.1); an address other than the stream's is
    /// not followed, it would be a way to have us send to somebody else.
    fn rtcp_of(&self, remote: SocketAddr) -> Option<SocketAddr> {
        let port = match self.rtcp {
            None => remote.port().checked_add(1)?,
            Some(value) => {
                let port = value.trim_start().split(' ').next().and_then(decimal)?;
                u16::try_from(port).ok().filter(|port| *port != 0)?
            }
        };
        Some(SocketAddr::new(remote.ip(), port))
    }

    /// Finds out which formats we speak: by their rtpmap, or by their static number.
    fn name_formats(&self, media: &mut Media) {
        for format in &media.formats {
            let Ok(payload_type) = format.parse::<u8>() else {
                continue;
            };
            if payload_type > 127 {
                continue;
            }
            let mapped = self
                .rtpmaps
                .iter()
                .find(|(format, _)| *format == payload_type);
            let Some((_, encoding)) = mapped else {
                media
                    .codecs
                    .extend(Codec::from_static(payload_type).map(|codec| (codec, payload_type)));
                continue;
            };
            let mut parts = encoding.split('/');
            let (name, rate) = (parts.next().unwrap_or_default(), parts.next());
            // One channel; the number of channels may be left out (RFC 8866 §6.6).
            if rate != Some("8000") || parts.next().is_some_and(|channels| channels != "1") {
                continue;
            }
            if name.eq_ignore_ascii_case("telephone-event") {
                media.telephone_event.get_or_insert(payload_type);
            } else {
                media
                    .codecs
                    .extend(Codec::from_name(name).map(|codec| (codec, payload_type)));
            }
        }
    }
}

//! WAV files: the headers that we write, and what people bring.

use std::time::Duration;

use super::clip::{ClipError, Sound};
use super::{Codec, SAMPLE_RATE_HZ};

/// Length of the header that we write.
pub(crate) const HEADER_BYTES: usize = 44;

/// Format tags (RFC 2361).
const PCM: u16 = 1;
const FLOAT: u16 = 3;
const ALAW: u16 = 6;
const MULAW: u16 = 7;
const EXTENSIBLE: u16 = 0xfffe;

/// The rates and channels that are read. Outside of them a file is damaged rather than odd.
const RATES_HZ: std::ops::RangeInclusive<u32> = 1000..=384_000;
const CHANNELS_MAX: u16 = 32;

/// The header of a file of 16-bit samples at 8 kHz, `data_bytes` long. A longer file than the
/// format can tell is told as the longest.
pub(crate) fn header(channels: u16, data_bytes: u64) -> [u8; HEADER_BYTES] {
    // So that the length of the whole, which is 36 more, is told too.
    const DATA_MAX: u32 = u32::MAX - 36;
    let data = u32::try_from(data_bytes).unwrap_or(DATA_MAX).min(DATA_MAX);
    any_header(PCM, channels, 2, data)
}

/// The header of a file of G.711 with one channel.
pub(super) fn g711_header(codec: Codec, samples: usize) -> [u8; HEADER_BYTES] {
    let tag = match codec {
        Codec::Pcma => ALAW,
        Codec::Pcmu => MULAW,
    };
    any_header(tag, 1, 1, u32::try_from(samples).unwrap_or(u32::MAX - 36))
}

fn any_header(tag: u16, channels: u16, sample_bytes: u16, data: u32) -> [u8; HEADER_BYTES] {
    let block = channels * sample_bytes;
    let mut bytes = [0; HEADER_BYTES];
    let fields: [&[u8]; 12] = [
        b"RIFF",
        &(data + 36).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &tag.to_le_bytes(),
        &channels.to_le_bytes(),
        &SAMPLE_RATE_HZ.to_le_bytes(),
        &(SAMPLE_RATE_HZ * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &(sample_bytes * 8).to_le_bytes(),
        b"data",
        &data.to_le_bytes(),
    ];
    let mut at = 0;
    for field in fields {
        bytes[at..at + field.len()].copy_from_slice(field);
        at += field.len();
    }
    bytes
}

/// Whether a file says that it is WAV.
pub(super) fn is_wav(file: &[u8]) -> bool {
    file.starts_with(b"RIFF") && file.get(8..12) == Some(b"WAVE")
}

/// How the samples of a file are written.
#[derive(Debug, Clone, Copy)]
enum Samples {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
    G711(Codec),
}

struct Format {
    samples: Samples,
    channels: usize,
    rate_hz: u32,
}

/// Reads a file that says it is WAV. A length of the sound that leads out of the file ends with
/// the file: programs that write to a pipe put any number there.
pub(super) fn read(file: &[u8], longest: Duration) -> Result<Sound, ClipError> {
    let (mut format, mut data) = (None, None);
    let mut rest = file.get(12..).unwrap_or_default();
    while let Some((head, body)) = rest.split_at_checked(8) {
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        let chunk = &body[..length.min(body.len())];
        match &head[..4] {
            b"fmt " => format = Some(read_format(chunk)?),
            b"data" if data.is_none() => data = Some(chunk),
            _ => {}
        }
        // Chunks begin at even places.
        let next = length.saturating_add(length % 2);
        rest = body.get(next..).unwrap_or_default();
    }
    let format = format.ok_or(ClipError::Damaged(
        "it does not say how its sound is written",
    ))?;
    let data = data.ok_or(ClipError::Damaged("it has no sound"))?;
    let frame_bytes = format.samples.bytes() * format.channels;
    let frames_max = longest.as_secs().saturating_mul(u64::from(format.rate_hz));
    if (data.len() / frame_bytes) as u64 > frames_max {
        return Err(ClipError::Long(longest));
    }
    let mix = |frame: &[u8]| {
        let channels = frame.chunks_exact(format.samples.bytes());
        let sum: f32 = channels.map(|bytes| format.samples.value(bytes)).sum();
        sum / format.channels as f32
    };
    Ok(Sound {
        samples: data.chunks_exact(frame_bytes).map(mix).collect(),
        rate_hz: format.rate_hz,
    })
}

fn read_format(chunk: &[u8]) -> Result<Format, ClipError> {
    let short = ClipError::Damaged("its description is cut short");
    let word = |at: usize| {
        let bytes = chunk.get(at..at + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    let (Some(tag), Some(channels), Some(low), Some(high), Some(bits)) =
        (word(0), word(2), word(4), word(6), word(14))
    else {
        return Err(short);
    };
    // The extensible form has the tag proper at the beginning of its sub-format.
    let tag = if tag == EXTENSIBLE {
        word(24).ok_or(short)?
    } else {
        tag
    };
    let rate_hz = u32::from(low) | (u32::from(high) << 16);
    if !RATES_HZ.contains(&rate_hz) || !(1..=CHANNELS_MAX).contains(&channels) {
        return Err(ClipError::Damaged(
            "its rate or number of channels is impossible",
        ));
    }
    let samples = match (tag, bits) {
        (PCM, 8) => Samples::Unsigned8,
        (PCM, 16) => Samples::Signed16,
        (PCM, 24) => Samples::Signed24,
        (PCM, 32) => Samples::Signed32,
        (FLOAT, 32) => Samples::Float32,
        (FLOAT, 64) => Samples::Float64,
        (ALAW, 8) => Samples::G711(Codec::Pcma),
        (MULAW, 8) => Samples::G711(Codec::Pcmu),
        _ => {
            let what = format!("format {tag} with {bits} bits");
            return Err(ClipError::Encoding(what));
        }
    };
    Ok(Format {
        samples,
        channels: usize::from(channels),
        rate_hz,
    })
}

impl Samples {
    const fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 | Self::G711(_) => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample, from −1 to 1; what is no number or beyond is brought there.
    fn value(self, bytes: &[u8]) -> f32 {
        let value = match (self, bytes) {
            (Self::Unsigned8, &[a]) => (f32::from(a) - 128.0) / 128.0,
            (Self::G711(codec), &[a]) => f32::from(codec.decode(a)) / 32_768.0,
            (Self::Signed16, &[a, b]) => f32::from(i16::from_le_bytes([a, b])) / 32_768.0,
            (Self::Signed24, &[a, b, c]) => {
                i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0
            }
            (Self::Signed32, &[a, b, c, d]) => {
                i32::from_le_bytes([a, b, c, d]) as f32 / 2_147_483_648.0
            }
            (Self::Float32, &[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            (Self::Float64, &[a, b, c, d, e, f, g, h]) => {
                f64::from_le_bytes([a, b, c, d, e, f, g, h]) as f32
            }
            _ => 0.0,
        };
        if value.is_nan() {
            0.0
        } else {
            value.clamp(-1.0, 1.0)
        }
    }
}

//! G.711: the two codecs that every trunk speaks.

use audio_codec_algorithms::{
    convert_alaw_to_ulaw, convert_ulaw_to_alaw, decode_alaw, decode_ulaw, encode_alaw, encode_ulaw,
};

/// A codec of ITU-T G.711, one byte a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A-law, the usual one in China.
    Pcma,
    /// µ-law.
    Pcmu,
}

impl Codec {
    /// Its payload type in RTP (RFC 3551 §6).
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The codec of a payload type of RFC 3551 §6.
    pub const fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// Its name in session descriptions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    /// One sample from its byte.
    pub fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Pcma => decode_alaw(byte),
            Self::Pcmu => decode_ulaw(byte),
        }
    }

    /// The byte of one sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Pcma => encode_alaw(sample),
            Self::Pcmu => encode_ulaw(sample),
        }
    }

    /// Turns bytes of this codec into bytes of `other`, in place (G.711 tables 3 and 4).
    pub fn convert(self, other: Self, bytes: &mut [u8]) {
        let convert = match (self, other) {
            (Self::Pcma, Self::Pcmu) => convert_alaw_to_ulaw,
            (Self::Pcmu, Self::Pcma) => convert_ulaw_to_alaw,
            _ => return,
        };
        for byte in bytes {
            *byte = convert(*byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_means_the_same_after_decoding_and_encoding() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for byte in 0..=255 {
                let sample = codec.decode(byte);
                let again = codec.decode(codec.encode(sample));
                assert_eq!(sample, again, "{codec:?} {byte}");
            }
        }
    }

    #[test]
    fn encoding_errs_by_half_a_step_at_most() {
        for codec in [Codec::Pcma, Codec::Pcmu] {
            for sample in (i16::MIN..=i16::MAX).step_by(7) {
                let clipped = i32::from(sample).clamp(-32_124, 32_124);
                let error = (i32::from(codec.decode(codec.encode(sample))) - clipped).abs();
                // The step grows with the sample: 1/16 of it in the upper segments.
                assert!(
                    error <= clipped.abs() / 32 + 16,
                    "{codec:?} {sample} {error}"
                );
            }
        }
    }

    #[test]
    fn converting_between_the_laws_keeps_the_sound() {
        for (from, to) in [(Codec::Pcma, Codec::Pcmu), (Codec::Pcmu, Codec::Pcma)] {
            for byte in 0..=255_u8 {
                let mut bytes = [byte];
                from.convert(to, &mut bytes);
                let (before, after) =
                    (i32::from(from.decode(byte)), i32::from(to.decode(bytes[0])));
                assert!((before - after).abs() <= before.abs() / 16 + 16, "{byte}");
            }
        }
    }

    #[test]
    fn the_law_of_silence_is_silence() {
        assert!(Codec::Pcma.decode(Codec::Pcma.encode(0)).abs() <= 8);
        assert_eq!(Codec::Pcmu.decode(Codec::Pcmu.encode(0)), 0);
    }
}

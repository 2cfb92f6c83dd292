//! Files of sound that somebody uploads.

use std::time::Duration;

use axbridge_voice::audio::{Clip, ClipLimits, Codec};

/// Small, so that one input is quick.
const LIMITS: ClipLimits = ClipLimits {
    bytes: 64 * 1024,
    duration: Duration::from_secs(5),
};

/// The lowest rate that is read is 1000 Hz: a byte cannot become more than 8 samples, and in MP3,
/// where it can stand for more, the length is bounded.
const SAMPLES_A_BYTE: usize = 8;

/// Reads a file as sound.
///
/// # Panics
/// If more comes out than was in it, a refusal says nothing, or what came out is not written so
/// that it can be read.
pub fn check_sound_file(data: &[u8]) {
    let clip = match Clip::read(data, LIMITS) {
        Ok(clip) => clip,
        Err(error) => {
            assert!(error.to_string().len() > 10);
            return;
        }
    };
    let is_wav = data.starts_with(b"RIFF");
    let samples = clip.samples().len();
    assert!(samples <= 8000 * 6, "longer than was allowed");
    assert!(!is_wav || samples <= data.len() * SAMPLES_A_BYTE);
    let whole = ClipLimits::default();
    if samples > 0 {
        assert_eq!(Clip::read(&clip.to_wav(), whole).as_ref(), Ok(&clip));
        let packed = clip.to_g711_wav(Codec::Pcma);
        let unpacked = Clip::read(&packed, whole).expect("what we write is sound");
        assert_eq!(unpacked.samples().len(), samples);
    }
}

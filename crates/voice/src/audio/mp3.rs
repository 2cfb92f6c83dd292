//! MP3 files, by way of a decoder.

use std::time::Duration;

use nanomp3::SliceReader;

use super::clip::{ClipError, Sound};

/// Reads a file that looks like MP3.
pub(super) fn read(file: &[u8], longest: Duration) -> Result<Sound, ClipError> {
    let mut reader: SliceReader<'_, f32> = SliceReader::new(file);
    let Some(channels) = reader.channels() else {
        return Err(ClipError::Empty);
    };
    let (channels, rate_hz) = (usize::from(channels.num()), reader.sample_rate());
    if rate_hz == 0 {
        return Err(ClipError::Empty);
    }
    let samples_max = longest.as_secs().saturating_mul(u64::from(rate_hz));
    let mut samples = Vec::new();
    loop {
        let frame = reader
            .read_frame()
            .map_err(|_| ClipError::Damaged("its rate or channels change within it"))?;
        let Some(frame) = frame else {
            return Ok(Sound { samples, rate_hz });
        };
        let mixed = frame
            .chunks_exact(channels)
            .map(|moment| moment.iter().sum::<f32>() / channels as f32);
        samples.extend(mixed);
        if samples.len() as u64 > samples_max {
            return Err(ClipError::Long(longest));
        }
    }
}

//! WAV files: the header that we write, and what we read.

/// Length of the header that we write.
pub(crate) const HEADER_BYTES: usize = 44;

/// The header of a file of 16-bit samples at 8 kHz, `data_bytes` long. A longer file than the
/// format can tell is told as the longest.
pub(crate) fn header(channels: u16, data_bytes: u64) -> [u8; HEADER_BYTES] {
    const RATE: u32 = super::SAMPLE_RATE_HZ;
    let data = u32::try_from(data_bytes)
        .unwrap_or(u32::MAX - 36)
        .min(u32::MAX - 36);
    let block = channels * 2;
    let mut bytes = [0; HEADER_BYTES];
    let fields: [&[u8]; 12] = [
        b"RIFF",
        &(data + 36).to_le_bytes(),
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &channels.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * u32::from(block)).to_le_bytes(),
        &block.to_le_bytes(),
        &16_u16.to_le_bytes(),
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

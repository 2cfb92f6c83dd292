//! Reports about streams (RTCP, RFC 3550 §6). Nothing is decided by them: a peer that sends
//! reports gets one back, a peer that does not is left alone. What one side reports never reaches
//! the other.

use std::time::{SystemTime, UNIX_EPOCH};

use thiserror::Error;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;

/// Seconds from the beginning of NTP's time (1900) to that of Unix.
const NTP_TO_UNIX_S: u64 = 2_208_988_800;

/// Why a datagram is no RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtcpError {
    /// It ends within a packet, or a packet's length leads out of it.
    #[error("the report is cut short")]
    Short,
    /// A packet in it is of another version.
    #[error("the report is of another version of RTP")]
    Version,
    /// It does not begin with a report, as it must.
    #[error("the datagram does not begin with a report")]
    NoReport,
}

/// What we take from a peer's datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The middle of the NTP time in its sender report, to be echoed (RFC 3550 §6.4.1).
    pub last_sender_report: Option<u32>,
}

/// Reads a compound packet (RFC 3550 §A.2).
///
/// # Errors
/// If any length in it is wrong, or it is no report.
pub fn parse(datagram: &[u8]) -> Result<Heard, RtcpError> {
    let mut heard = Heard {
        last_sender_report: None,
    };
    let mut rest = datagram;
    let mut first = true;
    while first || !rest.is_empty() {
        let [flags, kind, high, low] = *rest.first_chunk::<4>().ok_or(RtcpError::Short)?;
        if flags >> 6 != 2 {
            return Err(RtcpError::Version);
        }
        if first && kind != SENDER_REPORT && kind != RECEIVER_REPORT {
            return Err(RtcpError::NoReport);
        }
        let length = 4 + usize::from(u16::from_be_bytes([high, low])) * 4;
        let packet = rest.get(..length).ok_or(RtcpError::Short)?;
        if kind == SENDER_REPORT {
            let middle = packet.get(10..14).ok_or(RtcpError::Short)?;
            let middle = [middle[0], middle[1], middle[2], middle[3]];
            heard.last_sender_report = Some(u32::from_be_bytes(middle));
        }
        rest = rest.get(length..).unwrap_or_default();
        first = false;
    }
    Ok(heard)
}

/// What we report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Our stream.
    pub ssrc: u32,
    /// What we have sent: the timestamp of now, packets and bytes of payload.
    pub sent: Option<(u32, u32, u32)>,
    /// What we have heard, if anything.
    pub heard: Option<ReportBlock>,
}

/// What we report about a stream that we hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// Which stream.
    pub ssrc: u32,
    /// Packets lost in all.
    pub lost: u32,
    /// The highest sequence number, with its wraps.
    pub highest: u32,
    /// Its jitter, in units of the timestamp.
    pub jitter: u32,
    /// From the peer's last sender report, which has just come.
    pub last_sender_report: u32,
}

impl Report {
    /// The compound packet: a report, and the name of the source that must go with it. The name
    /// is the random number of the stream once more, so that it tells nothing.
    pub fn to_bytes(&self, now: SystemTime) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(76);
        let kind = match self.sent {
            Some(_) => SENDER_REPORT,
            None => RECEIVER_REPORT,
        };
        let blocks = u8::from(self.heard.is_some());
        bytes.extend([0x80 | blocks, kind, 0, 0]);
        bytes.extend(self.ssrc.to_be_bytes());
        if let Some((timestamp, packets, octets)) = self.sent {
            let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
            let seconds = (since.as_secs() + NTP_TO_UNIX_S) as u32;
            let fraction = ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000) as u32;
            for word in [seconds, fraction, timestamp, packets, octets] {
                bytes.extend(word.to_be_bytes());
            }
        }
        if let Some(block) = self.heard {
            let lost = block.lost.min(0x7f_ffff);
            let words = [block.ssrc, lost, block.highest, block.jitter];
            for word in words.into_iter().chain([block.last_sender_report, 0]) {
                bytes.extend(word.to_be_bytes());
            }
        }
        set_length(&mut bytes, 0);
        let description = bytes.len();
        bytes.extend([0x81, SOURCE_DESCRIPTION, 0, 0]);
        bytes.extend(self.ssrc.to_be_bytes());
        let name = format!("{:08x}", self.ssrc);
        bytes.extend([1, name.len() as u8]);
        bytes.extend(name.as_bytes());
        // At least one zero ends the items, and the packet ends on a word.
        bytes.resize((bytes.len() + 1).next_multiple_of(4), 0);
        set_length(&mut bytes, description);
        bytes
    }
}

/// Writes the length of the packet that goes from `start` to the end, in words less one.
fn set_length(bytes: &mut [u8], start: usize) {
    let words = ((bytes.len() - start) / 4 - 1) as u16;
    bytes[start + 2..start + 4].copy_from_slice(&words.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report {
            ssrc: 0x0102_0304,
            sent: Some((1000, 5, 800)),
            heard: Some(ReportBlock {
                ssrc: 9,
                lost: 1,
                highest: 77,
                jitter: 3,
                last_sender_report: 42,
            }),
        }
    }

    #[test]
    fn what_we_report_can_be_read() {
        let at = UNIX_EPOCH + std::time::Duration::from_millis(1500);
        let bytes = report().to_bytes(at);
        assert_eq!(bytes.len() % 4, 0);
        let middle = (((1 + NTP_TO_UNIX_S) as u32) << 16) | 0x8000;
        let heard = parse(&bytes).expect("a report");
        assert_eq!(heard.last_sender_report, Some(middle));
        let silent = Report {
            sent: None,
            heard: None,
            ..report()
        };
        let heard = parse(&silent.to_bytes(at)).expect("a report");
        assert_eq!(heard.last_sender_report, None);
    }

    #[test]
    fn every_cut_of_a_report_is_refused_but_between_its_packets() {
        let bytes = report().to_bytes(UNIX_EPOCH);
        let whole: Vec<usize> = (0..=bytes.len())
            .filter(|&length| parse(&bytes[..length]).is_ok())
            .collect();
        assert_eq!(whole, [52, bytes.len()]);
    }

    #[test]
    fn other_things_are_no_reports() {
        assert_eq!(parse(&[]), Err(RtcpError::Short));
        assert_eq!(parse(&[0x80, 202, 0, 0]), Err(RtcpError::NoReport));
        assert_eq!(parse(&[0x00, 200, 0, 0]), Err(RtcpError::Version));
        assert_eq!(parse(&[0x80, 200, 0, 1, 0, 0, 0, 0]), Err(RtcpError::Short));
        assert_eq!(parse(&[0x80, 201, 255, 255]), Err(RtcpError::Short));
    }
}

//! RTP packets (RFC 3550 §5.1): read with every length checked, and their headers written.

use thiserror::Error;

/// Length of a header without sources and extension.
pub const HEADER_BYTES: usize = 12;

/// The longest datagram that is looked at; voice is far shorter, and none is longer than what an
/// Ethernet carries.
pub const DATAGRAM_BYTES_MAX: usize = 1500;

const VERSION: u8 = 2;

/// Why a datagram is no RTP packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RtpError {
    /// It ends before its header, its sources or its extension do.
    #[error("the packet ends within its header")]
    Short,
    /// It is longer than anything that is looked at.
    #[error("the packet is longer than {DATAGRAM_BYTES_MAX} bytes")]
    Long,
    /// Its version is not 2.
    #[error("the packet is of another version of RTP")]
    Version,
    /// It is RTCP on the port of RTP (RFC 5761 §4).
    #[error("the packet is RTCP")]
    Rtcp,
    /// Its padding is longer than its payload, or has no length.
    #[error("the packet's padding is longer than its payload")]
    Padding,
    /// It carries nothing.
    #[error("the packet has no payload")]
    Empty,
}

/// The header fields that we use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The beginning of a talk spurt or of an event.
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// Counts packets.
    pub sequence: u16,
    /// Counts samples.
    pub timestamp: u32,
    /// Which stream it belongs to.
    pub ssrc: u32,
}

impl Header {
    /// The header as bytes, without sources and extension.
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = VERSION << 6;
        bytes[1] = (u8::from(self.marker) << 7) | (self.payload_type & 0x7f);
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

/// A packet that has been checked: its header, and where its payload lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// The header.
    pub header: Header,
    /// Where the payload begins, never before [`HEADER_BYTES`].
    pub start: usize,
    /// Where it ends, after `start`.
    pub end: usize,
}

impl Packet {
    /// Reads a datagram.
    ///
    /// # Errors
    /// If any length in it is wrong, or it is no RTP.
    pub fn parse(datagram: &[u8]) -> Result<Self, RtpError> {
        if datagram.len() > DATAGRAM_BYTES_MAX {
            return Err(RtpError::Long);
        }
        let header: &[u8; HEADER_BYTES] = datagram.first_chunk().ok_or(RtpError::Short)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *header;
        if first >> 6 != VERSION {
            return Err(RtpError::Version);
        }
        // The packet types 192 to 223 of RTCP stand where marker and payload type do.
        if (192..=223).contains(&second) {
            return Err(RtpError::Rtcp);
        }
        let mut start = HEADER_BYTES + usize::from(first & 0x0f) * 4;
        if first & 0x10 != 0 {
            let words = datagram.get(start + 2..start + 4).ok_or(RtpError::Short)?;
            start += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
        }
        let mut end = datagram.len();
        if start > end {
            return Err(RtpError::Short);
        }
        if first & 0x20 != 0 {
            let padding = usize::from(datagram[end - 1]);
            if padding == 0 || padding > end - start {
                return Err(RtpError::Padding);
            }
            end -= padding;
        }
        if start == end {
            return Err(RtpError::Empty);
        }
        let header = Header {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
        };
        Ok(Self { header, start, end })
    }

    /// The payload in the datagram that was parsed.
    pub fn payload<'a>(&self, datagram: &'a [u8]) -> &'a [u8] {
        datagram.get(self.start..self.end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: Header = Header {
        marker: true,
        payload_type: 8,
        sequence: 65_535,
        timestamp: 0xfeed_beef,
        ssrc: 7,
    };

    fn packet(first: u8, rest: &[u8]) -> Vec<u8> {
        let mut bytes = HEADER.to_bytes().to_vec();
        bytes[0] = first;
        bytes.extend_from_slice(rest);
        bytes
    }

    #[test]
    fn a_header_that_was_written_is_read_as_it_was() {
        let bytes = packet(0x80, b"abc");
        let read = Packet::parse(&bytes).expect("a packet");
        assert_eq!(read.header, HEADER);
        assert_eq!(read.payload(&bytes), b"abc");
    }

    #[test]
    fn sources_extension_and_padding_are_stepped_over() {
        let sources = packet(0x82, b"1111222233");
        assert_eq!(Packet::parse(&sources).map(|p| p.start), Ok(20));
        let extended = packet(0x90, &[0xbe, 0xde, 0, 1, 9, 9, 9, 9, 5]);
        assert_eq!(
            Packet::parse(&extended).map(|p| (p.start, p.end)),
            Ok((20, 21))
        );
        let padded = packet(0xa0, &[5, 5, 0, 0, 3]);
        assert_eq!(
            Packet::parse(&padded).map(|p| (p.start, p.end)),
            Ok((12, 14))
        );
    }

    #[test]
    fn what_is_cut_short_or_of_another_kind_is_refused() {
        let refused = |bytes: &[u8]| Packet::parse(bytes).expect_err("it must be refused");
        assert_eq!(refused(&[0x80; 11]), RtpError::Short);
        assert_eq!(refused(&packet(0x81, b"12")), RtpError::Short);
        assert_eq!(refused(&packet(0x90, &[0, 0, 0])), RtpError::Short);
        assert_eq!(
            refused(&packet(0x90, &[0, 0, 255, 255, 1])),
            RtpError::Short
        );
        assert_eq!(refused(&packet(0x40, b"1")), RtpError::Version);
        assert_eq!(refused(&packet(0xa0, &[1, 0])), RtpError::Padding);
        assert_eq!(refused(&packet(0xa0, &[1, 9])), RtpError::Padding);
        assert_eq!(refused(&packet(0xa0, &[0, 2])), RtpError::Empty);
        assert_eq!(refused(&packet(0x80, &[])), RtpError::Empty);
        assert_eq!(refused(&packet(0x80, &[0; 1500])), RtpError::Long);
        let mut rtcp = packet(0x80, b"1");
        rtcp[1] = 200;
        assert_eq!(refused(&rtcp), RtpError::Rtcp);
    }
}

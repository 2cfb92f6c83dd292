//! RTP and RTCP datagrams.

use std::time::UNIX_EPOCH;

use axbridge_voice::media::rtcp::{self, Report};
use axbridge_voice::media::rtp::{DATAGRAM_BYTES_MAX, HEADER_BYTES, Packet};

/// Reads a datagram as RTP.
///
/// # Panics
/// If a length is believed that the datagram does not keep, or the fields are read otherwise than
/// by the table of RFC 3550 §5.1.
pub fn check_rtp(data: &[u8]) {
    let expected = payload(data);
    let read = Packet::parse(data);
    let Ok(packet) = read else {
        assert_eq!(expected, None, "a good packet is refused: {read:?}");
        return;
    };
    assert_eq!(expected, Some(packet.start..packet.end));
    assert!(packet.start >= HEADER_BYTES && packet.start < packet.end);
    assert_eq!(packet.payload(data).len(), packet.end - packet.start);
    // Written again as a plain packet it is read as the same one.
    let mut plain = packet.header.to_bytes().to_vec();
    plain.extend_from_slice(packet.payload(data));
    let again = Packet::parse(&plain).expect("what we write is a packet");
    assert_eq!(again.header, packet.header);
    assert_eq!(again.payload(&plain), packet.payload(data));
    // The fields stand where they stood, whatever is around them.
    assert_eq!(plain[1..12], data[1..12]);
}

/// Where the payload lies, by the table.
fn payload(data: &[u8]) -> Option<std::ops::Range<usize>> {
    let bit = |mask: u8| data[0] & mask != 0;
    let is_rtcp = |kind: u8| (192..=223).contains(&kind);
    let long_enough = data.len() >= 12 && data.len() <= DATAGRAM_BYTES_MAX;
    if !long_enough || data[0] & 0b1100_0000 != 0b1000_0000 || is_rtcp(data[1]) {
        return None;
    }
    let mut start = 12 + 4 * (data[0] & 15) as usize;
    if bit(0b1_0000) {
        let length = data.get(start + 2..start + 4)?;
        start += 4 * (1 + 256 * length[0] as usize + length[1] as usize);
    }
    let padding = if bit(0b10_0000) {
        data[data.len() - 1] as usize
    } else {
        0
    };
    if bit(0b10_0000) && padding == 0 {
        return None;
    }
    let end = data.len() - padding.min(data.len());
    (start < end).then_some(start..end)
}

/// Reads a datagram as RTCP.
///
/// # Panics
/// If a length is believed that the datagram does not keep, or our answer cannot be read.
pub fn check_rtcp(data: &[u8]) {
    let read = rtcp::parse(data);
    assert_eq!(read.is_ok(), is_compound(data), "{read:?}");
    let last_sender_report = read.ok().and_then(|heard| heard.last_sender_report);
    let word = |at: usize| data.get(at..at + 4).map_or(0, |_| u32::from(data[at]));
    let report = Report {
        ssrc: word(0),
        sent: data.first().map(|_| (word(1), word(2), word(3))),
        heard: last_sender_report.map(|last_sender_report| rtcp::ReportBlock {
            ssrc: word(4),
            lost: u32::MAX,
            highest: word(5),
            jitter: word(6),
            last_sender_report,
        }),
    };
    let answer = report.to_bytes(UNIX_EPOCH);
    let heard = rtcp::parse(&answer).expect("what we write is a report");
    assert_eq!(heard.last_sender_report.is_some(), report.sent.is_some());
}

/// Packets of version 2 whose lengths add up exactly, the first of them a report, and sender
/// reports long enough for their time.
fn is_compound(data: &[u8]) -> bool {
    let mut at = 0;
    while at < data.len() {
        let Some(head) = data.get(at..at + 4) else {
            return false;
        };
        let length = 4 * (1 + 256 * head[2] as usize + head[3] as usize);
        let is_report = head[1] == 200 || head[1] == 201;
        let long_enough = head[1] != 200 || length >= 14;
        if head[0] / 64 != 2 || (at == 0 && !is_report) || !long_enough {
            return false;
        }
        at += length;
    }
    at == data.len() && at > 0
}

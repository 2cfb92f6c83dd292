//! The codecs that we speak, and which way sound goes.

use axbridge_domain::trunk::TrunkCodec;

/// A voice codec: G.711 in its two forms, 8000 samples a second, one byte each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// A-law.
    Pcma,
    /// µ-law.
    Pcmu,
}

impl Codec {
    /// Its static payload type (RFC 3551 §6).
    #[must_use]
    pub const fn payload_type(self) -> u8 {
        match self {
            Self::Pcma => 8,
            Self::Pcmu => 0,
        }
    }

    /// Its encoding name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcma => "PCMA",
            Self::Pcmu => "PCMU",
        }
    }

    pub(super) fn from_static(payload_type: u8) -> Option<Self> {
        [Self::Pcma, Self::Pcmu]
            .into_iter()
            .find(|codec| codec.payload_type() == payload_type)
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [Self::Pcma, Self::Pcmu]
            .into_iter()
            .find(|codec| codec.name().eq_ignore_ascii_case(name))
    }
}

impl From<TrunkCodec> for Codec {
    fn from(codec: TrunkCodec) -> Self {
        match codec {
            TrunkCodec::Pcma => Self::Pcma,
            TrunkCodec::Pcmu => Self::Pcmu,
        }
    }
}

/// Which way sound goes, seen from whoever wrote the description (RFC 8866 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Direction {
    /// Both ways.
    #[default]
    SendRecv,
    /// Only from the writer: the other is on hold.
    SendOnly,
    /// Only to the writer.
    RecvOnly,
    /// No way.
    Inactive,
}

impl Direction {
    /// From what it does.
    #[must_use]
    pub const fn new(sends: bool, receives: bool) -> Self {
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same stream seen from the other end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self::new(self.receives(), self.sends())
    }

    /// What both allow.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self::new(
            self.sends() && other.sends(),
            self.receives() && other.receives(),
        )
    }

    /// The attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [
            Self::SendRecv,
            Self::SendOnly,
            Self::RecvOnly,
            Self::Inactive,
        ]
        .into_iter()
        .find(|direction| direction.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_mirrors_what_the_offer_asks() {
        // RFC 3264 §6.1.
        let cases = [
            (Direction::SendRecv, Direction::SendRecv),
            (Direction::SendOnly, Direction::RecvOnly),
            (Direction::RecvOnly, Direction::SendOnly),
            (Direction::Inactive, Direction::Inactive),
        ];
        for (offered, answered) in cases {
            assert_eq!(offered.reversed(), answered);
            assert_eq!(offered.reversed().and(Direction::SendRecv), answered);
            let held = answered.and(Direction::SendOnly);
            assert!(!held.receives());
            assert_eq!(held.sends(), answered.sends());
        }
    }
}

//! Session descriptions (RFC 8866) and the offer/answer model (RFC 3264), for one audio stream.
//!
//! A peer's description is read into what a call needs to know ([`Session`]); ours is written
//! from scratch ([`Side`]) and holds our address and nothing that the other leg said. One `Side`
//! stands for our half of one leg, through all its re-offers.

mod agree;
mod codec;
mod parse;
mod side;

pub use agree::{Agreed, NoAgreement};
pub use codec::{Codec, Direction};
pub use parse::{
    ATTRIBUTES_MAX, FORMATS_MAX, LINES_MAX, MEDIA_MAX, Media, SDP_BYTES_MAX, SdpFlaw, Session,
};
pub use side::{Side, Wanted};

//! The media engine over real sockets: every host of a call is an address of the loopback
//! network, and what is heard is judged by tones.

mod digits;
mod lifetime;
mod play;
mod recordings;
mod relay;
mod support;

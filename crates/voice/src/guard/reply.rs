//! Answers without a transaction, for requests that are refused before the stack sees them
//! (RFC 3261 §8.2.6, §8.2.7). They hold what the request held and nothing of ours but the
//! reason, so they tell a scanner nothing.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::Refusal;
use crate::message::{Message, NameAddr};

/// The methods that a trunk may use.
pub const ALLOWED_METHODS: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, PRACK, UPDATE, INFO";

/// Makes answers; each request gets the same one again (§8.2.7 wants the same To tag).
#[derive(Debug, Default)]
pub struct Replies {
    tags: RandomState,
}

impl Replies {
    /// The answer to `message`; `None` if it names no hop or no call, or is an ACK.
    #[must_use]
    pub fn to(&self, message: &Message<'_>, refusal: &Refusal) -> Option<Vec<u8>> {
        if message.method()? == "ACK" {
            return None;
        }
        let mut answer = format!("SIP/2.0 {} {}\r\n", refusal.status, refusal.reason);
        let mut hops = 0;
        for via in message.all("Via") {
            push(&mut answer, "Via", via)?;
            hops += 1;
        }
        if hops == 0 {
            return None;
        }
        for name in ["From", "Call-ID", "CSeq"] {
            push(&mut answer, name, message.first(name)?)?;
        }
        let to = message.first("To")?;
        push(&mut answer, "To", &self.with_tag(message, to))?;
        for (name, value) in &refusal.headers {
            push(&mut answer, name, value)?;
        }
        answer.push_str("Content-Length: 0\r\n\r\n");
        Some(answer.into_bytes())
    }

    fn with_tag(&self, message: &Message<'_>, to: &str) -> String {
        let has_tag = NameAddr::parse(to).is_ok_and(|to| to.tag().is_some());
        if has_tag {
            return to.to_owned();
        }
        let mut hasher = self.tags.build_hasher();
        for name in ["Call-ID", "From", "CSeq", "Via"] {
            hasher.write(message.first(name).unwrap_or_default().as_bytes());
            hasher.write_u8(0);
        }
        format!("{to};tag={:016x}", hasher.finish())
    }
}

/// Adds a field; `None` if its value could end the field early.
fn push(answer: &mut String, name: &str, value: &str) -> Option<()> {
    if value.bytes().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return None;
    }
    answer.push_str(name);
    answer.push_str(": ");
    answer.push_str(value);
    answer.push_str("\r\n");
    Some(())
}

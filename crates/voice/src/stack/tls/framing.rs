//! Cutting a stream into messages, by Content-Length (RFC 3261 §18.3), and nothing else by guess.

use std::borrow::Cow;

use crate::{
    guard::Cause,
    message::{HEAD_END, MESSAGE_BYTES_MAX, Message, halves},
};

/// What stands at the front of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Front {
    /// Not enough yet.
    More {
        /// Look again when there are so many bytes.
        least: usize,
        /// No header section ends in so many of them.
        searched: usize,
    },
    /// A keep-alive, to be answered (RFC 5626 §4.4.1).
    Ping,
    /// An empty line; the answer to a keep-alive, or nothing at all (RFC 3261 §7.5).
    EmptyLine,
    /// A message of so many bytes.
    Message(usize),
    /// Nothing can be cut from here on: the stream is to be closed.
    Broken(Cause),
}

/// Looks at the front of what came. The end of a header section is known not to begin in the first
/// `searched` bytes, so that whoever sends byte by byte makes no work.
pub(super) fn front(bytes: &[u8], searched: usize) -> Front {
    match bytes {
        [] | [b'\r'] | [b'\r', b'\n', b'\r'] => return more(bytes.len(), 0),
        _ if bytes.starts_with(HEAD_END) => return Front::Ping,
        _ if bytes.starts_with(b"\r\n") => return Front::EmptyLine,
        _ => {}
    }
    let end = bytes
        .get(searched..)
        .unwrap_or_default()
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END);
    let Some(end) = end.map(|end| searched + end + HEAD_END.len()) else {
        return more(bytes.len(), bytes.len().saturating_sub(HEAD_END.len() - 1));
    };
    let Ok(split) = halves(&bytes[..end]) else {
        return Front::Broken(Cause::NotSip);
    };
    let Ok(head) = Message::read(&split) else {
        return Front::Broken(Cause::NotSip);
    };
    match head.declared_length() {
        Ok(Some(body)) if end + body > MESSAGE_BYTES_MAX => Front::Broken(Cause::TooLong),
        Ok(Some(body)) if bytes.len() < end + body => Front::More {
            least: end + body,
            searched: end - HEAD_END.len(),
        },
        Ok(Some(body)) => Front::Message(end + body),
        Ok(None) | Err(_) => Front::Broken(Cause::ContentLength),
    }
}

const fn more(length: usize, searched: usize) -> Front {
    if length >= MESSAGE_BYTES_MAX {
        Front::Broken(Cause::TooLong)
    } else {
        Front::More {
            least: length + 1,
            searched,
        }
    }
}

/// The message with a Content-Length that the stack cannot miss. The stack knows the field by
/// `Content-Length:` and `l:` alone; RFC 3261 §7.3.1 allows white space before the colon, and
/// where the stack sees no length it takes the body for the next message.
pub(super) fn plain_length(message: &[u8]) -> Cow<'_, [u8]> {
    let Some(end) = message
        .windows(HEAD_END.len())
        .position(|window| window == HEAD_END)
    else {
        return Cow::Borrowed(message);
    };
    let body = message.len() - end - HEAD_END.len();
    let head = &message[..end];
    let seen = head
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            line.iter()
                .position(|byte| *byte == b':')
                .map(|at| (line, at))
        })
        .find(|(line, at)| {
            let name = &line[..*at];
            name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l")
        })
        .and_then(|(line, at)| {
            std::str::from_utf8(&line[at + 1..])
                .ok()?
                .trim()
                .parse()
                .ok()
        });
    if seen == Some(body) {
        return Cow::Borrowed(message);
    }
    let first_line = head
        .windows(2)
        .position(|window| window == b"\r\n")
        .unwrap_or(end);
    let mut whole = message[..first_line].to_vec();
    whole.extend_from_slice(format!("\r\nContent-Length: {body}").as_bytes());
    whole.extend_from_slice(&message[first_line..]);
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: &str, body: &str) -> Vec<u8> {
        format!("OPTIONS sip:a@b SIP/2.0\r\nCSeq: 1 OPTIONS\r\n{length}\r\n\r\n{body}").into_bytes()
    }

    #[test]
    fn a_stream_is_cut_where_the_length_says() {
        let whole = message("Content-Length: 3", "abc");
        let mut searched = 0;
        for end in 0..whole.len() {
            let found = front(&whole[..end], searched);
            let Front::More {
                least,
                searched: so_far,
            } = found
            else {
                panic!("{end}: {found:?}");
            };
            assert!(least > end && least <= whole.len());
            searched = so_far;
        }
        let two = [whole.clone(), whole.clone()].concat();
        for searched in [0, searched] {
            assert_eq!(front(&two, searched), Front::Message(whole.len()));
        }
        assert_eq!(front(b"\r\n\r\nOPTIONS", 0), Front::Ping);
        assert_eq!(front(b"\r\nOPTIONS", 0), Front::EmptyLine);
    }

    #[test]
    fn what_has_no_length_breaks_the_stream() {
        for length in [
            "X: y",
            "Content-Length: -1",
            "Content-Length: +3",
            "Content-Length: 18446744073709551615",
            "Content-Length: 3 3",
            "l:",
        ] {
            let broken = front(&message(length, "abc"), 0);
            assert_eq!(broken, Front::Broken(Cause::ContentLength), "{length}");
        }
        let long = front(&message("Content-Length: 65535", "abc"), 0);
        assert_eq!(long, Front::Broken(Cause::TooLong));
        assert_eq!(front(&[b'a'; 70_000], 0), Front::Broken(Cause::TooLong));
        let garbage = front(b"\x16\x03\x01\r\n\r\n", 0);
        assert_eq!(garbage, Front::Broken(Cause::NotSip));
    }

    #[test]
    fn the_stack_reads_the_same_length() {
        for length in ["Content-Length: 3", "l:3", "CONTENT-LENGTH:   3"] {
            let message = message(length, "abc");
            assert_eq!(plain_length(&message), message, "{length}");
        }
        for length in ["Content-Length : 3", "Content-Length:\r\n 3", "l : 3"] {
            let message = message(length, "abc");
            let found = front(&message, 0);
            assert_eq!(found, Front::Message(message.len()), "{length}");
            let plain = String::from_utf8(plain_length(&message).into_owned()).expect("text");
            let expected = "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 3\r\nCSeq: 1 OPTIONS\r\n";
            assert!(plain.starts_with(expected), "{plain}");
        }
    }
}

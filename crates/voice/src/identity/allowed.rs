//! The header fields that may leave us. A field that is not on the list is taken off on the way
//! out, so that no change of the stack and no slip of ours can carry one over from the other leg.

use crate::message::Message;

/// What a call needs (RFC 3261 §20, RFC 3262, RFC 3325, RFC 4028, RFC 6086), without the fields that tell
/// about the other side or about us: Reason, Warning, Subject, Organization, Call-Info,
/// Alert-Info, Diversion, History-Info, Session-ID, User-to-User, Date, Referred-By.
const ALLOWED: [&str; 37] = [
    "Accept",
    "Accept-Encoding",
    "Allow",
    "Authorization",
    "CSeq",
    "Call-ID",
    "Contact",
    "Content-Disposition",
    "Content-Length",
    "Content-Type",
    "Expires",
    "From",
    "Max-Forwards",
    "Min-SE",
    "P-Asserted-Identity",
    "Privacy",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "RAck",
    "RSeq",
    "Record-Route",
    "Recv-Info",
    "Remote-Party-ID",
    "Require",
    "Retry-After",
    "Route",
    "Server",
    "Session-Expires",
    "Supported",
    "Timestamp",
    "To",
    "Unsupported",
    "User-Agent",
    "Via",
    "WWW-Authenticate",
    "Authentication-Info",
    "MIME-Version",
];

/// Whether a field of that name may leave us.
#[must_use]
pub fn is_allowed_outside(name: &str) -> bool {
    ALLOWED
        .iter()
        .any(|allowed| allowed.eq_ignore_ascii_case(name))
}

/// The names of a message's fields that may not leave us.
#[must_use]
pub fn unexpected_headers<'m>(message: &'m Message<'_>) -> Vec<&'m str> {
    let names = message.headers().iter().map(|header| header.name);
    names.filter(|name| !is_allowed_outside(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::halves;

    #[test]
    fn fields_that_tell_about_the_other_side_are_found_in_short_form_too() {
        let text = "BYE sip:x@y SIP/2.0\r\nf: <sip:a@b>\r\nReason: SIP;cause=200\r\ns: hello\r\nX-A: 1\r\n\r\n";
        let halves = halves(text.as_bytes()).expect("a head");
        let message = Message::read(&halves).expect("a message");
        assert_eq!(unexpected_headers(&message), ["Reason", "Subject", "X-A"]);
    }
}

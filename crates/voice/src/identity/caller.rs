//! Who calls, from an INVITE that starts a call.

use axbridge_domain::{phone::PhoneNumber, trunk::CallerIdHeader};

use super::number_of;
use crate::message::{Message, NameAddr};

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Caller {
    /// The number, if the trunk told one; by it the call is routed.
    pub number: Option<PhoneNumber>,
    /// Whether the caller asked not to be shown (RFC 3323 §4.2, RFC 3325 §9.3). Then the number
    /// decides where the call goes, and X is shown whatever the binding says.
    pub withheld: bool,
}

impl Caller {
    /// Reads the caller from the field that the trunk vouches for. A field that is missing or
    /// holds no number leaves the caller unknown: what an unvouched field says is not believed.
    #[must_use]
    pub fn read(message: &Message<'_>, header: CallerIdHeader) -> Self {
        let name = match header {
            CallerIdHeader::From => "From",
            CallerIdHeader::PAssertedIdentity => "P-Asserted-Identity",
            CallerIdHeader::RemotePartyId => "Remote-Party-ID",
        };
        // RFC 3325 §9.1 allows two values, a sip and a tel URI.
        let number = message.list(name).find_map(number_in);
        Self {
            number,
            withheld: is_withheld(message),
        }
    }
}

fn number_in(value: &str) -> Option<PhoneNumber> {
    number_of(&NameAddr::parse(value).ok()?.parsed_uri().ok()?)
}

fn is_withheld(message: &Message<'_>) -> bool {
    let hides = |privacy: &str| {
        let privacy = privacy.trim();
        let mut hiding = ["id", "user", "header"].iter();
        hiding.any(|word| word.eq_ignore_ascii_case(privacy))
    };
    let asked = message
        .all("Privacy")
        .flat_map(|value| value.split([';', ',']))
        .any(hides);
    let hidden_party = message.list("Remote-Party-ID").any(|value| {
        NameAddr::parse(value)
            .ok()
            .and_then(|party| party.parameter("privacy"))
            .is_some_and(|privacy| !privacy.trim_matches('"').eq_ignore_ascii_case("off"))
    });
    asked || hidden_party || message.first("From").is_some_and(is_anonymous)
}

/// RFC 3323 §4.1.1.3: `"Anonymous" <sip:anonymous@anonymous.invalid>`.
fn is_anonymous(from: &str) -> bool {
    let Some(uri) = NameAddr::parse(from)
        .ok()
        .and_then(|from| from.parsed_uri().ok())
    else {
        return false;
    };
    uri.user.eq_ignore_ascii_case("anonymous") || uri.host.eq_ignore_ascii_case("anonymous.invalid")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::halves;

    fn caller(header: CallerIdHeader, headers: &str) -> (Option<String>, bool) {
        let text = format!("INVITE sip:x@y SIP/2.0\r\n{headers}\r\n\r\n");
        let halves = halves(text.as_bytes()).expect("a head");
        let caller = Caller::read(&Message::read(&halves).expect("a message"), header);
        let number = caller.number.map(|number| number.expose().to_string());
        (number, caller.withheld)
    }

    #[test]
    fn only_the_field_that_the_trunk_vouches_for_is_believed() {
        let all = "From: <sip:13700000001@h>;tag=1\r\n\
                   P-Asserted-Identity: <tel:+86-137-0000-0002>\r\n\
                   Remote-Party-ID: <sip:13700000003@h>;party=calling;privacy=off";
        let number = |text: &str| (Some(text.to_owned()), false);
        assert_eq!(caller(CallerIdHeader::From, all), number("13700000001"));
        let asserted = caller(CallerIdHeader::PAssertedIdentity, all);
        assert_eq!(asserted, number("13700000002"));
        let party = caller(CallerIdHeader::RemotePartyId, all);
        assert_eq!(party, number("13700000003"));
        let from_only = "From: <sip:13700000001@h>;tag=1";
        let asserted = caller(CallerIdHeader::PAssertedIdentity, from_only);
        assert_eq!(asserted, (None, false));
    }

    #[test]
    fn a_withheld_number_is_known_and_marked() {
        let asserted = "From: \"Anonymous\" <sip:anonymous@anonymous.invalid>;tag=1\r\n\
                        P-Asserted-Identity: \"x\" <sip:alice@h>, <tel:+8613700000002>";
        let hidden = |text: &str| (Some(text.to_owned()), true);
        let read = caller(CallerIdHeader::PAssertedIdentity, asserted);
        assert_eq!(read, hidden("13700000002"));
        assert_eq!(caller(CallerIdHeader::From, asserted), (None, true));
        for privacy in [
            "Privacy: id",
            "Privacy: user;critical",
            "Remote-Party-ID: <sip:1@h>;privacy=full",
        ] {
            let headers = format!("From: <sip:13700000001@h>;tag=1\r\n{privacy}");
            let read = caller(CallerIdHeader::From, &headers);
            assert_eq!(read, hidden("13700000001"), "{privacy}");
        }
        let none = "From: <sip:13700000001@h>;tag=1\r\nPrivacy: none";
        let read = caller(CallerIdHeader::From, none);
        assert_eq!(read, (Some("13700000001".to_owned()), false));
    }
}

//! What was dialled, from an INVITE that starts a call.

use axbridge_domain::{phone::PhoneNumber, trunk::DialledIn};

use super::number_of;
use crate::message::{NameAddr, Uri};

/// The number dialled, read where the trunk puts it; `None` if none stands there.
#[must_use]
pub fn dialled_number(place: DialledIn, request_uri: &Uri<'_>, to: &str) -> Option<PhoneNumber> {
    match place {
        DialledIn::RequestUri => number_of(request_uri),
        DialledIn::To => number_of(&NameAddr::parse(to).ok()?.parsed_uri().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(place: DialledIn, uri: &str, to: &str) -> Option<String> {
        let uri = Uri::parse(uri).expect("a URI");
        dialled_number(place, &uri, to).map(|number| number.expose().to_string())
    }

    #[test]
    fn the_number_is_read_where_the_trunk_puts_it() {
        let x = Some("02131075869".to_owned());
        let in_uri = |uri| read(DialledIn::RequestUri, uri, "<sip:13700000009@y>");
        assert_eq!(in_uri("sip:+862131075869@192.0.2.1;user=phone"), x);
        assert_eq!(in_uri("tel:021-31075869;phone-context=+86"), x);
        assert_eq!(in_uri("sip:021%33107586%39;npdi@h"), x);
        assert_eq!(in_uri("sip:alice@h"), None);
        assert_eq!(in_uri("sip:h"), None);
        assert_eq!(in_uri("sip:*31#13700000000@h"), None);
        assert_eq!(
            in_uri(&format!("sip:{}13700000000@h", "-".repeat(60))),
            None
        );
        let in_to = |to| read(DialledIn::To, "sip:gateway@h", to);
        assert_eq!(in_to("\"X\" <sip:02131075869@h>"), x);
        assert_eq!(in_to("<sip:gateway@h>"), None);
    }
}

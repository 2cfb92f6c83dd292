//! Who calls, what was dialled, and what the other side is shown: phone numbers in SIP's header
//! fields, by the rules of a trunk.
//!
//! Reading is generous in form and strict in meaning: a text is a number of mainland China or it
//! is none. Writing takes the one number that may be shown and puts it in the one form that the
//! trunk wants; nothing of the other leg gets here. How numbers are written is the domain's
//! (`axbridge_domain::trunk`), where they stand in a message is told here.

mod allowed;
mod caller;
mod dialled;
mod shown;

pub use allowed::{is_allowed_outside, unexpected_headers};
pub use caller::Caller;
pub use dialled::dialled_number;
pub use shown::Shown;

use axbridge_domain::{phone::PhoneNumber, trunk::read_number};

use crate::message::Uri;

/// The longest user part that may be a number, with everything around the digits.
const USER_BYTES_MAX: usize = 48;

/// The number that a URI names, without the visual separators of RFC 3966 §5.1.1.
fn number_of(uri: &Uri<'_>) -> Option<PhoneNumber> {
    let user = uri.plain_user();
    if user.len() > USER_BYTES_MAX {
        return None;
    }
    let is_separator = |char: char| matches!(char, '-' | '.' | '(' | ')');
    let digits: String = user.chars().filter(|char| !is_separator(*char)).collect();
    read_number(&digits)
}

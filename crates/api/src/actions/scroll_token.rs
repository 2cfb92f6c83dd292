//! `NextToken` of a scroll: where the last page ended, which listing it was, and
//! until when the token is taken. It is opaque to clients and holds no secret;
//! a forged one shows nothing that the same key could not list anyway.

use aws_lc_rs::digest::{SHA256, digest};
use axbridge_app::AppError;
use axbridge_app::model::NumberFilter;
use axbridge_domain::phone::PhoneNumber;
use axbridge_domain::time::Timestamp;

/// How long a token is taken.
pub(super) const LIFE_S: i64 = 3600;

const DIGEST_BYTES: usize = 8;
const BYTES: usize = 8 + 8 + DIGEST_BYTES;

/// A token that ends at `expires_at`, for the listing of `filter` that has come
/// to `last`.
pub(super) fn write(filter: &NumberFilter, last: PhoneNumber, expires_at: Timestamp) -> String {
    let mut bytes = Vec::with_capacity(BYTES);
    bytes.extend(expires_at.unix_s().to_be_bytes());
    bytes.extend(last.to_bits().to_be_bytes());
    bytes.extend(listing(filter));
    hex::encode(bytes)
}

/// The number that the last page ended with.
///
/// # Errors
/// [`AppError::Invalid`] when the token is none of ours, is of another listing,
/// or has expired.
pub(super) fn read(
    token: &str,
    filter: &NumberFilter,
    now: Timestamp,
) -> Result<PhoneNumber, AppError> {
    let refuse = |why: &str| {
        AppError::invalid(
            "NextToken",
            format!("{why}; leave it out to start from the beginning"),
        )
    };
    let bytes: [u8; BYTES] = hex::decode(token)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| refuse("it is no token of NumberListScroll"))?;
    let number = |at: usize| {
        let mut eight = [0; 8];
        eight.copy_from_slice(&bytes[at..at + 8]);
        eight
    };
    if bytes[16..] != listing(filter) {
        return Err(refuse("it belongs to a listing with other filters"));
    }
    if now.unix_s() >= i64::from_be_bytes(number(0)) {
        return Err(refuse("it has expired"));
    }
    PhoneNumber::from_bits(u64::from_be_bytes(number(8)))
        .ok_or_else(|| refuse("it is no token of NumberListScroll"))
}

/// What tells one listing from another.
fn listing(filter: &NumberFilter) -> [u8; DIGEST_BYTES] {
    let NumberFilter {
        account,
        pool,
        kind,
        state,
        numbers,
        landline,
        city,
    } = filter;
    let numbers: Vec<u64> = numbers.iter().map(|number| number.to_bits()).collect();
    let text = format!(
        "{account:?};{pool:?};{kind:?};{state:?};{numbers:?};{landline:?};{:?}",
        city.map(|city| city.to_bits())
    );
    let mut short = [0; DIGEST_BYTES];
    short.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..DIGEST_BYTES]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_unix_s(1_748_949_702);

    fn x() -> PhoneNumber {
        PhoneNumber::parse("17000000010").expect("a number")
    }

    #[test]
    fn a_token_reads_back_until_it_expires() {
        let filter = NumberFilter::default();
        let token = write(&filter, x(), NOW.plus_ms(LIFE_S * 1000));
        assert_eq!(read(&token, &filter, NOW), Ok(x()));
        let last_moment = NOW.plus_ms(LIFE_S * 1000 - 1);
        assert_eq!(read(&token, &filter, last_moment), Ok(x()));
        let too_late = read(&token, &filter, NOW.plus_ms(LIFE_S * 1000));
        assert!(too_late.is_err_and(|error| error.to_string().contains("expired")));
    }

    #[test]
    fn a_token_is_of_one_listing_only() {
        let token = write(&NumberFilter::default(), x(), NOW.plus_ms(1000));
        let other = NumberFilter {
            landline: Some(true),
            ..NumberFilter::default()
        };
        let refused = read(&token, &other, NOW);
        assert!(refused.is_err_and(|error| error.to_string().contains("other filters")));
    }

    #[test]
    fn hostile_tokens_are_refused() {
        let filter = NumberFilter::default();
        let token = write(&filter, x(), NOW.plus_ms(1000));
        let of_no_number = format!("{}{}{}", &token[..16], "00".repeat(8), &token[32..]);
        let hostile = [
            "",
            "zz",
            "00",
            "好",
            &token[1..],
            &token[..46],
            &of_no_number,
        ];
        for token in hostile {
            assert!(read(token, &filter, NOW).is_err(), "{token}");
        }
    }
}

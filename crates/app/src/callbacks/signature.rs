//! How a receiver knows who sent a callback (vendor doc 6358/173362).

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};

/// `authCode`: hex(SHA256(timestamp + hex(SHA256(body)) + token)).
#[must_use]
pub fn auth_code(timestamp: &str, body: &[u8], token: &str) -> String {
    let body = hex::encode(digest(&SHA256, body));
    let signed = format!("{timestamp}{body}{token}");
    hex::encode(digest(&SHA256, signed.as_bytes()))
}

/// The URL with the two parameters of the signature behind what it has.
#[must_use]
pub fn signed_url(url: &str, timestamp: &str, auth_code: &str) -> String {
    let (url, fragment) = url.split_once('#').unwrap_or((url, ""));
    let joint = match url.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some((_, query)) if query.ends_with('&') => "",
        Some(_) => "&",
    };
    let mut signed = format!("{url}{joint}timestamp={timestamp}&authCode={auth_code}");
    if !fragment.is_empty() {
        let _ = write!(signed, "#{fragment}");
    }
    signed
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "8090de7b7bab3d9e626280f635a60a8453d2ba75403f13aac3f4d5dccf6c2264";

    #[test]
    fn the_vendors_example_comes_out() {
        let body = br#"{"callId":"abcdefg","accountId":"123456789"}"#;
        let code = auth_code("1622539884", body, "8D202AC288");
        assert_eq!(code, CODE);
        assert_eq!(
            signed_url("http://example.com/path", "1622539884", &code),
            format!("http://example.com/path?timestamp=1622539884&authCode={CODE}")
        );
    }

    #[test]
    fn a_query_that_is_there_stays_in_front() {
        let signed = |url: &str| signed_url(url, "1", "c");
        for (url, start) in [
            ("https://a.example/p?k=v", "https://a.example/p?k=v&"),
            ("https://a.example/p?k=v&", "https://a.example/p?k=v&"),
            ("https://a.example/p?", "https://a.example/p?"),
            ("https://a.example/p", "https://a.example/p?"),
        ] {
            assert_eq!(signed(url), format!("{start}timestamp=1&authCode=c"));
        }
        assert_eq!(
            signed("https://a.example/p#part"),
            "https://a.example/p?timestamp=1&authCode=c#part"
        );
    }
}

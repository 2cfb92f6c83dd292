//! An HTTP request as text, read without complaint. Not an HTTP parser: what a
//! server would refuse before our code sees it is left out.

use axbridge_api::signature::RequestParts;
use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// A request as the gateway gets to see it.
pub(super) struct HttpRequest {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) raw_query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl HttpRequest {
    /// Reads a request line, headers, an empty line and a body. A line feed at
    /// the very end is the file's, not the body's. Headers that HTTP does not
    /// allow are dropped.
    pub(super) fn read(data: &[u8]) -> Self {
        let blank_line = data.windows(2).position(|two| two == b"\n\n");
        let (head, body) = match blank_line {
            Some(at) => (&data[..at], &data[at + 2..]),
            None => (data, &b""[..]),
        };
        let mut lines = head.split(|&byte| byte == b'\n');
        let request_line = String::from_utf8_lossy(lines.next().unwrap_or_default());
        let mut words = request_line.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = HeaderMap::new();
        for line in lines {
            let Some(colon) = line.iter().position(|&byte| byte == b':') else {
                continue;
            };
            let name = HeaderName::from_bytes(&line[..colon]);
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
            if let (Ok(name), Ok(value)) = (name, value) {
                headers.append(name, value);
            }
        }
        Self {
            method,
            path: path.to_owned(),
            raw_query: raw_query.to_owned(),
            headers,
            body: body.strip_suffix(b"\n").unwrap_or(body).to_vec(),
        }
    }

    /// A GET for `/` with this query and no header.
    pub(super) fn get(raw_query: &str) -> Self {
        Self {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            raw_query: raw_query.to_owned(),
            headers: HeaderMap::new(),
            body: Vec::new(),
        }
    }

    /// Sets a header, in the place of all of its name.
    pub(super) fn set(&mut self, name: &'static str, value: &str) {
        let value = HeaderValue::from_str(value).expect("signers write plain text");
        self.headers.insert(name, value);
    }

    /// The `Host` header, if it is text.
    pub(super) fn host(&self) -> Option<&str> {
        let value = self.headers.get("host")?;
        value.to_str().ok()
    }

    /// What a signature speaks about.
    pub(super) fn parts(&self) -> RequestParts<'_> {
        RequestParts {
            method: &self.method,
            path: &self.path,
            raw_query: &self.raw_query,
            headers: &self.headers,
            host: self.host(),
            body: &self.body,
        }
    }
}

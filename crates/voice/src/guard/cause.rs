//! Why messages were turned away, and how often.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident = $label:literal;)+) => {
        /// Why a message was turned away.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Cause {
            $($(#[$doc])* $name,)+
        }

        impl Cause {
            /// All of them, in the order of their counters.
            pub const ALL: &'static [Cause] = &[$(Cause::$name),+];

            /// The name in metrics and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Cause::$name => $label,)+ }
            }
        }
    };
}

causes! {
    /// The source address belongs to no trunk, or not over this transport.
    Stranger = "stranger";
    /// The source sends more messages than it may.
    Flood = "flood";
    /// A TLS handshake that failed or took too long.
    Handshake = "handshake";
    /// The source starts more calls than it may.
    CallRate = "call_rate";
    /// More calls to one X than it may get.
    XRate = "x_rate";
    /// A User-Agent on the list of scanners.
    Scanner = "scanner";
    /// Too long for the transport or altogether.
    TooLong = "too_long";
    /// Not a SIP message.
    NotSip = "not_sip";
    /// A NUL, or a CR or LF by itself.
    StrayControl = "stray_control";
    /// Too many header fields, a header field too long, or too many hops.
    HeaderLimit = "header_limit";
    /// Another version of SIP.
    Version = "version";
    /// The header section is not UTF-8.
    NotUtf8 = "not_utf8";
    /// A header field that must be there once is missing.
    HeaderMissing = "header_missing";
    /// A header field that must be there once is there more often.
    HeaderRepeated = "header_repeated";
    /// A Via that cannot be read.
    Via = "via";
    /// A From, To or Contact that cannot be read, or a From without a tag.
    Address = "address";
    /// A CSeq without a number below 2^31, or of another method.
    CSeq = "cseq";
    /// A Call-ID that cannot be one.
    CallId = "call_id";
    /// A Content-Length that does not fit the body.
    ContentLength = "content_length";
    /// A Max-Forwards that is no number up to 255.
    MaxForwards = "max_forwards";
    /// Max-Forwards ran out.
    TooManyHops = "too_many_hops";
    /// Another header field that breaks its grammar.
    HeaderForm = "header_form";
    /// A Request-URI that cannot be read.
    RequestUri = "request_uri";
    /// A Request-URI of a scheme that is not called, or `sips` without TLS.
    UriScheme = "uri_scheme";
    /// `%00` in a URI.
    EscapedNul = "escaped_nul";
    /// A method that nobody knows.
    UnknownMethod = "unknown_method";
    /// A method that is not for a trunk: REGISTER, SUBSCRIBE, REFER and others.
    MethodNotAllowed = "method_not_allowed";
    /// An extension is required that is not supported.
    Extension = "extension";
    /// A body of another type, encoding or purpose.
    ContentType = "content_type";
    /// A session description that cannot be read.
    BadSdp = "bad_sdp";
    /// A session description without an audio stream that we speak.
    NoAudio = "no_audio";
    /// The peer accepts no session description.
    NotAcceptable = "not_acceptable";
    /// What was dialled is no phone number.
    DialledForm = "dialled_form";
    /// A call from a trunk that is for outgoing calls alone.
    Outbound = "outbound_only";
    /// A response that cannot be one of ours.
    Response = "response";
    /// Credentials are asked for.
    Challenged = "challenged";
    /// The credentials are wrong.
    Credentials = "credentials";
}

/// How often each cause came up since the start.
#[derive(Debug)]
pub struct Counters([AtomicU64; Cause::ALL.len()]);

impl Default for Counters {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Counters {
    pub(super) fn count(&self, cause: Cause) {
        self.0[cause as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often `cause` came up.
    #[must_use]
    pub fn of(&self, cause: Cause) -> u64 {
        self.0[cause as usize].load(Ordering::Relaxed)
    }

    /// Every cause with its count.
    pub fn all(&self) -> impl Iterator<Item = (Cause, u64)> {
        Cause::ALL.iter().map(|cause| (*cause, self.of(*cause)))
    }
}

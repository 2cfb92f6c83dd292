//! The one table of a trunk's fields: their names, what they mean, how they are read and written.
//! Storage keeps a trunk as the text that [`Trunk::to_text`] makes of it, so a new field needs no
//! change of the schema.

use std::{fmt, fmt::Display, str::FromStr};

use super::{
    CallerIdHeader, DialledIn, DigestAlgorithm, NumberForm, Trunk, TrunkCodec, TrunkName,
    number_form::is_prefix,
};
use crate::limits;

/// One field of a trunk.
pub struct TrunkField {
    /// Its name, as the API has it.
    pub name: &'static str,
    /// Whether it is a list, its items separated by commas or line breaks.
    pub is_list: bool,
    /// What it means.
    pub doc: &'static str,
    get: fn(&Trunk) -> String,
    set: fn(&mut Trunk, &str) -> Result<(), String>,
}

impl fmt::Debug for TrunkField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// A field does not take this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrunkFieldError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong, and what to write instead.
    pub why: String,
}

impl TrunkFieldError {
    pub(super) fn new(field: &'static str, why: impl Into<String>) -> Self {
        Self {
            field,
            why: why.into(),
        }
    }
}

impl Display for TrunkFieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.why)
    }
}

impl std::error::Error for TrunkFieldError {}

macro_rules! field {
    ($name:literal, $doc:literal, $place:ident, $get:expr, $set:expr) => {
        TrunkField {
            name: $name,
            is_list: false,
            doc: $doc,
            get: |trunk| $get(&trunk.$place),
            set: |trunk, text| {
                trunk.$place = $set(text)?;
                Ok(())
            },
        }
    };
    ($name:literal, $doc:literal, $place:ident, list $most:expr) => {
        TrunkField {
            name: $name,
            is_list: true,
            doc: $doc,
            get: |trunk| write_list(&trunk.$place),
            set: |trunk, text| {
                trunk.$place = read_list(text, $most)?;
                Ok(())
            },
        }
    };
}

/// Every field but the name, in the order of the reference page.
pub const FIELDS: &[TrunkField] = &[
    field!(
        "Enabled",
        "Whether it is used at all.",
        enabled,
        write,
        read_flag
    ),
    field!(
        "Inbound",
        "Whether calls may come over it.",
        inbound,
        write,
        read_flag
    ),
    field!(
        "Outbound",
        "Whether calls may go over it.",
        outbound,
        write,
        read_flag
    ),
    field!(
        "Peers",
        "Where calls go: address[:port] or name[:port], then ;transport=udp, tcp or tls, \
         ;priority=N (the smallest first) and ;weight=N.",
        peers,
        list limits::PEERS_PER_TRUNK_MAX
    ),
    field!(
        "Networks",
        "From where its signalling may come, such as 192.0.2.0/24; empty is the addresses of its \
         peers. Nobody else is heard.",
        networks,
        list limits::NETWORKS_PER_TRUNK_MAX
    ),
    field!(
        "MediaNetworks",
        "From where its sound may come when SymmetricRtp is on; empty is where its signalling may \
         come from.",
        media_networks,
        list limits::NETWORKS_PER_TRUNK_MAX
    ),
    field!(
        "OutboundUser",
        "The user name with which its challenges are answered; the password is OutboundPassword.",
        outbound_user,
        String::clone,
        read_user
    ),
    field!(
        "InboundUser",
        "The user name that it must answer our challenges with; the password is InboundPassword. \
         Empty challenges nothing.",
        inbound_user,
        String::clone,
        read_user
    ),
    TrunkField {
        name: "InboundAlgorithms",
        is_list: true,
        doc: "What it may answer our challenges with, the liked one first: sha-256, md5. Much gear \
              reads only the first challenge and knows only md5; name md5 alone for it.",
        get: |trunk| write_words(ALGORITHMS, &trunk.inbound_algorithms),
        set: |trunk, text| {
            trunk.inbound_algorithms = read_words(ALGORITHMS, text)?;
            Ok(())
        },
    },
    field!(
        "CallerIdForm",
        "How the number of who calls is written: national, +86 or 0086.",
        caller_id_form,
        write_word(FORMS),
        |text| read_word(FORMS, text)
    ),
    field!(
        "CallerIdHeader",
        "Which header carries it, both ways: From, P-Asserted-Identity or Remote-Party-ID.",
        caller_id_header,
        write_word(HEADERS),
        |text| read_word(HEADERS, text)
    ),
    field!(
        "DialledForm",
        "How the dialled number is written where no prefix rule says otherwise: national, +86 or \
         0086.",
        dialled_form,
        write_word(FORMS),
        |text| read_word(FORMS, text)
    ),
    field!(
        "DialledIn",
        "Where it writes the number that was dialled: Request-URI or To.",
        dialled_in,
        write_word(PLACES),
        |text| read_word(PLACES, text)
    ),
    field!(
        "PrefixRules",
        "Which numbers it takes and how they are dialled: 13 takes numbers that begin so, \
         010>8010 dials another beginning, * begins every number. The longest decides; empty takes \
         all.",
        prefix_rules,
        list limits::PREFIX_RULES_PER_TRUNK_MAX
    ),
    TrunkField {
        name: "ShownPrefixes",
        is_list: true,
        doc: "Beginnings of the numbers that it may show to the callee; empty shows all.",
        get: |trunk| write_list(&trunk.shown_prefixes),
        set: |trunk, text| {
            let read: Vec<String> = read_list(text, limits::PREFIX_RULES_PER_TRUNK_MAX)?;
            if !read.iter().all(|prefix| is_prefix(prefix)) {
                return Err("a beginning of a number is digits, such as 170".to_owned());
            }
            trunk.shown_prefixes = read;
            Ok(())
        },
    },
    TrunkField {
        name: "Codecs",
        is_list: true,
        doc: "Codecs, the liked ones first: pcma, pcmu.",
        get: |trunk| write_words(CODECS, &trunk.codecs),
        set: |trunk, text| {
            trunk.codecs = read_words(CODECS, text)?;
            Ok(())
        },
    },
    field!(
        "CallsMax",
        "The most calls on it at once; 0 is no limit.",
        calls_max,
        |most: &Option<u32>| write(&most.unwrap_or(0)),
        |text| read_whole(text, limits::CALLS_PER_TRUNK_MAX).map(|most| (most > 0).then_some(most))
    ),
    field!(
        "SymmetricRtp",
        "Whether its sound is answered to where it comes from, for peers behind address \
         translation.",
        symmetric_rtp,
        write,
        read_flag
    ),
    field!(
        "AnswerRefusals",
        "Whether a refused call is answered so that its announcement is heard; otherwise it is \
         played as early media before the refusal.",
        answer_refusals,
        write,
        read_flag
    ),
    TrunkField {
        name: "TlsName",
        is_list: false,
        doc: "The name that a peer's certificate must bear over TLS; empty is the peer's own name or \
              address.",
        get: |trunk| trunk.tls_name.clone(),
        set: |trunk, text| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte);
            if text.len() > limits::HOST_CHARS_MAX || !text.bytes().all(fits) {
                return Err("it is a name as it stands in a certificate, such as \
                            sip.carrier.example.com"
                    .to_owned());
            }
            trunk.tls_name = text.to_owned();
            Ok(())
        },
    },
    field!(
        "KeepAliveSeconds",
        "Seconds between two OPTIONS to each peer; 0 sends none and takes every peer as up.",
        keep_alive_s,
        write,
        |text| read_whole(text, limits::TRUNK_KEEP_ALIVE_S_MAX)
    ),
    field!(
        "Priority",
        "Trunks with the smallest priority that take a number are tried first.",
        priority,
        write,
        |text| read_whole(text, u16::MAX)
    ),
    field!(
        "Weight",
        "How often it is chosen among trunks of its priority.",
        weight,
        write,
        |text| read_whole(text, u16::MAX)
    ),
];

const FORMS: &[(&str, NumberForm)] = &[
    ("national", NumberForm::National),
    ("+86", NumberForm::Plus86),
    ("0086", NumberForm::Prefix0086),
];

const HEADERS: &[(&str, CallerIdHeader)] = &[
    ("From", CallerIdHeader::From),
    ("P-Asserted-Identity", CallerIdHeader::PAssertedIdentity),
    ("Remote-Party-ID", CallerIdHeader::RemotePartyId),
];

const PLACES: &[(&str, DialledIn)] = &[
    ("Request-URI", DialledIn::RequestUri),
    ("To", DialledIn::To),
];

const ALGORITHMS: &[(&str, DigestAlgorithm)] = &[
    ("sha-256", DigestAlgorithm::Sha256),
    ("md5", DigestAlgorithm::Md5),
];

const CODECS: &[(&str, TrunkCodec)] = &[("pcma", TrunkCodec::Pcma), ("pcmu", TrunkCodec::Pcmu)];

/// The most characters of a user name for digest.
const USER_CHARS_MAX: usize = 128;

impl Trunk {
    /// Sets a field from text.
    ///
    /// # Errors
    /// There is no such field, or it does not take the value; then nothing has changed.
    pub fn set(&mut self, field: &str, text: &str) -> Result<(), TrunkFieldError> {
        let field = field_of(field)?;
        (field.set)(self, text.trim()).map_err(|why| TrunkFieldError::new(field.name, why))
    }

    /// A field as text, as [`Trunk::set`] reads it; `None` when there is no such field.
    #[must_use]
    pub fn get(&self, field: &str) -> Option<String> {
        field_of(field).ok().map(|field| (field.get)(self))
    }

    /// All fields as text, one `Name value` a line.
    #[must_use]
    pub fn to_text(&self) -> String {
        let line = |field: &TrunkField| format!("{} {}\n", field.name, (field.get)(self));
        FIELDS.iter().map(line).collect()
    }

    /// Reads [`Trunk::to_text`]; fields that are not there have their defaults.
    ///
    /// # Errors
    /// The first line that makes no sense.
    pub fn from_text(name: TrunkName, text: &str) -> Result<Self, TrunkFieldError> {
        let mut trunk = Self::new(name);
        for line in text.lines() {
            let (field, value) = line.split_once(' ').unwrap_or((line, ""));
            trunk.set(field, value)?;
        }
        Ok(trunk)
    }
}

fn field_of(name: &str) -> Result<&'static TrunkField, TrunkFieldError> {
    let mut fields = FIELDS.iter();
    let found = fields.find(|field| field.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| TrunkFieldError::new("Name", format!("a trunk has no field {name}")))
}

fn write(value: &impl Display) -> String {
    value.to_string()
}

fn items(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split([',', '\n']).map(str::trim);
    parts.filter(|item| !item.is_empty())
}

fn write_list<T: Display>(values: &[T]) -> String {
    let texts: Vec<String> = values.iter().map(T::to_string).collect();
    texts.join(",")
}

fn read_list<T>(text: &str, most: usize) -> Result<Vec<T>, String>
where
    T: FromStr,
    T::Err: Display,
{
    if items(text).count() > most {
        return Err(format!("at most {most} may stand there"));
    }
    let read = |item: &str| item.parse().map_err(|why| format!("`{item}`: {why}"));
    items(text).map(read).collect()
}

fn read_flag(text: &str) -> Result<bool, String> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("it is true or false".to_owned()),
    }
}

fn read_whole<T>(text: &str, most: T) -> Result<T, String>
where
    T: FromStr + Display + PartialOrd,
{
    let read: Option<T> = text.parse().ok().filter(|read| *read <= most);
    read.ok_or_else(|| format!("it is a whole number from 0 to {most}"))
}

fn read_user(text: &str) -> Result<String, String> {
    // It goes into a quoted string of a header (RFC 3261 §25.1).
    let fits = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    if text.len() <= USER_CHARS_MAX && text.bytes().all(fits) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "it is at most {USER_CHARS_MAX} visible ASCII characters without quotes, spaces and \
             backslashes"
        ))
    }
}

fn word<T: PartialEq>(words: &'static [(&'static str, T)], value: &T) -> &'static str {
    let mut words = words.iter();
    words
        .find(|(_, known)| known == value)
        .map_or("", |(word, _)| *word)
}

fn write_words<T: PartialEq>(words: &'static [(&'static str, T)], values: &[T]) -> String {
    let texts: Vec<&str> = values.iter().map(|value| word(words, value)).collect();
    texts.join(",")
}

/// Each item once, in the order of the text.
fn read_words<T>(words: &'static [(&'static str, T)], text: &str) -> Result<Vec<T>, String>
where
    T: Copy + PartialEq,
{
    let mut values = Vec::new();
    for item in items(text) {
        let value = read_word(words, item)?;
        if !values.contains(&value) {
            values.push(value);
        }
    }
    Ok(values)
}

fn write_word<T: PartialEq>(words: &'static [(&'static str, T)]) -> impl Fn(&T) -> String {
    move |value| word(words, value).to_owned()
}

fn read_word<T: Copy>(words: &'static [(&'static str, T)], text: &str) -> Result<T, String> {
    let mut known = words.iter();
    let found = known.find(|(word, _)| word.eq_ignore_ascii_case(text));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("it is one of {}", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> TrunkName {
        "carrier".parse().expect("a name")
    }

    #[test]
    fn a_trunk_survives_its_text() {
        let mut trunk = Trunk::new(name());
        for (field, text) in [
            (
                "peers",
                "192.0.2.7;weight=2\n[2001:db8::1]:5070;transport=tls",
            ),
            ("Networks", " 192.0.2.0/24 , 2001:db8::/32,"),
            ("MediaNetworks", "203.0.113.0/24"),
            ("OutboundUser", "axbridge"),
            ("InboundUser", "carrier"),
            ("CallerIdForm", "+86"),
            ("CallerIdHeader", "p-asserted-identity"),
            ("DialledForm", "0086"),
            ("DialledIn", "to"),
            ("PrefixRules", "13,*>9"),
            ("ShownPrefixes", "170,171"),
            ("Codecs", "pcmu,PCMA,pcmu"),
            ("InboundAlgorithms", "MD5,sha-256"),
            ("CallsMax", "30"),
            ("SymmetricRtp", "1"),
            ("AnswerRefusals", "true"),
            ("TlsName", "sip.carrier.example.com"),
            ("KeepAliveSeconds", "0"),
            ("Priority", "7"),
            ("Weight", "65535"),
            ("Inbound", "false"),
        ] {
            trunk.set(field, text).expect("fits");
        }
        assert_eq!(trunk.calls_max, Some(30));
        assert_eq!(trunk.codecs, [TrunkCodec::Pcmu, TrunkCodec::Pcma]);
        let algorithms = [DigestAlgorithm::Md5, DigestAlgorithm::Sha256];
        assert_eq!(trunk.inbound_algorithms, algorithms);
        assert_eq!(
            trunk.get("Networks").as_deref(),
            Some("192.0.2.0/24,2001:db8::/32")
        );
        let read = Trunk::from_text(name(), &trunk.to_text());
        assert_eq!(read, Ok(trunk));
        let plain = Trunk::new(name());
        assert_eq!(
            Trunk::from_text(name(), &plain.to_text()),
            Ok(plain.clone())
        );
        assert_eq!(Trunk::from_text(name(), ""), Ok(plain));
    }

    #[test]
    fn a_refused_value_changes_nothing_and_says_why() {
        let before = Trunk::new(name());
        let mut trunk = before.clone();
        for (field, text) in [
            ("Enabled", "yes"),
            ("Peers", "192.0.2.7,::1"),
            ("Networks", "192.0.2.7/24"),
            ("OutboundUser", "a\"b"),
            ("CallerIdForm", "86"),
            ("CallerIdHeader", "Diversion"),
            ("PrefixRules", "x"),
            ("ShownPrefixes", "17*"),
            ("Codecs", "g729"),
            ("InboundAlgorithms", "sha-1"),
            ("CallsMax", "-1"),
            ("TlsName", "a b"),
            ("KeepAliveSeconds", "86401"),
            ("Priority", "65536"),
        ] {
            let error = trunk.set(field, text).expect_err("refused");
            assert_eq!(error.field, field);
            assert!(!error.why.is_empty());
            assert_eq!(trunk, before);
        }
        assert!(trunk.set("Nonsense", "1").is_err());
    }

    #[test]
    fn lists_are_bounded() {
        let mut trunk = Trunk::new(name());
        let peers = vec!["192.0.2.7"; limits::PEERS_PER_TRUNK_MAX];
        trunk.set("Peers", &peers.join(",")).expect("fits");
        let one_more = format!("{},192.0.2.8", peers.join(","));
        assert!(trunk.set("Peers", &one_more).is_err());
    }
}

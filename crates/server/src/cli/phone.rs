//! `phone`: a scripted softphone and carrier, for tests without a carrier.

use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Subcommand};

/// `phone`.
#[derive(Debug, Subcommand)]
pub(crate) enum Phone {
    /// Call a privacy number, answer the call that it makes, and check what both saw and heard
    ///
    /// The phone is the peer of a trunk: it places A's call to the server, and when the server
    /// calls B over the same trunk, it answers that too. So one command sees both ends. The exit
    /// code is 1 when an expectation is not met.
    Call(PhoneCall),
    /// Answer calls and tell what was seen and heard
    Listen(PhoneListen),
}

/// Where the phone is, and what it says.
#[derive(Args, Clone, Debug)]
pub(crate) struct PhoneVoice {
    /// Listen for SIP here; a trunk's peer must name it
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) bind: Option<SocketAddr>,
    /// Say this once connected: beep, beep:HERTZ, silence or nothing
    #[arg(long, value_name = "SOUND", default_value = "beep")]
    pub(crate) say: Sound,
    /// Hang up so long after the answer
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    pub(crate) hang_up_after: Option<Duration>,
    /// Key these digits
    #[arg(long, value_name = "DIGITS", default_value = "")]
    pub(crate) key: String,
    /// Begin to key so long after sound begins to flow
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "1s")]
    pub(crate) key_after: Duration,
    /// The number that the one who is called must see
    #[arg(long, value_name = "NUMBER")]
    pub(crate) expect_caller_id: Option<String>,
}

/// `phone call`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PhoneCall {
    /// Who calls
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: String,
    /// Who is called, mostly a privacy number
    #[arg(long, value_name = "NUMBER")]
    pub(crate) to: String,
    /// The server's address for SIP [default: that of the server of --data, or 127.0.0.1:5060]
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) server: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) voice: PhoneVoice,
    /// How the call must come out: answered, busy, refused, unanswered, or a status such as 404
    #[arg(long, value_name = "OUTCOME", default_value = "answered")]
    pub(crate) expect: String,
    /// Give up when nobody answered so long
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "60s")]
    pub(crate) give_up_after: Duration,
    /// What becomes of the call that the server makes: a time after which it is answered, busy,
    /// decline, or never
    #[arg(long, value_name = "FATE", default_value = "500ms")]
    pub(crate) answer: Fate,
}

/// `phone listen`.
#[derive(Args, Clone, Debug)]
pub(crate) struct PhoneListen {
    /// The number that answers; without it, every number does
    #[arg(long, value_name = "NUMBER")]
    pub(crate) number: Option<String>,
    #[command(flatten)]
    pub(crate) voice: PhoneVoice,
    /// Answer after so long; or busy, decline, never
    #[arg(long, value_name = "FATE", default_value = "500ms")]
    pub(crate) answer_after: Fate,
    /// End after so many calls; 0 goes on until Ctrl-C
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    pub(crate) count: u32,
    /// Fail when the calls have not come and gone in this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) within: Option<Duration>,
}

/// What the phone says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Sound {
    /// A tone.
    Beep(f32),
    /// Packets of silence.
    Silence,
    /// Not a packet.
    Nothing,
}

impl std::str::FromStr for Sound {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const USUAL_HZ: f32 = 440.0;
        let hertz = |text: &str| {
            let hertz: Option<f32> = text.parse().ok();
            hertz.filter(|hertz| (50.0..=3500.0).contains(hertz))
        };
        match text {
            "beep" => Ok(Self::Beep(USUAL_HZ)),
            "silence" => Ok(Self::Silence),
            "nothing" => Ok(Self::Nothing),
            _ => {
                let found = text.strip_prefix("beep:").and_then(hertz);
                let words = "it is beep, beep:HERTZ from 50 to 3500, silence or nothing";
                found.map(Self::Beep).ok_or_else(|| words.to_owned())
            }
        }
    }
}

/// What becomes of a call that comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is answered after so long.
    After(Duration),
    /// It is refused as busy.
    Busy,
    /// It is declined.
    Decline,
    /// It rings until the caller gives up.
    Never,
}

impl std::str::FromStr for Fate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "busy" => Self::Busy,
            "decline" => Self::Decline,
            "never" => Self::Never,
            _ => Self::After(
                time(text)
                    .map_err(|_| "it is a time such as 2s, or busy, decline or never".to_owned())?,
            ),
        })
    }
}

/// Reads a time such as `500ms`, `5s` or `2m`; a number alone is seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a time such as 500ms, 5s or 2m, up to a day".to_owned();
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let ms = match &text[digits.len()..] {
        "ms" => Some(number),
        "s" | "" => number.checked_mul(1000),
        "m" => number.checked_mul(60_000),
        _ => None,
    };
    let ms = ms.filter(|ms| *ms <= 86_400_000).ok_or_else(wrong)?;
    Ok(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_with_their_unit() {
        for (text, ms) in [("500ms", 500), ("5s", 5_000), ("2m", 120_000), ("7", 7_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in [
            "",
            "s",
            "-1s",
            "1h",
            "1.5s",
            "90000000s",
            "99999999999999999999s",
        ] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sounds_and_fates_are_words() {
        assert_eq!("beep".parse(), Ok(Sound::Beep(440.0)));
        assert_eq!("beep:1000".parse(), Ok(Sound::Beep(1000.0)));
        assert!("beep:4000".parse::<Sound>().is_err());
        assert!("song".parse::<Sound>().is_err());
        assert_eq!("2s".parse(), Ok(Fate::After(Duration::from_secs(2))));
        assert_eq!("busy".parse(), Ok(Fate::Busy));
        assert!("soon".parse::<Fate>().is_err());
    }
}

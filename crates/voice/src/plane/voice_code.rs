//! The prompts that a binding names.
//!
//! `VoiceCode` is a prompt's code, heard by the caller before anybody rings, or JSON with a code for
//! each role. The vendor's samples show one key, `axCallerVoiceCode`; its list is not public. We
//! take `axCallerVoiceCode` and `axCalleeVoiceCode` for an AX, `axbCallerVoiceCode` and
//! `axbCalleeVoiceCode` for an AXB (which also takes those of the AX), and `callerVoiceCode` and
//! `calleeVoiceCode` for both.

use serde_json::Value;

/// The prompts of one call.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct VoiceCodes {
    /// For the caller, before anybody rings.
    pub(super) caller: Option<String>,
    /// For the callee, before they talk.
    pub(super) callee: Option<String>,
}

impl VoiceCodes {
    pub(super) fn read(text: Option<&str>, is_axb: bool) -> Self {
        let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
            return Self::default();
        };
        let Ok(Value::Object(roles)) = serde_json::from_str(text) else {
            return Self {
                caller: Some(text.to_owned()),
                callee: None,
            };
        };
        let prefixes: &[&str] = if is_axb {
            &["axb", "ax", ""]
        } else {
            &["ax", ""]
        };
        let code = |role: &str| {
            prefixes.iter().find_map(|prefix| {
                let name = format!("{prefix}{role}VoiceCode");
                let found = roles
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(&name));
                let code = found?.1.as_str()?.trim();
                (!code.is_empty()).then(|| code.to_owned())
            })
        };
        Self {
            caller: code("caller"),
            callee: code("callee"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, is_axb: bool) -> (Option<String>, Option<String>) {
        let codes = VoiceCodes::read(Some(text), is_axb);
        (codes.caller, codes.callee)
    }

    #[test]
    fn a_code_is_the_callers_and_json_names_the_roles() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("abc.mp3", false), (some("abc.mp3"), None));
        assert_eq!(read("  ", false), (None, None));
        assert_eq!(VoiceCodes::read(None, true), VoiceCodes::default());
        let json = r#"{"axCallerVoiceCode":"a","axbCallerVoiceCode":"b","calleeVoiceCode":"c"}"#;
        assert_eq!(read(json, false), (some("a"), some("c")));
        assert_eq!(read(json, true), (some("b"), some("c")));
        assert_eq!(
            read(r#"{"AXCALLERVOICECODE":"a"}"#, true),
            (some("a"), None)
        );
        for other in [r#"{"axCallerVoiceCode":7}"#, r#"{"x":"y"}"#, "{}"] {
            assert_eq!(read(other, true), (None, None), "{other}");
        }
        assert_eq!(read("[1]", false), (some("[1]"), None));
    }
}

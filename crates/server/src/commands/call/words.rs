//! Turns the words after an action into its parameters, by the table of actions.

use serde_json::{Map, Value};

use super::table::{Action, Kind, Parameter};
use crate::cli::{Global, Hidden};
use crate::failure::Failure;
use crate::suggest::{closest, plain};

/// What the words ask for.
#[derive(Debug)]
pub(super) enum Asked {
    /// The parameters to call with.
    Parameters(Value),
    /// An explanation of the action.
    Help,
}

/// Reads the words. Flags that every command knows may stand among them when the
/// action has no parameter of that name; they go into `global`.
pub(super) fn read(
    action: &Action,
    words: &[String],
    global: &mut Global,
    now_unix_s: i64,
) -> Result<Asked, Failure> {
    let mut parameters = Map::new();
    let mut words = words.iter().peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--") else {
            return Err(
                Failure::usage(format!("`{word}` stands where a --parameter should"))
                    .hint(format!("`axbridge call {} --help` lists them", action.name)),
            );
        };
        let (name, written) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag, None),
        };
        let mut value = || written.clone().or_else(|| next_value(&mut words));
        if let Some(parameter) = find(action, name) {
            let value = match (value(), parameter.kind) {
                (Some(value), _) => value,
                (None, Kind::Boolean) => "true".to_owned(),
                (None, _) => return Err(no_value(name)),
            };
            put(&mut parameters, parameter, &value, now_unix_s)?;
            continue;
        }
        match plain(name).as_str() {
            "help" => return Ok(Asked::Help),
            "json" => global.json = true,
            "data" => global.data = Some(value().ok_or_else(|| no_value(name))?.into()),
            "endpoint" => global.endpoint = Some(value().ok_or_else(|| no_value(name))?),
            "accesskey" => global.access_key = Some(value().ok_or_else(|| no_value(name))?),
            "secretkey" => {
                global.secret_key = Some(Hidden(value().ok_or_else(|| no_value(name))?));
            }
            "cafile" => global.ca_file = Some(value().ok_or_else(|| no_value(name))?.into()),
            _ => return Err(unknown(action, name)),
        }
    }
    Ok(Asked::Parameters(Value::Object(parameters)))
}

fn next_value<'a>(
    words: &mut std::iter::Peekable<impl Iterator<Item = &'a String>>,
) -> Option<String> {
    words.next_if(|word| !word.starts_with("--")).cloned()
}

fn find<'a>(action: &'a Action, name: &str) -> Option<&'a Parameter> {
    let name = plain(name);
    action.parameters.iter().find(|it| plain(it.name) == name)
}

fn put(
    parameters: &mut Map<String, Value>,
    parameter: &Parameter,
    text: &str,
    now_unix_s: i64,
) -> Result<(), Failure> {
    if parameter.kind == Kind::List {
        let list = parameters
            .entry(parameter.name)
            .or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(items) = list {
            items.push(text.into());
        }
        return Ok(());
    }
    let value = match parameter.kind {
        Kind::Integer => integer(parameter.name, text, now_unix_s)?.into(),
        Kind::Boolean => boolean(parameter.name, text)?.into(),
        Kind::Text | Kind::List => text.into(),
    };
    match parameters.insert(parameter.name.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(
            Failure::usage(format!("--{} was given twice", parameter.name))
                .hint("only a list is given several times"),
        ),
    }
}

/// A number; for times also one from now on, like `+30m`.
fn integer(name: &str, text: &str, now_unix_s: i64) -> Result<i64, Failure> {
    let from_now = || {
        let amount = text.strip_prefix('+').filter(|_| name.ends_with("Time"))?;
        let unit_s = match amount.chars().last()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return None,
        };
        let amount: i64 = amount[..amount.len() - 1].parse().ok()?;
        now_unix_s.checked_add(amount.checked_mul(unit_s)?)
    };
    let found = from_now().or_else(|| text.parse().ok());
    found.ok_or_else(|| {
        let failure = Failure::usage(format!("--{name} wants a whole number, not `{text}`"));
        if name.ends_with("Time") {
            failure.hint("in seconds since 1970, or from now on: +30m, +2h, +7d")
        } else {
            failure
        }
    })
}

fn boolean(name: &str, text: &str) -> Result<bool, Failure> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(Failure::usage(format!(
            "--{name} wants true or false, not `{text}`"
        ))),
    }
}

fn no_value(name: &str) -> Failure {
    Failure::usage(format!("--{name} has no value")).hint(format!(
        "a value that begins with -- is written --{name}=VALUE"
    ))
}

fn unknown(action: &Action, name: &str) -> Failure {
    let names: Vec<&str> = action.parameters.iter().map(|it| it.name).collect();
    let failure = Failure::usage(format!("{} has no parameter `{name}`", action.name));
    let near = closest(name, &names);
    if near.is_empty() {
        failure.hint(format!("`axbridge call {} --help` lists them", action.name))
    } else {
        failure.hint(format!("did you mean --{}?", near.join(" or --")))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn action() -> Action {
        let parameter = |name, kind| Parameter {
            name,
            kind,
            required: false,
            about: "",
        };
        Action {
            name: "Try",
            about: "",
            is_extension: false,
            parameters: vec![
                parameter("PhoneNoA", Kind::Text),
                parameter("ExpireTime", Kind::Integer),
                parameter("DegradeCityList", Kind::List),
                parameter("DryRun", Kind::Boolean),
            ],
        }
    }

    fn words(text: &str) -> Result<(Asked, Global), Failure> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let mut global = Global::default();
        let asked = read(&action(), &words, &mut global, 1_000)?;
        Ok((asked, global))
    }

    fn parameters(text: &str) -> Value {
        match words(text) {
            Ok((Asked::Parameters(value), _)) => value,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn names_are_taken_in_any_spelling() {
        for name in ["--phone-no-a", "--PhoneNoA", "--phonenoa", "--PHONE_NO_A"] {
            let found = parameters(&format!("{name} 13700000000"));
            assert_eq!(found, json!({"PhoneNoA": "13700000000"}), "{name}");
        }
    }

    #[test]
    fn values_have_the_type_of_the_table() {
        let found =
            parameters("--expire-time 5 --degrade-city-list 010 --dry-run --degrade-city-list=021");
        let wanted = json!({"ExpireTime": 5, "DegradeCityList": ["010", "021"], "DryRun": true});
        assert_eq!(found, wanted);
        assert_eq!(parameters("--expire-time -1"), json!({"ExpireTime": -1}));
        assert_eq!(
            parameters("--expire-time +2h"),
            json!({"ExpireTime": 8_200})
        );
        assert_eq!(parameters("--dry-run false"), json!({"DryRun": false}));
    }

    #[test]
    fn flags_of_every_command_may_stand_behind_the_action() {
        let (asked, global) = words("--json --endpoint http://x --phone-no-a 1").expect("read");
        assert!(matches!(asked, Asked::Parameters(_)));
        assert!(global.json);
        assert_eq!(global.endpoint.as_deref(), Some("http://x"));
        assert!(matches!(words("--help").expect("read").0, Asked::Help));
    }

    #[test]
    fn what_cannot_be_is_refused_with_what_to_do() {
        for (text, said) in [
            ("--phone-no-q 1", "--PhoneNoA"),
            ("--weather 1", "--help"),
            ("--phone-no-a", "has no value"),
            ("--phone-no-a --dry-run", "has no value"),
            ("--phone-no-a 1 --PhoneNoA 2", "twice"),
            ("--expire-time soon", "+30m"),
            ("--expire-time +xh", "+30m"),
            ("--dry-run maybe", "true or false"),
            ("loose", "--parameter"),
        ] {
            let failure = words(text).expect_err(text);
            assert!(failure.to_string().contains(said), "{text}: {failure}");
        }
    }
}

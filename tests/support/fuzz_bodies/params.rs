//! What every set of decoded parameters keeps, whatever it was decoded from.

use std::collections::BTreeSet;

use axbridge_api::decode::{MAX_LIST_ITEMS, ParamError, Params};

use super::{assert_tells_no_number, telling_runs};

/// The names that are asked for one by one; more would only be slow.
const NAMES_MAX: usize = 24;

/// Asks for every parameter in every way and compares the answers.
pub(super) fn check_params(params: &Params) {
    let names: BTreeSet<&str> = params.names().collect();
    for &name in names.iter().take(NAMES_MAX) {
        assert_eq!(name, name.to_ascii_lowercase());
        assert!(!matches!(name, "action" | "version") && !name.starts_with("x-"));
        assert!(params.was_sent(name));
        check_integers(params, name);
        check_list(params, name);
        check_texts(params, name);
        check_refusals(params, name);
        let other_case = name.to_ascii_uppercase();
        assert_eq!(params.text(name).ok(), params.text(&other_case).ok());
        assert_eq!(params.list(name).ok(), params.list(&other_case).ok());
    }
    check_debug_hides_values(params);
}

fn check_integers(params: &Params, name: &str) {
    let integer = params.integer(name);
    if let (Ok(Some(number)), Ok(Some(text))) = (&integer, params.text(name)) {
        let whole = text.trim().split('.').next().unwrap_or_default();
        assert_eq!(whole.parse().ok(), Some(*number), "{name}");
    }
    if let (Ok(Some(number)), Ok(Some(flag))) = (&integer, params.boolean(name)) {
        assert_eq!(*number, i64::from(flag), "{name}");
    }
    let positive = params.integer_or_absent_when_not_positive(name);
    let natural = params.integer_or_absent_when_negative(name);
    match integer {
        Ok(number) => {
            assert_eq!(positive, Ok(number.filter(|&number| number > 0)));
            assert_eq!(natural, Ok(number.filter(|&number| number >= 0)));
        }
        Err(_) => assert!(positive.is_err() && natural.is_err()),
    }
}

fn check_list(params: &Params, name: &str) {
    let Ok(list) = params.list(name) else {
        return;
    };
    let items = list.unwrap_or_else(|| vec!["none".to_owned()]);
    assert!((1..=MAX_LIST_ITEMS).contains(&items.len()));
    for item in &items {
        assert!(!item.is_empty() && item.trim() == item && !item.contains(','));
    }
}

fn check_texts(params: &Params, name: &str) {
    if let Ok(text) = params.text(name) {
        assert_ne!(text.as_deref(), Some(""), "{name}: empty text is absent");
        let list = params.list(name);
        assert!(list.is_ok(), "{name}: a text is a list of one");
        assert_eq!(params.text_or_json(name).ok(), Some(text), "{name}");
    }
    if let Ok(Some(tree)) = params.json(name)
        && tree.is_object()
    {
        let text = params.text_or_json(name).expect("an object has a text");
        let again = text.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok());
        assert!(again.is_some_and(|again| again.is_object()), "{name}");
    }
}

/// Refusals name the parameter as it was asked for, and never quote its value.
fn check_refusals(params: &Params, name: &str) {
    let refusals: [Option<ParamError>; 6] = [
        params.text(name).err(),
        params.text_or_json(name).err(),
        params.integer(name).err(),
        params.boolean(name).err(),
        params.list(name).err(),
        params.json(name).err(),
    ];
    for refusal in refusals.into_iter().flatten() {
        assert_eq!(refusal.name, name);
        assert_tells_no_number(&refusal.why);
    }
}

/// `Debug` goes to logs: digits that stand in it are those of names.
fn check_debug_hides_values(params: &Params) {
    let shown = format!("{params:?}");
    // As `Debug` writes them: an escape such as `\0` makes the digits behind it a longer run.
    let open = params
        .names()
        .chain(params.action())
        .chain(params.version());
    let open: Vec<String> = open.map(|text| format!("{text:?}")).collect();
    for run in telling_runs(&shown) {
        let is_name = open.iter().any(|text| text.contains(run));
        assert!(is_name, "a value in {shown}");
    }
}

//! The tolerant decoder against recorded requests of every client family
//! (`fixtures/decode/*.txt`), against what has no single meaning, and against
//! hostile input.

use std::path::{Path, PathBuf};

use axbridge_api::decode::{
    BodyKind, DecodeError, MAX_JSON_DEPTH, MAX_LIST_ITEMS, MAX_PARAMETERS, ParamError, Params,
    has_control_characters,
};
use axbridge_api::error::ApiError;
use proptest::prelude::*;

const JSON: Option<&str> = Some("application/json");
const FORM: Option<&str> = Some("application/x-www-form-urlencoded");

/// Asks `params` one question of a fixture and writes the answer as fixtures do.
fn answer(params: &Params, getter: &str, name: &str) -> Result<Option<String>, ParamError> {
    let shown = |number: Option<i64>| number.map(|number| number.to_string());
    Ok(match getter {
        "text" => params.text(name)?,
        "text-or-json" => params.text_or_json(name)?,
        "integer" => shown(params.integer(name)?),
        "positive" => shown(params.integer_or_absent_when_not_positive(name)?),
        "natural" => shown(params.integer_or_absent_when_negative(name)?),
        "boolean" => params.boolean(name)?.map(|flag| flag.to_string()),
        "list" => params.list(name)?.map(|items| items.join(" | ")),
        "json" => params.json(name)?.map(|tree| tree.to_string()),
        other => panic!("no getter {other}"),
    })
}

fn check_line(params: &Params, line: &str, file: &str) {
    if let Some(name) = line.strip_suffix(" is absent") {
        let (getter, name) = name.split_once(' ').expect("a getter and a name");
        assert_eq!(answer(params, getter, name), Ok(None), "{file}: {line}");
        return;
    }
    let (asked, expected) = line.split_once(" = ").expect("a question and an answer");
    match *asked.split(' ').collect::<Vec<_>>() {
        ["kind"] => {
            let kind = match params.body_kind() {
                BodyKind::None => "none",
                BodyKind::Form => "form",
                BodyKind::Json => "json",
            };
            assert_eq!(kind, expected, "{file}");
        }
        ["action"] => assert_eq!(params.action(), Some(expected), "{file}"),
        ["version"] => assert_eq!(params.version(), Some(expected), "{file}"),
        ["error", getter, name] => {
            let error = answer(params, getter, name).expect_err(line);
            assert_eq!(
                (error.name.as_str(), &*error.why),
                (name, expected),
                "{file}"
            );
        }
        [getter, name] => {
            let given = answer(params, getter, name);
            assert_eq!(given, Ok(Some(expected.to_owned())), "{file}: {line}");
        }
        _ => panic!("{file}: {line}"),
    }
}

#[test]
fn every_recorded_client_body_means_what_its_user_meant() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/decode");
    let files: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the folder of fixtures")
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    assert!(files.len() >= 13, "fixtures are missing");
    for path in files {
        let file = path.display().to_string();
        let text = std::fs::read_to_string(&path).expect("a fixture is readable");
        let (request, expected) = text.split_once("\n\n").expect("expectations follow");
        let field = |name: &str| request.lines().find_map(|line| line.strip_prefix(name));
        let query = field("query: ").expect("a query");
        let body = field("body: ").unwrap_or_default();
        let params = Params::decode(query, field("content-type: "), body.as_bytes())
            .unwrap_or_else(|why| panic!("{file}: {why}"));
        for line in expected.lines() {
            check_line(&params, line, &file);
        }
    }
}

fn refusal(query: &str, content_type: Option<&str>, body: &[u8]) -> DecodeError {
    Params::decode(query, content_type, body).expect_err("this has no single meaning")
}

#[test]
fn bodies_that_cannot_be_read_are_refused_with_what_to_do() {
    let broken = refusal("", JSON, b"{\n\"PhoneNoA\":\"13700000000\",}");
    assert_eq!(
        broken,
        DecodeError::BrokenJson {
            line: 2,
            column: 26
        }
    );
    assert_eq!(refusal("", JSON, b"PhoneNoA=13700000000").subject(), "body");
    for not_an_object in ["[]", "\"13700000000\"", "13700000000", "null"] {
        let error = refusal("", JSON, not_an_object.as_bytes());
        assert_eq!(error, DecodeError::NotAnObject, "{not_an_object}");
    }
    let gbk = refusal("", JSON, b"{\"UserData\":\"\xBA\xC5\"}");
    assert_eq!(gbk.subject(), "body");
    let gbk = refusal("", FORM, b"UserData=%BA%C5");
    assert_eq!(gbk.subject(), "UserData");
    let multipart = refusal("", Some("Multipart/Form-Data; boundary=x"), b"--x--");
    assert_eq!(multipart, DecodeError::Multipart);
}

#[test]
fn a_name_given_twice_in_json_or_an_action_given_twice_is_refused() {
    for body in [
        r#"{"SubId":"1","SubId":"1"}"#,
        r#"{"SubId":"1","subId":"2"}"#,
    ] {
        let error = refusal("", JSON, body.as_bytes());
        assert_eq!(error.subject().to_lowercase(), "subid");
    }
    let error = refusal("Action=BindAXB&action=UnbindAXB", None, b"");
    assert_eq!(error.subject(), "Action");
    let same = Params::decode("Action=BindAXB&Action=BindAXB", None, b"").expect("no doubt");
    assert_eq!(same.action(), Some("BindAXB"));
}

#[test]
fn depth_count_and_length_are_bounded() {
    let nested = |levels: usize| {
        let inner = levels - 1;
        format!("{{\"A\":{}{}}}", "[".repeat(inner), "]".repeat(inner))
    };
    let fits = nested(MAX_JSON_DEPTH);
    assert!(Params::decode("", JSON, fits.as_bytes()).is_ok());
    for levels in [MAX_JSON_DEPTH + 1, 100_000] {
        let body = nested(levels);
        assert_eq!(refusal("", JSON, body.as_bytes()), DecodeError::TooDeep);
    }
    assert!(Params::decode("", JSON, br#"{"A":"[[[[[[[[[[[[[[[[[[[[\"[["}"#).is_ok());

    let form = |count: usize| "a=1&".repeat(count);
    assert!(Params::decode(&form(MAX_PARAMETERS), FORM, b"").is_ok());
    let many = form(MAX_PARAMETERS + 1);
    assert_eq!(refusal(&many, FORM, b""), DecodeError::TooMany);
    assert_eq!(refusal("", FORM, many.as_bytes()), DecodeError::TooMany);
    let fields: Vec<String> = (0..=MAX_PARAMETERS)
        .map(|n| format!("\"f{n}\":1"))
        .collect();
    let json = format!("{{{}}}", fields.join(","));
    assert_eq!(refusal("", JSON, json.as_bytes()), DecodeError::TooMany);

    let list = |count: usize| format!("L={}", "1,".repeat(count));
    let params = Params::decode("", FORM, list(MAX_LIST_ITEMS).as_bytes()).expect("a form");
    let items = params.list("L").expect("it fits").unwrap_or_default();
    assert_eq!(items.len(), MAX_LIST_ITEMS);
    let params = Params::decode("", FORM, list(MAX_LIST_ITEMS + 1).as_bytes()).expect("a form");
    assert!(params.list("L").is_err());
}

#[test]
fn an_empty_value_was_sent_and_is_absent_all_the_same() {
    let params = Params::decode("", FORM, b"userData=&OutId").expect("a form");
    assert!(params.was_sent("UserData") && params.was_sent("OutId"));
    assert!(!params.was_sent("PhoneNoA"));
    assert_eq!(params.text("UserData"), Ok(None));
    assert_eq!(params.integer("OutId"), Ok(None));
}

#[test]
fn neither_debug_nor_an_error_shows_a_value() {
    let body = r#"{"PhoneNoA":"13700000000","List":[13700000000],"Expire":"13700000000x"}"#;
    let params = Params::decode("", JSON, body.as_bytes()).expect("JSON");
    let shown = format!("{params:?}");
    assert!(
        shown.contains("phonenoa") && !shown.contains("137"),
        "{shown}"
    );
    let error = ApiError::from(params.integer("Expire").expect_err("not a number"));
    assert_eq!(
        error.message(),
        "The specified parameter Expire is invalid. Expire must be an integer."
    );
    let broken = ApiError::from(refusal("", JSON, br#"{"PhoneNoA" "13700000000"}"#));
    assert!(!broken.message().contains("137"), "{broken}");
    let scalar = ApiError::from(refusal("", JSON, b"\"13700000000\""));
    assert_eq!(
        scalar.message(),
        "The specified parameter body is invalid. \
         The JSON body must be an object with one field a parameter."
    );
}

#[test]
fn control_characters_are_found() {
    assert!(has_control_characters("a\u{0}"));
    assert!(has_control_characters("a\nb"));
    assert!(has_control_characters("\u{85}"));
    assert!(!has_control_characters("号码 📞"));
}

fn hostile_body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        any::<Vec<u8>>(),
        "(\\PC{0,4}(\\[[0-9]?\\]|\\.[0-9]{1,3})?=[%+,0-9a-fA-F\\['\\]]{0,12}&?){0,9}"
            .prop_map(String::into_bytes),
        "\\{(\"[aAbB.]{1,3}\":(\\[|\\{|\"[^\"\\\\]{0,5}\"|-?[0-9]{1,25}|[0-9]e[0-9]{1,4}|null|true),?){0,6}[\\]\\}]{0,3}"
            .prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn hostile_bodies_never_panic_any_getter(
        query in "\\PC{0,40}",
        content_type in proptest::option::of(prop_oneof![
            Just("application/json".to_owned()),
            Just("application/x-www-form-urlencoded".to_owned()),
            any::<String>(),
        ]),
        body in hostile_body(),
    ) {
        if let Ok(params) = Params::decode(&query, content_type.as_deref(), &body) {
            let names: Vec<String> = params.names().map(str::to_owned).collect();
            for name in names.iter().map(String::as_str).chain(["a", "b"]) {
                for getter in [
                    "text", "text-or-json", "integer", "positive", "natural", "boolean", "list", "json",
                ] {
                    if let Err(error) = answer(&params, getter, name) {
                        prop_assert_eq!(error.name.as_str(), name);
                    }
                }
            }
        }
    }

    #[test]
    fn every_form_of_a_list_means_the_same(
        items in proptest::collection::vec("[0-9a-zA-Z号]{1,8}", 1..20),
    ) {
        let keyed = |key: &dyn Fn(usize) -> String| -> String {
            let pairs = items.iter().enumerate();
            pairs.map(|(at, item)| format!("{}={item}&", key(at))).collect()
        };
        let quoted: Vec<String> = items.iter().map(|item| format!("\"{item}\"")).collect();
        let forms = [
            (FORM, format!("List={}", items.join(","))),
            (FORM, format!("list={}", items.join("%252C"))),
            (FORM, keyed(&|_| "List".to_owned())),
            (FORM, keyed(&|at| format!("List[{at}]"))),
            (FORM, keyed(&|_| "List[]".to_owned())),
            (FORM, keyed(&|at| format!("List.{}", at + 1))),
            (FORM, format!("List=['{}']", items.join("','"))),
            (JSON, format!("{{\"List\":[{}]}}", quoted.join(","))),
            (JSON, format!("{{\"List\":\"{}\"}}", items.join(" , "))),
        ];
        for (content_type, body) in forms {
            let params = Params::decode("", content_type, body.as_bytes());
            let list = params.expect("a readable body").list("List");
            prop_assert_eq!(list, Ok(Some(items.clone())), "{}", body);
        }
    }
}

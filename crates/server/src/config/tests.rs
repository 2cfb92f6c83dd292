//! The defaults are whole, and each layer wins over the one before.

use std::io::Write as _;

use super::*;

fn from_file(text: &str) -> Result<Settings, crate::failure::Failure> {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(text.as_bytes()).expect("it can be written");
    load(Some(file.path()), [], &Vec::new())
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_defaults_load() {
    let settings = load(None, [], &Vec::new()).expect("the defaults are right");
    assert_eq!(settings.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.http.body_bytes_max, 262_144);
    assert_eq!(settings.accounts.terms().live_bindings_max, None);
    assert!(settings.http.tls().is_none());
}

#[test]
fn every_setting_has_a_comment_right_above_it() {
    let lines: Vec<&str> = DEFAULTS.lines().collect();
    let mut settings = 0;
    for (index, line) in lines.iter().enumerate() {
        if line.contains(" = ") && !line.starts_with('#') || line.starts_with('[') {
            settings += 1;
            assert!(
                lines[index - 1].starts_with("# "),
                "no comment above {line}"
            );
        }
    }
    assert!(settings > 30, "only {settings} settings were looked at");
}

#[test]
fn the_file_the_environment_and_flags_win_in_this_order() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(b"[http]\nlisten = \"127.0.0.1:1\"\nbody_bytes_max = 2048\ndrain_s = 1\n")
        .expect("it can be written");
    let environment = [
        pair("AXBRIDGE__HTTP__LISTEN", "127.0.0.1:2"),
        pair("AXBRIDGE__HTTP__BODY_BYTES_MAX", "4096"),
        pair("AXBRIDGE_ENDPOINT", "not a setting"),
        pair("PATH", "/bin"),
    ];
    let flags = vec![("http.listen", "127.0.0.1:3".to_owned())];
    let settings = load(Some(file.path()), environment, &flags).expect("they load");
    assert_eq!(settings.http.listen.port(), 3);
    assert_eq!(settings.http.body_bytes_max, 4096);
    assert_eq!(settings.http.drain().as_secs(), 1);
}

#[test]
fn the_environment_gives_lists_with_commas() {
    let environment = [pair(
        "AXBRIDGE__NUMBERING__SERVICE_NUMBERS",
        "95588, 10086,",
    )];
    let settings = load(None, environment, &Vec::new()).expect("they load");
    assert_eq!(settings.numbering.service_numbers, ["95588", "10086"]);
}

#[test]
fn an_unknown_setting_is_named_with_its_place_and_the_nearest_name() {
    let failure = from_file("[http]\nlistne = \"127.0.0.1:1\"\n").expect_err("it is unknown");
    let text = failure.to_string();
    assert!(text.contains("http.listne"), "{text}");
    assert!(text.contains("did you mean `http.listen`"), "{text}");

    let environment = [pair("AXBRIDGE__STORE__QUEUE", "1")];
    let failure = load(None, environment, &Vec::new()).expect_err("it is unknown");
    let text = failure.to_string();
    assert!(text.contains("AXBRIDGE__STORE__QUEUE"), "{text}");
    assert!(text.contains("the environment"), "{text}");

    assert!(from_file("colour = 1\n").is_err());
    assert!(from_file("[paint]\ncolour = 1\n").is_err());
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    for (text, name) in [
        ("[http]\nbody_bytes_max = \"many\"\n", "http.body_bytes_max"),
        ("[http]\nbody_bytes_max = 1\n", "http.body_bytes_max"),
        ("[http]\nlisten = \"somewhere\"\n", "http.listen"),
        ("[http]\ntls_key = \"k.pem\"\n", "http.tls_certificate"),
        ("[http]\nendpoint = \"example.com\"\n", "http.endpoint"),
        ("[operator]\nlisten = \"x\"\n", "operator.listen"),
        (
            "[api]\nbusiness_error_status = 500\n",
            "api.business_error_status",
        ),
        ("[api]\nover_rate_answer = \"No\"\n", "api.over_rate_answer"),
        ("[log]\nformat = \"xml\"\n", "log.format"),
        ("[store]\nqueue_max = -1\n", "store.queue_max"),
        (
            "[store]\nidempotency_hours = 1\n",
            "store.idempotency_hours",
        ),
        ("[sweep]\ninterval_s = 0\n", "sweep.interval_s"),
        (
            "[voice]\nsip = [\"tls:127.0.0.1:5061\"]\n",
            "voice.tls_certificate",
        ),
        ("[voice]\ntls_key = \"k.pem\"\n", "voice.tls_certificate"),
        ("[[voice.trunks]]\npeers = [\"h\"]\n", "has no name"),
        (
            "[[voice.trunks]]\nname = \"t\"\npeer = [\"h\"]\n",
            "voice.trunks[0].peer",
        ),
        ("[voice]\nsip = [\"sctp:127.0.0.1:5060\"]\n", "voice.sip"),
    ] {
        let failure = from_file(text).expect_err(text);
        assert!(failure.to_string().contains(name), "{failure} for {text}");
    }
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_named() {
    let missing = std::path::Path::new("no/such/file.toml");
    let failure = load(Some(missing), [], &Vec::new()).expect_err("it is missing");
    assert!(failure.to_string().contains("file.toml"), "{failure}");
    assert!(from_file("[http\n").is_err());
}

#[test]
fn secrets_of_the_store_are_not_shown() {
    let environment = [
        pair("AXBRIDGE__STORE__URL", "postgres://u:hidden-word@h/d"),
        pair("AXBRIDGE__STORE__KEYS", "index hidden-word"),
    ];
    let settings = load(None, environment, &Vec::new()).expect("they load");
    assert!(!format!("{settings:?}").contains("hidden-word"));
}

#[test]
fn the_page_has_every_setting() {
    let page = settings_page();
    assert!(page.contains("### `http.listen`"));
    assert!(page.contains("`AXBRIDGE__API__CLOCK_SKEW_S`"));
    let settings = DEFAULTS
        .lines()
        .filter(|it| it.contains(" = ") && !it.starts_with('#'));
    assert_eq!(page.matches("\n### ").count(), settings.count());
}

#[test]
fn a_server_on_all_addresses_is_reached_at_loopback() {
    let settings = load(None, [], &Vec::new()).expect("the defaults are right");
    let at = |text: &str| settings.http.endpoint_at(text.parse().expect("an address"));
    assert_eq!(at("0.0.0.0:80"), "http://127.0.0.1:80");
    assert_eq!(at("[::]:80"), "http://[::1]:80");
    assert_eq!(at("10.0.0.1:80"), "http://10.0.0.1:80");
}

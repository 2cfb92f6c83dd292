//! Client commands: their JSON has the API's field names, their text is short.

use serde_json::json;

use crate::program::{Server, program, run, text};

#[test]
fn a_key_is_made_used_listed_and_disabled() {
    let server = Server::start();
    let made = server.json([
        "key",
        "create",
        "--role",
        "application",
        "--description",
        "shop",
    ]);
    let (id, secret) = (text(&made, "AccessKeyId"), text(&made, "SecretAccessKey"));
    assert_eq!(text(&made, "Role"), "application");
    assert!(!text(&made, "AccountId").is_empty());

    let as_shop = |arguments: &[&str]| {
        let mut command = program();
        command.env("AXBRIDGE_ENDPOINT", &server.endpoint);
        command
            .env("AXBRIDGE_ACCESS_KEY", &id)
            .env("AXBRIDGE_SECRET_KEY", &secret);
        crate::program::finish(command.arg("--json").args(arguments))
    };
    assert_eq!(as_shop(&["pool", "list"]).json()["Total"], 0);
    let refused = as_shop(&["key", "list"]);
    assert_eq!(refused.code, Some(1));
    assert_eq!(
        refused.any_json()["Error"]["Code"],
        "AccessDenied",
        "{refused:?}"
    );

    let listed = server.json(["key", "list"]);
    assert_eq!(listed["Total"], 2);
    assert!(!listed.to_string().contains(&secret));

    server.json(["key", "disable", &id]);
    let refused = as_shop(&["pool", "list"]);
    assert_eq!(refused.any_json()["Error"]["Code"], "InvalidAccessKey");
}

#[test]
fn a_key_for_people_says_how_to_use_it() {
    let server = Server::start();
    let printed = server.cli(["key", "create", "--account-name", "Second shop"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(
        printed.out.contains("export AXBRIDGE_SECRET_KEY="),
        "{}",
        printed.out
    );
    assert!(printed.out.contains("shown this once"), "{}", printed.out);
}

#[test]
fn a_pool_is_made_with_its_rules_changed_and_shown() {
    let server = Server::start();
    let made = server.json([
        "pool",
        "create",
        "--name",
        "rides",
        "--policy",
        "pack",
        "--quarantine-s",
        "7200",
    ]);
    let pool = text(&made, "NumberPoolNo");
    assert_eq!(made["Policy"], "pack");
    assert_eq!(made["QuarantineSeconds"], 7200);
    let updated = server.json([
        "pool",
        "update",
        &pool,
        "--name",
        "trips",
        "--bindings-per-number-max",
        "7",
    ]);
    assert_eq!(updated["NumberPoolName"], "trips");
    assert_eq!(updated["BindingsPerNumberMax"], 7);
    assert_eq!(updated["Policy"], "pack");
    assert_eq!(server.json(["pool", "show", &pool]), updated);
    let listed = server.cli(["pool", "list"]);
    assert!(listed.out.contains("trips"), "{}", listed.out);
    assert_eq!(server.cli(["pool", "update", &pool]).code, Some(2));
    assert_eq!(
        server.cli(["pool", "show", "NP000000000000000009"]).code,
        Some(1)
    );
}

#[test]
fn numbers_are_listed_by_pool_and_number() {
    let server = Server::start();
    let pool = server.pool("17000000001,010\n17000000002,021\n");
    let listed = server.json(["number", "list", "--pool", &pool, "--limit", "1"]);
    assert_eq!(listed["Total"], 2);
    assert_eq!(listed["Records"].as_array().map(Vec::len), Some(1));
    let text = server
        .cli(["number", "list", "--number", "17000000002"])
        .out;
    assert!(
        text.contains("17000000002") && !text.contains("17000000001"),
        "{text}"
    );
}

#[test]
fn a_selection_is_explained() {
    let server = Server::start();
    let pool = server.pool("17000000001,010\n");
    server.bind(&pool, "13700000000", "13800000000");
    let explain = [
        "explain",
        "--pool",
        &pool,
        "--a",
        "13700000000",
        "--b",
        "13900000000",
        "--city",
        "010",
    ];
    let standing = server.json(explain);
    assert_eq!(standing["Eligible"], false);
    assert_eq!(standing["Places"][0]["HeldByA"], 1);
    let text = server.cli(explain).out;
    assert!(text.contains("no number is eligible"), "{text}");
}

#[test]
fn a_resolved_call_is_one_sentence_first() {
    let server = Server::start();
    let pool = server.pool("17000000001,010\n");
    server.bind(&pool, "13700000000", "13800000000");
    let text = server
        .cli(["resolve", "--x", "17000000001", "--caller", "13700000000"])
        .out;
    assert!(
        text.starts_with("13800000000 rings and sees 17000000001\n"),
        "{text}"
    );
    let text = server
        .cli(["resolve", "--x", "17000000009", "--caller", "13700000000"])
        .out;
    assert!(text.starts_with("nobody rings"), "{text}");
}

#[test]
fn call_takes_lists_names_in_any_spelling_and_flags_behind_the_action() {
    let server = Server::start();
    let pool = server.pool("17000000001,0531\n");
    let data = server.data();
    let printed = run([
        "call",
        "selectnumberandbindaxb",
        "--json",
        "--data",
        data.to_str().expect("text"),
        "--PhoneNoA",
        "13700000000",
        "--number-pool-no",
        &pool,
        "--city-code",
        "010",
        "--degrade-city-list",
        "021",
        "--degrade-city-list",
        "0531",
        "--expire-time=+1h",
    ]);
    let bound = printed.json();
    assert_eq!(bound["PhoneNoXCityCode"], "0531");
    assert_eq!(bound.get("PhoneNoB"), None);
}

#[test]
fn call_explains_itself() {
    let catalogue = run(["call"]);
    assert_eq!(catalogue.code, Some(0));
    assert!(catalogue.out.contains("SelectNumberAndBindAXB"));
    assert!(catalogue.out.contains("(axbridge extension)"));
    let page = run(["call", "bind-axb", "--help"]);
    assert_eq!(page.code, Some(0));
    assert!(
        page.out.contains("--phone-no-a TEXT, required"),
        "{}",
        page.out
    );
}

#[test]
fn completions_are_there_for_the_usual_shells() {
    for shell in ["bash", "zsh", "fish"] {
        let printed = run(["completions", shell]);
        assert_eq!(printed.code, Some(0));
        assert!(
            printed.out.contains("generate-docs") || printed.out.contains("demo"),
            "{shell}"
        );
    }
}

#[test]
fn the_reference_pages_are_written_and_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("reference");
    let dir = dir.to_str().expect("text");
    assert_eq!(
        run(["generate-docs", "--dir", dir, "--check"]).code,
        Some(1)
    );
    assert_eq!(run(["generate-docs", "--dir", dir]).code, Some(0));
    assert_eq!(
        run(["generate-docs", "--dir", dir, "--check"]).code,
        Some(0)
    );
    for (name, part) in [
        ("settings.md", "`http.listen`"),
        ("actions.md", "SelectNumberAndBindAXB"),
        ("errors.md", "NumberNotEnough"),
        ("openapi.json", "\"openapi\": \"3.1"),
    ] {
        let page = std::fs::read_to_string(format!("{dir}/{name}")).expect("written");
        assert!(page.contains(part), "{name}");
    }
    std::fs::write(format!("{dir}/settings.md"), "old").expect("written");
    let printed = run(["generate-docs", "--dir", dir, "--check"]);
    assert!(
        printed.err.contains("settings.md is not up to date"),
        "{}",
        printed.err
    );
}

#[test]
fn the_reference_in_the_repository_is_up_to_date() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");
    let printed = run(["generate-docs", "--check", "--dir", dir]);
    assert_eq!(printed.code, Some(0), "{}", printed.err);
}

#[test]
fn help_shows_every_command_and_version_its_version() {
    let help = run(["--help"]).out;
    for command in [
        "demo", "serve", "key", "pool", "number", "call", "resolve", "doctor", "bench",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command}: {help}"
        );
    }
    assert!(!help.contains("generate-docs"));
    let version = run(["--version"]).out;
    assert_eq!(
        version.trim(),
        concat!("axbridge ", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(json!(run(["weather"]).code), json!(2));
}

#[test]
fn calls_are_listed_shown_and_exported() {
    let server = Server::start();
    let listed = server.json(["cdr", "list", "--result", "13"]);
    assert_eq!(
        (&listed["Total"], &listed["Limit"]),
        (&json!(0), &json!(20))
    );
    let unknown = server.cli(["cdr", "show", "S0010_0000000000000001"]);
    assert_eq!(unknown.code, Some(1), "{unknown:?}");
    let exported = server.cli(["cdr", "export", "--from", "1764547200"]);
    assert_eq!(exported.code, Some(0), "{exported:?}");
    assert!(
        exported.out.starts_with("CallId,AccountId,"),
        "{}",
        exported.out
    );
    assert_eq!(exported.out.lines().count(), 1);
    let lines = server.cli(["cdr", "export", "--format", "jsonl"]);
    assert_eq!((lines.code, lines.out.trim()), (Some(0), ""), "{lines:?}");
}

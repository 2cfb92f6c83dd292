//! Settings as users give them: file, environment, flags.

use crate::program::{Running, Server, get, program, run};

#[test]
fn an_unknown_setting_stops_the_start_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("axbridge.toml");
    std::fs::write(&file, "[htpp]\nlisten = \"127.0.0.1:1\"\n").expect("written");
    let path = file.to_str().expect("text");
    let data = folder.path().join("data");
    let printed = run([
        "serve",
        "--config",
        path,
        "--data",
        data.to_str().expect("text"),
    ]);
    assert_eq!(printed.code, Some(2));
    assert!(printed.err.contains("htpp.listen"), "{}", printed.err);
    assert!(printed.err.contains("axbridge.toml"), "{}", printed.err);
    assert!(!data.exists());
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("axbridge.toml");
    let text = "[http]\nlisten = \"no address\"\n[operator]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(&file, text).expect("written");
    let mut command = program();
    command
        .args(["serve", "--http", "127.0.0.1:0", "--config"])
        .arg(&file);
    command.arg("--data").arg(folder.path().join("data"));
    command.env("AXBRIDGE__HTTP__LISTEN", "no address either");
    command.env("AXBRIDGE__OPERATOR__LISTEN", "");
    let mut process = Running::start(&mut command);
    let endpoint = process.line("listening on http://");
    assert!(get(endpoint.parse().expect("an address"), "/healthz").contains("200"));
    assert!(!process.out().contains("metrics and health"));
}

#[test]
fn the_environment_alone_can_set_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program();
    command.arg("serve");
    command.env("AXBRIDGE__HTTP__LISTEN", "127.0.0.1:0");
    command.env("AXBRIDGE__OPERATOR__LISTEN", "");
    command.env(
        "AXBRIDGE__STORE__DATA",
        folder.path().join("of-environment"),
    );
    let mut process = Running::start(&mut command);
    process.line("listening on ");
    assert!(folder.path().join("of-environment/operator.json").exists());
}

#[test]
fn keys_can_come_from_the_environment() {
    let text = format!("index {}\nseal 1 {}\n", "ab".repeat(32), "cd".repeat(32));
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = Server::command(&data);
    let mut process = Running::start(command.env("AXBRIDGE__STORE__KEYS", &text));
    process.line("listening on ");
    assert!(!data.join("keys").exists());
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));

    let mut command = Server::command(&data);
    let mut other = Running::start(command.env("AXBRIDGE__STORE__KEYS", "index 12"));
    assert_eq!(other.ended().code(), Some(1));
    assert!(other.err().contains("64 hex digits"), "{}", other.err());
}

#[test]
fn the_public_endpoint_is_what_commands_use() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let mut command = Server::command(&data);
    command.env("AXBRIDGE__HTTP__ENDPOINT", "https://vms.example.com/");
    let mut process = Running::start(&mut command);
    process.line("listening on ");
    let file = std::fs::read_to_string(data.join("operator.json")).expect("it is there");
    assert!(file.contains("\"https://vms.example.com\""), "{file}");
}

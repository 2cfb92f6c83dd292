//! Failures of client commands: one line what, one line what to do, the exit code.

use crate::program::{Server, finish, program, run, text};

#[test]
fn no_server_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().to_str().expect("text");
    let printed = run(["--data", data, "pool", "list"]);
    assert_eq!(printed.code, Some(1));
    assert!(printed.err.contains("axbridge serve"), "{}", printed.err);
    assert_eq!(printed.err.trim_end().lines().count(), 2, "{}", printed.err);

    let mut server = Server::start();
    server.process.signal("TERM");
    server.process.ended();
    let printed = server.cli(["--json", "pool", "list"]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.contains("is the server running?"),
        "{}",
        printed.err
    );
    let error = &printed.any_json()["Error"];
    assert_eq!(text(error, "Code"), "CommandFailed");
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    let server = Server::start();
    let made = server.json(["key", "create"]);
    let mut command = program();
    command.env("AXBRIDGE_ENDPOINT", &server.endpoint);
    command.env("AXBRIDGE_ACCESS_KEY", text(&made, "AccessKeyId"));
    command.env("AXBRIDGE_SECRET_KEY", "quite-wrong-secret");
    let printed = finish(command.args(["pool", "list"]));
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.contains("SignatureDoesNotMatch"),
        "{}",
        printed.err
    );
    assert!(printed.err.contains("check the secret"), "{}", printed.err);
    assert!(!printed.err.contains("quite-wrong-secret"));
}

#[test]
fn misspelt_actions_and_parameters_find_their_names() {
    let printed = run(["call", "SelectNumberAndBindAXC"]);
    assert_eq!(printed.code, Some(2));
    assert!(
        printed.err.contains("did you mean SelectNumberAndBindAXB?"),
        "{}",
        printed.err
    );
    let printed = run(["call", "BindAXB", "--phone-no-q", "1"]);
    assert_eq!(printed.code, Some(2));
    assert!(printed.err.contains("--PhoneNoA"), "{}", printed.err);
}

#[test]
fn a_refusal_of_the_api_keeps_its_code_and_request_id() {
    let server = Server::start();
    let call = [
        "call",
        "UnbindAXB",
        "--number-pool-no",
        "NP000000000000000009",
        "--sub-id",
        "S1",
    ];
    let printed = server.cli(call);
    assert_eq!(printed.code, Some(1));
    assert!(printed.err.contains("SubscriptionEmpty"), "{}", printed.err);
    assert!(printed.err.contains("(request 20"), "{}", printed.err);
    assert!(printed.out.is_empty());
}

#[test]
fn something_else_at_the_endpoint_is_recognised() {
    let mut server = Server::start();
    let operator = server.process.line("metrics and health on ");
    let printed = server.cli(["--endpoint", &operator, "pool", "list"]);
    assert_eq!(printed.code, Some(1));
    assert!(
        printed.err.contains("not as an axbridge does"),
        "{}",
        printed.err
    );
    let printed = server.cli(["--endpoint", "nonsense", "pool", "list"]);
    assert_eq!(printed.code, Some(2));
}

//! `number import`: good lines come in, bad ones are reported, a rerun is harmless.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use crate::program::{Server, program, text};

fn pool(server: &Server) -> String {
    text(
        &server.json(["pool", "create", "--name", "test"]),
        "NumberPoolNo",
    )
}

#[test]
fn bad_lines_are_reported_with_their_place_and_the_rest_comes_in() {
    let server = Server::start();
    let pool = pool(&server);
    let csv = b"\xef\xbb\xbfnumber,city_code,type\r\n17000000001,010,mobile\r\n\
                17000000002,9999\r\nnonsense,010\r\n\r\n\xff\xff,010\r\n17000000003,021\r\n";
    let file = server.file("numbers.csv", csv);
    let report = server.json(["number", "import", "--pool", &pool, &file]);
    let lines: Vec<&serde_json::Value> = report["Refused"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|it| &it["Line"])
        .collect();
    assert_eq!(lines, [&json!(3), &json!(4), &json!(6)]);
    assert_eq!(report["Added"], 2);
    assert_eq!(report["RefusedCount"], 3);
    assert_eq!(report["Lines"], 7);

    let again = server.json(["number", "import", "--pool", &pool, &file]);
    assert_eq!(
        (&again["Added"], &again["Unchanged"]),
        (&json!(0), &json!(2))
    );
    assert_eq!(server.json(["number", "list", "--pool", &pool])["Total"], 2);
}

#[test]
fn a_file_of_many_batches_keeps_its_places() {
    let server = Server::start();
    let pool = pool(&server);
    let mut csv = String::new();
    for index in 0..2_500 {
        csv.push_str(&format!("1700{index:07},010\n"));
    }
    csv.push_str("wrong,010\n");
    let file = server.file("numbers.csv", csv.as_bytes());
    let refused = server.file("refused.csv", b"");
    let report = server.json([
        "number",
        "import",
        "--pool",
        &pool,
        "--refused",
        &refused,
        &file,
    ]);
    assert_eq!(report["Added"], 2_500);
    assert_eq!(report["Refused"][0]["Line"], 2_501);
    let written = std::fs::read_to_string(&refused).expect("it was written");
    assert!(written.starts_with("line,reason\n2501,"), "{written}");
}

#[test]
fn a_rate_limit_slows_an_import_and_does_not_break_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Server::command(&folder.path().join("data"));
    command.env("AXBRIDGE__API__REQUESTS_PER_KEY_PER_S", "2");
    let server = Server::start_with(&mut command, folder);
    let pool = pool(&server);
    let mut csv = String::new();
    for index in 0..3_001 {
        csv.push_str(&format!("1700{index:07},010\n"));
    }
    let file = server.file("numbers.csv", csv.as_bytes());
    let report = server.json(["number", "import", "--pool", &pool, &file]);
    assert_eq!(report["Added"], 3_001);
}

#[test]
fn people_get_a_short_report() {
    let server = Server::start();
    let pool = pool(&server);
    let csv = format!("17000000001,010\n{}", "wrong,010\n".repeat(30));
    let file = server.file("numbers.csv", csv.as_bytes());
    let printed = server.cli(["number", "import", "--pool", &pool, &file]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(
        printed
            .out
            .starts_with("1 added, 0 there already, 30 refused\n"),
        "{}",
        printed.out
    );
    assert!(printed.out.contains("line 21: "), "{}", printed.out);
    assert!(!printed.out.contains("line 22: "), "{}", printed.out);
    assert!(printed.out.contains("and 10 more"), "{}", printed.out);
    assert!(printed.err.is_empty(), "{}", printed.err);
}

#[test]
fn a_file_without_a_good_line_fails() {
    let server = Server::start();
    let pool = pool(&server);
    let file = server.file("numbers.csv", b"wrong,010\n");
    let printed = server.cli(["number", "import", "--pool", &pool, &file]);
    assert_eq!(printed.code, Some(1), "{printed:?}");
    assert!(printed.out.contains("0 added, 0 there already, 1 refused"));
}

#[test]
fn a_dash_reads_standard_input() {
    let server = Server::start();
    let pool = pool(&server);
    let mut command = program();
    command.arg("--data").arg(server.data());
    command.args(["--json", "number", "import", "--pool", &pool, "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(b"17000000001,010\n").expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["Added"], 1);
}

#[test]
fn a_pool_or_file_that_is_not_there_is_told() {
    let server = Server::start();
    let file = server.file("numbers.csv", b"17000000001,010\n");
    let printed = server.cli(["number", "import", "--pool", "NP000000000000000009", &file]);
    assert_eq!(printed.code, Some(1));
    assert!(printed.err.contains("NumberPoolNo"), "{}", printed.err);
    let pool = pool(&server);
    let printed = server.cli(["number", "import", "--pool", &pool, "no-such.csv"]);
    assert_eq!(printed.code, Some(1));
    assert!(printed.err.contains("no-such.csv"), "{}", printed.err);
}

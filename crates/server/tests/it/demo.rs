//! `demo`: tells the whole story, cleans up, and what it prints works.

use crate::program::{Running, exchange, program, run};

#[test]
fn once_tells_the_story_and_leaves_nothing() {
    let printed = run(["demo", "--once"]);
    assert_eq!(printed.code, Some(0), "{printed:?}");
    for said in [
        "Ben (13800000000) rings and sees 1700000000",
        "Anna (13700000000) rings and sees 1700000000",
        "heard the caller's tone for",
        "a stranger (13500000000) dials",
        "nobody rings (404); the caller hears",
        "connected, ",
        "recording /",
        "NumberNotEnough",
        "1 held by A",
        "nobody rings (Outcome Ended)",
        "curl 'http://127.0.0.1:",
        "volcenginesdkvms",
    ] {
        assert!(printed.out.contains(said), "{said}: {}", printed.out);
    }
    let (_, rest) = printed
        .out
        .split_once("data directory, ")
        .expect("it says where");
    let data = std::path::Path::new(rest.lines().next().expect("a path"));
    assert!(!data.exists());
    assert!(!data.parent().expect("a parent").exists());
}

#[test]
fn once_as_json_is_one_value() {
    let story = run(["--json", "demo", "--once"]).json();
    for name in ["Endpoint", "AccessKeyId", "SecretAccessKey", "NumberPoolNo"] {
        assert!(story[name].is_string(), "{name}");
    }
    let steps = story["Steps"].as_array().expect("a list");
    assert!(steps.len() >= 7);
    assert!(
        steps
            .iter()
            .all(|step| step["Says"].as_array().is_some_and(|it| !it.is_empty()))
    );
}

#[test]
fn the_printed_curl_binds_and_an_interrupt_ends_it() {
    let mut demo = Running::start(program().arg("demo"));
    demo.line("The server stays up");
    let out = demo.out();
    let address = out
        .lines()
        .find_map(|it| it.strip_prefix("endpoint    http://"));
    let address = address.expect("it prints the endpoint");
    let quoted: Vec<&str> = out
        .lines()
        .skip_while(|it| !it.starts_with("curl "))
        .take_while(|it| !it.is_empty())
        .filter_map(|it| it.split('\'').nth(1))
        .collect();
    let [url, headers @ .., body] = quoted.as_slice() else {
        panic!("no curl in {out}");
    };
    let (_, path) = url.rsplit_once('/').expect("a path");
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {address}\r\n{}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        headers.join("\r\n"),
        body.len()
    );
    let answer = exchange(address.parse().expect("an address"), &request);
    assert!(answer.contains("\"Status\":1"), "{answer}");
    demo.signal("INT");
    assert_eq!(demo.ended().code(), Some(0));
}

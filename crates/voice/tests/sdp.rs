//! Offers and answers as pairs of files that a person can read: `data/sdp/README.md`.

use std::{fs, net::SocketAddr, path::PathBuf};

use axbridge_voice::sdp::{Agreed, Codec, Direction, Session, Side, Wanted};

fn data() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/sdp")
}

/// The blocks of a file: name and lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("== "), blocks.last_mut()) {
            (Some(name), _) => blocks.push((name, Vec::new())),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => panic!("a file starts with a block"),
        }
    }
    blocks
}

fn wanted(lines: &[&str]) -> Wanted {
    let mut wanted = Wanted::default();
    for line in lines {
        match line.split_once(' ') {
            Some(("codecs", names)) => {
                let codec = |name| match name {
                    "PCMA" => Codec::Pcma,
                    "PCMU" => Codec::Pcmu,
                    other => panic!("no codec {other}"),
                };
                wanted.codecs = names.split(' ').map(codec).collect();
            }
            Some(("direction", name)) => {
                let all = [
                    Direction::SendRecv,
                    Direction::SendOnly,
                    Direction::RecvOnly,
                    Direction::Inactive,
                ];
                let found = all.into_iter().find(|direction| direction.name() == name);
                wanted.direction = found.expect("a direction");
            }
            _ => panic!("nothing is wanted by {line:?}"),
        }
    }
    wanted
}

fn on_the_wire(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{line}\r\n")).collect()
}

fn told(agreed: &Agreed) -> Vec<String> {
    let events = match (agreed.send_event_type, agreed.receive_event_type) {
        (Some(send), Some(receive)) => format!("events send {send} receive {receive}"),
        (None, None) => "events none".to_owned(),
        other => panic!("events go one way: {other:?}"),
    };
    let remote = match (agreed.remote, agreed.remote_rtcp) {
        (Some(remote), Some(rtcp)) => format!("remote {remote} rtcp {rtcp}"),
        _ => "remote none".to_owned(),
    };
    vec![
        format!(
            "codec {} send {} receive {}",
            agreed.codec.name(),
            agreed.send_payload_type,
            agreed.receive_payload_type
        ),
        events,
        format!("direction {}", agreed.direction.name()),
        remote,
        format!("ptime {}", agreed.ptime_ms),
    ]
}

fn check(name: &str, text: &str) {
    let local = SocketAddr::from(([192, 0, 2, 1], 4000));
    let mut side = Side::new(7, local);
    let mut want = Wanted::default();
    let mut outcome: Result<Agreed, String> = Err("nothing was said".to_owned());
    let mut answer = String::new();
    for (block, lines) in blocks(text) {
        let said = on_the_wire(&lines);
        match block {
            "wanted" => want = wanted(&lines),
            "offer" => {
                let session = Session::parse(said.as_bytes()).map_err(|flaw| flaw.to_string());
                let answered = session
                    .and_then(|offer| side.answer(&offer, &want).map_err(|why| why.to_string()));
                outcome = answered.map(|(text, agreed)| {
                    answer = text;
                    agreed
                });
            }
            "answer" => {
                assert_eq!(answer, said, "{name}");
                assert_eq!(side.last().as_deref(), Some(answer.as_str()), "{name}");
            }
            "our offer" => assert_eq!(side.offer(&want), said, "{name}"),
            "their answer" => {
                let session = Session::parse(said.as_bytes()).map_err(|flaw| flaw.to_string());
                outcome = session
                    .and_then(|answer| side.read_answer(&answer).map_err(|why| why.to_string()));
            }
            "agreed" => {
                let agreed = outcome
                    .as_ref()
                    .unwrap_or_else(|why| panic!("{name}: {why}"));
                assert_eq!(told(agreed), lines, "{name}");
            }
            "refused" => assert_eq!(outcome, Err(lines.join("\n")), "{name}"),
            other => panic!("{name}: there is no block {other:?}"),
        }
    }
}

#[test]
fn descriptions_come_out_as_the_files_say() {
    let mut files: Vec<PathBuf> = fs::read_dir(data())
        .expect("the files")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    files.sort();
    assert!(files.len() >= 15, "{}", files.len());
    for path in files {
        let text = fs::read_to_string(&path).expect("a file");
        check(&path.display().to_string(), &text);
    }
}

#[test]
fn our_descriptions_tell_nothing_of_the_peer_but_its_own_refused_streams() {
    let text = fs::read_to_string(data().join("plain_pcma.txt")).expect("a file");
    let blocks = blocks(&text);
    let offer = Session::parse(on_the_wire(&blocks[0].1).as_bytes()).expect("an offer");
    let mut side = Side::new(u64::MAX, SocketAddr::from(([192, 0, 2, 1], 4000)));
    let (answer, _) = side.answer(&offer, &Wanted::default()).expect("agreed");
    for theirs in [
        "alice",
        "53655765",
        "2353687637",
        "198.51.100.7",
        "13700000001",
        "G729",
    ] {
        assert!(!answer.contains(theirs), "{theirs} in {answer}");
    }
    let id: i64 = answer
        .split(' ')
        .nth(1)
        .and_then(|id| id.parse().ok())
        .expect("an id");
    assert!(id > 0);
}

#[test]
fn descriptions_are_bounded() {
    let head = "v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n";
    let lengths = [
        ("m=audio 4 RTP/AVP 8\r\n", 9),
        ("i=x\r\n", 600),
        (
            "a=x:012345678901234567890123456789012345678901234567890123456789\r\n",
            400,
        ),
    ];
    for (line, count) in lengths {
        let text = format!("{head}{}", line.repeat(count));
        assert!(Session::parse(text.as_bytes()).is_err(), "{line:?}");
    }
    let many = format!("{head}m=audio 4 RTP/AVP{}\r\n", " 8".repeat(100));
    assert!(Session::parse(many.as_bytes()).is_err());
    let attributes = format!("{head}m=audio 4 RTP/AVP 8\r\n{}", "a=x\r\n".repeat(200));
    assert!(Session::parse(attributes.as_bytes()).is_err());
}

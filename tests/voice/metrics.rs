//! `docs/operations/metrics.md` names every metric of a running server, with its type and labels,
//! and none that is not there.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::UdpSocket,
    time::{Duration, Instant},
};

use axbridge_voice::phone::{Script, Stage};
use serde_json::json;

use crate::house::{A_HOST, House, PATIENCE, POLL, report, rings};

const PAGE: &str = include_str!("../../docs/operations/metrics.md");

/// Type and labels of each metric, by the name that is asked for.
type Metrics = BTreeMap<String, (String, BTreeSet<String>)>;

/// What the page's tables say.
fn of_page() -> Metrics {
    let rows = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `axbridge_"));
    let rows = rows.filter_map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches('`');
        // The table of what to watch has expressions.
        let is_kind = ["counter", "gauge", "histogram"].contains(&cells[1]);
        let labels = cells[2]
            .split(',')
            .map(|label| label.trim().trim_matches('`'));
        let labels = labels.filter(|label| !label.is_empty()).map(str::to_owned);
        is_kind.then(|| {
            let labels = labels.collect();
            (format!("axbridge_{name}"), (cells[1].to_owned(), labels))
        })
    });
    rows.collect()
}

/// What a server says. A counter's samples end in `_total`.
fn of_text(text: &str) -> Metrics {
    let mut found = Metrics::new();
    for line in text.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            let (name, kind) = about.split_once(' ').expect("a type");
            let ending = if kind == "counter" { "_total" } else { "" };
            let metric = (kind.to_owned(), BTreeSet::new());
            assert!(
                found.insert(format!("{name}{ending}"), metric).is_none(),
                "{line}"
            );
            continue;
        }
        let Some((series, _)) = line
            .rsplit_once(' ')
            .filter(|_| line.starts_with("axbridge_"))
        else {
            continue;
        };
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let plain = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|it| name.strip_suffix(it));
        let name = plain
            .filter(|name| found.contains_key(*name))
            .unwrap_or(name);
        let (_, known) = found
            .get_mut(name)
            .unwrap_or_else(|| panic!("{name} has no type"));
        let labels = labels.trim_end_matches('}').split("\",");
        let labels = labels
            .filter_map(|label| label.split_once('='))
            .map(|(label, _)| label);
        known.extend(labels.filter(|label| *label != "le").map(str::to_owned));
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_metrics_names_each_of_them() {
    let house = House::with(&[
        ("CALLBACKS__HTTP_HOSTS", "127.0.0.1"),
        ("CALLBACKS__ALLOWED_RANGES", "127.0.0.0/8"),
    ])
    .await;
    // Nobody listens on the discard port, and each kind of refusal is there once.
    house
        .server
        .call("SetCallback", json!({"Url": "http://127.0.0.1:9/"}));
    house.bind(json!({}));
    let unbind = json!({"NumberPoolNo": house.pool, "SubId": "S17489497020004a3f0c1d"});
    let refused = house.server.client().call("UnbindAXB", &unbind);
    assert!(matches!(
        refused,
        axbridge_tests::signed_client::Reply::Refused { .. }
    ));
    let sip = house.server.sip();
    let socket = UdpSocket::bind((A_HOST, 0)).expect("a socket");
    let mut out = house.a_calls(Script::default()).await;
    let incoming = rings(&house.b).await;
    assert!(out.reaches(Stage::Answered).await);
    socket
        .send_to(b"INVITE nonsense SIP/2.0\r\n\r\n", sip)
        .expect("sent");
    // A trunk has calls while one is there.
    let during = of_text(&house.server.metrics());
    out.hang_up().await;
    report(out).await;
    report(incoming).await;
    let page = of_page();
    let started = Instant::now();
    loop {
        let mut found = of_text(&house.server.metrics());
        for (name, (_, labels)) in &during {
            let known = found.get_mut(name).map(|(_, known)| known);
            known
                .into_iter()
                .for_each(|known| known.extend(labels.clone()));
        }
        if found == page {
            return;
        }
        if started.elapsed() > PATIENCE.min(Duration::from_secs(20)) {
            let wrong = |(name, about): (&String, &(String, BTreeSet<String>)), other: &Metrics| {
                (other.get(name) != Some(about)).then(|| format!("{name} {about:?}"))
            };
            let there: Vec<_> = found.iter().filter_map(|it| wrong(it, &page)).collect();
            let told: Vec<_> = page.iter().filter_map(|it| wrong(it, &found)).collect();
            panic!("the server has {there:#?}\nthe page has {told:#?}");
        }
        tokio::time::sleep(POLL).await;
    }
}

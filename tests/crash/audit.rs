//! The final look at the data itself, without the program: engine's own check,
//! one owner for each route, each event once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use rusqlite::{Connection, OpenFlags};

use crate::ledger::Ledger;

/// SubIds and what the clients were told of them, against the rows.
struct Found {
    bindings: BTreeSet<String>,
    ended: BTreeSet<String>,
    /// Each event with how often it stands there.
    events: BTreeMap<(String, String), u64>,
}

/// Judges a database of the embedded store; nobody may have it open.
pub(crate) fn embedded(data: &Path, ledgers: &[Ledger]) {
    let path = data.join("axbridge.db");
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = Connection::open_with_flags(path, flags).expect("it opens");
    let texts = |sql: &str| -> Vec<String> {
        let mut statement = database.prepare(sql).expect("the tables are known");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    };
    assert_eq!(texts("PRAGMA integrity_check"), ["ok"]);
    // Every binding of this test outlives it, so whatever has no end is live.
    let shared = "SELECT x || ' ' || hex(k) FROM (SELECT seq, x, a_key AS k FROM binding \
         UNION ALL SELECT seq, x, b_key FROM binding) WHERE seq NOT IN (SELECT seq FROM ended) \
         GROUP BY x, k HAVING count(*) > 1";
    assert_eq!(
        texts(shared),
        Vec::<String>::new(),
        "routes with two owners"
    );
    let ended = "SELECT sub_id FROM binding JOIN ended USING (seq)";
    let mut events = BTreeMap::new();
    for line in texts("SELECT topic || ' ' || subject FROM event") {
        count(&mut events, &line);
    }
    let bindings = texts("SELECT sub_id FROM binding").into_iter().collect();
    let ended = texts(ended).into_iter().collect();
    judge(
        &Found {
            bindings,
            ended,
            events,
        },
        ledgers,
    );
}

/// Judges a database on PostgreSQL.
pub(crate) fn postgres(psql: &Path, url: &str, ledgers: &[Ledger]) {
    let texts = |sql: &str| -> Vec<String> {
        let mut command = Command::new(psql);
        command.args([
            "-X",
            "-A",
            "-t",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
            url,
        ]);
        let printed = command.output().expect("psql can be started");
        let errors = String::from_utf8_lossy(&printed.stderr).into_owned();
        assert!(printed.status.success(), "{errors}");
        let text = String::from_utf8(printed.stdout).expect("psql prints UTF-8");
        text.lines().map(str::to_owned).collect()
    };
    let shared = "SELECT x || ' ' || encode(k, 'hex') FROM (SELECT x, a_key AS k FROM binding \
         WHERE ended_at IS NULL UNION ALL SELECT x, b_key FROM binding WHERE ended_at IS NULL) q \
         GROUP BY x, k HAVING count(*) > 1";
    assert_eq!(
        texts(shared),
        Vec::<String>::new(),
        "routes with two owners"
    );
    // A live binding and the routes to it came and went together.
    let torn = "SELECT b.sub_id FROM binding b WHERE b.ended_at IS NULL AND 2 <> (SELECT count(*) \
         FROM route r WHERE r.account = b.account AND r.x = b.x AND r.sub_id = b.sub_id)";
    assert_eq!(
        texts(torn),
        Vec::<String>::new(),
        "bindings without their routes"
    );
    let mut events = BTreeMap::new();
    let all = "SELECT topic || ' ' || subject FROM (SELECT topic, subject FROM outbox_entry \
         UNION ALL SELECT topic, subject FROM outbox) q";
    for line in texts(all) {
        count(&mut events, &line);
    }
    let bindings = texts("SELECT sub_id FROM binding").into_iter().collect();
    let ended = texts("SELECT sub_id FROM binding WHERE ended_at IS NOT NULL");
    let ended = ended.into_iter().collect();
    judge(
        &Found {
            bindings,
            ended,
            events,
        },
        ledgers,
    );
}

fn count(events: &mut BTreeMap<(String, String), u64>, line: &str) {
    let (topic, subject) = line.split_once(' ').expect("topic and subject");
    let event = (topic.to_owned(), subject.to_owned());
    *events.entry(event).or_default() += 1;
}

fn judge(found: &Found, ledgers: &[Ledger]) {
    let told: BTreeSet<String> = ledgers
        .iter()
        .flat_map(|ledger| ledger.sub_ids().map(str::to_owned))
        .collect();
    let lost: Vec<_> = told.difference(&found.bindings).collect();
    assert!(lost.is_empty(), "answered and lost: {lost:?}");
    let unheard: Vec<_> = found.bindings.difference(&told).collect();
    assert!(unheard.is_empty(), "bound, but for nobody: {unheard:?}");
    let ended: BTreeSet<String> = ledgers
        .iter()
        .flat_map(|ledger| ledger.ended_ids().map(str::to_owned))
        .collect();
    assert_eq!(ended, found.ended, "what was ended, and what is");
    let expected = found.bindings.iter().map(|it| ("binding.bound", it));
    let expected = expected.chain(found.ended.iter().map(|it| ("binding.unbound", it)));
    let expected: BTreeMap<_, _> = expected
        .map(|(topic, subject)| ((topic.to_owned(), subject.clone()), 1))
        .collect();
    let of_bindings = found.events.iter();
    let of_bindings = of_bindings.filter(|((topic, _), _)| topic.starts_with("binding."));
    let of_bindings: BTreeMap<_, _> = of_bindings
        .map(|(it, count)| (it.clone(), *count))
        .collect();
    assert_eq!(of_bindings, expected, "events, each once");
}

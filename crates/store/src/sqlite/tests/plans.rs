//! How the engine means to find rows, and how often it makes up its mind.

use axbridge_domain::time::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, StatementStatus, params_from_iter};

use super::super::{
    delivery::{NEXT, state_of_new},
    open::{MIGRATIONS, keep_statements, migrate},
    rows::select_bindings,
};

/// An empty database, opened as the store does.
fn database() -> Connection {
    let mut connection = Connection::open_in_memory().expect("a database");
    keep_statements(&connection).expect("they are kept");
    let now = Timestamp::from_unix_ms(0);
    let wrong = |_: rusqlite::Error| unreachable!("the schema is sound");
    migrate(&mut connection, MIGRATIONS, now, wrong).expect("a schema");
    connection
}

/// The steps of a statement with so many parameters.
fn plan(connection: &Connection, sql: &str, parameters: usize) -> String {
    let explained = format!("EXPLAIN QUERY PLAN {sql}");
    let mut statement = connection.prepare(&explained).expect("it is SQL");
    let values = vec![0_i64; parameters];
    let rows = statement.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
    let steps: Result<Vec<String>, _> = rows.expect("a plan").collect();
    steps.expect("steps").join("\n")
}

#[test]
fn finished_deliveries_are_not_read_to_find_the_next_one() {
    let connection = database();
    let made = format!(
        "SELECT {} FROM outbox o JOIN receiver r ON r.account = o.account WHERE o.id > ?1",
        state_of_new("o")
    );
    for (sql, parameters) in [(NEXT, 3), (made.as_str(), 1)] {
        let plan = plan(&connection, sql, parameters);
        let narrow = "USING INDEX delivery_order (receiver=? AND subject=?)";
        assert!(plan.contains(narrow), "{sql}\n{plan}");
    }
}

#[test]
fn a_look_up_is_prepared_once() {
    const LOOK_UP: &str = select_bindings!("WHERE b.sub_id = ?1 AND b.drawn = 1");
    let connection = database();
    for sub_id in ["one", "another", "a third"] {
        let mut look_up = connection.prepare_cached(LOOK_UP).expect("it is SQL");
        let found = look_up.query_row([sub_id], |_| Ok(())).optional();
        assert_eq!(found.expect("an answer"), None);
        assert_eq!(look_up.get_status(StatementStatus::RePrepare), 0);
    }
}

//! A primary with a synchronous standby, and an operator who tells it not to wait: nothing may be
//! acknowledged that is on one server alone.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use axbridge_domain::{account::AccountId, pool::PoolRules};
use axbridge_store::{
    Store,
    error::StoreError,
    model::{BindCommand, BindingRef, Bound, Idempotency},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use crate::nodes::{Answer, Database, HOUR, a, at, b, select};

const STANDBY_NAME: &str = "standby";

/// A server in a folder of its own, stopped when it is dropped.
struct Server {
    programs: PathBuf,
    folder: TempDir,
    port: u16,
    /// Who runs it, since PostgreSQL refuses root: user and group.
    owner: Option<(u32, u32)>,
}

impl Server {
    /// A place for one; `None`, and it is said why, when PostgreSQL is not installed.
    fn place() -> Option<Self> {
        let Some(programs) = programs() else {
            println!("skipped: PostgreSQL's programs are not installed");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("axbridge-standby-")
            .tempdir_in("/tmp")
            .expect("a folder");
        let owner = (id("-u", None) == Some(0)).then(unprivileged);
        if let Some((user, group)) = owner {
            chown(folder.path(), Some(user), Some(group)).expect("root may give a folder away");
        }
        let port = lasting_port();
        Some(Self {
            programs,
            folder,
            port,
            owner,
        })
    }

    /// A new primary.
    fn primary() -> Option<Self> {
        let server = Self::place()?;
        let mut initdb = server.command("initdb");
        initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]);
        initdb.args(["--username=postgres", "--pgdata"]);
        server.run(initdb.arg(server.data()));
        server.start();
        Some(server)
    }

    /// A copy of `primary` that follows it.
    fn standby_of(primary: &Self) -> Option<Self> {
        let server = Self::place()?;
        let follow = format!(
            "host=127.0.0.1 port={} user=postgres application_name={STANDBY_NAME}",
            primary.port
        );
        let mut copy = server.command("pg_basebackup");
        copy.args(["-R", "-X", "stream", "--checkpoint=fast", "--no-sync", "-d"]);
        server.run(copy.arg(&follow).arg("-D").arg(server.data()));
        server.start();
        Some(server)
    }

    fn start(&self) {
        let settings = format!(
            "-p {} -k {} -h 127.0.0.1 -c max_connections=60 -c synchronous_standby_names={}",
            self.port,
            self.folder.path().display(),
            STANDBY_NAME
        );
        let mut command = self.command("pg_ctl");
        command.args(["start", "-w", "-t", "60", "-o", &settings, "-D"]);
        command.arg(self.data());
        self.run(command.arg("-l").arg(self.folder.path().join("log")));
    }

    fn stop(&self) {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-w", "-m", "immediate", "-D"]);
        self.run(command.arg(self.data()));
    }

    fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir(self.folder.path()).env("LC_ALL", "C");
        // A server keeps what it inherits, so pipes would never close.
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::null());
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        command
    }

    fn run(&self, command: &mut Command) {
        let status = command.status().expect("it can be started");
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        assert!(status.success(), "{command:?} {status}: {log}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let mut command = self.command("pg_ctl");
        command.args(["stop", "-m", "immediate", "-D"]);
        // It may lie down already.
        let _ = command.arg(self.data()).status();
    }
}

/// A free port below those that systems give to outgoing connections, so that nobody takes it while
/// the server lies dead.
fn lasting_port() -> u16 {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH);
    let start = clock.map_or(0, |since| since.subsec_nanos() % 15_000);
    let ports = (0..15_000).map(|step| 15_000 + (start + step) % 15_000);
    let mut free = ports
        .filter_map(|port| u16::try_from(port).ok())
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.next().expect("one of thousands is free")
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("it runs");
    tokio::spawn(connection);
    client
}

fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = versions.flatten().map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let all = |folder: &Path| {
        ["initdb", "pg_ctl", "pg_basebackup"]
            .iter()
            .all(|name| folder.join(name).is_file())
    };
    path.into_iter().chain(debian).find(|folder| all(folder))
}

fn unprivileged() -> (u32, u32) {
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| id("-u", Some(name)).zip(id("-g", Some(name))))
        .expect("there is a user postgres or nobody to run PostgreSQL")
}

fn id(what: &str, name: Option<&str>) -> Option<u32> {
    let output = Command::new("id").arg(what).args(name).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

/// Waits until a session of the primary waits for the standby, and answers its process.
async fn wait_for_a_waiter(operator: &Client) -> i32 {
    loop {
        let waiting = operator
            .query(
                "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1",
                &[],
            )
            .await
            .expect("it answers");
        if let Some(row) = waiting.first() {
            return row.get(0);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Cancels whatever waits for the standby until the task has its answer.
async fn cancel_until_answered<T>(operator: &Client, task: JoinHandle<T>) -> T {
    while !task.is_finished() {
        tokio::select! {
            pid = wait_for_a_waiter(operator) => {
                let cancelled = operator.query("SELECT pg_cancel_backend($1)", &[&pid]).await;
                cancelled.expect("it answers");
            }
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
    }
    task.await.expect("no panic")
}

fn keyed(key: &str) -> BindCommand {
    BindCommand {
        idempotency: Some(Idempotency {
            action: "bind",
            key: key.to_owned(),
            fingerprint: [7; 32],
        }),
        ..select(1, a(1), Some(b(1)))
    }
}

fn spawn_bind(node: &Store, command: BindCommand) -> JoinHandle<Answer> {
    let node = node.clone();
    tokio::spawn(async move { node.bind(command, at(1)).await })
}

fn is_unavailable<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Unavailable(_)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_acknowledged_while_only_the_primary_has_it() {
    let Some(primary) = Server::primary() else {
        return;
    };
    let Some(standby) = Server::standby_of(&primary) else {
        return;
    };
    let database = Database::make_on(primary.url()).await;
    let nodes = database.two_nodes(10, PoolRules::default()).await;
    let first = nodes[0].bind(select(2, a(2), Some(b(2))), at(1)).await;
    let Ok(Ok(Bound::New(first))) = first else {
        panic!("not bound: {first:?}");
    };
    let operator = primary.client().await;
    standby.stop();

    // A bind, and an unbind: what was cancelled stands, and nobody is told that it does.
    let bound = spawn_bind(&nodes[0], keyed("key"));
    wait_for_a_waiter(&operator).await;
    assert!(
        !bound.is_finished(),
        "it is answered before the standby has it"
    );
    let bound = cancel_until_answered(&operator, bound).await;
    assert!(is_unavailable(&bound), "{bound:?}");
    let behind = database.client().await;
    let count = "SELECT count(*) FROM idempotency";
    let row = behind.query_one(count, &[]).await.expect("a table");
    assert_eq!(row.get::<_, i64>(0), 1, "the bind stands on the primary");

    let reference = BindingRef {
        account: AccountId::DEFAULT,
        pool: None,
        sub_id: first.sub_id,
    };
    let node = nodes[1].clone();
    let ended = tokio::spawn(async move { node.unbind(reference, at(2)).await });
    let ended = cancel_until_answered(&operator, ended).await;
    assert!(is_unavailable(&ended), "{ended:?}");

    // Repeated, both wait for the standby again, on either node.
    for node in &nodes {
        let again = spawn_bind(node, keyed("key"));
        wait_for_a_waiter(&operator).await;
        assert!(
            !again.is_finished(),
            "a replay is answered from the primary alone"
        );
        let again = cancel_until_answered(&operator, again).await;
        assert!(is_unavailable(&again), "{again:?}");
    }

    // With the standby back, the same question has its answer, and the standby has the bind.
    standby.start();
    let again = nodes[1].bind(keyed("key"), at(3)).await;
    assert!(matches!(again, Ok(Ok(Bound::Replayed(_)))), "{again:?}");
    let copy = database
        .url
        .replace(&primary.port.to_string(), &standby.port.to_string());
    let row = connect(&copy).await.query_one(count, &[]).await;
    assert_eq!(row.expect("a table").get::<_, i64>(0), 1);
    let ended = nodes[0].unbind(reference, at(HOUR)).await;
    assert!(matches!(ended, Ok(Err(_))), "it has ended: {ended:?}");
    for node in nodes {
        node.close().await;
    }
}

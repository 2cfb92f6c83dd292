//! Where a test's data lives, and how it is cleared away.

use std::sync::atomic::{AtomicU32, Ordering};

use axbridge_store::Location;
use tempfile::TempDir;
use tokio_postgres::NoTls;

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// A place for one application's data that vanishes with it.
pub(crate) enum Home {
    Directory(TempDir),
    Database { server: String, name: String },
}

impl Home {
    pub(crate) async fn new() -> Self {
        let Ok(server) = std::env::var("TEST_DATABASE_URL") else {
            return Self::Directory(tempfile::tempdir().expect("a temporary directory"));
        };
        let count = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("axbridge_api_{}_{count}", std::process::id());
        execute(&server, &format!("CREATE DATABASE {name}")).await;
        Self::Database { server, name }
    }

    pub(crate) fn location(&self) -> Location {
        match self {
            Self::Directory(directory) => Location::Directory(directory.path().to_path_buf()),
            Self::Database { server, name } => Location::Postgres(with_database(server, name)),
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let Self::Database { server, name } = self else {
            return;
        };
        let (server, drop) = (
            server.clone(),
            format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
        );
        // The test's own runtime is not free to wait here.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            if let Ok(runtime) = runtime {
                runtime.block_on(execute(&server, &drop));
            }
        });
        let _ = thread.join();
    }
}

async fn execute(server: &str, statement: &str) {
    let (client, connection) = tokio_postgres::connect(server, NoTls)
        .await
        .expect("TEST_DATABASE_URL names a server that answers");
    let connection = tokio::spawn(connection);
    client
        .batch_execute(statement)
        .await
        .expect("the user of TEST_DATABASE_URL may make databases");
    drop(client);
    let _ = connection.await;
}

/// The connection string with another database in it.
fn with_database(server: &str, name: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else {
        return format!("{server} dbname={name}");
    };
    let (rest, options) = rest
        .split_once('?')
        .map_or((rest, String::new()), |(rest, options)| {
            (rest, format!("?{options}"))
        });
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}/{name}{options}")
}

//! A database of a test's own.

use tokio_postgres::Client;

/// It is there until it is removed.
pub(crate) struct Database {
    client: Client,
    name: String,
    url: String,
}

impl Database {
    /// Makes one on the server that `TEST_DATABASE_URL` names; without it says so and makes none.
    pub(crate) async fn make(name: &str) -> Option<Self> {
        let url = std::env::var("TEST_DATABASE_URL").unwrap_or_default();
        if url.is_empty() {
            eprintln!("skipped: TEST_DATABASE_URL is not set");
            return None;
        }
        let name = format!("voice_{name}_{}", std::process::id());
        let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("TEST_DATABASE_URL names a server");
        tokio::spawn(connection);
        let made = client
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .await;
        made.expect("it may make databases");
        let (server, _) = url.rsplit_once('/').expect("a database in the URL");
        Some(Self {
            url: format!("{server}/{name}"),
            client,
            name,
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Removes it; who uses it must be gone.
    pub(crate) async fn remove(self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        let dropped = self.client.batch_execute(&drop).await;
        dropped.expect("nobody needs it any more");
    }
}

//! Brings the schema up to date. Nodes that start at once queue up behind a table lock, and the
//! later ones find the work done.

use deadpool_postgres::{Object, Transaction};

use super::fault::{Attempts, Fault, commit_fault};
use crate::{
    error::{OpenError, StoreError},
    migrate::{Migration, pending},
};

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "begin",
        sql: include_str!("../../migrations/postgres/0001_begin.sql"),
    },
    Migration {
        version: 2,
        name: "calls",
        sql: include_str!("../../migrations/postgres/0002_calls.sql"),
    },
    Migration {
        version: 3,
        name: "delivery",
        sql: include_str!("../../migrations/postgres/0003_delivery.sql"),
    },
    Migration {
        version: 4,
        name: "keep",
        sql: include_str!("../../migrations/postgres/0004_keep.sql"),
    },
    Migration {
        version: 5,
        name: "phone",
        sql: include_str!("../../migrations/postgres/0005_phone.sql"),
    },
    Migration {
        version: 6,
        name: "places",
        sql: include_str!("../../migrations/postgres/0006_places.sql"),
    },
    Migration {
        version: 7,
        name: "talk",
        sql: include_str!("../../migrations/postgres/0007_talk.sql"),
    },
    Migration {
        version: 8,
        name: "private",
        sql: include_str!("../../migrations/postgres/0008_private.sql"),
    },
    Migration {
        version: 9,
        name: "event_spans",
        sql: include_str!("../../migrations/postgres/0009_event_spans.sql"),
    },
    Migration {
        version: 10,
        name: "keys",
        sql: include_str!("../../migrations/postgres/0010_keys.sql"),
    },
];

/// Applies what is missing, all in one transaction.
///
/// # Errors
/// When the database is newer than this program, was made by another, or does not answer.
pub(super) async fn bring_up_to_date(client: &mut Object) -> Result<(), OpenError> {
    let mut attempts = Attempts::default();
    loop {
        match migrate(client).await {
            Ok(()) => return Ok(()),
            Err(Stop::Refused(error)) => return Err(error),
            Err(Stop::Fault(fault)) => attempts.after(fault).await?,
        }
    }
}

enum Stop {
    Refused(OpenError),
    Fault(Fault),
}

impl<F: Into<Fault>> From<F> for Stop {
    fn from(fault: F) -> Self {
        Stop::Fault(fault.into())
    }
}

async fn migrate(client: &mut Object) -> Result<(), Stop> {
    let made = client
        .batch_execute(
            "CREATE TABLE IF NOT EXISTS schema_migration (
                version bigint PRIMARY KEY,
                name text NOT NULL,
                checksum text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )",
        )
        .await;
    if let Err(error) = made {
        return Err(Stop::Fault(at_once(error)));
    }
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("LOCK TABLE schema_migration IN EXCLUSIVE MODE")
        .await?;
    apply_pending(&transaction).await?;
    transaction.commit().await.map_err(commit_fault)?;
    Ok(())
}

async fn apply_pending(transaction: &Transaction<'_>) -> Result<(), Stop> {
    let rows = transaction
        .query("SELECT version, checksum FROM schema_migration", &[])
        .await?;
    let mut applied = Vec::new();
    for row in rows {
        applied.push((row.try_get(0)?, row.try_get(1)?));
    }
    for migration in pending(MIGRATIONS, &applied).map_err(Stop::Refused)? {
        transaction.batch_execute(migration.sql).await?;
        transaction
            .execute(
                "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)",
                &[&migration.version, &migration.name, &migration.checksum()],
            )
            .await?;
    }
    Ok(())
}

/// Two nodes that make the very first table at once collide in the engine's own catalogue.
fn at_once(error: tokio_postgres::Error) -> Fault {
    let collided = error
        .code()
        .is_some_and(|code| matches!(code.code(), "23505" | "42P07" | "42710"));
    if collided {
        return Fault::Again("another node is making the schema".to_owned());
    }
    match error.into() {
        Fault::Store(StoreError::Internal(text)) => Fault::Store(StoreError::Unavailable(text)),
        fault => fault,
    }
}

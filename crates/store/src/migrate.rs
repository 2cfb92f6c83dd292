//! Versions of the schema. Migrations are numbered SQL files, compiled in; a database remembers
//! the number and checksum of each that it was given. A shipped migration is never edited.

use aws_lc_rs::digest;

use crate::error::OpenError;

/// One step of the schema.
pub(crate) struct Migration {
    /// 1, 2, 3 …
    pub(crate) version: i64,
    /// What it does, from the file's name.
    pub(crate) name: &'static str,
    /// The statements.
    pub(crate) sql: &'static str,
}

impl Migration {
    /// Lowercase hex SHA-256 of the statements.
    pub(crate) fn checksum(&self) -> String {
        hex::encode(digest::digest(&digest::SHA256, self.sql.as_bytes()))
    }
}

/// The steps that are still to be taken, given what the database says it was given
/// (version and checksum).
pub(crate) fn pending<'m>(
    known: &'m [Migration],
    applied: &[(i64, String)],
) -> Result<Vec<&'m Migration>, OpenError> {
    let newest = known.last().map_or(0, |migration| migration.version);
    if let Some((found, _)) = applied.iter().find(|(version, _)| *version > newest) {
        return Err(OpenError::SchemaTooNew {
            found: *found,
            known: newest,
        });
    }
    for (version, checksum) in applied {
        let same = known
            .iter()
            .any(|migration| migration.version == *version && migration.checksum() == *checksum);
        if !same {
            return Err(OpenError::SchemaDiffers(version.to_string()));
        }
    }
    Ok(known
        .iter()
        .filter(|migration| {
            applied
                .iter()
                .all(|(version, _)| *version != migration.version)
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Migration; 2] = [
        Migration {
            version: 1,
            name: "first",
            sql: "create table a (x int)",
        },
        Migration {
            version: 2,
            name: "second",
            sql: "create table b (x int)",
        },
    ];

    #[test]
    fn only_what_is_missing_is_pending() {
        let versions = |applied: &[(i64, String)]| -> Vec<i64> {
            pending(&KNOWN, applied)
                .expect("plan")
                .iter()
                .map(|migration| migration.version)
                .collect()
        };
        assert_eq!(versions(&[]), [1, 2]);
        assert_eq!(versions(&[(1, KNOWN[0].checksum())]), [2]);
        assert!(versions(&[(1, KNOWN[0].checksum()), (2, KNOWN[1].checksum())]).is_empty());
    }

    #[test]
    fn a_newer_schema_and_an_edited_migration_are_refused() {
        let newer = pending(&KNOWN, &[(3, String::new())]).err();
        assert!(matches!(
            newer,
            Some(OpenError::SchemaTooNew { found: 3, known: 2 })
        ));
        let edited = pending(&KNOWN, &[(1, "other".to_owned())]).err();
        assert!(matches!(edited, Some(OpenError::SchemaDiffers(_))));
    }
}

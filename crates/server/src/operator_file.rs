//! `operator.json` in the data directory: how commands on this machine reach the
//! server that runs on it. Only its owner may read it.

use std::fmt;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, about};

const FILE_NAME: &str = "operator.json";

/// What the file says.
#[derive(Clone, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OperatorFile {
    /// The URL of the API.
    pub(crate) endpoint: String,
    /// The URL of metrics and health, if that port is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) operator_endpoint: Option<String>,
    /// Where SIP is spoken, ADDRESS:PORT, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sip_endpoint: Option<String>,
    /// The operator key.
    pub(crate) access_key_id: String,
    /// Its secret.
    pub(crate) secret_access_key: String,
}

impl fmt::Debug for OperatorFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorFile")
            .field("endpoint", &self.endpoint)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// Where the file of a data directory is.
pub(crate) fn path_in(data: &Path) -> PathBuf {
    data.join(FILE_NAME)
}

/// Reads the file; `None` when the directory has none.
pub(crate) fn read(data: &Path) -> Result<Option<OperatorFile>, Failure> {
    let path = path_in(data);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(about(&path)(error).hint("run this as the server's user")),
    };
    let damaged = |_| {
        Failure::new(format!("{} is damaged", path.display()))
            .hint("restart the server, which writes it anew")
    };
    serde_json::from_str(&text).map(Some).map_err(damaged)
}

/// Writes the file in one step, so that nobody reads half of it.
pub(crate) fn write(data: &Path, content: &OperatorFile) -> Result<(), Failure> {
    let path = path_in(data);
    // A temporary file is readable by its owner alone.
    let mut file = tempfile::NamedTempFile::new_in(data).map_err(about(&path))?;
    let text = serde_json::to_vec_pretty(content).map_err(std::io::Error::from)?;
    file.write_all(&text).map_err(about(&path))?;
    file.as_file().sync_all().map_err(about(&path))?;
    file.persist(&path)
        .map_err(|error| about(&path)(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_written_is_read_and_only_by_its_owner() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).expect("no file is fine").is_none());
        let content = OperatorFile {
            endpoint: "http://127.0.0.1:1".to_owned(),
            operator_endpoint: None,
            sip_endpoint: None,
            access_key_id: "AK".to_owned(),
            secret_access_key: "hidden-word".to_owned(),
        };
        write(folder.path(), &content).expect("written");
        let found = read(folder.path()).expect("readable").expect("there");
        assert_eq!(found.secret_access_key, "hidden-word");
        assert!(!format!("{found:?}").contains("hidden-word"));
        let mode = std::fs::metadata(path_in(folder.path())).expect("there");
        assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        std::fs::write(path_in(folder.path()), "{").expect("written");
        let failure = read(folder.path()).expect_err("half a file");
        assert!(failure.to_string().contains("damaged"), "{failure}");
    }
}

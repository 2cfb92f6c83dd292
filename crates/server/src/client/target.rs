//! Which server, and with which key.

use std::path::{Path, PathBuf};

use crate::cli::{Global, Hidden};
use crate::failure::Failure;
use crate::operator_file;

/// Where a server keeps its data, and commands look for it, unless told
/// otherwise.
const DEFAULT_DATA: &str = "axbridge-data";

/// A server and the key to use with it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The URL of the API.
    pub(crate) endpoint: String,
    /// The access key.
    pub(crate) access_key: String,
    /// Its secret.
    pub(crate) secret: Hidden,
    /// A certificate authority to trust besides the usual ones.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Target {
    /// The target that flags, `environment` and the data directory name. A flag
    /// wins over `--data`, that over the environment, that over the default data
    /// directory.
    pub(crate) fn find(
        global: &Global,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Failure> {
        let environment = |name| environment(name).filter(|text| !text.is_empty());
        let named = match &global.data {
            Some(data) => operator_file::read(data)?,
            None => None,
        };
        let flags_suffice =
            global.endpoint.is_some() && global.access_key.is_some() && global.secret_key.is_some();
        if let (Some(data), None, false) = (&global.data, &named, flags_suffice) {
            return Err(no_server_in(data));
        }
        let data = Path::new(DEFAULT_DATA);
        let usual = operator_file::read(data).unwrap_or_default();
        let endpoint = global.endpoint.clone();
        let endpoint = endpoint
            .or_else(|| named.as_ref().map(|it| it.endpoint.clone()))
            .or_else(|| environment("AXBRIDGE_ENDPOINT"))
            .or_else(|| usual.as_ref().map(|it| it.endpoint.clone()));
        let pair = |it: &operator_file::OperatorFile| {
            (
                it.access_key_id.clone(),
                Hidden(it.secret_access_key.clone()),
            )
        };
        let flags = global.access_key.clone().map(|id| {
            let secret = global.secret_key.clone();
            let secret = secret.or_else(|| environment("AXBRIDGE_SECRET_KEY").map(Hidden));
            secret.map(|secret| (id, secret)).ok_or_else(no_secret)
        });
        let keys = match flags.transpose()? {
            Some(pair) => Some(pair),
            None => named.as_ref().map(pair).or_else(|| {
                let id = environment("AXBRIDGE_ACCESS_KEY")?;
                Some((id, Hidden(environment("AXBRIDGE_SECRET_KEY")?)))
            }),
        };
        let keys = keys.or_else(|| usual.as_ref().map(pair));
        let ca_file = global.ca_file.clone();
        let ca_file = ca_file.or_else(|| environment("AXBRIDGE_CA_FILE").map(PathBuf::from));
        match (endpoint, keys) {
            (Some(endpoint), Some((access_key, secret))) => Ok(Self {
                endpoint,
                access_key,
                secret,
                ca_file,
            }),
            (None, _) => Err(no_server_in(data)),
            (_, None) => Err(Failure::usage("no access key was named").hint(
                "set AXBRIDGE_ACCESS_KEY and AXBRIDGE_SECRET_KEY, or name a local server's \
                 directory with --data",
            )),
        }
    }
}

fn no_secret() -> Failure {
    Failure::usage("--access-key was given without its secret")
        .hint("set AXBRIDGE_SECRET_KEY in the environment")
}

fn no_server_in(data: &Path) -> Failure {
    let what = format!("no server has run on the data directory {}", data.display());
    Failure::new(what)
        .hint("start one with `axbridge serve`, or name yours with --data DIR or --endpoint URL")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator_file::OperatorFile;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let content = OperatorFile {
            endpoint: "http://of-data".to_owned(),
            operator_endpoint: None,
            sip_endpoint: None,
            access_key_id: "key-of-data".to_owned(),
            secret_access_key: "secret-of-data".to_owned(),
        };
        operator_file::write(folder.path(), &content).expect("written");
        folder
    }

    fn environment(name: &str) -> Option<String> {
        match name {
            "AXBRIDGE_ENDPOINT" => Some("http://of-environment".to_owned()),
            "AXBRIDGE_ACCESS_KEY" => Some("key-of-environment".to_owned()),
            "AXBRIDGE_SECRET_KEY" => Some("secret-of-environment".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn a_named_directory_wins_over_the_environment() {
        let folder = folder();
        let global = Global {
            data: Some(folder.path().to_owned()),
            ..Global::default()
        };
        let target = Target::find(&global, environment).expect("found");
        assert_eq!(target.endpoint, "http://of-data");
        assert_eq!(target.access_key, "key-of-data");
    }

    #[test]
    fn flags_win_over_everything() {
        let folder = folder();
        let global = Global {
            data: Some(folder.path().to_owned()),
            endpoint: Some("http://of-flags".to_owned()),
            access_key: Some("key-of-flags".to_owned()),
            ..Global::default()
        };
        let target = Target::find(&global, environment).expect("found");
        assert_eq!(target.endpoint, "http://of-flags");
        assert_eq!(target.access_key, "key-of-flags");
        assert_eq!(target.secret.0, "secret-of-environment");
    }

    #[test]
    fn the_environment_alone_suffices() {
        let target = Target::find(&Global::default(), environment).expect("found");
        assert_eq!(target.endpoint, "http://of-environment");
        assert_eq!(target.access_key, "key-of-environment");
        assert!(!format!("{target:?}").contains("secret-of"));
    }

    #[test]
    fn an_empty_directory_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let global = Global {
            data: Some(folder.path().to_owned()),
            ..Global::default()
        };
        let failure = Target::find(&global, environment).expect_err("no server");
        assert!(failure.to_string().contains("axbridge serve"), "{failure}");
    }

    #[test]
    fn a_key_without_secret_is_not_mixed_with_another() {
        let global = Global {
            endpoint: Some("http://of-flags".to_owned()),
            access_key: Some("key-of-flags".to_owned()),
            ..Global::default()
        };
        let failure = Target::find(&global, |_| None).expect_err("no secret");
        assert!(
            failure.to_string().contains("AXBRIDGE_SECRET_KEY"),
            "{failure}"
        );
    }
}

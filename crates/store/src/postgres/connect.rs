//! From a connection string to pools of connections.
//!
//! Hosts, ports, failover (`target_session_attrs`) and passwords are the driver's business. TLS is
//! ours: `sslmode` is `disable`, `prefer` (plain, the default), `require` or `verify-full`. The
//! last two mean the same here, encrypted and verified: a certificate that nobody checks protects
//! from nothing. Roots come from `sslrootcert`, else from the system.

use std::{fs, path::Path, sync::Arc, time::Duration};

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres::{
    Config, NoTls,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::waits::{Listening, Waits};
use crate::error::OpenError;

/// Where the roots of public certificate authorities are on common systems.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How long one host may take to accept a connection, if the connection string does not say.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the host that accepted may take until the session stands.
const SESSION_TIMEOUT: Duration = Duration::from_secs(7);

/// How long sent data may stay unacknowledged before a host counts as dead.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(15);

/// When and how often a host that owes an answer is asked whether it is still there. The system's
/// own two hours would let a query wait that long for a host that lost its power.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// How long to wait for a connection while all are in use.
const WAIT_TIMEOUT: Duration = Duration::from_secs(10);

/// What every session needs: no compiled plans for queries of a millisecond, the warnings that
/// [`Waits`] counts, and bounds on how long a node that went silent can stand in the way of the
/// others.
const SESSION: &str = "SET default_transaction_isolation = 'read committed';
SET client_min_messages = warning;
SET jit = off;
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = '30s';
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') IN ('off', 'local')";

/// What batches need besides: plans that walk indexes, made once.
const WRITER_SESSION: &str = "SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET statement_timeout = '30s'";

/// Uses of a connection after which its statements are prepared anew, again and again.
const USES_OF_A_PLAN: usize = 1024;

/// How to reach the database.
pub(super) struct Target {
    config: Config,
    roots: Option<RootCertStore>,
}

impl Target {
    /// Reads a connection string.
    ///
    /// # Errors
    /// What is wrong with it; never its password.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let (plain, options) = take_tls_options(url)?;
        let mut config: Config = plain
            .parse()
            .map_err(|error| OpenError::Other(format!("the PostgreSQL connection string cannot be read: {error}; write postgres://user@host:5432/database")))?;
        let encrypted = match options.mode.as_deref() {
            None | Some("disable" | "prefer") => false,
            Some("require" | "verify-full") => true,
            Some(other) => {
                return Err(OpenError::Other(format!(
                    "sslmode {other} is not supported; use disable, prefer, require or verify-full"
                )));
            }
        };
        if !encrypted && options.roots.is_some() {
            return Err(OpenError::Other(
                "sslrootcert needs sslmode=require or verify-full".to_owned(),
            ));
        }
        config.ssl_mode(if encrypted {
            SslMode::Require
        } else {
            SslMode::Disable
        });
        if !encrypted && !config.get_hosts().iter().all(is_local) {
            tracing::warn!(
                "the connection to PostgreSQL is not encrypted; set sslmode=verify-full"
            );
        }
        bound_silence(&mut config);
        if config.get_application_name().is_none() {
            config.application_name("axbridge");
        }
        let roots = encrypted
            .then(|| read_roots(options.roots.as_deref()))
            .transpose()?;
        Ok(Self { config, roots })
    }

    /// A pool of at most `size` connections; `writer` ones are for batches. `waits` hears what the
    /// server says unasked.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn pool(
        &self,
        size: usize,
        writer: bool,
        waits: &Arc<Waits>,
    ) -> Result<Pool, OpenError> {
        let manager_config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let (config, waits) = (self.config.clone(), Arc::clone(waits));
        let manager = match &self.roots {
            None => Manager::from_connect(config, Listening { tls: NoTls, waits }, manager_config),
            Some(roots) => {
                let tls = MakeRustlsConnect::new(tls_config(roots.clone())?);
                Manager::from_connect(config, Listening { tls, waits }, manager_config)
            }
        };
        let set_up = Hook::async_fn(move |client, _| {
            Box::pin(async move {
                client
                    .batch_execute(SESSION)
                    .await
                    .map_err(HookError::Backend)?;
                if writer {
                    client
                        .batch_execute(WRITER_SESSION)
                        .await
                        .map_err(HookError::Backend)?;
                }
                Ok(())
            })
        });
        Pool::builder(manager)
            .max_size(size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(WAIT_TIMEOUT))
            .create_timeout(Some(self.create_timeout()))
            .post_create(set_up)
            .pre_recycle(Hook::sync_fn(|client, metrics| {
                if is_plan_stale(metrics.recycle_count) {
                    client.statement_cache.clear();
                }
                Ok(())
            }))
            .build()
            .map_err(|error| OpenError::Other(format!("connections to PostgreSQL: {error}")))
    }

    /// Long enough to reach the last host when all before it are silent.
    fn create_timeout(&self) -> Duration {
        let hosts = u32::try_from(self.config.get_hosts().len()).unwrap_or(u32::MAX);
        let each = self.config.get_connect_timeout();
        each.unwrap_or(&CONNECT_TIMEOUT)
            .saturating_mul(hosts)
            .saturating_add(SESSION_TIMEOUT)
    }
}

/// Sets what the connection string leaves open about hosts that do not answer.
fn bound_silence(config: &mut Config) {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(SILENCE_TIMEOUT);
    }
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
}

/// Whether statements are to be planned anew after so many uses of their connection. To a plan that
/// was made while the tables were small any index is as good as the right one, so plans must not
/// outlive a growth by more than a factor.
fn is_plan_stale(uses: usize) -> bool {
    uses.is_power_of_two() || uses.is_multiple_of(USES_OF_A_PLAN)
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost"
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

fn tls_config(roots: RootCertStore) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Other(format!("TLS: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn read_roots(path: Option<&str>) -> Result<RootCertStore, OpenError> {
    let found = SYSTEM_ROOTS
        .into_iter()
        .find(|path| Path::new(path).is_file());
    let Some(path) = path.or(found) else {
        return Err(OpenError::Other(
            "no root certificates found on this system; name a PEM file with sslrootcert"
                .to_owned(),
        ));
    };
    let unusable = |reason: String| OpenError::Other(format!("sslrootcert {path}: {reason}"));
    let pem = fs::read(path).map_err(|error| unusable(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        // Bundles of systems hold a few that the verifier does not take; the others will do.
        let _ = roots.add(certificate);
    }
    if roots.is_empty() {
        return Err(unusable("holds no usable certificate".to_owned()));
    }
    Ok(roots)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct TlsOptions {
    mode: Option<String>,
    roots: Option<String>,
}

impl TlsOptions {
    /// Keeps what is about TLS; false for every other option.
    fn take(&mut self, name: &str, value: &str) -> bool {
        match name {
            "sslmode" => self.mode = Some(value.to_owned()),
            "sslrootcert" => self.roots = Some(value.to_owned()),
            _ => return false,
        }
        true
    }
}

/// Takes `sslmode` and `sslrootcert` out of a connection string of either form: the driver knows
/// only some of their values.
fn take_tls_options(url: &str) -> Result<(String, TlsOptions), OpenError> {
    let mut options = TlsOptions::default();
    if !url.contains("://") {
        let rest: Vec<&str> = url
            .split_whitespace()
            .filter(|word| match word.split_once('=') {
                Some((name, value)) => !options.take(name, value.trim_matches('\'')),
                None => true,
            })
            .collect();
        return Ok((rest.join(" "), options));
    }
    let Some((address, query)) = url.split_once('?') else {
        return Ok((url.to_owned(), options));
    };
    let mut rest = Vec::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = percent_decode(value).ok_or_else(|| {
            OpenError::Other(format!(
                "the PostgreSQL connection string has a broken escape in {name}"
            ))
        })?;
        if !options.take(name, &value) {
            rest.push(pair);
        }
    }
    let plain = if rest.is_empty() {
        address.to_owned()
    } else {
        format!("{address}?{}", rest.join("&"))
    };
    Ok((plain, options))
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        if *first == b'%' {
            let (digits, after) = after.split_at_checked(2)?;
            let mut byte = [0u8];
            hex::decode_to_slice(digits, &mut byte).ok()?;
            bytes.push(byte[0]);
            rest = after;
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(url: &str) -> (String, Option<String>, Option<String>) {
        let (plain, options) = take_tls_options(url).expect("well formed");
        (plain, options.mode, options.roots)
    }

    #[test]
    fn tls_options_are_taken_out_of_both_forms() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            taken("postgres://u@h/d?sslmode=require&application_name=a&sslrootcert=%2Fa%20b"),
            (
                "postgres://u@h/d?application_name=a".to_owned(),
                some("require"),
                some("/a b")
            )
        );
        assert_eq!(
            taken("host=h sslmode=disable user=u"),
            ("host=h user=u".to_owned(), some("disable"), None)
        );
        assert_eq!(
            taken("postgres://u@h/d?sslmode=prefer"),
            ("postgres://u@h/d".to_owned(), some("prefer"), None)
        );
        assert_eq!(
            taken("postgres://h"),
            ("postgres://h".to_owned(), None, None)
        );
    }

    #[test]
    fn what_cannot_be_kept_is_refused_without_showing_the_password() {
        for url in [
            "postgres://u:hunter2@h/d?sslmode=allow",
            "postgres://u:hunter2@h/d?sslmode=verify-ca",
            "postgres://u:hunter2@h/d?sslrootcert=/none.pem",
            "postgres://u:hunter2@h/d?sslmode=require&sslrootcert=/does/not/exist.pem",
            "postgres://u:hunter2@h/d?unheard_of=1",
            "postgres://u:hunter2@h/d?sslmode=%zz",
        ] {
            let error = Target::parse(url).err().expect("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn several_hosts_and_the_wish_for_a_primary_reach_the_driver() {
        let target = Target::parse(
            "postgres://u@127.0.0.1:5001,127.0.0.1:5002/d?target_session_attrs=read-write",
        )
        .expect("well formed");
        assert_eq!(target.config.get_hosts().len(), 2);
        assert_eq!(target.config.get_ports(), [5001, 5002]);
        assert_eq!(
            target.config.get_target_session_attrs(),
            tokio_postgres::config::TargetSessionAttrs::ReadWrite
        );
        assert!(target.roots.is_none());
    }

    #[test]
    fn dead_hosts_are_noticed_and_there_is_time_for_those_behind_them() {
        let parse = |options: &str| {
            let url = format!("postgres://u@127.0.0.1,127.0.0.2,127.0.0.3/d{options}");
            Target::parse(&url).expect("well formed")
        };
        let left_open = parse("");
        assert_eq!(left_open.config.get_keepalives_idle(), KEEPALIVE_IDLE);
        assert_eq!(
            left_open.config.get_keepalives_interval(),
            Some(KEEPALIVE_INTERVAL)
        );
        assert!(left_open.create_timeout() > CONNECT_TIMEOUT * 3);
        let said = parse("?keepalives_idle=60&keepalives_interval=9&connect_timeout=20");
        assert_eq!(said.config.get_keepalives_idle(), Duration::from_secs(60));
        assert_eq!(
            said.config.get_keepalives_interval(),
            Some(Duration::from_secs(9))
        );
        assert!(said.create_timeout() > Duration::from_secs(60));
    }
}

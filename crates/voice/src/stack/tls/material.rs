//! Certificates and keys, read from PEM files and read anew when told to.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::WebPkiServerVerifier,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use x509_cert::der::Decode as _;

/// The largest PEM file that is read, in bytes.
const PEM_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The files that TLS is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TlsFiles {
    /// Our certificate with those between it and its root, PEM. Shown to whoever connects to us,
    /// and to trunks that ask for it.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The roots of the trunks' certificates, PEM; `None` trusts the roots of this system.
    pub trunk_roots: Option<PathBuf>,
    /// When given, whoever connects to us must show a certificate of one of these roots, PEM.
    pub client_roots: Option<PathBuf>,
}

/// A file of TLS cannot be used.
#[derive(Debug)]
pub struct TlsError {
    place: String,
    why: String,
}

impl TlsError {
    fn of(path: &Path, why: impl fmt::Display) -> Self {
        Self {
            place: path.display().to_string(),
            why: why.to_string(),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl std::error::Error for TlsError {}

/// What both directions are set up with.
#[derive(Clone)]
struct Current {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
    expires_at: SystemTime,
}

/// Who we are and whom we trust, as the files said when they were last read.
pub struct TlsMaterial {
    files: TlsFiles,
    current: RwLock<Current>,
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl TlsMaterial {
    /// Reads the files.
    ///
    /// # Errors
    /// The first of them that cannot be used, and why.
    pub fn read(files: TlsFiles) -> Result<Self, TlsError> {
        let current = RwLock::new(read_all(&files)?);
        Ok(Self { files, current })
    }

    /// Reads the files anew, for connections that are made from now on. If one cannot be used,
    /// everything stays as it was.
    ///
    /// # Errors
    /// As [`TlsMaterial::read`].
    pub fn reload(&self) -> Result<(), TlsError> {
        let next = read_all(&self.files)?;
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(())
    }

    /// When the first of our certificates expires.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.current().expires_at
    }

    pub(super) fn server(&self) -> Arc<ServerConfig> {
        self.current().server
    }

    pub(super) fn client(&self) -> Arc<ClientConfig> {
        self.current().client
    }

    fn current(&self) -> Current {
        let current = self.current.read();
        current.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read_all(files: &TlsFiles) -> Result<Current, TlsError> {
    let chain = certificates(&files.certificate)?;
    let expires_at = first_expiry(&files.certificate, &chain)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(Current {
        server: Arc::new(server(files, &provider, chain.clone())?),
        client: Arc::new(client(files, &provider, chain)?),
        expires_at,
    })
}

fn server(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
) -> Result<ServerConfig, TlsError> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::of(&files.certificate, error))?;
    let builder = match &files.client_roots {
        Some(path) => {
            let roots = Arc::new(roots_in(path)?);
            let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider.clone());
            let verifier = verifier.build().map_err(|it| TlsError::of(path, it))?;
            builder.with_client_cert_verifier(verifier)
        }
        None => builder.with_no_client_auth(),
    };
    builder
        .with_single_cert(chain, key(&files.key)?)
        .map_err(|error| not_of_key(files, &error))
}

fn client(
    files: &TlsFiles,
    provider: &Arc<CryptoProvider>,
    chain: Vec<CertificateDer<'static>>,
) -> Result<ClientConfig, TlsError> {
    let (place, roots) = match &files.trunk_roots {
        Some(path) => (path.as_path(), roots_in(path)?),
        None => (Path::new("the roots of this system"), roots_of_system()?),
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.build().map_err(|it| TlsError::of(place, it))?;
    ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::of(&files.certificate, error))?
        .with_webpki_verifier(verifier)
        .with_client_auth_cert(chain, key(&files.key)?)
        .map_err(|error| not_of_key(files, &error))
}

fn not_of_key(files: &TlsFiles, error: &rustls::Error) -> TlsError {
    let key = files.key.display();
    TlsError::of(
        &files.certificate,
        format!("{error}; the first certificate in it must be that of the key {key}"),
    )
}

fn pem(path: &Path) -> Result<Vec<u8>, TlsError> {
    let length = fs::metadata(path).map_err(|error| TlsError::of(path, error))?;
    if length.len() > PEM_BYTES_MAX {
        return Err(TlsError::of(path, "too large for a PEM file"));
    }
    fs::read(path).map_err(|error| TlsError::of(path, error))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let pem = pem(path)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let read = read.map_err(|error| TlsError::of(path, error))?;
    if read.is_empty() {
        return Err(TlsError::of(path, "holds no certificate in PEM form"));
    }
    Ok(read)
}

fn key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let pem = zeroize::Zeroizing::new(pem(path)?);
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| TlsError::of(path, format!("holds no private key in PEM form ({error})")))
}

fn roots_in(path: &Path) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        let added = roots.add(certificate);
        added.map_err(|error| TlsError::of(path, error))?;
    }
    Ok(roots)
}

fn roots_of_system() -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    // Bundles of systems hold a few that the verifier does not take; the others will do.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err(TlsError::of(
            Path::new("the roots of this system"),
            "none were found; name a PEM file of those that the trunks' certificates come from",
        ));
    }
    Ok(roots)
}

/// When the first of the certificates in a PEM file expires.
///
/// # Errors
/// Why the file cannot be used.
pub fn certificate_expiry(path: &Path) -> Result<SystemTime, TlsError> {
    first_expiry(path, &certificates(path)?)
}

/// When the first certificate of a chain expires.
fn first_expiry(path: &Path, chain: &[CertificateDer<'_>]) -> Result<SystemTime, TlsError> {
    let mut first: Option<SystemTime> = None;
    for certificate in chain {
        let read = x509_cert::Certificate::from_der(certificate)
            .map_err(|error| TlsError::of(path, format!("a certificate in it: {error}")))?;
        let end = read.tbs_certificate.validity.not_after.to_system_time();
        first = Some(first.map_or(end, |it| it.min(end)));
    }
    first.ok_or_else(|| TlsError::of(path, "holds no certificate in PEM form"))
}

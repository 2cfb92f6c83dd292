//! Certificates of a test: authorities, and what they sign.

use std::{path::Path, sync::Arc};

use axbridge_voice::stack::{TlsFiles, TlsMaterial};
use rcgen::{
    BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

/// Somebody who signs.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, PEM.
#[derive(Clone)]
pub(crate) struct Papers {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let issuer = Issuer::new(params, key);
        Self { issuer, pem }
    }

    /// A certificate for these names.
    pub(crate) fn papers(&self, names: &[&str]) -> Papers {
        self.papers_with(names, |_| ())
    }

    /// One that has expired.
    pub(crate) fn old_papers(&self, names: &[&str]) -> Papers {
        self.papers_with(names, |params| {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        })
    }

    fn papers_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Papers {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a signature");
        Papers {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
        }
    }

    fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        let own = CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM");
        roots.add(own).expect("a root");
        Arc::new(roots)
    }
}

impl Papers {
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        let read = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        vec![read.expect("PEM")]
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("PEM")
    }

    /// What a carrier shows to whoever connects; `clients` must have signed theirs.
    pub(crate) fn offered(&self, clients: Option<&Authority>) -> Arc<ServerConfig> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            Some(authority) => {
                let roots = authority.roots();
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider());
                builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
            }
            None => builder.with_no_client_auth(),
        };
        let config = builder.with_single_cert(self.chain(), self.key());
        Arc::new(config.expect("a certificate and its key"))
    }
}

/// What a carrier connects with: it trusts `authority` and shows `own`.
pub(crate) fn asked(authority: &Authority, own: Option<&Papers>) -> Arc<ClientConfig> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(authority.roots());
    Arc::new(match own {
        Some(own) => builder
            .with_client_auth_cert(own.chain(), own.key())
            .expect("a certificate and its key"),
        None => builder.with_no_client_auth(),
    })
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Writes the platform's files: its papers, the roots it trusts, and those of clients if they
/// must show any.
pub(crate) fn files(
    directory: &Path,
    own: &Papers,
    trunks: &Authority,
    clients: Option<&Authority>,
) -> TlsFiles {
    let write = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    };
    TlsFiles {
        certificate: write("own.pem", &own.certificate),
        key: write("own.key", &own.key),
        trunk_roots: Some(write("trunks.pem", &trunks.pem)),
        client_roots: clients.map(|clients| write("clients.pem", &clients.pem)),
    }
}

pub(crate) fn material(files: &TlsFiles) -> Arc<TlsMaterial> {
    Arc::new(TlsMaterial::read(files.clone()).expect("files that can be used"))
}

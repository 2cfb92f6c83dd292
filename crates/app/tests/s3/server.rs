//! An S3 server in this process (the crates `s3s` and `s3s-fs`), which checks signatures as
//! Amazon's does and keeps its objects as files.

use std::path::PathBuf;

use axbridge_app::recordings::S3;
use axbridge_store::keyring::Secret;
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use s3s_fs::FileSystem;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

const ACCESS_KEY: &str = "AKIDKEEPER";
const SECRET_KEY: &str = "secret-of-the-keeper";
const BUCKET: &str = "voices";

/// A running server; it stops with the test.
pub(crate) struct Server {
    pub(crate) endpoint: String,
    directory: TempDir,
    serving: JoinHandle<()>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(directory.path().join(BUCKET)).expect("a bucket");
        let files = FileSystem::new(directory.path()).expect("a server of files");
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async move {
            // Dropped with this task, and with it all connections.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let service = service.clone();
                connections.spawn(async move {
                    let http = Builder::new(TokioExecutor::new());
                    let served = http.serve_connection(TokioIo::new(stream), service);
                    // A client that goes is no failure of the server.
                    let _ = served.await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self {
            endpoint: format!("http://{address}"),
            directory,
            serving,
        }
    }

    /// Goes away with all its connections.
    pub(crate) async fn die(&mut self) {
        self.serving.abort();
        // It was told to end.
        let _ = (&mut self.serving).await;
    }

    pub(crate) fn settings(&self) -> S3 {
        S3 {
            endpoint: self.endpoint.clone(),
            region: "us-east-1".to_owned(),
            bucket: BUCKET.to_owned(),
            access_key_id: ACCESS_KEY.to_owned(),
            secret_access_key: Secret::new(SECRET_KEY.to_owned()),
            virtual_hosted: false,
        }
    }

    /// Every object of the bucket, as the paths of its files.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut directories = vec![self.directory.path().join(BUCKET)];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                match path.is_dir() {
                    true => directories.push(path),
                    false => found.push(path),
                }
            }
        }
        found
    }
}

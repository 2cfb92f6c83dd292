//! Where the audio is kept: a directory or an S3 bucket, in clear or encrypted.

use std::{ops::Range, path::Path, pin::Pin, sync::Arc, time::Duration};

use axbridge_store::keyring::Keyring;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use object_store::{
    Attribute, Attributes, ClientOptions, GetOptions, GetRange, ObjectStore, ObjectStoreExt as _,
    RetryConfig, aws::AmazonS3Builder, buffered::BufWriter, local::LocalFileSystem,
    path::Path as ObjectPath, signer::Signer,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    cipher::{
        CHUNK_BYTES, CipherError, FileCipher, HEADER_BYTES, SEALED_CHUNK_BYTES, chunks_of,
        sealed_bytes, span,
    },
    settings::{Place, S3},
};
use crate::chance::Chance;

/// Bytes that are sent at once: the least that S3 takes as a part of a large file.
const PART_BYTES: usize = 5 * 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// Tries of one request, beyond which the recording as a whole is tried again later.
const RETRIES_MAX: usize = 2;
const RETRY_TIMEOUT: Duration = Duration::from_secs(20);

/// Why a file could not be kept or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    /// It is not there.
    #[error("the file is missing")]
    Missing,
    /// It is not what was written, or its key is missing.
    #[error("the file cannot be read: {0}")]
    Unreadable(String),
    /// The place cannot be reached, or refuses.
    #[error("{0}")]
    Unavailable(String),
}

impl From<object_store::Error> for VaultError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::Missing,
            other => Self::Unavailable(with_causes(&other)),
        }
    }
}

impl From<std::io::Error> for VaultError {
    fn from(error: std::io::Error) -> Self {
        Self::Unavailable(with_causes(&error))
    }
}

impl From<CipherError> for VaultError {
    fn from(error: CipherError) -> Self {
        Self::Unreadable(error.0)
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}

/// The bytes of a file as they are read.
pub type Audio = Pin<Box<dyn Stream<Item = Result<Bytes, std::io::Error>> + Send>>;

/// The place, and the keys for what is encrypted there.
pub(crate) struct Vault {
    objects: Arc<dyn ObjectStore>,
    signer: Option<Arc<dyn Signer>>,
    takes_attributes: bool,
    keys: Arc<Keyring>,
    chance: Chance,
}

impl Vault {
    /// Opens the place.
    ///
    /// # Errors
    /// What is wrong with its settings, in words for the operator.
    pub(crate) fn open(place: &Place, keys: Arc<Keyring>, chance: Chance) -> Result<Self, String> {
        let (objects, signer): (Arc<dyn ObjectStore>, Option<Arc<dyn Signer>>) = match place {
            Place::Directory(directory) => {
                make_private(directory)
                    .map_err(|error| format!("{}: {error}", directory.display()))?;
                let local = LocalFileSystem::new_with_prefix(directory)
                    .map_err(|error| with_causes(&error))?;
                (Arc::new(local.with_fsync(true)), None)
            }
            Place::S3(s3) => {
                let bucket = Arc::new(bucket(s3)?);
                (bucket.clone(), Some(bucket))
            }
        };
        Ok(Self {
            objects,
            takes_attributes: signer.is_some(),
            signer,
            keys,
            chance,
        })
    }

    /// Keeps a local file; answers its length.
    pub(crate) async fn keep_file(
        &self,
        place: &str,
        file: &Path,
        key_id: Option<u8>,
    ) -> Result<u64, VaultError> {
        let mut source = tokio::fs::File::open(file).await?;
        self.keep(place, &mut source, key_id, "audio/wav").await
    }

    /// Keeps what a reader gives; answers its length.
    pub(crate) async fn keep(
        &self,
        place: &str,
        source: &mut (impl tokio::io::AsyncRead + Unpin),
        key_id: Option<u8>,
        content_type: &'static str,
    ) -> Result<u64, VaultError> {
        let mut sink = BufWriter::with_capacity(self.objects.clone(), path(place)?, PART_BYTES);
        if self.takes_attributes {
            let shown = key_id.map_or(content_type, |_| "application/octet-stream");
            let attributes = [(Attribute::ContentType, shown)];
            sink = sink.with_attributes(Attributes::from_iter(attributes));
        }
        let cipher = key_id.map(|id| self.new_cipher(id, place)).transpose()?;
        let copied = copy(source, &mut sink, cipher.as_ref()).await;
        match copied {
            Ok(length) => {
                sink.shutdown().await?;
                Ok(length)
            }
            Err(error) => {
                // The first error is the one that matters.
                let _ = sink.abort().await;
                Err(error)
            }
        }
    }

    fn new_cipher(&self, key_id: u8, place: &str) -> Result<FileCipher, VaultError> {
        let dice = || {
            let dice = self.chance.u64();
            dice.map_err(|error| VaultError::Unavailable(error.to_string()))
        };
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&dice()?.to_be_bytes());
        salt[8..].copy_from_slice(&dice()?.to_be_bytes());
        Ok(FileCipher::new(&self.keys, key_id, place, salt)?)
    }

    /// Reads a range of a file that is `plain_bytes` long.
    pub(crate) async fn read(
        &self,
        place: &str,
        plain_bytes: u64,
        range: Range<u64>,
        key_id: Option<u8>,
    ) -> Result<Audio, VaultError> {
        let location = path(place)?;
        if key_id.is_some() {
            return self.read_sealed(place, &location, plain_bytes, range).await;
        }
        let options = GetOptions {
            // No range can be empty.
            range: (!range.is_empty()).then(|| GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let found = self.objects.get_opts(&location, options).await?;
        expect_length(found.meta.size, plain_bytes)?;
        Ok(Box::pin(found.into_stream().map_err(std::io::Error::other)))
    }

    async fn read_sealed(
        &self,
        place: &str,
        location: &ObjectPath,
        plain_bytes: u64,
        range: Range<u64>,
    ) -> Result<Audio, VaultError> {
        let get = async |range: Range<u64>| {
            let options = GetOptions {
                range: Some(GetRange::Bounded(range)),
                ..GetOptions::default()
            };
            self.objects.get_opts(location, options).await
        };
        let head = get(0..HEADER_BYTES as u64).await?;
        expect_length(head.meta.size, sealed_bytes(plain_bytes))?;
        let header = head.bytes().await?;
        let cipher = FileCipher::read(&self.keys, &header, place)?;
        let span = span(plain_bytes, &range);
        let source = get(span.sealed).await?.into_stream();
        let opening = Opening {
            source: source.map_err(std::io::Error::other).boxed(),
            waiting: Vec::new(),
            is_drained: false,
            cipher,
            next: span.first,
            chunks: chunks_of(plain_bytes),
            skip: span.skip,
            left: range.end - range.start,
        };
        Ok(Box::pin(stream::try_unfold(opening, Opening::next)))
    }

    /// Deletes a file; one that is gone already is as good.
    pub(crate) async fn delete(&self, place: &str) -> Result<(), VaultError> {
        match self.objects.delete(&path(place)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A link to the place itself, if it can give one.
    pub(crate) async fn link(
        &self,
        place: &str,
        expires_in: Duration,
    ) -> Result<Option<String>, VaultError> {
        let Some(signer) = &self.signer else {
            return Ok(None);
        };
        let method = reqwest::Method::GET;
        let url = signer.signed_url(method, &path(place)?, expires_in).await?;
        Ok(Some(url.to_string()))
    }
}

fn path(place: &str) -> Result<ObjectPath, VaultError> {
    ObjectPath::parse(place).map_err(|error| VaultError::Unavailable(error.to_string()))
}

fn expect_length(found: u64, wanted: u64) -> Result<(), VaultError> {
    if found == wanted {
        return Ok(());
    }
    Err(VaultError::Unreadable(format!(
        "it has {found} bytes where {wanted} were written"
    )))
}

fn make_private(directory: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
}

fn bucket(s3: &S3) -> Result<object_store::aws::AmazonS3, String> {
    let options = ClientOptions::new()
        .with_allow_http(s3.endpoint.starts_with("http://"))
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_timeout(REQUEST_TIMEOUT);
    let retry = RetryConfig {
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIMEOUT,
        ..RetryConfig::default()
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_access_key_id(&s3.access_key_id)
        .with_secret_access_key(s3.secret_access_key.reveal())
        .with_virtual_hosted_style_request(s3.virtual_hosted)
        .with_client_options(options)
        .with_retry(retry);
    if !s3.endpoint.is_empty() {
        builder = builder.with_endpoint(s3.endpoint.trim_end_matches('/'));
    }
    builder.build().map_err(|error| with_causes(&error))
}

async fn copy(
    source: &mut (impl tokio::io::AsyncRead + Unpin),
    sink: &mut BufWriter,
    cipher: Option<&FileCipher>,
) -> Result<u64, VaultError> {
    let mut length = 0;
    if let Some(cipher) = cipher {
        sink.write_all(cipher.header()).await?;
    }
    let mut chunk = read_chunk(source).await?;
    for index in 0.. {
        // Only when nothing follows is a chunk known to be the last.
        let next = read_chunk(source).await?;
        length += chunk.len() as u64;
        if let Some(cipher) = cipher {
            cipher.seal(index, next.is_empty(), &mut chunk)?;
        }
        sink.write_all(&chunk).await?;
        if next.is_empty() {
            break;
        }
        chunk = next;
    }
    Ok(length)
}

/// The next whole chunk, or what is left.
async fn read_chunk(
    source: &mut (impl tokio::io::AsyncRead + Unpin),
) -> Result<Vec<u8>, std::io::Error> {
    let mut chunk = Vec::with_capacity(SEALED_CHUNK_BYTES);
    source.take(CHUNK_BYTES).read_to_end(&mut chunk).await?;
    Ok(chunk)
}

/// A sealed file that is being read.
struct Opening {
    source: stream::BoxStream<'static, Result<Bytes, std::io::Error>>,
    waiting: Vec<u8>,
    is_drained: bool,
    cipher: FileCipher,
    next: u64,
    chunks: u64,
    skip: u64,
    left: u64,
}

impl Opening {
    /// The next plain bytes.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, std::io::Error> {
        if self.left == 0 {
            return Ok(None);
        }
        while self.waiting.len() < SEALED_CHUNK_BYTES && !self.is_drained {
            match self.source.try_next().await? {
                Some(bytes) => self.waiting.extend_from_slice(&bytes),
                None => self.is_drained = true,
            }
        }
        let rest = self
            .waiting
            .split_off(self.waiting.len().min(SEALED_CHUNK_BYTES));
        let mut chunk = std::mem::replace(&mut self.waiting, rest);
        let is_last = self.next + 1 == self.chunks;
        self.cipher
            .open(self.next, is_last, &mut chunk)
            .map_err(std::io::Error::other)?;
        self.next += 1;
        let from = usize::try_from(self.skip).unwrap_or(usize::MAX);
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let until = chunk.len().min(from.saturating_add(left));
        let plain = Bytes::from(chunk).slice(from.min(until)..until);
        self.skip = 0;
        self.left -= plain.len() as u64;
        Ok(Some((plain, self)))
    }
}

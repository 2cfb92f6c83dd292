//! Recordings in a real S3 server: kept, read in parts, handed out by presigned links, destroyed;
//! and what happens when the server refuses or is gone.

mod server;

use std::{path::PathBuf, sync::Arc, time::Duration};

use axbridge_app::{
    App, AppError, AppSettings,
    bind::{BindRequest, XWish},
    calls::{Admission, Arrival, CallEnd},
    chance::Chance,
    clock::Clock,
    recordings::{LINK_PATH, Place, RecordingFiles, RecordingLinks, RecordingSettings, S3},
};
use axbridge_domain::{
    account::{AccountId, AccountTerms},
    binding::{DisplayType, Terms},
    call::{CallId, CallResult, ReleasedBy},
    numbering::Numbering,
    phone::{PhoneNumber, ServiceNumbers},
    pool::PoolKind,
    time::Timestamp,
};
use axbridge_store::{
    Location, StoreOptions,
    keyring::{Keyring, Secret},
};
use futures_util::TryStreamExt as _;
use server::Server;
use tempfile::TempDir;

/// Longer than one part of a multipart upload.
const LONG: usize = 6 * 1024 * 1024 + 77;

/// An application that keeps recordings in the bucket, and a call that was recorded.
struct Kept {
    app: Arc<App>,
    clock: Clock,
    call: CallId,
    folder: TempDir,
}

impl Kept {
    async fn begin(s3: S3, change: impl FnOnce(&mut RecordingSettings)) -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let keys = Keyring::generate().expect("keys");
        let clock = Clock::manual(Timestamp::from_unix_s(1_748_949_702));
        let app = App::open(AppSettings {
            location: Location::Directory(folder.path().join("data")),
            keys: Arc::new(Keyring::parse(&keys).expect("keys just made")),
            store: StoreOptions::default(),
            numbering: Numbering::built_in(),
            service_numbers: ServiceNumbers::default(),
            default_terms: AccountTerms::default(),
            calls: Default::default(),
            callbacks: Default::default(),
            clock: clock.clone(),
            chance: Chance::system(),
        })
        .await
        .expect("the store opens");
        app.first_start().await.expect("the first start");
        let spool = folder.path().join("spool");
        let mut settings = RecordingSettings::in_directory(PathBuf::new(), spool);
        settings.place = Place::S3(s3);
        settings.retry_first = Duration::from_millis(5);
        change(&mut settings);
        app.keep_recordings(settings).expect("they are kept");
        tokio::spawn(app.clone().recordings_until(std::future::pending()));
        let call = finished_call(&app).await;
        Self {
            app,
            clock,
            call,
            folder,
        }
    }

    /// Hands the files of the call over.
    async fn record(&self, length: usize) {
        let file = |ending: &str, mark: u8| {
            let path = self
                .folder
                .path()
                .join(format!("spool/{}{ending}", self.call));
            std::fs::write(&path, sound(length, mark)).expect("written");
            path
        };
        let files = RecordingFiles {
            mixed: file(".wav", 1),
            left: file("-left.wav", 2),
            right: file("-right.wav", 3),
            duration_ms: 1000,
        };
        let taken = self.app.recording_finished(self.call, files).await;
        taken.expect("they are taken");
    }

    async fn links(&self) -> Result<RecordingLinks, AppError> {
        let account = AccountId::DEFAULT;
        self.app.recording_links(account, self.call, None).await
    }

    /// Reads a part of the file that one of our own links leads to.
    async fn read(&self, link: &str, from: u64, until: u64) -> Result<Vec<u8>, AppError> {
        let (file, query) = link.split_once('?').expect("a query");
        let file = file.strip_prefix(LINK_PATH).expect("one of our links");
        let file = self.app.follow_link(file, query).await?;
        let audio = self.app.read_linked(&file, from..until).await?;
        let parts: Vec<_> = audio.try_collect().await.expect("it is read");
        Ok(parts.concat())
    }

    async fn retries(&self) -> u64 {
        let metrics = self.app.metrics_text().await.expect("metrics");
        let name = "axbridge_recording_retries_total ";
        let line = metrics.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|count| count.parse().ok()).expect("a count")
    }
}

async fn finished_call(app: &App) -> CallId {
    let number = |text| PhoneNumber::parse(text).expect("a number");
    let (x, a) = (number("17000000010"), number("01062345670"));
    let account = AccountId::DEFAULT;
    let pool = app.create_pool(account, "p", PoolKind::Axb, None).await;
    let pool = pool.expect("a pool").pool_no;
    let imported = app.import_numbers(pool, "17000000010,010").await;
    assert_eq!(imported.expect("a report").added, 1);
    let request = BindRequest {
        action: "test",
        account,
        pool,
        x: XWish::Named(x),
        terms: Terms {
            a,
            b: None,
            expires_at: Timestamp::from_unix_s(1_900_000_000),
            display: DisplayType::BothSeeX,
            record: true,
            verify: false,
            exclusive: false,
            user_data: None,
            out_id: None,
            voice_code: None,
            order_id: None,
            industrial_id: None,
            talk_s_max: None,
        },
        idempotency_key: None,
        dry_run: false,
    };
    app.bind(request).await.expect("it is bound");
    let arrival = Arrival {
        x,
        caller: None,
        extension: None,
        trunk: "t".to_owned(),
    };
    let Ok(Admission::Connect(plan)) = app.admit_call(&arrival).await else {
        panic!("the call is refused");
    };
    app.call_answered(plan.call).await.expect("answered");
    let end = CallEnd {
        result: CallResult::Connected,
        released_by: ReleasedBy::Caller,
        verification: None,
    };
    app.call_ended(plan.call, end).await.expect("ended");
    plan.call
}

fn sound(length: usize, mark: u8) -> Vec<u8> {
    (0..length)
        .map(|index| (index.wrapping_mul(31) >> 3) as u8 ^ mark)
        .collect()
}

async fn is_kept_and_read_and_destroyed(encrypt: bool) {
    let server = Server::start().await;
    let kept = Kept::begin(server.settings(), |settings| settings.encrypt = encrypt).await;
    kept.record(LONG).await;
    kept.app.recordings_settled().await;
    assert_eq!(server.objects().len(), 3);
    for object in server.objects() {
        let bytes = std::fs::metadata(object).expect("it is there").len();
        assert_eq!(bytes == LONG as u64, !encrypt);
    }
    let links = kept.links().await.expect("links");
    let plain = sound(LONG, 2);
    for (from, until) in [
        (0, LONG),
        (5_000_000, 6_000_000),
        (LONG - 9, LONG),
        (LONG - 1, LONG),
        (0, 1),
        (0, 2),
    ] {
        let read = kept.read(&links.left, from as u64, until as u64).await;
        assert!(read.expect("it is read") == plain[from..until], "{from}");
    }
    kept.clock.move_by_ms(181 * 24 * 3600 * 1000);
    assert_eq!(kept.app.purge_recordings().await, Ok(1));
    assert_eq!(server.objects(), Vec::<PathBuf>::new());
    assert!(matches!(kept.links().await, Err(AppError::NoRecording(_))));
}

#[tokio::test]
async fn a_long_recording_is_kept_read_in_parts_and_destroyed() {
    is_kept_and_read_and_destroyed(false).await;
}

#[tokio::test]
async fn the_same_holds_for_one_that_is_encrypted() {
    is_kept_and_read_and_destroyed(true).await;
}

#[tokio::test]
async fn presigned_links_lead_to_the_bucket_itself() {
    let server = Server::start().await;
    let kept = Kept::begin(server.settings(), |settings| settings.presign = true).await;
    kept.record(1000).await;
    kept.app.recordings_settled().await;
    let links = kept.links().await.expect("links");
    assert!(links.right.starts_with(&server.endpoint), "{}", links.right);
    let http = reqwest::Client::new();
    let part = http
        .get(&links.right)
        .header("range", "bytes=10-19")
        .send()
        .await
        .expect("an answer");
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.expect("bytes"), sound(1000, 3)[10..20]);
    let whole = http.get(&links.right).send().await.expect("an answer");
    let kind = whole.headers()["content-type"].clone();
    assert_eq!(kind, "audio/wav");
    assert!(links.right.contains("X-Amz-Signature="));
    assert!(links.right.contains("X-Amz-Expires=21600"));
    // Nobody makes a link last longer, or turns it to another file.
    for forged in [
        links
            .right
            .replace("X-Amz-Expires=21600", "X-Amz-Expires=21601"),
        links.right.replace("-right.wav", "-left.wav"),
        links.right.split_once('?').expect("a query").0.to_owned(),
    ] {
        let answer = http.get(&forged).send().await.expect("an answer");
        assert_eq!(answer.status(), 403, "{forged}");
    }
}

#[tokio::test]
async fn a_server_that_refuses_or_is_gone_loses_no_recording() {
    let mut server = Server::start().await;
    let unknown = S3 {
        access_key_id: "NOBODY".to_owned(),
        ..server.settings()
    };
    let wrong = S3 {
        secret_access_key: Secret::new("not-the-secret".to_owned()),
        ..server.settings()
    };
    for refused in [unknown, wrong] {
        let kept = Kept::begin(refused, |_| {}).await;
        kept.record(100).await;
        while kept.retries().await < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(kept.links().await, Err(AppError::RecordingNotReady));
        assert_eq!(server.objects(), Vec::<PathBuf>::new());
        let spooled = std::fs::read_dir(kept.folder.path().join("spool"));
        let spooled = spooled.expect("the spool").count();
        assert_eq!(spooled, 4, "and the directory `failed`");
    }

    // The right key, and then the server goes.
    let kept = Kept::begin(server.settings(), |_| {}).await;
    kept.record(100).await;
    kept.app.recordings_settled().await;
    let links = kept.links().await.expect("links");
    assert_eq!(kept.read(&links.mixed, 0, 100).await, Ok(sound(100, 1)));
    server.die().await;
    let gone = kept.read(&links.mixed, 0, 100).await;
    assert!(matches!(gone, Err(AppError::Unavailable(_))), "{gone:?}");
}

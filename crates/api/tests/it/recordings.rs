//! Recordings and transcripts: links, what they lead to, and every reason why there is none.

use std::{path::PathBuf, time::Duration};

use axbridge_app::{
    calls::{Admission, Arrival, CallEnd},
    recordings::{RecordingFiles, RecordingSettings, TranscribeBy, Transcriber, Transcript},
};
use axbridge_domain::{
    call::{CallId, CallResult, ReleasedBy},
    phone::PhoneNumber,
};
use axum::{
    body::Body,
    http::{HeaderMap, Request, Response},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::harness::{A, Answer, B, Client, TestApp, text};

const X: &str = "17000000010";
const BASE: &str = "https://voices.example";
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 24 * HOUR_S;

/// An application that keeps recordings, and a client with a binding on X.
struct Place {
    test: TestApp,
    client: Client,
    folder: TempDir,
    background: tokio::task::JoinHandle<()>,
}

impl Place {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut RecordingSettings)) -> Self {
        let test = TestApp::start().await;
        let folder = tempfile::tempdir().expect("a directory");
        let (kept, spool) = (folder.path().join("kept"), folder.path().join("spool"));
        let mut settings = RecordingSettings::in_directory(kept, spool);
        settings.public_url = BASE.to_owned();
        settings.retry_first = Duration::from_millis(5);
        change(&mut settings);
        test.app.keep_recordings(settings).expect("they are kept");
        let work = test.app.clone().recordings_until(std::future::pending());
        let background = tokio::spawn(work);
        let client = test.application().await;
        let pool = test.pool(&[(X, "010")]).await;
        test.bind(&client, &pool, A, Some(B)).await;
        Self {
            test,
            client,
            folder,
            background,
        }
    }

    /// A call by A, as far as it came.
    async fn call(&self, is_answered: bool, is_ended: bool) -> CallId {
        let number = |text| PhoneNumber::parse(text).expect("a number");
        let arrival = Arrival {
            x: number(X),
            caller: Some(number(A)),
            extension: None,
            trunk: "t1".to_owned(),
        };
        let app = &self.test.app;
        let Admission::Connect(plan) = app.admit_call(&arrival).await.expect("it is judged") else {
            panic!("it is refused");
        };
        if is_answered {
            app.call_answered(plan.call).await.expect("it is answered");
        }
        if is_ended {
            let end = CallEnd {
                result: CallResult::Connected,
                released_by: ReleasedBy::Caller,
                verification: None,
            };
            app.call_ended(plan.call, end).await.expect("it ends");
        }
        plan.call
    }

    /// Writes the three files of a call into the spool.
    fn record(&self, call: CallId, length: usize) -> RecordingFiles {
        let spool = self.test.app.recording_spool().expect("a spool");
        let file = |ending: &str, mark: u8| {
            let path = spool.join(format!("{call}{ending}"));
            std::fs::write(&path, sound(length, mark)).expect("written");
            path
        };
        RecordingFiles {
            mixed: file(".wav", 1),
            left: file("-left.wav", 2),
            right: file("-right.wav", 3),
            duration_ms: 1500,
        }
    }

    /// A call that was recorded, and its recording kept.
    async fn recorded(&self, length: usize) -> CallId {
        let call = self.call(true, true).await;
        let files = self.record(call, length);
        let app = &self.test.app;
        app.recording_finished(call, files).await.expect("taken");
        app.recordings_settled().await;
        call
    }

    async fn links(&self, call: CallId) -> Value {
        let ask = json!({"CallId": call.to_string()});
        self.client.ok("QueryAudioRecordFileUrl", ask).await
    }

    async fn no_links(&self, call: CallId) -> Answer {
        let ask = json!({"CallId": call.to_string()});
        self.client.call("QueryAudioRecordFileUrl", ask).await
    }

    async fn get(&self, link: &str, headers: &[(&str, &str)]) -> Fetched {
        self.fetch("GET", link, headers).await
    }

    async fn fetch(&self, method: &str, link: &str, headers: &[(&str, &str)]) -> Fetched {
        Fetched::of(self.raw(method, link, headers).await).await
    }

    async fn raw(&self, method: &str, link: &str, headers: &[(&str, &str)]) -> Response<Body> {
        let path = link.strip_prefix(BASE).expect("the public URL");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::empty()).expect("a request");
        let router = self.test.router.clone();
        router.oneshot(request).await.expect("an answer")
    }

    fn spooled(&self) -> Vec<PathBuf> {
        files_under(&self.folder.path().join("spool"))
    }

    fn kept(&self) -> Vec<PathBuf> {
        files_under(&self.folder.path().join("kept"))
    }
}

fn files_under(directory: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files_under(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// Bytes that differ from place to place and from file to file.
fn sound(length: usize, mark: u8) -> Vec<u8> {
    (0..length)
        .map(|index| (index.wrapping_mul(31) >> 3) as u8 ^ mark)
        .collect()
}

struct Fetched {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Fetched {
    async fn of(response: Response<Body>) -> Self {
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body");
        Self {
            status: head.status.as_u16(),
            headers: head.headers,
            body: body.to_bytes().to_vec(),
        }
    }

    #[track_caller]
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }
}

async fn every_link_leads_to_its_file(encrypt: bool) {
    // Longer than two chunks of the encryption, and not a whole number of them.
    const LENGTH: usize = 150_001;
    let place = Place::with(|settings| settings.encrypt = encrypt).await;
    let call = place.recorded(LENGTH).await;
    assert_eq!(place.spooled(), Vec::<PathBuf>::new());
    assert_eq!(place.kept().len(), 3);
    for file in place.kept() {
        let name = file.to_str().expect("text");
        assert!(![A, B, &A[1..], &B[1..]].iter().any(|it| name.contains(it)));
        let stored = std::fs::read(&file).expect("it is there");
        assert_eq!(stored.len() == LENGTH, !encrypt);
    }
    let links = place.links(call).await;
    for (name, suffix, mark) in [
        ("AudioRecordFileUrl", ".wav?", 1),
        ("AudioRecordLeftFileUrl", "-left.wav?", 2),
        ("AudioRecordRightFileUrl", "-right.wav?", 3),
    ] {
        let link = text(&links[name]);
        let expires = format!("x-expires={}", place.test.in_s(6 * HOUR_S));
        assert!(link.contains(suffix) && link.contains(&expires), "{link}");
        let whole = place.get(&link, &[]).await;
        assert_eq!((whole.status, whole.body), (200, sound(LENGTH, mark)));
    }
    let link = text(&links["AudioRecordLeftFileUrl"]);
    let plain = sound(LENGTH, 2);
    for (range, from, until) in [
        ("bytes=0-0", 0, 1),
        ("bytes=65530-65545", 65_530, 65_546),
        ("bytes=65536-131071", 65_536, 131_072),
        ("bytes=100-149999", 100, 150_000),
        ("bytes=-7", LENGTH - 7, LENGTH),
        ("bytes=149990-999999", 149_990, LENGTH),
    ] {
        let part = place.get(&link, &[("range", range)]).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, plain[from..until], "{range}");
        let shown = format!("bytes {from}-{}/{LENGTH}", until - 1);
        assert_eq!(part.header("content-range"), shown);
    }
}

#[tokio::test]
async fn every_link_leads_to_its_file_whole_or_in_part() {
    every_link_leads_to_its_file(false).await;
}

#[tokio::test]
async fn what_is_encrypted_is_read_through_links_as_if_it_were_not() {
    every_link_leads_to_its_file(true).await;
}

#[tokio::test]
async fn an_answer_says_what_it_holds_and_is_kept_by_no_cache() {
    let place = Place::new().await;
    let call = place.recorded(1000).await;
    let link = text(&place.links(call).await["AudioRecordFileUrl"]);
    let whole = place.get(&link, &[]).await;
    for (name, value) in [
        ("content-type", "audio/wav"),
        ("content-length", "1000"),
        ("accept-ranges", "bytes"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(whole.header(name), value);
    }
    let head = place.fetch("HEAD", &link, &[]).await;
    assert_eq!((head.status, head.header("content-length")), (200, "1000"));
    assert!(head.body.is_empty());
    let beyond = place.get(&link, &[("range", "bytes=1000-")]).await;
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), "bytes */1000");
    let several = place.get(&link, &[("range", "bytes=0-1,5-6")]).await;
    assert_eq!((several.status, several.body.len()), (200, 1000));
    let tag = whole.header("etag");
    for (known, status) in [(tag, 206), ("\"x\"", 200)] {
        let headers = [("range", "bytes=0-1"), ("if-range", known)];
        assert_eq!(place.get(&link, &headers).await.status, status);
    }
    let post = place.raw("POST", &link, &[]).await;
    let post = Answer::read(post, "POST").await;
    post.expect_error("MethodNotAllowed", "");
}

#[tokio::test]
async fn a_link_that_was_changed_or_has_expired_leads_nowhere() {
    let place = Place::new().await;
    let (call, other) = (place.recorded(10).await, place.recorded(10).await);
    let ask = json!({"CallId": call.to_string(), "ExpireTime": 60});
    let links = place.client.ok("QueryAudioRecordFileUrl", ask).await;
    let link = text(&links["AudioRecordFileUrl"]);
    assert_eq!(place.get(&link, &[]).await.status, 200);
    let expires = place.test.in_s(60);
    let without_query = link.split('?').next().expect("a path").to_owned();
    let changed = [
        link.replace(&call.to_string(), &other.to_string()),
        link.replace(".wav", "-left.wav"),
        link.replace("2100000001/", "2100000002/"),
        link.replace(&expires.to_string(), &(expires + 1).to_string()),
        link.replace("x-signature=", "x-signature=00"),
        link.replace("x-signature=", "x-sig="),
        without_query,
        format!("{BASE}/recordings/"),
    ];
    for link in &changed {
        let answer = Answer::read(place.raw("GET", link, &[]).await, "GET").await;
        answer.expect_error("LinkInvalid", "");
        assert_eq!(answer.status, 403);
    }
    place.test.move_clock_s(59);
    assert_eq!(place.get(&link, &[]).await.status, 200);
    place.test.move_clock_s(1);
    let answer = Answer::read(place.raw("GET", &link, &[]).await, "GET").await;
    answer.expect_error("LinkExpired", "QueryAudioRecordFileUrl");
    let long = json!({"CallId": call.to_string(), "ExpireTime": 7 * DAY_S + 1});
    let answer = place.client.call("QueryAudioRecordFileUrl", long).await;
    answer.expect_invalid("ExpireTime");
}

#[tokio::test]
async fn every_reason_for_no_recording_is_told_apart() {
    let place = Place::new().await;
    let unanswered = place.call(false, true).await;
    let answer = place.no_links(unanswered).await;
    answer.expect_error("RecordingNotFound", "Nobody answered");
    let going_on = place.call(true, false).await;
    place
        .no_links(going_on)
        .await
        .expect_error("RecordingNotReady", "");
    let fresh = place.call(true, true).await;
    place
        .no_links(fresh)
        .await
        .expect_error("RecordingNotReady", "");
    let app = &place.test.app;
    let failed = app.recording_failed(fresh, "the disk was full").await;
    failed.expect("it is noted");
    let answer = place.no_links(fresh).await;
    answer.expect_error("RecordingNotFound", "the disk was full");
    let recorded = place.recorded(10).await;
    let stranger = place.test.other_account().await;
    let ask = json!({"CallId": recorded.to_string()});
    let answer = stranger.call("QueryAudioRecordFileUrl", ask).await;
    answer.expect_error("RecordingNotFound", "no such call");
    let odd = json!({"CallId": "S1"});
    let answer = place.client.call("QueryAudioRecordFileUrl", odd).await;
    answer.expect_invalid("CallId");
}

#[tokio::test]
async fn a_server_that_keeps_no_recordings_says_so() {
    let test = TestApp::start().await;
    let client = test.application().await;
    let ask = json!({"CallId": "S0010_0000000000000007"});
    let answer = client.call("QueryAudioRecordFileUrl", ask).await;
    answer.expect_error("UnsupportedOperation", "keeps no recordings");
}

#[tokio::test]
async fn what_a_crash_left_in_the_spool_is_taken_up_and_told_once() {
    let place = Place::new().await;
    let call = place.call(true, true).await;
    place.record(call, 4000);
    let unfinished = place.call(true, true).await;
    let files = place.record(unfinished, 4000);
    std::fs::write(files.mixed.with_extension("part"), b"").expect("written");
    let app = &place.test.app;
    assert_eq!(app.take_up_recordings().await.expect("a look"), 1);
    app.recordings_settled().await;
    assert_eq!(place.spooled().len(), 4, "what is unfinished stays");
    let account = place.client.account;
    let kept = app.store().recording(account, call).await;
    let kept = kept.expect("the store works").expect("it is kept");
    assert_eq!((kept.left_bytes, kept.failed), (4000, None));
    // The crash may have come after the row was written and before the files were deleted.
    place.record(call, 4000);
    app.take_up_recordings().await.expect("a look");
    app.recordings_settled().await;
    assert_eq!(place.spooled().len(), 4);
    let events = app.store().events(0, 100).await.expect("events");
    let ready: Vec<_> = events
        .iter()
        .filter(|event| event.topic.name() == "recording.ready")
        .map(|event| event.subject.clone())
        .collect();
    assert_eq!(ready, [call.to_string()]);
}

#[tokio::test]
async fn a_recording_that_cannot_be_kept_is_tried_again_until_it_can() {
    let place = Place::new().await;
    let call = place.call(true, true).await;
    let files = place.record(call, 10);
    // A file where the directory of this month should be.
    let kept = place.folder.path().join("kept");
    let in_the_way = kept.join(place.client.account.to_string());
    std::fs::write(&in_the_way, b"").expect("written");
    let app = &place.test.app;
    app.recording_finished(call, files).await.expect("taken");
    let mut metrics = String::new();
    while !metrics.contains("axbridge_recording_retries_total 2") {
        tokio::time::sleep(Duration::from_millis(2)).await;
        metrics = app.metrics_text().await.expect("metrics");
    }
    assert!(metrics.contains("axbridge_recordings_waiting 1"));
    std::fs::remove_file(&in_the_way).expect("removed");
    app.recordings_settled().await;
    place.links(call).await;
}

#[tokio::test]
async fn a_recording_that_can_never_be_kept_fails_and_its_files_stay() {
    let place = Place::with(|settings| settings.give_up_after = Duration::ZERO).await;
    let call = place.call(true, true).await;
    let files = place.record(call, 10);
    let kept = place.folder.path().join("kept");
    let account = place.client.account.to_string();
    std::fs::write(kept.join(account), b"").expect("written");
    let app = &place.test.app;
    app.recording_finished(call, files).await.expect("taken");
    app.recordings_settled().await;
    let answer = place.no_links(call).await;
    answer.expect_error("RecordingNotFound", "");
    let left = place.spooled();
    assert_eq!(left.len(), 3);
    assert!(
        left.iter()
            .all(|file| file.parent().is_some_and(|it| it.ends_with("failed")))
    );
}

#[tokio::test]
async fn a_recording_is_destroyed_when_its_time_is_over() {
    let place = Place::new().await;
    let old = place.recorded(10).await;
    place.test.move_clock_s(DAY_S);
    let link = {
        let young = place.test.app.clone();
        young.purge_recordings().await.expect("a purge");
        text(&place.links(old).await["AudioRecordFileUrl"])
    };
    place.test.move_clock_s(179 * DAY_S + 1);
    let purged = place.test.app.purge_recordings().await;
    assert_eq!(purged.expect("a purge"), 1);
    assert_eq!(place.kept(), Vec::<PathBuf>::new());
    place
        .no_links(old)
        .await
        .expect_error("RecordingNotFound", "destroyed");
    let gone = Answer::read(place.raw("GET", &link, &[]).await, "GET").await;
    gone.expect_error("LinkExpired", "");
}

fn by(transcriber: TranscribeBy) -> impl FnOnce(&mut RecordingSettings) {
    |settings| {
        settings.encrypt = true;
        settings.transcriber = Some(Transcriber {
            by: transcriber,
            timeout: Duration::from_secs(60),
            at_once: 1,
        });
    }
}

/// Asks until the transcript is no longer on its way.
async fn transcript(place: &Place, call: CallId) -> Value {
    loop {
        let ask = json!({"CallIdList": [call.to_string()]});
        let answer = place.client.ok("QueryAudioRecordToTextFileUrlV2", ask);
        let record = answer.await["Records"][0].clone();
        assert_eq!(record["CallId"], call.to_string());
        if record["Status"] != "pending" {
            return record;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn without_a_transcriber_there_are_no_transcripts() {
    let place = Place::new().await;
    let call = place.recorded(10).await;
    for action in [
        "QueryAudioRecordToTextFileUrl",
        "QueryAudioRecordToTextFileUrlV2",
    ] {
        let ask = json!({"CallIdList": [call.to_string()]});
        let answer = place.client.call(action, ask).await;
        answer.expect_error("UnsupportedOperation", "transcriber is configured");
    }
}

#[tokio::test]
async fn a_command_that_hears_the_audio_makes_the_transcript() {
    let words = ["sh", "-c", "printf '你好 '; wc -c; echo $AXBRIDGE_CALL_ID"];
    let words = words.map(str::to_owned).to_vec();
    let place = Place::with(by(TranscribeBy::Command(words))).await;
    let call = place.recorded(70_000).await;
    let record = transcript(&place, call).await;
    assert_eq!(record["Status"], "ready");
    let link = text(&record["AudioRecordToTextFileUrl"]);
    let fetched = place.get(&link, &[]).await;
    assert_eq!(fetched.header("content-type"), "text/plain; charset=utf-8");
    let said = String::from_utf8(fetched.body).expect("UTF-8");
    assert_eq!(said, format!("你好 70000\n{call}\n"));
    // The first form answers the bare list; strangers' calls are none.
    let other = "S0010_0000000000000007";
    let ask = json!({"CallIdList": format!("{call},{other}")});
    let answer = place.client.ok("QueryAudioRecordToTextFileUrl", ask).await;
    assert_eq!(answer[0]["Status"], "ready");
    let none = json!({"CallId": other, "AudioRecordToTextFileUrl": "", "Status": "none"});
    assert_eq!(answer[1], none);
}

#[tokio::test]
async fn an_http_endpoint_that_gets_the_audio_makes_the_transcript() {
    let hear = axum::routing::post(|headers: HeaderMap, audio: axum::body::Bytes| async move {
        let kind = headers["content-type"].to_str().expect("text").to_owned();
        format!("{kind} of {} bytes", audio.len())
    });
    let routes = axum::Router::new().route("/hear", hear);
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let socket = socket.expect("a port");
    let url = format!("http://{}/hear", socket.local_addr().expect("its address"));
    tokio::spawn(async move { axum::serve(socket, routes).await });
    let place = Place::with(by(TranscribeBy::Endpoint(url))).await;
    let call = place.recorded(70_000).await;
    let record = transcript(&place, call).await;
    let link = text(&record["AudioRecordToTextFileUrl"]);
    let fetched = place.get(&link, &[]).await;
    assert_eq!(fetched.body, b"audio/wav of 70000 bytes");
}

#[tokio::test]
async fn a_transcriber_that_fails_is_asked_three_times_and_no_more() {
    let words = vec!["false".to_owned()];
    let place = Place::with(by(TranscribeBy::Command(words))).await;
    let call = place.recorded(10).await;
    let (app, account) = (&place.test.app, place.client.account);
    let found = async || {
        let found = app.store().recording(account, call).await;
        found.expect("the store works").expect("it is kept")
    };
    while found().await.transcript_tries == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    place.background.abort();
    // Nothing is due. What the background asked of the store before it ended is over, too, and takes
    // no recording once the clock is moved.
    assert_eq!(app.transcribe_due().await, 0);
    for tries in 2..=3 {
        assert_eq!(found().await.transcript, Transcript::Wanted);
        // The rest after the first try, or the time of one that was cut short, is over.
        place.test.move_clock_s(20 * 60);
        assert_eq!(app.transcribe_due().await, 1);
        assert_eq!(found().await.transcript_tries, tries);
    }
    place.test.move_clock_s(20 * 60);
    assert_eq!(app.transcribe_due().await, 0);
    assert_eq!(transcript(&place, call).await["Status"], "failed");
}

#[tokio::test]
async fn a_transcriber_that_hangs_holds_up_no_other_recording() {
    let mark = tempfile::tempdir().expect("a directory");
    let mark = mark.path().join("mark");
    // Whoever makes the mark never ends.
    let script = format!(
        "cat > /dev/null; if mkdir '{}' 2> /dev/null; then exec sleep 600; fi; echo heard",
        mark.display()
    );
    let words = ["sh", "-c", &script].map(str::to_owned).to_vec();
    let place = Place::with(|settings| {
        by(TranscribeBy::Command(words))(settings);
        let transcriber = settings.transcriber.as_mut().expect("it is set");
        transcriber.at_once = 2;
    })
    .await;
    let mut calls = vec![place.recorded(10).await];
    while !mark.exists() {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    for _ in 0..4 {
        calls.push(place.recorded(10).await);
    }
    for call in &calls[1..] {
        assert_eq!(transcript(&place, *call).await["Status"], "ready");
    }
    let account = place.client.account;
    let found = place.test.app.store().recording(account, calls[0]).await;
    let found = found.expect("the store works").expect("it is kept");
    assert_eq!(found.transcript, Transcript::Wanted);
}

/// An answer with one of the codes of recordings.
pub(crate) async fn provoke(code: &str) -> Answer {
    let place = Place::new().await;
    match code {
        "RecordingNotReady" => place.no_links(place.call(true, false).await).await,
        "RecordingNotFound" => place.no_links(place.call(false, true).await).await,
        "LinkExpired" => {
            let call = place.recorded(10).await;
            let link = text(&place.links(call).await["AudioRecordFileUrl"]);
            place.test.move_clock_s(6 * HOUR_S);
            Answer::read(place.raw("GET", &link, &[]).await, "GET").await
        }
        _ => {
            let link = format!("{BASE}/recordings/nothing");
            Answer::read(place.raw("GET", &link, &[]).await, "GET").await
        }
    }
}

//! From the relaying threads to the disk: a queue of bounded size, a thread that appends, and a
//! thread that finishes. A disk that is slow or full fails recordings, never calls.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::OwnedPermit;

use super::Tracks;
use super::files::{Disk, Growing, finish};
use crate::audio::Codec;
use crate::media::Side;
use crate::media::settings::{MediaEvent, RecordingTarget};
use crate::media::statistics::{Totals, add};

/// Sound that may wait for the disk, over all calls: about 80 s of 25 calls, or 5 s of 400.
const QUEUED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest recording; after it the call goes on unrecorded. Far below the 37 hours that a WAV
/// file can hold.
const RECORDING_MAX: Duration = Duration::from_secs(12 * 3600);

/// Where the outcome of a recording is told; room for it is kept from the beginning.
pub(crate) type Outcome = OwnedPermit<MediaEvent>;

enum Message {
    Begin(u64, RecordingTarget, Outcome),
    Sound(u64, Vec<u8>),
    Finish(u64),
    Abandon(u64, &'static str),
    Stop,
}

/// The threads that write.
#[derive(Debug)]
pub(crate) struct Recorder {
    line: Line,
    threads: Vec<JoinHandle<()>>,
}

/// The way to the writing thread.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    sender: mpsc::Sender<Message>,
    queued_bytes: Arc<AtomicUsize>,
    next_id: Arc<AtomicU64>,
}

impl Recorder {
    pub(crate) fn start(disk: Arc<dyn Disk>, totals: Arc<Totals>) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel();
        let (finisher, to_finish) = mpsc::channel();
        let queued_bytes = Arc::new(AtomicUsize::new(0));
        let writer = Writer {
            disk: Arc::clone(&disk),
            totals: Arc::clone(&totals),
            queued_bytes: Arc::clone(&queued_bytes),
            open: HashMap::new(),
            finisher,
        };
        let threads = vec![
            std::thread::Builder::new()
                .name("recorder".to_owned())
                .spawn(move || writer.run(&receiver))?,
            std::thread::Builder::new()
                .name("recordings".to_owned())
                .spawn(move || finish_all(&*disk, &totals, &to_finish))?,
        ];
        let next_id = Arc::new(AtomicU64::new(0));
        let line = Line {
            sender,
            queued_bytes,
            next_id,
        };
        Ok(Self { line, threads })
    }

    pub(crate) fn line(&self) -> Line {
        self.line.clone()
    }

    /// Finishes what is being recorded and waits for it.
    pub(crate) fn stop(&mut self) {
        let _ = self.line.sender.send(Message::Stop);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Line {
    /// Begins a recording.
    pub(crate) fn begin(&self, target: RecordingTarget, outcome: Outcome, now: Instant) -> Tape {
        let id = self.next_id.fetch_add(1, Relaxed);
        // Without a writer the outcome falls with the message, and the session has ended anyway.
        let _ = self.sender.send(Message::Begin(id, target, outcome));
        Tape {
            id,
            line: self.clone(),
            tracks: Tracks::default(),
            began: now,
            over: false,
        }
    }

    fn sound(&self, id: u64, bytes: Vec<u8>) -> Result<(), &'static str> {
        if bytes.is_empty() {
            return Ok(());
        }
        let queued = self.queued_bytes.fetch_add(bytes.len(), Relaxed);
        if queued + bytes.len() > QUEUED_BYTES_MAX {
            self.queued_bytes.fetch_sub(bytes.len(), Relaxed);
            return Err("the disk is too slow for the recordings; give them a faster one");
        }
        let _ = self.sender.send(Message::Sound(id, bytes));
        Ok(())
    }
}

/// One recording as the relaying thread holds it. Dropped, it is finished as of its last sound.
#[derive(Debug)]
pub(crate) struct Tape {
    id: u64,
    line: Line,
    tracks: Tracks,
    began: Instant,
    over: bool,
}

impl Tape {
    /// Records a packet.
    pub(crate) fn put(
        &mut self,
        side: Side,
        now: Instant,
        timestamp: u32,
        codec: Codec,
        payload: &[u8],
    ) {
        if !self.over {
            let at = self.position(now);
            self.tracks.put(side, at, timestamp, codec, payload);
        }
    }

    /// Hands over what is complete.
    pub(crate) fn hand_over(&mut self, now: Instant) {
        if self.over {
            return;
        }
        if now.duration_since(self.began) > RECORDING_MAX {
            self.finish(now);
            return;
        }
        let bytes = self.tracks.take(self.position(now));
        self.send(bytes);
    }

    /// Ends the recording.
    pub(crate) fn finish(&mut self, now: Instant) {
        if self.over {
            return;
        }
        let bytes = self.tracks.take_all(self.position(now));
        self.send(bytes);
        if !self.over {
            self.over = true;
            let _ = self.line.sender.send(Message::Finish(self.id));
        }
    }

    fn send(&mut self, bytes: Vec<u8>) {
        if let Err(why) = self.line.sound(self.id, bytes) {
            self.over = true;
            let _ = self.line.sender.send(Message::Abandon(self.id, why));
        }
    }

    /// The time since the beginning, in samples.
    fn position(&self, now: Instant) -> u64 {
        (now.duration_since(self.began).as_micros() / 125) as u64
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.finish(Instant::now());
    }
}

struct Open {
    target: RecordingTarget,
    file: Growing,
    outcome: Outcome,
}

struct Writer {
    disk: Arc<dyn Disk>,
    totals: Arc<Totals>,
    queued_bytes: Arc<AtomicUsize>,
    open: HashMap<u64, Open>,
    finisher: mpsc::Sender<(RecordingTarget, Outcome)>,
}

impl Writer {
    fn run(mut self, receiver: &mpsc::Receiver<Message>) {
        while let Ok(message) = receiver.recv() {
            match message {
                Message::Begin(id, target, outcome) => self.begin(id, target, outcome),
                Message::Sound(id, bytes) => {
                    self.queued_bytes.fetch_sub(bytes.len(), Relaxed);
                    self.append(id, &bytes);
                }
                Message::Finish(id) => self.finish(id),
                Message::Abandon(id, why) => {
                    if let Some(open) = self.open.remove(&id) {
                        failed(&self.totals, open.outcome, why.to_owned());
                    }
                }
                Message::Stop => break,
            }
        }
        let left: Vec<u64> = self.open.keys().copied().collect();
        for id in left {
            self.finish(id);
        }
    }

    fn begin(&mut self, id: u64, target: RecordingTarget, outcome: Outcome) {
        add(&self.totals.recordings_begun, 1);
        match Growing::create(&*self.disk, &target) {
            Ok(file) => {
                let open = Open {
                    target,
                    file,
                    outcome,
                };
                self.open.insert(id, open);
            }
            Err(error) => failed(&self.totals, outcome, cannot_write(&error)),
        }
    }

    fn append(&mut self, id: u64, bytes: &[u8]) {
        let Some(open) = self.open.get_mut(&id) else {
            return;
        };
        let Err(error) = open.file.append(bytes) else {
            return;
        };
        if let Some(open) = self.open.remove(&id) {
            failed(&self.totals, open.outcome, cannot_write(&error));
        }
    }

    fn finish(&mut self, id: u64) {
        if let Some(open) = self.open.remove(&id) {
            let _ = self.finisher.send((open.target, open.outcome));
        }
    }
}

fn finish_all(
    disk: &dyn Disk,
    totals: &Totals,
    to_finish: &mpsc::Receiver<(RecordingTarget, Outcome)>,
) {
    while let Ok((target, outcome)) = to_finish.recv() {
        match finish(disk, &target) {
            Ok(files) => {
                add(&totals.recordings_finished, 1);
                outcome.send(MediaEvent::RecordingFinished(Box::new(files)));
            }
            Err(error) => failed(totals, outcome, cannot_write(&error)),
        }
    }
}

fn failed(totals: &Totals, outcome: Outcome, why: String) {
    add(&totals.recordings_failed, 1);
    outcome.send(MediaEvent::RecordingFailed { why });
}

/// The system's word, without the path: names stay out of events.
fn cannot_write(error: &io::Error) -> String {
    let advice = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "let the service write to the recordings directory"
        }
        io::ErrorKind::NotFound => "make the recordings directory",
        io::ErrorKind::AlreadyExists => "a recording of this name exists",
        _ => "see to the disk of the recordings directory",
    };
    format!("the recording cannot be written: {error}; {advice}")
}

//! Tracks with a clock that the test moves, and disks that fail.

use std::io::{self, Cursor, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use tokio::sync::mpsc;

use super::files::{Disk, Sink};
use super::tracks::{MOMENT_BYTES, Tracks};
use super::{RealDisk, Recorder, repair};
use crate::audio::{Clip, ClipLimits, Codec, sine, tone_share};
use crate::media::settings::{MediaEvent, RecordingTarget, Side};
use crate::media::statistics::Totals;

/// Bytes of sound as its two channels.
fn channels(bytes: &[u8]) -> [Vec<i16>; 2] {
    let channel = |at: usize| {
        bytes
            .chunks_exact(MOMENT_BYTES)
            .map(|moment| i16::from_le_bytes([moment[at], moment[at + 1]]))
            .collect()
    };
    [channel(0), channel(2)]
}

/// The packets of a second and a half of a tone: timestamp and payload.
fn packets(hz: f32, codec: Codec, first: u32) -> Vec<(u32, Vec<u8>)> {
    let tone = sine(hz, Duration::from_millis(1500));
    let encode = |frame: &[i16]| frame.iter().map(|&sample| codec.encode(sample)).collect();
    let timestamp = |index: usize| first.wrapping_add(index as u32 * 160);
    let frames = tone.samples().chunks_exact(160).enumerate();
    frames
        .map(|(index, frame)| (timestamp(index), encode(frame)))
        .collect()
}

/// The longest stretch without a sample away from silence.
fn longest_silence(samples: &[i16]) -> usize {
    let quiet = |sample: &i16| sample.unsigned_abs() < 64;
    samples
        .split(|sample| !quiet(sample))
        .map(<[i16]>::len)
        .max()
        .unwrap_or(0)
}

#[test]
fn loss_of_one_in_twenty_and_60_ms_of_jitter_leave_the_tones_in_place() {
    let mut tracks = Tracks::default();
    let caller = packets(440.0, Codec::Pcma, u32::MAX - 2000);
    let callee = packets(660.0, Codec::Pcmu, 77);
    // When each packet arrives: a number that looks random shifts it by up to 60 ms.
    let mut arrivals = Vec::new();
    for index in 0..caller.len() {
        let shift = (index * 37 % 61) as u64 * 8;
        let sent = index as u64 * 160;
        if index % 20 != 7 {
            arrivals.push((sent + shift, Side::Caller, index));
        }
        if index % 20 != 13 {
            arrivals.push((sent + 480 - shift, Side::Callee, index));
        }
    }
    arrivals.sort_by_key(|&(at, ..)| at);
    let (mut bytes, mut handed_over) = (Vec::new(), 0);
    for (at, side, index) in arrivals {
        let (codec, (timestamp, payload)) = match side {
            Side::Caller => (Codec::Pcma, &caller[index]),
            Side::Callee => (Codec::Pcmu, &callee[index]),
        };
        tracks.put(side, at, *timestamp, codec, payload);
        if at >= handed_over + 4000 {
            bytes.extend(tracks.take(at));
            handed_over = at;
        }
    }
    bytes.extend(tracks.take_all(12_600));
    let [left, right] = channels(&bytes);
    assert_eq!(left.len(), 12_600);
    for (channel, hz) in [(&left, 440.0), (&right, 660.0)] {
        let inner = &channel[800..11_200];
        // One in twenty is missing, so that much of the tone's power is, and twice the share.
        assert!(tone_share(inner, hz) > 0.9, "{}", tone_share(inner, hz));
        // What is missing is one packet wide: nothing was shifted, nothing torn.
        let gap = longest_silence(inner);
        assert!((150..200).contains(&gap), "{gap}");
    }
}

#[test]
fn a_pause_is_silence_of_its_length_whether_timestamps_go_on_or_not() {
    for pause_counts in [true, false] {
        let mut tracks = Tracks::default();
        let sound = packets(500.0, Codec::Pcma, 0);
        let mut bytes = Vec::new();
        for (index, (timestamp, payload)) in sound.iter().enumerate().take(60) {
            let paused = if index < 30 { 0 } else { 16_000 };
            let timestamp = timestamp + if pause_counts { paused } else { 0 };
            let now = index as u64 * 160 + u64::from(paused);
            if index == 30 {
                bytes.extend(tracks.take(now));
            }
            tracks.put(Side::Callee, now, timestamp, Codec::Pcma, payload);
        }
        bytes.extend(tracks.take_all(0));
        let [left, right] = channels(&bytes);
        assert_eq!(right.len(), 60 * 160 + 16_000);
        assert!((15_990..16_100).contains(&longest_silence(&right)));
        assert_eq!(longest_silence(&left), left.len());
    }
}

#[test]
fn what_comes_after_its_place_was_handed_over_is_left_out() {
    let mut tracks = Tracks::default();
    tracks.put(Side::Caller, 3000, 3000, Codec::Pcmu, &[0; 160]);
    assert_eq!(tracks.take(4000).len(), 2080 * MOMENT_BYTES);
    tracks.put(Side::Caller, 4100, 1000, Codec::Pcmu, &[0; 160]);
    let [left, _] = channels(&tracks.take_all(4200));
    assert_eq!(left.len(), 4200 - 2080);
    let loud = left.iter().filter(|&&sample| sample != 0).count();
    assert_eq!(loud, 160, "only the packet that came in time");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_timestamps_come_the_length_is_the_time_that_passed(
        packets in prop::collection::vec((any::<bool>(), any::<u32>(), 0..2000_u64, 1..400_usize), 1..60)
    ) {
        let mut tracks = Tracks::default();
        let (mut now, mut moments) = (0, 0);
        for (caller, timestamp, step, length) in packets {
            now += step;
            let side = if caller { Side::Caller } else { Side::Callee };
            tracks.put(side, now, timestamp, Codec::Pcma, &vec![1; length]);
            moments += tracks.take(now).len() / MOMENT_BYTES;
        }
        moments += tracks.take_all(now).len() / MOMENT_BYTES;
        // A place is never further from the time of arrival than the drift allowed.
        let longest = now as usize + 3200 + 400;
        prop_assert!((now as usize..=longest).contains(&moments), "{moments} {now}");
    }
}

/// A disk with room for so many bytes.
struct SmallDisk(Arc<AtomicUsize>);

struct SmallFile(Box<dyn Sink>, Arc<AtomicUsize>);

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let file = RealDisk.create(path)?;
        Ok(Box::new(SmallFile(file, Arc::clone(&self.0))))
    }
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = self.1.load(Relaxed);
        if room < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.1.store(room - bytes.len(), Relaxed);
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl Seek for SmallFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

/// A disk that is never done.
struct StuckDisk(Arc<std::sync::Barrier>);

impl Disk for StuckDisk {
    fn create(&self, _path: &Path) -> io::Result<Box<dyn Sink>> {
        self.0.wait();
        Ok(Box::new(Cursor::new(Vec::new())))
    }
}

/// Records `seconds` of a tone, with a clock that runs ahead of the real one.
fn record(
    recorder: &Recorder,
    target: RecordingTarget,
    seconds: u64,
) -> mpsc::Receiver<MediaEvent> {
    let (sender, receiver) = mpsc::channel(4);
    let outcome = sender.try_reserve_owned().expect("room");
    let began = Instant::now();
    let mut tape = recorder.line().begin(target, outcome, began);
    let tone = sine(440.0, Duration::from_secs(seconds));
    for (index, frame) in tone.samples().chunks_exact(160).enumerate() {
        let now = began + Duration::from_millis(20) * index as u32;
        let payload: Vec<u8> = frame
            .iter()
            .map(|&sample| Codec::Pcma.encode(sample))
            .collect();
        tape.put(Side::Caller, now, index as u32 * 160, Codec::Pcma, &payload);
        if index % 25 == 24 {
            tape.hand_over(now);
        }
    }
    tape.finish(began + Duration::from_secs(seconds));
    receiver
}

fn target(directory: &Path, name: &str) -> RecordingTarget {
    RecordingTarget::new(directory, name).expect("a good name")
}

#[test]
fn a_full_disk_fails_the_recording_and_says_so_and_with_room_again_it_is_repaired() {
    let directory = tempfile::tempdir().expect("a directory");
    let room = Arc::new(AtomicUsize::new(100_000));
    let disk = Arc::new(SmallDisk(Arc::clone(&room)));
    let totals = Arc::new(Totals::default());
    let mut recorder = Recorder::start(disk, Arc::clone(&totals)).expect("a recorder");
    // 6 s are 192 kB: the disk is full at 3 s. 2 s fit, but not what is made of them.
    let mut full = record(&recorder, target(directory.path(), "full"), 6);
    let failed = full.blocking_recv();
    let Some(MediaEvent::RecordingFailed { why }) = failed else {
        panic!("{failed:?}");
    };
    assert!(why.contains("make room on the disk"), "{why}");
    room.store(80_000, Relaxed);
    let failed = record(&recorder, target(directory.path(), "late"), 2).blocking_recv();
    assert!(
        matches!(failed, Some(MediaEvent::RecordingFailed { .. })),
        "{failed:?}"
    );
    room.store(usize::MAX / 2, Relaxed);
    let finished = record(&recorder, target(directory.path(), "fits"), 1).blocking_recv();
    assert!(
        matches!(finished, Some(MediaEvent::RecordingFinished(_))),
        "{finished:?}"
    );
    recorder.stop();
    assert_eq!(totals.recordings_failed.load(Relaxed), 2);
    let mut repaired = repair(directory.path()).expect("repaired");
    repaired.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<&str> = repaired.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["full", "late"]);
    let saved = repaired[1].files.as_ref().expect("files");
    assert_eq!(saved.duration_ms, 2000);
    let left = std::fs::read(&saved.left).expect("a file");
    let left = Clip::read(&left, ClipLimits::default()).expect("sound");
    assert!(tone_share(left.samples(), 440.0) > 0.99);
    assert!(repair(directory.path()).expect("nothing left").is_empty());
}

#[test]
fn a_disk_that_hangs_fails_recordings_and_holds_up_nobody() {
    let barrier = Arc::new(std::sync::Barrier::new(2));
    let disk = Arc::new(StuckDisk(Arc::clone(&barrier)));
    let totals = Arc::new(Totals::default());
    let mut recorder = Recorder::start(disk, totals).expect("a recorder");
    let directory = tempfile::tempdir().expect("a directory");
    let mut outcomes: Vec<mpsc::Receiver<MediaEvent>> = Vec::new();
    // 40 minutes of sound are more than may wait.
    for index in 0..4 {
        let name = format!("stuck-{index}");
        outcomes.push(record(&recorder, target(directory.path(), &name), 600));
    }
    barrier.wait();
    for _ in 1..4 {
        barrier.wait();
    }
    let last = outcomes.last_mut().and_then(mpsc::Receiver::blocking_recv);
    let Some(MediaEvent::RecordingFailed { why }) = last else {
        panic!("{last:?}");
    };
    assert!(why.contains("too slow"), "{why}");
    drop(outcomes);
    recorder.stop();
}

#[test]
fn a_recording_never_overwrites_another() {
    let directory = tempfile::tempdir().expect("a directory");
    let disk = Arc::new(RealDisk);
    let mut recorder = Recorder::start(disk, Arc::default()).expect("a recorder");
    for other in ["one.part", "two.wav"] {
        let path = directory.path().join(other);
        std::fs::write(&path, b"somebody's").expect("written");
        let failed = record(&recorder, target(directory.path(), &other[..3]), 1).blocking_recv();
        let is_failed = matches!(failed, Some(MediaEvent::RecordingFailed { .. }));
        assert!(is_failed, "{failed:?}");
        let kept = std::fs::read(&path).expect("still there");
        assert_eq!(kept, b"somebody's");
    }
    recorder.stop();
}

#[test]
fn names_cannot_lead_out_of_the_directory() {
    for name in [
        "", "../x", "a/b", ".hidden", "a.part", "a b", "\u{4e2d}", "a\0b",
    ] {
        assert!(
            RecordingTarget::new("recordings", name).is_err(),
            "{name:?}"
        );
    }
    assert!(RecordingTarget::new("recordings", "x".repeat(129)).is_err());
    assert!(RecordingTarget::new("recordings", "Sc0ffee-12_3").is_ok());
}

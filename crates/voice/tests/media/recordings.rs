//! Recordings of real calls: who is on which channel, what a crash leaves.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use axbridge_voice::audio::{Clip, ClipLimits, Codec, sine, tone_share};
use axbridge_voice::media::{MediaEvent, Play, RecordingFiles, RecordingTarget, Side, repair};

use crate::support::{Call, call, call_between, engine, until};

const CALLER_HZ: f32 = 440.0;
const CALLEE_HZ: f32 = 660.0;

/// The directory in which the child process of the crash test records.
const CHILD: &str = "AXBRIDGE_TEST_RECORDING_CHILD";

fn target(directory: &Path) -> RecordingTarget {
    RecordingTarget::new(directory, "call").expect("a good name")
}

fn read(path: &Path) -> Clip {
    let file = std::fs::read(path).expect("a file");
    Clip::read(&file, ClipLimits::default()).expect("sound")
}

/// Both say so many packets at the pace of speech.
fn speak(call: &mut Call, packets: u32, mut each: impl FnMut(u32)) {
    let began = Instant::now();
    for index in 0..packets {
        let due = began + Duration::from_millis(20) * index;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        call.caller.say(CALLER_HZ);
        call.callee.say(CALLEE_HZ);
        each(index);
    }
}

fn finished(call: &mut Call) -> RecordingFiles {
    loop {
        match call.event() {
            MediaEvent::RecordingFinished(files) => return *files,
            MediaEvent::RecordingFailed { why } => panic!("{why}"),
            _ => {}
        }
    }
}

/// How much of a sound is this tone, judged a tenth of a second at a time so that a machine that
/// stood still for a moment does not matter, and where there is any sound.
fn share(samples: &[i16], hz: f32) -> f32 {
    let windows: Vec<&[i16]> = samples
        .chunks_exact(800)
        .filter(|window| window.iter().any(|&sample| sample.unsigned_abs() > 1000))
        .collect();
    assert!(windows.len() >= 5, "hardly any sound");
    windows
        .iter()
        .map(|window| tone_share(window, hz))
        .sum::<f32>()
        / windows.len() as f32
}

/// Each channel is its own party's tone, and the mixed file is both.
#[track_caller]
fn assert_channels(files: &RecordingFiles) {
    let [left, right, mixed] = [&files.left, &files.right, &files.mixed].map(|path| read(path));
    for (channel, own, others) in [(left, CALLER_HZ, CALLEE_HZ), (right, CALLEE_HZ, CALLER_HZ)] {
        let own = share(channel.samples(), own);
        let others = share(channel.samples(), others);
        assert!(own > 0.85 && others < 0.03, "{own} {others}");
    }
    let both = [CALLER_HZ, CALLEE_HZ].map(|hz| share(mixed.samples(), hz));
    assert!(both.iter().all(|&share| share > 0.25), "{both:?}");
}

#[test]
fn the_caller_is_left_the_callee_right_and_both_are_in_the_mixed_file() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call_between(&engine, Codec::Pcma, Codec::Pcmu);
    call.session.record(target(directory.path()));
    // The names of all the files are there only when they are whole.
    let mut names_during = Vec::new();
    speak(&mut call, 100, |_| {
        let entries = std::fs::read_dir(directory.path()).expect("a directory");
        names_during.extend(entries.map(|entry| entry.expect("an entry").file_name()));
    });
    assert!(
        names_during.iter().all(|name| name == "call.part"),
        "{names_during:?}"
    );
    assert!(!names_during.is_empty());
    call.session.stop_recording();
    let files = finished(&mut call);
    assert!(
        (1900..10_000).contains(&files.duration_ms),
        "{}",
        files.duration_ms
    );
    assert_channels(&files);
    let mut stereo = hound::WavReader::open(&files.stereo).expect("a WAV file");
    assert_eq!(
        (stereo.spec().channels, stereo.spec().sample_rate),
        (2, 8000)
    );
    let left: Vec<i16> = stereo
        .samples::<i16>()
        .step_by(2)
        .map(|sample| sample.expect("whole"))
        .collect();
    assert_eq!(left, read(&files.left).samples());
    assert_eq!(left.len() as u64 * 1000 / 8000, files.duration_ms);
    let mut names: Vec<String> = std::fs::read_dir(directory.path())
        .expect("a directory")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "call-left.wav",
            "call-right.wav",
            "call-stereo.wav",
            "call.wav"
        ]
    );
    assert_eq!(engine.statistics().recordings_finished, 1);
}

#[test]
fn loss_reordering_and_jitter_on_real_sockets_leave_both_tones_on_their_channels() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call(&engine);
    call.session.record(target(directory.path()));
    let began = Instant::now();
    let mut waiting: Vec<(Instant, bool, Vec<u8>)> = Vec::new();
    for index in 0..150_u32 {
        let sent = began + Duration::from_millis(20) * index;
        for (is_caller, prime) in [(true, 37), (false, 41)] {
            let phone = if is_caller {
                &mut call.caller
            } else {
                &mut call.callee
            };
            let packet = phone.packet(if is_caller { CALLER_HZ } else { CALLEE_HZ });
            let delay = Duration::from_millis(u64::from(index * prime % 61));
            // One in twenty is lost.
            if (index + prime) % 20 != 0 {
                waiting.push((sent + delay, is_caller, packet));
            }
        }
    }
    waiting.sort_by_key(|(at, ..)| *at);
    for (at, is_caller, packet) in waiting {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        let phone = if is_caller {
            &call.caller
        } else {
            &call.callee
        };
        phone.send(&packet);
    }
    until("the last packets", || {
        let statistics = call.session.statistics();
        let taken = |side: axbridge_voice::media::SideStatistics| side.packets_in >= 142;
        taken(statistics.caller) && taken(statistics.callee)
    });
    drop(call.session);
    let mut outcome = None;
    until("the recording", || {
        outcome = call.events.try_recv().ok();
        matches!(outcome, Some(MediaEvent::RecordingFinished(_)))
    });
    let Some(MediaEvent::RecordingFinished(files)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_channels(&files);
}

#[test]
fn prompts_are_no_part_of_what_the_parties_said() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call(&engine);
    call.session.record(target(directory.path()));
    let beep = std::sync::Arc::new(sine(1700.0, Duration::from_millis(200)));
    call.session.play(Side::Callee, beep, Play::Once);
    speak(&mut call, 50, |_| {});
    call.session.stop_recording();
    let files = finished(&mut call);
    assert!(tone_share(read(&files.mixed).samples(), 1700.0) < 0.001);
    assert_channels(&files);
}

#[test]
fn stopping_the_engine_finishes_recordings_and_still_tells() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call(&engine);
    call.session.record(target(directory.path()));
    speak(&mut call, 50, |_| {});
    until("the last packet", || {
        call.session.statistics().callee.packets_in == 50
    });
    engine.stop();
    assert_channels(&finished(&mut call));
}

#[test]
fn a_second_recording_beside_the_first_is_refused_and_one_after_it_is_not() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call(&engine);
    call.session.record(target(directory.path()));
    call.session
        .record(RecordingTarget::new(directory.path(), "second").expect("a name"));
    let refused = call.event();
    let MediaEvent::RecordingFailed { why } = refused else {
        panic!("{refused:?}");
    };
    assert!(why.contains("stop that recording first"));
    call.session.stop_recording();
    finished(&mut call);
    call.session
        .record(RecordingTarget::new(directory.path(), "second").expect("a name"));
    call.session.stop_recording();
    let files = finished(&mut call);
    assert!(files.mixed.ends_with("second.wav"));
}

#[test]
fn a_directory_that_is_not_there_fails_the_recording_and_the_call_goes_on() {
    let engine = engine();
    let directory = tempfile::tempdir().expect("a directory");
    let mut call = call(&engine);
    call.session
        .record(target(&directory.path().join("nowhere")));
    let failed = call.event();
    let MediaEvent::RecordingFailed { why } = failed else {
        panic!("{failed:?}");
    };
    assert!(why.contains("make the recordings directory"), "{why}");
    call.talk(CALLER_HZ, CALLEE_HZ, 10);
    assert_eq!(engine.statistics().recordings_failed, 1);
}

/// Not a test: the process that the next one kills. It talks and records until then, and says how
/// much has been said.
#[test]
fn talks_and_records_until_killed() {
    let Some(directory) = std::env::var_os(CHILD) else {
        return;
    };
    let engine = engine();
    let mut call = call(&engine);
    call.session.record(target(Path::new(&directory)));
    speak(&mut call, 10_000, |index| {
        let mut out = std::io::stdout();
        writeln!(out, "said {index}")
            .and_then(|()| out.flush())
            .expect("told");
    });
}

#[test]
fn after_kill_9_all_but_the_last_second_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args([
            "--exact",
            "recordings::talks_and_records_until_killed",
            "--nocapture",
        ])
        .env(CHILD, directory.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut said = 0;
    for line in BufReader::new(child.stdout.take().expect("its words")).lines() {
        let line = line.expect("a line");
        if let Some(index) = line.split("said ").nth(1) {
            said = index.parse().expect("a number");
        }
        if said >= 150 {
            break;
        }
    }
    child.kill().expect("killed");
    child.wait().expect("over");
    // As it lies there it can be read, and its header tells no more than there is.
    let part = directory.path().join("call.part");
    let reader = hound::WavReader::open(&part).expect("a WAV file");
    let bytes = std::fs::metadata(&part).expect("a file").len() - 44;
    assert!(u64::from(reader.duration()) * 4 <= bytes);
    assert!(reader.duration() > 8000);
    let repaired = repair(directory.path()).expect("repaired");
    assert_eq!(repaired.len(), 1);
    let files = repaired[0].files.as_ref().expect("files");
    let said_ms = said * 20;
    assert!(
        files.duration_ms + 1000 >= said_ms,
        "{} of {said_ms}",
        files.duration_ms
    );
    assert_channels(files);
    assert!(repair(directory.path()).expect("nothing left").is_empty());
}

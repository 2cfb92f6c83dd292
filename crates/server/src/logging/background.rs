//! Writes log lines in a thread of its own: a standard error that nobody reads,
//! or that is slow, must not stop requests.
//!
//! What cannot be kept up with is dropped and counted; the log says how much.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// Bytes of lines that may wait.
const WAITING_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Lines that come this soon after others are written together with the next.
const PAUSE: Duration = Duration::from_millis(5);

/// How long the end of the program waits for the last lines.
const LAST_LINES_PATIENCE: Duration = Duration::from_secs(2);

/// Takes lines; cheap to copy.
#[derive(Clone)]
pub(super) struct Background(Arc<Shared>);

/// Waits for the last lines when it is dropped.
#[must_use = "lines that still wait at the end of the program are lost without it"]
pub(crate) struct LastLines(Background);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    came: Condvar,
    went: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    dropped: u64,
    is_writing: bool,
    is_asleep: bool,
}

impl Background {
    /// Starts the thread that writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<(Self, LastLines)> {
        let lines = Self(Arc::default());
        let shared = lines.0.clone();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || shared.write_forever(out))?;
        Ok((lines.clone(), LastLines(lines)))
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_forever(&self, mut out: impl Write) {
        let mut lines = Vec::new();
        loop {
            let mut waiting = self.waiting();
            waiting.is_writing = false;
            self.went.notify_all();
            while waiting.bytes.is_empty() && waiting.dropped == 0 {
                waiting.is_asleep = true;
                let woken = self.came.wait(waiting);
                waiting = woken.unwrap_or_else(PoisonError::into_inner);
            }
            (waiting.is_asleep, waiting.is_writing) = (false, true);
            std::mem::swap(&mut lines, &mut waiting.bytes);
            let dropped = std::mem::take(&mut waiting.dropped);
            drop(waiting);
            // There is nowhere to tell that the log cannot be written.
            let _ = out.write_all(&lines);
            if dropped > 0 {
                let told = format!("{dropped} log lines were dropped: they came too fast\n");
                let _ = out.write_all(told.as_bytes());
            }
            let _ = out.flush();
            lines.clear();
            thread::sleep(PAUSE);
        }
    }
}

impl Write for Background {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut waiting = self.0.waiting();
        if waiting.bytes.len() + line.len() > WAITING_BYTES_MAX {
            waiting.dropped += 1;
        } else {
            waiting.bytes.extend_from_slice(line);
        }
        if waiting.is_asleep {
            self.0.came.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Background {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Drop for LastLines {
    fn drop(&mut self) {
        let shared = &self.0.0;
        let is_waiting = |waiting: &mut Waiting| waiting.is_writing || !waiting.bytes.is_empty();
        // A standard error that nobody reads must not hold up the end either.
        let _ = shared
            .went
            .wait_timeout_while(shared.waiting(), LAST_LINES_PATIENCE, is_waiting);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Passes on what is written, and takes nothing before it is let.
    struct Pipe {
        written: Sender<Vec<u8>>,
        may_write: Receiver<()>,
    }

    impl Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Once nobody holds the other end, everything may be written.
            let _ = self.may_write.recv();
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn pipe() -> (Pipe, Receiver<Vec<u8>>, Sender<()>) {
        let (written, read) = channel();
        let (let_write, may_write) = channel();
        (Pipe { written, may_write }, read, let_write)
    }

    #[test]
    fn lines_are_written_whole_and_in_order_before_the_end() {
        let (pipe, read, let_write) = pipe();
        drop(let_write);
        let (mut lines, last) = Background::start(pipe).expect("a thread starts");
        for number in 0..100 {
            writeln!(lines, "line {number}").expect("it always takes lines");
        }
        drop(last);
        let text: Vec<u8> = read.try_iter().flatten().collect();
        let text = String::from_utf8(text).expect("it is text");
        let expected: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_reader_that_stands_still_stops_nobody_and_hears_how_much_was_dropped() {
        let (pipe, read, let_write) = pipe();
        let (mut lines, last) = Background::start(pipe).expect("a thread starts");
        let line = [b'x'; 1024];
        for _ in 0..3 * WAITING_BYTES_MAX / line.len() {
            lines.write_all(&line).expect("it always takes lines");
        }
        drop(let_write);
        drop(last);
        let told = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).contains("lines were dropped");
        let before: Vec<Vec<u8>> = read.iter().take_while(|bytes| !told(bytes)).collect();
        assert!(before.concat().len() < 3 * WAITING_BYTES_MAX);
    }
}

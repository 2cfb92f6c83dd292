//! What the platform logs at the least severe level, searched line by line for real numbers.

use std::{
    io,
    sync::{Mutex, Once},
};

use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

use crate::{
    house::{A, B, STRANGER},
    leaks::leaks,
};

static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Listens from now on. Of the SIP library nothing is logged, as in the program.
pub(crate) fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new("trace,rsipstack=off,tokio_postgres=off,mio=off");
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(false)
            .with_writer(Reader)
            .init();
    });
}

/// No line so far held a number, whichever scenario it came from.
pub(crate) fn tells_no_number() {
    let found = FOUND.lock().expect("what was found");
    assert!(found.is_empty(), "numbers in the log: {found:#?}");
}

struct Reader;

impl MakeWriter<'_> for Reader {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

impl io::Write for Reader {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !leaks(line, &[A, B, STRANGER]).is_empty() {
            let line = String::from_utf8_lossy(line).into_owned();
            FOUND.lock().expect("what was found").push(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

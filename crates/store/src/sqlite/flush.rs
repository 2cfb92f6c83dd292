//! The thread that makes commits durable: it flushes the log, then answers those whose changes the
//! log holds. Meanwhile the writer decides the next batch.
//!
//! SQLite itself flushes only around its checkpoints (`synchronous = NORMAL`), and a commit is a
//! write to its log. The log is a sequence, so one flush makes durable every commit before it, and
//! an end that was never flushed is cut at the next start, as after any loss of power. Nothing of a
//! commit is told before its flush: neither to those who asked for it nor to a reader who saw it
//! ([`Shared::settled`]).
//!
//! After a flush has failed nobody can say what the disk holds, even if a later one succeeds: the
//! system may have let go of what it could not write. So from then on every commit has failed, and
//! the store refuses work until a restart has read what stands.

use std::{
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use super::{state::Shared, writer::Job};
use crate::error::{OpenError, StoreError};

/// Batches that may wait for the flush before. More would hold smaller batches and win nothing.
const WAITING_MAX: usize = 1;

/// A batch on its way to the disk.
pub(super) struct Flight {
    /// Its commit, or the last one that it may have seen ([`Shared::begin_commit`]).
    pub(super) commit: u64,
    pub(super) jobs: Vec<Box<dyn Job>>,
    /// Whether it wrote anything; else why nothing of it stands.
    pub(super) outcome: Result<bool, StoreError>,
}

/// Makes durable what was written to the log so far.
pub(super) type Flush = Box<dyn FnMut() -> io::Result<()> + Send>;

/// The flush of a database's log.
pub(super) fn flush_of(database: &Path) -> Result<Flush, OpenError> {
    let fault = |path: &Path, error: io::Error| {
        OpenError::Other(format!("{} cannot be flushed: {error}", path.display()))
    };
    let path = log_of(database);
    let log = File::open(&path).map_err(|error| fault(&path, error))?;
    if let Some(directory) = database.parent() {
        // The log's own name must outlast a loss of power, too.
        let flushed = File::open(directory).and_then(|directory| directory.sync_all());
        flushed.map_err(|error| fault(directory, error))?;
    }
    Ok(Box::new(move || log.sync_data()))
}

/// The thread's belongings.
pub(super) struct Flusher {
    flush: Flush,
    shared: Arc<Shared>,
    /// Why nothing more becomes durable.
    failed: Option<String>,
}

impl Flusher {
    /// Starts the thread; it ends when the sender is gone and everybody is answered.
    pub(super) fn start(
        flush: Flush,
        shared: &Arc<Shared>,
    ) -> Result<(mpsc::SyncSender<Flight>, JoinHandle<()>), OpenError> {
        let flusher = Self {
            flush,
            shared: Arc::clone(shared),
            failed: None,
        };
        let (flights, landing) = mpsc::sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("store-flusher".to_owned())
            .spawn(move || flusher.serve(&landing))
            .map_err(|error| OpenError::Other(format!("the flusher did not start: {error}")))?;
        Ok((flights, thread))
    }

    fn serve(mut self, flights: &mpsc::Receiver<Flight>) {
        // However this thread ends, nobody may wait for it for ever.
        let _last = SettleAll(Arc::clone(&self.shared));
        while let Ok(first) = flights.recv() {
            let landed: Vec<Flight> = std::iter::once(first).chain(flights.try_iter()).collect();
            if landed
                .iter()
                .any(|flight| matches!(flight.outcome, Ok(true)))
            {
                self.flush();
            }
            if let Some(last) = landed.last() {
                self.shared.settle(last.commit);
            }
            landed.into_iter().for_each(|flight| self.answer(flight));
        }
    }

    fn flush(&mut self) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = (self.flush)() {
            let why = format!(
                "the disk failed while commits were flushed: {error}; check the disk, then restart axbridge"
            );
            self.shared.set_broken(why.clone());
            self.failed = Some(why);
        }
    }

    fn answer(&self, flight: Flight) {
        let outcome = match (flight.outcome, &self.failed) {
            (Ok(_), Some(why)) => Err(StoreError::Unavailable(why.clone())),
            (Ok(wrote), None) => {
                if wrote {
                    self.shared.counters.committed(flight.jobs.len() as u64);
                }
                Ok(())
            }
            (Err(error), _) => Err(error),
        };
        if let Err(error) = &outcome {
            self.shared.counters.commit_failed();
            let requests = flight.jobs.len();
            tracing::error!(%error, requests, "a transaction failed and was undone");
        }
        answer_all(flight.jobs, &outcome);
    }
}

/// Tells everybody of a batch what became of it.
pub(super) fn answer_all(jobs: Vec<Box<dyn Job>>, outcome: &Result<(), StoreError>) {
    for job in jobs {
        job.finish(outcome.clone());
    }
}

/// The log beside a database.
fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

struct SettleAll(Arc<Shared>);

impl Drop for SettleAll {
    fn drop(&mut self) {
        self.0.settle(u64::MAX);
    }
}

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
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};

use super::{state::Shared, writer::Job};
use crate::error::{OpenError, StoreError};

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

/// The writer's way to the disk and to those who wait.
pub(super) struct Landing {
    flusher: Arc<Mutex<Flusher>>,
    flights: mpsc::SyncSender<Flight>,
    /// Batches that the thread was handed and has not answered.
    under_way: Arc<AtomicUsize>,
}

impl Landing {
    /// Starts the thread; it ends when this is dropped and everybody is answered.
    pub(super) fn start(
        flush: Flush,
        shared: &Arc<Shared>,
    ) -> Result<(Self, JoinHandle<()>), OpenError> {
        let flusher = Arc::new(Mutex::new(Flusher {
            flush,
            shared: Arc::clone(shared),
            failed: None,
        }));
        // Decided, a batch waits for the one before to land; meanwhile the next one grows.
        let (flights, landing) = mpsc::sync_channel(0);
        let under_way = Arc::new(AtomicUsize::new(0));
        let served = (Arc::clone(&flusher), Arc::clone(&under_way));
        let last = SettleAll(Arc::clone(shared));
        let thread = std::thread::Builder::new()
            .name("store-flusher".to_owned())
            .spawn(move || {
                // However this thread ends, nobody may wait for it for ever.
                let _last = last;
                serve(&served.0, &landing, &served.1);
            })
            .map_err(|error| OpenError::Other(format!("the flusher did not start: {error}")))?;
        let landing = Self {
            flusher,
            flights,
            under_way,
        };
        Ok((landing, thread))
    }

    /// Makes a batch durable and answers it: at once and here if it is the only one about (waking
    /// the thread would take as long as the flush), else on the thread, while the next is decided.
    pub(super) fn land(&self, flight: Flight, is_alone: bool) {
        if is_alone
            && self.under_way.load(Ordering::SeqCst) == 0
            && let Ok(mut flusher) = self.flusher.try_lock()
        {
            return flusher.land(flight);
        }
        self.under_way.fetch_add(1, Ordering::SeqCst);
        if let Err(unsent) = self.flights.send(flight) {
            let Flight { jobs, .. } = unsent.0;
            let stopped = "the flusher stopped; restart axbridge".to_owned();
            answer_all(jobs, &Err(StoreError::Unavailable(stopped)));
        }
    }
}

fn serve(flusher: &Mutex<Flusher>, flights: &mpsc::Receiver<Flight>, under_way: &AtomicUsize) {
    while let Ok(flight) = flights.recv() {
        let Ok(mut flusher) = flusher.lock() else {
            // The writer stopped in the middle of a batch of its own.
            return;
        };
        flusher.land(flight);
        under_way.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What makes commits durable.
struct Flusher {
    flush: Flush,
    shared: Arc<Shared>,
    /// Why nothing more becomes durable.
    failed: Option<String>,
}

impl Flusher {
    fn land(&mut self, flight: Flight) {
        if matches!(flight.outcome, Ok(true)) {
            self.flush();
        }
        self.shared.settle(flight.commit);
        self.answer(flight);
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
fn answer_all(jobs: Vec<Box<dyn Job>>, outcome: &Result<(), StoreError>) {
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

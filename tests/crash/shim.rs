//! The failing disk and clock of `shim.c`: compiled once, ordered through a
//! file that the program under test shares with us.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// A word of `struct orders`, by its place.
#[derive(Clone, Copy)]
pub(crate) enum Order {
    /// What every write fails with; 0 for nothing.
    WriteErrno = 0,
    /// What every flush fails with; 0 for nothing.
    FlushErrno = 1,
    /// Bytes until the disk is full; negative for no limit.
    Room = 2,
    /// Dies at this write or flush; 0 for never.
    KillAt = 3,
    /// Seconds by which the clock is ahead.
    ClockAhead = 4,
    /// Writes and flushes so far.
    Steps = 5,
}

const WORDS: usize = 6;

/// `EIO` of Linux and the BSDs.
pub(crate) const EIO: i64 = 5;

/// The orders of one program.
pub(crate) struct Shim {
    /// The folder whose files are touched.
    folder: PathBuf,
    orders: PathBuf,
    flushed: Option<PathBuf>,
}

impl Shim {
    /// Orders for the files of `folder`, kept in `place`. Nothing fails yet.
    pub(crate) fn new(folder: &Path, place: &Path) -> Self {
        let orders = place.join("orders");
        std::fs::write(&orders, [0; WORDS * 8]).expect("the orders can be written");
        let shim = Self {
            folder: folder.to_owned(),
            orders,
            flushed: None,
        };
        shim.set(Order::Room, -1);
        shim
    }

    /// Keeps what was flushed a second time, from the present files on.
    pub(crate) fn keeping_flushed(mut self, place: &Path) -> Self {
        let flushed = place.join("flushed");
        // It may be left from an earlier round.
        let _ = std::fs::remove_dir_all(&flushed);
        std::fs::create_dir(&flushed).expect("a folder can be made");
        copy_database(&self.folder, &flushed);
        self.flushed = Some(flushed);
        self
    }

    /// Lets the program go through the shim.
    pub(crate) fn apply(&self, command: &mut Command) {
        command.env("LD_PRELOAD", library());
        command.env("AXSHIM_ORDERS", &self.orders);
        command.env("AXSHIM_FOLDER", &self.folder);
        if let Some(flushed) = &self.flushed {
            command.env("AXSHIM_FLUSHED", flushed);
        }
    }

    /// Gives an order, which counts from the next write, flush or look at the clock.
    pub(crate) fn set(&self, order: Order, value: i64) {
        let file = OpenOptions::new().write(true).open(&self.orders);
        let file = file.expect("the orders are there");
        file.write_all_at(&value.to_ne_bytes(), place_of(order))
            .expect("an order can be written");
    }

    /// Reads a word.
    pub(crate) fn get(&self, order: Order) -> i64 {
        let file = std::fs::File::open(&self.orders).expect("the orders are there");
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, place_of(order))
            .expect("an order can be read");
        i64::from_ne_bytes(bytes)
    }

    /// Takes away everything that was not flushed, as a loss of power may.
    pub(crate) fn lose_power(&self) {
        let flushed = self.flushed.as_ref().expect("flushed files are kept");
        for name in ["axbridge.db", "axbridge.db-wal", "axbridge.db-shm"] {
            // Not every one need be there.
            let _ = std::fs::remove_file(self.folder.join(name));
        }
        copy_database(flushed, &self.folder);
    }
}

fn place_of(order: Order) -> u64 {
    order as u64 * 8
}

fn copy_database(from: &Path, to: &Path) {
    for name in ["axbridge.db", "axbridge.db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).expect("a file can be copied");
        }
    }
}

/// The compiled shim.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crash/shim.c");
        let compiled = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"])
            .arg(&path)
            .arg(source)
            .arg("-ldl")
            .status()
            .expect("there is a C compiler (Debian: gcc)");
        assert!(compiled.success(), "the shim compiles");
        (folder, path)
    });
    path
}

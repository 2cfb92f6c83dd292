//! Files that are damaged or gone: the server says so, and never begins anew in
//! silence or connects the wrong people.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::dice::Dice;
use crate::ledger::Ledger;
use crate::load::make_pool;
use crate::program::{Node, refused_start, serve};

const BINDINGS: usize = 40;

/// Databases with one changed byte that are tried in the quick form.
const FLIPS: u64 = 12;

/// The first page begins with SQLite's own description of the file.
const HEADER_BYTES: u64 = 100;

/// Data as a stopped or killed server left it.
struct Left {
    folder: TempDir,
    ledger: Ledger,
}

impl Left {
    fn by(end: impl FnOnce(Node)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        let node = Node::start(&mut serve(&data), &data, folder.path());
        let mut client = node.client();
        let pool = make_pool(&mut client);
        let mut ledger = Ledger::new(1, &pool, 1);
        for _ in 0..BINDINGS {
            assert!(ledger.bind_new(&mut client));
        }
        end(node);
        Self { folder, ledger }
    }

    /// A copy of the data to spoil.
    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.folder.path().join(name);
        // An earlier one may be there.
        let _ = std::fs::remove_dir_all(&copy);
        std::fs::create_dir(&copy).expect("a folder");
        let files = std::fs::read_dir(self.folder.path().join("data")).expect("a folder");
        for file in files {
            let file = file.expect("a file");
            if file.path().is_dir() {
                // Recordings, of which there are none here; the program makes the folder anew.
                continue;
            }
            std::fs::copy(file.path(), copy.join(file.file_name())).expect("copied");
        }
        copy
    }

    fn refused(&self, data: &Path) -> String {
        refused_start(&mut serve(data), data, self.folder.path())
    }
}

fn cut(file: &Path, bytes: u64) {
    let file = OpenOptions::new().write(true).open(file);
    file.and_then(|it| it.set_len(bytes))
        .expect("it can be cut");
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).expect("it is there").len()
}

fn flip(file: &Path, at: u64, mask: u8) {
    let file = OpenOptions::new().read(true).write(true).open(file);
    let file = file.expect("it is there");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("it is so long");
    file.write_all_at(&[byte[0] ^ mask], at).expect("written");
}

#[test]
fn a_database_that_was_cut_short_is_refused() {
    let left = Left::by(Node::stop);
    let whole = length(&left.folder.path().join("data/axbridge.db"));
    for bytes in [0, 50, whole / 3, whole - 4096] {
        let data = left.copy("cut");
        cut(&data.join("axbridge.db"), bytes);
        let said = left.refused(&data);
        assert!(said.contains("backup"), "cut to {bytes}: {said}");
        assert_eq!(length(&data.join("axbridge.db")), bytes, "left as it is");
    }
    let data = left.copy("gone");
    std::fs::remove_file(data.join("axbridge.db")).expect("removed");
    let said = left.refused(&data);
    assert!(said.contains("backup"), "{said}");
}

#[test]
fn a_changed_byte_never_connects_the_wrong_people() {
    let left = Left::by(Node::stop);
    let bytes = length(&left.folder.path().join("data/axbridge.db"));
    let mut dice = Dice::new(crate::seed());
    for flip_no in 0..crate::rounds(FLIPS) {
        let end = if flip_no % 4 == 0 {
            HEADER_BYTES
        } else {
            bytes
        };
        let (place, mask) = (dice.below(end), 1 << dice.below(8));
        let data = left.copy("flipped");
        flip(&data.join("axbridge.db"), place, mask);
        let mut node = Node::launch(&mut serve(&data), &data, left.folder.path());
        match node.until_serving() {
            Some(ended) => {
                let said = node.said();
                assert_eq!(ended.code(), Some(1), "byte {place}: {said}");
                assert!(said.contains("error: "), "byte {place}: {said}");
            }
            None => left.ledger.none_may_reach_strangers(&mut node.client()),
        }
    }
}

#[test]
fn a_log_with_a_torn_end_gives_whole_bindings_or_none() {
    let left = Left::by(Node::kill);
    let log = left.folder.path().join("data/axbridge.db-wal");
    let whole = length(&log);
    assert!(whole > 0, "the bindings stand in the log");
    let mut dice = Dice::new(crate::seed());
    for _ in 0..crate::rounds(4) {
        let data = left.copy("torn");
        let place = dice.below(whole);
        let log = data.join("axbridge.db-wal");
        if dice.below(2) == 0 {
            cut(&log, place);
        } else {
            flip(&log, place, 0x10);
        }
        let mut node = Node::launch(&mut serve(&data), &data, left.folder.path());
        match node.until_serving() {
            // The log held the tables themselves.
            Some(ended) => assert_eq!(ended.code(), Some(1), "{}", node.said()),
            None => left.ledger.none_may_reach_strangers(&mut node.client()),
        }
    }
}

#[test]
fn lost_keys_are_never_replaced_by_new_ones() {
    let left = Left::by(Node::stop);
    let data = left.copy("keyless");
    let keys = std::fs::read(data.join("keys")).expect("keys");
    std::fs::remove_file(data.join("keys")).expect("removed");
    for _ in 0..2 {
        let said = left.refused(&data);
        assert!(said.contains("keys"), "{said}");
        assert!(!data.join("keys").exists(), "no new keys");
    }
    std::fs::write(data.join("keys"), "index 00\n").expect("written");
    let said = left.refused(&data);
    assert!(said.contains("64 hex digits"), "{said}");
    std::fs::write(data.join("keys"), keys).expect("written");
    let mut ledger = left.ledger;
    let back = Node::start(&mut serve(&data), &data, left.folder.path());
    ledger.settle(&mut back.client());
}

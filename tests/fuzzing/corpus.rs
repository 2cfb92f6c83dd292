//! The seeds and words that fuzzing starts from, and the changes that make new
//! inputs of them.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::any;
use proptest::sample::Index;
use proptest::strategy::{BoxedStrategy, Strategy};

/// The folder of the fuzzer's workspace.
pub(crate) fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The seeds of a target, in the order of their names.
pub(crate) fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = fuzz_folder().join("corpus").join(target);
    let entries = fs::read_dir(folder).expect("each target has a folder of seeds");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder entry").path())
        .collect();
    paths.sort();
    let read = |path| fs::read(path).expect("a seed is readable");
    paths.iter().map(read).collect()
}

/// The words of the fuzzer's dictionary, one a line in double quotes.
pub(crate) fn words() -> Vec<Vec<u8>> {
    let text = fs::read_to_string(fuzz_folder().join("words.dict")).expect("the dictionary");
    let word = |line: &str| Some(line.strip_prefix('"')?.strip_suffix('"')?.into());
    text.lines().filter_map(word).collect()
}

/// One change of an input. Places are fractions of its length.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Overwrites a byte.
    Overwrite(Index, u8),
    /// Cuts out what lies between two places.
    Cut(Index, Index),
    /// Writes what lies between two places a second time, at its end.
    Repeat(Index, Index),
    /// Puts a word of the dictionary in.
    Word(Index, Index),
    /// Keeps the beginning and goes on with the end of another seed.
    Splice(Index, Index, Index),
    /// Exchanges two lines.
    SwapLines(Index, Index),
}

impl Change {
    /// Changes the input.
    pub(crate) fn apply(&self, input: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[Vec<u8>]) {
        let place = |at: &Index, input: &[u8]| at.index(input.len() + 1);
        let range = |one: &Index, other: &Index, input: &[u8]| {
            let (one, other) = (place(one, input), place(other, input));
            one.min(other)..one.max(other)
        };
        match self {
            Self::Overwrite(at, byte) => {
                let at = place(at, input);
                if let Some(old) = input.get_mut(at) {
                    *old = *byte;
                }
            }
            Self::Cut(one, other) => {
                input.drain(range(one, other, input));
            }
            Self::Repeat(one, other) => {
                let range = range(one, other, input);
                let again = input[range.clone()].to_vec();
                input.splice(range.end..range.end, again);
            }
            Self::Word(at, word) => {
                let at = place(at, input);
                input.splice(at..at, word.get(words).iter().copied());
            }
            Self::Splice(at, seed, from) => {
                let other = seed.get(seeds);
                input.truncate(place(at, input));
                input.extend_from_slice(&other[place(from, other)..]);
            }
            Self::SwapLines(one, other) => {
                let mut lines: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
                let (one, other) = (one.index(lines.len()), other.index(lines.len()));
                lines.swap(one, other);
                *input = lines.join(&b'\n');
            }
        }
    }
}

impl proptest::arbitrary::Arbitrary for Change {
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        let places = || (any::<Index>(), any::<Index>());
        proptest::prop_oneof![
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Overwrite(at, byte)),
            places().prop_map(|(one, other)| Self::Cut(one, other)),
            places().prop_map(|(one, other)| Self::Repeat(one, other)),
            places().prop_map(|(at, word)| Self::Word(at, word)),
            (any::<Index>(), places()).prop_map(|(at, (seed, from))| Self::Splice(at, seed, from)),
            places().prop_map(|(one, other)| Self::SwapLines(one, other)),
        ]
        .boxed()
    }
}

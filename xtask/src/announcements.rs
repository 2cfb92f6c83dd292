//! The chore `announcements`: what callers hear, spoken anew from the table of texts by a speech
//! program, as 8 kHz A-law WAV files that are checked in and compiled into the product.

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::install;
use crate::process::{command, root, run, which};

const FOLDER: &str = "crates/voice/announcements";

/// All files together may not be larger, since they are part of the program.
const BYTES_MAX: u64 = 600 * 1000;

/// A language: its folder, the voice that speaks it, how fast in words a minute, and the column of
/// the table that the voice reads. Mandarin is read from its romanised form, because the voice
/// takes the tones from there without guessing.
struct Language {
    folder: &'static str,
    voice: &'static str,
    words_a_minute: &'static str,
    column: usize,
}

const LANGUAGES: [Language; 2] = [
    Language {
        folder: "zh",
        voice: "cmn-latn-pinyin",
        words_a_minute: "185",
        column: 2,
    },
    Language {
        folder: "en",
        voice: "en-us",
        words_a_minute: "180",
        column: 3,
    },
];

/// Speaks every text in both languages.
pub(crate) fn generate() -> Result<()> {
    for program in ["espeak-ng", "sox"] {
        if which(program).is_none() {
            install::debian(
                &["espeak-ng", "sox"],
                "the announcements are spoken by them",
            )?;
        }
    }
    let table = root().join(FOLDER).join("texts.tsv");
    let table = std::fs::read_to_string(&table)
        .with_context(|| format!("could not read {}", table.display()))?;
    let scratch = tempfile::tempdir().context("could not make a temporary folder")?;
    let spoken = scratch.path().join("spoken.wav");
    let mut bytes = 0;
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        ensure!(fields.len() == 4, "not four columns: {line:?}");
        for language in &LANGUAGES {
            let file = root()
                .join(FOLDER)
                .join(language.folder)
                .join(format!("{}.wav", fields[0]));
            speak(language, fields[language.column], &spoken, &file)?;
            bytes += file.metadata().context("no file was made")?.len();
        }
    }
    println!("{bytes} bytes of announcements");
    ensure!(
        bytes <= BYTES_MAX,
        "that is more than {BYTES_MAX}; shorten the texts"
    );
    Ok(())
}

fn speak(language: &Language, text: &str, spoken: &Path, file: &Path) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).context("could not make the folder")?;
    }
    run(command("espeak-ng")
        .args(["-v", language.voice, "-s", language.words_a_minute, "-w"])
        .arg(spoken)
        .arg(text))?;
    // Silence off both ends, the loudest sample at −6 dB, telephone sound, no random dither.
    run(command("sox")
        .arg("-D")
        .arg(spoken)
        .args(["-r", "8000", "-c", "1", "-e", "a-law", "-t", "wav"])
        .arg(file)
        .args(["silence", "1", "0.01", "0.5%", "reverse"])
        .args(["silence", "1", "0.01", "0.5%", "reverse"])
        .args(["gain", "-n", "-6", "pad", "0.05", "0.05"]))
}

//! The files of a recording: `NAME.part` while it goes on, and what is made of it.

use std::fs;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::tracks::MOMENT_BYTES;
use crate::audio::{SAMPLE_RATE_HZ, wav};
use crate::media::settings::{RecordingFiles, RecordingTarget};

/// Bytes that are worked on together when the finished files are made.
const CHUNK_BYTES: usize = 64 * 1024;

/// A file as the recorder needs it.
pub(crate) trait Sink: Write + Seek + Send {}
impl<T: Write + Seek + Send> Sink for T {}

/// Where files are made; the tests put a disk that fails here.
pub(crate) trait Disk: Send + Sync {
    /// Makes a file that does not exist yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>>;
}

/// The real one.
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            // People's voices are for the service's user alone.
            options.mode(0o600);
        }
        Ok(Box::new(options.open(path)?))
    }
}

/// The file that grows during the call.
pub(crate) struct Growing {
    sink: Box<dyn Sink>,
    data_bytes: u64,
}

impl Growing {
    pub(crate) fn create(disk: &dyn Disk, target: &RecordingTarget) -> io::Result<Self> {
        // Finished files of this name belong to another recording.
        if target
            .directory()
            .join(format!("{}.wav", target.name()))
            .exists()
        {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut sink = disk.create(&part_path(target))?;
        sink.write_all(&wav::header(2, 0))?;
        Ok(Self {
            sink,
            data_bytes: 0,
        })
    }

    /// Appends sound, then brings the header up to it: whoever reads the file at any moment finds
    /// whole sound of the length that the header says.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let end = wav::HEADER_BYTES as u64 + self.data_bytes;
        self.sink.seek(SeekFrom::Start(end))?;
        self.sink.write_all(bytes)?;
        self.data_bytes += bytes.len() as u64;
        self.sink.seek(SeekFrom::Start(0))?;
        self.sink.write_all(&wav::header(2, self.data_bytes))
    }
}

fn part_path(target: &RecordingTarget) -> PathBuf {
    target.directory().join(format!("{}.part", target.name()))
}

/// Makes the finished files of `NAME.part`. Whatever fails, the part is still there.
pub(crate) fn finish(disk: &dyn Disk, target: &RecordingTarget) -> io::Result<RecordingFiles> {
    let part = part_path(target);
    let mut source = fs::OpenOptions::new().read(true).write(true).open(&part)?;
    let length = source.metadata()?.len();
    let moments = length.saturating_sub(wav::HEADER_BYTES as u64) / MOMENT_BYTES as u64;
    let path = |ending: &str| {
        target
            .directory()
            .join(format!("{}{ending}", target.name()))
    };
    let files = RecordingFiles {
        mixed: path(".wav"),
        left: path("-left.wav"),
        right: path("-right.wav"),
        stereo: path("-stereo.wav"),
        duration_ms: moments * 1000 / u64::from(SAMPLE_RATE_HZ),
    };
    let singles = [&files.left, &files.right, &files.mixed];
    let drafts = singles.map(|path| path.with_extension("tmp"));
    if let Err(error) = derive(disk, &mut source, moments, &drafts) {
        // The part stays, so that nothing is lost; what was made of it only takes room.
        for draft in &drafts {
            let _ = fs::remove_file(draft);
        }
        return Err(error);
    }
    // A crash may have left a header that is one write behind.
    source.seek(SeekFrom::Start(0))?;
    source.write_all(&wav::header(2, moments * MOMENT_BYTES as u64))?;
    for (draft, single) in drafts.iter().zip(singles) {
        fs::rename(draft, single)?;
    }
    // Last: as long as there is a part, the recording can be made again from it.
    fs::rename(&part, &files.stereo)?;
    Ok(files)
}

/// Writes left, right and mixed from the two channels.
fn derive(
    disk: &dyn Disk,
    source: &mut fs::File,
    moments: u64,
    drafts: &[PathBuf; 3],
) -> io::Result<()> {
    let mut sinks = Vec::with_capacity(drafts.len());
    for draft in drafts {
        if draft.exists() {
            fs::remove_file(draft)?;
        }
        let mut sink = disk.create(draft)?;
        sink.write_all(&wav::header(1, moments * 2))?;
        sinks.push(sink);
    }
    source.seek(SeekFrom::Start(wav::HEADER_BYTES as u64))?;
    let mut rest = source.take(moments * MOMENT_BYTES as u64);
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut halves = [const { Vec::<u8>::new() }; 3];
    loop {
        let count = fill(&mut rest, &mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        halves.iter_mut().for_each(Vec::clear);
        for moment in chunk[..count].chunks_exact(MOMENT_BYTES) {
            let left = i16::from_le_bytes([moment[0], moment[1]]);
            let right = i16::from_le_bytes([moment[2], moment[3]]);
            for (half, sample) in halves
                .iter_mut()
                .zip([left, right, left.saturating_add(right)])
            {
                half.extend_from_slice(&sample.to_le_bytes());
            }
        }
        for (sink, half) in sinks.iter_mut().zip(&halves) {
            sink.write_all(half)?;
        }
    }
}

/// Reads until the chunk is full or the source has ended.
fn fill(source: &mut impl Read, chunk: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < chunk.len() {
        match source.read(&mut chunk[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// What became of a recording that a crash had left unfinished.
#[derive(Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The name it was begun with.
    pub name: String,
    /// Its files; `None` if nothing had been recorded yet, and nothing is left of it.
    pub files: Option<RecordingFiles>,
}

/// Why unfinished recordings could not be finished.
#[derive(Debug, Error)]
#[error("cannot finish what a crash left in {}: {source}; see that it can be read and written and has room", .path.display())]
pub struct RepairError {
    /// The file or directory.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Finishes every recording in a directory that a crash left unfinished. No engine may be
/// recording there.
///
/// # Errors
/// At the first recording that cannot be finished; the next call takes it up again.
pub fn repair(directory: &Path) -> Result<Vec<Repaired>, RepairError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| RepairError { path, source }
    };
    let mut repaired = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed(directory))? {
        let path = entry.map_err(failed(directory))?.path();
        let Some(name) = unfinished(&path) else {
            continue;
        };
        let Ok(target) = RecordingTarget::new(directory, &name) else {
            continue;
        };
        let length = fs::metadata(&path).map_err(failed(&path))?.len();
        let files = if length < (wav::HEADER_BYTES + MOMENT_BYTES) as u64 {
            fs::remove_file(&path).map_err(failed(&path))?;
            None
        } else {
            Some(finish(&RealDisk, &target).map_err(failed(&path))?)
        };
        repaired.push(Repaired { name, files });
    }
    Ok(repaired)
}

/// The name of the recording that a file is the unfinished part of.
fn unfinished(path: &Path) -> Option<String> {
    let is_part = path.extension().is_some_and(|ending| ending == "part");
    let name = path.file_stem()?.to_str()?;
    is_part.then(|| name.to_owned())
}

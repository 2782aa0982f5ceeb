//! The evidence file: compressed JSON lines, written while the investigation runs, before any judgement.

use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use diagnosis::evidence::{Evidence, Head, Line};

use crate::error::Error;

/// What it is called in the directory of a quest.
pub const FILE: &str = "evidence.jsonl.zst";

/// Bytes of one evidence file when unpacked, at most.
pub const BYTES_MAX: u64 = 1 << 30;

/// How hard is compressed: the lines repeat themselves, and any level finds that.
const LEVEL: i32 = 3;

/// Every file of zstd begins so.
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The file as it grows, and the same in memory.
pub struct Recording {
    path: PathBuf,
    file: Option<zstd::Encoder<'static, File>>,
    /// What was recorded so far.
    pub evidence: Evidence,
}

impl Recording {
    /// Begins the file.
    pub fn begin(directory: &Path, head: Head) -> Result<Recording, Error> {
        let path = directory.join(FILE);
        let failed = |source| Error::File {
            what: "write",
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(directory).map_err(failed)?;
        let file = File::create(&path).map_err(failed)?;
        let file = zstd::Encoder::new(file, LEVEL).map_err(failed)?;
        let evidence = Evidence::new(head);
        let mut recording = Recording {
            path,
            file: Some(file),
            evidence,
        };
        let head = Line::Head(recording.evidence.head.clone());
        recording.write(&head)?;
        Ok(recording)
    }

    /// Adds a line. Numbers that are none are left out.
    pub fn push(&mut self, line: Line) -> Result<(), Error> {
        if let Line::Observation(observation) = &line
            && observation.value().is_none()
            && observation.points().is_empty()
        {
            return Ok(());
        }
        self.write(&line)?;
        self.evidence.push(line);
        Ok(())
    }

    /// What was written reaches the disk: a quest that is killed keeps it.
    pub fn flush(&mut self) -> Result<(), Error> {
        let path = &self.path;
        match &mut self.file {
            Some(file) => file.flush().map_err(|source| Error::File {
                what: "write",
                path: path.clone(),
                source,
            }),
            None => Ok(()),
        }
    }

    /// Ends the file.
    pub fn finish(&mut self) -> Result<(), Error> {
        let path = &self.path;
        match self.file.take().map(zstd::Encoder::finish) {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(source)) => Err(Error::File {
                what: "write",
                path: path.clone(),
                source,
            }),
        }
    }

    fn write(&mut self, line: &Line) -> Result<(), Error> {
        let bytes = line.write().map_err(|source| Error::Evidence {
            path: self.path.clone(),
            source,
        })?;
        let path = &self.path;
        match &mut self.file {
            Some(file) => file.write_all(&bytes).map_err(|source| Error::File {
                what: "write",
                path: path.clone(),
                source,
            }),
            None => Ok(()),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        // An error on the way out of an error has nobody to be told to.
        let _ = self.finish();
    }
}

/// Reads a file, compressed or not; of one that was cut, what is there.
pub fn read(path: &Path) -> Result<Evidence, Error> {
    let failed = |source| Error::File {
        what: "read",
        path: path.to_owned(),
        source,
    };
    let path_of_file = if path.is_dir() {
        path.join(FILE)
    } else {
        path.to_owned()
    };
    let raw = std::fs::read(&path_of_file).map_err(failed)?;
    let bytes = if raw.starts_with(&MAGIC) {
        unpack(&raw).map_err(failed)?
    } else {
        raw
    };
    diagnosis::evidence::read(&bytes).map_err(|source| Error::Evidence {
        path: path.to_owned(),
        source,
    })
}

fn unpack(raw: &[u8]) -> io::Result<Vec<u8>> {
    let mut decoder = zstd::Decoder::new(raw)?.take(BYTES_MAX);
    let mut bytes = Vec::new();
    let mut piece = vec![0; 64 << 10];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            // A quest that was killed has not ended its file: what was flushed is whole.
            Err(_) if !bytes.is_empty() => return Ok(bytes),
            Err(error) => return Err(error),
        }
    }
}

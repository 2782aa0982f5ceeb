//! A file read, decompressed and cut into chunks by a thread of its own, so that neither waits for the
//! other: PostgreSQL for the file, nor the file for PostgreSQL.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinSet,
};

use super::csv;

/// One chunk. Larger ones were not faster.
const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks read ahead.
const CHUNKS_MAX: usize = 4;

/// A header must end within so many bytes.
const HEADER_BYTES_MAX: usize = 1024 * 1024;

/// A part of a file.
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    /// Bytes of the file read up to here.
    pub(super) read: u64,
    /// Rows that end up to here, without the header.
    pub(super) rows: u64,
}

/// The parts of a file in order.
pub(super) struct Chunks {
    receiver: Receiver<io::Result<Chunk>>,
    /// What was read to see the header.
    first: Option<Chunk>,
    /// Ends by itself when the receiver is gone.
    _thread: JoinSet<()>,
}

impl Chunks {
    /// Begins to read. The name says how it is compressed.
    pub(super) fn read(name: &str, reader: Box<dyn Read + Send>) -> Chunks {
        let (sender, receiver) = channel(CHUNKS_MAX);
        let compression = Compression::of(name);
        let mut thread = JoinSet::new();
        thread.spawn_blocking(move || pump(reader, compression, &sender));
        Chunks {
            receiver,
            first: None,
            _thread: thread,
        }
    }

    /// The names in the first line. Comes before [`next`](Chunks::next), which gives the line too.
    pub(super) async fn header(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = BytesMut::new();
        let mut read = 0;
        let mut rows = 0;
        let names = loop {
            let Some(chunk) = self.receive().await? else {
                break csv::header(&bytes, true);
            };
            bytes.extend_from_slice(&chunk.bytes);
            (read, rows) = (chunk.read, chunk.rows);
            match csv::header(&bytes, false) {
                Some(names) => break Some(names),
                None if bytes.len() > HEADER_BYTES_MAX => break None,
                None => {}
            }
        };
        self.first = Some(Chunk {
            bytes: bytes.freeze(),
            read,
            rows,
        });
        names.ok_or_else(|| invalid("line 1: no header with the names of the columns"))
    }

    pub(super) async fn next(&mut self) -> io::Result<Option<Chunk>> {
        match self.first.take() {
            Some(first) => Ok(Some(first)),
            None => self.receive().await,
        }
    }

    async fn receive(&mut self) -> io::Result<Option<Chunk>> {
        self.receiver.recv().await.transpose()
    }
}

fn invalid(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

#[derive(Clone, Copy)]
enum Compression {
    None,
    Zstd,
    Gzip,
}

impl Compression {
    fn of(name: &str) -> Compression {
        match name.rsplit('.').next() {
            Some("zst") => Compression::Zstd,
            Some("gz") => Compression::Gzip,
            _ => Compression::None,
        }
    }
}

fn pump(reader: Box<dyn Read + Send>, compression: Compression, sender: &Sender<io::Result<Chunk>>) {
    let read = Arc::new(AtomicU64::new(0));
    let reader = Counting {
        reader,
        read: read.clone(),
    };
    let opened: io::Result<Box<dyn Read>> = match compression {
        Compression::None => Ok(Box::new(reader)),
        Compression::Zstd => {
            zstd::stream::read::Decoder::new(reader).map(|decoder| Box::new(decoder) as Box<dyn Read>)
        }
        Compression::Gzip => Ok(Box::new(flate2::read::MultiGzDecoder::new(reader))),
    };
    let ended = opened.and_then(|mut plain| {
        let mut lines = Lines::default();
        while let Some(bytes) = fill(&mut *plain)? {
            lines.count(&bytes);
            let rows = lines.rows.saturating_sub(1);
            let chunk = Chunk {
                bytes: bytes.into(),
                read: read.load(Ordering::Relaxed),
                rows,
            };
            if sender.blocking_send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
        Ok(())
    });
    if let Err(error) = ended {
        // Nobody is there to hear it if this fails.
        let _ = sender.blocking_send(Err(error));
    }
}

/// A full chunk, a shorter one at the end, none after it. Decompressors give much less at a time.
fn fill(reader: &mut dyn Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    reader.take(CHUNK_BYTES as u64).read_to_end(&mut bytes)?;
    Ok((!bytes.is_empty()).then_some(bytes))
}

/// Counts rows for the progress: line feeds outside of quotes.
#[derive(Default)]
struct Lines {
    rows: u64,
    quoted: bool,
}

impl Lines {
    fn count(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'"' => self.quoted = !self.quoted,
                b'\n' if !self.quoted => self.rows += 1,
                _ => {}
            }
        }
    }
}

struct Counting {
    reader: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.reader.read(buffer)?;
        self.read.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}

//! One owner for a data directory: a lock that the kernel gives up when its holder dies.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process,
};

use crate::Error;

const LOCK_FILE: &str = "lock";

/// The claim on a data directory, held as long as this lives.
#[derive(Debug)]
pub(crate) struct Claim {
    /// Invariant: locked, and closed on exec, so that no child keeps it.
    _file: File,
}

impl Claim {
    /// Claims the directory, or says who has it.
    pub(crate) fn take(directory: &Path) -> Result<Self, Error> {
        let path = directory.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o644)
            .open(&path)
            .map_err(|source| Error::path("open", &path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // Who has it is a courtesy; that somebody has it is known.
                let _ = file.read_to_string(&mut holder);
                return Err(Error::Claimed {
                    directory: directory.to_owned(),
                    holder: described(holder.trim()),
                });
            }
            Err(TryLockError::Error(source)) => return Err(Error::path("lock", &path, source)),
        }
        write_holder(&mut file).map_err(|source| Error::path("write", &path, source))?;
        Ok(Self { _file: file })
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", process::id())
}

/// `process 1234 (sidequest serve)`, as far as it can be known.
fn described(pid: &str) -> String {
    if pid.is_empty() || !pid.bytes().all(|byte| byte.is_ascii_digit()) {
        return "another process".to_owned();
    }
    if pid == process::id().to_string() {
        return format!("this process, {pid},");
    }
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = command
        .split(|byte| *byte == 0)
        .take(2)
        .map(String::from_utf8_lossy);
    let words = words
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    if words.is_empty() {
        format!("process {pid}")
    } else {
        format!("process {pid} ({words})")
    }
}

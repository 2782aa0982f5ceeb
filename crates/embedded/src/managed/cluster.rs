//! The files of the managed cluster: `initdb` once, the socket's directory, and which databases it holds.

use std::{
    fs::{self, File},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use super::{Plan, USER, command};
use crate::Error;

/// The longest path of a unix socket, its ending zero not counted: `sun_path` has 108 bytes on Linux, 104 elsewhere.
const SOCKET_BYTES_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The longest name that PostgreSQL gives to the socket.
const SOCKET_NAME_MAX: &str = "/.s.PGSQL.65535";

/// How much of what a program said goes into an error.
const OUTPUT_BYTES_MAX: usize = 2_000;

/// How many directories of other people are passed over before giving up.
const SOCKET_DIRECTORIES_MAX: u32 = 16;

/// The major version of the cluster, if there is one.
pub(crate) fn major(managed: &Path) -> Option<u32> {
    fs::read_to_string(managed.join("data/PG_VERSION"))
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// Whether the cluster holds the database. Known without starting it, by a file of that name.
pub(crate) fn holds(managed: &Path, database: &str) -> bool {
    major(managed).is_some() && managed.join("databases").join(database).exists()
}

/// Notes that the cluster holds the database.
pub(crate) fn mark(managed: &Path, database: &str) -> Result<(), Error> {
    let directory = managed.join("databases");
    fs::create_dir_all(&directory).map_err(|source| Error::path("create", &directory, source))?;
    let path = directory.join(database);
    if !path.exists() {
        File::create(&path).map_err(|source| Error::path("create", &path, source))?;
        sync_directory(&directory)?;
    }
    Ok(())
}

/// Makes the cluster if there is none, and gives the directory of its socket.
pub(super) fn prepare(plan: &Plan) -> Result<PathBuf, Error> {
    plan.account.make_passable(&plan.directory)?;
    plan.account.check_reach(&plan.directory)?;
    if major(&plan.directory).is_none() {
        create(plan)?;
    }
    socket_directory(plan)
}

/// `initdb` into a directory of another name, renamed when it is complete: a cluster is there wholly or not at all.
fn create(plan: &Plan) -> Result<(), Error> {
    let new = plan.directory.join("data.new");
    let data = plan.data();
    if new.exists() {
        fs::remove_dir_all(&new).map_err(|source| Error::path("remove", &new, source))?;
    }
    plan.account.make_private(&new)?;
    let initdb = plan.installation.initdb();
    // macOS has no C.UTF-8.
    let locale = if cfg!(target_os = "macos") {
        "--locale=C"
    } else {
        "--locale=C.UTF-8"
    };
    let mut command = command::clean(&initdb, plan);
    command
        .arg("-D")
        .arg(&new)
        .args(["-U", USER, "-A", "trust", "-E", "UTF8", locale]);
    if !plan.sync {
        command.arg("--no-sync");
    }
    let output = command.output().map_err(|source| Error::Spawn {
        what: initdb.display().to_string(),
        source,
    })?;
    if !output.status.success() {
        let said = if output.stderr.is_empty() {
            &output.stdout
        } else {
            &output.stderr
        };
        return Err(Error::Initdb {
            directory: new,
            output: last_bytes(said, OUTPUT_BYTES_MAX),
        });
    }
    fs::rename(&new, &data).map_err(|source| Error::path("rename to", &data, source))?;
    sync_directory(&plan.directory)
}

/// A rename outlives a power cut only when the directory was synced.
fn sync_directory(path: &Path) -> Result<(), Error> {
    let sync = || File::open(path)?.sync_all();
    sync().map_err(|source| Error::path("sync", path, source))
}

/// Beside the cluster, or where paths are short if that one is too long for a socket.
fn socket_directory(plan: &Plan) -> Result<PathBuf, Error> {
    let beside = plan.directory.join("socket");
    if fits(&beside) {
        return claim_directory(plan, &beside).map(|()| beside);
    }
    let mut hasher = DefaultHasher::new();
    plan.directory.hash(&mut hasher);
    let name = format!("sidequest-{:016x}", hasher.finish());
    let user = PathBuf::from(format!("/run/user/{}", plan.account.uid()));
    for parent in [user, PathBuf::from("/run"), PathBuf::from("/tmp")] {
        for number in 0..SOCKET_DIRECTORIES_MAX {
            let directory = parent.join(format!("{name}-{number}"));
            if parent.is_dir() && plan.account.check_reach(&parent).is_ok() && fits(&directory) {
                match claim_directory(plan, &directory) {
                    Ok(()) => return Ok(directory),
                    Err(error) => {
                        tracing::debug!(directory = %directory.display(), %error, "socket elsewhere");
                    }
                }
            }
        }
    }
    let source = io::Error::new(
        io::ErrorKind::InvalidFilename,
        "the path is too long for a socket",
    );
    Err(Error::path("make a socket in", beside, source))
}

/// Takes the directory of the socket away if it stands outside of ours.
pub(super) fn leave(plan: &Plan, socket: &Path) {
    if !socket.as_os_str().is_empty() && !socket.starts_with(&plan.directory) {
        // It stays where the server left something in it.
        let _ = fs::remove_dir(socket);
    }
}

fn fits(directory: &Path) -> bool {
    directory.as_os_str().len() + SOCKET_NAME_MAX.len() <= SOCKET_BYTES_MAX
}

/// A directory of the account that only it may enter. One that somebody else made beforehand, or a link, is refused.
fn claim_directory(plan: &Plan, path: &Path) -> Result<(), Error> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => plan.account.make_private(path),
        Err(source) => Err(Error::path("look at", path, source)),
        Ok(found) if found.is_dir() && found.uid() == plan.account.uid() && found.mode() & 0o077 == 0 => {
            Ok(())
        }
        Ok(_) => {
            let source = io::Error::new(
                io::ErrorKind::PermissionDenied,
                "it is not a private directory of ours",
            );
            Err(Error::path("use", path, source))
        }
    }
}

/// The end of what a program said, from the beginning of a line where possible.
pub(super) fn last_bytes(said: &[u8], bytes_max: usize) -> String {
    let end = &said[said.len().saturating_sub(bytes_max)..];
    String::from_utf8_lossy(end).trim().to_owned()
}

//! The files of a model: from a directory, or the demo that is built in.
//!
//! Reading is bounded, since the directory is the user's and may be the wrong one (`--model /`). What the files
//! mean is for `model::check`.

use std::{
    fmt, fs,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context as _, bail};
use model::file::{Files, ROOT};
use rust_embed::RustEmbed;
use store::seed::Opened;

use crate::exit::{Exit, Failure};

const FILES_MAX: usize = 1_000;
const FILE_BYTES_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 8;

#[derive(RustEmbed)]
#[folder = "../../demo/flights"]
#[include = "*.toml"]
#[include = "*.sql"]
#[include = "*.zst"]
#[exclude = "as-posted/*"]
struct Demo;

/// The same flights as the question was posted; its data are the demo's.
#[derive(RustEmbed)]
#[folder = "../../demo/flights/as-posted"]
#[include = "*.toml"]
#[include = "*.sql"]
struct Posted;

/// What `--model` calls the second model that is built in.
pub(crate) const POSTED: &str = "demo:as-posted";

/// Where a model's files are.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// Built into the binary.
    Demo,
    /// Built into the binary too: the demo in the way that does not work.
    Posted,
    /// This directory.
    Directory(PathBuf),
}

impl Origin {
    /// What the user named: a directory, its `model.toml`, or nothing for the demo.
    pub(crate) fn of(given: Option<PathBuf>) -> Origin {
        match given {
            None => Origin::Demo,
            Some(path) if path.as_os_str() == POSTED => Origin::Posted,
            Some(path) if path.is_file() && path.file_name().is_some_and(|name| name == ROOT) => {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                Origin::Directory(parent.unwrap_or(Path::new(".")).to_owned())
            }
            Some(path) => Origin::Directory(path),
        }
    }

    /// The text files, for `model::check`.
    pub(crate) fn files(&self) -> Result<Files, Failure> {
        let read = match self {
            Origin::Demo => built_in::<Demo>(),
            Origin::Posted => built_in::<Posted>(),
            Origin::Directory(directory) => directory_files(directory),
        };
        read.map(Files::new).map_err(|error| {
            Exit::Model
                .because(error)
                .hint("a model is a directory with a model.toml; `sidequest serve` alone shows one")
        })
    }

    /// A file that fills a table, such as `data/flights.csv.zst`, as it is stored.
    pub(crate) fn data(&self, path: &str) -> io::Result<Opened> {
        match self {
            Origin::Demo | Origin::Posted => {
                let file = Demo::get(path).ok_or(io::ErrorKind::NotFound)?;
                let bytes = file.data.len() as u64;
                Ok(Opened {
                    reader: Box::new(io::Cursor::new(file.data)),
                    bytes,
                })
            }
            Origin::Directory(directory) => {
                if Path::new(path)
                    .components()
                    .any(|part| !matches!(part, Component::Normal(_)))
                {
                    return Err(io::Error::other("a model's files are inside its directory"));
                }
                let file = fs::File::open(directory.join(path))?;
                let bytes = file.metadata()?.len();
                Ok(Opened {
                    reader: Box::new(file),
                    bytes,
                })
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Demo => formatter.write_str("the demo built in"),
            Origin::Posted => formatter.write_str("the demo as it was posted, built in"),
            Origin::Directory(directory) => directory.display().fmt(formatter),
        }
    }
}

fn built_in<Model: RustEmbed>() -> anyhow::Result<Vec<(String, String)>> {
    Model::iter()
        .filter(|path| is_text(Path::new(path.as_ref())))
        .map(|path| {
            let file = Model::get(&path).expect("the path was listed");
            let text = String::from_utf8(file.data.into_owned()).with_context(|| format!("read {path}"))?;
            Ok((path.into_owned(), text))
        })
        .collect()
}

fn directory_files(directory: &Path) -> anyhow::Result<Vec<(String, String)>> {
    if !directory.join(ROOT).is_file() {
        bail!("find a {ROOT} in {}", directory.display());
    }
    let mut files = Vec::new();
    collect(directory, "", 0, &mut files)?;
    Ok(files)
}

/// Hidden entries are left out: editors keep their own files there, and a mounted ConfigMap its old versions.
fn collect(
    directory: &Path,
    prefix: &str,
    depth: usize,
    files: &mut Vec<(String, String)>,
) -> anyhow::Result<()> {
    if depth > DEPTH_MAX {
        bail!(
            "read {}: directories are nested deeper than {DEPTH_MAX}",
            directory.display()
        );
    }
    let what = || format!("read the directory {}", directory.display());
    let mut names = fs::read_dir(directory)
        .with_context(what)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(what)?;
    names.sort();
    for name in names {
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let path = directory.join(name);
        let relative = format!("{prefix}{name}");
        if path.is_dir() {
            collect(&path, &format!("{relative}/"), depth + 1, files)?;
        } else if is_text(&path) {
            if files.len() == FILES_MAX {
                bail!("read {}: a model has at most {FILES_MAX} files", path.display());
            }
            files.push((relative, read_text(&path)?));
        }
    }
    Ok(())
}

fn read_text(path: &Path) -> anyhow::Result<String> {
    let what = || format!("read {}", path.display());
    let mut text = String::new();
    let read = fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .with_context(what)?;
    if read as u64 > FILE_BYTES_MAX {
        bail!("{}: it is larger than {FILE_BYTES_MAX} bytes", what());
    }
    Ok(text)
}

fn is_text(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "toml" || extension == "sql")
}

//! A stack that was seen, in words.

use std::fmt::Write;

/// A stack of functions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The thread's name without its number, so that workers stand together.
    pub thread: String,
    /// The innermost first; those inlined into one another stand apart.
    pub frames: Vec<Frame>,
    /// How often it was seen.
    pub count: u64,
}

/// A function at a line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// As it is written, without a hash at its end.
    pub function: String,
    /// Its file, empty if unknown.
    pub file: String,
    /// The line that was running, 0 if unknown.
    pub line: u32,
}

impl Stack {
    /// `thread;outer;inner count` and a line end.
    pub(super) fn folded(&self) -> String {
        let mut line = clean(&self.thread);
        for frame in self.frames.iter().rev() {
            line.push(';');
            line.push_str(&clean(&frame.function));
        }
        let _ = writeln!(line, " {}", self.count);
        line
    }
}

/// A function's name with its modules and without a hash or type parameters.
///
/// Of what was inlined the debug information has the last part only; the file says the rest.
pub(super) fn name(name: &str, file: &str) -> String {
    let name = match name.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => path,
        Some(_) | None => name,
    };
    if name.starts_with('<') {
        return name.to_owned();
    }
    let bare = name.split('<').next().unwrap_or(name);
    match module(file) {
        Some(module) if !bare.contains("::") => format!("{module}::{bare}"),
        Some(_) | None => bare.to_owned(),
    }
}

/// `/../tokio-1.54.1/src/loom/cell.rs` → `tokio::loom::cell`.
fn module(file: &str) -> Option<String> {
    let (before, path) = file.strip_suffix(".rs")?.rsplit_once("/src/")?;
    let directory = before.rsplit('/').next()?;
    let package = match directory.rsplit_once('-') {
        Some((package, version)) if version.starts_with(|first: char| first.is_ascii_digit()) => package,
        Some(_) | None => directory,
    };
    let path = path.trim_end_matches("/mod").replace('/', "::");
    let package = package.replace('-', "_");
    Some(match path.as_str() {
        "lib" | "main" => package,
        path => format!("{package}::{path}"),
    })
}

/// A semicolon parts frames, and a line is one stack.
fn clean(name: &str) -> String {
    name.replace([';', '\n'], ":")
}

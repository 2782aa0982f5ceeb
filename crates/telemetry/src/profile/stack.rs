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

/// A semicolon parts frames, and a line is one stack.
fn clean(name: &str) -> String {
    name.replace([';', '\n'], ":")
}

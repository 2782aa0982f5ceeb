//! Why an evidence file or a test case cannot be read.

/// What is wrong with a text given to us.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No line in it.
    #[error("read evidence: the file is empty")]
    Empty,
    /// The head is missing, or there is another.
    #[error("read evidence: line {number}: the head must stand on the first line, and only there")]
    Head {
        /// From 1.
        number: usize,
    },
    /// Of another version.
    #[error("read evidence: it is of version {found}, and version {known} is known here")]
    Version {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Not a line of ours.
    #[error("read evidence: line {number}")]
    Line {
        /// From 1.
        number: usize,
        /// What JSON says.
        #[source]
        source: serde_json::Error,
    },
    /// Longer than the limit.
    #[error("read evidence: it has more than {lines_max} lines")]
    TooLong {
        /// The limit.
        lines_max: usize,
    },
    /// Something that is no JSON, such as an infinite number.
    #[error("write evidence")]
    Write(#[source] serde_json::Error),
    /// A test case that cannot be understood.
    #[error("read case: line {number}: {problem}")]
    Case {
        /// From 1.
        number: usize,
        /// What is wrong.
        problem: String,
    },
}

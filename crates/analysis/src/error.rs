//! What can go wrong with an analysis, as its caller sees it.

use std::sync::Arc;

/// Cheap to clone: one failed statement fails every request that waited for it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("find object `{id}`")]
    NotFound {
        /// As asked for.
        id: Arc<str>,
    },
    /// Too many requests wait for the same dataset.
    #[error("queue for `{source_name}`: {waiting} requests wait already")]
    Full {
        /// Dataset or section.
        source_name: Arc<str>,
        /// How many wait.
        waiting: usize,
    },
    /// The request's deadline passed.
    #[error("answer `{source_name}` before the deadline")]
    Deadline {
        /// Dataset or section.
        source_name: Arc<str>,
    },
    /// The database failed.
    #[error("read `{source_name}`")]
    Store {
        /// Dataset or section.
        source_name: Arc<str>,
        /// What the store says.
        #[source]
        source: Arc<store::error::Error>,
    },
    /// A row of this object does not fit the model; other objects are not concerned.
    #[error("read `{source_name}` of object `{id}`: {problem}")]
    Row {
        /// Dataset or section.
        source_name: Arc<str>,
        /// The object.
        id: Arc<str>,
        /// What does not fit.
        problem: String,
    },
    /// It was asked for as of an instant, and its rows are known only as they are now.
    #[error("read `{source_name}` as of an instant: it is not kept in revisions")]
    NotKept {
        /// Dataset or section.
        source_name: Arc<str>,
    },
    /// The task that computed it ended without an answer: a bug of ours.
    #[error("compute `{source_name}`: the batch was lost")]
    Lost {
        /// Dataset or section.
        source_name: Arc<str>,
    },
}

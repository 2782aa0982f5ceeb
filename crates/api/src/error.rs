//! What can go wrong: at start and at the end ([`Error`]), and with one request ([`Rejection`]).

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use model::plan::UnknownField;
use store::content::Fault;

use crate::router::Closed;

/// A server that cannot begin, or has not ended well.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address is not of this machine alone, and nobody would be asked who he is.
    #[error("listen on {address}: nobody is authenticated, so only loopback addresses are served")]
    Remote {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A PEM file cannot be read.
    #[error("read {what} from {}", path.display())]
    Pem {
        /// `certificate` or `private key`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// Certificate and key do not go together, or not with TLS.
    #[error("set up TLS")]
    Tls(#[from] rustls::Error),
    /// No certificate could be made.
    #[error("make a certificate")]
    SelfSigned(#[from] rcgen::Error),
    /// A limit that cannot work.
    #[error("configure `{key}`: {problem}")]
    Config {
        /// Its name.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Requests were still in work when the time to drain was up; they were cut off.
    #[error("drain within {} s: {requests} requests were cut off", waited.as_secs())]
    Cut {
        /// How many.
        requests: u64,
        /// How long they had.
        waited: Duration,
    },
}

impl Error {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Error::Remote { .. } => Some(
                "listen on 127.0.0.1, or permit it explicitly and put a proxy that authenticates before it",
            ),
            Error::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse => {
                Some("another process listens there: stop it, or choose another port")
            }
            Error::Listen { .. } | Error::SelfSigned(_) | Error::Config { .. } | Error::Cut { .. } => None,
            Error::Pem { .. } | Error::Tls(_) => {
                Some("both files are PEM; the certificate comes first in its file, its chain after it")
            }
        }
    }
}

/// Why one request is refused. The messages are the details of problem documents: whole, without a full stop.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    #[error("{place} is not percent-encoded UTF-8")]
    Encoding { place: &'static str },
    #[error("this route has no query parameter `{name}`")]
    UnknownParameter { name: String, hint: Option<String> },
    #[error("the query parameter `{name}` is given more than once")]
    RepeatedParameter { name: String },
    #[error("`{name}` {problem}")]
    BadParameter {
        name: String,
        problem: String,
        hint: Option<String>,
    },
    #[error("the cursor {problem}")]
    BadCursor { problem: &'static str },
    #[error(transparent)]
    UnknownField(#[from] UnknownField),
    #[error("`{name}` lists {given} members; the limit is {max}")]
    TooMany {
        name: &'static str,
        given: usize,
        max: usize,
    },
    #[error("nothing is served at `{path}`")]
    UnknownRoute { path: String },
    #[error("there is no collection `{name}`")]
    UnknownCollection { name: String, hint: Option<String> },
    #[error("collection `{collection}` has no record `{key}`")]
    NotFound { collection: String, key: String },
    #[error("`{path}` does not know the method {method}")]
    MethodNotAllowed {
        path: String,
        method: String,
        allow: String,
        /// The path has the method, but not here.
        closed: Option<Closed>,
    },
    #[error("collection `{collection}` keeps no revisions")]
    NoRevisions { collection: String },
    #[error("record `{key}` has no revision {revision}")]
    UnknownRevision { key: String, revision: String },
    #[error("{problem}")]
    BadPrecondition { problem: String },
    #[error("this write replaces a revision, and does not say which")]
    PreconditionRequired { wants: &'static str },
    #[error("the header `{name}` {problem}")]
    BadHeader { name: String, problem: String },
    #[error("{given} is nothing that this route reads")]
    UnsupportedMedia {
        given: String,
        known: &'static [&'static str],
    },
    #[error("the body {problem}")]
    BadBody { problem: String },
    #[error("the body broke off before its end")]
    BodyBroken,
    #[error("the body did not come in time")]
    BodyLate,
    #[error("{} of the record {}", counted(*total, "value"), if *total == 1 { "is wrong" } else { "are wrong" })]
    Invalid { faults: Vec<Named>, total: usize },
    #[error("the request's body is larger than {max} bytes")]
    BodyTooLarge { max: u64 },
    #[error("the URL has {given} bytes; the limit is {max}")]
    UrlTooLong { given: usize, max: usize },
    #[error("the request's headers have {given} bytes; the limit is {max}")]
    HeaderTooLarge { given: usize, max: usize },
    #[error("{in_flight} requests are in work, as many as this server takes at once")]
    Overloaded { in_flight: u64, retry_after: Duration },
    #[error("{max} imports and exports are in work, as many as this server does at once")]
    Transfers { max: usize },
    #[error("the request was not answered within {} ms", after.as_millis())]
    Deadline { after: Duration },
    #[error("the server failed while it answered")]
    Panic,
}

/// A fault of a body, and where it stands.
#[derive(Debug)]
pub(crate) struct Named {
    pub(crate) place: Place,
    pub(crate) fault: Fault,
}

/// Where in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It is about one record.
    Whole,
    /// Of a bulk write, from 0.
    Change(usize),
}

/// `1 value`, `3 values`.
pub(crate) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

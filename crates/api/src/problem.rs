//! Every error as a problem document (RFC 9457). Nobody else picks a status.
//!
//! `type` is stable and relative (`/problems/unknown-field`), and that page explains it. No problem
//! carries SQL, a parameter's value from the database, or a secret.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

use crate::error::Rejection;

/// One answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    hint: Option<String>,
    /// When it makes sense to try again.
    pub(crate) retry_after: Option<Duration>,
    /// The methods that the route knows, for 405.
    pub(crate) allow: Option<&'static str>,
}

/// The closed list of problems: each has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedRequest,
    MalformedQuery,
    UnknownParameter,
    RepeatedParameter,
    BadParameter,
    BadCursor,
    UnknownField,
    TooMany,
    UnknownRoute,
    UnknownCollection,
    NotFound,
    MethodNotAllowed,
    BodyTooLarge,
    UrlTooLong,
    HeaderTooLarge,
    Internal,
    QueryFailed,
    ModelMismatch,
    Overloaded,
    DatabaseUnavailable,
    DeadlineExceeded,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub(crate) const ALL: [Kind; 21] = [
        Kind::MalformedRequest,
        Kind::MalformedQuery,
        Kind::UnknownParameter,
        Kind::RepeatedParameter,
        Kind::BadParameter,
        Kind::BadCursor,
        Kind::UnknownField,
        Kind::TooMany,
        Kind::UnknownRoute,
        Kind::UnknownCollection,
        Kind::NotFound,
        Kind::MethodNotAllowed,
        Kind::BodyTooLarge,
        Kind::UrlTooLong,
        Kind::HeaderTooLarge,
        Kind::Internal,
        Kind::QueryFailed,
        Kind::ModelMismatch,
        Kind::Overloaded,
        Kind::DatabaseUnavailable,
        Kind::DeadlineExceeded,
    ];

    /// Slug of its `type`, status, title, and the paragraph of its page.
    fn row(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Kind::MalformedRequest => (
                "malformed-request",
                StatusCode::BAD_REQUEST,
                "The request is not HTTP",
                "The head of the request could not be parsed: a method, a URL, a version or a header is malformed. The connection is closed.",
            ),
            Kind::MalformedQuery => (
                "malformed-query",
                StatusCode::BAD_REQUEST,
                "The URL is malformed",
                "A part of the path or the query is not percent-encoded UTF-8. Encode a literal percent sign as %25.",
            ),
            Kind::UnknownParameter => (
                "unknown-parameter",
                StatusCode::BAD_REQUEST,
                "Unknown query parameter",
                "The route has no such query parameter. It is refused rather than ignored, because a mistyped filter that is ignored returns everything.",
            ),
            Kind::RepeatedParameter => (
                "repeated-parameter",
                StatusCode::BAD_REQUEST,
                "Query parameter given twice",
                "Each query parameter may be given once. Lists are separated by commas.",
            ),
            Kind::BadParameter => (
                "bad-parameter",
                StatusCode::BAD_REQUEST,
                "Bad value of a parameter",
                "The value does not have the parameter's type, or lies beyond its limits.",
            ),
            Kind::BadCursor => (
                "bad-cursor",
                StatusCode::BAD_REQUEST,
                "Bad cursor",
                "A cursor is what `next` of the page before held, unchanged, and goes with the same `sort`. Begin again without one.",
            ),
            Kind::UnknownField => (
                "unknown-field",
                StatusCode::BAD_REQUEST,
                "Unknown field",
                "A field is a column of the tracked collection, a section of the analysis, a path above sections, or a member of a section.",
            ),
            Kind::TooMany => (
                "too-many",
                StatusCode::BAD_REQUEST,
                "Too many members in a list",
                "A list in the query is longer than this server takes. Split it into several requests.",
            ),
            Kind::UnknownRoute => (
                "unknown-route",
                StatusCode::NOT_FOUND,
                "No such route",
                "Nothing is served at this path. The routes are listed in /docs and in /openapi.json.",
            ),
            Kind::UnknownCollection => (
                "unknown-collection",
                StatusCode::NOT_FOUND,
                "No such collection",
                "The model declares no collection of this name.",
            ),
            Kind::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "No such record",
                "The collection has no record with this key.",
            ),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The route does not know this method",
                "The header `Allow` lists the methods that this route answers.",
            ),
            Kind::BodyTooLarge => (
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request's body is too large",
                "The body is larger than this server reads.",
            ),
            Kind::UrlTooLong => (
                "url-too-long",
                StatusCode::URI_TOO_LONG,
                "The URL is too long",
                "Path and query together are longer than this server reads. Ask for fewer ids or fields at a time.",
            ),
            Kind::HeaderTooLarge => (
                "header-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's head is too large",
                "URL and headers together are larger than this server reads.",
            ),
            Kind::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "A bug of the server",
                "Something that should be impossible has happened. The server's log has more under the request's id.",
            ),
            Kind::QueryFailed => (
                "query-failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "A statement of the model failed",
                "The database refused or failed a statement that the model declares. The server's log has the database's message under the request's id; `sidequest check` finds most causes.",
            ),
            Kind::ModelMismatch => (
                "model-mismatch",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The rows are not what the model says",
                "A statement returned columns or values of other types than the model declares.",
            ),
            Kind::Overloaded => (
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too much at once",
                "More requests are in work, or wait for a connection to a database, than this server is configured for. Try again after the time in `Retry-After`.",
            ),
            Kind::DatabaseUnavailable => (
                "database-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "A database cannot be reached",
                "The database named in the detail is down, starting or unreachable. Service returns with it, without a restart.",
            ),
            Kind::DeadlineExceeded => (
                "deadline-exceeded",
                StatusCode::GATEWAY_TIMEOUT,
                "Not done before the deadline",
                "The request took longer than this server allows one to take.",
            ),
        }
    }

    pub(crate) fn slug(self) -> &'static str {
        self.row().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.row().1
    }

    pub(crate) fn title(self) -> &'static str {
        self.row().2
    }

    pub(crate) fn about(self) -> &'static str {
        self.row().3
    }
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            hint: None,
            retry_after: None,
            allow: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Problem {
        self.hint = Some(hint.into());
        self
    }

    fn maybe_hint(mut self, hint: Option<String>) -> Problem {
        self.hint = hint;
        self
    }

    fn retry_after(mut self, after: Duration) -> Problem {
        self.retry_after = Some(after);
        self
    }

    /// As JSON, with the id of its request.
    pub(crate) fn value(&self, instance: Option<&str>) -> Value {
        let mut members = Map::new();
        members.insert("type".into(), format!("/problems/{}", self.kind.slug()).into());
        members.insert("title".into(), self.kind.title().into());
        members.insert("status".into(), self.kind.status().as_u16().into());
        members.insert("detail".into(), self.detail.as_str().into());
        if let Some(hint) = &self.hint {
            members.insert("hint".into(), hint.as_str().into());
        }
        if let Some(instance) = instance {
            members.insert("instance".into(), instance.into());
        }
        Value::Object(members)
    }

    /// As compact bytes.
    pub(crate) fn document(&self, instance: Option<&str>) -> Bytes {
        self.value(instance).to_string().into()
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Problem {
        let detail = rejection.to_string();
        match rejection {
            Rejection::Encoding { .. } => Problem::new(Kind::MalformedQuery, detail),
            Rejection::UnknownParameter { hint, .. } => {
                Problem::new(Kind::UnknownParameter, detail).maybe_hint(hint)
            }
            Rejection::RepeatedParameter { .. } => Problem::new(Kind::RepeatedParameter, detail)
                .hint("separate several values with commas, where a list is taken"),
            Rejection::BadParameter { hint, .. } => Problem::new(Kind::BadParameter, detail).maybe_hint(hint),
            Rejection::BadCursor { .. } => {
                Problem::new(Kind::BadCursor, detail).hint("leave `cursor` out to begin with the first page")
            }
            Rejection::UnknownField(unknown) => {
                Problem::new(Kind::UnknownField, detail).maybe_hint(unknown.hint)
            }
            Rejection::TooMany { .. } => {
                Problem::new(Kind::TooMany, detail).hint("split it into several requests")
            }
            Rejection::UnknownRoute { .. } => Problem::new(Kind::UnknownRoute, detail).hint("see /docs"),
            Rejection::UnknownCollection { hint, .. } => {
                Problem::new(Kind::UnknownCollection, detail).maybe_hint(hint)
            }
            Rejection::NotFound { .. } => Problem::new(Kind::NotFound, detail),
            Rejection::MethodNotAllowed { allow, .. } => {
                let mut problem = Problem::new(Kind::MethodNotAllowed, detail).hint(format!("use {allow}"));
                problem.allow = Some(allow);
                problem
            }
            Rejection::BodyTooLarge { .. } => Problem::new(Kind::BodyTooLarge, detail),
            Rejection::UrlTooLong { .. } => {
                Problem::new(Kind::UrlTooLong, detail).hint("ask for fewer ids or fields at a time")
            }
            Rejection::HeaderTooLarge { .. } => Problem::new(Kind::HeaderTooLarge, detail),
            Rejection::Overloaded { retry_after, .. } => Problem::new(Kind::Overloaded, detail)
                .retry_after(retry_after)
                .hint("try again after the time in `Retry-After`"),
            Rejection::Deadline { .. } => Problem::new(Kind::DeadlineExceeded, detail),
            Rejection::Panic => Problem::new(Kind::Internal, detail),
        }
    }
}

/// A second is what a pool needs to get through a queue, or a database to come back.
const RETRY_SOON: Duration = Duration::from_secs(1);

impl From<&store::error::Error> for Problem {
    fn from(error: &store::error::Error) -> Problem {
        use store::error::Error;
        // `is_deadline` and `is_unavailable` read PostgreSQL's own codes out of `Statement`.
        let (late, unavailable) = (error.is_deadline(), error.is_unavailable());
        match error {
            Error::Busy {
                database,
                connections,
                ..
            } => Problem::new(
                Kind::Overloaded,
                format!("all {connections} connections to database `{database}` stayed busy"),
            )
            .retry_after(RETRY_SOON),
            Error::Connect { database, .. } => unreachable_database(database),
            Error::Deadline { database, what } => deadline(database, what),
            Error::Statement { database, what, .. } if late => deadline(database, what),
            Error::Statement { database, .. } if unavailable => unreachable_database(database),
            Error::Statement { database, what, .. } => Problem::new(
                Kind::QueryFailed,
                format!("`{what}` failed in database `{database}`"),
            ),
            Error::Shape {
                database,
                what,
                problem,
            } => Problem::new(
                Kind::ModelMismatch,
                format!("`{what}` in database `{database}`: {problem}"),
            ),
            Error::Load { database, table, .. } => Problem::new(
                Kind::Internal,
                format!("table `{table}` of database `{database}` could not be filled"),
            ),
        }
    }
}

impl From<store::error::Error> for Problem {
    fn from(error: store::error::Error) -> Problem {
        let problem = Problem::from(&error);
        if problem.kind.status() == StatusCode::INTERNAL_SERVER_ERROR {
            log(&error);
        }
        problem
    }
}

impl Problem {
    /// Of an analysis; `collection` is the tracked one.
    pub(crate) fn of_analysis(error: &analysis::error::Error, collection: &str) -> Problem {
        use analysis::error::Error;
        let problem = match error {
            Error::NotFound { id } => Rejection::NotFound {
                collection: collection.to_owned(),
                key: id.as_ref().to_owned(),
            }
            .into(),
            Error::Full { source_name, waiting } => Problem::new(
                Kind::Overloaded,
                format!("{waiting} requests wait for `{source_name}` already"),
            )
            .retry_after(RETRY_SOON),
            Error::Deadline { source_name } => Problem::new(
                Kind::DeadlineExceeded,
                format!("`{source_name}` was not answered before the deadline"),
            ),
            Error::Store { source, .. } => Problem::from(source.as_ref()),
            Error::Row {
                source_name, problem, ..
            } => Problem::new(
                Kind::ModelMismatch,
                format!("a row of `{source_name}` does not fit the model: {problem}"),
            ),
            Error::Lost { source_name } => Problem::new(
                Kind::Internal,
                format!("the computation of `{source_name}` was lost"),
            ),
        };
        if problem.kind.status() == StatusCode::INTERNAL_SERVER_ERROR {
            log(error);
        }
        problem
    }
}

/// What the client is not told stands in the log, with its causes.
fn log(error: &dyn std::error::Error) {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(source) = cause {
        message.push_str(": ");
        message.push_str(&source.to_string());
        cause = source.source();
    }
    tracing::error!(error = message, "failed to answer");
}

fn unreachable_database(database: &str) -> Problem {
    Problem::new(
        Kind::DatabaseUnavailable,
        format!("database `{database}` cannot be used now"),
    )
    .retry_after(RETRY_SOON)
}

fn deadline(database: &str, what: &str) -> Problem {
    Problem::new(
        Kind::DeadlineExceeded,
        format!("`{what}` in database `{database}` was not done before the deadline"),
    )
}

#[cfg(test)]
mod tests;

//! Every error as a problem document (RFC 9457). Nobody else picks a status.
//!
//! `type` is stable and relative (`/problems/unknown-field`), and that page explains it. No problem
//! carries SQL, a parameter's value from the database, or a secret.

mod kind;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

pub(crate) use self::kind::Kind;
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

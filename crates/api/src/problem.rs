//! Every error as a problem document (RFC 9457). Nobody else picks a status.
//!
//! `type` is stable and relative (`/problems/unknown-field`), and that page explains it. No problem
//! carries SQL, a parameter's value from the database, or a secret.

mod kind;
mod write;

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Map, Value};

pub(crate) use self::kind::Kind;
use crate::{
    error::{Named, Place, Rejection},
    router::Closed,
};

/// One answer that is an error.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(crate) kind: Kind,
    detail: String,
    hint: Option<String>,
    /// When it makes sense to try again.
    pub(crate) retry_after: Option<Duration>,
    /// The methods that the route knows, for 405.
    pub(crate) allow: Option<String>,
    /// Members of this kind alone.
    more: Option<Box<Map<String, Value>>>,
}

impl Problem {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem {
            kind,
            detail: detail.into(),
            hint: None,
            retry_after: None,
            allow: None,
            more: None,
        }
    }

    /// Adds a member beyond those that every problem has.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Problem {
        self.more
            .get_or_insert_default()
            .insert(name.to_owned(), value.into());
        self
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
        for (name, value) in self.more.iter().flat_map(|more| more.iter()) {
            members.insert(name.clone(), value.clone());
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
            Rejection::MethodNotAllowed { allow, closed, .. } => {
                let hint = match closed {
                    None => format!("use {allow}"),
                    Some(Closed::NoRevisions) => "the collection keeps no revisions, so it is only read: \
                         `revisions = true` in the model changes that"
                        .to_owned(),
                    Some(Closed::ReadOnly) => {
                        "this server only reads: start it without `--read-only` to write".to_owned()
                    }
                };
                let mut problem = Problem::new(Kind::MethodNotAllowed, detail).hint(hint);
                problem.allow = Some(allow);
                problem
            }
            Rejection::NoRevisions { .. } => Problem::new(Kind::NoRevisions, detail)
                .hint("`revisions = true` in the model makes it a collection that Sidequest keeps"),
            Rejection::UnknownRevision { .. } => {
                Problem::new(Kind::UnknownRevision, detail).hint("`/revisions` lists them")
            }
            Rejection::BadPrecondition { .. } => Problem::new(Kind::BadPrecondition, detail)
                .hint("`If-Match` is the `ETag` that the record was read with"),
            Rejection::PreconditionRequired { wants } => {
                Problem::new(Kind::PreconditionRequired, detail).hint(format!("send {wants}"))
            }
            Rejection::BadHeader { .. } => Problem::new(Kind::BadHeader, detail),
            Rejection::UnsupportedMedia { known, .. } => Problem::new(Kind::UnsupportedMedia, detail)
                .hint(format!("send Content-Type: {}", known.join(" or "))),
            Rejection::BadBody { .. } | Rejection::BodyBroken => Problem::new(Kind::BadBody, detail),
            Rejection::BodyLate => Problem::new(Kind::BodyTimeout, detail),
            Rejection::Invalid { faults, total } => Problem::new(Kind::InvalidRecord, detail)
                .with("errors", faults.iter().map(error).collect::<Vec<_>>())
                .with("errors_total", total),
            Rejection::BodyTooLarge { .. } => Problem::new(Kind::BodyTooLarge, detail),
            Rejection::UrlTooLong { .. } => {
                Problem::new(Kind::UrlTooLong, detail).hint("ask for fewer ids or fields at a time")
            }
            Rejection::HeaderTooLarge { .. } => Problem::new(Kind::HeaderTooLarge, detail),
            Rejection::Overloaded { retry_after, .. } => Problem::new(Kind::Overloaded, detail)
                .retry_after(retry_after)
                .hint("try again after the time in `Retry-After`"),
            Rejection::Transfers { .. } => Problem::new(Kind::Overloaded, detail)
                .retry_after(RETRY_SOON)
                .hint("try again after the time in `Retry-After`"),
            Rejection::Deadline { .. } => Problem::new(Kind::DeadlineExceeded, detail),
            Rejection::Panic => Problem::new(Kind::Internal, detail),
        }
    }
}

/// A fault as a member of `errors`.
pub(crate) fn error(named: &Named) -> Value {
    let Named { place, fault } = named;
    let mut members = Map::new();
    match place {
        Place::Whole => {}
        Place::Change(place) => {
            members.insert("place".into(), (*place).into());
        }
    }
    members.insert("field".into(), fault.field.as_str().into());
    members.insert("problem".into(), format!("expected {}", fault.expected).into());
    members.insert("given".into(), fault.given.as_str().into());
    Value::Object(members)
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
            Error::NotKept { source_name } => Rejection::BadParameter {
                name: "as_of".to_owned(),
                problem: format!("asks for the past of `{source_name}`, which is not kept in revisions"),
                hint: Some("leave its sections out: name the others in `fields`".to_owned()),
            }
            .into(),
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
        match store::error::said(source) {
            // Its detail holds values of rows.
            Some(said) => message.push_str(&said),
            None => message.push_str(&source.to_string()),
        }
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

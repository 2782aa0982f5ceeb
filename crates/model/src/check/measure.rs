//! Conditions and measures of the model, read over the columns they speak of.

use crate::{
    diagnostic::{Report, Text},
    expression::{Measure, Predicate, parse},
};

use super::columns::Columns;

/// A measure, or a fault at the word that is wrong.
pub(super) fn measure(text: &Text, columns: &Columns, report: &mut Report) -> Option<Measure> {
    match parse::measure(text, &columns.list) {
        Ok(measure) => Some(measure),
        Err(error) => {
            columns.misread(text, &error, report);
            None
        }
    }
}

/// A condition; without one, every row. `None` if it is faulty.
pub(super) fn predicate(text: Option<&Text>, columns: &Columns, report: &mut Report) -> Option<Predicate> {
    let Some(text) = text else {
        return Some(Predicate::default());
    };
    match parse::predicate(text, &columns.list) {
        Ok(predicate) => Some(predicate),
        Err(error) => {
            columns.misread(text, &error, report);
            None
        }
    }
}

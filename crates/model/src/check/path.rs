//! The places of sections in the document: each its own, none inside another, none taken.

use crate::{
    declare::{Pair, Section},
    diagnostic::{Report, Text},
};

/// Checks the paths of all sections. `columns` are those of the tracked collection, which stand
/// beside the sections when both are asked for.
pub(super) fn check(sections: &[Section], columns: &[Pair], report: &mut Report) {
    let named: Vec<(&Text, Vec<&str>)> = sections
        .iter()
        .filter_map(|section| section.name.as_ref())
        .map(|name| (name, name.split('.').collect()))
        .collect();
    for (index, (name, path)) in named.iter().enumerate() {
        let clashed = clash(name, path, &named[..index], report);
        if path[0] == "id" {
            report.fault(
                &name.span,
                "`id` is taken: it is the object's own",
                "give the section another name",
            );
        } else if columns.iter().any(|column| &*column.key == path[0]) {
            let message = format!("`{}` is a column of the tracked collection", path[0]);
            report.fault(
                &name.span,
                message,
                "both would be one member: give the section another name",
            );
        }
        if !clashed {
            apart(name, path, &named[..index], report);
        }
    }
}

/// Another section has this place, or one above or below it.
fn clash(name: &Text, path: &[&str], before: &[(&Text, Vec<&str>)], report: &mut Report) -> bool {
    let other = before
        .iter()
        .find(|(_, other)| other.iter().zip(path).all(|(a, b)| a == b));
    let Some((other, other_path)) = other else {
        return false;
    };
    let (message, hint) = match other_path.len().cmp(&path.len()) {
        std::cmp::Ordering::Equal => (
            format!("section `{}` is declared twice", &**name),
            "give one of them another name".to_owned(),
        ),
        std::cmp::Ordering::Less => (
            format!("`{}` would stand inside section `{}`", &**name, &***other),
            format!("rename one: `{}.all`, for example", &***other),
        ),
        std::cmp::Ordering::Greater => (
            format!("section `{}` would hold section `{}`", &**name, &***other),
            format!("rename one: `{}.all`, for example", &**name),
        ),
    };
    report.fault(&name.span, message, hint);
    true
}

/// The parent was left and is entered again: its members would not be written in one go.
fn apart(name: &Text, path: &[&str], before: &[(&Text, Vec<&str>)], report: &mut Report) {
    let shared = |other: &[&str]| other.iter().zip(path).take_while(|(a, b)| a == b).count();
    let Some((_, last)) = before.last() else { return };
    let entered = before
        .iter()
        .rev()
        .map(|(name, other)| (shared(other), name))
        .max_by_key(|(depth, _)| *depth);
    if let Some((depth, sibling)) = entered
        && depth > shared(last)
    {
        let parent = path[..depth].join(".");
        let message = format!("`{}` stands apart from the other sections of `{parent}`", &**name);
        report.fault(&name.span, message, format!("move it beside `{}`", &***sibling));
    }
}

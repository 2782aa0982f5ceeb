//! The members of a section, and a section cut to some of them.

use std::sync::Arc;

use super::Part;
use crate::{
    model::Model,
    near,
    section::{Groups, Kind, Section},
};

/// Index of the member of that name, or a hint.
pub(super) fn member(section: &Section, name: &str) -> Result<usize, Option<String>> {
    let path = section.name();
    match &section.kind {
        Kind::Series(_) => return Err(Some(format!("a series is answered whole: ask for `{path}`"))),
        Kind::Groups(groups) if groups.by.iter().any(|by| by.name == name) => {
            return Err(Some(format!(
                "dimensions come with every measure: ask for `{path}` or one of its measures"
            )));
        }
        Kind::Rows(_) | Kind::Groups(_) | Kind::Own(_) => {}
    }
    let names = names(section);
    names.iter().position(|known| *known == name).ok_or_else(|| {
        match near::nearest(name, names.iter().copied()) {
            Some(near) => Some(format!("did you mean `{path}.{near}`?")),
            None => Some(format!("`{path}` has {}", near::list(&names))),
        }
    })
}

/// Names of the members that a field can ask for, in declared order.
pub(super) fn names(section: &Section) -> Vec<&str> {
    match &section.kind {
        Kind::Rows(rows) => rows.columns.iter().map(|column| column.name.as_str()).collect(),
        Kind::Groups(groups) => groups
            .measures
            .iter()
            .map(|measure| measure.name.as_str())
            .collect(),
        Kind::Own(own) => own.columns.iter().map(|column| column.name.as_str()).collect(),
        Kind::Series(_) => Vec::new(),
    }
}

/// The section cut to these members.
pub(super) fn part(model: &Model, index: usize, mut members: Vec<usize>) -> Part {
    let mut section = model.sections[index].clone();
    // Groups are chosen by the measure of `top`, so it is computed, and shown, whatever is asked for.
    if let Kind::Groups(Groups { top: Some(top), .. }) = &section.kind {
        members.push(top.by.column);
    }
    members.sort_unstable();
    members.dedup();
    if members.len() == names(&section).len() {
        return Part {
            index,
            members: None,
            section: Arc::new(section),
        };
    }
    match &mut section.kind {
        Kind::Rows(rows) => rows.columns = kept(&rows.columns, &members),
        Kind::Groups(groups) => {
            groups.measures = kept(&groups.measures, &members);
            if let Some(top) = &mut groups.top {
                top.by.column = members
                    .iter()
                    .position(|member| *member == top.by.column)
                    .unwrap_or_default();
            }
        }
        Kind::Own(own) => own.columns = kept(&own.columns, &members),
        Kind::Series(_) => {}
    }
    Part {
        index,
        members: Some(members),
        section: Arc::new(section),
    }
}

fn kept<T: Clone>(all: &[T], members: &[usize]) -> Vec<T> {
    members.iter().map(|member| all[*member].clone()).collect()
}

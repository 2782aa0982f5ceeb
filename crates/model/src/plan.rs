//! Which sections, for which fields. A plan decides what is read: a dataset that no part needs is not.

mod cut;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::{model::Model, near, section::Section};

/// What one request wants of each object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// Columns of the tracked collection to show (indices), in declared order.
    pub columns: Vec<usize>,
    /// Sections to compute, in declared order.
    pub parts: Vec<Part>,
}

/// A section, whole or cut to some of its members.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Part {
    /// Index into `Model::sections`.
    pub index: usize,
    /// Indices of the members kept (shown columns, or measures; dimensions always stay); none: whole.
    /// `index` and `members` together identify the part.
    /// Invariant: ascending, without duplicates, never all of them.
    pub members: Option<Vec<usize>>,
    /// The section, already cut.
    pub section: Arc<Section>,
}

/// A field that the model does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` is unknown")]
#[non_exhaustive]
pub struct UnknownField {
    /// As it was asked for.
    pub field: String,
    /// What to ask for instead.
    pub hint: Option<String>,
}

/// What one field asks for.
enum Wanted {
    /// A column of the tracked collection.
    Column(usize),
    /// All sections at or below a path.
    Sections(Vec<usize>),
    /// One member of a section.
    Member { section: usize, member: usize },
}

impl Plan {
    /// All sections, no columns.
    pub fn analysis(model: &Model) -> Plan {
        Plan {
            columns: Vec::new(),
            parts: (0..model.sections.len())
                .map(|index| whole(model, index))
                .collect(),
        }
    }

    /// All columns, no sections.
    pub fn record(model: &Model) -> Plan {
        Plan {
            columns: (0..model.objects().columns.len()).collect(),
            parts: Vec::new(),
        }
    }

    /// What the fields name: a column of the tracked collection, a section, a path above sections, or
    /// a member of a section. `id` is always part of an answer and asks for nothing more.
    pub fn fields(model: &Model, fields: &[&str]) -> Result<Plan, UnknownField> {
        let mut columns = vec![false; model.objects().columns.len()];
        let mut sections: Vec<Option<Wish>> = vec![None; model.sections.len()];
        for field in fields {
            match find(model, field)? {
                Some(Wanted::Column(column)) => columns[column] = true,
                Some(Wanted::Sections(indices)) => {
                    indices
                        .into_iter()
                        .for_each(|index| sections[index] = Some(Wish::Whole));
                }
                Some(Wanted::Member { section, member }) => add(&mut sections[section], member),
                None => {}
            }
        }
        let parts = sections
            .into_iter()
            .enumerate()
            .filter_map(|(index, wish)| match wish? {
                Wish::Whole => Some(whole(model, index)),
                Wish::Members(members) => Some(cut::part(model, index, members)),
            });
        Ok(Plan {
            columns: columns
                .iter()
                .enumerate()
                .filter(|(_, wanted)| **wanted)
                .map(|(index, _)| index)
                .collect(),
            parts: parts.collect(),
        })
    }
}

/// What all fields together want of one section.
#[derive(Clone)]
enum Wish {
    Whole,
    Members(Vec<usize>),
}

fn add(wish: &mut Option<Wish>, member: usize) {
    match wish {
        Some(Wish::Whole) => {}
        Some(Wish::Members(members)) => members.push(member),
        None => *wish = Some(Wish::Members(vec![member])),
    }
}

fn whole(model: &Model, index: usize) -> Part {
    Part {
        index,
        members: None,
        section: Arc::new(model.sections[index].clone()),
    }
}

/// What a field asks for; `None` for `id` where no column has that name.
fn find(model: &Model, field: &str) -> Result<Option<Wanted>, UnknownField> {
    if let Some(column) = model.objects().column(field) {
        return Ok(Some(Wanted::Column(column)));
    }
    let path: Vec<&str> = field.split('.').collect();
    let below = |section: &Section| {
        section.path.len() >= path.len() && section.path.iter().zip(&path).all(|(a, b)| a == b)
    };
    let sections: Vec<usize> = model
        .sections
        .iter()
        .enumerate()
        .filter(|(_, section)| below(section))
        .map(|(index, _)| index)
        .collect();
    if !sections.is_empty() {
        return Ok(Some(Wanted::Sections(sections)));
    }
    if field == "id" {
        return Ok(None);
    }
    match field
        .rsplit_once('.')
        .and_then(|(parent, member)| Some((model.section(parent)?, member)))
    {
        Some((section, member)) => match cut::member(&model.sections[section], member) {
            Ok(member) => Ok(Some(Wanted::Member { section, member })),
            Err(hint) => Err(UnknownField {
                field: field.to_owned(),
                hint,
            }),
        },
        None => Err(unknown(model, field)),
    }
}

/// The fault of a field that is not even below a section.
fn unknown(model: &Model, field: &str) -> UnknownField {
    let columns = model.objects().columns.iter().map(|column| column.name.clone());
    let mut known: Vec<String> = columns.collect();
    for section in &model.sections {
        for depth in 1..=section.path.len() {
            let prefix = section.path[..depth].join(".");
            if known.last() != Some(&prefix) && !known.contains(&prefix) {
                known.push(prefix);
            }
        }
    }
    // A member is offered only where its section is mistyped; listing them all would bury the rest.
    let members = model.sections.iter().flat_map(|section| {
        cut::names(section)
            .into_iter()
            .map(|member| format!("{}.{member}", section.name()))
            .collect::<Vec<_>>()
    });
    let members: Vec<String> = members.collect();
    let hint = match near::nearest(field, known.iter().chain(&members).map(String::as_str)) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None => near::hint(field, known.iter().map(String::as_str)),
    };
    UnknownField {
        field: field.to_owned(),
        hint,
    }
}

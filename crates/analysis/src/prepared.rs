//! A plan made ready: its parts by the source that answers them, and the document's template.

use std::sync::Arc;

use model::{
    model::Model,
    plan::Plan,
    section::{Kind, Section},
};

use crate::{config::Strategy, document::Template, layout::Layout, own::OwnWork, pushdown::Pushdown};

/// What wants are joined on: one queue each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SourceKey {
    /// A dataset: all its sections from one statement.
    Dataset(usize),
    /// A section with a statement of its own.
    Section(usize),
    /// The record of the tracked object: whether it exists.
    Record,
}

/// The parts of a plan that one statement answers.
#[derive(Debug)]
pub(crate) struct SourcePlan {
    pub(crate) key: SourceKey,
    /// Dataset or section, for errors.
    pub(crate) name: Arc<str>,
    /// Index into `Model::databases`.
    pub(crate) database: usize,
    /// In the order of their fragments.
    pub(crate) sections: Vec<Arc<Section>>,
    pub(crate) how: How,
}

/// How a source is answered.
#[derive(Debug)]
pub(crate) enum How {
    /// Rows of a dataset, measured here.
    Fused(Arc<Layout>),
    /// One section with a join, its rows and what they join to fetched in turn: the way of the story.
    Collected(Arc<Layout>),
    /// PostgreSQL groups and measures.
    Pushdown(Pushdown),
    /// A section's own SQL.
    Own(OwnWork),
    /// Does the object exist?
    Record,
}

/// A plan, ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) sources: Vec<Arc<SourcePlan>>,
    pub(crate) template: Template,
}

impl Prepared {
    pub(crate) fn new(model: &Model, plan: &Plan, strategy: Strategy) -> Prepared {
        let mut groups: Vec<(SourceKey, Vec<Arc<Section>>)> = Vec::new();
        let mut places = Vec::new();
        for part in &plan.parts {
            let key = match dataset_of(&part.section) {
                Some(dataset) if strategy == Strategy::Fused => SourceKey::Dataset(dataset),
                Some(_) | None => SourceKey::Section(part.index),
            };
            let at = groups
                .iter()
                .position(|(known, _)| *known == key)
                .unwrap_or_else(|| {
                    groups.push((key, Vec::new()));
                    groups.len() - 1
                });
            groups[at].1.push(part.section.clone());
            places.push((at, groups[at].1.len() - 1));
        }
        let paths = plan
            .parts
            .iter()
            .map(|part| part.section.path.as_slice())
            .zip(places);
        Prepared {
            template: Template::new(model.objects().key_type(), paths),
            sources: groups
                .into_iter()
                .map(|(key, sections)| Arc::new(SourcePlan::new(model, key, sections)))
                .collect(),
        }
    }
}

impl SourcePlan {
    fn new(model: &Model, key: SourceKey, sections: Vec<Arc<Section>>) -> SourcePlan {
        let section = &sections[0];
        let borrowed: Vec<&Section> = sections.iter().map(AsRef::as_ref).collect();
        let (name, database, how): (Arc<str>, usize, How) = match (key, dataset_of(section)) {
            (SourceKey::Dataset(dataset), _) => {
                let layout = Layout::new(model, dataset, &borrowed);
                (
                    layout.name.clone(),
                    model.datasets[dataset].database,
                    How::Fused(Arc::new(layout)),
                )
            }
            (_, Some(dataset)) => {
                let how = match Pushdown::new(model, section) {
                    Some(pushdown) => How::Pushdown(pushdown),
                    None => How::Collected(Arc::new(Layout::new(model, dataset, &borrowed))),
                };
                (section.name().into(), model.datasets[dataset].database, how)
            }
            (_, None) => match &section.kind {
                Kind::Own(own) => {
                    let name: Arc<str> = section.name().into();
                    (name.clone(), own.database, How::Own(OwnWork::new(name, own)))
                }
                Kind::Rows(_) | Kind::Groups(_) | Kind::Series(_) => unreachable!("these have a dataset"),
            },
        };
        SourcePlan {
            key,
            name,
            database,
            sections,
            how,
        }
    }

    /// Whether the tracked object exists.
    pub(crate) fn record(model: &Model) -> SourcePlan {
        let collection = model.objects();
        SourcePlan {
            key: SourceKey::Record,
            name: collection.name.as_str().into(),
            database: collection.database,
            sections: Vec::new(),
            how: How::Record,
        }
    }
}

fn dataset_of(section: &Section) -> Option<usize> {
    match &section.kind {
        Kind::Rows(rows) => Some(rows.dataset),
        Kind::Groups(groups) => Some(groups.dataset),
        Kind::Series(series) => Some(series.dataset),
        Kind::Own(_) => None,
    }
}

//! A plan made ready: its parts by the source that answers them, and the document's template.

use std::{sync::Arc, time::SystemTime};

use jiff::Timestamp;
use model::{
    model::Model,
    plan::Part,
    section::{Kind, Section},
};

use crate::{
    config::Strategy,
    document::Template,
    layout::Layout,
    own::OwnWork,
    pushdown::Pushdown,
    version::{LookUp, Versions, Watch},
};

/// What wants are joined on: one queue each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SourceKey {
    /// A dataset: all its sections from one statement.
    Dataset(usize),
    /// A section with a statement of its own.
    Section(usize),
    /// The record of the tracked object: whether it exists.
    Record,
    /// The versions in a database.
    Versions(usize),
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
    /// The parameter `$2` of its statement: as of when.
    pub(crate) instant: Option<SystemTime>,
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
    /// What the versions are.
    Versions(LookUp),
}

/// A plan, ready.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Never given twice.
    pub(crate) number: u64,
    pub(crate) sources: Vec<Arc<SourcePlan>>,
    pub(crate) template: Template,
    pub(crate) record: Arc<SourcePlan>,
    pub(crate) watch: Watch,
    /// As of when, and which databases must be settled by then for the answer to be kept.
    pub(crate) past: Option<(Timestamp, Vec<usize>)>,
}

/// What plans are made ready for.
pub(crate) struct Ground<'a> {
    /// The model of the present, or of the past.
    pub(crate) model: &'a Model,
    pub(crate) strategy: Strategy,
    pub(crate) versions: &'a Versions,
    pub(crate) as_of: Option<Timestamp>,
}

impl Prepared {
    pub(crate) fn new(number: u64, ground: &Ground<'_>, parts: &[Part]) -> Prepared {
        let Ground {
            model,
            strategy,
            versions,
            as_of,
        } = *ground;
        let mut groups: Vec<(SourceKey, Vec<Arc<Section>>)> = Vec::new();
        let mut places = Vec::new();
        for part in parts {
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
        let paths = parts.iter().map(|part| part.section.path.as_slice()).zip(places);
        let instant = as_of.map(SystemTime::from);
        let template = Template::new(model.objects().key_type(), paths);
        let sources: Vec<Arc<SourcePlan>> = groups
            .into_iter()
            .map(|(key, sections)| Arc::new(SourcePlan::new(model, key, sections, instant)))
            .collect();
        let record = SourcePlan::record(model, instant);
        let mut databases: Vec<usize> = sources.iter().map(|source| source.database).collect();
        databases.extend(record.instant.map(|_| record.database));
        databases.sort_unstable();
        databases.dedup();
        Prepared {
            number,
            watch: versions.watch(model, &sources, as_of.is_some()),
            past: as_of.map(|as_of| (as_of, databases)),
            sources,
            template,
            record: Arc::new(record),
        }
    }
}

impl SourcePlan {
    fn new(
        model: &Model,
        key: SourceKey,
        sections: Vec<Arc<Section>>,
        instant: Option<SystemTime>,
    ) -> SourcePlan {
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
            instant,
            how,
        }
    }

    /// Whether the tracked object exists; as of an instant where its collection is kept in revisions.
    fn record(model: &Model, instant: Option<SystemTime>) -> SourcePlan {
        let collection = model.objects();
        SourcePlan {
            key: SourceKey::Record,
            name: collection.name.as_str().into(),
            database: collection.database,
            sections: Vec::new(),
            instant: instant.filter(|_| collection.revisions.is_some()),
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

/// Where a section's rows are.
pub(crate) fn database_of(model: &Model, section: &Section) -> usize {
    match &section.kind {
        Kind::Rows(rows) => model.datasets[rows.dataset].database,
        Kind::Groups(groups) => model.datasets[groups.dataset].database,
        Kind::Series(series) => model.datasets[series.dataset].database,
        Kind::Own(own) => own.database,
    }
}

//! What an object's analysis depends on, and how the versions of that are looked up: one statement a database,
//! joined with those of other requests in flight.
//!
//! A source depends on an object's records, on everything in a database, on a version that its dataset declares,
//! or on something whose version nobody knows: then it is made anew each time. In doubt it depends on more.

use std::{collections::HashMap, sync::Arc};

use model::{
    database::Sql,
    dataset::Dataset,
    expression::quote_path,
    model::Model,
    section::{Kind, Section},
};
use postgres_types::ToSql;
use store::{
    id::Ids,
    migration::{HISTORY_IMPORTED, OBJECT_VERSION},
    open::Store,
    pool::Pool,
    query::{Abandoned, Run, raw},
};

use crate::{
    batch::{Answer, Delivery},
    document::Timing,
    error::Error,
    layout::LayoutJoin,
    mark::Mark,
    prepared::{How, SourceKey, SourcePlan},
    sql::Asked,
};

#[cfg(test)]
mod tests;

/// Words with which a row of a statement can be made of rows of other objects.
const MIXING: [&str; 14] = [
    "join",
    "over",
    "group",
    "limit",
    "distinct",
    "window",
    "fetch",
    "offset",
    "union",
    "intersect",
    "except",
    "with",
    "lateral",
    "exists",
];

/// Something in one database whose version can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    /// Which database this is, since when: versions of another are another matter.
    Epoch,
    /// The object's records.
    Object,
    /// All records of all objects.
    Everything,
    /// A dataset, by the statement that it declares.
    Declared(usize),
}

#[derive(Clone, Copy, Debug)]
struct Need {
    database: usize,
    subject: Subject,
}

/// The look-ups of a model, by database.
pub(crate) struct Versions(Vec<Option<LookUps>>);

struct LookUps {
    /// The epoch and the object's version: what most plans need.
    narrow: Option<Arc<SourcePlan>>,
    wide: Arc<SourcePlan>,
    /// Datasets of the wide one, in its order.
    declared: Vec<usize>,
}

/// A look-up's statement.
#[derive(Debug)]
pub(crate) struct LookUp {
    sql: Arc<str>,
    /// It says something of each object.
    by_object: bool,
    /// Parts that are the same for all objects, after the epoch and the object's.
    shared: usize,
}

/// Which parts of which look-ups a thing depends on.
type Stamp = Vec<(usize, usize)>;

/// What a prepared plan depends on.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// At most one a database; none: nothing of the plan can be kept.
    pub(crate) look_ups: Vec<Arc<SourcePlan>>,
    /// By source; none: nobody knows.
    sources: Vec<Option<Stamp>>,
    /// Whether the object exists.
    record: Option<Stamp>,
}

impl Versions {
    pub(crate) fn new(model: &Model, store: &Store) -> Versions {
        let of = |database: usize| LookUps::new(model, database, store.pool(database));
        Versions((0..model.databases.len()).map(of).collect())
    }

    /// What a plan's sources depend on. `past`: what is kept in revisions is read as of an instant that is
    /// settled, so of that only the epoch counts.
    pub(crate) fn watch(&self, model: &Model, sources: &[Arc<SourcePlan>], past: bool) -> Watch {
        let needs: Vec<Option<Vec<Need>>> = sources.iter().map(|source| needs(model, source, past)).collect();
        if needs.iter().all(Option::is_none) {
            return Watch::default();
        }
        let record = record_needs(model, past);
        let mut watch = Watch::default();
        let mut at: HashMap<usize, usize> = HashMap::new();
        let all = || needs.iter().chain([&record]).flatten().flatten();
        for need in all() {
            let Some(look_ups) = &self.0[need.database] else {
                continue;
            };
            let is_narrow = |need: &Need| matches!(need.subject, Subject::Epoch | Subject::Object);
            at.entry(need.database).or_insert_with(|| {
                let suffices = all()
                    .filter(|other| other.database == need.database)
                    .all(is_narrow);
                let narrow = look_ups.narrow.as_ref().filter(|_| suffices);
                watch.look_ups.push(narrow.unwrap_or(&look_ups.wide).clone());
                watch.look_ups.len() - 1
            });
        }
        let stamp = |needs: &Option<Vec<Need>>| -> Option<Stamp> {
            let mut stamp = Stamp::new();
            for need in needs.as_ref()? {
                let part = self.0[need.database].as_ref()?.part(need.subject)?;
                stamp.push((*at.get(&need.database)?, part));
            }
            Some(stamp)
        };
        watch.sources = needs.iter().map(stamp).collect();
        watch.record = stamp(&record);
        watch
    }
}

impl Watch {
    /// By source, from the answers of its look-ups.
    pub(crate) fn sources(&self, answers: &[Answer]) -> Vec<Option<Mark>> {
        let of = |stamp: &Option<Stamp>| stamp.as_ref().map(|stamp| mark(stamp, answers));
        self.sources.iter().map(of).collect()
    }

    /// Whether the version says that the object's record has changed.
    pub(crate) fn knows_record(&self) -> bool {
        self.record.is_some()
    }

    /// Of the object's existence.
    pub(crate) fn record(&self, answers: &[Answer]) -> Option<Mark> {
        self.record.as_ref().map(|stamp| mark(stamp, answers))
    }
}

fn mark(stamp: &Stamp, answers: &[Answer]) -> Mark {
    let part = |mark: Mark, (look_up, part): &(usize, usize)| mark.with(answers[*look_up].fragment(*part));
    stamp.iter().fold(Mark::new(), part)
}

/// None: it reads something whose version nobody knows.
fn needs(model: &Model, source: &SourcePlan, past: bool) -> Option<Vec<Need>> {
    match &source.how {
        How::Fused(layout) | How::Collected(layout) => {
            dataset_needs(model, layout.dataset, &layout.joins, past)
        }
        How::Pushdown(_) => dataset_needs(model, dataset_of(source.sections.first()?)?, &[], past),
        How::Own(_) => match &source.sections.first()?.kind {
            Kind::Own(own) => sql_needs(model, &own.sql, own.database, None, past),
            Kind::Rows(_) | Kind::Groups(_) | Kind::Series(_) => None,
        },
        How::Record | How::Versions(_) => None,
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

fn dataset_needs(model: &Model, at: usize, joins: &[LayoutJoin], past: bool) -> Option<Vec<Need>> {
    let dataset = &model.datasets[at];
    let declared = |at: usize| {
        let database = model.datasets[at].database;
        let subject = Subject::Declared(at);
        model.datasets[at]
            .version
            .as_ref()
            .map(|_| Need { database, subject })
    };
    let mut needs = sql_needs(model, &dataset.sql, dataset.database, Some(dataset), past).unwrap_or_default();
    needs.extend(declared(at));
    if needs.is_empty() {
        return None;
    }
    for join in joins {
        needs.push(declared(join.dataset)?);
    }
    Some(needs)
}

/// Of the collections in braces. That the statement reads nothing else that changes is the model's word.
fn sql_needs(
    model: &Model,
    sql: &Sql,
    database: usize,
    dataset: Option<&Dataset>,
    past: bool,
) -> Option<Vec<Need>> {
    let subject = match (sql.reads.is_empty(), past) {
        (true, _) => return None,
        (false, true) => Subject::Epoch,
        (false, false) if dataset.is_some_and(|dataset| reads_objects_own(model, sql, dataset)) => {
            Subject::Object
        }
        (false, false) => Subject::Everything,
    };
    Some(vec![
        Need {
            database,
            subject: Subject::Epoch,
        },
        Need { database, subject },
    ])
}

/// Whether each row is made of one record of the object itself: one collection, named once, by its object's
/// column, and nothing that could mix its records with those of others. It is better to be wrong with no than
/// with yes: then a write of any object makes the sections anew.
fn reads_objects_own(model: &Model, sql: &Sql, dataset: &Dataset) -> bool {
    let ([read], Some(order)) = (&*sql.reads, dataset.order) else {
        return false;
    };
    let collection = &model.collections[*read];
    let Some(revisions) = &collection.revisions else {
        return false;
    };
    let object = &collection.columns[revisions.object].name;
    let once = sql.text.matches(&quote_path(&collection.table)).count() == 1;
    let lower = sql.text.to_ascii_lowercase();
    let words = || lower.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mixes = words().any(|word| MIXING.contains(&word));
    // One table, of one statement: what stands in it beside the collection could choose rows of other objects.
    let is_one = words().filter(|word| *word == "select").count() == 1;
    let from = lower.split_once("from").map_or("", |(_, from)| from);
    let from = from.split_once("where").map_or(from, |(from, _)| from);
    once && !mixes && is_one && !from.contains(',') && dataset.columns[order.object].column.name == *object
}

/// None: whether the object exists is asked each time.
fn record_needs(model: &Model, past: bool) -> Option<Vec<Need>> {
    let collection = model.objects();
    let revisions = collection.revisions.as_ref()?;
    let subject = match (past, revisions.object == collection.key) {
        (true, _) => Subject::Epoch,
        (false, true) => Subject::Object,
        (false, false) => Subject::Everything,
    };
    let need = |subject| Need {
        database: collection.database,
        subject,
    };
    Some(vec![need(Subject::Epoch), need(subject)])
}

impl LookUps {
    fn new(model: &Model, database: usize, pool: &Pool) -> Option<LookUps> {
        let of_ours = |collection: &model::collection::Collection| {
            collection.database == database && collection.revisions.is_some()
        };
        let is_kept = model.collections.iter().any(of_ours);
        let declares = |at: &usize| {
            let dataset = &model.datasets[*at];
            dataset.database == database && dataset.version.is_some()
        };
        let declared: Vec<usize> = (0..model.datasets.len()).filter(declares).collect();
        if !is_kept && declared.is_empty() {
            return None;
        }
        // The start of the server and the table's number: one restored from a copy has neither of before.
        let mut epoch = "''".to_owned();
        if pool.caps().engine.name() == "PostgreSQL" {
            epoch = "pg_postmaster_start_time()::text".to_owned();
            if is_kept {
                epoch.push_str(&format!(
                    " || ' {OBJECT_VERSION} ' || '{OBJECT_VERSION}'::regclass::oid::text"
                ));
            }
        }
        if is_kept {
            // And what was imported into its past.
            epoch.push_str(&format!(
                " || ' ' || coalesce((select version from {OBJECT_VERSION} where object = {HISTORY_IMPORTED}), 0)::text"
            ));
        }
        let mut shared = vec![match is_kept {
            true => format!("(select coalesce(sum(version), 0)::text from {OBJECT_VERSION})"),
            false => "''".to_owned(),
        }];
        for at in &declared {
            let version = &model.datasets[*at].version;
            shared.extend(version.iter().map(|version| format!("({})::text", version.text)));
        }
        let plan = |shared: &[String]| {
            let how = LookUp::new(&epoch, is_kept, shared);
            let name = format!("versions in {}", model.databases[database].name);
            Arc::new(SourcePlan::look_up(database, name.into(), how))
        };
        Some(LookUps {
            narrow: is_kept.then(|| plan(&[])),
            wide: plan(&shared),
            declared,
        })
    }

    /// Its place among the parts of an answer; both look-ups have the same places.
    fn part(&self, subject: Subject) -> Option<usize> {
        Some(match subject {
            Subject::Epoch => 0,
            Subject::Object => 1,
            Subject::Everything => 2,
            Subject::Declared(dataset) => 3 + self.declared.iter().position(|at| *at == dataset)?,
        })
    }
}

impl LookUp {
    fn new(epoch: &str, by_object: bool, shared: &[String]) -> LookUp {
        let mut sql = String::new();
        if by_object {
            sql = format!(
                "select object, version, null::text{}",
                ", null::text".repeat(shared.len())
            );
            sql.push_str(&format!(
                " from {OBJECT_VERSION} where object = any($1) union all "
            ));
        }
        sql.push_str(&format!("select null::text, null::int8, {epoch}"));
        for shared in shared {
            sql.push_str(", ");
            sql.push_str(shared);
        }
        LookUp {
            sql: sql.into(),
            by_object,
            shared: shared.len(),
        }
    }

    /// Looks them up and delivers to each object its parts: the epoch, its version, and what is shared.
    pub(crate) async fn run(
        &self,
        asked: Asked<'_>,
        abandoned: Abandoned,
        delivery: &mut Delivery,
    ) -> Result<(), Error> {
        let failed = |source| Error::Store {
            source_name: "versions".into(),
            source: Arc::new(source),
        };
        let ids = Ids(asked.ids);
        let parameters: &[&(dyn ToSql + Sync)] = if self.by_object { &[&ids] } else { &[] };
        let run = Run {
            what: "versions",
            sql: &self.sql,
            parameters,
            deadline: asked.deadline,
            abandoned: Some(abandoned),
        };
        let mut query = asked.pool.run(run).await.map_err(failed)?;
        let began = query.began();
        let mut versions: HashMap<String, Vec<u8>> = HashMap::new();
        let mut all: Vec<Vec<u8>> = vec![Vec::new(); 1 + self.shared];
        while let Some(row) = query.next().await.map_err(failed)? {
            match row.get::<_, Option<&str>>(0) {
                Some(object) => {
                    versions.insert(object.to_owned(), raw(&row, 1).unwrap_or_default().to_vec());
                }
                None => {
                    for (at, part) in all.iter_mut().enumerate() {
                        *part = raw(&row, 2 + at).unwrap_or_default().to_vec();
                    }
                }
            }
        }
        let timing = Timing {
            pool: query.waited(),
            database: began.elapsed(),
            statements: 1,
            ..Timing::default()
        };
        drop(query);
        let epoch = &all[0];
        for id in delivery.wanted() {
            let object = versions.get(&*id).map_or(&[][..], Vec::as_slice);
            let parts = [epoch.as_slice(), object];
            let (mut bytes, mut ends) = (Vec::new(), Vec::with_capacity(2 + self.shared));
            for part in parts.into_iter().chain(all[1..].iter().map(Vec::as_slice)) {
                bytes.extend_from_slice(part);
                ends.push(bytes.len() as u32);
            }
            delivery.deliver(&id, &Ok(Arc::new(Answer::new(bytes, ends, timing))));
        }
        Ok(())
    }
}

impl SourcePlan {
    fn look_up(database: usize, name: Arc<str>, how: LookUp) -> SourcePlan {
        SourcePlan {
            key: SourceKey::Versions(database),
            name,
            database,
            sections: Vec::new(),
            instant: None,
            how: How::Versions(how),
        }
    }
}

//! Datasets: their statements, columns, order, joins and named measures.

use super::{
    Named, Scope,
    columns::{Columns, Fit, KEY_HINT},
    find, measure, sql,
};
use crate::{
    column::{Column, Type},
    database::Sql,
    dataset::{Dataset, DatasetColumn, JOIN_PAIRS_MAX, Join, ObjectOrder, Source},
    declare,
    diagnostic::{Report, Text},
    expression::Measure,
    near,
};

/// A dataset on its way: others may name it, whatever is wrong with it.
pub(super) struct Draft<'a> {
    pub(super) name: &'a str,
    /// Rows of objects, or else a reference. None where faults hide which.
    pub(super) of_objects: Option<bool>,
    pub(super) columns: Columns,
    /// The column of its time, if that is sound.
    pub(super) time: Option<usize>,
    /// Its measures by name; none where it is faulty.
    pub(super) measures: Vec<(&'a str, Option<Measure>)>,
    joins: Vec<Join>,
    database: Option<usize>,
    sql: Option<Sql>,
    order: Option<ObjectOrder>,
    version: Option<Sql>,
    sound: bool,
}

impl Draft<'_> {
    /// The dataset, if nothing is wrong with it.
    pub(super) fn finish(self) -> Option<Dataset> {
        let whole = self.sound && self.columns.sound() && self.of_objects? == self.order.is_some();
        whole.then_some(())?;
        Some(Dataset {
            name: self.name.to_owned(),
            database: self.database?,
            sql: self.sql?,
            columns: self.columns.list,
            order: self.order,
            version: self.version,
            joins: self.joins,
        })
    }
}

/// All datasets: first each alone, then their joins, then the measures over the joined columns.
pub(super) fn check<'a>(
    declared: &'a [declare::Dataset],
    scope: &Scope,
    report: &mut Report,
) -> Vec<Draft<'a>> {
    let mut drafts: Vec<Draft> = declared
        .iter()
        .map(|dataset| draft(dataset, scope, report))
        .collect();
    for (index, dataset) in declared.iter().enumerate() {
        for join in &dataset.joins {
            match self::join(index, &drafts, join, report) {
                Some((joined, columns)) => {
                    drafts[index].joins.push(joined);
                    drafts[index].columns.list.extend(columns);
                }
                None => {
                    drafts[index].columns.break_join();
                    drafts[index].sound = false;
                }
            }
        }
    }
    for (draft, dataset) in drafts.iter_mut().zip(declared) {
        draft.measures = measures(draft, dataset, report);
    }
    drafts
}

fn draft<'a>(declared: &'a declare::Dataset, scope: &Scope, report: &mut Report) -> Draft<'a> {
    let before = report.count();
    let database = declared.database.as_ref().and_then(|database| {
        let named = Named {
            what: "database",
            header: "[database.NAME]",
            names: &scope.databases,
        };
        find(database, &named, report)
    });
    let of_objects = match &declared.object {
        Some(_) => Some(true),
        // Half of an order: its faults say so, and what the rows are is not guessed.
        None if declared.time.is_some() || declared.key.is_some() => None,
        None => declared.sound.then_some(false),
    };
    let parameters = match of_objects {
        Some(true) => sql::Parameters::Ids,
        Some(false) => sql::Parameters::Nothing {
            hint: "a dataset without `object` is read whole: add `object`, `time` and `key`, or leave `$1` out",
        },
        None => sql::Parameters::Unknown,
    };
    let columns = Columns::new(&declared.columns, report);
    let order = order(declared, &columns, scope, report);
    let sql = declared.sql.as_ref().and_then(|text| {
        let marks = match of_objects {
            Some(true) | None => sql::Marks::Of(scope, database),
            Some(false) => sql::Marks::Nothing {
                hint: "a reference is read as it is now: name the collection's table without braces",
            },
        };
        sql::select(text, parameters, marks, report)
    });
    let version = declared.version.as_ref().and_then(|text| {
        let hint = "a version is that of all rows: leave the parameter out";
        let marks = sql::Marks::Nothing {
            hint: "a version is that of the present: name the collection's table without braces",
        };
        sql::select(text, sql::Parameters::Nothing { hint }, marks, report)
    });
    let time = declared
        .time
        .as_deref()
        .and_then(|time| columns.list.iter().position(|c| c.column.name == time));
    Draft {
        name: &declared.name,
        of_objects,
        time: time.filter(|time| columns.kind(*time).is_time()),
        columns,
        measures: Vec::new(),
        joins: Vec::new(),
        database,
        sql,
        order,
        version,
        sound: declared.sound && report.count() == before,
    }
}

fn order(
    declared: &declare::Dataset,
    columns: &Columns,
    scope: &Scope,
    report: &mut Report,
) -> Option<ObjectOrder> {
    let Some(object) = &declared.object else {
        if declared.sound {
            let given = [("time", &declared.time), ("key", &declared.key)];
            for (name, text) in given
                .iter()
                .filter_map(|(name, text)| Some((name, text.as_ref()?)))
            {
                let hint =
                    format!("add `object`, the column that says whose a row is, or leave `{name}` out");
                report.fault(
                    &text.span,
                    format!("`{name}` without `object`: the dataset is a reference"),
                    hint,
                );
            }
        }
        return None;
    };
    let fit = Fit {
        role: "the object",
        fits: Type::is_key,
        hint: KEY_HINT,
    };
    let object_column = columns.find_fitting(object, &fit, report);
    if let (Some(column), Some(key)) = (object_column, scope.key) {
        same_ids(object, columns.kind(column), key, report);
    }
    let fit = Fit {
        role: "the time",
        fits: Type::is_time,
        hint: "rows are ordered by a date, timestamp or timestamptz",
    };
    let time = needed("time", &declared.time, declared, report);
    let time = time.and_then(|time| columns.find_fitting(time, &fit, report));
    let fit = Fit {
        role: "the key",
        fits: Type::is_key,
        hint: KEY_HINT,
    };
    let key = needed("key", &declared.key, declared, report);
    let key = key.and_then(|key| columns.find_fitting(key, &fit, report));
    Some(ObjectOrder {
        object: object_column?,
        time: time?,
        key: key?,
    })
}

fn needed<'a>(
    name: &str,
    text: &'a Option<Text>,
    declared: &declare::Dataset,
    report: &mut Report,
) -> Option<&'a Text> {
    if text.is_none() && declared.sound {
        let message = format!("dataset `{}` has `object` and lacks `{name}`", &*declared.name);
        let hint = match name {
            "time" => "name the column that orders an object's rows: `time = \"..\"`",
            _ => "name the column that tells rows of one time apart: `key = \"..\"`",
        };
        report.fault(&declared.name.span, message, hint);
    }
    text.as_ref()
}

/// A fault where ids of the tracked collection cannot be values of this type.
pub(super) fn same_ids(place: &Text, kind: Type, key: Type, report: &mut Report) {
    if kind != key && !(kind.is_integer() && key.is_integer()) {
        let message = format!(
            "`{}` is {}, the tracked objects' key is {}",
            &**place,
            kind.name(),
            key.name()
        );
        report.fault(
            &place.span,
            message,
            format!("cast it in the SQL to {}", key.name()),
        );
    }
}

/// A join, and the columns that it brings.
fn join(
    ours: usize,
    drafts: &[Draft],
    declared: &declare::Join,
    report: &mut Report,
) -> Option<(Join, Vec<DatasetColumn>)> {
    let before = report.count();
    let span = &declared.name.span;
    let references = drafts
        .iter()
        .filter(|draft| draft.of_objects == Some(false))
        .map(|draft| draft.name);
    let Some(index) = drafts.iter().position(|draft| draft.name == &*declared.name) else {
        let hint = near::hint(&declared.name, references);
        let hint = hint.unwrap_or_else(|| "declare it as `[dataset.NAME]`, without `object`".to_owned());
        report.fault(span, format!("dataset `{}` is unknown", &*declared.name), hint);
        return None;
    };
    if drafts[ours].of_objects == Some(false) {
        report.fault(
            span,
            "a reference dataset joins nothing",
            "join it in its SQL, or give it an `object`",
        );
        return None;
    }
    if drafts[index].of_objects == Some(true) {
        let hint = "a reference dataset has no `object`: its rows are not of one object";
        report.fault(
            span,
            format!("`{}` is no reference dataset", &*declared.name),
            hint,
        );
        return None;
    }
    if declared.on.len() > JOIN_PAIRS_MAX {
        let message = format!("{} pairs of columns: at most {JOIN_PAIRS_MAX}", declared.on.len());
        report.fault(
            span,
            message,
            "make one column of several, in the SQL of both datasets",
        );
        return None;
    }
    if declared.on.is_empty() && declared.sound {
        report.fault(
            span,
            "a join needs a pair of columns",
            "add `on = { ours = \"theirs\" }`",
        );
    }
    let theirs = &drafts[index];
    let on: Vec<(usize, usize)> = declared
        .on
        .iter()
        .filter_map(|pair| equal(&drafts[ours].columns, &theirs.columns, pair, report))
        .collect();
    // Counted before this join is added, so it is the index that it gets.
    let join = drafts[ours].joins.len();
    let columns = theirs
        .columns
        .list
        .iter()
        .enumerate()
        .map(|(column, theirs)| DatasetColumn {
            column: Column {
                name: format!("{}.{}", &*declared.name, theirs.column.name),
                kind: theirs.column.kind,
            },
            source: Source::Join { join, column },
        });
    let columns: Vec<_> = columns.collect();
    let sound = report.count() == before && declared.sound && theirs.columns.sound();
    (sound && on.len() == declared.on.len()).then_some((Join { dataset: index, on }, columns))
}

/// A pair of columns that can be equal.
fn equal(
    ours: &Columns,
    theirs: &Columns,
    pair: &declare::Pair,
    report: &mut Report,
) -> Option<(usize, usize)> {
    let name = pair.value.as_ref()?;
    let our = ours.find(&pair.key, 0, report);
    let their = theirs.find(name, 0, report);
    let (our, their) = (our?, their?);
    let (kind, other) = (ours.kind(our), theirs.kind(their));
    if kind != other {
        let message = format!(
            "`{}` is {}, `{}` is {}",
            &*pair.key,
            kind.name(),
            &**name,
            other.name()
        );
        report.fault(
            &name.span,
            message,
            "joined columns have one type: cast one of them in its SQL",
        );
        return None;
    }
    if !kind.is_key() && !kind.is_time() {
        let hint = "join on integers, text, uuids or times";
        report.fault(
            &pair.key.span,
            format!("`{}` is {}: no join on it", &*pair.key, kind.name()),
            hint,
        );
        return None;
    }
    Some((our, their))
}

fn measures<'a>(
    draft: &Draft,
    declared: &'a declare::Dataset,
    report: &mut Report,
) -> Vec<(&'a str, Option<Measure>)> {
    if draft.of_objects == Some(false) {
        if let Some(first) = declared.measures.first() {
            let hint = "declare them in the dataset that joins it";
            report.fault(&first.key.span, "a reference dataset has no measures", hint);
        }
        return Vec::new();
    }
    let measure = |pair: &'a declare::Pair| {
        let measure = pair
            .value
            .as_ref()
            .and_then(|text| measure::measure(text, &draft.columns, report));
        (&*pair.key, measure)
    };
    declared.measures.iter().map(measure).collect()
}

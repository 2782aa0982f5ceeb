//! What one statement of a dataset must bring for some sections, and those sections with their
//! columns resolved to slots of the [`Table`](crate::table::Table).

use std::sync::Arc;

use model::{
    column::Type,
    dataset::Source,
    expression::{Measure, Predicate},
    model::Model,
    section::{Every, Kind, Named, Section, Shown},
};
use store::value::write_text;

use crate::{bucket::Clock, piece::Piece, predicate::Test, sql};

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// Index into the dataset's columns.
    pub(crate) column: usize,
    pub(crate) kind: Type,
    pub(crate) source: SlotSource,
}

/// Where a slot's values come from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SlotSource {
    /// The statement's column, counted after the object's.
    Own { at: usize },
    /// Index into the layout's joins, and into the joined dataset's columns.
    Joined { join: usize, column: usize },
}

/// A join that some section needs.
#[derive(Clone, Debug)]
pub(crate) struct LayoutJoin {
    /// Index into `Model::datasets`.
    pub(crate) dataset: usize,
    /// Our slot, the reference's column.
    pub(crate) on: Vec<(usize, usize)>,
    /// Our slot, the reference's column.
    pub(crate) shown: Vec<(usize, usize)>,
}

/// A measure with slots and predicates for columns and conditions.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Aggregate {
    Count(Option<usize>),
    Share {
        predicate: Option<usize>,
        digits: Option<u8>,
    },
    Sum(usize),
    Mean {
        slot: usize,
        digits: Option<u8>,
    },
    Stddev {
        slot: usize,
        digits: Option<u8>,
    },
    Min(usize),
    Max(usize),
    Percentile {
        slot: usize,
        fraction: f64,
    },
    First(usize),
    Last(usize),
    Distinct(usize),
}

/// A name as it is written before its value: `"month":`.
pub(crate) type Label = Piece;

/// A section, ready to be computed.
#[derive(Debug)]
pub(crate) enum Work {
    Rows(RowsWork),
    Groups(GroupsWork),
    Series(SeriesWork),
}

#[derive(Debug)]
pub(crate) struct RowsWork {
    pub(crate) filter: Option<usize>,
    pub(crate) columns: Vec<(Label, usize)>,
    /// Slot, descending.
    pub(crate) order: Vec<(usize, bool)>,
    pub(crate) limit: usize,
}

#[derive(Debug)]
pub(crate) struct GroupsWork {
    pub(crate) filter: Option<usize>,
    /// Label, index into the layout's dimensions.
    pub(crate) by: Vec<(Label, usize)>,
    pub(crate) measures: Vec<(Label, Aggregate)>,
    pub(crate) top: Option<model::section::Top>,
}

#[derive(Debug)]
pub(crate) struct SeriesWork {
    pub(crate) filter: Option<usize>,
    /// Index into the layout's clocks.
    pub(crate) clock: usize,
    pub(crate) measures: Vec<(Label, Aggregate)>,
    pub(crate) shape: SeriesShape,
}

/// What a series shows beside its points; the same for every strategy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeriesShape {
    pub(crate) every: Every,
    pub(crate) kind: Type,
    pub(crate) trend: Option<usize>,
    pub(crate) changes: Option<usize>,
    pub(crate) outliers: Option<usize>,
    pub(crate) gaps: bool,
}

/// One dataset's statement and the sections computed from its rows.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) dataset: usize,
    pub(crate) name: Arc<str>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) joins: Vec<LayoutJoin>,
    pub(crate) object_kind: Type,
    pub(crate) time: usize,
    /// Conjunctions of tests, each distinct one once.
    pub(crate) predicates: Vec<Vec<Test>>,
    /// Slots that some section groups by.
    pub(crate) dimensions: Vec<usize>,
    /// Bucketings that some series uses.
    pub(crate) clocks: Vec<Clock>,
    pub(crate) sections: Vec<Work>,
    pub(crate) sql: Arc<str>,
}

impl Layout {
    /// For sections that are all over this dataset.
    pub(crate) fn new(model: &Model, dataset: usize, sections: &[&Section]) -> Layout {
        let mut plan = Planner::new(model, dataset);
        let works = sections.iter().map(|section| plan.section(section)).collect();
        plan.finish(works)
    }
}

impl Layout {
    /// The statement's own columns: slot, place after the object's column, type.
    pub(crate) fn owns(&self) -> Vec<(usize, usize, Type)> {
        let slots = self.slots.iter().enumerate();
        slots
            .filter_map(|(slot, declared)| match declared.source {
                SlotSource::Own { at } => Some((slot, at, declared.kind)),
                SlotSource::Joined { .. } => None,
            })
            .collect()
    }
}

struct Planner<'a> {
    model: &'a Model,
    dataset: usize,
    slots: Vec<Slot>,
    owns: usize,
    joins: Vec<LayoutJoin>,
    /// The dataset's join → the layout's.
    join_of: Vec<Option<usize>>,
    time: usize,
    predicates: Vec<(Predicate, Vec<Test>)>,
    dimensions: Vec<usize>,
    clocks: Vec<(Every, String, Clock)>,
}

impl<'a> Planner<'a> {
    fn new(model: &'a Model, dataset: usize) -> Planner<'a> {
        let declared = &model.datasets[dataset];
        let order = declared
            .order
            .expect("sections are over datasets of objects, as `check` holds");
        let mut plan = Planner {
            model,
            dataset,
            slots: Vec::new(),
            owns: 0,
            joins: Vec::new(),
            join_of: vec![None; declared.joins.len()],
            time: 0,
            predicates: Vec::new(),
            dimensions: Vec::new(),
            clocks: Vec::new(),
        };
        plan.time = plan.slot(order.time);
        plan
    }

    fn section(&mut self, section: &Section) -> Work {
        match &section.kind {
            Kind::Rows(rows) => Work::Rows(RowsWork {
                filter: self.filter(&rows.filter),
                columns: rows
                    .columns
                    .iter()
                    .enumerate()
                    .map(|(at, shown)| (member(&shown.name, at == 0), self.slot(shown.column)))
                    .collect(),
                order: rows
                    .order
                    .iter()
                    .map(|term| (self.slot(term.column), term.descending))
                    .collect(),
                limit: rows.limit.map_or(usize::MAX, |limit| limit as usize),
            }),
            Kind::Groups(groups) => Work::Groups(GroupsWork {
                filter: self.filter(&groups.filter),
                by: groups
                    .by
                    .iter()
                    .enumerate()
                    .map(|(at, shown)| self.dimension(shown, at == 0))
                    .collect(),
                measures: self.measures(&groups.measures, groups.by.is_empty()),
                top: groups.top,
            }),
            Kind::Series(series) => Work::Series(SeriesWork {
                filter: self.filter(&series.filter),
                clock: self.clock(series.every, &series.zone),
                measures: self.measures(&series.measures, false),
                shape: SeriesShape::new(self.model, series),
            }),
            Kind::Own(_) => unreachable!("a section of own SQL is a source of its own"),
        }
    }

    fn slot(&mut self, column: usize) -> usize {
        if let Some(slot) = self.slots.iter().position(|slot| slot.column == column) {
            return slot;
        }
        let declared = &self.model.datasets[self.dataset];
        let source = match declared.columns[column].source {
            Source::Own => {
                self.owns += 1;
                SlotSource::Own { at: self.owns - 1 }
            }
            Source::Join { join, column } => SlotSource::Joined {
                join: self.join(join),
                column,
            },
        };
        self.slots.push(Slot {
            column,
            kind: declared.columns[column].column.kind,
            source,
        });
        let slot = self.slots.len() - 1;
        if let SlotSource::Joined { join, column } = source {
            self.joins[join].shown.push((slot, column));
        }
        slot
    }

    fn join(&mut self, join: usize) -> usize {
        if let Some(join) = self.join_of[join] {
            return join;
        }
        let declared = &self.model.datasets[self.dataset].joins[join];
        let on = declared
            .on
            .iter()
            .map(|(ours, theirs)| (self.slot(*ours), *theirs))
            .collect();
        self.joins.push(LayoutJoin {
            dataset: declared.dataset,
            on,
            shown: Vec::new(),
        });
        self.join_of[join] = Some(self.joins.len() - 1);
        self.joins.len() - 1
    }

    fn filter(&mut self, predicate: &Predicate) -> Option<usize> {
        if predicate.all.is_empty() {
            return None;
        }
        if let Some(known) = self.predicates.iter().position(|(known, _)| known == predicate) {
            return Some(known);
        }
        let tests = predicate
            .all
            .iter()
            .map(|condition| {
                let slot = self.slot(crate::predicate::column(condition));
                Test::new(slot, condition)
            })
            .collect();
        self.predicates.push((predicate.clone(), tests));
        Some(self.predicates.len() - 1)
    }

    fn dimension(&mut self, shown: &Shown, first: bool) -> (Label, usize) {
        let slot = self.slot(shown.column);
        let at = self
            .dimensions
            .iter()
            .position(|known| *known == slot)
            .unwrap_or_else(|| {
                self.dimensions.push(slot);
                self.dimensions.len() - 1
            });
        (member(&shown.name, first), at)
    }

    fn clock(&mut self, every: Every, zone: &str) -> usize {
        if let Some(known) = self.clocks.iter().position(|(e, z, _)| *e == every && z == zone) {
            return known;
        }
        let kind = self.slots[self.time].kind;
        self.clocks
            .push((every, zone.to_owned(), Clock::new(every, zone, kind)));
        self.clocks.len() - 1
    }

    /// `leading`: the first measure is the first member of its object.
    fn measures(&mut self, measures: &[Named], leading: bool) -> Vec<(Label, Aggregate)> {
        measures
            .iter()
            .enumerate()
            .map(|(at, named)| {
                (
                    member(&named.name, leading && at == 0),
                    self.aggregate(&named.measure),
                )
            })
            .collect()
    }

    fn aggregate(&mut self, measure: &Measure) -> Aggregate {
        match measure {
            Measure::Count(predicate) => Aggregate::Count(self.filter(predicate)),
            Measure::Share { predicate, digits } => Aggregate::Share {
                predicate: self.filter(predicate),
                digits: *digits,
            },
            Measure::Sum(column) => Aggregate::Sum(self.slot(*column)),
            Measure::Mean { column, digits } => Aggregate::Mean {
                slot: self.slot(*column),
                digits: *digits,
            },
            Measure::Stddev { column, digits } => Aggregate::Stddev {
                slot: self.slot(*column),
                digits: *digits,
            },
            Measure::Min(column) => Aggregate::Min(self.slot(*column)),
            Measure::Max(column) => Aggregate::Max(self.slot(*column)),
            Measure::Percentile { column, fraction } => Aggregate::Percentile {
                slot: self.slot(*column),
                fraction: *fraction,
            },
            Measure::First(column) => Aggregate::First(self.slot(*column)),
            Measure::Last(column) => Aggregate::Last(self.slot(*column)),
            Measure::Distinct(column) => Aggregate::Distinct(self.slot(*column)),
        }
    }

    fn finish(self, sections: Vec<Work>) -> Layout {
        let declared = &self.model.datasets[self.dataset];
        let order = declared
            .order
            .expect("sections are over datasets of objects, as `check` holds");
        let owns: Vec<usize> = self
            .slots
            .iter()
            .filter(|slot| matches!(slot.source, SlotSource::Own { .. }))
            .map(|slot| slot.column)
            .collect();
        Layout {
            dataset: self.dataset,
            name: declared.name.as_str().into(),
            object_kind: declared.columns[order.object].column.kind,
            sql: sql::dataset(declared, &owns).into(),
            slots: self.slots,
            joins: self.joins,
            time: self.time,
            predicates: self.predicates.into_iter().map(|(_, tests)| tests).collect(),
            dimensions: self.dimensions,
            clocks: self.clocks.into_iter().map(|(_, _, clock)| clock).collect(),
            sections,
        }
    }
}

impl SeriesShape {
    pub(crate) fn new(model: &Model, series: &model::section::Series) -> SeriesShape {
        let dataset = &model.datasets[series.dataset];
        let time = dataset
            .order
            .expect("series are over datasets of objects, as `check` holds")
            .time;
        SeriesShape {
            every: series.every,
            kind: dataset.columns[time].column.kind,
            trend: series.trend,
            changes: series.changes,
            outliers: series.outliers,
            gaps: series.gaps,
        }
    }
}

/// `"name":`
pub(crate) fn label(name: &str) -> Label {
    Piece::new(&named(name))
}

/// `"name":` for the first member of an object, `,"name":` for the others.
pub(crate) fn member(name: &str, first: bool) -> Label {
    let mut bytes = named(name);
    if !first {
        bytes.insert(0, b',');
    }
    Piece::new(&bytes)
}

fn named(name: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len() + 3);
    write_text(name, &mut bytes);
    bytes.push(b':');
    bytes
}

//! The rows of one object in columns, decoded from the wire as they arrive.

use std::sync::Arc;

use model::{column::Type, dataset::JOIN_PAIRS_MAX};
use store::value;
use tokio_postgres::Row;

use crate::{
    cell::{Cell, NULL_FLOAT, NULL_INTEGER, NULL_TEXT, is_null_float},
    dictionary::Dictionary,
    layout::{Layout, SlotSource},
    reference::Reference,
};

/// Values of one slot.
#[derive(Debug)]
pub(crate) enum Column {
    /// Integers, truth values, times.
    Integer(Vec<i64>),
    Float(Vec<f64>),
    /// Codes of text and uuid.
    Text(Vec<u32>),
    /// Shown as it is.
    Json(Vec<Option<Box<[u8]>>>),
}

/// Rows of one object; the dictionaries live as long as the batch.
pub(crate) struct Table {
    pub(crate) rows: usize,
    /// By slot of the layout.
    pub(crate) columns: Vec<Column>,
    /// By slot; those of joined columns are the reference's own and stay empty here.
    dictionaries: Vec<Dictionary>,
    kinds: Vec<Type>,
    /// Slots of the statement's own columns: slot, place in the statement, type.
    owns: Vec<(usize, usize, Type)>,
    sources: Vec<SlotSource>,
    /// By join of the dataset; none where the layout does not use it.
    references: Vec<Option<Arc<Reference>>>,
    /// By join and pair of its `on`: our code of a text → the reference's.
    translations: Vec<Vec<Vec<u32>>>,
}

/// A value that does not fit: the slot, and why.
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) slot: usize,
    pub(crate) problem: &'static str,
}

impl Column {
    pub(crate) fn new(kind: Type) -> Column {
        match kind {
            Type::Bool
            | Type::Int2
            | Type::Int4
            | Type::Int8
            | Type::Date
            | Type::Timestamp
            | Type::Timestamptz => Column::Integer(Vec::new()),
            Type::Float4 | Type::Float8 => Column::Float(Vec::new()),
            Type::Text | Type::Uuid => Column::Text(Vec::new()),
            Type::Json => Column::Json(Vec::new()),
        }
    }

    /// Appends a value from the wire.
    #[inline]
    pub(crate) fn push(
        &mut self,
        kind: Type,
        raw: Option<&[u8]>,
        dictionary: &mut Dictionary,
    ) -> Result<(), &'static str> {
        match (self, raw) {
            (Column::Integer(values), None) => values.push(NULL_INTEGER),
            (Column::Float(values), None) => values.push(NULL_FLOAT),
            (Column::Text(values), None) => values.push(NULL_TEXT),
            (Column::Json(values), None) => values.push(None),
            (Column::Integer(values), Some(raw)) => match value::integer(kind, raw) {
                Some(NULL_INTEGER) => return Err("is the one integer that stands for null here"),
                Some(value) => values.push(value),
                None => return Err("is not of its declared type"),
            },
            (Column::Float(values), Some(raw)) => match value::float(kind, raw) {
                Some(value) => values.push(if value.is_nan() { f64::NAN } else { value }),
                None => return Err("is not of its declared type"),
            },
            (Column::Text(values), Some(raw)) if kind == Type::Text => match dictionary.code(raw) {
                Some(code) => values.push(code),
                None => return Err("is not UTF-8"),
            },
            (Column::Text(values), Some(raw)) => {
                match value::key(kind, raw).and_then(|text| dictionary.code(text.as_bytes())) {
                    Some(code) => values.push(code),
                    None => return Err("is not of its declared type"),
                }
            }
            (Column::Json(values), Some(raw)) => {
                let mut text = Vec::with_capacity(raw.len());
                value::write_json(kind, Some(raw), &mut text);
                values.push(Some(text.into()));
            }
        }
        Ok(())
    }

    /// Appends the value of another column's row, or null.
    fn push_from(&mut self, other: &Column, row: Option<usize>) {
        match (self, other) {
            (Column::Integer(to), Column::Integer(from)) => {
                to.push(row.map_or(NULL_INTEGER, |row| from[row]));
            }
            (Column::Float(to), Column::Float(from)) => to.push(row.map_or(NULL_FLOAT, |row| from[row])),
            (Column::Text(to), Column::Text(from)) => to.push(row.map_or(NULL_TEXT, |row| from[row])),
            (Column::Json(to), Column::Json(from)) => to.push(row.and_then(|row| from[row].clone())),
            _ => unreachable!("a joined slot has the type of the column it shows"),
        }
    }

    fn truncate(&mut self, rows: usize) {
        match self {
            Column::Integer(values) => values.truncate(rows),
            Column::Float(values) => values.truncate(rows),
            Column::Text(values) => values.truncate(rows),
            Column::Json(values) => values.truncate(rows),
        }
    }

    /// The value of a row; JSON columns are written by [`Table::write`].
    #[inline]
    pub(crate) fn cell(&self, slot: usize, kind: Type, row: usize) -> Cell {
        match self {
            Column::Integer(values) if values[row] == NULL_INTEGER => Cell::Null,
            Column::Integer(values) => Cell::Integer(kind, values[row]),
            Column::Float(values) if is_null_float(values[row]) => Cell::Null,
            Column::Float(values) if kind == Type::Float4 => Cell::Float4(values[row] as f32),
            Column::Float(values) => Cell::Float(values[row]),
            Column::Text(values) if values[row] == NULL_TEXT => Cell::Null,
            Column::Text(values) => Cell::Text(slot, values[row]),
            Column::Json(_) => Cell::Null,
        }
    }
}

impl Table {
    /// An empty table for a layout, joined to the references that it uses.
    pub(crate) fn new(layout: &Layout, references: Vec<Option<Arc<Reference>>>) -> Table {
        Table {
            rows: 0,
            columns: layout.slots.iter().map(|slot| Column::new(slot.kind)).collect(),
            dictionaries: layout.slots.iter().map(|_| Dictionary::new()).collect(),
            kinds: layout.slots.iter().map(|slot| slot.kind).collect(),
            owns: layout.owns(),
            sources: layout.slots.iter().map(|slot| slot.source).collect(),
            translations: layout
                .joins
                .iter()
                .map(|join| vec![Vec::new(); join.on.len()])
                .collect(),
            references,
        }
    }

    /// Appends a row of the layout's statement, whose first `skip` columns are not slots.
    pub(crate) fn push(&mut self, layout: &Layout, row: &Row, skip: usize) -> Result<(), Misfit> {
        for own in 0..self.owns.len() {
            let (slot, at, kind) = self.owns[own];
            let raw = store::query::raw(row, skip + at);
            let pushed = self.columns[slot].push(kind, raw, &mut self.dictionaries[slot]);
            if let Err(problem) = pushed {
                self.columns
                    .iter_mut()
                    .for_each(|column| column.truncate(self.rows));
                return Err(Misfit { slot, problem });
            }
        }
        for join in 0..layout.joins.len() {
            self.push_joined(layout, join);
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends the joined columns of the row whose own columns have been appended.
    fn push_joined(&mut self, layout: &Layout, join: usize) {
        let Some(reference) = &self.references[join] else {
            return;
        };
        let mut key = [0i64; JOIN_PAIRS_MAX];
        let mut known = true;
        for (pair, (slot, column)) in layout.joins[join].on.iter().enumerate() {
            match &self.columns[*slot] {
                Column::Integer(values) => {
                    key[pair] = values[self.rows];
                    known &= key[pair] != NULL_INTEGER;
                }
                Column::Text(values) => {
                    let code = values[self.rows];
                    let translated = translate(
                        &mut self.translations[join][pair],
                        code,
                        &self.dictionaries[*slot],
                        reference.dictionary(*column),
                    );
                    known &= translated != NULL_TEXT;
                    key[pair] = i64::from(translated);
                }
                Column::Float(_) | Column::Json(_) => known = false,
            }
        }
        let row = if known { reference.find(&key) } else { None };
        for (slot, column) in &layout.joins[join].shown {
            self.columns[*slot].push_from(reference.column(*column), row);
        }
    }

    /// Forgets the rows, keeps the dictionaries.
    pub(crate) fn clear(&mut self) {
        self.rows = 0;
        self.columns.iter_mut().for_each(|column| column.truncate(0));
    }

    pub(crate) fn kind(&self, slot: usize) -> Type {
        self.kinds[slot]
    }

    /// The dictionary of a text slot.
    pub(crate) fn dictionary(&self, slot: usize) -> &Dictionary {
        match self.sources[slot] {
            SlotSource::Own { .. } => &self.dictionaries[slot],
            SlotSource::Joined { join, column } => self.references[join]
                .as_ref()
                .expect("a layout's joins have their references")
                .dictionary(column),
        }
    }

    pub(crate) fn cell(&self, slot: usize, row: usize) -> Cell {
        self.columns[slot].cell(slot, self.kinds[slot], row)
    }

    /// Writes the value of a slot's row as JSON.
    #[inline]
    pub(crate) fn write(&self, slot: usize, row: usize, out: &mut Vec<u8>) {
        match &self.columns[slot] {
            Column::Json(values) => match &values[row] {
                Some(json) => out.extend_from_slice(json),
                None => out.extend_from_slice(b"null"),
            },
            column => self.write_cell(column.cell(slot, self.kinds[slot], row), out),
        }
    }

    #[inline]
    pub(crate) fn write_cell(&self, cell: Cell, out: &mut Vec<u8>) {
        match cell {
            Cell::Text(slot, code) => self.dictionary(slot).json(code).write(out),
            cell => cell.write(out),
        }
    }
}

/// Our code of a text in the reference's dictionary; remembered, as one text is looked up many times.
fn translate(known: &mut Vec<u32>, code: u32, ours: &Dictionary, theirs: &Dictionary) -> u32 {
    const UNKNOWN: u32 = u32::MAX - 1;
    if code == NULL_TEXT {
        return NULL_TEXT;
    }
    let at = code as usize;
    if known.len() <= at {
        known.resize(at + 1, UNKNOWN);
    }
    if known[at] == UNKNOWN {
        known[at] = theirs.find(ours.text(code)).unwrap_or(NULL_TEXT);
    }
    known[at]
}

//! The values of a dimension in one object as small dense codes, in the order of the answer.
//!
//! Coded once an object, a column serves every section that groups by it: a cell of a group is then
//! arithmetic, and cells in ascending order are groups in order.

use crate::{
    cell::{Cell, NULL_INTEGER, NULL_TEXT},
    table::{Column, Table},
};

/// Integers this close together are coded by a table; others by sorting.
const SPAN_MAX: u64 = 4096;

/// One dimension of one object.
#[derive(Default)]
pub(crate) struct Coded {
    /// By row.
    pub(crate) codes: Vec<u32>,
    /// By code: ascending, null last.
    pub(crate) values: Vec<Cell>,
    scratch: Vec<u32>,
    sorted: Vec<i64>,
}

impl Coded {
    /// Codes the slot's values.
    pub(crate) fn fill(&mut self, table: &Table, slot: usize) {
        self.codes.clear();
        self.values.clear();
        match &table.columns[slot] {
            Column::Integer(values) => self.fill_integers(table, slot, values),
            Column::Text(codes) => self.fill_texts(table, slot, codes),
            Column::Float(_) | Column::Json(_) => unreachable!("no dimension, as `check` holds"),
        }
    }

    fn fill_integers(&mut self, table: &Table, slot: usize, values: &[i64]) {
        let present = || values.iter().copied().filter(|value| *value != NULL_INTEGER);
        let (Some(min), Some(max)) = (present().min(), present().max()) else {
            return self.all_null(values.len());
        };
        let kind = table.kind(slot);
        if max.abs_diff(min) >= SPAN_MAX {
            self.sorted.clear();
            self.sorted.extend(present());
            self.sorted.sort_unstable();
            self.sorted.dedup();
            self.values
                .extend(self.sorted.iter().map(|value| Cell::Integer(kind, *value)));
            let sorted = &self.sorted;
            self.codes
                .extend(values.iter().map(|value| match sorted.binary_search(value) {
                    Ok(at) if *value != NULL_INTEGER => at as u32,
                    _ => NULL_TEXT,
                }));
        } else {
            let span = (max.abs_diff(min) + 1) as usize;
            self.scratch.clear();
            self.scratch.resize(span, NULL_TEXT);
            for value in present() {
                self.scratch[value.abs_diff(min) as usize] = 0;
            }
            for (offset, code) in self
                .scratch
                .iter_mut()
                .enumerate()
                .filter(|(_, code)| **code == 0)
            {
                *code = self.values.len() as u32;
                self.values.push(Cell::Integer(kind, min + offset as i64));
            }
            let scratch = &self.scratch;
            self.codes.extend(values.iter().map(|value| {
                if *value == NULL_INTEGER {
                    NULL_TEXT
                } else {
                    scratch[value.abs_diff(min) as usize]
                }
            }));
        }
        self.place_nulls();
    }

    fn fill_texts(&mut self, table: &Table, slot: usize, codes: &[u32]) {
        let dictionary = table.dictionary(slot);
        self.scratch.clear();
        self.scratch.resize(dictionary.len(), NULL_TEXT);
        self.sorted.clear();
        for code in codes.iter().filter(|code| **code != NULL_TEXT) {
            let seen = &mut self.scratch[*code as usize];
            if *seen == NULL_TEXT {
                *seen = 0;
                self.sorted.push(i64::from(*code));
            }
        }
        self.sorted
            .sort_unstable_by(|a, b| dictionary.text(*a as u32).cmp(dictionary.text(*b as u32)));
        for (at, code) in self.sorted.iter().enumerate() {
            self.scratch[*code as usize] = at as u32;
            self.values.push(Cell::Text(slot, *code as u32));
        }
        let scratch = &self.scratch;
        self.codes.extend(codes.iter().map(|code| {
            if *code == NULL_TEXT {
                NULL_TEXT
            } else {
                scratch[*code as usize]
            }
        }));
        self.place_nulls();
    }

    fn all_null(&mut self, rows: usize) {
        self.codes.resize(rows, NULL_TEXT);
        self.place_nulls();
    }

    /// Null is the last value, if there is one.
    fn place_nulls(&mut self) {
        let null = self.values.len() as u32;
        let mut any = false;
        for code in self.codes.iter_mut().filter(|code| **code == NULL_TEXT) {
            *code = null;
            any = true;
        }
        if any {
            self.values.push(Cell::Null);
        }
    }
}

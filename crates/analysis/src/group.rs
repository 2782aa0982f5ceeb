//! Groups of one object: dimensions to cells, cells to measures, measures to JSON.

use model::section::DIMENSIONS_MAX;

use crate::{
    aggregate::{Grouped, Overflow, Scratch},
    cell::Cell,
    dimension::Coded,
    layout::{GroupsWork, Label},
    predicate::Masks,
    table::Table,
};

#[cfg(test)]
mod tests;

/// More cells than this, and more than a few a row: the cells that occur are sorted and counted instead.
const DENSE_MAX: usize = 1024;

/// Buffers that outlive an object.
#[derive(Default)]
pub(crate) struct Groups {
    cells: Vec<u32>,
    counts: Vec<u32>,
    touched: Vec<u32>,
    /// By touched cell where cells are not dense: the cell that it stands for.
    keys: Vec<u64>,
    wide: Vec<u64>,
    /// By cell, one of its rows: where the cell's number does not tell its codes.
    members: Vec<u32>,
    results: Vec<Cell>,
    ranked: Vec<usize>,
    scratch: Scratch,
}

/// What groups are made from.
pub(crate) struct Source<'a> {
    pub(crate) table: &'a Table,
    pub(crate) masks: &'a Masks,
    /// By dimension of the layout.
    pub(crate) coded: &'a [Coded],
}

impl Groups {
    /// Writes a section of groups.
    pub(crate) fn write(
        &mut self,
        work: &GroupsWork,
        source: &Source<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Overflow> {
        let dimensions: Vec<&Coded> = work.by.iter().map(|(_, at)| &source.coded[*at]).collect();
        let selection = work
            .filter
            .map(|filter| source.masks.selections[filter].as_slice());
        self.group(&dimensions, selection, source.table.rows);
        self.measure(&work.measures, source, selection)?;
        if work.by.is_empty() {
            out.push(b'{');
            self.write_measures(work, source.table, 0, out);
            out.push(b'}');
            return Ok(());
        }
        self.rank(work);
        out.push(b'[');
        for at in 0..self.ranked.len() {
            out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
            self.write_group(work, &dimensions, source.table, self.ranked[at], out);
            out.push(b'}');
        }
        out.push(b']');
        Ok(())
    }

    /// Measures over cells that are known already: the buckets of a series. Results by measure, then cell.
    pub(crate) fn over(
        &mut self,
        measures: &[(Label, crate::layout::Aggregate)],
        source: &Source<'_>,
        selection: Option<&[u32]>,
        coded: (&[u32], usize),
    ) -> Result<(&[u32], &[Cell]), Overflow> {
        let (codes, count) = coded;
        self.cells.clear();
        match selection {
            None => self.cells.extend_from_slice(codes),
            Some(selection) => self
                .cells
                .extend(selection.iter().map(|row| codes[*row as usize])),
        }
        self.count(count);
        self.measure(measures, source, selection)?;
        Ok((&self.touched, &self.results))
    }

    /// Gives each selected row its cell.
    fn group(&mut self, dimensions: &[&Coded], selection: Option<&[u32]>, rows: usize) {
        let selected = selection.map_or(rows, <[u32]>::len);
        // None: more than can be numbered.
        let size = dimensions.iter().try_fold(1_u64, |size, coded| {
            size.checked_mul(coded.values.len().max(1) as u64)
        });
        self.cells.clear();
        self.keys.clear();
        self.members.clear();
        if let Some(size) = size
            && size <= DENSE_MAX.max(4 * selected) as u64
        {
            self.cells.resize(selected, 0);
            for coded in dimensions {
                let width = coded.values.len() as u32;
                each(selection, selected, |at, row| {
                    self.cells[at] = self.cells[at] * width + coded.codes[row];
                });
            }
            self.count(if dimensions.is_empty() { 1 } else { size as usize });
            if dimensions.is_empty() {
                self.touched.clear();
                self.touched.push(0);
            }
        } else {
            self.wide.clear();
            self.wide.resize(selected, 0);
            let mut span = 1_u64;
            for coded in dimensions {
                let width = coded.values.len() as u64;
                span = match span.checked_mul(width.max(1)) {
                    Some(span) => span,
                    // Those that occur are no more than the rows, and keep their order.
                    None => self.close_ranks().saturating_mul(width.max(1)),
                };
                each(selection, selected, |at, row| {
                    self.wide[at] = self.wide[at] * width + u64::from(coded.codes[row]);
                });
            }
            self.keys.extend_from_slice(&self.wide);
            self.keys.sort_unstable();
            self.keys.dedup();
            let keys = &self.keys;
            self.cells.extend(
                self.wide
                    .iter()
                    .map(|key| keys.partition_point(|other| other < key) as u32),
            );
            if size.is_none() {
                self.members.resize(self.keys.len(), 0);
                each(selection, selected, |at, row| {
                    self.members[self.cells[at] as usize] = row as u32;
                });
            }
            self.count(self.keys.len());
        }
    }

    /// Numbers the wide cells that occur from 0 on, in their order; how many there are.
    fn close_ranks(&mut self) -> u64 {
        let mut ranks = self.wide.clone();
        ranks.sort_unstable();
        ranks.dedup();
        for key in &mut self.wide {
            *key = ranks.partition_point(|other| other < key) as u64;
        }
        ranks.len() as u64
    }

    fn count(&mut self, size: usize) {
        self.counts.clear();
        self.counts.resize(size, 0);
        for cell in &self.cells {
            self.counts[*cell as usize] += 1;
        }
        self.touched.clear();
        self.touched.extend(
            (0u32..)
                .zip(&self.counts)
                .filter(|(_, count)| **count > 0)
                .map(|(cell, _)| cell),
        );
    }

    fn measure(
        &mut self,
        measures: &[(Label, crate::layout::Aggregate)],
        source: &Source<'_>,
        selection: Option<&[u32]>,
    ) -> Result<(), Overflow> {
        let grouped = Grouped {
            table: source.table,
            masks: source.masks,
            selection,
            cells: &self.cells,
            counts: &self.counts,
            touched: &self.touched,
        };
        self.results.clear();
        self.scratch.begin();
        for (_, aggregate) in measures {
            grouped.measure(aggregate, &mut self.scratch, &mut self.results)?;
        }
        Ok(())
    }

    /// The groups to show, in order: all, or the first by a measure.
    fn rank(&mut self, work: &GroupsWork) {
        let groups = self.touched.len();
        self.ranked.clear();
        self.ranked.extend(0..groups);
        if let Some(top) = work.top {
            let values = &self.results[top.by.column * groups..][..groups];
            top_of(&mut self.ranked, top, |group| values[group].number());
        }
    }

    fn write_group(
        &self,
        work: &GroupsWork,
        dimensions: &[&Coded],
        table: &Table,
        group: usize,
        out: &mut Vec<u8>,
    ) {
        let cell = u64::from(self.touched[group]);
        let mut key = if self.keys.is_empty() {
            cell
        } else {
            self.keys[cell as usize]
        };
        // The last dimension varies fastest: take the codes off from the end.
        let mut codes = [0usize; DIMENSIONS_MAX];
        for (at, coded) in dimensions.iter().enumerate().skip(1).rev() {
            let width = coded.values.len() as u64;
            codes[at] = (key % width) as usize;
            key /= width;
        }
        if let Some(first) = codes.first_mut() {
            *first = key as usize;
        }
        if let Some(row) = self.members.get(cell as usize) {
            for (code, coded) in codes.iter_mut().zip(dimensions) {
                *code = coded.codes[*row as usize] as usize;
            }
        }
        for (at, (label, _)) in work.by.iter().enumerate() {
            label.write(out);
            table.write_cell(dimensions[at].values[codes[at]], out);
        }
        self.write_measures(work, table, group, out);
    }

    fn write_measures(&self, work: &GroupsWork, table: &Table, group: usize, out: &mut Vec<u8>) {
        let groups = self.touched.len();
        for (at, (label, _)) in work.measures.iter().enumerate() {
            label.write(out);
            table.write_cell(self.results[at * groups + group], out);
        }
    }
}

/// Keeps the first groups by a value: nulls last, ties in the order that they came in.
pub(crate) fn top_of(
    groups: &mut Vec<usize>,
    top: model::section::Top,
    value: impl Fn(usize) -> Option<f64>,
) {
    groups.sort_by(|a, b| match (value(*a), value(*b)) {
        (None, None) => std::cmp::Ordering::Equal,
        (None, Some(_)) => std::cmp::Ordering::Greater,
        (Some(_), None) => std::cmp::Ordering::Less,
        (Some(a), Some(b)) if top.by.descending => crate::cell::float_order(b, a),
        (Some(a), Some(b)) => crate::cell::float_order(a, b),
    });
    groups.truncate(top.limit as usize);
}

#[inline]
fn each(selection: Option<&[u32]>, selected: usize, mut call: impl FnMut(usize, usize)) {
    match selection {
        None => (0..selected).for_each(|row| call(row, row)),
        Some(selection) => selection
            .iter()
            .enumerate()
            .for_each(|(at, row)| call(at, *row as usize)),
    }
}

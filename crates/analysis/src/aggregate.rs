//! Measures over the rows of groups: one tight loop a measure, over cells that are already known.

use std::cmp::Ordering;

use model::column::Type;

use crate::{
    cell::{Cell, NULL_INTEGER, NULL_TEXT, float_order, is_null_float},
    decimal::{self, Decimal},
    layout::Aggregate,
    predicate::Masks,
    table::{Column, Table},
};

/// The rows of a section in one object, and the cell of each.
pub(crate) struct Grouped<'a> {
    pub(crate) table: &'a Table,
    pub(crate) masks: &'a Masks,
    /// The rows that match the section's filter; none: all.
    pub(crate) selection: Option<&'a [u32]>,
    /// By position in the selection.
    pub(crate) cells: &'a [u32],
    /// Rows by cell.
    pub(crate) counts: &'a [u32],
    /// The cells that have rows, ascending; or the one cell of a section without dimensions.
    pub(crate) touched: &'a [u32],
}

/// Buffers that outlive an object.
#[derive(Default)]
pub(crate) struct Scratch {
    tallies: Kept<Tallies>,
    sorted: Kept<Sorted>,
    squares: Vec<i128>,
    floats: Vec<(f64, f64)>,
    counts: Vec<u32>,
    best: Vec<u32>,
    starts: Vec<u32>,
    values: Vec<f64>,
    pairs: Vec<(u32, u64)>,
}

impl Scratch {
    /// Forgets what was kept for the section before.
    pub(crate) fn begin(&mut self) {
        self.tallies.len = 0;
        self.sorted.len = 0;
    }
}

/// What was found in columns, by slot, for the other measures of the same section: mean, sum and maximum of one
/// column are one pass over it, its percentiles one sort. The buffers outlive the section.
struct Kept<T> {
    slots: Vec<usize>,
    found: Vec<T>,
    len: usize,
}

impl<T> Default for Kept<T> {
    fn default() -> Kept<T> {
        Kept {
            slots: Vec::new(),
            found: Vec::new(),
            len: 0,
        }
    }
}

impl<T: Default> Kept<T> {
    /// What is kept for the slot, and whether it is there already.
    fn of(&mut self, slot: usize) -> (&mut T, bool) {
        let known = self.slots[..self.len].iter().position(|kept| *kept == slot);
        let at = known.unwrap_or(self.len);
        if known.is_none() {
            if self.found.len() == self.len {
                self.slots.push(slot);
                self.found.push(T::default());
            }
            self.slots[at] = slot;
            self.len += 1;
        }
        (&mut self.found[at], known.is_some())
    }
}

/// A column of integers by cell.
#[derive(Default)]
struct Tallies {
    /// Only touched cells are true.
    cells: Vec<Tally>,
    overflow: bool,
}

#[derive(Clone, Copy)]
struct Tally {
    sum: i64,
    count: u32,
    least: i64,
    greatest: i64,
}

impl Tally {
    const NONE: Tally = Tally {
        sum: 0,
        count: 0,
        least: i64::MAX,
        greatest: i64::MIN,
    };
}

/// A column's integers, ascending in each cell. They begin at the cell's start and end here.
#[derive(Default)]
struct Sorted {
    values: Vec<i64>,
    ends: Vec<u32>,
}

/// A sum that left the range of `int8`; PostgreSQL refuses it too.
#[derive(Debug)]
pub(crate) struct Overflow;

impl Grouped<'_> {
    /// Calls with every row and its cell.
    #[inline]
    fn each(&self, mut call: impl FnMut(usize, usize)) {
        match self.selection {
            None => {
                for (row, cell) in self.cells.iter().enumerate() {
                    call(row, *cell as usize);
                }
            }
            Some(selection) => {
                for (row, cell) in selection.iter().zip(self.cells) {
                    call(*row as usize, *cell as usize);
                }
            }
        }
    }

    /// Calls with every row's value and its cell.
    #[inline]
    fn each_of<T: Copy>(&self, values: &[T], mut call: impl FnMut(T, usize)) {
        match self.selection {
            None => {
                for (value, cell) in values.iter().zip(self.cells) {
                    call(*value, *cell as usize);
                }
            }
            Some(selection) => {
                for (row, cell) in selection.iter().zip(self.cells) {
                    call(values[*row as usize], *cell as usize);
                }
            }
        }
    }

    /// Appends a cell's value for each touched cell.
    pub(crate) fn measure(
        &self,
        aggregate: &Aggregate,
        scratch: &mut Scratch,
        out: &mut Vec<Cell>,
    ) -> Result<(), Overflow> {
        match *aggregate {
            Aggregate::Count(None) => out.extend(self.per_cell(|cell| integer(self.counts[cell]))),
            Aggregate::Count(Some(predicate)) => {
                self.count_matching(predicate, scratch);
                out.extend(self.per_cell(|cell| integer(scratch.counts[cell])));
            }
            Aggregate::Share { predicate, digits } => self.share(predicate, digits, scratch, out),
            Aggregate::Sum(slot) => self.sum(slot, scratch, out)?,
            Aggregate::Mean { slot, digits } => self.mean(slot, digits, scratch, out)?,
            Aggregate::Stddev { slot, digits } => self.stddev(slot, digits, scratch, out)?,
            Aggregate::Min(slot) => self.extreme(slot, Ordering::Less, scratch, out),
            Aggregate::Max(slot) => self.extreme(slot, Ordering::Greater, scratch, out),
            Aggregate::Percentile { slot, fraction } => self.percentile(slot, fraction, scratch, out),
            Aggregate::First(slot) => self.edge(slot, true, scratch, out),
            Aggregate::Last(slot) => self.edge(slot, false, scratch, out),
            Aggregate::Distinct(slot) => self.distinct(slot, scratch, out),
        }
        Ok(())
    }

    fn per_cell<'b>(&'b self, value: impl Fn(usize) -> Cell + 'b) -> impl Iterator<Item = Cell> + 'b {
        self.touched.iter().map(move |cell| value(*cell as usize))
    }

    fn count_matching(&self, predicate: usize, scratch: &mut Scratch) {
        let mask = &self.masks.masks[predicate];
        reset(&mut scratch.counts, self.counts.len(), 0);
        let counts = &mut scratch.counts;
        self.each_of(mask, |holds, cell| counts[cell] += u32::from(holds));
    }

    fn share(
        &self,
        predicate: Option<usize>,
        digits: Option<u8>,
        scratch: &mut Scratch,
        out: &mut Vec<Cell>,
    ) {
        match predicate {
            Some(predicate) => self.count_matching(predicate, scratch),
            None => {
                scratch.counts.clear();
                scratch.counts.extend_from_slice(self.counts);
            }
        }
        out.extend(self.per_cell(|cell| match (self.counts[cell], digits) {
            (0, _) => Cell::Null,
            (all, Some(digits)) => ratio(scratch.counts[cell].into(), all, digits),
            (all, None) => Cell::Float(f64::from(scratch.counts[cell]) / f64::from(all)),
        }));
    }

    /// One pass for all that is asked of the column.
    fn tally<'s>(&self, slot: usize, values: &[i64], scratch: &'s mut Scratch) -> &'s Tallies {
        let (tallies, known) = scratch.tallies.of(slot);
        if known {
            return tallies;
        }
        let cells = &mut tallies.cells;
        if cells.len() < self.counts.len() {
            cells.resize(self.counts.len(), Tally::NONE);
        }
        for cell in self.touched {
            cells[*cell as usize] = Tally::NONE;
        }
        let mut overflow = false;
        self.each_of(values, |value, cell| {
            if value != NULL_INTEGER {
                let tally = &mut cells[cell];
                let (sum, over) = tally.sum.overflowing_add(value);
                tally.sum = sum;
                tally.count += 1;
                tally.least = tally.least.min(value);
                tally.greatest = tally.greatest.max(value);
                overflow |= over;
            }
        });
        tallies.overflow = overflow;
        tallies
    }

    /// The same, for measures that need the sums.
    fn sums<'s>(
        &self,
        slot: usize,
        values: &[i64],
        scratch: &'s mut Scratch,
    ) -> Result<&'s [Tally], Overflow> {
        let tallies = self.tally(slot, values, scratch);
        if tallies.overflow {
            Err(Overflow)
        } else {
            Ok(&tallies.cells)
        }
    }

    /// In the order of the rows, as PostgreSQL's own accumulation goes.
    fn sum_floats(&self, values: &[f64], scratch: &mut Scratch) {
        reset(&mut scratch.floats, self.counts.len(), (0.0, 0.0));
        reset(&mut scratch.counts, self.counts.len(), 0);
        self.each_of(values, |value, cell| {
            if !is_null_float(value) {
                scratch.floats[cell].0 += value;
                scratch.counts[cell] += 1;
            }
        });
    }

    fn sum(&self, slot: usize, scratch: &mut Scratch, out: &mut Vec<Cell>) -> Result<(), Overflow> {
        match &self.table.columns[slot] {
            Column::Integer(values) => {
                let sums = self.sums(slot, values, scratch)?;
                out.extend(self.per_cell(|cell| match sums[cell].count {
                    0 => Cell::Null,
                    _ => Cell::Integer(Type::Int8, sums[cell].sum),
                }));
            }
            Column::Float(values) => {
                self.sum_floats(values, scratch);
                out.extend(self.per_cell(|cell| match scratch.counts[cell] {
                    0 => Cell::Null,
                    _ => Cell::Float(scratch.floats[cell].0),
                }));
            }
            Column::Text(_) | Column::Json(_) => out.extend(self.per_cell(|_| Cell::Null)),
        }
        Ok(())
    }

    fn mean(
        &self,
        slot: usize,
        digits: Option<u8>,
        scratch: &mut Scratch,
        out: &mut Vec<Cell>,
    ) -> Result<(), Overflow> {
        match &self.table.columns[slot] {
            Column::Integer(values) => {
                let sums = self.sums(slot, values, scratch)?;
                out.extend(self.per_cell(|cell| match (sums[cell].count, digits) {
                    (0, _) => Cell::Null,
                    (n, Some(digits)) => ratio(sums[cell].sum, n, digits),
                    (n, None) => Cell::Float(sums[cell].sum as f64 / f64::from(n)),
                }));
            }
            Column::Float(values) => {
                self.sum_floats(values, scratch);
                out.extend(self.per_cell(|cell| match scratch.counts[cell] {
                    0 => Cell::Null,
                    n => rounded(scratch.floats[cell].0 / f64::from(n), digits),
                }));
            }
            Column::Text(_) | Column::Json(_) => out.extend(self.per_cell(|_| Cell::Null)),
        }
        Ok(())
    }

    fn stddev(
        &self,
        slot: usize,
        digits: Option<u8>,
        scratch: &mut Scratch,
        out: &mut Vec<Cell>,
    ) -> Result<(), Overflow> {
        match &self.table.columns[slot] {
            Column::Integer(values) => {
                let mut squares = std::mem::take(&mut scratch.squares);
                reset(&mut squares, self.counts.len(), 0);
                self.each_of(values, |value, cell| {
                    if value != NULL_INTEGER {
                        squares[cell] += i128::from(value) * i128::from(value);
                    }
                });
                let sums = self.sums(slot, values, scratch)?;
                out.extend(self.per_cell(|cell| {
                    let n = i128::from(sums[cell].count);
                    if n < 2 {
                        return Cell::Null;
                    }
                    let sum = i128::from(sums[cell].sum);
                    let spread = (n * squares[cell]).saturating_sub(sum.saturating_mul(sum));
                    rounded((spread as f64 / (n * (n - 1)) as f64).sqrt(), digits)
                }));
                scratch.squares = squares;
            }
            Column::Float(values) => self.stddev_floats(values, digits, scratch, out),
            Column::Text(_) | Column::Json(_) => out.extend(self.per_cell(|_| Cell::Null)),
        }
        Ok(())
    }

    /// Youngs and Cramer's way, step by step as in PostgreSQL's `float8_accum`.
    fn stddev_floats(&self, values: &[f64], digits: Option<u8>, scratch: &mut Scratch, out: &mut Vec<Cell>) {
        reset(&mut scratch.floats, self.counts.len(), (0.0, 0.0));
        reset(&mut scratch.counts, self.counts.len(), 0);
        self.each(|row, cell| {
            let value = values[row];
            if is_null_float(value) {
                return;
            }
            let (sum, spread) = &mut scratch.floats[cell];
            scratch.counts[cell] += 1;
            let n = f64::from(scratch.counts[cell]);
            *sum += value;
            if n > 1.0 {
                let difference = value * n - *sum;
                *spread += difference * difference / (n * (n - 1.0));
            } else if !value.is_finite() {
                *spread = f64::NAN;
            }
        });
        out.extend(self.per_cell(|cell| match scratch.counts[cell] {
            0 | 1 => Cell::Null,
            n => rounded((scratch.floats[cell].1 / f64::from(n - 1)).sqrt(), digits),
        }));
    }

    /// The smallest or largest value of each cell.
    fn extreme(&self, slot: usize, wanted: Ordering, scratch: &mut Scratch, out: &mut Vec<Cell>) {
        if let Column::Integer(values) = &self.table.columns[slot] {
            let kind = self.table.kind(slot);
            let tallies = &self.tally(slot, values, scratch).cells;
            return out.extend(self.per_cell(|cell| match (tallies[cell].count, wanted) {
                (0, _) => Cell::Null,
                (_, Ordering::Less) => Cell::Integer(kind, tallies[cell].least),
                (_, Ordering::Equal | Ordering::Greater) => Cell::Integer(kind, tallies[cell].greatest),
            }));
        }
        reset(&mut scratch.best, self.counts.len(), NULL_TEXT);
        let best = &mut scratch.best;
        let mut keep = |row: usize, cell: usize, order: &dyn Fn(usize) -> Ordering| {
            if best[cell] == NULL_TEXT || order(best[cell] as usize) == wanted {
                best[cell] = row as u32;
            }
        };
        match &self.table.columns[slot] {
            Column::Float(values) => self.each(|row, cell| {
                if !is_null_float(values[row]) {
                    keep(row, cell, &|other| float_order(values[row], values[other]));
                }
            }),
            Column::Text(codes) => {
                let dictionary = self.table.dictionary(slot);
                self.each(|row, cell| {
                    if codes[row] != NULL_TEXT {
                        keep(row, cell, &|other| {
                            dictionary.text(codes[row]).cmp(dictionary.text(codes[other]))
                        });
                    }
                });
            }
            Column::Integer(_) | Column::Json(_) => {}
        }
        self.cells_of(slot, &scratch.best, out);
    }

    /// The first or last row of each cell, whatever its value.
    fn edge(&self, slot: usize, first: bool, scratch: &mut Scratch, out: &mut Vec<Cell>) {
        reset(&mut scratch.best, self.counts.len(), NULL_TEXT);
        self.each(|row, cell| {
            if !first || scratch.best[cell] == NULL_TEXT {
                scratch.best[cell] = row as u32;
            }
        });
        self.cells_of(slot, &scratch.best, out);
    }

    fn cells_of(&self, slot: usize, rows: &[u32], out: &mut Vec<Cell>) {
        out.extend(self.per_cell(|cell| match rows[cell] {
            NULL_TEXT => Cell::Null,
            row => self.table.cell(slot, row as usize),
        }));
    }

    /// The discrete percentile: the values of each cell side by side, then a selection.
    fn percentile(&self, slot: usize, fraction: f64, scratch: &mut Scratch, out: &mut Vec<Cell>) {
        self.place(scratch);
        let rank = |n: usize| ((fraction * n as f64).ceil() as usize).clamp(1, n.max(1)) - 1;
        let kind = self.table.kind(slot);
        match &self.table.columns[slot] {
            Column::Integer(values) => {
                let (sorted, known) = scratch.sorted.of(slot);
                if !known {
                    self.sort(values, &scratch.starts, sorted);
                }
                out.extend(self.per_cell(|cell| {
                    let (from, until) = (scratch.starts[cell] as usize, sorted.ends[cell] as usize);
                    match until - from {
                        0 => Cell::Null,
                        n => Cell::Integer(kind, sorted.values[from + rank(n)]),
                    }
                }));
            }
            Column::Float(values) => {
                scratch.values.resize(self.cells.len(), 0.0);
                let (floats, fill) = (&mut scratch.values, &mut scratch.best);
                self.each(|row, cell| {
                    if !is_null_float(values[row]) {
                        floats[fill[cell] as usize] = values[row];
                        fill[cell] += 1;
                    }
                });
                out.extend(self.touched.iter().map(|cell| {
                    let (from, until) = (
                        scratch.starts[*cell as usize] as usize,
                        fill[*cell as usize] as usize,
                    );
                    let values = &mut floats[from..until];
                    match values.len() {
                        0 => Cell::Null,
                        n => {
                            let value = *values
                                .select_nth_unstable_by(rank(n), |a, b| float_order(*a, *b))
                                .1;
                            if kind == Type::Float4 {
                                Cell::Float4(value as f32)
                            } else {
                                Cell::Float(value)
                            }
                        }
                    }
                }));
            }
            Column::Text(_) | Column::Json(_) => out.extend(self.per_cell(|_| Cell::Null)),
        }
    }

    /// Each cell's values side by side, ascending.
    fn sort(&self, values: &[i64], starts: &[u32], sorted: &mut Sorted) {
        sorted.ends.clear();
        sorted.ends.extend_from_slice(starts);
        if sorted.values.len() < self.cells.len() {
            sorted.values.resize(self.cells.len(), 0);
        }
        self.each_of(values, |value, cell| {
            if value != NULL_INTEGER {
                let end = &mut sorted.ends[cell];
                sorted.values[*end as usize] = value;
                *end += 1;
            }
        });
        for cell in self.touched {
            let cell = *cell as usize;
            sorted.values[starts[cell] as usize..sorted.ends[cell] as usize].sort_unstable();
        }
    }

    /// Where each cell's values begin when they stand side by side; `best` is where the next goes.
    fn place(&self, scratch: &mut Scratch) {
        scratch.starts.clear();
        let mut start = 0;
        for count in self.counts {
            scratch.starts.push(start);
            start += count;
        }
        scratch.best.clone_from(&scratch.starts);
    }

    fn distinct(&self, slot: usize, scratch: &mut Scratch, out: &mut Vec<Cell>) {
        let pairs = &mut scratch.pairs;
        pairs.clear();
        match &self.table.columns[slot] {
            Column::Integer(values) => self.each(|row, cell| {
                if values[row] != NULL_INTEGER {
                    pairs.push((cell as u32, values[row] as u64));
                }
            }),
            Column::Float(values) => self.each(|row, cell| {
                if !is_null_float(values[row]) {
                    // Adding zero makes -0 and 0 one.
                    pairs.push((cell as u32, (values[row] + 0.0).to_bits()));
                }
            }),
            Column::Text(codes) => self.each(|row, cell| {
                if codes[row] != NULL_TEXT {
                    pairs.push((cell as u32, codes[row].into()));
                }
            }),
            Column::Json(_) => {}
        }
        pairs.sort_unstable();
        pairs.dedup();
        reset(&mut scratch.counts, self.counts.len(), 0);
        for (cell, _) in pairs {
            scratch.counts[*cell as usize] += 1;
        }
        out.extend(self.per_cell(|cell| integer(scratch.counts[cell])));
    }
}

fn integer(value: u32) -> Cell {
    Cell::Integer(Type::Int8, value.into())
}

/// Rounded exactly where 64 bits hold it, else by way of a float.
fn ratio(numerator: i64, denominator: u32, digits: u8) -> Cell {
    match Decimal::ratio(numerator, denominator, digits) {
        Some(decimal) => Cell::Decimal(decimal),
        None => rounded(numerator as f64 / f64::from(denominator), Some(digits)),
    }
}

fn rounded(value: f64, digits: Option<u8>) -> Cell {
    Cell::Float(match digits {
        Some(digits) => decimal::round(value, digits),
        None => value,
    })
}

fn reset<T: Copy>(values: &mut Vec<T>, len: usize, value: T) {
    values.clear();
    values.resize(len, value);
}

//! Rows of one object as they are, in the dataset's order or another.

use std::cmp::Ordering;

use crate::{
    cell::{NULL_INTEGER, NULL_TEXT, float_order, is_null_float},
    layout::RowsWork,
    predicate::Masks,
    table::{Column, Table},
};

/// Writes a section of rows.
pub(crate) fn write(work: &RowsWork, table: &Table, masks: &Masks, order: &mut Vec<u32>, out: &mut Vec<u8>) {
    order.clear();
    match work.filter {
        Some(filter) => order.extend_from_slice(&masks.selections[filter]),
        None => order.extend(0..table.rows as u32),
    }
    if !work.order.is_empty() {
        let compare = |a: &u32, b: &u32| {
            work.order
                .iter()
                .map(|(slot, descending)| compare(table, *slot, *descending, *a as usize, *b as usize))
                .find(|order| order.is_ne())
                .unwrap_or_else(|| a.cmp(b))
        };
        // The place in the dataset breaks ties, so the order is total and an unstable sort will do.
        if work.limit > 0 && work.limit < order.len() {
            order.select_nth_unstable_by(work.limit - 1, compare);
            order.truncate(work.limit);
        }
        order.sort_unstable_by(compare);
    }
    order.truncate(work.limit);
    out.push(b'[');
    for (at, row) in order.iter().enumerate() {
        out.extend_from_slice(if at > 0 { b",{" } else { b"{" });
        for (label, slot) in &work.columns {
            label.write(out);
            table.write(*slot, *row as usize, out);
        }
        out.push(b'}');
    }
    out.push(b']');
}

/// Nulls last, whatever the direction.
fn compare(table: &Table, slot: usize, descending: bool, a: usize, b: usize) -> Ordering {
    let directed = |order: Ordering| if descending { order.reverse() } else { order };
    let nulls = |a_null: bool, b_null: bool| a_null.cmp(&b_null);
    match &table.columns[slot] {
        Column::Integer(values) => match (values[a] == NULL_INTEGER, values[b] == NULL_INTEGER) {
            (false, false) => directed(values[a].cmp(&values[b])),
            (a, b) => nulls(a, b),
        },
        Column::Float(values) => match (is_null_float(values[a]), is_null_float(values[b])) {
            (false, false) => directed(float_order(values[a], values[b])),
            (a, b) => nulls(a, b),
        },
        Column::Text(codes) => match (codes[a] == NULL_TEXT, codes[b] == NULL_TEXT) {
            (false, false) => {
                let dictionary = table.dictionary(slot);
                directed(dictionary.text(codes[a]).cmp(dictionary.text(codes[b])))
            }
            (a, b) => nulls(a, b),
        },
        Column::Json(_) => Ordering::Equal,
    }
}

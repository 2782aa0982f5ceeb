//! More groups than can be numbered.

use model::column::Type;

use super::*;

/// Eight dimensions of 256 values, whose product wraps to nothing.
fn dimensions(rows: usize) -> Vec<Coded> {
    (0..DIMENSIONS_MAX as u32)
        .map(|at| {
            let mut coded = Coded::default();
            coded.codes = (0..rows as u32).map(|row| row * (at + 3) % 256).collect();
            coded.values = (0..256).map(|value| Cell::Integer(Type::Int4, value)).collect();
            coded
        })
        .collect()
}

#[test]
fn as_many_values_as_you_like_are_grouped_by() {
    let rows = 600;
    let coded = dimensions(rows);
    let dimensions: Vec<&Coded> = coded.iter().collect();
    let tuple = |row: usize| -> Vec<u32> { coded.iter().map(|coded| coded.codes[row]).collect() };
    let selection: Vec<u32> = (0..rows as u32).filter(|row| row % 3 > 0).collect();
    for selection in [None, Some(selection.as_slice())] {
        let mut groups = Groups::default();
        groups.group(&dimensions, selection, rows);
        let selected: Vec<usize> = match selection {
            None => (0..rows).collect(),
            Some(selection) => selection.iter().map(|row| *row as usize).collect(),
        };
        let mut expected: Vec<Vec<u32>> = selected.iter().map(|row| tuple(*row)).collect();
        expected.sort();
        expected.dedup();
        assert_eq!(groups.touched.len(), expected.len());
        for (at, row) in selected.iter().enumerate() {
            let cell = groups.cells[at] as usize;
            assert_eq!(expected[cell], tuple(*row));
            assert_eq!(expected[cell], tuple(groups.members[cell] as usize));
        }
    }
}

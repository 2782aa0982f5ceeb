//! A mark is the same for ever, and tells parts apart.

use super::Mark;

#[test]
fn a_mark_is_the_published_one_of_its_bytes() {
    // Eight bytes of length, then "a": computed with Python from the definition of FNV-1a.
    assert_eq!(Mark::new().with(b"a"), Mark(0x426d56754e03ad9adb79f299c730f21f));
}

#[test]
fn where_a_part_ends_counts() {
    let marks = [
        Mark::new().with(b"ab").with(b"c"),
        Mark::new().with(b"a").with(b"bc"),
        Mark::new().with(b"abc"),
        Mark::new().with(b"abc").with(b""),
    ];
    for (at, mark) in marks.iter().enumerate() {
        assert!(!marks[..at].contains(mark));
    }
}

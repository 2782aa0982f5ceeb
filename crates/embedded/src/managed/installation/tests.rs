//! Versions, and directories without binaries.

use super::*;

#[test]
fn versions_are_numbers() {
    let rows = [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
        ("postgres (PostgreSQL) 19beta1", Some(19)),
        ("postgres (PostgreSQL)", None),
        ("", None),
    ];
    for (text, expect) in rows {
        assert_eq!(parse_major(text), expect, "{text}");
    }
}

#[test]
fn a_directory_without_them_is_nothing() {
    let account = Account::choose(Path::new("/nonexistent")).unwrap();
    assert_eq!(
        find(
            &[PathBuf::from("/nonexistent"), PathBuf::from("/")],
            false,
            &account
        ),
        []
    );
}

//! Which statements are refused.

use super::refusal;

#[test]
fn only_what_harms_is_refused() {
    let refused = [
        "COPY t FROM STDIN",
        "copy t (a, b) from stdin with (format binary)",
        "/* a /* b */ */ copy public.\"T\" -- why\n from\tStdin",
        "begin; select 1; copy t from stdin; commit",
        "listen news",
        "DISCARD ALL",
        "discard plans",
        "DEALLOCATE ALL",
        "deallocate prepare all",
        "select 'it''s'; copy t from stdin",
        r"select E'\''; copy t from stdin",
        "select $x$ ; $x$; copy t from stdin",
        "select $1; copy t from stdin",
    ];
    for sql in refused {
        assert!(refusal(sql.as_bytes()).is_some(), "{sql}");
    }
    let taken = [
        "",
        "select 1",
        "copy t to stdout",
        "copy (select 'from stdin' from t) to stdout",
        "select 'copy t from stdin'",
        "select $$; copy t from stdin$$",
        "select $body$; copy t from stdin; $$ $body$",
        "-- copy t from stdin",
        "/* ; copy t from stdin */ select 1",
        "select \"; copy t from stdin\"",
        r"select '\'; select 'copy t from stdin'",
        "deallocate s1",
        "discard temp",
        "notify news",
        "select 'unfinished",
        "select $unfinished",
        "/* unfinished",
        "select e'unfinished\\",
    ];
    for sql in taken {
        assert_eq!(refusal(sql.as_bytes()), None, "{sql}");
    }
}

#[test]
fn a_table_called_stdin_is_refused_too() {
    // Known: nobody calls a table so, and telling the two apart needs a parser.
    assert!(refusal(b"copy (select a from stdin) to stdout").is_some());
}

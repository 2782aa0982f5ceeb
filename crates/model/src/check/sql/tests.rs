//! Statements in, what they have out.

use proptest::prelude::*;

use super::scan::scan;

#[track_caller]
fn check(sql: &str, expect: &str) {
    let said = match scan(sql) {
        Ok(scanned) => {
            let numbers: Vec<u32> = scanned.parameters.iter().map(|(number, _)| *number).collect();
            let second = scanned.second_statement.map(|span| sql[span].to_owned());
            format!(
                "{:?} {numbers:?} then {}",
                &sql[..scanned.end],
                second.as_deref().unwrap_or("nothing")
            )
        }
        Err(unclosed) => format!("{} at {}", unclosed.message, unclosed.span.start),
    };
    assert_eq!(said, expect);
}

#[test]
fn statements() {
    check("", r#""" [] then nothing"#);
    check(" -- nothing\n ;;", r#""" [] then nothing"#);
    check("select $1;", r#""select $1" [1] then nothing"#);
    check("select $1 ; -- bye", r#""select $1" [1] then nothing"#);
    check("select $1 -- bye", r#""select $1" [1] then nothing"#);
    check("select 1; select 2", r#""select 1" [] then select"#);
    check(
        "select ';', \"$1;\", $12",
        r#""select ';', \"$1;\", $12" [12] then nothing"#,
    );
    check(
        "select 'it''s $1' , E'\\'$1', $1",
        r#""select 'it''s $1' , E'\\'$1', $1" [1] then nothing"#,
    );
    check(
        "select $$ ; $1 $$, $a$ $$ $1 $a$",
        r#""select $$ ; $1 $$, $a$ $$ $1 $a$" [] then nothing"#,
    );
    check(
        "select a$1, 1 /* /* $1 */ ; */",
        r#""select a$1, 1" [] then nothing"#,
    );
    check(
        "select 'größe', größe$1, $1",
        r#""select 'größe', größe$1, $1" [1] then nothing"#,
    );
    check("select '", "this quote is never closed at 7");
    check("select /* /* */", "this comment is never closed at 7");
    check("select $a$ $b$", "this dollar quote is never closed at 7");
    check("/*/", "this comment is never closed at 0");
}

proptest! {
    #[test]
    fn any_text_is_read(sql in "\\PC{0,40}|[a-z0-9'\"$;/*\n -]{0,60}") {
        if let Ok(scanned) = scan(&sql) {
            prop_assert!(sql.get(..scanned.end).is_some());
        }
    }
}

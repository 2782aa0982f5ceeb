//! Models in, faults out: each row edits the sample model in one place and shows what is said of it.

use std::fmt::Write;

use proptest::prelude::*;

use super::check;
use crate::{
    diagnostic::Faults,
    file::{Files, ROOT},
    reference,
};

/// The sample with the first place of `from` replaced.
fn edited(from: &str, to: &str) -> Files {
    let sample = reference::sample();
    let text = sample.get(ROOT).unwrap();
    assert!(
        from.is_empty() || text.contains(from),
        "the sample has no `{from}`"
    );
    let edited = text.replacen(from, to, 1);
    let others = sample.paths().filter(|path| *path != ROOT);
    let others = others.map(|path| (path.to_owned(), sample.get(path).unwrap().to_owned()));
    Files::new(others.chain([(ROOT.to_owned(), edited)]))
}

fn short(faults: &Faults) -> String {
    let lines = faults.0.iter().map(|fault| {
        let meant: String = fault
            .source
            .chars()
            .skip(fault.column - 1)
            .take(fault.width)
            .collect();
        let hint = fault.hint.as_deref().unwrap_or("NO HINT");
        format!(
            "  {}:{} [{meant}] {}\n    hint: {hint}\n",
            fault.file, fault.line, fault.message
        )
    });
    lines.collect()
}

/// What is said of each edit of the sample.
fn said(edits: &[(&str, &str)]) -> String {
    let mut said = String::new();
    for (from, to) in edits {
        let result = check(&edited(from, to));
        writeln!(
            said,
            "{}",
            to.lines()
                .map(|line| format!("> {line}\n"))
                .collect::<String>()
                .trim_end()
        )
        .unwrap();
        match result {
            Ok(_) => writeln!(said, "  fine").unwrap(),
            Err(faults) => write!(said, "{}", short(&faults)).unwrap(),
        }
    }
    said
}

#[test]
fn sample_is_fine() {
    insta::assert_debug_snapshot!(check(&reference::sample()).unwrap());
}

#[test]
fn six_faults_show_six_faults() {
    let faults = check(&reference::broken()).unwrap_err();
    assert_eq!(faults.0.len(), 6);
    insta::assert_snapshot!(faults);
}

#[test]
fn shape() {
    let said = said(&[
        ("name = \"flights\"\n", "nam = \"flights\"\n"),
        ("name = \"flights\"\n", "name = \"Flights!\"\n"),
        ("name = \"flights\"\n", "name = 5\n"),
        ("title = \"Flights from", "title = \"\" # "),
        ("object = \"aircraft\"", "object = \"aircrafts\""),
        ("object = \"aircraft\"", ""),
        ("object = \"aircraft\"", "object = \"aircraft"),
        ("object = \"aircraft\"", "object = \"aircraft\"\nobject = \"b\""),
        ("[database.fleet]", "[database.Fleet]"),
        ("[database.fleet]", "[databases.fleet]"),
        ("connections = 2", "connections = 0"),
        ("connections = 2", "connections = 2.5"),
        ("connections = 2", "connections = 9223372036854775808"),
        ("gaps = true", "gaps = \"yes\""),
        ("limit = 20", "limit = 0"),
        ("limit = 20", "limit = 4294967296"),
        (
            "measures = [\"flights\", \"departure_delay\"]",
            "measures = [\"flights\", 5]",
        ),
        (
            "measures = [\"flights\", \"departure_delay\"]",
            "measures = \"flights\"",
        ),
        ("flights = \"count\"", "flights = 5"),
        ("month = \"int2\"", "a.b = \"int2\"\nmonth = \"int2\""),
        ("month = \"int2\"", "\"a.b\" = \"int2\"\nmonth = \"int2\""),
        ("[[section]]\nname = \"flights\"", "[section]\nname = \"flights\""),
        (
            "[[section]]\nname = \"flights\"",
            "[[section]]\nnmae = \"flights\"",
        ),
        ("[[section]]\nname = \"flights\"", "[[section]]"),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn databases_and_collections() {
    let said = said(&[
        ("\"5s\"", "\"5\""),
        ("\"5s\"", "\"s\""),
        ("\"5s\"", "\"0s\""),
        ("\"5s\"", "\"99999999999999999999h\""),
        ("\"5s\"", "\"1m\""),
        (
            "schema = \"schema/operations.sql\"",
            "schema = \"operations.sql\"",
        ),
        ("schema = \"schema/operations.sql\"", ""),
        ("schema = \"schema/operations.sql\"", "schema = \"-- nothing\""),
        (
            "schema = \"schema/operations.sql\"",
            "schema = \"create table a (b text default $1)\"",
        ),
        ("data/flights.csv.zst", "data/flights.parquet"),
        ("data/flights.csv.zst", "/data/flights.csv.gz"),
        ("load = { flights", "load = { \"a.b.c\""),
        ("database = \"fleet\"", "database = \"fleed\""),
        ("title = \"Aircraft\"", "table = \"public.aircraft\""),
        ("title = \"Aircraft\"", "table = \"a..b\""),
        ("key = \"tailnum\"", "key = \"tailnumber\""),
        ("key = \"tailnum\"", ""),
        ("tailnum = \"text\", year", "tailnum = \"float8\", year"),
        ("tailnum = \"text\", year", "tailnum = \"uuid\", year"),
        ("year = \"int2\", manu", "year = \"jsonb\", manu"),
        ("year = \"int2\", manu", "year = \"number\", manu"),
        ("[collection.aircraft]", "[collection.objects]"),
        (
            "manufacturer = \"text\"",
            "m123456789m123456789m123456789m123456789m123456789m123456789m1234 = \"text\"",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn revisions() {
    let said = said(&[
        ("revisions = true", "revisions = false"),
        ("revisions = true", "revision = true"),
        ("revisions = true", "notify = true"),
        ("revisions = true", "revisions = \"yes\""),
        (
            "object = \"tailnum\"\ntime = \"done\"",
            "object = \"tail\"\ntime = \"don\"",
        ),
        (
            "object = \"tailnum\"\ntime = \"done\"",
            "object = \"hours\"\ntime = \"id\"",
        ),
        ("object = \"tailnum\"\ntime = \"done\"", "time = \"done\""),
        ("object = \"tailnum\"\ntime = \"done\"", "object = \"tailnum\""),
        ("required = [\"tailnum\", \"hours\"]", "required = [\"tail\", 5]"),
        ("hours = \"0..10000\"", "hour = \"0..10000\""),
        ("hours = \"0..10000\"", "hours = \"0-10\""),
        ("hours = \"0..10000\"", "hours = \"..\""),
        ("hours = \"0..10000\"", "hours = \"10..0\""),
        ("hours = \"0..10000\"", "id = \"1.5..\""),
        ("hours = \"0..10000\"", "done = \"2013..2014\""),
        ("mechanic = \"..40\"", "mechanic = \"-1..40\""),
        ("mechanic = \"..40\"", "month = \"1..12\""),
        ("date_part('month', done)::int2\"", "date_part('month, done)\""),
        ("date_part('month', done)::int2\"", "1; drop table x\""),
        ("date_part('month', done)::int2\"", "$1\""),
        ("date_part('month', done)::int2\"", "(select 1 from {aircraft})\""),
        ("computed = { month", "computed = { mont"),
        ("computed = { month", "computed = { done"),
        (
            "month = \"int2\" }\n\n[dataset.weather]",
            "month = \"int2\", author = \"text\", superseded_at = \"date\", Revision = \"int4\" }\n\n[dataset.weather]",
        ),
        (
            "[collection.repairs]\n",
            "[collection.repairs]\ntable = \"fleet.repairs_of_all_the_aircraft_that_ever_flew_from_new_york\"\n",
        ),
        ("key = \"tailnum\"\n", "key = \"tailnum\"\nrevisions = true\n"),
        (
            "key = \"tailnum\"\n",
            "key = \"tailnum\"\ntime = \"year\"\nbounds = { year = \"1..\" }\n",
        ),
        // In braces.
        (
            "sql = \"sections/siblings.sql\"",
            "sql = \"select tailnum as object, 'x' as year from {repairs} where tailnum = any($1) and '{nothing}' <> '' -- {none}\"",
        ),
        (
            "sql = \"sections/siblings.sql\"",
            "sql = \"select 1 from {repair} r, {aircraft} a, {repairs} where $1 is null\"",
        ),
        (
            "sql = \"sections/flights.sql\"",
            "sql = \"select 1 from {repairs} where $1 is null\"",
        ),
        (
            "sql = \"select origin, time_hour, wind from weather\"",
            "sql = \"select 1 from {repairs}\"",
        ),
        (
            "version = \"select max(id) from flights\"",
            "version = \"select 1 from {repairs}\"",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn collections_in_braces_become_views_or_what_was_known() {
    let sql = "select r.tailnum as object from {repairs} r join {repairs} s using (id) where r.tailnum = any($1) -- x";
    let files = edited("sql = \"sections/siblings.sql\"", &format!("sql = \"{sql}\""));
    let model = match check(&files) {
        Ok(model) => model,
        Err(faults) => panic!("{faults}"),
    };
    let own = model.sections.iter().find_map(|section| match &section.kind {
        crate::section::Kind::Own(own) => Some(own),
        _ => None,
    });
    let sql = &own.unwrap().sql;
    assert_eq!(sql.reads, [1]);
    insta::assert_snapshot!(format!("{}\n\n{}", sql.text, sql.as_of.as_deref().unwrap()));
}

#[test]
fn datasets() {
    let said = said(&[
        ("sql = \"sections/flights.sql\"", "sql = \"flights.sql\""),
        ("sql = \"sections/flights.sql\"", "sql = \"sections/fligths.sql\""),
        ("sql = \"sections/flights.sql\"", "sql = \"select 1\""),
        ("sql = \"sections/flights.sql\"", "sql = \"select '$1' -- $1\""),
        ("sql = \"sections/flights.sql\"", "sql = \"select $1, $2\""),
        ("sql = \"sections/flights.sql\"", "sql = \"select $1; select 2\""),
        (
            "sql = \"sections/flights.sql\"",
            "sql = \"\"\"\nselect $1;\n -- bye\n\"\"\"",
        ),
        (
            "sql = \"sections/flights.sql\"",
            "sql = \"delete from flights where id = any($1)\"",
        ),
        ("sql = \"sections/flights.sql\"", "sql = \"select 'open, $1\""),
        (
            "sql = \"sections/flights.sql\"",
            "sql = \"select \\\"a\\\" $1; select\"",
        ),
        (
            "sql = \"select origin, time_hour, wind from weather\"",
            "sql = \"select $1\"",
        ),
        (
            "version = \"select max(id) from flights\"",
            "version = \"select $1\"",
        ),
        ("object = \"tailnum\"", "object = \"tailnumber\""),
        ("object = \"tailnum\"", "object = \"scheduled\""),
        ("object = \"tailnum\"", "object = \"id\""),
        ("object = \"tailnum\"", ""),
        ("object = \"tailnum\"", "objekt = \"tailnum\""),
        ("time = \"scheduled\"", ""),
        ("time = \"scheduled\"", "time = \"id\""),
        ("key = \"id\"", ""),
        ("key = \"id\"", "key = \"scheduled\""),
        ("month = \"int2\"", "month = \"number\""),
        ("[dataset.flights.join.weather]", "[dataset.flights.join.wether]"),
        ("[dataset.flights.join.weather]", "[dataset.flights.join.flights]"),
        (
            "on = { origin = \"origin\", time_hour = \"time_hour\" }",
            "on = {}",
        ),
        ("on = { origin = \"origin\", time_hour = \"time_hour\" }", ""),
        (
            "on = { origin = \"origin\", time",
            "on = { orign = \"origen\", time",
        ),
        ("on = { origin = \"origin\", time", "on = { id = \"origin\", time"),
        ("wind = \"float8\"", "wind = \"bool\""),
        (", wind = \"float8\"", ", windy = \"int2\""),
        (
            "[dataset.weather]\n",
            "[dataset.weather]\nmeasures = { n = \"count\" }\n",
        ),
        ("[dataset.weather]\n", "[dataset.weather]\ntime = \"time_hour\"\n"),
        (
            "[dataset.weather]\n",
            "[dataset.weather.join.flights]\non = { origin = \"origin\" }\n[dataset.weather]\n",
        ),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn sections() {
    let said = said(&[
        ("name = \"delays.worst\"", "name = \"delays\""),
        ("name = \"delays.worst\"", "name = \"delays.monthly\""),
        ("name = \"delays.monthly\"", "name = \"delays\""),
        ("name = \"by.route\"", "name = \"delays.route\""),
        ("name = \"by.route\"", "name = \"By.route\""),
        ("name = \"summary\"", "name = \"year\""),
        ("name = \"summary\"", "name = \"id\""),
        (
            "name = \"summary\"\ndataset = \"flights\"",
            "name = \"summary\"\ndataset = \"flight\"",
        ),
        (
            "name = \"summary\"\ndataset = \"flights\"",
            "name = \"summary\"\ndataset = \"weather\"",
        ),
        ("name = \"summary\"\ndataset = \"flights\"", "name = \"summary\""),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "title = \"Nothing\"",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = []",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = [\"flights\", \"canceled\", \"count\"]",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = [\"flights\", \"flights\"]",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = { p = \"sum(origin)\", q = \"count(x)\" }",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = [\"p90\"]\nrows = [\"origin\"]",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = [\"p90\"]\ntrend = \"p90\"",
        ),
        (
            "measures = [\"flights\", \"cancelled\", \"p90\"]",
            "measures = [\"p90\"]\ntop = { by = \"p90\", limit = 1 }",
        ),
        ("by = [\"month\"]", "by = [\"mont\"]"),
        ("by = [\"month\"]", "by = [\"weather.wind\"]"),
        ("by = [\"month\"]", "by = [\"month\", \"month\"]"),
        ("by = [\"month\"]", "by = { flights = \"month\" }"),
        ("by = [\"month\"]", "by = { \"a.b\" = \"month\" }"),
        ("by = \"-flights\", limit", "by = \"-flight\", limit"),
        ("by = \"-flights\", limit = 10", "by = \"-flights\""),
        (
            "order = [\"-dep_delay\"]",
            "order = [\"-dep_dely\", \"weather.wind\"]",
        ),
        ("where = \"dep_delay > 15", "where = \"dep_delay > 'x'"),
        ("where = \"dep_delay > 15", "where = \"dep_dely > 15"),
        ("where = \"dep_delay > 15", "where = \"\\u0064ep_dely > 15"),
        (
            "where = \"dep_delay > 15 and origin in ('JFK', 'LGA')\"",
            "where = \"\"",
        ),
        (
            "rows = [\"scheduled\",",
            "rows = [\"scheduled\", \"weather.origin\",",
        ),
        (
            "rows = { at = \"scheduled\", delay = \"dep_delay\", wind = \"weather.wind\" }",
            "rows = []",
        ),
        ("series = \"month\"", "series = \"months\""),
        ("series = \"month\"", "series = \"hour\""),
        (
            "timezone = \"America/New_York\"",
            "timezone = \"america/new_york\"",
        ),
        ("timezone = \"America/New_York\"", "timezone = \"New York\""),
        ("timezone = \"America/New_York\"", "timezone = \"EDT5\""),
        ("trend = \"departure_delay\"", "trend = \"delay\""),
        (
            "measures = [\"flights\", \"departure_delay\"]\ntrend = \"departure_delay\"",
            "measures = { departure_delay = \"first(origin)\" }\ntrend = \"departure_delay\"",
        ),
        ("scheduled = \"timestamptz\"", "scheduled = \"date\""),
        ("object = { object = \"text\" }", "object = { object = \"int4\" }"),
        ("object = { object = \"text\" }", "object = { object = \"bool\" }"),
        (
            "object = { object = \"text\" }",
            "object = { a = \"text\", b = \"text\" }",
        ),
        ("object = { object = \"text\" }", "object = \"object\""),
        (
            "columns = { tailnum = \"text\", year = \"int2\" }\nsingle",
            "single",
        ),
        ("single = false", "single = false\nlimit = 1"),
        ("single = false", "single = false\ndataset = \"flights\""),
    ]);
    insta::assert_snapshot!(said);
}

#[test]
fn many_at_once() {
    let model = "object = \"a\"\n[database.d]\n[collection.a]\ndatabase = \"e\"\ncolumns = { a = \"b\" }\n[[section]]\n";
    let said = short(&check(&Files::new([(ROOT, model)])).unwrap_err());
    insta::assert_snapshot!(said);
    insta::assert_snapshot!(short(&check(&Files::default()).unwrap_err()), @r"
      model.toml:1 [] there is no `model.toml`
        hint: name the directory that holds one
    ");
}

#[test]
fn faults_in_sql_point_into_its_file() {
    let sample = reference::sample();
    let sql = "select *\nfrom flights\nwhere tailnum = any($1) and id = $2;\n";
    let files = Files::new([
        (ROOT, sample.get(ROOT).unwrap()),
        ("schema/operations.sql", "select 'x"),
        ("sections/flights.sql", sql),
        ("sections/siblings.sql", "select 1 from a"),
    ]);
    insta::assert_snapshot!(check(&files).unwrap_err());
}

proptest! {
    /// Whatever is cut out of a model or put into it, it is refused with faults or it is fine.
    #[test]
    fn never_panics(start in 0usize..3000, length in 0usize..40, insert in "[ -~\n]{0,8}") {
        let text = reference::sample().get(ROOT).unwrap().to_owned();
        let start = start.min(text.len());
        let end = (start + length).min(text.len());
        let files = edited(&text, &format!("{}{insert}{}", &text[..start], &text[end..]));
        if let Err(faults) = check(&files) {
            prop_assert!(!faults.0.is_empty());
            prop_assert!(faults.0.iter().all(|fault| !fault.message.contains("cannot say why")), "{faults}");
            prop_assert!(!faults.to_string().is_empty());
        }
    }
}

#[test]
fn a_model_without_sections_has_one_fault() {
    let head = "name = \"a\"\nobject = \"things\"\n";
    let rest = "[database.main]\n[collection.things]\ndatabase = \"main\"\nkey = \"id\"\ncolumns = { id = \"int4\" }\n";
    for (lacking, says) in [
        (format!("{head}{rest}"), "lacks `section`"),
        (format!("{head}section = []\n{rest}"), "lacks `section`"),
        (format!("{head}{rest}[[sections]]\nname = \"b\"\n"), "`sections`"),
        (format!("{head}section = 5\n{rest}"), "`section`"),
    ] {
        let faults = check(&Files::new([("model.toml", lacking.as_str())])).unwrap_err();
        assert_eq!(faults.0.len(), 1, "{faults}");
        assert!(faults.to_string().contains(says), "{faults}");
    }
}

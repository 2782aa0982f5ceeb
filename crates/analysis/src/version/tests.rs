//! Which statements read the object's own records and nothing else.

use model::file::Files;

use super::*;

fn of(sql: &str) -> bool {
    let toml = format!(
        "name = \"test\"\nobject = \"planes\"\n[database.main]\n\
         [collection.planes]\ndatabase = \"main\"\nkey = \"id\"\nrevisions = true\ncolumns = {{ id = \"int4\" }}\n\
         [collection.flights]\ndatabase = \"main\"\nkey = \"id\"\nrevisions = true\nobject = \"plane\"\ntime = \"at\"\n\
         columns = {{ id = \"int4\", plane = \"int4\", at = \"timestamptz\" }}\n\
         [dataset.flights]\ndatabase = \"main\"\nobject = \"plane\"\ntime = \"at\"\nkey = \"id\"\n\
         sql = \"{sql}\"\ncolumns = {{ id = \"int4\", plane = \"int4\", at = \"timestamptz\" }}\n\
         [dataset.flights.measures]\nflights = \"count\"\n\
         [[section]]\nname = \"total\"\ndataset = \"flights\"\nmeasures = [\"flights\"]\n"
    );
    let model = model::check::check(&Files::new([("model.toml", &*toml)]))
        .unwrap_or_else(|faults| panic!("{faults}"));
    let dataset = &model.datasets[0];
    reads_objects_own(&model, &dataset.sql, dataset)
}

#[test]
fn in_doubt_all_records_count() {
    assert!(of("select id, plane, at from {flights} where plane = any($1)"));
    assert!(of(
        "select f.id, f.plane, f.at from {flights} f where f.plane = any($1) and f.id > 7"
    ));
    for sql in [
        "with f as (select * from {flights}) select a.id, a.plane, b.at from f a left join f b on b.id = a.id + 1 where a.plane = any($1)",
        "select a.id, a.plane, b.at from {flights} a join {flights} b on b.id = a.id where a.plane = any($1)",
        "select p.plane, f.id, f.at from routes p join {flights} f on f.route = p.route where p.plane = any($1)",
        "select p.plane, f.id, f.at from routes p, {flights} f where f.route = p.route and p.plane = any($1)",
        "select p.plane, p.id, (select max(at) from {flights}) as at from p where p.plane = any($1)",
        "select id, plane, max(at) over (partition by id) as at from {flights} where plane = any($1)",
        "select id, plane, at from {flights} where plane = any($1) except select 1, 2, now()",
        "select id, plane, at from {flights} f where plane = any($1) and exists (select from {flights} g where g.id = f.id + 1)",
    ] {
        assert!(!of(sql), "{sql}");
    }
}

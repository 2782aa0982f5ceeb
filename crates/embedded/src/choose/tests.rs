//! The order of choice as a table.

use super::*;

/// `given engine held cluster found built -> expected`, the columns apart by blanks, `-` for nothing.
const TABLE: &str = "
    url        auto        -        -   -      yes  -> external
    url        managed     both     15  15     no   -> external
    managed    auto        -        -   15     yes  -> managed 0
    managed    in-process  -        -   15     yes  -> managed 0
    managed    auto        -        -   -      yes  -> find `postgres` and `initdb` for database \"fleet\"
    managed    auto        in       -   15     yes  -> managed 0
    in-process auto        managed  15  15     yes  -> in-process
    in-process managed     -        -   15     yes  -> in-process
    in-process auto        -        -   15     no   -> open database \"fleet\" in-process: this build has no engine
    -          managed     in       -   15     yes  -> managed 0
    -          managed     -        -   -      yes  -> find `postgres` and `initdb` for database \"fleet\"
    -          in-process  -        -   -      no   -> open database \"fleet\" in-process: this build has no engine
    -          auto        in       -   15,18  yes  -> in-process
    -          auto        in       -   15     no   -> open database \"fleet\" in-process: this build has no engine
    -          auto        managed  15  18,15  yes  -> managed 1
    -          auto        managed  15  18,17  yes  -> open the cluster in /d: it needs PostgreSQL 15, found 18, 17
    -          auto        managed  15  -      yes  -> open the cluster in /d: it needs PostgreSQL 15, found none
    -          auto        both     15  15     yes  -> choose for database \"fleet\": /d holds it twice, managed and in-process
    -          auto        -        -   18,15  yes  -> managed 0
    -          auto        -        15  18,15  yes  -> managed 1
    -          auto        -        15  -      yes  -> in-process
    -          auto        -        -   -      yes  -> in-process
    -          auto        -        -   -      no   -> find a PostgreSQL for database \"fleet\": none on this machine, none built in
";

#[test]
fn the_order_of_choice() {
    for row in TABLE.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (input, expect) = row.split_once("->").unwrap();
        assert_eq!(run(input), expect.trim(), "{row}");
    }
}

fn run(input: &str) -> String {
    let columns: Vec<&str> = input.split_whitespace().collect();
    let [given, engine, held, cluster, found, built] = columns[..] else {
        panic!("six columns: {input}")
    };
    let given = match given {
        "-" => None,
        "url" => Some(External::Url("postgres://host/fleet".to_owned())),
        other => Some(other.parse().unwrap()),
    };
    let found: Vec<u32> = found.split(',').filter_map(|major| major.parse().ok()).collect();
    let facts = Facts {
        name: "fleet",
        directory: Path::new("/d"),
        given: given.as_ref(),
        engine: engine.parse().unwrap(),
        held_managed: matches!(held, "managed" | "both"),
        held_in_process: matches!(held, "in" | "both"),
        cluster_major: cluster.parse().ok(),
        found: &found,
        searched: &[],
        built: built == "yes",
    };
    match choose(&facts) {
        Ok(Chosen::External(url)) => {
            assert_eq!(url, "postgres://host/fleet");
            "external".to_owned()
        }
        Ok(Chosen::Managed(index)) => format!("managed {index}"),
        Ok(Chosen::InProcess) => "in-process".to_owned(),
        Err(error) => {
            assert!(error.hint().is_some(), "{error} has no hint");
            error.to_string()
        }
    }
}

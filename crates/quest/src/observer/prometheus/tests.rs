//! Pages as libraries write them, and what is read from them.

use std::collections::BTreeMap;

use super::{meaning, parse};

fn check(page: &str, expect: &[(&str, f64)]) {
    let reading = meaning::read(&parse(page), &mut BTreeMap::new());
    for (key, value) in expect {
        let found = reading.counters.get(*key).or(reading.gauges.get(*key));
        assert_eq!(found, Some(value), "{key} of {page}");
    }
    assert_eq!(
        reading.counters.len() + reading.gauges.len(),
        expect.len(),
        "{reading:?}"
    );
}

#[test]
fn labels_are_read_with_their_escapes() {
    let lines =
        parse("# HELP a b\na{x=\"1\\\"2\\n\",y=\"},\"} 3 1700000000\nb 4e-3\nc +Inf\nbroken{\nno value\n");
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0].label("x"), Some("1\"2\n"));
    assert_eq!(lines[0].label("y"), Some("},"));
    assert_eq!(lines[0].value, 3.0);
    assert_eq!(lines[1].value, 4e-3);
    assert!(lines[2].value.is_infinite());
}

#[test]
fn pools_of_the_usual_libraries() {
    check(
        "hikaricp_connections_active{pool=\"a\"} 3\nhikaricp_connections_max{pool=\"a\"} 3\nhikaricp_connections_pending{pool=\"a\"} 13\nhikaricp_connections_acquire_seconds_sum{pool=\"a\"} 12.5\n",
        &[
            ("pool_in_use", 3.0),
            ("pool_max", 3.0),
            ("pool_waiting", 13.0),
            ("pool_wait_seconds", 12.5),
        ],
    );
    check(
        "go_sql_in_use_connections{db_name=\"a\"} 2\ngo_sql_in_use_connections{db_name=\"b\"} 1\ngo_sql_wait_duration_seconds_total{db_name=\"a\"} 1\n",
        &[("pool_in_use", 3.0), ("pool_wait_seconds", 1.0)],
    );
    check(
        "db_client_connection_count{state=\"used\"} 4\ndb_client_connection_count{state=\"idle\"} 6\n",
        &[("pool_in_use", 4.0), ("pool_idle", 6.0)],
    );
}

#[test]
fn the_first_of_several_names_is_taken() {
    check(
        "http_server_requests_seconds_sum 2\nhttp_server_requests_seconds_count 4\nhttp_requests_total 9\n",
        &[("handler_seconds", 2.0), ("handler_count", 4.0)],
    );
}

#[test]
fn units_are_made_ours() {
    check(
        "http_server_duration_milliseconds_sum 2000\n",
        &[("handler_seconds", 2.0)],
    );
}

/// A page of cAdvisor is of a whole machine: whose quota held whom is not told by a sum over its containers.
#[test]
fn containers_do_not_add_up() {
    check(
        "container_cpu_cfs_throttled_seconds_total{container=\"api\"} 3\n\
         container_cpu_cfs_throttled_seconds_total{container=\"other\"} 40\n\
         container_cpu_usage_seconds_total{container=\"api\",cpu=\"total\"} 9\n",
        &[("cpu_seconds", 9.0)],
    );
}

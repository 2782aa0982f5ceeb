//! The sums close, waiting is passed on, and standing still is moved to whom it belongs.

use crate::{attribution::Attribution, attribution::part::Part, case, diagnose};

fn attribution(text: &str) -> Attribution {
    diagnose(&case::read(text).unwrap().evidence).attribution.unwrap()
}

#[test]
fn growth_is_the_sum_of_its_rows() {
    let found = attribution(
        "load 1 client.rate=91 client.latency_ms=10.9 client.first_byte_ms=10.8 app.handler_ms=10.5 app.db_ms=9.8\n\
         load 16 client.rate=287 client.latency_ms=55.2 client.first_byte_ms=55 app.handler_ms=54.8 app.pool_wait_ms=44 app.db_ms=9.9",
    );
    let sum: f64 = found.rows.iter().map(|row| row.growth_ms).sum();
    assert!((sum - 44.3).abs() < 1e-9, "{sum}");
    let shares: f64 = found.rows.iter().map(|row| row.share.mid).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    assert!(found.share(|part, _| part == Part::PoolSize) > 0.95);
}

#[test]
fn a_server_that_stands_still_is_not_the_database() {
    let found = attribution(
        "load 1 client.rate=91 client.latency_ms=10.9 app.handler_ms=10.5 app.db_ms=9.8 cgroup.throttled_ms[server]=0\n\
         load 8 client.rate=368 client.latency_ms=21.7 app.handler_ms=20 app.db_ms=17.8 cgroup.throttled_ms[server]=5200",
    );
    let stalled = found.share(|part, subject| part == Part::Throttled && subject == "server");
    assert!(stalled > 0.9, "{stalled}");
}

/// Throttled time is a sum over CPUs: of a server elsewhere nobody counts its threads, so what it used tells how many
/// were held, and no more time can be lost than there were periods in which it was held.
#[test]
fn a_server_elsewhere_does_not_stand_still_once_for_each_thread() {
    let stalled = |more: &str| {
        let found = attribution(&format!(
            "load 1 client.rate=91 client.latency_ms=10 app.handler_ms=10 cgroup.throttled_ms[server]=0\n\
             load 64 client.rate=368 client.latency_ms=100 app.handler_ms=100 cgroup.throttled_ms[server]=12000 {more}"
        ));
        let rows = found.rows.iter();
        let rows = rows.filter(|row| row.part == Part::Throttled && row.subject == "server");
        rows.map(|row| row.high_ms).sum::<f64>()
    };
    let by_use = stalled("process.cpu_ms[server]=20000");
    assert!((by_use - 37.5).abs() < 0.1, "{by_use}");
    let by_periods = stalled("cgroup.periods[server]=100 cgroup.throttled_periods[server]=20");
    assert!((by_periods - 20.0).abs() < 0.1, "{by_periods}");
}

#[test]
fn parallel_statements_are_scaled_to_their_wall_time() {
    let found = attribution(
        "load 1 client.rate=50 client.latency_ms=20 app.handler_ms=19 app.db_ms=60 app.db_wall_ms=15\n\
         load 4 client.rate=100 client.latency_ms=40 app.handler_ms=39 app.db_ms=140 app.db_wall_ms=35",
    );
    assert_eq!(found.ms(Part::DatabaseByServer), (15.0, 35.0));
    assert!(!found.is_overlapping);
}

//! What the metrics of common libraries mean, in one table, and the sums over their labels.
//!
//! Sums and counts are read and buckets are not: sums of several pages add up.

use std::collections::BTreeMap;

use super::Line;
use crate::observer::Reading;

/// How a metric is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It is of the moment.
    Gauge,
}

/// A metric's name, its unit in ours, and what it means.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// As it is exposed.
    pub name: &'static str,
    /// What it is here.
    pub meaning: &'static str,
    /// Its value times this is in seconds, bytes or a count.
    pub scale: f64,
    /// How it is read.
    pub kind: Kind,
    /// Only lines that have this label with this value.
    pub only: Option<(&'static str, &'static str)>,
    /// Whether several lines are of several things that have nothing to do with each other.
    pub is_of_one: bool,
}

const fn counter(name: &'static str, meaning: &'static str) -> Metric {
    Metric {
        name,
        meaning,
        scale: 1.0,
        kind: Kind::Counter,
        only: None,
        is_of_one: false,
    }
}

const fn gauge(name: &'static str, meaning: &'static str) -> Metric {
    Metric {
        name,
        meaning,
        scale: 1.0,
        kind: Kind::Gauge,
        only: None,
        is_of_one: false,
    }
}

const fn scaled(metric: Metric, scale: f64) -> Metric {
    Metric { scale, ..metric }
}

const fn only(metric: Metric, label: &'static str, value: &'static str) -> Metric {
    Metric {
        only: Some((label, value)),
        ..metric
    }
}

/// Of a container: a page of cAdvisor has those of a whole machine.
const fn container(name: &'static str, meaning: &'static str) -> Metric {
    Metric {
        is_of_one: true,
        ..counter(name, meaning)
    }
}

/// All that are known. The first name of a meaning that a page holds is taken, so the best come first.
pub const METRICS: &[Metric] = &[
    // Time in the handler.
    counter("sidequest_http_request_seconds_total", "handler_seconds"),
    counter("sidequest_http_request_seconds_sum", "handler_seconds"),
    counter("http_server_request_duration_seconds_sum", "handler_seconds"),
    counter("http_server_requests_seconds_sum", "handler_seconds"),
    counter("http_request_duration_seconds_sum", "handler_seconds"),
    scaled(
        counter("http_server_duration_milliseconds_sum", "handler_seconds"),
        1e-3,
    ),
    counter("http_requests_duration_seconds_sum", "handler_seconds"),
    counter(
        "starlette_requests_processing_time_seconds_sum",
        "handler_seconds",
    ),
    counter(
        "django_http_requests_latency_seconds_by_view_method_sum",
        "handler_seconds",
    ),
    counter("flask_http_request_duration_seconds_sum", "handler_seconds"),
    counter("prometheus_http_request_duration_seconds_sum", "handler_seconds"),
    counter("sidequest_http_requests_total", "handler_count"),
    counter("sidequest_http_request_seconds_count", "handler_count"),
    counter("http_server_request_duration_seconds_count", "handler_count"),
    counter("http_server_requests_seconds_count", "handler_count"),
    counter("http_request_duration_seconds_count", "handler_count"),
    counter("http_server_duration_milliseconds_count", "handler_count"),
    counter("http_requests_duration_seconds_count", "handler_count"),
    counter(
        "starlette_requests_processing_time_seconds_count",
        "handler_count",
    ),
    counter(
        "django_http_requests_latency_seconds_by_view_method_count",
        "handler_count",
    ),
    counter("flask_http_request_duration_seconds_count", "handler_count"),
    counter("prometheus_http_request_duration_seconds_count", "handler_count"),
    counter("http_requests_total", "handler_count"),
    // In work now.
    gauge("sidequest_http_in_flight", "in_flight"),
    gauge("http_server_active_requests", "in_flight"),
    gauge("http_requests_in_progress", "in_flight"),
    gauge("http_server_requests_active", "in_flight"),
    gauge("starlette_requests_in_progress", "in_flight"),
    gauge("http_requests_in_flight", "in_flight"),
    gauge("in_flight_requests", "in_flight"),
    // Waiting between accept and handler.
    counter("sidequest_http_queue_seconds_total", "queue_seconds"),
    counter("http_server_request_queue_seconds_sum", "queue_seconds"),
    counter("http_request_queue_duration_seconds_sum", "queue_seconds"),
    // The pool of connections.
    counter("sidequest_database_lease_wait_seconds_total", "pool_wait_seconds"),
    counter("sidequest_database_lease_wait_seconds_sum", "pool_wait_seconds"),
    counter("hikaricp_connections_acquire_seconds_sum", "pool_wait_seconds"),
    counter("go_sql_wait_duration_seconds_total", "pool_wait_seconds"),
    counter("db_client_connection_wait_time_seconds_sum", "pool_wait_seconds"),
    scaled(
        counter(
            "db_client_connections_wait_time_milliseconds_sum",
            "pool_wait_seconds",
        ),
        1e-3,
    ),
    counter("pgxpool_acquire_duration_seconds_total", "pool_wait_seconds"),
    scaled(counter("pgxpool_acquire_duration_ns", "pool_wait_seconds"), 1e-9),
    counter("pool_wait_seconds_total", "pool_wait_seconds"),
    counter("pool_wait_seconds_sum", "pool_wait_seconds"),
    counter("db_pool_wait_seconds_sum", "pool_wait_seconds"),
    counter("db_pool_wait_seconds_total", "pool_wait_seconds"),
    gauge("sidequest_database_connections_in_use", "pool_in_use"),
    gauge("hikaricp_connections_active", "pool_in_use"),
    gauge("go_sql_in_use_connections", "pool_in_use"),
    only(
        gauge("db_client_connection_count", "pool_in_use"),
        "state",
        "used",
    ),
    only(
        gauge("db_client_connections_usage", "pool_in_use"),
        "state",
        "used",
    ),
    gauge("pgxpool_acquired_conns", "pool_in_use"),
    gauge("pool_in_use", "pool_in_use"),
    gauge("db_pool_in_use", "pool_in_use"),
    gauge("db_pool_connections_in_use", "pool_in_use"),
    gauge("sidequest_database_connections_max", "pool_max"),
    gauge("hikaricp_connections_max", "pool_max"),
    gauge("go_sql_max_open_connections", "pool_max"),
    gauge("db_client_connection_max", "pool_max"),
    gauge("db_client_connections_max", "pool_max"),
    gauge("pgxpool_max_conns", "pool_max"),
    gauge("pool_max", "pool_max"),
    gauge("db_pool_max", "pool_max"),
    gauge("db_pool_connections_max", "pool_max"),
    gauge("hikaricp_connections_idle", "pool_idle"),
    gauge("go_sql_idle_connections", "pool_idle"),
    only(gauge("db_client_connection_count", "pool_idle"), "state", "idle"),
    gauge("pgxpool_idle_conns", "pool_idle"),
    gauge("sidequest_database_waiting", "pool_waiting"),
    gauge("sidequest_database_leases_waiting", "pool_waiting"),
    gauge("hikaricp_connections_pending", "pool_waiting"),
    gauge("db_client_connection_pending_requests", "pool_waiting"),
    gauge("db_client_connections_pending_requests", "pool_waiting"),
    // How long a connection is held.
    counter("sidequest_database_lease_seconds_total", "pool_hold_seconds"),
    counter("hikaricp_connections_usage_seconds_sum", "pool_hold_seconds"),
    counter("db_client_connection_use_time_seconds_sum", "pool_hold_seconds"),
    // Time in the database, as the server sees it.
    counter("sidequest_database_seconds_total", "database_seconds"),
    counter("sidequest_database_statement_seconds_sum", "database_seconds"),
    counter("sidequest_database_statement_seconds_total", "database_seconds"),
    counter("db_client_operation_duration_seconds_sum", "database_seconds"),
    counter("db_query_duration_seconds_sum", "database_seconds"),
    counter("db_query_seconds_sum", "database_seconds"),
    counter("database_query_duration_seconds_sum", "database_seconds"),
    counter("django_db_query_duration_seconds_sum", "database_seconds"),
    counter("sidequest_database_statements_total", "database_count"),
    counter("db_client_operation_duration_seconds_count", "database_count"),
    counter("db_query_duration_seconds_count", "database_count"),
    counter("db_query_seconds_count", "database_count"),
    counter("database_query_duration_seconds_count", "database_count"),
    counter("django_db_query_duration_seconds_count", "database_count"),
    // Calls to others.
    counter("http_client_request_duration_seconds_sum", "downstream_seconds"),
    counter("http_client_requests_seconds_sum", "downstream_seconds"),
    scaled(
        counter("http_client_duration_milliseconds_sum", "downstream_seconds"),
        1e-3,
    ),
    counter("downstream_seconds_sum", "downstream_seconds"),
    gauge("http_client_active_requests", "downstream_in_flight"),
    gauge("downstream_in_flight", "downstream_in_flight"),
    // Writing answers, and waiting for locks of the server's own.
    counter("sidequest_http_serialise_seconds_total", "serialise_seconds"),
    counter("serialise_seconds_sum", "serialise_seconds"),
    counter("lock_wait_seconds_sum", "lock_seconds"),
    counter("sidequest_http_body_bytes_total", "response_bytes"),
    counter("http_server_response_body_size_bytes_sum", "response_bytes"),
    counter("http_response_size_bytes_sum", "response_bytes"),
    // The process.
    counter("process_cpu_seconds_total", "cpu_seconds"),
    scaled(counter("process_cpu_time_ns_total", "cpu_seconds"), 1e-9),
    container("container_cpu_usage_seconds_total", "cpu_seconds"),
    gauge("process_open_fds", "descriptors_open"),
    gauge("process_files_open_files", "descriptors_open"),
    gauge("process_max_fds", "descriptors_max"),
    gauge("process_files_max_files", "descriptors_max"),
    gauge("process_resident_memory_bytes", "memory_bytes"),
    counter("jvm_gc_pause_seconds_sum", "pause_seconds"),
    counter("go_gc_duration_seconds_sum", "pause_seconds"),
    counter("nodejs_gc_duration_seconds_sum", "pause_seconds"),
    gauge("nodejs_eventloop_lag_mean_seconds", "loop_lag_seconds"),
    // Its control group.
    counter("sidequest_cgroup_periods_total", "cgroup_periods"),
    container("container_cpu_cfs_periods_total", "cgroup_periods"),
    counter(
        "sidequest_cgroup_throttled_periods_total",
        "cgroup_throttled_periods",
    ),
    container(
        "container_cpu_cfs_throttled_periods_total",
        "cgroup_throttled_periods",
    ),
    counter(
        "sidequest_cgroup_throttled_seconds_total",
        "cgroup_throttled_seconds",
    ),
    container(
        "container_cpu_cfs_throttled_seconds_total",
        "cgroup_throttled_seconds",
    ),
    gauge("sidequest_cgroup_cpu_quota_cores", "cgroup_quota_cores"),
    counter("sidequest_cgroup_oom_kills_total", "cgroup_oom_kills"),
    container("container_oom_events_total", "cgroup_oom_kills"),
    // Limits that refuse.
    counter("sidequest_http_limit_hits_total", "limit_hits"),
    counter("sidequest_database_lease_timeouts_total", "pool_timeouts"),
    counter("hikaricp_connections_timeout_total", "pool_timeouts"),
];

/// Adds up what is known of a page; remembers which metric stands for what.
pub(super) fn read(lines: &[Line], known: &mut BTreeMap<String, &'static str>) -> Reading {
    let mut by_name: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        by_name.entry(line.name.as_str()).or_default().push(line);
    }
    let mut reading = Reading::default();
    for metric in METRICS {
        let Some(lines) = by_name.get(metric.name) else {
            continue;
        };
        let (values, is_taken) = match metric.kind {
            Kind::Counter => (&mut reading.counters, reading.gauges.contains_key(metric.meaning)),
            Kind::Gauge => (&mut reading.gauges, false),
        };
        if is_taken || values.contains_key(metric.meaning) {
            continue;
        }
        let fits = |line: &&&Line| {
            metric
                .only
                .is_none_or(|(label, value)| line.label(label) == Some(value))
                && line.value.is_finite()
        };
        let found: Vec<f64> = lines.iter().filter(fits).map(|line| line.value).collect();
        if found.is_empty() || metric.is_of_one && found.len() > 1 {
            continue;
        }
        let sum: f64 = found.iter().sum();
        values.insert(metric.meaning.to_owned(), sum * metric.scale);
        known.insert(metric.name.to_owned(), metric.meaning);
    }
    reading
}

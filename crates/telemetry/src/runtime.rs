//! What tokio says about itself: whether its workers are busy, and whether tasks wait for them.

use tokio::runtime::Handle;

use crate::metric::{New, Registry, read_counter, read_gauge};

/// Registers the metrics of a runtime.
pub fn register(registry: &Registry, runtime: &Handle) {
    let metrics = runtime.metrics();
    let plain = |name, about| New {
        name,
        about,
        labels: &[],
    };
    registry.readers(
        vec![
            read_gauge(plain("sidequest_runtime_workers", "Threads that run tasks.")),
            read_gauge(plain("sidequest_runtime_tasks", "Tasks alive.")),
            read_gauge(plain(
                "sidequest_runtime_queue_tasks",
                "Tasks that wait in the queue all workers share.",
            )),
            read_counter(New {
                name: "sidequest_runtime_busy_seconds_total",
                about: "Time in which a worker ran tasks.",
                labels: &["worker"],
            }),
            read_counter(New {
                name: "sidequest_runtime_parks_total",
                about: "How often a worker found nothing to do.",
                labels: &["worker"],
            }),
        ],
        move |out| {
            let workers = metrics.num_workers();
            out.put(0, &[], workers as f64);
            out.put(1, &[], metrics.num_alive_tasks() as f64);
            out.put(2, &[], metrics.global_queue_depth() as f64);
            for worker in 0..workers {
                let label = worker.to_string();
                let busy = metrics.worker_total_busy_duration(worker).as_secs_f64();
                out.put(3, &[&label], busy);
                out.put(4, &[&label], metrics.worker_park_count(worker) as f64);
            }
        },
    );
}

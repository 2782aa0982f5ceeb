//! `/proc` on Linux.

use std::fs;

use super::Readings;

pub(super) fn read() -> Readings {
    let ticks = rustix::param::clock_ticks_per_second() as f64;
    let page = rustix::param::page_size() as f64;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = fields(&stat);
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let since_boot = field(22).map(|started| started / ticks);
    Readings {
        cpu_seconds: field(14)
            .zip(field(15))
            .map(|(user, system)| (user + system) / ticks),
        virtual_bytes: field(23),
        resident_bytes: field(24).map(|pages| pages * page),
        threads: field(20),
        open_fds: fs::read_dir("/proc/self/fd").ok().map(|entries| {
            // One of them is the directory's own.
            (entries.count() as f64 - 1.0).max(0.0)
        }),
        max_fds: max_fds(),
        start_time_seconds: since_boot
            .zip(boot_time())
            .map(|(since_boot, boot)| boot + since_boot),
        run_delay_seconds: run_delay(),
    }
}

/// From the third on: the second is the program's name, in which anything can stand.
fn fields(stat: &str) -> Vec<&str> {
    stat.rsplit_once(") ")
        .map(|(_, rest)| rest.split_whitespace().collect())
        .unwrap_or_default()
}

fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn max_fds() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn run_delay() -> Option<f64> {
    let mut total = None;
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        if let Some(delay) = text
            .split_whitespace()
            .nth(1)
            .and_then(|ns| ns.parse::<f64>().ok())
        {
            *total.get_or_insert(0.0) += delay / 1e9;
        }
    }
    total
}

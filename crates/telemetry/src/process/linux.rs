//! `/proc` on Linux.

use std::{
    collections::HashMap,
    ffi::OsString,
    fs,
    sync::{Mutex, PoisonError},
};

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

/// What the threads of this process have waited for a CPU. Threads end, and what they waited must stay in the sum: a
/// counter that falls is taken for one that began anew.
fn run_delay() -> Option<f64> {
    static SEEN: Mutex<Seen> = Mutex::new(Seen {
        living: None,
        ended_ns: 0,
    });
    let mut living = HashMap::new();
    for task in fs::read_dir("/proc/self/task").ok()?.flatten() {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        if let Some(delay) = text.split_whitespace().nth(1).and_then(|ns| ns.parse().ok()) {
            living.insert(task.file_name(), delay);
        }
    }
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).now(living)
}

#[derive(Default)]
struct Seen {
    living: Option<HashMap<OsString, u64>>,
    ended_ns: u64,
}

impl Seen {
    /// Seconds of all threads that there are and were; none where the kernel says nothing.
    fn now(&mut self, living: HashMap<OsString, u64>) -> Option<f64> {
        for (thread, delay) in self.living.iter().flatten() {
            // A number that is given again belongs to another thread, which has waited less.
            if living.get(thread).is_none_or(|now| now < delay) {
                self.ended_ns += delay;
            }
        }
        let sum: u64 = living.values().sum();
        let is_known = !living.is_empty();
        self.living = Some(living);
        is_known.then(|| (sum + self.ended_ns) as f64 / 1e9)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_end_stay_in_the_sum() {
        let living = |threads: &[(&str, u64)]| {
            threads
                .iter()
                .map(|(thread, ns)| (OsString::from(thread), *ns * 1_000_000_000))
                .collect()
        };
        let mut seen = Seen::default();
        assert_eq!(seen.now(living(&[("1", 2), ("2", 5)])), Some(7.0));
        assert_eq!(seen.now(living(&[("1", 3)])), Some(8.0));
        assert_eq!(seen.now(living(&[("1", 3), ("2", 1)])), Some(9.0));
        assert_eq!(seen.now(HashMap::new()), None);
    }
}

//! One party's processes and threads: CPU, waiting for CPU, faults, descriptors, memory.

use std::{collections::BTreeMap, fs, path::Path};

use super::{PROCESSES_MAX, Party, Role, THREADS_MAX, find};

/// What a party's processes say.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) counters: BTreeMap<String, f64>,
    pub(super) gauges: BTreeMap<String, f64>,
}

/// Clock ticks of `/proc/PID/stat` in a second: the kernel's user-space constant on every Linux we know.
const TICKS: f64 = 100.0;

/// Reads a party; nothing where its process is gone.
pub(super) fn read(party: &Party, is_full: bool) -> Option<Counted> {
    let root = Path::new("/proc").join(party.pid.to_string());
    if !root.exists() {
        return None;
    }
    let mut pids = vec![party.pid];
    match party.role {
        Role::Database | Role::Proxy => pids.extend(find::children(party.pid)),
        // A server may have started its database itself, which is another party.
        Role::Server => pids.extend(
            find::children(party.pid)
                .into_iter()
                .filter(|pid| find::name_of(*pid).is_none_or(|name| Role::of_name(&name) != Role::Database)),
        ),
        Role::Client => {}
    }
    pids.truncate(PROCESSES_MAX);
    let mut counted = Counted::default();
    let mut runnable = 0.0;
    let mut threads = 0;
    for pid in &pids {
        let root = Path::new("/proc").join(pid.to_string());
        let Ok(tasks) = fs::read_dir(root.join("task")) else {
            continue;
        };
        for task in tasks.flatten() {
            threads += 1;
            if threads > THREADS_MAX {
                break;
            }
            thread(&task.path(), &mut counted.counters, &mut runnable);
        }
        if is_full {
            faults(&root, &mut counted.counters);
        }
    }
    *counted.counters.entry("run_seconds".to_owned()).or_default() += of_ended_children(&root);
    counted.gauges.insert("runnable".to_owned(), runnable);
    counted.gauges.insert("threads".to_owned(), threads as f64);
    counted.gauges.insert("processes".to_owned(), pids.len() as f64);
    if is_full {
        memory_and_descriptors(&root, &mut counted.gauges);
    }
    Some(counted)
}

/// Seconds run and waited for a CPU, of one thread and in all.
fn thread(task: &Path, counters: &mut BTreeMap<String, f64>, runnable: &mut f64) {
    let number = task
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    if let Ok(text) = fs::read_to_string(task.join("schedstat")) {
        let mut fields = text
            .split_whitespace()
            .filter_map(|field| field.parse::<f64>().ok());
        if let (Some(run), Some(delay)) = (fields.next(), fields.next()) {
            *counters.entry("run_seconds".to_owned()).or_default() += run / 1e9;
            *counters.entry("run_delay_seconds".to_owned()).or_default() += delay / 1e9;
            counters.insert(format!("thread/{number}/run_seconds"), run / 1e9);
            counters.insert(format!("thread/{number}/run_delay_seconds"), delay / 1e9);
        }
    }
    if let Ok(text) = fs::read_to_string(task.join("stat"))
        && let Some(fields) = after_name(&text)
        && fields.first() == Some(&"R")
    {
        *runnable += 1.0;
    }
}

/// What children have run that have ended: a database's parallel workers and sessions come and go within a round, and
/// what they did would look like that of strangers.
fn of_ended_children(root: &Path) -> f64 {
    let text = fs::read_to_string(root.join("stat")).unwrap_or_default();
    let Some(fields) = after_name(&text) else {
        return 0.0;
    };
    // After the name: cutime 13, cstime 14.
    let ticks = |at: usize| -> f64 { fields.get(at).and_then(|field| field.parse().ok()).unwrap_or(0.0) };
    (ticks(13) + ticks(14)) / TICKS
}

fn faults(root: &Path, counters: &mut BTreeMap<String, f64>) {
    if let Ok(text) = fs::read_to_string(root.join("stat"))
        && let Some(fields) = after_name(&text)
    {
        let field = |at: usize| {
            fields
                .get(at)
                .and_then(|field| field.parse::<f64>().ok())
                .unwrap_or(0.0)
        };
        // After the name: state is 0, majflt 9, utime 11, stime 12.
        *counters.entry("major_faults".to_owned()).or_default() += field(9);
        *counters.entry("cpu_seconds".to_owned()).or_default() += (field(11) + field(12)) / TICKS;
    }
}

fn memory_and_descriptors(root: &Path, gauges: &mut BTreeMap<String, f64>) {
    if let Ok(text) = fs::read_to_string(root.join("status")) {
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("VmRSS:") {
                let kib: f64 = rest
                    .split_whitespace()
                    .next()
                    .and_then(|number| number.parse().ok())
                    .unwrap_or(0.0);
                gauges.insert("memory_bytes".to_owned(), kib * 1_024.0);
            } else if let Some(list) = line.strip_prefix("Cpus_allowed_list:") {
                gauges.insert("cores".to_owned(), listed(list));
            }
        }
    }
    if let Ok(open) = fs::read_dir(root.join("fd")) {
        gauges.insert("descriptors_open".to_owned(), open.count() as f64);
    }
    if let Ok(text) = fs::read_to_string(root.join("limits"))
        && let Some(line) = text.lines().find(|line| line.starts_with("Max open files"))
        && let Some(max) = line
            .split_whitespace()
            .nth(3)
            .and_then(|number| number.parse::<f64>().ok())
    {
        gauges.insert("descriptors_max".to_owned(), max);
    }
}

/// How many CPUs a list such as `0-3,5` names.
fn listed(list: &str) -> f64 {
    list.trim()
        .split(',')
        .filter_map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last): (f64, f64) = (first.parse().ok()?, last.parse().ok()?);
            Some(last - first + 1.0)
        })
        .sum()
}

/// The fields of `stat` after the name, which stands in brackets and may hold anything.
pub(super) fn after_name(stat: &str) -> Option<Vec<&str>> {
    let (_, rest) = stat.rsplit_once(')')?;
    Some(rest.split_whitespace().collect())
}

//! The machine as a whole, and the parties on it.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Party,
    cgroup::{self, Groups},
    process::{self, Counted},
};
use crate::observer::{Depth, Observer, Reading, State};

/// Clock ticks of `/proc/stat` in a second.
const TICKS: f64 = 100.0;

/// Reads everything that Linux says.
#[derive(Debug)]
pub struct System {
    parties: Vec<(Party, Groups)>,
}

impl System {
    /// Of these parties; the machine is always read.
    pub fn new(parties: Vec<Party>) -> System {
        let with_groups = |party: Party| {
            let groups = Groups::of(party.pid);
            (party, groups)
        };
        System {
            parties: parties.into_iter().map(with_groups).collect(),
        }
    }
}

impl Observer for System {
    fn read(&mut self, depth: Depth) -> Result<Reading, State> {
        let mut reading = Reading::default();
        let is_full = match depth {
            Depth::Light => false,
            Depth::Full => true,
        };
        if !Path::new("/proc/stat").exists() {
            return Err(State::Absent("/proc is not mounted".to_owned()));
        }
        processors(&mut reading.counters, &mut reading.gauges);
        for resource in ["cpu", "memory", "io"] {
            let file = Path::new("/proc/pressure").join(resource);
            cgroup::pressure(&file, &format!("host/{resource}"), &mut reading.counters);
        }
        network(
            self.parties.iter().find(|(party, _)| party.pid != 0),
            &mut reading,
        );
        for (party, groups) in &self.parties {
            let Some(mut counted) = process::read(party, is_full) else {
                continue;
            };
            groups.read(&mut counted.counters, &mut counted.gauges);
            let Counted { counters, gauges } = counted;
            let named = |key: String| format!("{}/{key}", party.role.name());
            add(
                &mut reading.counters,
                counters.into_iter().map(|(key, value)| (named(key), value)),
            );
            add(
                &mut reading.gauges,
                gauges.into_iter().map(|(key, value)| (named(key), value)),
            );
        }
        Ok(reading)
    }

    fn facts(&self) -> BTreeMap<String, String> {
        let mut facts: BTreeMap<String, String> = self
            .parties
            .iter()
            .map(|(party, _)| {
                (
                    party.role.name().to_owned(),
                    format!("{} (pid {})", party.name, party.pid),
                )
            })
            .collect();
        if let Ok(version) = fs::read_to_string("/proc/sys/kernel/osrelease") {
            facts.insert("kernel".to_owned(), version.trim().to_owned());
        }
        facts
    }
}

/// Several processes of one role add up.
fn add(sums: &mut BTreeMap<String, f64>, more: impl Iterator<Item = (String, f64)>) {
    for (key, value) in more {
        *sums.entry(key).or_default() += value;
    }
}

fn processors(counters: &mut BTreeMap<String, f64>, gauges: &mut BTreeMap<String, f64>) {
    let Ok(text) = fs::read_to_string("/proc/stat") else {
        return;
    };
    let mut cores = 0.0;
    for line in text.lines() {
        if line.starts_with("cpu ") {
            let fields: Vec<f64> = line
                .split_whitespace()
                .skip(1)
                .filter_map(|field| field.parse().ok())
                .collect();
            let field = |at: usize| fields.get(at).copied().unwrap_or(0.0) / TICKS;
            // user, nice, system, idle, iowait, irq, softirq, steal.
            counters.insert(
                "host/busy_seconds".to_owned(),
                field(0) + field(1) + field(2) + field(5) + field(6),
            );
            counters.insert("host/idle_seconds".to_owned(), field(3) + field(4));
            counters.insert("host/steal_seconds".to_owned(), field(7));
            // Interrupts are nobody's process: those of the loopback carry our own requests.
            counters.insert("host/interrupt_seconds".to_owned(), field(5) + field(6));
        } else if line.starts_with("cpu") {
            cores += 1.0;
        }
    }
    gauges.insert("host/cores".to_owned(), cores);
}

/// Of the network that the party is in, else of ours.
fn network(party: Option<&(Party, Groups)>, reading: &mut Reading) {
    let root = match party {
        Some((party, _)) => format!("/proc/{}/net", party.pid),
        None => "/proc/net".to_owned(),
    };
    let root = Path::new(&root);
    for (file, section, wanted) in [
        (
            "netstat",
            "TcpExt:",
            &["ListenOverflows", "ListenDrops", "TCPTimeouts"][..],
        ),
        (
            "snmp",
            "Tcp:",
            &[
                "RetransSegs",
                "OutSegs",
                "ActiveOpens",
                "PassiveOpens",
                "AttemptFails",
            ][..],
        ),
    ] {
        let text = fs::read_to_string(root.join(file)).unwrap_or_default();
        let mut lines = text.lines().filter(|line| line.starts_with(section));
        if let (Some(names), Some(values)) = (lines.next(), lines.next()) {
            for (name, value) in names.split_whitespace().zip(values.split_whitespace()) {
                if wanted.contains(&name)
                    && let Ok(value) = value.parse::<f64>()
                {
                    reading.counters.insert(format!("net/{name}"), value);
                }
            }
        }
    }
    let text = fs::read_to_string(root.join("sockstat")).unwrap_or_default();
    if let Some(line) = text.lines().find(|line| line.starts_with("TCP:")) {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| *word == "tw")
            && let Some(waiting) = words.get(at + 1).and_then(|number| number.parse::<f64>().ok())
        {
            reading.gauges.insert("net/time_wait".to_owned(), waiting);
        }
    }
    if let Ok(text) = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range") {
        let ends: Vec<f64> = text
            .split_whitespace()
            .filter_map(|end| end.parse().ok())
            .collect();
        if let [low, high] = ends[..] {
            reading
                .gauges
                .insert("net/local_ports".to_owned(), high - low + 1.0);
        }
    }
}

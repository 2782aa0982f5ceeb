//! What this machine cannot plant, and why: it is said, and not scored.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{
    bite::H2LOAD,
    distance, group,
    means::Means,
    namespace,
    scenario::{Client, Dose, Load, Scenario, WINDOW_FLAG},
};

/// Why a dose of a scenario cannot be planted here, if it cannot.
pub(crate) fn missing(scenario: &Scenario, dose: &Dose, binary: Option<&Path>) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("control groups and PostgreSQL's user need root".to_owned());
    }
    let means = scenario.base.iter().chain(dose.plant);
    means
        .filter_map(|means| of_means(*means))
        .next()
        .or_else(|| of_load(scenario.load(dose, true), binary))
}

fn of_means(means: Means) -> Option<String> {
    match means {
        Means::Quota(..) => group::missing("cpu"),
        Means::Credits(..) => group::missing("cpu").or_else(|| group::missing("cpuacct")),
        Means::Cores(..) => group::missing("cpuset"),
        Means::Memory(..) => group::missing("memory"),
        Means::WriteRate(..) | Means::ReadRate(..) => group::missing("blkio"),
        Means::Distance { .. } | Means::Line { .. } | Means::Loss { .. } => distance::missing(),
        Means::Ports(_) => namespace::missing(),
        Means::Api(..)
        | Means::Downstream { .. }
        | Means::Proxy(..)
        | Means::ProxyHttp(..)
        | Means::WorkerConnections(_)
        | Means::NoUpstreamKeepAlive
        | Means::CertificateRsa(_)
        | Means::Postgres(..)
        | Means::ColdTable(_)
        | Means::Sql { .. }
        | Means::DatabaseDelay { .. }
        | Means::Checkpoints { .. }
        | Means::Serve(..)
        | Means::Sections(_) => None,
    }
}

fn of_load(load: Load, binary: Option<&Path>) -> Option<String> {
    if load.client == Client::H2load && !runs(Command::new(H2LOAD).arg("--version")) {
        return Some(format!("there is no {H2LOAD}, the client that loses requests"));
    }
    // Only a binary can tell what its quest can be told.
    let binary = binary.filter(|_| load.window_bits.is_some())?;
    let help = Command::new(binary).args(["quest", "--help"]).output().ok()?;
    (!String::from_utf8_lossy(&help.stdout).contains(WINDOW_FLAG)).then(|| {
        format!("this quest has no {WINDOW_FLAG}, by which a user says what window his clients have")
    })
}

fn runs(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

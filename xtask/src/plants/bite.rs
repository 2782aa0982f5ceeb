//! Whether a plant bites: the same load on the rig with it and without it, by `sidequest load`.
//!
//! A plant that changes nothing would be scored as a miss of the analyser, which it is not.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::{
    rig::{DATA, Rig},
    scenario::{Client, Load, Protocol},
};

const WARM_UP: &str = "1";
/// A client that ends with its connection.
pub(crate) const H2LOAD: &str = "h2load";

/// A plant must raise mean latency by this share of its twin's,
const LATENCY_MIN: f64 = 0.5;
/// or cut throughput by this share,
const RATE_MIN: f64 = 0.3;
/// or make this share of requests fail.
const ERRORS_MIN: f64 = 0.01;

/// What the test load saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    pub(crate) rate: f64,
    pub(crate) latency_ms: f64,
    pub(crate) error_share: f64,
}

/// Sends the test load of a scenario.
pub(crate) fn measure(binary: &Path, rig: &Rig, load: &Load) -> anyhow::Result<Measured> {
    let mut measured = by_ours(binary, rig, load)?;
    if load.client == Client::H2load {
        measured.error_share = by_h2load(rig, load)?;
    }
    Ok(measured)
}

/// What a client loses that neither makes another connection nor sends again.
fn by_h2load(rig: &Rig, load: &Load) -> anyhow::Result<f64> {
    let mut command = rig.generator(Path::new(H2LOAD));
    let requests = load.at_once.unwrap_or(load.users_max);
    command.args([
        "-n",
        &requests.to_string(),
        "-c",
        "1",
        "-m",
        &load.users_max.to_string(),
    ]);
    command.arg(rig.url().replace("{id}", "1"));
    let output = command.output().context("run h2load")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // requests: 5000 total, 1000 started, 1000 done, 1000 succeeded, 4000 failed, 4000 errored, 0 timeout
    let succeeded = text
        .lines()
        .filter(|line| line.starts_with("requests:"))
        .flat_map(|line| line.split(", "))
        .find_map(|part| part.strip_suffix(" succeeded"))
        .and_then(|number| number.trim().parse::<f64>().ok())
        .with_context(|| format!("read what h2load says: {text}"))?;
    Ok(1.0 - succeeded / f64::from(requests))
}

fn by_ours(binary: &Path, rig: &Rig, load: &Load) -> anyhow::Result<Measured> {
    let file = Path::new(DATA).join("load.json");
    let mut command = rig.generator(binary);
    command.args(["load", "--quiet", "--insecure", "--values", super::VALUES]);
    command.arg("--json").arg(&file);
    let users = load.users_max.to_string();
    match load.protocol {
        Protocol::Http1 => command.args(["--h1", "-c", &users]),
        Protocol::Http2 => command.args(["--h2", "-c", "1", "-m", &users]),
        Protocol::Browser => command.arg("--h1"),
    };
    if let Some(bits) = load.window_bits {
        command.args(["--window-bits", &bits.to_string()]);
    }
    match (load.protocol, load.at_once) {
        (Protocol::Browser, at_once) => {
            command.args(["--browser", "-n", &at_once.unwrap_or(1).to_string()]);
        }
        (Protocol::Http1 | Protocol::Http2, Some(at_once)) => {
            command.args(["-n", &at_once.to_string()]);
        }
        (Protocol::Http1 | Protocol::Http2, None) => {
            command.args(["-D", &load.seconds.to_string(), "--warm-up-time", WARM_UP]);
        }
    }
    command.arg(rig.url());
    // Requests that fail end it with a code that is no failure of ours.
    let output = command.output().context("run the test load")?;
    let Ok(text) = std::fs::read_to_string(&file) else {
        bail!("run the test load: {}", String::from_utf8_lossy(&output.stderr));
    };
    std::fs::remove_file(&file)?;
    let result: Value = serde_json::from_str(&text).context("read the test load's result")?;
    let number = |pointer: &str| result.pointer(pointer).and_then(Value::as_f64).unwrap_or(0.0);
    // What had to be sent again has failed once.
    let failed: f64 = ["http_errors", "failed_checks", "lost", "unsent", "resent"]
        .iter()
        .filter_map(|name| result.pointer(&format!("/requests/{name}")))
        .map(|counted| match counted {
            Value::Object(by_reason) => by_reason.values().filter_map(Value::as_f64).sum(),
            number => number.as_f64().unwrap_or(0.0),
        })
        .sum();
    let ok = number("/requests/ok");
    let seconds = match load.at_once {
        Some(_) => number("/active_ms") / 1e3,
        // A generator that is kept from running counts too little time.
        None => f64::from(load.seconds),
    };
    Ok(Measured {
        rate: if seconds > 0.0 { ok / seconds } else { 0.0 },
        latency_ms: number("/response/mean_ms"),
        error_share: if ok + failed > 0.0 {
            failed / (ok + failed)
        } else {
            1.0
        },
    })
}

impl Measured {
    /// Whether what was measured with a plant is worse enough than without.
    pub(crate) fn bites(self, twin: Measured) -> bool {
        self.latency_ms >= twin.latency_ms * (1.0 + LATENCY_MIN)
            || self.rate <= twin.rate * (1.0 - RATE_MIN)
            || self.error_share >= twin.error_share + ERRORS_MIN
    }

    pub(crate) fn to_json(self) -> Value {
        json!({"rate": self.rate, "latency_ms": self.latency_ms, "error_share": self.error_share})
    }

    pub(crate) fn of_json(value: &Value) -> Measured {
        let number = |name: &str| value.get(name).and_then(Value::as_f64).unwrap_or(0.0);
        Measured {
            rate: number("rate"),
            latency_ms: number("latency_ms"),
            error_share: number("error_share"),
        }
    }
}

//! The resources that can run out: how busy each was at each step, and how much of it there is.

use crate::{
    attribution::part::side_ms, bottleneck::Bottleneck, interval::mean, line, predict::LimitBasis,
    signal::Signal, view::View,
};

/// Something that can run out.
pub(crate) struct Resource {
    pub(crate) name: String,
    pub(crate) bottleneck: Bottleneck,
    /// Answers a second and how much of it was busy, by step.
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) available: f64,
    /// What of it can be used before waiting explodes: all of what is counted, less of a CPU.
    pub(crate) usable_share: f64,
    pub(crate) basis: LimitBasis,
}

const ALL_OF_IT: f64 = 1.0;
const OF_A_CPU: f64 = 0.9;
/// Whoever uses more works with more than one core. A thread has one for itself, and others do something besides: they
/// look versions up, in a database of the same process too.
pub(crate) const ONE_CORE_MAX: f64 = 1.3;
/// How long a closed connection keeps its port.
const TIME_WAIT_MS: f64 = 60_000.0;

/// Those of which both the demand and the limit are known.
pub(crate) fn all(view: &View<'_>) -> Vec<Resource> {
    let mut resources = client(view);
    resources.extend(slots(view));
    resources.extend(processors(view));
    resources.extend(pipes(view));
    resources.extend(at_their_limit(view));
    resources
}

fn points(view: &View<'_>, busy: impl Fn(&str) -> Option<f64>) -> Vec<(f64, f64)> {
    view.ramp
        .iter()
        .filter_map(|step| Some((view.rate(step)?, busy(step)?)))
        .filter(|(rate, busy)| rate.is_finite() && busy.is_finite())
        .collect()
}

/// How long a request keeps its connection or stream.
fn on_the_wire_ms(view: &View<'_>, step: &str) -> Option<f64> {
    let first_byte = view.value(step, Signal::ClientFirstByteMs, "")?;
    Some(first_byte + view.value(step, Signal::ClientTransferMs, "").unwrap_or(0.0))
}

fn client(view: &View<'_>) -> Vec<Resource> {
    let Some(load) = view
        .high()
        .and_then(|high| view.experiment(high))
        .map(|experiment| &experiment.load)
    else {
        return Vec::new();
    };
    let Some(connections) = load.connections.map(f64::from) else {
        return Vec::new();
    };
    let is_http2 = load.protocol.as_deref() == Some("HTTP/2");
    let busy = points(view, |step| {
        Some(view.rate(step)? * on_the_wire_ms(view, step)? / 1000.0)
    });
    if !is_http2 {
        return vec![Resource {
            name: format!("the client's {connections} connections"),
            bottleneck: Bottleneck::C1,
            points: busy,
            available: connections,
            usable_share: ALL_OF_IT,
            basis: LimitBasis::Configured,
        }];
    }
    let allowed = view.fact(Signal::ClientStreamsAllowed, "").map(|seen| seen.value);
    let streams = match (allowed, load.streams.map(f64::from)) {
        (Some(allowed), Some(asked)) => allowed.min(asked),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Vec::new(),
    };
    vec![Resource {
        name: format!("{streams} streams on each of {connections} connections"),
        bottleneck: Bottleneck::P2,
        points: busy,
        available: streams * connections,
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Configured,
    }]
}

fn slots(view: &View<'_>) -> Vec<Resource> {
    let counted = |bottleneck, name: &str, busy: Signal, limit: Signal, subject: &str| {
        Some(Resource {
            name: name.to_owned(),
            bottleneck,
            points: points(view, |step| view.value(step, busy, subject)),
            available: view.fact(limit, subject)?.value,
            usable_share: ALL_OF_IT,
            basis: LimitBasis::Configured,
        })
    };
    let pool = counted(
        Bottleneck::D1,
        "the connection pool",
        Signal::AppPoolInUse,
        Signal::AppPoolMax,
        "",
    )
    .map(|resource| with_hold(view, resource));
    let found = [
        pool,
        counted(
            Bottleneck::S7,
            "the downstream service's slots",
            Signal::AppDownstreamInFlight,
            Signal::AppDownstreamMax,
            "",
        ),
        counted(
            Bottleneck::D13,
            "max_connections of the database",
            Signal::PgBackends,
            Signal::PgMaxConnections,
            "",
        ),
        counted(
            Bottleneck::P10,
            "open files of the proxy",
            Signal::ProcessFiles,
            Signal::ProcessFilesMax,
            "proxy",
        ),
        counted(
            Bottleneck::P10,
            "open files of the server",
            Signal::ProcessFiles,
            Signal::ProcessFilesMax,
            "server",
        ),
    ];
    found.into_iter().flatten().collect()
}

/// Where nobody counts connections in use, they are answers a second times the hold.
fn with_hold(view: &View<'_>, pool: Resource) -> Resource {
    if !pool.points.is_empty() {
        return pool;
    }
    let points = points(view, |step| {
        let hold = view
            .value(step, Signal::AppPoolHoldMs, "")
            .or_else(|| view.value(step, Signal::AppDbMs, ""))?;
        Some(view.rate(step)? * hold / 1000.0)
    });
    Resource { points, ..pool }
}

/// Of the active backends, at least so many wait for a lock that limits.
const LOCKED_MIN: f64 = 0.4;
/// Calls that take so many times as long as for one user wait for a slot of the other service.
const WAITING_MIN: f64 = 1.3;
/// A step of which more requests were rejected shows the rate that is accepted.
const REJECTED_MIN: f64 = 0.01;

/// What nobody tells the size of is known once it is reached: by how long one holds it, or by what came through.
fn at_their_limit(view: &View<'_>) -> Vec<Resource> {
    let Some((low, high)) = view.low().zip(view.high()) else {
        return Vec::new();
    };
    let found = [
        locked(
            view,
            (low, high),
            Bottleneck::D5,
            "the row that transactions change one after another",
            &["Lock/transactionid", "Lock/tuple"],
        ),
        locked(
            view,
            (low, high),
            Bottleneck::D6,
            "the table that transactions lock one after another",
            &["Lock/relation"],
        ),
        slots_by_rate(view, low, high),
        accepted(view),
        full_line(view),
    ];
    found.into_iter().flatten().collect()
}

/// One at a time, each for as long as a transaction of one user takes.
fn locked(
    view: &View<'_>,
    (low, high): (&str, &str),
    bottleneck: Bottleneck,
    name: &str,
    waits: &[&str],
) -> Option<Resource> {
    let all = view.subjects(high, Signal::PgActiveWait);
    let sum: f64 = all.iter().map(|(_, seen)| seen.value).sum();
    let ours: f64 = all
        .iter()
        .filter(|(wait, _)| waits.contains(wait))
        .map(|(_, seen)| seen.value)
        .sum();
    if sum <= 0.0 || ours < LOCKED_MIN * sum {
        return None;
    }
    let hold = view
        .value(low, Signal::AppPoolHoldMs, "")
        .or_else(|| view.value(low, Signal::AppDbMs, ""))
        .or_else(|| side_ms(view, low))?;
    let rate = view.rate(low)?;
    Some(Resource {
        name: name.to_owned(),
        bottleneck,
        points: vec![(rate, rate * hold / 1000.0)],
        available: 1.0,
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Measured,
    })
}

/// The slots of another service that does not tell them: as many as calls of one user's length fit into what came
/// through when calls had to wait.
fn slots_by_rate(view: &View<'_>, low: &str, high: &str) -> Option<Resource> {
    if view.fact(Signal::AppDownstreamMax, "").is_some() {
        return None;
    }
    let alone = view.value(low, Signal::AppDownstreamMs, "")?;
    if alone <= 0.0 || view.value(high, Signal::AppDownstreamMs, "")? < WAITING_MIN * alone {
        return None;
    }
    let most = view
        .ramp
        .iter()
        .filter_map(|step| view.rate(step))
        .fold(0.0, f64::max);
    let slots = most * alone / 1000.0;
    let rate = view.rate(low)?;
    Some(Resource {
        name: format!("the downstream service, which takes about {slots:.0} calls at once"),
        bottleneck: Bottleneck::S7,
        points: vec![(rate, rate * alone / 1000.0)],
        available: slots,
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Measured,
    })
}

/// A line of which nobody tells the speed shows it once it is full.
fn full_line(view: &View<'_>) -> Option<Resource> {
    if view.fact(Signal::HostNicLimit, "server").is_some() || view.fact(Signal::HostNicLimit, "").is_some() {
        return None;
    }
    let line = line::of(view).filter(|line| line.is_full() && line.is_seen_busy())?;
    Some(Resource {
        name: format!(
            "the line to the client, which carries {:.1} MB a second",
            line.last.1 / 1e6
        ),
        bottleneck: Bottleneck::N2,
        points: points(view, |step| line::bytes_per_second(view, step)),
        available: line.last.1.max(line.before.1),
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Measured,
    })
}

/// The rate of good answers in steps of which some were rejected.
fn accepted(view: &View<'_>) -> Option<Resource> {
    let rates: Vec<f64> = view
        .ramp
        .iter()
        .filter(|step| {
            let rejected: f64 = ["429", "503"]
                .iter()
                .filter_map(|status| view.value(step, Signal::ClientStatus, status))
                .sum();
            let all = view.value(step, Signal::ClientRequests, "").unwrap_or(0.0);
            rejected > REJECTED_MIN * all
        })
        .filter_map(|step| view.rate(step))
        .collect();
    let rate = mean(&rates)?;
    Some(Resource {
        name: "the rate that is accepted".to_owned(),
        bottleneck: Bottleneck::P8,
        points: vec![(rate, rate)],
        available: rate,
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Measured,
    })
}

fn processors(view: &View<'_>) -> Vec<Resource> {
    let mut found = Vec::new();
    for (party, by_quota, by_cores) in [
        ("server", Bottleneck::S3, Bottleneck::S1),
        ("database", Bottleneck::D9b, Bottleneck::D9),
    ] {
        let cores_busy = points(view, |step| view.per_ms(step, Signal::ProcessCpuMs, party));
        if let Some(quota) = view.fact(Signal::CgroupQuotaCores, party) {
            found.push(Resource {
                name: format!("the CPU quota of the {party}"),
                bottleneck: by_quota,
                points: cores_busy.clone(),
                available: quota.value,
                usable_share: ALL_OF_IT,
                basis: LimitBasis::Configured,
            });
        }
        if let Some(cores) = view.fact(Signal::ProcessCores, party) {
            found.push(Resource {
                name: format!("the CPU of the {party}"),
                bottleneck: by_cores,
                points: cores_busy,
                available: cores.value,
                usable_share: OF_A_CPU,
                basis: LimitBasis::Configured,
            });
        }
    }
    found.extend(machine(view));
    found.extend(one_connection(view));
    found.push(Resource {
        name: "the server's busiest thread".to_owned(),
        bottleneck: Bottleneck::S2,
        points: points(view, |step| {
            view.value(step, Signal::ProcessBusiestShare, "server")
        }),
        available: 1.0,
        usable_share: OF_A_CPU,
        basis: LimitBasis::Assumed,
    });
    found
}

/// One connection of HTTP/2 is served by one core at a time; a server that does otherwise has shown it by using more.
fn one_connection(view: &View<'_>) -> Option<Resource> {
    let load = &view.experiment(view.high()?)?.load;
    if load.connections != Some(1) || load.protocol.as_deref() != Some("HTTP/2") {
        return None;
    }
    let points = points(view, |step| view.per_ms(step, Signal::ProcessCpuMs, "server"));
    let busiest = points.iter().map(|(_, busy)| *busy).fold(0.0, f64::max);
    (busiest <= ONE_CORE_MAX).then(|| Resource {
        name: "the one core that serves the one connection".to_owned(),
        bottleneck: Bottleneck::S2,
        points,
        available: 1.0,
        usable_share: ALL_OF_IT,
        basis: LimitBasis::Assumed,
    })
}

/// Where the generator stands beside the target, all of them share the machine's cores.
fn machine(view: &View<'_>) -> Option<Resource> {
    let cores = view.fact(Signal::ProcessCores, "server")?.value;
    view.high()
        .and_then(|high| view.value(high, Signal::ProcessCpuMs, "client"))?;
    Some(Resource {
        name: "the CPU of the machine, shared with the generator".to_owned(),
        bottleneck: Bottleneck::S1,
        points: points(view, |step| {
            Some(view.value(step, Signal::HostBusyShare, "server")? * cores)
        }),
        available: cores,
        usable_share: OF_A_CPU,
        basis: LimitBasis::Configured,
    })
}

fn pipes(view: &View<'_>) -> Vec<Resource> {
    let per_second =
        |step: &str, signal: Signal, subject: &str| Some(view.per_ms(step, signal, subject)? * 1000.0);
    let mut found = vec![Resource {
        name: "the database's disk".to_owned(),
        bottleneck: Bottleneck::D10,
        points: points(view, |step| {
            view.value(step, Signal::HostDiskBusyShare, "database")
        }),
        available: 1.0,
        usable_share: OF_A_CPU,
        basis: LimitBasis::Assumed,
    }];
    if let Some(limit) = view
        .fact(Signal::HostNicLimit, "server")
        .or_else(|| view.fact(Signal::HostNicLimit, ""))
    {
        found.push(Resource {
            name: "the network card".to_owned(),
            bottleneck: Bottleneck::N2,
            points: points(view, |step| per_second(step, Signal::ClientReceivedBytes, "")),
            available: limit.value,
            usable_share: ALL_OF_IT,
            basis: LimitBasis::Configured,
        });
    }
    if let Some(ports) = view.fact(Signal::HostPorts, "proxy") {
        found.push(Resource {
            name: "ephemeral ports of the proxy".to_owned(),
            bottleneck: Bottleneck::P5,
            points: points(view, |step| {
                per_second(step, Signal::ProxyUpstreamConnections, "")
            }),
            available: ports.value / TIME_WAIT_MS * 1000.0,
            usable_share: ALL_OF_IT,
            basis: LimitBasis::Configured,
        });
    }
    found
}

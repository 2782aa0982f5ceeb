//! A run from its beginning to its summary: threads are started, joined, and what they learned is put together.

mod probe;

use std::{sync::Barrier, thread};

use crate::{
    arrivals::Arrivals,
    config::{Bodies, Config, Protocol},
    dial::Peer,
    ending::Ending,
    error::Error,
    scenario::Scenario,
    summary::{Parts, Summary},
    target::Scheme,
    tls,
    watch::Watch,
    worker::{Orders, Worker, exchange::Wording, total},
};

/// Sends what the scenario says, when the arrivals say, until the ending; and says what came of it.
///
/// Blocks until the run is over. `watch` shows how it goes and can end it.
pub fn run(
    scenario: &Scenario,
    arrivals: &Arrivals,
    ending: &Ending,
    config: &Config,
    watch: &Watch,
) -> Result<Summary, Error> {
    config.check()?;
    if let Arrivals::Open(schedule) = arrivals
        && total(Some(schedule), ending).is_none()
    {
        return Err(Error::Config {
            what: "a rate without an end: give a number of requests or a duration".to_owned(),
        });
    }
    let place = config
        .connect_to
        .clone()
        .unwrap_or_else(|| scenario.target().place());
    let mut peers = Peer::of(&place)?;
    let dialect = match scenario.target().scheme {
        Scheme::Http => None,
        Scheme::Https => Some(tls::dialect(&config.tls, scenario.target(), config.protocol)?),
    };
    let (protocol, there) = match (config.protocol, &dialect) {
        (Protocol::Auto, None) => probe::protocol(&peers, config.timeouts.connect),
        (protocol, _) => (protocol, probe::reachable(&peers, config.timeouts.connect)),
    };
    // All clients measure one server: the first address of the name at which somebody listens.
    peers.rotate_left(there);
    let wording = Wording::new(scenario, config);
    let orders = Orders {
        scenario,
        config,
        ending,
        wording: &wording,
        peers: &peers,
        dialect: dialect.as_ref(),
        protocol,
        watch,
    };
    // All threads are set up before the first begins: none of it counts as a request's wait.
    let set_up = Barrier::new(config.threads);
    let work = |thread: usize| {
        let numbers = share(config.clients, thread, config.threads);
        let source = Worker::source(arrivals, ending, numbers.clone(), config.clients);
        let worker = Worker::new(orders, source, thread, numbers);
        set_up.wait();
        worker
            .map_err(|source| Error::System {
                what: "set up the load loop",
                source,
            })?
            .run(watch.begin())
            .map_err(|source| Error::System {
                what: "wait for sockets",
                source,
            })
    };
    let parts = if config.threads == 1 {
        // On the caller's thread: one less to switch to.
        vec![work(0)?]
    } else {
        thread::scope(|scope| {
            let running: Vec<_> = (0..config.threads)
                .map(|thread| {
                    let work = &work;
                    scope.spawn(move || work(thread))
                })
                .collect();
            running
                .into_iter()
                .map(|thread| match thread.join() {
                    Ok(parts) => parts,
                    // A bug of ours: nothing that it counted can be believed.
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect::<Result<Vec<_>, _>>()
        })?
    };
    Ok(Summary::new(Parts {
        scenario,
        arrivals,
        ending,
        config,
        protocol,
        bodies: if scenario.reads_bodies() {
            crate::summary::Handling::Checked
        } else if config.bodies == Bodies::Discard && dialect.is_none() && protocol != Protocol::Http2 {
            crate::summary::Handling::Discarded
        } else {
            crate::summary::Handling::Read
        },
        was_stopped: watch.is_stopped(),
        threads: parts,
    }))
}

/// Finds out what a server speaks, on a connection of its own: what the configuration says, what TLS negotiates, or
/// in cleartext what the server answers to.
pub fn negotiate(scenario: &Scenario, config: &Config) -> Result<Protocol, Error> {
    if config.protocol != Protocol::Auto {
        return Ok(config.protocol);
    }
    let place = config
        .connect_to
        .clone()
        .unwrap_or_else(|| scenario.target().place());
    let peers = Peer::of(&place)?;
    Ok(match scenario.target().scheme {
        Scheme::Http => probe::protocol(&peers, config.timeouts.connect).0,
        Scheme::Https => {
            let dialect = tls::dialect(&config.tls, scenario.target(), config.protocol)?;
            probe::protocol_of_tls(&peers, &dialect, config.timeouts.connect)
        }
    })
}

/// Which clients belong to a thread.
pub(crate) fn share(clients: u32, thread: usize, threads: usize) -> std::ops::Range<u32> {
    let (thread, threads) = (thread as u64, threads as u64);
    let at = |thread: u64| (u64::from(clients) * thread / threads) as u32;
    at(thread)..at(thread + 1)
}

//! The server: bound first, so that its addresses are known, then run until it is told to end.

use std::{future::Future, net::SocketAddr, pin::pin, sync::Arc};

use ::analysis::engine::Engine;
use model::model::Model;
use store::open::Store;
use tokio::{
    task::JoinSet,
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    config::{Config, Tls},
    connection::{self, Http},
    error::Error,
    listen::Listener,
    metric::Limit,
    observe::Observe,
    site::Site,
    tls,
};

/// The longest URL that the `http` crate parses.
const URL_BYTES_MAX: usize = 65_534;
/// The smallest buffer that hyper reads HTTP/1 with.
const HEADER_BYTES_MIN: usize = 8192;

/// Listeners that are bound, with everything behind them.
pub struct Server {
    listener: Listener,
    admin: Option<Listener>,
    http: Arc<Http>,
    site: Arc<Site>,
}

/// Where a server listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// The API's.
    pub api: SocketAddr,
    /// The admin listener's.
    pub admin: Option<SocketAddr>,
    /// `http` or `https`.
    pub scheme: &'static str,
}

/// Binds the listeners; nothing is served before [`Server::run`].
pub async fn bind(
    config: Config,
    model: Arc<Model>,
    store: Arc<Store>,
    engine: Engine,
    observe: Observe,
) -> Result<Server, Error> {
    check(&config)?;
    let tls = tls::acceptor(&config.tls, config.listen)?;
    let listener = Listener::bind(config.listen, config.backlog)?;
    let admin = config
        .admin
        .map(|address| Listener::bind(address, config.backlog))
        .transpose()?;
    let site = Arc::new(Site::new(config, model, store, engine, observe));
    let http = Arc::new(Http::new(&site.config, site.tasks.clone(), tls));
    Ok(Server {
        listener,
        admin,
        http,
        site,
    })
}

impl Server {
    /// Where it listens: with port 0, the port that the system chose.
    pub fn addresses(&self) -> Addresses {
        Addresses {
            api: self.listener.address,
            admin: self.admin.as_ref().map(|admin| admin.address),
            scheme: match self.site.config.tls {
                Tls::Off => "http",
                Tls::Files { .. } | Tls::SelfSigned => "https",
            },
        }
    }

    /// Serves until `shutdown`, then drains: says "not ready", stops accepting, ends what is in
    /// flight, and returns. The admin listener answers to the end.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), Error> {
        let Server {
            listener,
            admin,
            http,
            site,
        } = self;
        let done = CancellationToken::new();
        let api = async {
            let ended = serve(listener, http, &site, shutdown).await;
            done.cancel();
            ended
        };
        let admin = async {
            if let Some(listener) = admin {
                admin::serve(listener, Arc::clone(&site), done.clone()).await;
            }
        };
        tokio::join!(api, admin).0
    }
}

async fn serve(
    listener: Listener,
    http: Arc<Http>,
    site: &Arc<Site>,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let mut connections = JoinSet::new();
    let connections_max = usize::try_from(site.config.connections_max).unwrap_or(usize::MAX);
    let mut shutdown = pin!(shutdown);
    let mut close_at = None;
    loop {
        let full = connections.len() >= connections_max;
        tokio::select! {
            () = &mut shutdown, if close_at.is_none() => {
                site.drain();
                close_at = Some(Instant::now() + site.config.drain_delay);
                tracing::info!(in_flight = site.gate.in_flight(), "draining");
            }
            () = sleep_until(close_at.unwrap_or_else(Instant::now)), if close_at.is_some() => break,
            Some(_) = connections.join_next() => {}
            stream = listener.accept(), if !full => {
                connections.spawn(connection::serve(stream, Arc::clone(site), Arc::clone(&http)));
                if connections.len() == connections_max {
                    site.metric.bound(Limit::Connections);
                    tracing::warn!(connections_max, "as many connections as permitted: the next ones wait");
                }
            }
        }
    }
    for stream in listener.close() {
        connections.spawn(connection::serve(stream, Arc::clone(site), Arc::clone(&http)));
    }
    site.closing.cancel();
    drain(connections, site).await
}

/// Waits for the connections to end; cuts those that do not in time.
async fn drain(mut connections: JoinSet<()>, site: &Site) -> Result<(), Error> {
    let began = Instant::now();
    let until = began + site.config.drain_max;
    site.tasks.close();
    let all = async {
        while connections.join_next().await.is_some() {}
        site.tasks.wait().await;
    };
    if timeout_at(until, all).await.is_ok() {
        tracing::info!("drained");
        return Ok(());
    }
    let requests = site.gate.in_flight();
    connections.shutdown().await;
    // Streams end when they find their connection gone; those that compute without a pause do not.
    let _ = timeout_at(Instant::now() + site.config.drain_max, site.tasks.wait()).await;
    if requests == 0 {
        Ok(())
    } else {
        Err(Error::Cut {
            requests,
            waited: began.elapsed(),
        })
    }
}

fn check(config: &Config) -> Result<(), Error> {
    for address in [Some(config.listen), config.admin].into_iter().flatten() {
        if !address.ip().is_loopback() && !config.allow_remote {
            return Err(Error::Remote { address });
        }
    }
    let limit = |key, wrong: bool, problem: String| {
        if wrong {
            Err(Error::Config { key, problem })
        } else {
            Ok(())
        }
    };
    limit(
        "url_bytes_max",
        config.url_bytes_max > URL_BYTES_MAX,
        format!("at most {URL_BYTES_MAX}"),
    )?;
    limit(
        "header_bytes_max",
        config.header_bytes_max < HEADER_BYTES_MIN,
        format!("at least {HEADER_BYTES_MIN}"),
    )?;
    limit(
        "page_limit_max",
        config.page_limit_max == 0,
        "at least 1".to_owned(),
    )?;
    limit(
        "connections_max",
        config.connections_max == 0,
        "at least 1".to_owned(),
    )?;
    limit(
        "transfers_max",
        config.transfers_max == 0,
        "at least 1".to_owned(),
    )?;
    limit("streams_max", config.streams_max == 0, "at least 1".to_owned())
}

//! What every request of this server shares.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use ::analysis::engine::Engine;
use bytes::Bytes;
use http::HeaderMap;
use model::{model::Model, plan::Plan};
use store::open::Store;
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    compress::{self, Encoding},
    config::Config,
    docs,
    limit::Gate,
    metric::Metric,
    observe::{self, Observe},
    openapi,
    router::Router,
};

/// The server's parts, and the pages made at start.
pub(crate) struct Site {
    pub(crate) config: Config,
    pub(crate) model: Arc<Model>,
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Engine,
    pub(crate) router: Router,
    pub(crate) gate: Arc<Gate>,
    /// Imports and exports at once.
    pub(crate) transfers: Arc<Semaphore>,
    pub(crate) metric: Metric,
    pub(crate) observe: Observe,
    pub(crate) openapi: Bytes,
    pub(crate) docs: Bytes,
    /// The plan of an analysis without `fields`.
    pub(crate) analysis: Arc<Plan>,
    /// Streams of HTTP/2 connections.
    pub(crate) tasks: TaskTracker,
    /// Set first of all: new work should go elsewhere.
    draining: AtomicBool,
    /// Connections are asked to end.
    pub(crate) closing: CancellationToken,
}

impl Site {
    pub(crate) fn new(
        config: Config,
        model: Arc<Model>,
        store: Arc<Store>,
        engine: Engine,
        observe: Observe,
    ) -> Site {
        let gate = Gate::new(config.in_flight_max);
        let registry = &observe.registry;
        observe::register(registry, Arc::clone(&gate), observe::limits(&config));
        store::metric::register(registry, store.pools().to_vec());
        engine.register(registry);
        let openapi = openapi::document(&model, &openapi::Limits::of(&config))
            .to_string()
            .into();
        Site {
            docs: docs::page(&model).into(),
            openapi,
            analysis: Arc::new(Plan::analysis(&model)),
            router: Router::new(&model, config.read_only),
            gate,
            transfers: Arc::new(Semaphore::new(config.transfers_max)),
            metric: Metric::new(registry),
            observe,
            tasks: TaskTracker::new(),
            draining: AtomicBool::new(false),
            closing: CancellationToken::new(),
            config,
            model,
            store,
            engine,
        }
    }

    /// The encoding that a client is answered in, unless the body is too small for it.
    pub(crate) fn encoding(&self, headers: &HeaderMap) -> Encoding {
        if self.config.compression {
            compress::negotiate(headers)
        } else {
            Encoding::Identity
        }
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Acquire)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }
}

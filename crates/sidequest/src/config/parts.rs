//! The parts' own `Config`s, made of ours: every number that one of them runs with stands here.

use std::{thread::available_parallelism, time::Duration};

use embedded::Backends;
use model::model::Model;

use super::{Config, Databases, Tls};
use crate::args::{Engine, Strategy};

/// Of a database nobody decided about: about its cores. 60 connections took 1.4 times the CPU of 4.
const CONNECTIONS_MIN: usize = 2;
const CONNECTIONS_MAX: usize = 8;
/// Logical clients of the one backend in our process: one runs, the next is ready.
const CONNECTIONS_ONE_BACKEND: usize = 2;
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// `embedded` gives its managed server so many; only pools that need more change that.
const SERVER_CONNECTIONS: usize = 250;
/// Beside our pools: psql, `check`, what PostgreSQL keeps for its superuser.
const SERVER_CONNECTIONS_SPARE: usize = 20;

/// Two groups of 250 over two connections answered 500 objects soonest.
const BATCH_IDS_MAX: usize = 250;
const BATCH_IDS_MIN: usize = 100;
/// Of a stream of all objects: 128 answers of some 60 kB are 8 MB, and the rows and frames of as many around them.
const AHEAD_MAX: usize = 128;

const BACKLOG: u32 = 1_024;
const CONNECTIONS_OPEN_MAX: u32 = 4_096;
/// hyper's 200 quietly makes three waves of 500.
const STREAMS_MAX: u32 = 1_000;
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3_600);
const STALL_MAX: Duration = Duration::from_secs(30);
/// What a balancer has sent already still arrives; longer would be felt at every Ctrl-C.
const DRAIN_DELAY: Duration = Duration::from_millis(200);
/// 500 ids of 36 letters fit into a URL.
const IDS_MAX: usize = 1_000;
const FIELDS_MAX: usize = 100;
const URL_BYTES_MAX: usize = 32 << 10;
const HEADER_BYTES_MAX: usize = 64 << 10;
const BODY_BYTES_MAX: u64 = 64 << 10;
/// 10,000 changes of 800 bytes; it is held in memory.
const BULK_BYTES_MAX: u64 = 8 << 20;
/// Of an import, which is not held: a hundred million records of 600 bytes.
const IMPORT_BYTES_MAX: u64 = 64 << 30;
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Each keeps a connection of a pool that may have but two.
const TRANSFERS_MAX: usize = 1;
const PAGE_LIMIT: u32 = 50;
const PAGE_LIMIT_MAX: u32 = 1_000;

impl Config {
    /// Of the listeners.
    pub(crate) fn api(&self) -> api::config::Config {
        api::config::Config {
            listen: self.listen,
            admin: self.admin,
            tls: match &self.tls {
                Tls::Off => api::config::Tls::Off,
                Tls::Files { certificate, key } => api::config::Tls::Files {
                    cert: certificate.clone(),
                    key: key.clone(),
                },
                Tls::SelfSigned => api::config::Tls::SelfSigned,
            },
            allow_remote: self.allow_remote,
            backlog: BACKLOG,
            connections_max: CONNECTIONS_OPEN_MAX,
            streams_max: STREAMS_MAX,
            in_flight_max: self.in_flight_max,
            request_timeout: self.request_timeout,
            header_timeout: HEADER_TIMEOUT,
            connection_age_max: CONNECTION_AGE_MAX,
            stall_max: STALL_MAX,
            drain_delay: DRAIN_DELAY,
            drain_max: self.drain_max,
            ids_max: IDS_MAX,
            fields_max: FIELDS_MAX,
            url_bytes_max: URL_BYTES_MAX,
            header_bytes_max: HEADER_BYTES_MAX,
            body_bytes_max: BODY_BYTES_MAX,
            bulk_bytes_max: BULK_BYTES_MAX,
            import_bytes_max: IMPORT_BYTES_MAX,
            transfer_timeout: TRANSFER_TIMEOUT,
            transfers_max: TRANSFERS_MAX,
            read_only: self.read_only,
            page_limit: PAGE_LIMIT,
            page_limit_max: PAGE_LIMIT_MAX,
            compression: true,
        }
    }

    /// Of the engine that computes analyses.
    pub(crate) fn analysis(&self) -> analysis::config::Config {
        analysis::config::Config {
            strategy: self.strategy(),
            batch_ids_max: BATCH_IDS_MAX,
            batch_ids_min: BATCH_IDS_MIN,
            // Whoever got past the listener's limit has a place here, and so has what streams ask for ahead.
            waiting_max: usize::try_from(self.in_flight_max)
                .unwrap_or(usize::MAX)
                .saturating_add(AHEAD_MAX),
            ahead_max: AHEAD_MAX,
            keep_references: self.cache_bytes > 0,
            cache_bytes: self.cache_bytes,
        }
    }

    /// What `auto` has come to.
    pub(crate) fn strategy(&self) -> analysis::config::Strategy {
        match self.strategy {
            Strategy::Each => analysis::config::Strategy::Each,
            Strategy::Batched => analysis::config::Strategy::Batched,
            Strategy::Auto | Strategy::Fused => analysis::config::Strategy::Fused,
        }
    }

    /// Of the pools, in the order of the model's databases.
    pub(crate) fn store(&self, model: &Model, open: &embedded::Databases) -> Vec<store::config::Config> {
        let of = |database: &model::database::Database| store::config::Config {
            connections: match self.declared_connections(database) {
                Some(declared) => declared,
                None => match open.caps(&database.name).backends {
                    Backends::One => CONNECTIONS_ONE_BACKEND,
                    Backends::Many => default_connections(),
                },
            },
            // A statement that nobody waits for any more ends by itself, even if cancelling it fails.
            statement_timeout: Some(database.statement_timeout.unwrap_or(self.request_timeout)),
            wait_max: self.request_timeout,
            connect_max: CONNECT_MAX,
            slow: self.telemetry.statements_slow,
            comments: self.telemetry.sql_comments,
        };
        model.databases.iter().map(of).collect()
    }

    /// Connections of all pools together, before it is known which engine is behind them.
    pub(crate) fn connections(&self, model: &Model) -> usize {
        let of = |database| {
            self.declared_connections(database)
                .unwrap_or_else(default_connections)
        };
        model.databases.iter().map(of).sum()
    }

    fn declared_connections(&self, database: &model::database::Database) -> Option<usize> {
        let declared = self.pool.or(database.connections)?;
        Some(usize::try_from(declared).unwrap_or(usize::MAX))
    }
}

impl Databases {
    /// Of what starts or reaches them; `connections` are those of all pools together.
    pub(crate) fn embedded(&self, connections: usize) -> embedded::Config {
        let needed = connections + SERVER_CONNECTIONS_SPARE;
        let settings = if needed > SERVER_CONNECTIONS {
            vec![("max_connections".to_owned(), needed.to_string())]
        } else {
            Vec::new()
        };
        embedded::Config {
            directory: self.directory.clone(),
            engine: match self.engine {
                Engine::Auto => embedded::Engine::Auto,
                Engine::Managed => embedded::Engine::Managed,
                Engine::InProcess => embedded::Engine::InProcess,
            },
            external: self.placed.clone(),
            search: self.search.clone(),
            search_known: true,
            settings,
            sync: true,
            supervisor: embedded::Supervisor::SelfExe {
                arguments: vec!["__postgres".to_owned()],
            },
            connect_timeout: CONNECT_MAX,
        }
    }
}

/// Pools of `check`, which looks at one statement after another.
pub(crate) fn checking(model: &Model, within: Duration) -> Vec<store::config::Config> {
    let one = store::config::Config {
        connections: 1,
        statement_timeout: Some(within),
        wait_max: within,
        connect_max: CONNECT_MAX,
        slow: within,
        comments: false,
    };
    vec![one; model.databases.len()]
}

fn default_connections() -> usize {
    available_parallelism()
        .map_or(CONNECTIONS_MIN, usize::from)
        .clamp(CONNECTIONS_MIN, CONNECTIONS_MAX)
}

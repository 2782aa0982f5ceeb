//! `sidequest serve`: opens the databases, fills those that are new, listens, and stops when told to.

use std::{cell::RefCell, future::Future, sync::Arc, time::Duration};

use analysis::engine::Engine;
use anyhow::anyhow;
use api::{
    observe::Observe,
    server::{Addresses, Server},
};
use embedded::Databases;
use model::model::Model;
use store::{check::Severity, listen, open::Store};
use tokio::{runtime::Runtime, sync::oneshot, task::JoinSet, time::Instant};

use super::check::{checked, show, summary};
use crate::{
    args::{LogFormat, Serve},
    config::{Config, Environment, Log},
    console::{self, Console},
    declaration::Origin,
    exit::{Exit, Failure},
    shutdown::Signals,
    watching::Watching,
};

/// Every statement is prepared within this time, or we do not start.
const CHECK_MAX: Duration = Duration::from_secs(30);
/// Tasks that nobody waits for do not hold up the end.
const RUNTIME_STOP_MAX: Duration = Duration::from_secs(2);

/// Serves until told to stop.
pub(crate) fn run(serve: Serve) -> Result<Exit, Failure> {
    let config = Config::resolve(serve, &Environment::read())?;
    let level = start_log(&config.log)?;
    let console = Console {
        quiet: config.quiet,
        format: config.log.format,
    };
    let origin = Origin::of(config.model.clone());
    let Some(model) = checked(&origin)? else {
        return Ok(Exit::Model);
    };
    config.databases.check_names(&model)?;
    config.databases.check_places(&model)?;
    let start = Start {
        config,
        console,
        origin,
        model: Arc::new(model),
        level,
    };
    let runtime = runtime()?;
    let done = runtime.block_on(serve_model(&start));
    runtime.shutdown_timeout(RUNTIME_STOP_MAX);
    done
}

/// A worker for each core.
pub(crate) fn runtime() -> Result<Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    built.map_err(|error| Exit::Bug.because(anyhow!(error).context("start the runtime")))
}

/// What is known before anything is opened.
struct Start {
    config: Config,
    console: Console,
    origin: Origin,
    model: Arc<Model>,
    level: telemetry::log::Level,
}

async fn serve_model(start: &Start) -> Result<Exit, Failure> {
    let mut signals =
        Signals::take().map_err(|error| Exit::Bug.because(anyhow!(error).context("listen to signals")))?;
    // A signal while starting ends the start: databases that are open already are stopped by their drop.
    let databases = tokio::select! {
        databases = open(start) => databases?,
        name = signals.next() => return Ok(stopped(start, name)),
    };
    let served = serve_databases(start, &mut signals, &databases).await;
    match Arc::try_unwrap(databases) {
        Ok(databases) => signals.while_stopping(databases.stop()).await,
        // A task that is still about holds it, and its drop stops them just as well.
        Err(shared) => drop(shared),
    }
    served
}

async fn open(start: &Start) -> Result<Arc<Databases>, Failure> {
    let Start {
        config,
        console,
        model,
        ..
    } = start;
    console.notice(format_args!(
        "sidequest {}: {} ({})",
        env!("CARGO_PKG_VERSION"),
        model.title,
        start.origin
    ));
    console.notice(format_args!("model: {}", summary(model)));
    let names: Vec<String> = model
        .databases
        .iter()
        .map(|database| database.name.clone())
        .collect();
    let embedded = config.databases.embedded(config.connections(model));
    let databases = embedded::open(&embedded, &names)
        .await
        .map_err(database_failure)?;
    for choice in databases.choices() {
        console.notice(choice);
    }
    Ok(Arc::new(databases))
}

async fn serve_databases(
    start: &Start,
    signals: &mut Signals,
    databases: &Arc<Databases>,
) -> Result<Exit, Failure> {
    let (observe, watching) = Watching::start(&start.config, start.level.clone());
    let (server, mut listeners) = tokio::select! {
        server = prepare(start, databases, observe) => server?,
        name = signals.next() => return Ok(stopped(start, name)),
    };
    announce(start, server.addresses());
    let (stop, stopping) = oneshot::channel();
    let running = server.run(async {
        // Whoever drops the sender wants the same.
        let _ = stopping.await;
    });
    let mut running = Box::pin(running);
    let ended = tokio::select! {
        ended = &mut running => ended,
        name = signals.next() => {
            start.console.notice(format_args!("{name}: letting requests in flight end"));
            let _ = stop.send(());
            signals.while_stopping(running).await
        }
    };
    listeners.shutdown().await;
    signals.while_stopping(watching.stop()).await;
    ended.map(|()| Exit::Fine).map_err(listen_failure)
}

/// Everything between open databases and a server that needs only to be run.
fn prepare<'a>(
    start: &'a Start,
    databases: &'a Arc<Databases>,
    observe: Observe,
) -> impl Future<Output = Result<(Server, JoinSet<()>), Failure>> + use<'a> {
    let Start { config, model, .. } = start;
    // Large, and polled in a `select!`: on the heap.
    Box::pin(async move {
        fill(start, databases).await?;
        migrate(start, databases).await?;
        let store = Arc::new(Store::new(
            model,
            Arc::clone(databases),
            config.store(model, databases),
        ));
        fits(start, &store).await?;
        store
            .warm()
            .await
            .map_err(|error| Exit::Database.because(error))?;
        let engine = Engine::new(Arc::clone(model), Arc::clone(&store), config.analysis());
        let listeners = listeners(model, databases, &engine);
        let server = api::server::bind(config.api(), Arc::clone(model), store, engine, observe)
            .await
            .map_err(listen_failure)?;
        Ok((server, listeners))
    })
}

/// One for each database whose writers tell of what they write.
fn listeners(model: &Model, databases: &Arc<Databases>, engine: &Engine) -> JoinSet<()> {
    let mut listeners = JoinSet::new();
    for database in listen::told(model, databases) {
        let (databases, engine) = (Arc::clone(databases), engine.clone());
        let name = model.databases[database].name.clone();
        listeners.spawn(async move {
            let on_object = |object: &str| {
                engine.evict(object);
            };
            listen::follow(&databases, &name, on_object).await;
        });
    }
    listeners
}

/// Fills the databases that are ours and empty, and shows how far it is.
async fn fill(start: &Start, databases: &Databases) -> Result<(), Failure> {
    let shown: RefCell<Option<(String, console::Progress)>> = RefCell::new(None);
    let progress = |at: store::seed::Progress<'_>| {
        let mut shown = shown.borrow_mut();
        let title = format!("{}: {}", at.database, at.table);
        if shown.as_ref().is_none_or(|(current, _)| *current != title) {
            // The bar before it goes first, or both would be drawn.
            *shown = None;
            *shown = Some((title.clone(), start.console.progress(&title, at.bytes_total)));
        }
        if let Some((title, bar)) = shown.as_ref() {
            bar.at(title, at.bytes_read);
        }
    };
    let files = |path: &str| start.origin.data(path);
    let filled = store::seed::seed(databases, &start.model, &files, &progress).await;
    shown.replace(None);
    for seeded in filled.map_err(|error| Exit::Database.because(error))? {
        let tables: Vec<String> = seeded
            .tables
            .iter()
            .map(|(table, rows)| format!("{rows} {table}"))
            .collect();
        start.console.notice(format_args!(
            "filled: {} with {} in {:.1} s",
            seeded.database,
            tables.join(", "),
            seeded.took.as_secs_f64()
        ));
    }
    Ok(())
}

/// Brings the tables of revisions to what the model says, in the databases that are ours.
async fn migrate(start: &Start, databases: &Databases) -> Result<(), Failure> {
    for (index, database) in start.model.databases.iter().enumerate() {
        if !databases.is_ours(&database.name) {
            continue;
        }
        let applied = store::migration::apply(databases, &start.model, index).await;
        for step in applied.map_err(|error| Exit::Database.because(error))?.steps {
            start
                .console
                .notice(format_args!("migrated: {}: {}", database.name, step.about));
        }
    }
    Ok(())
}

/// Whether every statement of the model fits its database: better said now than by the first request.
async fn fits(start: &Start, store: &Store) -> Result<(), Failure> {
    let findings = store::check::shape(store, &start.model, Instant::now() + CHECK_MAX).await;
    let is_error = |finding: &&store::check::Finding| finding.severity == Severity::Error;
    match findings.iter().filter(is_error).count() {
        0 => Ok(()),
        errors => {
            show(&findings);
            let placed: Vec<&str> = start.config.databases.placed.keys().map(String::as_str).collect();
            let hint = (!placed.is_empty()).then(|| {
                "`sidequest check` with the same --database options says more, and does not serve".to_owned()
            });
            Err(Exit::Database
                .because(anyhow!(
                    "serve {}: {errors} statements do not fit their databases",
                    start.origin
                ))
                .hint(hint))
        }
    }
}

fn announce(start: &Start, addresses: Addresses) {
    let Addresses { api, admin, scheme } = addresses;
    let strategy = match start.config.strategy() {
        analysis::config::Strategy::Each => "each",
        analysis::config::Strategy::Batched => "batched",
        analysis::config::Strategy::Fused => "fused",
    };
    let admin = admin.map_or_else(|| "off".to_owned(), |admin| format!("http://{admin}/readyz"));
    start.console.notice(format_args!(
        "listening: {scheme}://{api} (admin: {admin}), strategy {strategy}"
    ));
    if !api.ip().is_loopback() {
        start.console.warning(format_args!(
            "everyone who reaches {api} can read everything: nobody is asked who they are"
        ));
    }
    start.console.notice(format_args!(
        "open {scheme}://{api}/docs or {scheme}://{api}/api/v1/objects?limit=3"
    ));
}

fn stopped(start: &Start, name: &str) -> Exit {
    start
        .console
        .notice(format_args!("{name}: stopped while starting"));
    Exit::Fine
}

fn start_log(log: &Log) -> Result<telemetry::log::Level, Failure> {
    let config = telemetry::log::Config {
        format: match log.format {
            LogFormat::Text => telemetry::log::Format::Text,
            LogFormat::Json => telemetry::log::Format::Json,
        },
        colours: console::log_colours(),
        filter: log.filter.clone(),
    };
    telemetry::log::start(&config, console::log_writer).map_err(|error| Exit::Usage.because(error))
}

pub(super) fn database_failure(error: embedded::Error) -> Failure {
    let hint = error.hint();
    Exit::Database.because(error).hint(hint)
}

fn listen_failure(error: api::error::Error) -> Failure {
    let exit = match error {
        api::error::Error::Cut { .. } => Exit::Cut,
        _ => Exit::Listen,
    };
    let hint = match error {
        api::error::Error::Remote { .. } => {
            Some("--allow-remote permits it; put a proxy that authenticates before it".to_owned())
        }
        _ => error.hint().map(str::to_owned),
    };
    exit.because(error).hint(hint)
}

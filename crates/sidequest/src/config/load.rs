//! What `load` is to do: its flags and defaults, put together into the parts of the crate `load`.

#[cfg(test)]
mod tests;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context as _, anyhow, bail};
use load::{
    arrivals::{Arrivals, Stage},
    check::Check,
    config::{Bodies, Config, Limits, Protocol, Timeouts, Tls, WINDOW_MAX, Windows},
    ending::Ending,
    scenario::{
        Request, Scenario,
        file::{self, Overrides},
        template::Template,
        values::{Order, Values},
    },
    target::{Place, Scheme, Target},
};

use crate::args::load::{ClearProtocol, Load};

const REQUESTS: u64 = 1;
const CLIENTS: u32 = 1;
const STREAMS: u32 = 1;
const THREADS: usize = 1;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
const HEADER_TABLE_BYTES: u32 = 4_096;
const SLOWEST: u32 = 5;
/// Of one answer's head; proxies take 8 to 64 kB.
const HEAD_BYTES_MAX: usize = 64 * 1_024;
const INFORMATIONAL_MAX: u32 = 100;
const REFUSED_MAX: u16 = 10;
const CONNECT_ATTEMPTS_MAX: u32 = 5;
const CONNECTIONS_LISTED_MAX: usize = 1_000;
/// Connections of HTTP/1.1 that a browser opens to one origin.
const BROWSER_CONNECTIONS: u32 = 6;
/// Streams that a browser opens, if the server allows it.
const BROWSER_STREAMS: u32 = 1_000;
/// Windows of Chromium: 6 MiB for a stream, 15 MiB for a connection.
const BROWSER_WINDOWS: Windows = Windows {
    stream: 6 << 20,
    connection: 15 << 20,
};
/// Bytes of a list of URLs at most.
const INPUT_BYTES_MAX: u64 = 64 << 20;

/// Variables that make other programs use a proxy.
const PROXIES: [&str; 6] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
];

/// The defaults, as `--help` and the reference show them, by the option's name.
pub(crate) fn defaults() -> Vec<(&'static str, String)> {
    vec![
        ("requests", format!("{REQUESTS}; with a duration, any number")),
        ("clients", CLIENTS.to_string()),
        ("max_concurrent_streams", STREAMS.to_string()),
        ("threads", THREADS.to_string()),
        ("window_bits", "31".to_owned()),
        ("connection_window_bits", "31".to_owned()),
        ("header_table_size", HEADER_TABLE_BYTES.to_string()),
        ("encoder_header_table_size", HEADER_TABLE_BYTES.to_string()),
        ("connect_timeout", format!("{}s", CONNECT_TIMEOUT.as_secs())),
        ("request_timeout", format!("{}s", REQUEST_TIMEOUT.as_secs())),
        ("check_status", "200..399".to_owned()),
        ("seed", "from the clock".to_owned()),
        ("slowest", SLOWEST.to_string()),
    ]
}

/// What `load` is to do.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) arrivals: Arrivals,
    pub(crate) ending: Ending,
    pub(crate) config: Config,
    pub(crate) browser: bool,
    pub(crate) quiet: bool,
    pub(crate) outputs: Outputs,
    /// Things that the user should know before it begins.
    pub(crate) notes: Vec<String>,
}

/// Files to be written.
#[derive(Debug)]
pub(crate) struct Outputs {
    pub(crate) json: Option<PathBuf>,
    pub(crate) log: Option<PathBuf>,
    pub(crate) log_like_h2load: Option<PathBuf>,
    pub(crate) hdr: Option<PathBuf>,
}

impl Run {
    /// Puts everything together.
    pub(crate) fn resolve(load: Load) -> anyhow::Result<Run> {
        let seed = load.seed.unwrap_or_else(clock_seed);
        let mut notes = proxies();
        if load.insecure {
            notes.push("--insecure: any certificate is believed, whoever made it".to_owned());
        }
        let base = load.base_uri.as_deref();
        let scenario = match &load.scenario {
            Some(path) => from_file(path, &load, seed)?,
            None => from_flags(&load, seed)?,
        };
        let connect_to = match (base.filter(|base| base.starts_with("unix:")), &load.connect_to) {
            (Some(_), Some(_)) => bail!("choose a place: --base-uri unix: and --connect-to both name one"),
            (Some(place), None) => Some(place),
            (None, place) => place.as_deref(),
        };
        let connect_to = connect_to
            .map(|place| Place::parse(place, scenario.target().port))
            .transpose()?;
        let clients = load.clients.unwrap_or(CLIENTS);
        notes.extend(doubts(&load, &scenario, clients));
        let config = Config {
            threads: load.threads.unwrap_or(THREADS),
            clients,
            streams: load.max_concurrent_streams.unwrap_or(STREAMS),
            protocol: protocol(&load, scenario.target().scheme),
            bodies: if load.discard {
                Bodies::Discard
            } else {
                Bodies::Read
            },
            windows: windows(&load),
            header_table_bytes: load.header_table_size.unwrap_or(HEADER_TABLE_BYTES),
            encoder_table_bytes: load.encoder_header_table_size.unwrap_or(HEADER_TABLE_BYTES),
            timeouts: Timeouts {
                connect: load.connect_timeout.map_or(CONNECT_TIMEOUT, |time| time.0),
                request: load.request_timeout.map_or(REQUEST_TIMEOUT, |time| time.0),
                inactivity: load.connection_inactivity_timeout.map(|time| time.0),
                age: load.connection_active_timeout.map(|time| time.0),
            },
            tls: Tls {
                insecure: load.insecure,
                server_name: load.sni.clone(),
                authorities: load.cacert.clone(),
                client: load.cert.clone().zip(load.key.clone()),
            },
            connect_to,
            traceparent: load.traceparent,
            seed,
            limits: Limits {
                head_bytes_max: HEAD_BYTES_MAX,
                informational_max: INFORMATIONAL_MAX,
                refused_max: REFUSED_MAX,
                connect_attempts_max: CONNECT_ATTEMPTS_MAX,
                slowest_listed_max: load.slowest.unwrap_or(SLOWEST) as usize,
                connections_listed_max: CONNECTIONS_LISTED_MAX,
            },
            samples: None,
        };
        Ok(Run {
            arrivals: arrivals(&load, clients)?,
            ending: ending(&load)?,
            scenario,
            config,
            browser: load.browser,
            quiet: load.quiet,
            outputs: Outputs {
                json: load.json,
                log: load.log,
                log_like_h2load: load.log_file,
                hdr: load.hdr,
            },
            notes,
        })
    }

    /// A browser's connections depend on the protocol, which is known only now.
    pub(crate) fn like_a_browser(&mut self, protocol: Protocol) {
        let requests = self.ending.requests().unwrap_or(REQUESTS);
        let wanted = u32::try_from(requests).unwrap_or(u32::MAX).max(1);
        self.config.protocol = protocol;
        match protocol {
            Protocol::Http2 => {
                self.config.clients = 1;
                self.config.streams = BROWSER_STREAMS;
            }
            Protocol::Http1 | Protocol::Auto => {
                self.config.clients = BROWSER_CONNECTIONS.min(wanted);
                self.config.streams = 1;
            }
        }
    }
}

fn protocol(load: &Load, scheme: Scheme) -> Protocol {
    match (load.no_tls_proto, scheme) {
        _ if load.h1 => Protocol::Http1,
        _ if load.h2 => Protocol::Http2,
        (Some(ClearProtocol::H2c), Scheme::Http) => Protocol::Http2,
        (Some(ClearProtocol::Http1), Scheme::Http) => Protocol::Http1,
        // In TLS, ALPN decides.
        (Some(_), Scheme::Https) | (None, _) => Protocol::Auto,
    }
}

fn windows(load: &Load) -> Windows {
    let default = if load.browser {
        BROWSER_WINDOWS
    } else {
        Windows {
            stream: WINDOW_MAX,
            connection: WINDOW_MAX,
        }
    };
    let bytes = |bits: u32| ((1_u64 << bits) - 1) as u32;
    Windows {
        stream: load.window_bits.map_or(default.stream, bytes),
        connection: load.connection_window_bits.map_or(default.connection, bytes),
    }
}

fn arrivals(load: &Load, clients: u32) -> anyhow::Result<Arrivals> {
    if load.browser {
        return Ok(Arrivals::at_once());
    }
    if !load.stage.is_empty() {
        let stages: Vec<Stage> = load
            .stage
            .iter()
            .map(|stage| Stage {
                per_second: stage.per_second,
                over: stage.over,
            })
            .collect();
        return Ok(Arrivals::stages(0.0, &stages)?);
    }
    Ok(match (load.rate, load.rps) {
        (Some(rate), _) => Arrivals::rate(rate)?,
        (None, Some(rps)) => Arrivals::rate(rps * f64::from(clients))?,
        (None, None) => Arrivals::Closed,
    })
}

fn ending(load: &Load) -> anyhow::Result<Ending> {
    let warm_up = load.warm_up_time.map_or(Duration::ZERO, |time| time.0);
    let stages: Duration = load.stage.iter().map(|stage| stage.over).sum();
    let ending = match (load.duration, load.requests) {
        (Some(span), None) => Ending::within(span.0, warm_up)?,
        (Some(span), Some(requests)) => Ending::within(span.0, warm_up)?.and_after(requests),
        (None, None) if !load.stage.is_empty() => Ending::within(stages, warm_up)?,
        (None, requests) => Ending::after(requests.unwrap_or(REQUESTS))?,
    };
    Ok(if load.fail_fast {
        ending.and_at_failure()
    } else {
        ending
    })
}

fn from_file(path: &Path, load: &Load, seed: u64) -> anyhow::Result<Scenario> {
    if load.url.len() > 1 || load.input_file.is_some() || load.data.is_some() || load.method.is_some() {
        bail!("use --scenario: its requests stand in the file, and only one URL may say whom to ask");
    }
    if !load.header.is_empty() || has_checks(load) {
        bail!("use --scenario: headers and checks stand in the file");
    }
    let text = fs::read_to_string(path).with_context(|| format!("read the scenario {}", path.display()))?;
    let base = load.base_uri.as_ref().filter(|base| !base.starts_with("unix:"));
    let overrides = Overrides {
        url: base.or(load.url.first()).cloned(),
        seed: load.seed,
        seed_otherwise: seed,
        values: load
            .values
            .iter()
            .map(|said| named_values(said))
            .collect::<anyhow::Result<_>>()?,
        random: load.random,
    };
    let directory = path.parent().unwrap_or(Path::new(".")).to_owned();
    let read = move |file: &str| fs::read(directory.join(file));
    file::parse(&path.display().to_string(), &text, &overrides, &read).map_err(|error| {
        // toml's message has the place, the line and a caret, so it stands as it is.
        match std::error::Error::source(&error) {
            Some(source) => anyhow!("{error}:\n{}", source.to_string().trim_end()),
            None => anyhow!(error),
        }
    })
}

fn from_flags(load: &Load, seed: u64) -> anyhow::Result<Scenario> {
    let order = if load.random {
        Order::Random { seed }
    } else {
        Order::InOrder
    };
    let mut values = Values::new(order);
    for said in &load.values {
        let (name, said) = named_values(said)?;
        values = file::list(values, &name, &said, &|file| fs::read(file))?;
    }
    let urls = urls(load)?;
    let first = urls
        .first()
        .ok_or_else(|| anyhow!("find out what to ask for: give a URL, --input-file or --scenario"))?;
    let base = load.base_uri.as_deref().filter(|base| !base.starts_with("unix:"));
    let (target, _) = Target::parse(base.unwrap_or(first))?;
    let body = load.data.as_ref().map(|path| body_of(path)).transpose()?;
    let (mut method, mut headers) = (load.method.clone(), Vec::new());
    for header in &load.header {
        match field(header)? {
            (":method", value) => method = Some(value.to_owned()),
            (":authority", value) => headers.push(("host".to_owned(), Template::parse(value, &values)?)),
            (name, _) if name.starts_with(':') => {
                bail!(
                    "read the header `{header}`: of pseudo headers, give :method or :authority; the URL says the rest"
                )
            }
            (name, value) => headers.push((name.to_owned(), Template::parse(value, &values)?)),
        }
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let check = check(load)?;
    let requests = urls
        .iter()
        .map(|url| {
            // h2load ignores scheme, host and port of all URLs but the first.
            let path = if url.starts_with('/') {
                url.clone()
            } else {
                Target::parse(url)?.1
            };
            Ok(Request {
                method: method.clone(),
                headers: headers.clone(),
                body: body.clone(),
                check: check.clone(),
                ..Request::get(&path, &values)?
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    Ok(Scenario::new(target, requests, values)?)
}

/// Name and value of a header; a pseudo header begins with its colon.
fn field(header: &str) -> anyhow::Result<(&str, &str)> {
    let colon = header.char_indices().skip(1).find(|(_, letter)| *letter == ':');
    let (at, _) = colon.ok_or_else(|| anyhow!("read the header `{header}`: give `name: value`"))?;
    Ok((header[..at].trim(), header[at + 1..].trim()))
}

/// The file is named as h2load names it, or with curl's `@`.
fn body_of(path: &Path) -> anyhow::Result<Vec<u8>> {
    let named = path.to_str().and_then(|path| path.strip_prefix('@'));
    let path = match named {
        Some(named) if !path.exists() => Path::new(named),
        Some(_) | None => path,
    };
    fs::read(path).with_context(|| {
        format!(
            "read the body {}: --data names a file, which `-d /dev/stdin` reads from a pipe",
            path.display()
        )
    })
}

/// Things that may not be meant.
fn doubts(load: &Load, scenario: &Scenario, clients: u32) -> Vec<String> {
    let mut doubts = Vec::new();
    let has_braces = |url: &String| url.split_once('{').is_some_and(|(_, rest)| rest.contains('}'));
    if load.values.is_empty() && load.scenario.is_none() && load.url.iter().any(has_braces) {
        doubts.push(
            "the braces of the URL are sent as they are: --values NAME=1..500 would fill {NAME}".to_owned(),
        );
    }
    let requests = load.requests.unwrap_or(u64::MAX);
    if !load.browser && load.duration.is_none() && requests < u64::from(clients) {
        doubts.push(format!(
            "{requests} requests for {clients} clients: some connect and have nothing to ask"
        ));
    }
    if load.cert.is_some() && scenario.target().scheme == Scheme::Http {
        doubts.push("--cert is not shown: the URL is http, not https".to_owned());
    }
    doubts
}

fn urls(load: &Load) -> anyhow::Result<Vec<String>> {
    let Some(path) = &load.input_file else {
        return Ok(load.url.clone());
    };
    let what = || format!("read the URLs of {}", path.display());
    let text = if path.as_os_str() == "-" {
        io::read_to_string(io::Read::take(io::stdin(), INPUT_BYTES_MAX)).with_context(what)?
    } else {
        fs::read_to_string(path).with_context(what)?
    };
    Ok(text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect())
}

fn has_checks(load: &Load) -> bool {
    load.check_status.is_some()
        || load.check_length.is_some()
        || load.check_sha256.is_some()
        || load.check_contains.is_some()
}

fn check(load: &Load) -> anyhow::Result<Check> {
    Ok(Check {
        status: load.check_status.as_deref().map(file::statuses).transpose()?,
        length: load.check_length,
        sha256: load.check_sha256.as_deref().map(file::sha256).transpose()?,
        contains: load.check_contains.as_ref().map(|text| text.clone().into_bytes()),
    })
}

fn named_values(said: &str) -> anyhow::Result<(String, String)> {
    said.split_once('=')
        .map(|(name, values)| (name.to_owned(), values.to_owned()))
        .ok_or_else(|| anyhow!("read the values `{said}`: give NAME=1..500, NAME=@FILE or NAME=a,b,c"))
}

fn clock_seed() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_nanos() as u64)
}

#[expect(
    clippy::disallowed_methods,
    reason = "`config` is the one place that reads the environment"
)]
fn proxies() -> Vec<String> {
    PROXIES
        .into_iter()
        .filter(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
        .map(|name| format!("{name} is ignored: no proxy is used"))
        .collect()
}

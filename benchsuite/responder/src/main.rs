//! `responder`: what to listen on, and how many requests a connection may make.
//!
//! Behind nginx every HTTP/2 client looks alike, since nginx is what is full. This server shows the client's own
//! ceiling: every byte of an answer was made before the first request, and what goes out goes out in few writes.

#[cfg(target_os = "linux")]
mod answer;
#[cfg(target_os = "linux")]
mod connection;
#[cfg(target_os = "linux")]
mod http1;
#[cfg(target_os = "linux")]
mod http2;
#[cfg(target_os = "linux")]
mod output;
#[cfg(target_os = "linux")]
mod serve;

use std::{net::SocketAddr, process::ExitCode};

use clap::Parser;

/// A fast server of prebuilt answers: /small is 13 bytes, /large 155,010 bytes of JSON, HTTP/1.1 and h2c on one port.
#[derive(Debug, Parser)]
#[command(name = "responder")]
struct Options {
    /// Where to listen; port 0 takes a free one, which is then printed.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Close each connection after so many requests, as nginx's keepalive_requests does.
    #[arg(long, value_name = "N")]
    keepalive_requests: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&mut std::io::stderr(), format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

#[cfg(target_os = "linux")]
fn run(options: &Options) -> anyhow::Result<()> {
    use anyhow::Context as _;

    let listener = std::net::TcpListener::bind(options.listen)
        .with_context(|| format!("listen on {}", options.listen))?;
    let address = listener.local_addr().context("ask for the address")?;
    say(&mut std::io::stdout(), format_args!("listening on {address}"));
    let answers = answer::Answers::new();
    serve::run(
        &listener,
        &answers,
        options.keepalive_requests.unwrap_or(u64::MAX),
    )
}

#[cfg(not(target_os = "linux"))]
fn run(options: &Options) -> anyhow::Result<()> {
    anyhow::bail!("listen on {}: the responder needs Linux's epoll", options.listen)
}

fn say(to: &mut impl std::io::Write, line: std::fmt::Arguments) {
    let _ = writeln!(to, "{line}");
    let _ = to.flush();
}

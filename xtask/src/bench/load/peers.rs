//! Other people's servers: 20,000 requests to each in each of its protocols, every body held against its length and hash.

use std::{fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, bail};

use super::{
    Common,
    foreign::{Endpoint, Foreign, NAMES, NOTE},
    ours,
    server::{self, Server},
};
use crate::workspace::{output, say, target};

const REQUESTS: u64 = 20_000;
const SHORT_REQUESTS: u64 = 500;

/// Runs it.
pub(crate) fn run(common: &Common) -> anyhow::Result<()> {
    let binary = common.binary()?;
    let site = server::prepare()?;
    let directory = target().join("bench/load/peers");
    fs::create_dir_all(&directory).with_context(|| format!("create {}", directory.display()))?;
    certificate(&directory)?;
    let behind = Server::responder(server::REQUESTS_MAX)?;
    let requests = if common.short { SHORT_REQUESTS } else { REQUESTS };

    let mut table = String::from(
        "| server | protocol | succeeded | bytes of a body | sent again | connections | reconciles |\n|---|---|---|---|---|---|---|\n",
    );
    let (mut faults, mut absent) = (Vec::new(), Vec::new());
    for name in NAMES {
        for with_tls in [false, true] {
            let foreign = match Foreign::start(name, with_tls, &directory, &site, &binary, behind.http1) {
                Ok(foreign) => foreign,
                Err(error) => {
                    let way = if with_tls { "TLS" } else { "cleartext" };
                    let line = format!("{name}, {way}: {error:#}");
                    say(format_args!("DID NOT RUN: {line}"));
                    absent.push(line);
                    continue;
                }
            };
            let body = foreign.body()?;
            // What our own server answers is only known from itself: the run over TLS is held against this one.
            fs::write(directory.join(format!("{name}.body")), &body).context("keep a body")?;
            let hash = sha256(&directory, &body)?;
            for endpoint in &foreign.endpoints {
                let told = ask(&binary, &directory, endpoint, requests, body.len(), &hash)?;
                let is_right = told.ok()? == requests && told.asked()? == requests && told.reconciles()?;
                if !is_right {
                    faults.push(format!("{name}, {}:\n{}", endpoint.protocol, told.text));
                }
                let _ = writeln!(
                    table,
                    "| {} | {} | {} of {requests} | {} | {} | {} | {} |",
                    foreign.version,
                    endpoint.protocol,
                    told.ok()?,
                    body.len(),
                    told.resent()?,
                    told.number("/connections/made")?,
                    if told.reconciles()? { "yes" } else { "**no**" },
                );
            }
        }
    }
    say(&table);
    let mut text = format!(
        "# Other people's servers\n\n{requests} requests to each; a body of another length or SHA-256 is no success.\n\n{table}\n{NOTE}"
    );
    for line in &absent {
        let _ = writeln!(text, "\n**Did not run**: {line}");
    }
    super::page::write_part(common.directory().as_deref(), "peers", &text)?;
    if !faults.is_empty() {
        bail!("get all answers:\n{}", faults.join("\n"));
    }
    Ok(())
}

fn ask(
    binary: &Path,
    directory: &Path,
    endpoint: &Endpoint,
    requests: u64,
    length: usize,
    hash: &str,
) -> anyhow::Result<ours::Told> {
    let (requests, length) = (requests.to_string(), length.to_string());
    let authority = directory.join("cert.pem");
    let authority = authority.to_string_lossy();
    let mut arguments = vec!["-n", &requests, "--check-length", &length, "--check-sha256", hash];
    if endpoint.is_http2 {
        arguments.extend(["--h2", "-c", "4", "-m", "25"]);
    } else {
        arguments.extend(["--h1", "-c", "8"]);
    }
    if endpoint.url.starts_with("https") {
        arguments.extend(["--cacert", &authority]);
    }
    arguments.push(&endpoint.url);
    ours::run(binary, &arguments)
}

/// For localhost and 127.0.0.1, believed because the client is told to.
fn certificate(directory: &Path) -> anyhow::Result<()> {
    let (certificate, key) = (directory.join("cert.pem"), directory.join("key.pem"));
    output(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
            ])
            .args(["-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate),
    )
    .context("make a certificate")?;
    // haproxy wants both in one.
    let both = [fs::read(&certificate)?, fs::read(&key)?].concat();
    fs::write(directory.join("both.pem"), both).context("write both.pem")
}

fn sha256(directory: &Path, body: &[u8]) -> anyhow::Result<String> {
    let file = directory.join("expected");
    fs::write(&file, body).context("write a body")?;
    let said = output(Command::new("sha256sum").arg(&file))?;
    let text = String::from_utf8_lossy(&said).into_owned();
    text.split_whitespace()
        .next()
        .map(str::to_owned)
        .context("read what sha256sum says")
}

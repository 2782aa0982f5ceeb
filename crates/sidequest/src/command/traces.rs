//! `sidequest traces`: what a running server keeps of its requests, and where the time of one went.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, anyhow, bail};
use telemetry::trace::{
    id::TraceId,
    kept::{Kept, Line},
    waterfall,
};

use crate::{
    args::Traces,
    config::ADMIN,
    console,
    exit::{Exit, Failure},
};

const TIMEOUT: Duration = Duration::from_secs(5);
/// A ring full of the largest traces.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// Lists the traces, or draws one.
pub(crate) fn run(traces: Traces) -> Result<Exit, Failure> {
    let Traces { id, admin, json } = traces;
    let admin = admin.unwrap_or_else(|| ADMIN.parse().expect("the default is an address"));
    let asked = match &id {
        None => get(admin, "/traces"),
        Some(id) => match id.parse::<TraceId>() {
            Ok(id) => get(admin, &format!("/traces/{id}")),
            Err(error) => return Err(Exit::Usage.because(anyhow!(error).context("read the trace's ID"))),
        },
    };
    let body = asked.map_err(|error| {
        let hint =
            format!("is a server running, with its admin listener at {admin}? --admin says where else");
        Exit::Bug.because(error).hint(Some(hint))
    })?;
    let text = if json {
        String::from_utf8_lossy(&body).into_owned()
    } else if id.is_some() {
        let trace: Kept = read(&body)?;
        waterfall::waterfall(&trace, console::columns())
    } else {
        let lines: Vec<Line> = read(&body)?;
        if lines.is_empty() {
            "no trace is kept yet: none failed or was slow, and the random share has hit none\n".to_owned()
        } else {
            waterfall::list(&lines)
        }
    };
    console::result(text.trim_end());
    Ok(Exit::Fine)
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body)
        .map_err(|error| Exit::Bug.because(anyhow!(error).context("read what the admin listener said")))
}

/// One GET of HTTP/1.1 and nothing of it: a client library would be larger than the program around it.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<Vec<u8>> {
    let what = || format!("ask the admin listener at {address}");
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).with_context(what)?;
    stream.set_read_timeout(Some(TIMEOUT)).with_context(what)?;
    stream.set_write_timeout(Some(TIMEOUT)).with_context(what)?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).with_context(what)?;
    let mut answer = Vec::new();
    stream
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer)
        .with_context(what)?;
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .ok_or_else(|| anyhow!("{}: it does not speak HTTP", what()))?;
    let status = answer
        .get(9..12)
        .map(|status| String::from_utf8_lossy(status).into_owned())
        .unwrap_or_default();
    let body = answer.split_off(end + 4);
    match status.as_str() {
        "200" => Ok(body),
        "404" => {
            bail!("find the trace: it is not kept, or no longer; `sidequest traces` lists those that are")
        }
        status => bail!("{}: status {status}", what()),
    }
}

//! `sidequest export`: a collection's lines from a running server, to a file or to stdout.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::serve::runtime;
use crate::{
    args::Export,
    console,
    exit::{Exit, Failure},
    remote::{self, Ask},
};

/// Gets the lines.
pub(crate) fn run(export: &Export) -> Result<Exit, Failure> {
    let media = remote::media(remote::format(&export.transfer, export.file.as_deref()));
    let ask = Ask {
        method: "GET",
        collection: &export.collection,
        what: "export",
        transfer: &export.transfer,
        headers: vec![("accept", media.to_owned())],
    };
    runtime()?.block_on(async {
        let answering = remote::ask(ask, remote::nothing()).await?;
        let body = answering.response.into_body();
        match &export.file {
            None => to_stdout(body).await,
            Some(file) => to_file(body, file).await.map(|bytes| {
                let (name, collection) = (file.display(), &export.collection);
                console::result(format_args!("exported `{collection}`: {bytes} bytes to {name}"));
                Exit::Fine
            }),
        }
    })
}

async fn to_stdout(mut body: Incoming) -> Result<Exit, Failure> {
    while let Some(piece) = next(&mut body).await? {
        match console::result_part(&piece) {
            Ok(()) => {}
            // `| head`: it has what it wants.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            Err(error) => return Err(Exit::Usage.because(anyhow!(error).context("write to stdout"))),
        }
    }
    Ok(Exit::Fine)
}

/// Under another name until it is whole: half an export must not be taken for one.
async fn to_file(mut body: Incoming, file: &Path) -> Result<u64, Failure> {
    let failed =
        |error: io::Error| Exit::Usage.because(anyhow!(error).context(format!("write {}", file.display())));
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    let part = Part(file.with_file_name(name));
    let mut out = File::create(&part.0).map_err(failed)?;
    let progress = console::counter(&file.display().to_string());
    let mut bytes = 0;
    while let Some(piece) = next(&mut body).await? {
        out.write_all(&piece).map_err(failed)?;
        bytes += piece.len() as u64;
        progress.at(&file.display().to_string(), bytes);
    }
    out.sync_all()
        .and_then(|()| fs::rename(&part.0, file))
        .map_err(failed)?;
    Ok(bytes)
}

/// A file that is gone unless it was renamed.
struct Part(PathBuf);

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

async fn next(body: &mut Incoming) -> Result<Option<bytes::Bytes>, Failure> {
    loop {
        let Some(frame) = body.frame().await else {
            return Ok(None);
        };
        let frame = frame.context("read the export to its end").map_err(|error| {
            Exit::Refused
                .because(error)
                .hint("the server's log says why it broke off")
        })?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
}

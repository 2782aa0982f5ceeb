//! `sidequest import`: a file's lines to a running server, as they are read.

use std::{fs::File, io, os::fd::AsFd as _, path::Path};

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::BodyExt as _;
use hyper::body::Frame;
use tokio::io::AsyncReadExt as _;

use super::serve::runtime;
use crate::{
    args::{Import, LogFormat},
    console::{self, Console, Progress},
    exit::{Exit, Failure},
    remote::{self, Ask},
};

/// What is read at once.
const PIECE_BYTES: usize = 64 << 10;

/// Sends the file.
pub(crate) fn run(import: &Import) -> Result<Exit, Failure> {
    let is_stdin = import.file == Path::new("-");
    let name = if is_stdin {
        "stdin".to_owned()
    } else {
        import.file.display().to_string()
    };
    let file = if is_stdin {
        stdin()
    } else {
        File::open(&import.file).map_err(Into::into)
    };
    let file =
        file.map_err(|error: anyhow::Error| Exit::Usage.because(error.context(format!("open {name}"))))?;
    let length = file
        .metadata()
        .ok()
        .filter(|about| about.is_file())
        .map(|about| about.len());
    let console = Console {
        quiet: false,
        format: LogFormat::Text,
    };
    let progress = match length {
        Some(bytes) => console.progress(&name, bytes),
        None => console::counter(&name),
    };
    let media = remote::media(remote::format(&import.transfer, Some(&import.file)));
    let mut headers = vec![("content-type", media.to_owned())];
    for (header, text) in [
        ("sidequest-author", &import.author),
        ("sidequest-comment", &import.comment),
    ] {
        headers.extend(text.as_ref().map(|text| (header, remote::header_text(text))));
    }
    let ask = Ask {
        method: "POST",
        collection: &import.collection,
        what: "import",
        transfer: &import.transfer,
        headers,
    };
    runtime()?.block_on(async {
        let pieces = pieces(tokio::fs::File::from_std(file), name.clone(), progress);
        let answering = remote::ask(ask, pieces).await?;
        let body = answering.response.into_body().collect().await;
        let body =
            body.map_err(|error| Exit::Refused.because(anyhow!(error).context("read the server's answer")))?;
        let told: serde_json::Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
        console::result(format_args!(
            "imported {name}: {} lines, {} new revisions in `{}`",
            told["lines"], told["revisions"], import.collection
        ));
        Ok(Exit::Fine)
    })
}

fn stdin() -> anyhow::Result<File> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned().context("read it")?;
    Ok(File::from(descriptor))
}

/// The file as it is read; the progress goes with it.
fn pieces(
    file: tokio::fs::File,
    name: String,
    progress: Progress,
) -> impl Stream<Item = Result<Frame<Bytes>, io::Error>> + Send + 'static {
    let begin = (file, name, progress, 0_u64);
    stream::try_unfold(begin, async |(mut file, name, progress, mut sent)| {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let count = (&mut file)
            .take(PIECE_BYTES as u64)
            .read_to_end(&mut piece)
            .await?;
        if count == 0 {
            return Ok(None);
        }
        sent += count as u64;
        progress.at(&name, sent);
        Ok(Some((Frame::data(piece.into()), (file, name, progress, sent))))
    })
}

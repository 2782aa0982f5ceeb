//! All records of a collection, or all revisions, as lines: one snapshot, streamed in constant memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use model::{
    collection::Collection,
    column::{Column, Type},
};
use serde_json::{Map, Value};
use store::{
    export::{Export, What},
    revision::Revision,
};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::{
    answer::{Answer, Broken, Media},
    call::Call,
    collection::kept,
    problem::Problem,
    site::Site,
    transfer::{Form, alive, all_revisions, turn},
};

/// Lines are sent together up to this size.
const CHUNK_BYTES: usize = 64 * 1024;
/// Chunks that wait for the client.
const CHUNKS_AHEAD: usize = 2;

/// Columns of an exported line beyond the declared ones.
pub(crate) const ENVELOPE: [&str; 6] = [
    "revision",
    "recorded_at",
    "superseded_at",
    "author",
    "comment",
    "deleted",
];

/// `GET /{collection}/export`
pub(crate) async fn start(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let name = call.next_path();
    kept(site, &name)?;
    let what = if all_revisions(&mut call)? {
        What::All
    } else {
        What::Newest
    };
    let form = Form::wanted(&call.headers);
    let (wire, deadline) = (call.payload.wire(), call.deadline);
    call.query.finish(call.name.parameters())?;
    let media = match form {
        Form::Ndjson => Media::Ndjson,
        Form::Csv => Media::Csv,
    };
    let (sender, chunks) = channel(CHUNKS_AHEAD);
    let site = Arc::clone(site);
    let work = async move {
        let _turn = turn(&site).await?;
        let collection = kept(&site, &name)?;
        let pool = site.store.pool(collection.database);
        let mut export = Export::start(pool, collection, what, deadline).await?;
        let mut lines = Lines {
            form,
            collection,
            out: Vec::new(),
        };
        lines.head();
        while let Some(revision) = export.next().await? {
            lines.write(&revision);
            if lines.out.len() >= CHUNK_BYTES && !lines.send(&sender).await {
                // The client has left: so does the export.
                return Ok(());
            }
        }
        lines.send(&sender).await;
        Ok(())
    };
    let mut running = Running {
        work: Some(Box::pin(work)),
        chunks,
    };
    // The first chunk before the status: a database that is down is then a problem, not half an answer.
    match alive(&wire, running.next()).await {
        None => Ok(Answer::whole(media, Bytes::new())),
        Some(Err(problem)) => Err(problem),
        Some(Ok(first)) => {
            let rest = running.map(|chunk| {
                chunk.map_err(|problem| {
                    tracing::error!(problem = %problem.value(None), "an export broke off");
                    Broken("the database failed")
                })
            });
            let whole = stream::once(async move { Ok(first) }).chain(rest);
            Ok(Answer::stream(media, Box::pin(whole)))
        }
    }
}

type Work = Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>>;

/// Work that gives chunks, driven by whoever reads them: no task outlives its request.
struct Running {
    /// None when it has ended.
    work: Option<Work>,
    chunks: Receiver<Bytes>,
}

impl Stream for Running {
    type Item = Result<Bytes, Problem>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let ready = this.chunks.poll_recv(cx);
            match (ready, &mut this.work) {
                (Poll::Ready(chunk), _) => return Poll::Ready(chunk.map(Ok)),
                (Poll::Pending, None) => return Poll::Pending,
                (Poll::Pending, Some(work)) => match work.as_mut().poll(cx) {
                    Poll::Ready(Ok(())) => this.work = None,
                    Poll::Ready(Err(problem)) => {
                        this.work = None;
                        return Poll::Ready(Some(Err(problem)));
                    }
                    // What it has sent just now has woken us.
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

/// Revisions as lines.
struct Lines<'a> {
    form: Form,
    collection: &'a Collection,
    out: Vec<u8>,
}

impl Lines<'_> {
    fn head(&mut self) {
        if self.form == Form::Csv {
            let declared = self.collection.columns.iter().map(|column| column.name.as_str());
            let names: Vec<&str> = declared.chain(ENVELOPE).collect();
            self.out.extend_from_slice(names.join(",").as_bytes());
            self.out.push(b'\n');
        }
    }

    fn write(&mut self, revision: &Revision) {
        let json = revision.json();
        match self.form {
            Form::Ndjson => self.out.extend_from_slice(&json),
            Form::Csv => {
                // We wrote it ourselves; a column of JSON that PostgreSQL takes and this parser does not empties the line.
                let members: Map<String, Value> = serde_json::from_slice(&json).unwrap_or_default();
                let own = ENVELOPE.map(|name| (name, Type::Text));
                let declared = self.collection.columns.iter().map(of);
                for (at, (name, kind)) in declared.chain(own).enumerate() {
                    if at > 0 {
                        self.out.push(b',');
                    }
                    write_field(kind, members.get(name).unwrap_or(&Value::Null), &mut self.out);
                }
            }
        }
        self.out.push(b'\n');
    }

    /// Whether somebody still reads.
    async fn send(&mut self, sender: &Sender<Bytes>) -> bool {
        let chunk = std::mem::take(&mut self.out);
        chunk.is_empty() || sender.send(chunk.into()).await.is_ok()
    }
}

fn of(column: &Column) -> (&str, Type) {
    (&column.name, column.kind)
}

/// An empty field is null, `""` an empty text: as PostgreSQL's COPY has it.
fn write_field(kind: Type, value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::String(text) if kind != Type::Json => write_quoted(text, out),
        other => write_quoted(&other.to_string(), out),
    }
}

fn write_quoted(text: &str, out: &mut Vec<u8>) {
    let is_plain = !text.is_empty()
        && !text
            .bytes()
            .any(|byte| matches!(byte, b'"' | b',' | b'\n' | b'\r'));
    if is_plain {
        out.extend_from_slice(text.as_bytes());
    } else {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    }
}

//! Lines into a collection: read as they come, in constant memory, all or nothing.

mod csv;
mod ndjson;

use std::sync::Arc;

use model::collection::Collection;
use serde_json::{Value, json};
use store::import::{BadRow, Import, Kind, Outcome, Row};

use self::{csv::Csv, ndjson::Ndjson};
use crate::{
    answer::Answer,
    author::Byline,
    call::Call,
    collection::kept,
    error::counted,
    payload::media,
    problem::{self, Problem},
    site::Site,
    transfer::{Form, LINES, alive, all_revisions, turn},
};

/// What a piece of the body is cut into: few rows come of one, and no quote runs away with the memory.
const PIECE_BYTES: usize = 8 * 1024;

/// `POST /{collection}/import`
pub(crate) async fn run(site: &Arc<Site>, mut call: Call) -> Result<Answer, Problem> {
    let collection = kept(site, &call.next_path())?;
    let byline = Byline::of(&call.headers)?;
    let kind = if all_revisions(&mut call)? {
        Kind::Revisions
    } else {
        Kind::Records
    };
    let form = Form::of(media(&call.headers, LINES)?);
    call.query.finish(call.name.parameters())?;
    let _turn = turn(site).await?;
    let pool = site.store.pool(collection.database);
    let reading = Reading {
        collection,
        kind,
        byline,
        line_bytes_max: usize::try_from(site.config.body_bytes_max).unwrap_or(usize::MAX),
    };
    let mut lines = match form {
        Form::Ndjson => Lines::Ndjson(Ndjson::new(&reading)),
        Form::Csv => Lines::Csv(Box::new(Csv::new(&reading))),
    };
    let mut import = Import::begin(pool, collection, kind, call.deadline).await?;
    let mut payload = call.payload;
    let wire = payload.wire();
    let mut count = 0;
    while let Some(piece) = payload.next().await? {
        for part in piece.chunks(PIECE_BYTES) {
            count += alive(&wire, take(&mut import, lines.read(part))).await?;
        }
    }
    count += take(&mut import, lines.finish()).await?;
    match alive(&wire, import.finish()).await? {
        Outcome::Imported { revisions } => Ok(Answer::json(
            json!({ "lines": count, "revisions": revisions }).to_string(),
        )),
        Outcome::Refused { rows, count } => Err(refused(collection, &rows, count)),
    }
}

/// How a line is read.
pub(crate) struct Reading<'a> {
    collection: &'a Collection,
    kind: Kind,
    byline: Byline,
    line_bytes_max: usize,
}

/// What came of a line.
type Read = Result<Box<Row>, BadRow>;

enum Lines<'a> {
    Ndjson(Ndjson<'a>),
    Csv(Box<Csv<'a>>),
}

impl Lines<'_> {
    fn read(&mut self, part: &[u8]) -> Vec<Read> {
        match self {
            Lines::Ndjson(lines) => lines.read(part),
            Lines::Csv(lines) => lines.read(part),
        }
    }

    fn finish(&mut self) -> Vec<Read> {
        match self {
            Lines::Ndjson(lines) => lines.finish(),
            Lines::Csv(lines) => lines.finish(),
        }
    }
}

/// Gives the rows to the database, or the reasons why they are none.
async fn take(import: &mut Import<'_>, read: Vec<Read>) -> Result<u64, Problem> {
    let count = read.len() as u64;
    for row in read {
        match row {
            Ok(row) => import.row(&row).await?,
            Err(bad) => import.refuse(bad),
        }
    }
    Ok(count)
}

fn refused(collection: &Collection, rows: &[BadRow], count: u64) -> Problem {
    let errors: Vec<Value> = rows
        .iter()
        .map(|row| match row.line {
            0 => json!({ "field": "", "problem": row.problem }),
            line => json!({ "line": line, "field": "", "problem": row.problem }),
        })
        .collect();
    let lines = counted(usize::try_from(count).unwrap_or(usize::MAX), "bad line");
    let detail = format!(
        "{lines}; nothing was imported into collection `{}`",
        collection.name
    );
    Problem::new(problem::Kind::ImportRefused, detail)
        .with("errors", errors)
        .with("errors_total", count)
}

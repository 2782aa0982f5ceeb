//! The parameters of a list of records, and its answer.

use std::sync::Arc;

use analysis::document::Document;
use bytes::Bytes;
use jiff::Timestamp;
use model::{collection::Collection, column::Type};
use store::{
    record::{List, Record},
    revision::Revision,
    value::{EPOCH_US, write_integer, write_text},
};

use crate::{
    answer::Answer,
    call::Call,
    config::Config,
    error::Rejection,
    page,
    query::{bad, cut, encode},
};

/// A page that is asked for.
pub(crate) struct Listing {
    /// One more than the page holds: whether there is a next one.
    pub(crate) list: List,
    items_max: usize,
    target: (String, String),
}

impl Listing {
    /// Takes the parameters of a list; what is then left over is unknown.
    pub(crate) fn read(
        mut call: Call,
        config: &Config,
        collection: &Collection,
        columns: Vec<usize>,
    ) -> Result<Listing, Rejection> {
        let query = &mut call.query;
        let limit = query.limit("limit", config.page_limit, config.page_limit_max)?;
        let ids = query
            .list("ids", config.ids_max)?
            .map(|ids| keys(&ids, collection))
            .transpose()?;
        let sort = query
            .take("sort")
            .map(|text| page::sort(&text, collection))
            .transpose()?;
        let after = query
            .take("cursor")
            .map(|text| page::place(&text, sort, collection))
            .transpose()?;
        let as_of = match collection.revisions {
            Some(_) => query.instant("as_of")?,
            None => None,
        };
        let mut filters = Vec::new();
        for (index, column) in collection.columns.iter().enumerate() {
            if let Some(text) = query.take(&column.name) {
                filters.push((index, Some(page::filter(column.kind, &column.name, &text)?)));
            }
        }
        let known: Vec<&str> = call.name.parameters().collect();
        call.query.finish(
            known
                .into_iter()
                .chain(collection.columns.iter().map(|column| column.name.as_str())),
        )?;
        let items_max = usize::try_from(limit).unwrap_or(usize::MAX);
        let list = List {
            columns,
            filters,
            ids,
            sort,
            after,
            limit: items_max.saturating_add(1),
            as_of,
        };
        Ok(Listing {
            list,
            items_max,
            target: call.target,
        })
    }

    /// Cuts the records to the page, and says where the next one begins.
    pub(crate) fn cut(&self, records: &mut Vec<Record>, collection: &Collection) -> Option<String> {
        if records.len() <= self.items_max {
            return None;
        }
        records.truncate(self.items_max);
        records
            .last()
            .map(|record| page::cursor(&record.place, self.list.sort, collection))
    }

    /// `{"items":[..],"next":".."}`
    pub(crate) fn answer(&self, items: &[Bytes], next: Option<&str>) -> Answer {
        let mut out = Vec::with_capacity(items.iter().map(|item| item.len() + 1).sum::<usize>() + 64);
        out.extend_from_slice(b"{\"items\":[");
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(item);
        }
        out.extend_from_slice(b"],\"next\":");
        match next {
            Some(next) => write_text(next, &mut out),
            None => out.extend_from_slice(b"null"),
        }
        out.push(b'}');
        let mut answer = Answer::json(out);
        answer.next = next.map(|next| url(&self.target, next));
        answer
    }
}

/// The same request with another cursor.
pub(crate) fn url((path, query): &(String, String), cursor: &str) -> String {
    let kept = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let mut url = format!("{path}?");
    for pair in kept {
        url.push_str(pair);
        url.push('&');
    }
    url.push_str("cursor=");
    url.push_str(&encode(cursor));
    url
}

/// Ids in canonical form.
pub(crate) fn keys(ids: &[String], collection: &Collection) -> Result<Vec<Arc<str>>, Rejection> {
    let kind = collection.key_type();
    ids.iter()
        .map(|id| match kind.parse_key(id) {
            Some(key) => Ok(key.into()),
            None => Err(bad(
                "ids",
                format!("names `{}`, not of type {}", cut(id), kind.name()),
            )),
        })
        .collect()
}

/// The columns that `fields` names, in declared order; all of them without.
pub(crate) fn columns(
    call: &mut Call,
    config: &Config,
    collection: &Collection,
) -> Result<Vec<usize>, Rejection> {
    let Some(fields) = call.query.list("fields", config.fields_max)? else {
        return Ok((0..collection.columns.len()).collect());
    };
    let mut wanted = vec![false; collection.columns.len()];
    for field in &fields {
        match collection.column(field) {
            Some(column) => wanted[column] = true,
            // Every item has its id, asked for or not.
            None if field == "id" => {}
            None => {
                let names = collection.columns.iter().map(|column| column.name.as_str());
                return Err(Rejection::BadParameter {
                    name: "fields".to_owned(),
                    problem: format!(
                        "names `{}`, which collection `{}` does not have",
                        cut(field),
                        collection.name
                    ),
                    hint: crate::query::hint(field, names),
                });
            }
        }
    }
    Ok((0..wanted.len()).filter(|column| wanted[*column]).collect())
}

/// `{"id":"N14228","year":1999}`, a number where the key is one; a column named `id` stands for itself.
pub(crate) fn item(record: &Record, collection: &Collection, columns: &[usize]) -> Bytes {
    let mut out = Vec::with_capacity(record.members.len() + record.key.len() + 16);
    out.push(b'{');
    if !columns
        .iter()
        .any(|column| collection.columns[*column].name == "id")
    {
        write_id(&record.key, collection.key_type(), &mut out);
        if !record.members.is_empty() {
            out.push(b',');
        }
    }
    out.extend_from_slice(&record.members);
    out.push(b'}');
    out.into()
}

/// The same with the number of its revision, if there is one: what a write of it names.
pub(crate) fn listed(record: &Record, collection: &Collection, columns: &[usize]) -> Bytes {
    let item = item(record, collection, columns);
    match record.revision {
        None => item,
        Some(revision) => {
            let members = &item[..item.len() - 1];
            let comma = if members.len() > 1 { "," } else { "" };
            let tail = format!("{comma}\"revision\":{revision}}}");
            [members, tail.as_bytes()].concat().into()
        }
    }
}

/// A revision as the record that it is: its columns, then whose it is.
pub(crate) fn revision(revision: &Revision, collection: &Collection) -> Bytes {
    let mut out = Vec::with_capacity(revision.members.len() + 160);
    out.push(b'{');
    if collection.column("id").is_none() {
        write_id(&revision.key, collection.key_type(), &mut out);
        out.push(b',');
    }
    out.extend_from_slice(&revision.members);
    out.extend_from_slice(format!(",\"revision\":{}", revision.revision).as_bytes());
    out.extend_from_slice(b",\"recorded_at\":");
    write_instant(revision.recorded_at, &mut out);
    for (name, text) in [("author", &revision.author), ("comment", &revision.comment)] {
        out.extend_from_slice(format!(",\"{name}\":").as_bytes());
        match text {
            Some(text) => write_text(text, &mut out),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
    out.into()
}

/// `"id":7`, a number where the key is one.
pub(crate) fn write_id(key: &str, kind: Type, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"id\":");
    if kind.is_integer() {
        out.extend_from_slice(key.as_bytes());
    } else {
        write_text(key, out);
    }
}

/// An instant as all others are shown.
pub(crate) fn write_instant(instant: Timestamp, out: &mut Vec<u8>) {
    write_integer(Type::Timestamptz, instant.as_microsecond() - EPOCH_US, out);
}

/// A record's columns, then the sections of its analysis.
pub(crate) fn joined(item: &Bytes, document: &Document) -> Bytes {
    let (columns, tail) = (&item[..item.len() - 1], document.tail());
    [columns, &tail].concat().into()
}

//! The documentation as one page, made at start from the table of routes and the model. It needs no
//! script and nothing from elsewhere.

use std::fmt::Write;

use model::{collection::Collection, model::Model, section};
use rust_embed::RustEmbed;

use crate::{
    openapi::members,
    problem::Kind,
    router::{Header, Name, Needs, Parameter, ROUTES, Route, Takes},
};

#[derive(RustEmbed)]
#[folder = "web/"]
struct Web;

/// The whole documentation.
pub(crate) fn page(model: &Model) -> String {
    let mut out = head(&model.title);
    let _ = write!(
        out,
        "<h1>{}</h1><p class=dim>An HTTP API over {} databases. The same for machines: <a href=/openapi.json>/openapi.json</a>.</p>\
         <nav><a href=#routes>Routes</a><a href=#collections>Collections</a><a href=#sections>Sections</a><a href=#problems>Problems</a></nav>",
        escape(&model.title),
        model.databases.len()
    );
    out.push_str("<h2 id=routes>Routes</h2>");
    out.push_str("<p>Every answer is JSON unless said otherwise, compressed with zstd or gzip where the client accepts it, and carries <code>server-timing</code> and <code>x-request-id</code>.</p>");
    for route in &ROUTES {
        write_route(route, &mut out);
    }
    out.push_str("<h2 id=collections>Collections</h2>");
    for (index, collection) in model.collections.iter().enumerate() {
        write_collection(collection, index == model.object, &mut out);
    }
    out.push_str("<h2 id=sections>Sections of an analysis</h2><p>Each can be named in <code>fields</code>: alone, by a path above it, or cut to one of its members as <code>section.member</code>.</p>");
    write_sections(model, &mut out);
    out.push_str("<h2 id=problems>Problems</h2><p>An error is a problem document (RFC 9457): <code>type</code>, <code>title</code>, <code>status</code>, <code>detail</code>, often a <code>hint</code>, and the request's id as <code>instance</code>.</p>");
    for kind in Kind::ALL {
        write_problem(kind, &mut out);
    }
    out.push_str("</body></html>\n");
    out
}

/// The page of one problem.
pub(crate) fn problem(kind: Kind) -> String {
    let mut out = head(kind.title());
    write_problem(kind, &mut out);
    out.push_str("<p><a href=/docs#problems>All problems</a></p></body></html>\n");
    out
}

fn head(title: &str) -> String {
    let css = Web::get("docs.css")
        .map(|file| String::from_utf8_lossy(&file.data).into_owned())
        .unwrap_or_default();
    format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{}</title><style>{css}</style></head><body>",
        escape(title)
    )
}

fn write_route(route: &Route, out: &mut String) {
    let _ = write!(
        out,
        "<h3><code>{} {}</code></h3><p>{}. {}</p>",
        route.method.name(),
        escape(route.paths[0]),
        escape(route.title),
        escape(route.about)
    );
    if let [_, others @ ..] = route.paths
        && !others.is_empty()
    {
        let others: Vec<String> = others.iter().map(|path| format!("<code>{path}</code>")).collect();
        let _ = write!(out, "<p class=dim>Also at {}.</p>", others.join(", "));
    }
    if route.needs == Needs::Writes {
        out.push_str(
            "<p class=dim>Only of a collection kept in revisions, by a server that is not read-only.</p>",
        );
    }
    if !route.parameters.is_empty() {
        out.push_str("<div class=scroll><table><tr><th>Parameter<th>Means</tr>");
        for parameter in route.parameters {
            let (name, means) = about(*parameter, route.name);
            let _ = write!(out, "<tr><td><code>{name}</code><td>{means}</tr>");
        }
        out.push_str("</table></div>");
    }
    if !route.headers.is_empty() {
        out.push_str("<div class=scroll><table><tr><th>Header<th>Means</tr>");
        for header in route.headers {
            let (name, means) = about_header(*header);
            let _ = write!(out, "<tr><td><code>{name}</code><td>{means}</tr>");
        }
        out.push_str("</table></div>");
    }
    if let Some(body) = about_body(route.body) {
        let _ = write!(out, "<p>Body: {body}</p>");
    }
}

fn about_header(header: Header) -> (&'static str, &'static str) {
    match header {
        Header::IfMatch => (
            "If-Match: \"7\"",
            "The revision that is replaced: the <code>ETag</code> that the record was read with. Another has come: 412, with it.",
        ),
        Header::IfNoneMatch => (
            "If-None-Match: \"7\"",
            "304 if it is still that: a record, or an analysis by its own <code>ETag</code>.",
        ),
        Header::IfNoneMatchAny => ("If-None-Match: *", "The record is not there yet."),
        Header::Author => (
            "Sidequest-Author: name",
            "Who writes; percent-encoded where it is not ASCII.",
        ),
        Header::Comment => (
            "Sidequest-Comment: text",
            "Why; percent-encoded where it is not ASCII.",
        ),
    }
}

fn about_body(body: Takes) -> Option<&'static str> {
    Some(match body {
        Takes::Nothing => return None,
        Takes::Record => "the record as <code>application/json</code>.",
        Takes::Patch => {
            "columns and values as <code>application/merge-patch+json</code> or <code>application/json</code>."
        }
        Takes::Revert => "<code>{\"to\": 3}</code>.",
        Takes::Bulk => {
            "<code>{\"changes\": [{\"op\": \"create\", \"record\": {..}}, {\"op\": \"patch\", \"key\": .., \"revision\": 7, \"record\": {..}}]}</code>; \
             <code>op</code> is <code>create</code>, <code>replace</code>, <code>patch</code>, <code>delete</code> or <code>revert</code> (with <code>to</code>); each may have its <code>author</code> and <code>comment</code>."
        }
        Takes::Lines => {
            "<code>application/x-ndjson</code>, or <code>text/csv</code> whose first line names the columns."
        }
    })
}

fn about(parameter: Parameter, route: Name) -> (&'static str, &'static str) {
    match parameter {
        Parameter::Ids => ("ids=A,B", "Only these."),
        Parameter::Fields if route == Name::Collection => ("fields=a,b", "Only these columns."),
        Parameter::Fields => (
            "fields=a,b.c",
            "Only these columns, sections, paths above sections, or members of sections. What no field needs is not read.",
        ),
        Parameter::Sort => (
            "sort=[-]column",
            "Order by a column, with <code>-</code> from the largest down; nulls last, equals by key.",
        ),
        Parameter::Limit => ("limit=N", "Items of the page at most."),
        Parameter::Cursor => (
            "cursor=…",
            "<code>next</code> of the page before, or <code>previous</code> of the one after.",
        ),
        Parameter::Object => (
            "object=A",
            "The newest revisions of this object's records in the order of their time; <code>sort=-time</code> turns it round.",
        ),
        Parameter::Objects => ("objects=A,B", "The same of each of these objects."),
        Parameter::Each => ("each=N", "Records of each of <code>objects</code> at most."),
        Parameter::AsOf => (
            "as_of=2013-07-01T12:00:00Z",
            "As it was known at this instant; only of collections kept in revisions.",
        ),
        Parameter::From => ("from=N", "The one revision."),
        Parameter::To => ("to=N", "The other revision."),
        Parameter::Since => ("from=2013-07-01T12:00:00Z", "The earlier instant."),
        Parameter::Until => (
            "to=2013-07-02T12:00:00Z",
            "The later instant; now, if it is left out.",
        ),
        Parameter::Revisions => ("revisions=all", "Every revision, deletions among them."),
        Parameter::Filters => (
            "column=value",
            "Only records whose column has this value; any column, any number of them.",
        ),
        Parameter::Pretty => (
            "pretty=true",
            "Indent the JSON. Without meaning for lines (NDJSON).",
        ),
    }
}

fn write_collection(collection: &Collection, tracked: bool, out: &mut String) {
    let also = match (tracked, collection.revisions.is_some()) {
        (true, true) => ", kept in revisions, tracked: also <code>/api/v1/objects</code>",
        (true, false) => ", tracked: also <code>/api/v1/objects</code>",
        (false, true) => ", kept in revisions",
        (false, false) => "",
    };
    let _ = write!(
        out,
        "<h3><code>/api/v1/{}</code></h3><p>{}{also}.</p><div class=scroll><table><tr><th>Column<th>Type</tr>",
        escape(&collection.name),
        escape(&collection.title)
    );
    for (index, column) in collection.columns.iter().enumerate() {
        let key = if index == collection.key { ", key" } else { "" };
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}{key}</tr>",
            escape(&column.name),
            column.kind.name()
        );
    }
    out.push_str("</table></div>");
}

fn write_sections(model: &Model, out: &mut String) {
    out.push_str("<div class=scroll><table><tr><th>Section<th>Holds<th>Members</tr>");
    for section in &model.sections {
        let form = match &section.kind {
            section::Kind::Rows(_) => "rows",
            section::Kind::Groups(groups) if groups.by.is_empty() => "one object",
            section::Kind::Groups(_) => "groups",
            section::Kind::Series(_) => "series",
            section::Kind::Own(own) if own.single => "one row",
            section::Kind::Own(_) => "rows",
        };
        let members: Vec<String> = members(&section.kind)
            .into_iter()
            .map(|member| format!("<code>{}</code>", escape(member)))
            .collect();
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{} <span class=dim>({form})</span><td>{}</tr>",
            escape(&section.name()),
            escape(&section.title),
            members.join(" ")
        );
    }
    out.push_str("</table></div>");
}

fn write_problem(kind: Kind, out: &mut String) {
    let _ = write!(
        out,
        "<h3 id={slug}><code>/problems/{slug}</code></h3><p>{}: {}. {}</p>",
        kind.status().as_u16(),
        escape(kind.title()),
        escape(kind.about()),
        slug = kind.slug(),
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

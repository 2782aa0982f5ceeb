//! Every route in one table: what is matched, what is documented, and who answers.

mod table;

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, LazyLock},
};

use http::Method;
use model::model::Model;

pub(crate) use self::table::ROUTES;
use crate::{
    analysis,
    answer::{Answer, Media},
    bulk,
    call::Call,
    collection, difference,
    error::Rejection,
    export, history, import, object,
    problem::{Kind, Problem},
    query::{self, Plus, cut},
    site::Site,
    write,
};

/// One kind of answer, and where it is found.
pub(crate) struct Route {
    pub(crate) name: Name,
    pub(crate) method: Verb,
    /// The first is the documented one. Whatever is below a collection is below `objects` too.
    pub(crate) paths: &'static [&'static str],
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// What may stand in the query. Column filters are not listed: they follow from the model.
    pub(crate) parameters: &'static [Parameter],
    /// Headers that this route reads beyond those of every route.
    pub(crate) headers: &'static [Header],
    pub(crate) body: Takes,
    pub(crate) needs: Needs,
    /// Errors beyond those that every route has.
    pub(crate) problems: &'static [Kind],
}

/// A route's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Objects,
    ObjectsAnalysis,
    Object,
    ObjectAnalysis,
    AnalysisDifference,
    Collection,
    Record,
    History,
    Revision,
    Difference,
    Export,
    Create,
    Replace,
    Patch,
    Delete,
    Revert,
    Bulk,
    Import,
    OpenApi,
    Docs,
    Problem,
}

/// The methods that routes have. HEAD comes with GET, and OPTIONS with every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A parameter of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Ids,
    Fields,
    Sort,
    Limit,
    Cursor,
    /// `object=`, `objects=`, `each=`, `as_of=`: only of collections kept in revisions.
    Object,
    Objects,
    Each,
    AsOf,
    /// `column=value` for each column of the collection.
    Filters,
    From,
    To,
    /// `from=`, `to=` of instants.
    Since,
    Until,
    Revisions,
    Pretty,
}

/// A header that a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Header {
    IfMatch,
    /// On a read: 304 if nothing has changed.
    IfNoneMatch,
    /// On a write: `*`, the record is not there yet.
    IfNoneMatchAny,
    Author,
    Comment,
}

/// The body that a route reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Nothing,
    Record,
    Patch,
    Revert,
    Bulk,
    Lines,
}

/// What a route needs of its collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// It is kept in revisions.
    Revisions,
    /// It is kept in revisions, and this server takes writes.
    Writes,
}

impl Route {
    /// It is below a collection that its path names.
    pub(crate) fn is_of_collection(&self) -> bool {
        self.paths.iter().any(|path| path.starts_with(COLLECTION))
    }
}

impl Name {
    pub(crate) const ALL: [Name; 21] = [
        Name::Objects,
        Name::ObjectsAnalysis,
        Name::Object,
        Name::ObjectAnalysis,
        Name::AnalysisDifference,
        Name::Collection,
        Name::Record,
        Name::History,
        Name::Revision,
        Name::Difference,
        Name::Export,
        Name::Create,
        Name::Replace,
        Name::Patch,
        Name::Delete,
        Name::Revert,
        Name::Bulk,
        Name::Import,
        Name::OpenApi,
        Name::Docs,
        Name::Problem,
    ];

    pub(crate) fn route(self) -> &'static Route {
        ROUTES
            .iter()
            .find(|route| route.name == self)
            .expect("the table has a row for each name; a test holds it so")
    }

    /// The documented path: what logs and metrics are labelled with.
    pub(crate) fn pattern(self) -> &'static str {
        self.route().paths[0]
    }

    /// As traces name it: with its method, as one path may have several.
    pub(crate) fn traced(self) -> telemetry::trace::name::Name {
        static NAMES: LazyLock<Vec<telemetry::trace::name::Name>> = LazyLock::new(|| {
            let label = |name: &Name| format!("{} {}", name.route().method.name(), name.pattern());
            let names = Name::ALL.iter().map(label);
            names
                .map(|label| telemetry::trace::name::Name::of(&label))
                .collect()
        });
        // The list is in the order of the names; a test holds it so.
        NAMES[self as usize]
    }

    /// What may stand in the query, column filters left out.
    pub(crate) fn parameters(self) -> impl Iterator<Item = &'static str> + use<> {
        self.route()
            .parameters
            .iter()
            .filter_map(|parameter| parameter.name())
    }
}

impl Verb {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    fn of(method: &Method) -> Option<Verb> {
        Some(match *method {
            Method::GET | Method::HEAD => Verb::Get,
            Method::POST => Verb::Post,
            Method::PUT => Verb::Put,
            Method::PATCH => Verb::Patch,
            Method::DELETE => Verb::Delete,
            _ => return None,
        })
    }
}

impl Parameter {
    /// Its name in the query; column filters have one each.
    pub(crate) fn name(self) -> Option<&'static str> {
        Some(match self {
            Parameter::Ids => "ids",
            Parameter::Fields => "fields",
            Parameter::Sort => "sort",
            Parameter::Limit => "limit",
            Parameter::Cursor => "cursor",
            Parameter::Object => "object",
            Parameter::Objects => "objects",
            Parameter::Each => "each",
            Parameter::AsOf => "as_of",
            Parameter::From | Parameter::Since => "from",
            Parameter::To | Parameter::Until => "to",
            Parameter::Revisions => "revisions",
            Parameter::Pretty => "pretty",
            Parameter::Filters => return None,
        })
    }

    /// It means something only where there are revisions.
    pub(crate) fn needs_revisions(self) -> bool {
        match self {
            Parameter::Object | Parameter::Objects | Parameter::Each | Parameter::AsOf => true,
            Parameter::Ids
            | Parameter::Fields
            | Parameter::Sort
            | Parameter::Limit
            | Parameter::Cursor
            | Parameter::Filters
            | Parameter::From
            | Parameter::To
            | Parameter::Since
            | Parameter::Until
            | Parameter::Revisions
            | Parameter::Pretty => false,
        }
    }
}

/// What a request asks for.
pub(crate) enum Matched {
    Route {
        name: Name,
        path: Vec<String>,
    },
    /// The methods of the path.
    Options(String),
}

/// The table, ready to be searched.
pub(crate) struct Router {
    paths: matchit::Router<Vec<Entry>>,
    /// By the collection's name in URLs.
    access: HashMap<String, Access>,
    read_only: bool,
}

/// A row of one path.
#[derive(Clone, Copy)]
struct Entry {
    route: &'static Route,
    /// The path is `objects` where the table has `{collection}`.
    of_objects: bool,
}

/// What can be done with a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    /// It is somebody else's table or view.
    Foreign,
    Kept,
}

/// How the tracked collection is called in URLs, beside its own name.
pub(crate) const OBJECTS: &str = "objects";
/// What the table has in place of a collection's name.
const COLLECTION: &str = "/api/v1/{collection}";

impl Router {
    pub(crate) fn new(model: &Model, read_only: bool) -> Router {
        let mut rows: Vec<(String, Vec<Entry>)> = Vec::new();
        let mut add = |path: String, entry: Entry| match rows.iter_mut().find(|(known, _)| *known == path) {
            Some((_, entries)) => entries.push(entry),
            None => rows.push((path, vec![entry])),
        };
        for route in &ROUTES {
            for path in route.paths {
                let of_objects = false;
                add((*path).to_owned(), Entry { route, of_objects });
                // The objects have rows of their own for what they answer differently.
                let has_own = matches!(route.name, Name::Collection | Name::Record);
                if let (Some(rest), false) = (path.strip_prefix(COLLECTION), has_own) {
                    let path = format!("/api/v1/{OBJECTS}{}", rest.replacen("{key}", "{id}", 1));
                    let of_objects = true;
                    add(path, Entry { route, of_objects });
                }
            }
        }
        let mut paths = matchit::Router::new();
        for (path, entries) in rows {
            paths
                .insert(path, entries)
                .expect("the table has no two paths of one form; a test holds it so");
        }
        let of = |collection: &model::collection::Collection| match collection.revisions {
            Some(_) => Access::Kept,
            None => Access::Foreign,
        };
        let mut access: HashMap<String, Access> = model
            .collections
            .iter()
            .map(|collection| (collection.name.clone(), of(collection)))
            .collect();
        access.insert(OBJECTS.to_owned(), of(model.objects()));
        Router {
            paths,
            access,
            read_only,
        }
    }

    /// The route of a path, and its parameters decoded, in their order.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Matched, Rejection> {
        if method == Method::OPTIONS && path == "*" {
            return Ok(Matched::Options(
                "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned(),
            ));
        }
        let found = self.paths.at(path).map_err(|_| Rejection::UnknownRoute {
            path: cut(path).into_owned(),
        })?;
        let decoded = |raw| {
            query::decode(raw, Plus::IsPlus)
                .map(std::borrow::Cow::into_owned)
                .ok_or(Rejection::Encoding { place: "the path" })
        };
        let mut parameters = Vec::new();
        if found.value.iter().any(|entry| entry.of_objects) {
            parameters.push(OBJECTS.to_owned());
        }
        for (_, raw) in found.params.iter() {
            parameters.push(decoded(raw)?);
        }
        let entries = found.value.as_slice();
        let collection = parameters.first().cloned().unwrap_or_default();
        let access = if entries.iter().any(is_of_collection) {
            self.access.get(&collection).copied()
        } else {
            None
        };
        if method == Method::OPTIONS {
            return Ok(Matched::Options(self.allow(entries, access)));
        }
        let verb = Verb::of(method);
        // What is below a collection without revisions can only be a key: `export` is as good as any.
        let is_word =
            entries.iter().all(|entry| entry.route.needs != Needs::Nothing) && parameters.len() == 1;
        if access == Some(Access::Foreign) && is_word && verb == Some(Verb::Get) {
            parameters.push(decoded(path.rsplit('/').next().unwrap_or_default())?);
            let name = if collection == OBJECTS {
                Name::Object
            } else {
                Name::Record
            };
            if name == Name::Object {
                parameters.remove(0);
            }
            return Ok(Matched::Route {
                name,
                path: parameters,
            });
        }
        let row = entries.iter().find(|entry| Some(entry.route.method) == verb);
        match row.filter(|entry| self.is_open(entry, access)) {
            Some(entry) => {
                if !is_of_collection(entry) && !parameters.is_empty() && entries.iter().any(|e| e.of_objects)
                {
                    parameters.remove(0);
                }
                Ok(Matched::Route {
                    name: entry.route.name,
                    path: parameters,
                })
            }
            None => Err(Rejection::MethodNotAllowed {
                path: entries[0].route.paths[0].to_owned(),
                method: cut(method.as_str()).into_owned(),
                allow: self.allow(entries, access),
                closed: row.map(|_| match access {
                    Some(Access::Foreign) => Closed::NoRevisions,
                    Some(Access::Kept) | None => Closed::ReadOnly,
                }),
            }),
        }
    }

    /// An unknown collection is nobody's: that it is unknown is what its handler says.
    fn is_open(&self, entry: &Entry, access: Option<Access>) -> bool {
        match entry.route.needs {
            Needs::Nothing | Needs::Revisions => true,
            Needs::Writes => match access {
                None => true,
                Some(Access::Foreign) => false,
                Some(Access::Kept) => !self.read_only,
            },
        }
    }

    fn allow(&self, entries: &[Entry], access: Option<Access>) -> String {
        let mut methods = Vec::new();
        for entry in entries.iter().filter(|entry| self.is_open(entry, access)) {
            methods.push(entry.route.method.name());
            if entry.route.method == Verb::Get {
                methods.push("HEAD");
            }
        }
        methods.push("OPTIONS");
        methods.join(", ")
    }
}

/// Why a method that the path has is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    NoRevisions,
    ReadOnly,
}

fn is_of_collection(entry: &Entry) -> bool {
    entry.of_objects || entry.route.is_of_collection()
}

/// Who answers.
pub(crate) async fn dispatch(site: &Arc<Site>, name: Name, call: Call) -> Result<Answer, Problem> {
    // Erased: the types of all handlers in one are more than the compiler wants to look through.
    let handler: Pin<Box<dyn Future<Output = Result<Answer, Problem>> + Send + '_>> = match name {
        Name::Objects => Box::pin(object::list(site, call)),
        Name::ObjectsAnalysis => Box::pin(analysis::many(site, call)),
        Name::Object => Box::pin(object::get(site, call)),
        Name::ObjectAnalysis => Box::pin(analysis::one(site, call)),
        Name::AnalysisDifference => Box::pin(difference::of_analysis(site, call)),
        Name::Collection => Box::pin(collection::list(site, call)),
        Name::Record => Box::pin(collection::get(site, call)),
        Name::History => Box::pin(history::list(site, call)),
        Name::Revision => Box::pin(history::one(site, call)),
        Name::Difference => Box::pin(history::difference(site, call)),
        Name::Export => Box::pin(export::start(site, call)),
        Name::Create => Box::pin(write::create(site, call)),
        Name::Replace => Box::pin(write::replace(site, call)),
        Name::Patch => Box::pin(write::patch(site, call)),
        Name::Delete => Box::pin(write::delete(site, call)),
        Name::Revert => Box::pin(write::revert(site, call)),
        Name::Bulk => Box::pin(bulk::write(site, call)),
        Name::Import => Box::pin(import::run(site, call)),
        Name::OpenApi => return page(call, Media::OpenApi, site.openapi.clone()),
        Name::Docs => return page(call, Media::Html, site.docs.clone()),
        Name::Problem => return problem(call),
    };
    handler.await
}

fn page(call: Call, media: Media, body: bytes::Bytes) -> Result<Answer, Problem> {
    call.query.finish(call.name.parameters())?;
    Ok(Answer::whole(media, body))
}

fn problem(mut call: Call) -> Result<Answer, Problem> {
    let slug = call.next_path();
    call.query.finish([])?;
    match Kind::ALL.into_iter().find(|kind| kind.slug() == slug) {
        Some(kind) => Ok(Answer::whole(Media::Html, crate::docs::problem(kind))),
        None => Err(Rejection::UnknownRoute {
            path: format!("/problems/{}", cut(&slug)),
        }
        .into()),
    }
}

#[cfg(test)]
mod tests;

//! Every route in one table: what is matched, what is documented, and who answers.

use std::sync::Arc;

use http::Method;

use crate::{
    analysis,
    answer::{Answer, Media},
    call::Call,
    collection,
    error::Rejection,
    object,
    problem::{Kind, Problem},
    query::{self, Plus, cut},
    site::Site,
};

/// One kind of answer, and where it is found.
pub(crate) struct Route {
    pub(crate) name: Name,
    /// The first is the documented one.
    pub(crate) paths: &'static [&'static str],
    pub(crate) title: &'static str,
    pub(crate) about: &'static str,
    /// What may stand in the query. Column filters are not listed: they follow from the model.
    pub(crate) parameters: &'static [Parameter],
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
    Collection,
    Record,
    OpenApi,
    Docs,
    Problem,
}

/// A parameter of the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Ids,
    Fields,
    Sort,
    Limit,
    Cursor,
    /// `column=value` for each column of the collection.
    Filters,
    Pretty,
}

/// All routes, in the order of the documentation.
pub(crate) const ROUTES: [Route; 9] = [
    Route {
        name: Name::Objects,
        paths: &["/api/v1/objects"],
        title: "List the tracked objects",
        about: "A page of objects. `fields` reaches into the analysis: only the datasets that the named sections need are read.",
        parameters: &[
            Parameter::Ids,
            Parameter::Fields,
            Parameter::Sort,
            Parameter::Limit,
            Parameter::Cursor,
            Parameter::Filters,
            Parameter::Pretty,
        ],
        problems: &[
            Kind::BadParameter,
            Kind::BadCursor,
            Kind::UnknownField,
            Kind::TooMany,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::ObjectsAnalysis,
        paths: &["/api/v1/objects/analysis"],
        title: "Analyse many objects",
        about: "The analyses of all objects, or of those in `ids`, in order of their key, streamed. `Accept: application/x-ndjson` gives one a line, otherwise it is one JSON array. The status is sent before the first analysis is made; an object that fails later stands in its place as `{\"id\": .., \"problem\": {..}}`. After a problem with status 503 or 504 no more objects follow.",
        parameters: &[Parameter::Ids, Parameter::Fields, Parameter::Pretty],
        problems: &[
            Kind::BadParameter,
            Kind::UnknownField,
            Kind::TooMany,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::Object,
        paths: &["/api/v1/objects/{id}"],
        title: "Get an object",
        about: "The object's record.",
        parameters: &[Parameter::Pretty],
        problems: &[
            Kind::NotFound,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::ObjectAnalysis,
        paths: &["/api/v1/objects/{id}/analysis"],
        title: "Analyse an object",
        about: "All sections of the object's analysis, or those that `fields` names.",
        parameters: &[Parameter::Fields, Parameter::Pretty],
        problems: &[
            Kind::BadParameter,
            Kind::UnknownField,
            Kind::TooMany,
            Kind::NotFound,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::Collection,
        paths: &["/api/v1/{collection}"],
        title: "List records",
        about: "A page of a collection's records.",
        parameters: &[
            Parameter::Ids,
            Parameter::Fields,
            Parameter::Sort,
            Parameter::Limit,
            Parameter::Cursor,
            Parameter::Filters,
            Parameter::Pretty,
        ],
        problems: &[
            Kind::UnknownCollection,
            Kind::BadParameter,
            Kind::BadCursor,
            Kind::UnknownField,
            Kind::TooMany,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::Record,
        paths: &["/api/v1/{collection}/{key}"],
        title: "Get a record",
        about: "One record of a collection.",
        parameters: &[Parameter::Pretty],
        problems: &[
            Kind::UnknownCollection,
            Kind::NotFound,
            Kind::QueryFailed,
            Kind::ModelMismatch,
            Kind::DatabaseUnavailable,
        ],
    },
    Route {
        name: Name::OpenApi,
        paths: &["/openapi.json", "/api/v1/openapi.json"],
        title: "This API, for machines",
        about: "OpenAPI 3.1, made from the model that is served.",
        parameters: &[Parameter::Pretty],
        problems: &[],
    },
    Route {
        name: Name::Docs,
        paths: &["/docs", "/", "/api/v1/docs"],
        title: "This API, for people",
        about: "A page with the routes, parameters, sections and problems.",
        parameters: &[],
        problems: &[],
    },
    Route {
        name: Name::Problem,
        paths: &["/problems/{slug}"],
        title: "What a problem means",
        about: "The page that a problem document's `type` points to.",
        parameters: &[],
        problems: &[],
    },
];

/// Only reading, for now. OPTIONS is answered for every route.
const ALLOW: &str = "GET, HEAD, OPTIONS";

impl Name {
    pub(crate) const ALL: [Name; 9] = [
        Name::Objects,
        Name::ObjectsAnalysis,
        Name::Object,
        Name::ObjectAnalysis,
        Name::Collection,
        Name::Record,
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
}

impl Parameter {
    /// Its name in the query; column filters have one each.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Parameter::Ids => Some("ids"),
            Parameter::Fields => Some("fields"),
            Parameter::Sort => Some("sort"),
            Parameter::Limit => Some("limit"),
            Parameter::Cursor => Some("cursor"),
            Parameter::Pretty => Some("pretty"),
            Parameter::Filters => None,
        }
    }
}

/// What a request asks for.
pub(crate) enum Matched {
    Route { name: Name, path: Vec<String> },
    Options,
}

/// The table, ready to be searched.
pub(crate) struct Router {
    paths: matchit::Router<Name>,
}

impl Router {
    pub(crate) fn new() -> Router {
        let mut paths = matchit::Router::new();
        for route in &ROUTES {
            for path in route.paths {
                paths
                    .insert(*path, route.name)
                    .expect("the table has no two routes of one path; a test holds it so");
            }
        }
        Router { paths }
    }

    /// The route of a path, and its parameters decoded, in their order.
    pub(crate) fn find(&self, method: &Method, path: &str) -> Result<Matched, Rejection> {
        if method == Method::OPTIONS && path == "*" {
            return Ok(Matched::Options);
        }
        let found = self.paths.at(path).map_err(|_| Rejection::UnknownRoute {
            path: cut(path).into_owned(),
        })?;
        if method == Method::OPTIONS {
            return Ok(Matched::Options);
        }
        if method != Method::GET && method != Method::HEAD {
            return Err(Rejection::MethodNotAllowed {
                path: found.value.pattern().to_owned(),
                method: cut(method.as_str()).into_owned(),
                allow: ALLOW,
            });
        }
        let mut parameters = Vec::new();
        for (_, raw) in found.params.iter() {
            let decoded =
                query::decode(raw, Plus::IsPlus).ok_or(Rejection::Encoding { place: "the path" })?;
            parameters.push(decoded.into_owned());
        }
        Ok(Matched::Route {
            name: *found.value,
            path: parameters,
        })
    }

    /// For OPTIONS.
    pub(crate) fn allow() -> &'static str {
        ALLOW
    }
}

/// Who answers.
pub(crate) async fn dispatch(site: &Arc<Site>, name: Name, call: Call) -> Result<Answer, Problem> {
    match name {
        Name::Objects => Box::pin(object::list(site, call)).await,
        Name::ObjectsAnalysis => Box::pin(analysis::many(site, call)).await,
        Name::Object => Box::pin(object::get(site, call)).await,
        Name::ObjectAnalysis => Box::pin(analysis::one(site, call)).await,
        Name::Collection => Box::pin(collection::list(site, call)).await,
        Name::Record => Box::pin(collection::get(site, call)).await,
        Name::OpenApi => page(call, Media::OpenApi, site.openapi.clone()),
        Name::Docs => page(call, Media::Html, site.docs.clone()),
        Name::Problem => problem(call),
    }
}

fn page(call: Call, media: Media, body: bytes::Bytes) -> Result<Answer, Problem> {
    call.query.finish(
        call.name
            .route()
            .parameters
            .iter()
            .filter_map(|parameter| parameter.name()),
    )?;
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

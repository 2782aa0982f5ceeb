//! The kinds of problems: slug, status, title and page of each.

use http::StatusCode;

/// The closed list of problems: each has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    MalformedRequest,
    MalformedQuery,
    UnknownParameter,
    RepeatedParameter,
    BadParameter,
    BadCursor,
    UnknownField,
    TooMany,
    BadHeader,
    BadBody,
    BadPrecondition,
    UnknownRoute,
    UnknownCollection,
    NotFound,
    NoRevisions,
    UnknownRevision,
    MethodNotAllowed,
    BodyTimeout,
    AlreadyExists,
    RevisionConflict,
    BodyTooLarge,
    UnsupportedMedia,
    InvalidRecord,
    ImportRefused,
    PreconditionRequired,
    UrlTooLong,
    HeaderTooLarge,
    Internal,
    QueryFailed,
    ModelMismatch,
    Overloaded,
    DatabaseUnavailable,
    DeadlineExceeded,
}

impl Kind {
    /// All of them, in the order of the documentation.
    pub(crate) const ALL: [Kind; 33] = [
        Kind::MalformedRequest,
        Kind::MalformedQuery,
        Kind::UnknownParameter,
        Kind::RepeatedParameter,
        Kind::BadParameter,
        Kind::BadCursor,
        Kind::UnknownField,
        Kind::TooMany,
        Kind::BadHeader,
        Kind::BadBody,
        Kind::BadPrecondition,
        Kind::UnknownRoute,
        Kind::UnknownCollection,
        Kind::NotFound,
        Kind::NoRevisions,
        Kind::UnknownRevision,
        Kind::MethodNotAllowed,
        Kind::BodyTimeout,
        Kind::AlreadyExists,
        Kind::RevisionConflict,
        Kind::BodyTooLarge,
        Kind::UnsupportedMedia,
        Kind::InvalidRecord,
        Kind::ImportRefused,
        Kind::PreconditionRequired,
        Kind::UrlTooLong,
        Kind::HeaderTooLarge,
        Kind::Internal,
        Kind::QueryFailed,
        Kind::ModelMismatch,
        Kind::Overloaded,
        Kind::DatabaseUnavailable,
        Kind::DeadlineExceeded,
    ];

    /// Slug of its `type`, status, title, and the paragraph of its page.
    fn row(self) -> (&'static str, StatusCode, &'static str, &'static str) {
        match self {
            Kind::MalformedRequest => (
                "malformed-request",
                StatusCode::BAD_REQUEST,
                "The request is not HTTP",
                "The head of the request could not be parsed: a method, a URL, a version or a header is malformed. The connection is closed.",
            ),
            Kind::MalformedQuery => (
                "malformed-query",
                StatusCode::BAD_REQUEST,
                "The URL is malformed",
                "A part of the path or the query is not percent-encoded UTF-8. Encode a literal percent sign as %25.",
            ),
            Kind::UnknownParameter => (
                "unknown-parameter",
                StatusCode::BAD_REQUEST,
                "Unknown query parameter",
                "The route has no such query parameter. It is refused rather than ignored, because a mistyped filter that is ignored returns everything.",
            ),
            Kind::RepeatedParameter => (
                "repeated-parameter",
                StatusCode::BAD_REQUEST,
                "Query parameter given twice",
                "Each query parameter may be given once. Lists are separated by commas.",
            ),
            Kind::BadParameter => (
                "bad-parameter",
                StatusCode::BAD_REQUEST,
                "Bad value of a parameter",
                "The value does not have the parameter's type, or lies beyond its limits.",
            ),
            Kind::BadCursor => (
                "bad-cursor",
                StatusCode::BAD_REQUEST,
                "Bad cursor",
                "A cursor is what `next` of the page before held, unchanged, and goes with the same `sort`. Begin again without one.",
            ),
            Kind::UnknownField => (
                "unknown-field",
                StatusCode::BAD_REQUEST,
                "Unknown field",
                "A field is a column of the tracked collection, a section of the analysis, a path above sections, or a member of a section.",
            ),
            Kind::TooMany => (
                "too-many",
                StatusCode::BAD_REQUEST,
                "Too many members in a list",
                "A list in the query is longer than this server takes. Split it into several requests.",
            ),
            Kind::BadHeader => (
                "bad-header",
                StatusCode::BAD_REQUEST,
                "Bad value of a header",
                "A header that this route reads is too long, or not percent-encoded UTF-8.",
            ),
            Kind::BadBody => (
                "bad-body",
                StatusCode::BAD_REQUEST,
                "The request's body cannot be read",
                "The body is not what its Content-Type says, or it broke off. Nothing was written.",
            ),
            Kind::BadPrecondition => (
                "bad-precondition",
                StatusCode::BAD_REQUEST,
                "The precondition names no revision",
                "`If-Match` holds the number of one revision in quotes, as the record's `ETag` has it; `If-None-Match` of a write is `*`. A write has one of the two.",
            ),
            Kind::UnknownRoute => (
                "unknown-route",
                StatusCode::NOT_FOUND,
                "No such route",
                "Nothing is served at this path. The routes are listed in /docs and in /openapi.json.",
            ),
            Kind::UnknownCollection => (
                "unknown-collection",
                StatusCode::NOT_FOUND,
                "No such collection",
                "The model declares no collection of this name.",
            ),
            Kind::NotFound => (
                "not-found",
                StatusCode::NOT_FOUND,
                "No such record",
                "The collection has no record with this key.",
            ),
            Kind::NoRevisions => (
                "no-revisions",
                StatusCode::NOT_FOUND,
                "The collection keeps no revisions",
                "It is a table or view that somebody else writes, and only read here. `revisions = true` in the model makes a collection one that Sidequest keeps.",
            ),
            Kind::UnknownRevision => (
                "unknown-revision",
                StatusCode::NOT_FOUND,
                "No such revision",
                "The record has no revision with this number, or it is a deletion where content is needed. The numbers are 1, 2, 3, .. without a gap.",
            ),
            Kind::MethodNotAllowed => (
                "method-not-allowed",
                StatusCode::METHOD_NOT_ALLOWED,
                "The route does not know this method",
                "The header `Allow` lists the methods that this route answers.",
            ),
            Kind::BodyTimeout => (
                "body-timeout",
                StatusCode::REQUEST_TIMEOUT,
                "The request's body did not come in time",
                "The client stopped sending before the end of the body. Nothing was written.",
            ),
            Kind::AlreadyExists => (
                "already-exists",
                StatusCode::CONFLICT,
                "The record exists already",
                "A record with this key is there: `current` is its newest revision. Replace it by PUT with `If-Match`.",
            ),
            Kind::RevisionConflict => (
                "revision-conflict",
                StatusCode::PRECONDITION_FAILED,
                "Another revision has come",
                "The record is not at the revision that the write replaces: `current` is its newest one. Nothing was written. Look at what changed, and write again with its number in `If-Match`.",
            ),
            Kind::BodyTooLarge => (
                "body-too-large",
                StatusCode::PAYLOAD_TOO_LARGE,
                "The request's body is too large",
                "The body is larger than this server reads.",
            ),
            Kind::UnsupportedMedia => (
                "unsupported-media",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "The body's type is not read here",
                "`Content-Type` is missing, or of a type that this route does not read. The hint lists those that it does.",
            ),
            Kind::InvalidRecord => (
                "invalid-record",
                StatusCode::UNPROCESSABLE_ENTITY,
                "The record does not fit its collection",
                "`errors` lists all that is wrong, by field: what was given and what may stand there. Nothing was written.",
            ),
            Kind::ImportRefused => (
                "import-refused",
                StatusCode::UNPROCESSABLE_ENTITY,
                "Lines of the import are wrong",
                "`errors` lists the first bad lines, each with its number and reason, and `errors_total` says how many there are. Nothing was written.",
            ),
            Kind::PreconditionRequired => (
                "precondition-required",
                StatusCode::PRECONDITION_REQUIRED,
                "The write does not say what it replaces",
                "Without the revision that the client has seen, a write could overwrite what it has not. Send the record's `ETag` as `If-Match`, or `If-None-Match: *` for a new record.",
            ),
            Kind::UrlTooLong => (
                "url-too-long",
                StatusCode::URI_TOO_LONG,
                "The URL is too long",
                "Path and query together are longer than this server reads. Ask for fewer ids or fields at a time.",
            ),
            Kind::HeaderTooLarge => (
                "header-too-large",
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "The request's head is too large",
                "URL and headers together are larger than this server reads.",
            ),
            Kind::Internal => (
                "internal",
                StatusCode::INTERNAL_SERVER_ERROR,
                "A bug of the server",
                "Something that should be impossible has happened. The server's log has more under the request's id.",
            ),
            Kind::QueryFailed => (
                "query-failed",
                StatusCode::INTERNAL_SERVER_ERROR,
                "A statement of the model failed",
                "The database refused or failed a statement that the model declares. The server's log has the database's message under the request's id; `sidequest check` finds most causes.",
            ),
            Kind::ModelMismatch => (
                "model-mismatch",
                StatusCode::INTERNAL_SERVER_ERROR,
                "The rows are not what the model says",
                "A statement returned columns or values of other types than the model declares.",
            ),
            Kind::Overloaded => (
                "overloaded",
                StatusCode::SERVICE_UNAVAILABLE,
                "Too much at once",
                "More requests are in work, or wait for a connection to a database, than this server is configured for. Try again after the time in `Retry-After`.",
            ),
            Kind::DatabaseUnavailable => (
                "database-unavailable",
                StatusCode::SERVICE_UNAVAILABLE,
                "A database cannot be reached",
                "The database named in the detail is down, starting or unreachable. Service returns with it, without a restart.",
            ),
            Kind::DeadlineExceeded => (
                "deadline-exceeded",
                StatusCode::GATEWAY_TIMEOUT,
                "Not done before the deadline",
                "The request took longer than this server allows one to take.",
            ),
        }
    }

    pub(crate) fn slug(self) -> &'static str {
        self.row().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.row().1
    }

    pub(crate) fn title(self) -> &'static str {
        self.row().2
    }

    pub(crate) fn about(self) -> &'static str {
        self.row().3
    }
}

//! One table of the API: the routes are built from it, and so is the OpenAPI document.

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Route};

use crate::answer::{self, Failure};
use crate::domain::scope::Base;

/// One thing that a program can ask for.
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path below `BASE/hub/api`, its variables in braces.
    pub path: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// Any of these scopes suffices; none is needed where it is empty.
    pub scopes: &'static [Base],
    /// Arguments of the query.
    pub query: &'static [Param],
    /// Fields of the JSON body; `None` where the operation reads none.
    pub body: Option<Fields>,
    /// Statuses of its answers, refusals included.
    pub responses: &'static [u16],
    /// The handler, as a route without its method.
    pub route: fn() -> Route,
}

/// An argument of a query.
#[derive(Debug, Clone, Copy)]
pub struct Param {
    /// Its name.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What it does.
    pub meaning: &'static str,
}

/// The fields of a JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Fields {
    /// Word for the whole in errors.
    pub of: &'static str,
    /// Whether fields that are not listed are refused.
    pub closed: bool,
    /// The fields.
    pub fields: &'static [Field],
}

/// A field of a JSON body.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its key.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether it must be there.
    pub required: bool,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number, or a text with a unit like `2G`.
    Amount,
    /// True or false.
    Boolean,
    /// A list of texts.
    Texts,
    /// An object.
    Object,
    /// A point in time, ISO 8601.
    Time,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl Field {
    /// A field that may be left out.
    #[must_use]
    pub const fn new(name: &'static str, kind: Kind) -> Self {
        Self { name, kind, nullable: false, required: false }
    }

    /// Null is as good as left out.
    #[must_use]
    pub const fn or_null(mut self) -> Self {
        self.nullable = true;
        self
    }

    /// The field must be there.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }
}

/// Adds a route for each operation, 405 for the other methods of its path, and 404 for what no path matches.
pub fn routes(operations: impl Iterator<Item = &'static Operation>, service: &mut ServiceConfig) {
    let mut paths: BTreeMap<&str, Vec<&Operation>> = BTreeMap::new();
    for operation in operations {
        paths.entry(operation.path).or_default().push(operation);
    }
    for (path, operations) in paths {
        let mut resource = web::resource(pattern(path))
            .route(web::method(Method::OPTIONS).to(options))
            .default_service(web::to(|| refuse(StatusCode::METHOD_NOT_ALLOWED)));
        for operation in operations {
            resource = resource.route((operation.route)().method(operation.method.clone()));
        }
        service.service(resource);
    }
    service.default_service(web::to(|| refuse(StatusCode::NOT_FOUND)));
}

/// The path as a route. Names of servers and tokens may be empty: `/users/NAME/servers/` is the default server. `/` is the
/// root with its slash and without.
fn pattern(path: &str) -> Vec<String> {
    if path == "/" {
        return vec![String::new(), "/".to_owned()];
    }
    let empty = |name| (format!("{{{name}}}"), format!("{{{name}:[^/]*}}"));
    vec![
        ["server_name", "token_id"]
            .map(empty)
            .iter()
            .fold(path.to_owned(), |path, (one, any)| path.replace(one, any)),
    ]
}

async fn options() -> HttpResponse {
    answer::program(StatusCode::OK).content_type("application/json").finish()
}

async fn refuse(status: StatusCode) -> Result<HttpResponse, Failure> {
    Err(Failure::bare(status))
}

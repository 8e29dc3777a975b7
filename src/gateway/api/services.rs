//! `/services`: the services of the services file, and those that were made at run time.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use hubgate_protocol::ServiceName;
use log::info;
use openssl::sha::sha256;
use serde_json::{Map, Value, json};

use crate::answer::{self, Failure};
use crate::api::body::{Body, bad, checked};
use crate::api::model::Reader;
use crate::api::operation::{Field, Fields, Kind, Operation};
use crate::api::service_spec;
use crate::api::stored::{self, audited};
use crate::domain::audit::Action;
use crate::domain::scope::{Access, Base, Target};
use crate::extract::Caller;
use crate::store::services::{self, ServiceRow};

const READ: &[Base] = &[Base::ReadServices, Base::ReadServicesName, Base::ReadRolesServices];

/// What a new service's description holds.
const SERVICE: Fields = Fields {
    of: "service",
    closed: true,
    fields: &[
        Field::new("name", Kind::Text),
        Field::new("admin", Kind::Boolean),
        Field::new("url", Kind::Text),
        Field::new("oauth_client_allowed_scopes", Kind::Texts),
        Field::new("api_token", Kind::Text),
        Field::new("info", Kind::Object),
        Field::new("display", Kind::Boolean),
        Field::new("oauth_no_confirm", Kind::Boolean),
        Field::new("command", Kind::Texts),
        Field::new("cwd", Kind::Text),
        Field::new("environment", Kind::Object),
        Field::new("user", Kind::Text),
        Field::new("oauth_client_id", Kind::Text),
        Field::new("oauth_redirect_uri", Kind::Text),
    ],
};

/// The operations.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        method: Method::GET,
        path: "/services",
        summary: "Services by name",
        scopes: &[Base::ListServices],
        query: &[],
        body: None,
        responses: &[200, 403],
        route: || web::route().to(list),
    },
    Operation {
        method: Method::GET,
        path: "/services/{name}",
        summary: "One service",
        scopes: READ,
        query: &[],
        body: None,
        responses: &[200, 403, 404],
        route: || web::route().to(show),
    },
    Operation {
        method: Method::POST,
        path: "/services/{name}",
        summary: "Make an external service known",
        scopes: &[Base::AdminServices],
        query: &[],
        body: Some(SERVICE),
        responses: &[201, 400, 403, 404, 409],
        route: || web::route().to(create),
    },
    Operation {
        method: Method::DELETE,
        path: "/services/{name}",
        summary: "Forget a service that was made at run time",
        scopes: &[Base::AdminServices],
        query: &[],
        body: None,
        responses: &[200, 403, 404, 405],
        route: || web::route().to(delete),
    },
];

fn reader(caller: &Caller) -> Reader<'_> {
    Reader { hub: &caller.hub, directory: &caller.directory, scopes: &caller.scopes }
}

async fn list(caller: Caller) -> Result<HttpResponse, Failure> {
    caller.require_some(&[Base::ListServices])?;
    let listed = |name: &ServiceName| match caller.scopes.access(&Base::ListServices) {
        Access::All => true,
        Access::Only(filters) => filters.services.contains(name),
        Access::None => false,
    };
    let shown = caller.directory.services().filter(|service| listed(&service.name));
    let models: Map<String, Value> =
        shown.map(|service| (service.name.to_string(), reader(&caller).service(service).into())).collect();
    Ok(answer::json(StatusCode::OK, &models))
}

/// The service that a path names, for a caller who holds one of these scopes for it; `None` where nothing can have that name.
fn named(caller: &Caller, any_of: &[Base], name: &str) -> Result<Option<ServiceName>, Failure> {
    match name.parse::<ServiceName>() {
        Ok(service) => caller.require(any_of, &Target::Service(&service)).map(|()| Some(service)),
        Err(_) if any_of.iter().any(|base| caller.may(base, &Target::Any)) => Ok(None),
        Err(_) => {
            caller.require_some(any_of)?;
            Err(Failure::new(StatusCode::NOT_FOUND, "No access to resources or resources not found"))
        }
    }
}

async fn show(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let found = named(&caller, READ, &name)?;
    let service = found.as_ref().and_then(|name| caller.directory.service(name));
    let absent = || Failure::new(StatusCode::NOT_FOUND, format!("No such service: {name}"));
    Ok(answer::json(StatusCode::OK, &reader(&caller).service(service.ok_or_else(absent)?)))
}

async fn create(caller: Caller, name: web::Path<String>, body: Body) -> Result<HttpResponse, Failure> {
    let found = named(&caller, &[Base::AdminServices], &name)?;
    let given = body.json()?;
    let taken = || Failure::new(StatusCode::CONFLICT, format!("Service {name} already exists"));
    if found.as_ref().is_some_and(|name| caller.directory.service(name).is_some()) {
        return Err(taken());
    }
    let given = match given {
        Some(Value::Object(given)) if !given.is_empty() => checked(Value::Object(given), &SERVICE)?,
        _ => return Err(bad("Invalid service data")),
    };
    let Some(service) = found else { return Err(bad("The name in the path cannot be one of a service.")) };
    let (spec, token) = service_spec::read(&caller, &service, given)?;
    let row = ServiceRow {
        name: service.clone(),
        spec,
        token_hash: token.map(|token| sha256(token.expose().as_bytes())),
        created_us: caller.hub.clock.now_us(),
    };
    stored::write(&caller.hub, move |c| services::insert(c, &row).map(Ok)).await?;
    info!("service made={service} by={}", caller.name());
    audited(&caller.hub, Action::ServiceChanged, service.as_str(), json!({ "made": true })).await?;
    let directory = caller.hub.directory();
    let made = directory.service(&service).ok_or_else(Failure::unavailable)?;
    Ok(answer::json(StatusCode::CREATED, &Reader { directory: &directory, ..reader(&caller) }.service(made)))
}

async fn delete(caller: Caller, name: web::Path<String>) -> Result<HttpResponse, Failure> {
    let found = named(&caller, &[Base::AdminServices], &name)?;
    let absent = || Failure::new(StatusCode::NOT_FOUND, format!("Service {name} does not exist"));
    let service = found.filter(|name| caller.directory.service(name).is_some()).ok_or_else(absent)?;
    let gone = service.clone();
    let was_made = stored::write(&caller.hub, move |c| {
        let made = services::all(c)?.iter().any(|row| row.name == gone);
        if made { services::delete(c, &gone).map(Ok) } else { Ok(Ok(false)) }
    });
    if !was_made.await? {
        let sentence = format!("Service {service} is not modifiable at runtime");
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, sentence));
    }
    info!("service deleted={service} by={}", caller.name());
    audited(&caller.hub, Action::ServiceChanged, service.as_str(), json!({ "deleted": true })).await?;
    Ok(answer::program(StatusCode::OK).content_type("application/json").finish())
}

//! The API's own description, OpenAPI 3.1, made from the table of operations that also makes the routes.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpResponse, web};
use serde_json::{Map, Value, json};

use crate::answer::{self, JUPYTERHUB_VERSION};
use crate::api::operation::{Fields, Kind, Operation};
use crate::domain::scope::{Base, table};
use crate::state::Hub;
use crate::words::Language;

/// The operation.
pub const OPERATIONS: &[Operation] = &[Operation {
    method: Method::GET,
    path: "/openapi.json",
    summary: "This description",
    scopes: &[],
    query: &[],
    body: None,
    responses: &[200],
    route: || web::route().to(show),
}];

async fn show(hub: web::Data<Hub>) -> HttpResponse {
    answer::json(StatusCode::OK, &document(super::operations(), &hub.config.base_url))
}

/// The description of these operations below `base_url`.
#[must_use]
pub fn document(operations: impl Iterator<Item = &'static Operation>, base_url: &str) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations {
        let methods = paths.entry(operation.path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(operation.method.as_str().to_lowercase(), described(operation));
        }
    }
    let english = |base: &Base| Some(base.meaning()?.in_language(Language::English));
    let scopes: Map<String, Value> =
        table().iter().map(|base| (base.name().to_owned(), english(base).into())).collect();
    let base = format!("{base_url}/hub/api");
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hubgate REST API",
            "description": format!("The REST API of JupyterHub {JUPYTERHUB_VERSION}, as hubgate answers it."),
            "license": { "name": "BSD-3-Clause", "identifier": "BSD-3-Clause" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [{ "url": base }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "oauth2": { "type": "oauth2", "flows": { "authorizationCode": {
                    "authorizationUrl": format!("{base}/oauth2/authorize"),
                    "tokenUrl": format!("{base}/oauth2/token"),
                    "scopes": scopes,
                } } },
            },
            "schemas": { "Error": {
                "type": "object",
                "required": ["status", "message"],
                "properties": { "status": { "type": "integer" }, "message": { "type": ["string", "null"] } },
            } },
        },
    })
}

fn described(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = variables(operation.path)
        .map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }))
        .collect();
    parameters.extend(operation.query.iter().map(|param| {
        json!({ "name": param.name, "in": "query", "description": param.meaning, "schema": schema(param.kind) })
    }));
    let responses: Map<String, Value> =
        operation.responses.iter().map(|status| (status.to_string(), response(*status))).collect();
    // Any one of several scopes suffices: each is a way in of its own.
    let ways = |base: &Base| json!({ "oauth2": [base.name()] });
    let mut model = json!({ "summary": operation.summary, "parameters": parameters, "responses": responses });
    if let Some(model) = model.as_object_mut() {
        if !operation.scopes.is_empty() {
            model.insert("security".to_owned(), operation.scopes.iter().map(ways).collect());
        }
        if let Some(fields) = &operation.body {
            model.insert("requestBody".to_owned(), request_body(fields));
        }
    }
    model
}

/// Names of the variables in a path.
fn variables(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn response(status: u16) -> Value {
    let text =
        StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default();
    if status < 400 {
        return json!({ "description": text });
    }
    let error = json!({ "schema": { "$ref": "#/components/schemas/Error" } });
    json!({ "description": text, "content": { "application/json": error } })
}

fn request_body(fields: &Fields) -> Value {
    let mut properties = Map::new();
    for field in fields.fields {
        let schema = schema(field.kind);
        let schema = if field.nullable { json!({ "anyOf": [schema, { "type": "null" }] }) } else { schema };
        properties.insert(field.name.to_owned(), schema);
    }
    let required: Vec<&str> =
        fields.fields.iter().filter(|field| field.required).map(|field| field.name).collect();
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": !fields.closed,
    });
    json!({ "required": !required.is_empty(), "content": { "application/json": { "schema": schema } } })
}

fn schema(kind: Kind) -> Value {
    match kind {
        Kind::Text => json!({ "type": "string" }),
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Amount => json!({ "oneOf": [{ "type": "number" }, { "type": "string" }] }),
        Kind::Boolean => json!({ "type": "boolean" }),
        Kind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Kind::Object => json!({ "type": "object" }),
        Kind::Time => json!({ "type": "string", "format": "date-time" }),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_a_path_is_described_and_every_operation_says_how_it_ends() {
        let document = document(super::super::operations(), "/jupyterhub");
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 20, "{} paths", paths.len());
        for (path, methods) in paths {
            for (method, operation) in methods.as_object().unwrap() {
                let named: Vec<&str> = operation["parameters"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                assert_eq!(named, variables(path).collect::<Vec<_>>(), "{method} {path}");
                assert!(!operation["responses"].as_object().unwrap().is_empty(), "{method} {path}");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
            }
        }
        assert_eq!(document["servers"][0]["url"], "/jupyterhub/hub/api");
        assert_eq!(paths["/groups"]["get"]["security"][0]["oauth2"][0], "list:groups");
    }
}

//! The description of a service that is made at run time, checked: nothing runs by it, and it gives no more than its maker holds.

use hubgate_protocol::{Secret, ServiceName, service};
use serde_json::{Map, Value};

use crate::answer::Failure;
use crate::api::body::bad;
use crate::domain::scope::{Scope, default_roles, expand};
use crate::extract::Caller;

/// The description as it is kept, and the token beside it, which is kept as a hash alone.
///
/// # Errors
/// 400, with the field named.
pub fn read(
    caller: &Caller,
    name: &ServiceName,
    mut given: Map<String, Value>,
) -> Result<(Map<String, Value>, Option<Secret>), Failure> {
    if given.get("command").and_then(Value::as_array).is_some_and(|command| !command.is_empty()) {
        return Err(bad(format!("Can not create managed service {name} at runtime")));
    }
    within(caller, &given)?;
    given.insert("name".to_owned(), name.as_str().into());
    let spec: service::ServiceSpec = serde_json::from_value(Value::Object(given.clone()))
        .map_err(|error| bad(format!("Failed to create service {name}: {error}")))?;
    let all = service::Services { services: vec![spec] };
    if let Some(problem) = all.problems().first() {
        return Err(bad(format!("Failed to create service {name}: {problem}")));
    }
    given.remove("api_token");
    Ok((given, all.services.into_iter().next().and_then(|spec| spec.api_token)))
}

/// Refuses scopes that the maker does not hold.
fn within(caller: &Caller, given: &Map<String, Value>) -> Result<(), Failure> {
    let custom = caller.directory.custom();
    let mut asked = Vec::new();
    if given.get("admin") == Some(&Value::Bool(true)) {
        let admin = default_roles().into_iter().filter(|role| role.name.as_str() == "admin");
        asked.extend(admin.flat_map(|role| role.scopes));
    }
    let named = given.get("oauth_client_allowed_scopes").and_then(Value::as_array);
    for text in named.into_iter().flatten().filter_map(Value::as_str) {
        asked.push(Scope::read(text, custom).map_err(|error| bad(error.to_string()))?);
    }
    // Held against this request, not its owner: a token that may only make services must not make an administrator.
    let beyond = expand(&asked, &caller.owner, None, custom).missing(&caller.scopes, &*caller.directory);
    if beyond.is_empty() {
        return Ok(());
    }
    Err(bad(format!("Not assigning requested scopes {} not held by {}", beyond.join(","), caller.owner)))
}

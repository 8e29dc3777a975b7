//! The hub through its API: version, information, shutdown, routes, services, metrics, and its own description.

use std::collections::{BTreeSet, HashMap};

use hubgate::config::Config;
use hubgate::domain::usage::Headroom;
use hubgate_protocol::{Phase, ServerId, ServerStatus};
use serde_json::{Value, json};

use crate::rest::Rest;

const NOBODY: &str = "Missing or invalid credentials.";
const NOT_HELD: &str = "Action is not authorized with current scopes; requires any of [";
const UNSEEN: &str = "No access to resources or resources not found";

#[actix_web::test]
async fn the_version_is_open_and_the_rest_is_not() {
    let rest = Rest::new().await;
    let root = rest.send("GET", "/", "", "").await;
    assert_eq!(root.header("access-control-allow-origin"), "*");
    rest.hold(&[
        ("GET", "", "", "", 200, "{\"version\":\"6.1.1\"}"),
        ("GET", "/", "", "", 200, "{\"version\":\"6.1.1\"}"),
        ("POST", "/", "boss", "", 405, "null"),
        ("GET", "/info", "", "", 403, NOBODY),
        ("GET", "/info", "alice", "", 403, NOT_HELD),
        ("GET", "/info", "boss", "", 200, "\"spawner\""),
        ("GET", "/health", "", "", 200, ""),
        ("HEAD", "/health", "", "", 200, ""),
        ("POST", "/shutdown", "alice", "", 403, NOT_HELD),
        ("POST", "/shutdown", "boss", r#"{"proxy": "yes"}"#, 400, "proxy must be true or false"),
        ("POST", "/shutdown", "boss", r#"{"servers": 5}"#, 400, "servers must be true or false"),
        ("POST", "/shutdown", "boss", "{not json", 400, "Invalid JSON"),
        ("GET", "/shutdown", "boss", "", 405, "null"),
        ("POST", "/authorizations/token", "", "", 404, "Use /hub/api/users/:user/tokens"),
        ("GET", "/authorizations/token/x", "", "", 403, "null"),
        ("GET", "/authorizations/token/x", "boss", "", 404, "null"),
        ("GET", "/authorizations/cookie/a/b", "boss", "", 404, "null"),
        ("GET", "/authorizations/cookie/a/b", "", "", 403, "null"),
    ])
    .await;
}

#[actix_web::test]
async fn whoever_knows_a_token_learns_whose_it_is() {
    let mut rest = Rest::new().await;
    let text = rest.token("alice's", "alice", &["read:users:name!user"]).await;
    let path = format!("/authorizations/token/{text}");
    let model = rest.json("GET", &path, "bob", "").await;
    assert_eq!(
        model,
        json!({"kind": "user", "name": "alice", "admin": false, "user_info": null, "groups": []})
    );
}

#[actix_web::test]
async fn the_routes_are_those_of_ready_servers() {
    let rest = Rest::new().await;
    rest.test.server("alice", Phase::Running);
    rest.test.server("bob", Phase::Starting);
    let routes = rest.json("GET", "/proxy", "boss", "").await;
    let specs: Vec<&String> = routes.as_object().unwrap().keys().collect();
    assert_eq!(specs, ["/jupyterhub/", "/jupyterhub/user/alice/"]);
    assert_eq!(routes["/jupyterhub/user/alice/"]["data"]["user"], "alice");
    rest.hold(&[
        ("GET", "/proxy", "alice", "", 403, NOT_HELD),
        ("GET", "/proxy?limit=1", "boss", "", 200, "\"hub\":true"),
        ("GET", "/proxy?limit=x", "boss", "", 400, "must be integers"),
        ("POST", "/proxy", "alice", "", 403, NOT_HELD),
        ("POST", "/proxy", "boss", "", 200, ""),
        ("PATCH", "/proxy", "boss", "{}", 200, ""),
        ("PATCH", "/proxy", "boss", "", 400, "need JSON body"),
        ("PATCH", "/proxy", "boss", "[]", 400, "Request body must be JSON dict"),
    ])
    .await;
}

#[actix_web::test]
async fn services_are_made_at_run_time_but_never_with_a_command_or_more_rights_than_their_maker() {
    let mut rest = Rest::new().await;
    rest.token("ops", "boss", &["admin:services", "list:services", "read:services", "read:hub"]).await;
    rest.token("one", "boss", &["list:services!service=made", "read:services:name!service=made"]).await;
    let spec = r#"{"info": {"a": 1}, "display": false, "api_token": "token-of-made-1"}"#;
    rest.hold(&[
        ("POST", "/services/made", "", spec, 403, NOBODY),
        ("POST", "/services/made", "alice", spec, 403, NOT_HELD),
        ("POST", "/services/made", "boss", "", 400, "Invalid service data"),
        ("POST", "/services/made", "boss", "{}", 400, "Invalid service data"),
        ("POST", "/services/made", "boss", r#"{"surprise": 1}"#, 400, "Invalid JSON keys"),
        ("POST", "/services/made", "boss", r#"{"url": 5}"#, 400, "service.url must be a string"),
        ("POST", "/services/made", "boss", r#"{"url": "file:///etc"}"#, 400, "Failed to create service made"),
        ("POST", "/services/made", "boss", r#"{"api_token": "short"}"#, 400, "Failed to create service made"),
        ("POST", "/services/made", "boss", r#"{"command": ["sh"]}"#, 400, "Can not create managed service"),
        ("POST", "/services/made", "ops", r#"{"admin": true}"#, 400, "Not assigning requested scopes"),
        (
            "POST",
            "/services/made",
            "ops",
            r#"{"oauth_client_allowed_scopes": ["users"], "oauth_redirect_uri": "/x"}"#,
            400,
            "Not assigning",
        ),
        ("POST", "/services/a%2Fb", "boss", spec, 400, "cannot be one of a service"),
        ("POST", "/services/made", "ops", spec, 201, "\"made\""),
        ("POST", "/services/made", "ops", spec, 409, "Service made already exists"),
        ("GET", "/services/made", "boss", "", 200, "\"display\":false"),
        ("GET", "/services/other", "boss", "", 404, "No such service: other"),
        ("GET", "/services/other", "one", "", 404, UNSEEN),
        ("GET", "/services", "alice", "", 403, NOT_HELD),
    ])
    .await;
    assert_eq!(
        rest.json("GET", "/services", "one", "").await,
        json!({"made": {"kind": "service", "name": "made", "admin": false}})
    );
    let known = rest.test.hub.tokens.find("token-of-made-1").map(|token| token.owner.name().to_owned());
    assert_eq!(known.as_deref(), Some("made"));
    rest.hold(&[
        ("DELETE", "/services/made", "alice", "", 403, NOT_HELD),
        ("DELETE", "/services/made", "ops", "", 200, ""),
        ("DELETE", "/services/made", "ops", "", 404, "Service made does not exist"),
    ])
    .await;
    assert!(rest.test.hub.tokens.find("token-of-made-1").is_none());
}

#[actix_web::test]
async fn metrics_count_what_happened_for_those_who_may_know() {
    let rest = Rest::new().await;
    rest.test.server("alice", Phase::Running);
    assert_eq!(rest.send("GET", "/metrics", "", "").await.status.as_u16(), 403);
    let refused = rest.send("GET", "/metrics", "alice", "").await;
    assert_eq!(refused.status.as_u16(), 403);
    assert!(refused.header("content-type").starts_with("text/html"));
    let page = rest.send("GET", "/metrics", "boss", "").await;
    assert_eq!(page.header("content-type"), "text/plain; version=1.0.0; charset=utf-8");
    for line in [
        "jupyterhub_running_servers 1\n",
        "jupyterhub_total_users 3\n",
        "jupyterhub_active_users{period=\"24h\"} ",
        "hubgate_servers{state=\"running\"} 1\n",
        "hubgate_servers{state=\"failed\"} 0\n",
        "hubgate_memory_kills_total 0\n",
        "process_resident_memory_bytes ",
    ] {
        assert!(page.body.contains(line), "{line} in {}", page.body);
    }
    assert!(page.body.contains("jupyterhub_request_duration_seconds_count{method=\"GET\",handler=\"/jupyterhub/hub/api/metrics\",code=\"403\"} 2"), "{}", page.body);
    let open = Rest::with(|config: &mut Config| config.authenticate_prometheus = false).await;
    assert_eq!(open.send("GET", "/metrics", "", "").await.status.as_u16(), 200);
}

/// Series of JupyterHub that its published dashboards for Grafana draw, of those that mean something here.
const DRAWN: [&str; 5] = [
    "jupyterhub_running_servers ",
    "jupyterhub_total_users ",
    "jupyterhub_active_users{period=\"24h\"} ",
    "jupyterhub_request_duration_seconds_bucket{method=\"GET\",handler=",
    "jupyterhub_server_spawn_duration_seconds_bucket{status=\"success\",le=",
];

#[actix_web::test]
async fn what_jupyterhubs_dashboards_draw_is_there_and_each_family_says_what_it_is() {
    let rest = Rest::with(|config: &mut Config| config.authenticate_prometheus = false).await;
    rest.send("GET", "/", "", "").await;
    for phase in [Phase::Starting, Phase::Running] {
        let id: ServerId = "alice".parse().unwrap();
        rest.test.hub.metrics.moved(&ServerStatus { phase, ..ServerStatus::stopped(&id) });
    }
    let page = rest.send("GET", "/metrics", "", "").await.body;
    for series in DRAWN {
        assert!(page.lines().any(|line| line.starts_with(series)), "{series} in {page}");
    }
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        let known = |name: &str| page.contains(&format!("# TYPE {name} "));
        assert!(known(name) || family.is_some_and(known), "{line}");
    }
}

#[actix_web::test]
async fn every_series_that_an_alert_is_about_is_there() {
    let rest = Rest::with(|config: &mut Config| config.authenticate_prometheus = false).await;
    rest.test.hub.meters.show_disk(Some(50));
    rest.test.hub.meters.show(HashMap::new(), Some(Headroom::default()));
    rest.send("GET", "/", "", "").await;
    for phase in [Phase::Starting, Phase::Running] {
        let id: ServerId = "alice".parse().unwrap();
        rest.test.hub.metrics.moved(&ServerStatus { phase, ..ServerStatus::stopped(&id) });
    }
    let page = rest.send("GET", "/metrics", "", "").await.body;
    let rules = include_str!("../../docs/prometheus/hubgate-alerts.yml");
    let ours =
        |word: &&str| ["jupyterhub_", "hubgate_", "process_"].iter().any(|start| word.starts_with(start));
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let series: BTreeSet<&str> = words.filter(ours).collect();
    assert!(series.len() >= 8, "{series:?}");
    for name in series {
        let told = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(page.lines().any(told), "{name} in {page}");
    }
}

#[actix_web::test]
async fn the_hub_describes_its_own_operations() {
    let rest = Rest::new().await;
    let document = rest.json("GET", "/openapi.json", "", "").await;
    assert_eq!(document["openapi"], "3.1.0");
    let scopes = &document["paths"]["/users"]["get"]["security"];
    assert_eq!(scopes, &json!([{"oauth2": ["list:users"]}]));
    for (path, methods) in document["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let path = path.replace("{token_id}", "a1").replace('{', "x").replace('}', "");
            let answer = rest.send(&method.to_uppercase(), &path, "", "").await;
            let known = answer.status.as_u16() != 405
                && !serde_json::from_str::<Value>(&answer.body)
                    .is_ok_and(|body| body == json!({"status": 404, "message": null}));
            assert!(known, "{method} {path} is described but not there: {} {}", answer.status, answer.body);
        }
    }
}

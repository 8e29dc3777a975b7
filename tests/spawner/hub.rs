//! The hub flavour of servers: what they are told, and where their token never is.

use std::fs;

use hubgate_protocol::{ErrorCode, Phase, Response};

use crate::rig::{Plan, Rig, log_of};

const TOKEN: &str = "cafe0123cafe0123cafe0123cafe0123";

fn start(rig: &Rig, server: &str, token: &str) -> Response {
    rig.ask_json(&format!(r#"{{"op":"start","user":"alice","server":"{server}","token":"{token}"}}"#))
}

/// The command lines of all processes.
fn command_lines() -> String {
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok()).collect()
}

#[test]
fn a_server_with_a_token_is_told_where_the_hub_is_and_the_token_is_nowhere_else() {
    let rig = Plan::default().with("hub.api_url = \"http://127.0.0.1:9/x/hub/api\"").start();
    assert_eq!(start(&rig, "", TOKEN), Response::Done {});
    rig.wait_for("alice", Phase::Running);
    let env = &rig.look("alice")["env"];
    for (name, value) in [
        ("HUBGATE_FLAVOUR", "hub"),
        ("HUBGATE_INSTANCE", "alice"),
        ("JUPYTERHUB_API_TOKEN", TOKEN),
        ("JUPYTERHUB_API_URL", "http://127.0.0.1:9/x/hub/api"),
        ("JUPYTERHUB_CLIENT_ID", "jupyterhub-user-alice"),
        ("JUPYTERHUB_SERVICE_PREFIX", "/x/user/alice/"),
        ("JUPYTERHUB_USER", "alice"),
        ("LISTEN_FDS", "1"),
        ("USER", "alice"),
    ] {
        assert_eq!(env[name], value, "{name}");
    }
    let address = env["JUPYTERHUB_SERVICE_URL"].as_str().unwrap();
    assert!(
        address.starts_with("http+unix://%2F") && address.ends_with("%2Fs%2Falice.sock/x/user/alice/"),
        "{address}"
    );
    assert!(!log_of(&rig.dir).contains(TOKEN));
    assert!(!command_lines().contains(TOKEN));
}

#[test]
fn a_named_server_listens_under_a_name_that_nginx_can_read() {
    let rig = Rig::start();
    assert_eq!(start(&rig, "gpu", TOKEN), Response::Done {});
    let seen = rig.look("alice@gpu");
    assert_eq!(seen["env"]["HUBGATE_INSTANCE"], "alice:gpu");
    assert_eq!(seen["env"]["JUPYTERHUB_CLIENT_ID"], "jupyterhub-user-alice..gpu");
    assert!(!rig.server_socket("alice:gpu").exists());
    rig.done(r#"{"op":"stop","user":"alice","server":"gpu"}"#);
}

#[test]
fn a_start_without_a_token_leaves_nothing_of_the_last_one() {
    let rig = Rig::start();
    assert_eq!(start(&rig, "", TOKEN), Response::Done {});
    rig.wait_for("alice", Phase::Running);
    rig.done(r#"{"op":"stop","user":"alice"}"#);
    rig.wait_for("alice", Phase::Stopped);
    rig.run("alice");
    let seen = rig.look("alice");
    assert!(seen["env"].as_object().unwrap().keys().all(|name| !name.starts_with("JUPYTERHUB_")));
}

#[test]
fn what_is_no_token_is_refused_and_not_repeated() {
    let rig = Rig::start();
    for bad in ["short", "0123456789 ", "01234567\\nX=1", "01234567\\\"", &"0".repeat(129)] {
        let answer = start(&rig, "", bad);
        assert!(matches!(answer, Response::Error { error: ErrorCode::BadRequest, .. }), "{bad}: {answer:?}");
        assert!(!log_of(&rig.dir).contains(bad));
    }
    rig.assert_unharmed("bad tokens");
}

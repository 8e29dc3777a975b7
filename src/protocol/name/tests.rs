//! What is a name, what is none, and what stands for what.

use super::*;

#[test]
fn a_user_name_is_its_own_canonical_form() {
    for name in ["alice", "_svc1", "user.name", "a-b", "a_b", &"z".repeat(32)] {
        assert_eq!(name.parse::<Username>().unwrap().as_str(), name);
    }
}

#[test]
fn hostile_user_names_are_refused() {
    for name in [
        "",
        " ",
        "Alice",
        "0day",
        "1234",
        "-u",
        ".",
        "..",
        ".a",
        "a.",
        "a..b",
        "a/b",
        "a b",
        "a\n",
        "a$",
        "é",
        "a:b",
        "%i",
        "a@b",
        "a\\x2d",
        "a\0",
        &"a".repeat(33),
    ] {
        assert!(name.parse::<Username>().is_err(), "{name:?}");
    }
}

fn id(login: &str) -> String {
    login.parse::<LoginName>().unwrap().id().to_string()
}

#[test]
fn a_login_name_that_is_a_user_name_stands_for_itself() {
    for name in ["alice", "_svc1", "a.b", "a-b", "a_b", &"z".repeat(32)] {
        assert_eq!(id(name), name);
    }
}

#[test]
fn every_other_login_name_stands_for_a_user_of_its_own() {
    let long = "n".repeat(64);
    let ids: Vec<String> =
        ["A.B@x.cn", "a.b@x.cn", "张三", "張三", &long, "Alice", "id--x", "0day"].map(id).into();
    for (at, name) in ids.iter().enumerate() {
        assert!(name.parse::<Username>().unwrap().is_derived(), "{name}");
        assert!(!ids.iter().skip(at + 1).any(|other| other == name), "{name}");
    }
    assert!(ids[0].starts_with("id--abxcn-"), "{}", ids[0]);
    assert_eq!(id("张三").len(), "id--".len() + 16);
}

#[test]
fn hostile_login_names_are_refused() {
    for name in [
        "",
        " ",
        " alice",
        "-u",
        "+alice",
        ".",
        "..",
        "../root",
        "a/b",
        "CORP\\alice",
        "a:b",
        "a b",
        "a\nb",
        "a\tb",
        "a\u{1b}[31m",
        "ａlice",
        "a\u{200b}lice",
        "$(id)",
        "a;id",
        "%i",
        "*",
        "<b>",
        "{{7}}",
        "a%00",
        "'",
        &"a".repeat(256),
    ] {
        assert!(name.parse::<LoginName>().is_err(), "{name:?}");
    }
}

#[test]
fn hostile_server_names_are_refused() {
    for name in ["../x", "a/b", "a b", "a:b", "lab", "..", "-x", "é", "a\n", "\0", &"s".repeat(33)] {
        assert!(name.parse::<ServerName>().is_err(), "{name:?}");
    }
}

#[test]
fn an_instance_reads_back_as_the_server_it_names() {
    for instance in ["alice", "alice:gpu", "a-b", "a:b-c", "a-b:c", "user.name:Big_1"] {
        assert_eq!(instance.parse::<ServerId>().unwrap().to_string(), instance);
    }
    for instance in ["", ":", "alice:", ":gpu", "alice:gpu:x", "alice:lab"] {
        assert!(instance.parse::<ServerId>().is_err(), "{instance:?}");
    }
}

#[test]
fn the_socket_of_a_server_is_a_path_that_nginx_can_read_and_no_two_servers_share_one() {
    let socket = |instance: &str| instance.parse::<ServerId>().unwrap().socket_name();
    assert_eq!(socket("alice"), "alice.sock");
    assert_eq!(socket("alice:gpu"), "alice@gpu.sock");
    assert_ne!(socket("a-b:c"), socket("a:b-c"));
}

#[test]
fn an_oauth_client_belongs_to_one_server() {
    for instance in ["alice", "alice:gpu", "a--b", "a:-b", "a-:b", "a.b", "a:b"] {
        let Ok(server) = instance.parse::<ServerId>() else { continue };
        assert_eq!(ServerId::of_oauth_client(&server.oauth_client()), Some(server), "{instance}");
    }
    for client in ["", "service-x", "jupyterhub-user-", "jupyterhub-user-a..", "jupyterhub-user-..b"] {
        assert_eq!(ServerId::of_oauth_client(client), None, "{client}");
    }
}

#[test]
fn a_service_name_is_an_instance_and_a_path_segment() {
    for name in ["idle-culler", "a", "Whoami.2", "9_x", &"s".repeat(63)] {
        assert_eq!(name.parse::<ServiceName>().unwrap().as_str(), name);
    }
    for name in ["", ".", "..", "-x", "a/b", "a b", "a@b", "a~b", "a:b", "a%i", "é", "a\n", &"s".repeat(64)]
    {
        assert!(name.parse::<ServiceName>().is_err(), "{name:?}");
    }
}

#[test]
fn json_cannot_make_a_name_that_the_parser_refuses() {
    assert!(serde_json::from_str::<Username>("\"../root\"").is_err());
    assert!(serde_json::from_str::<Username>("7").is_err());
    assert!(serde_json::from_str::<ServerName>("\"lab\"").is_err());
}

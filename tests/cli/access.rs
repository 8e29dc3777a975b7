//! Who may come in: `hubgate why`, `hubgate user disable|enable|expire|confirm`, and the rule that `hubgate init` asks for.

use crate::support::{Instance, program, run_with};

/// The instance with the host's accounts.
fn pam(instance: &Instance, more: &str) {
    instance.configure(more);
    let text = std::fs::read_to_string(&instance.config).unwrap();
    let text = text.replace("authenticator = \"file\"", "authenticator = \"pam\"");
    std::fs::write(&instance.config, text).unwrap();
}

#[test]
fn every_rule_is_printed_and_the_one_that_decides_is_marked() {
    let instance = Instance::new();
    instance.configure(
        "blocked_users = [\"eve\"]\nallowed_users = [\"bob\", \"eve\"]\nallowed_groups = [\"physics\"]\n",
    );
    instance.add("ada");
    let why = |who: &[&str]| instance.run(&[&["why"], who].concat()).done();
    for (who, decides, verdict) in [
        (
            &["ada"][..],
            "user_file             yes  has a password in the user file  <- decides",
            "ada may come in: user_file",
        ),
        (
            &["bob"],
            "allowed_users         yes  named in allowed_users  <- decides",
            "bob may come in: allowed_users",
        ),
        (
            &["eve"],
            "blocked_users         no   named in blocked_users  <- decides",
            "eve may not come in: blocked_users",
        ),
        (
            &["kim"],
            "default               no   no rule lets this user in  <- decides",
            "kim may not come in: default",
        ),
        (
            &["kim", "--group", "physics"],
            "allowed_groups        yes  physics  <- decides",
            "kim may come in: allowed_groups",
        ),
        (
            &["张三"],
            "username_pattern      no   form of the login name  <- decides",
            "may not come in: username_pattern",
        ),
    ] {
        let text = why(who);
        assert!(text.contains(decides) && text.contains(verdict), "{who:?}: {text}");
        assert_eq!(text.lines().filter(|line| line.contains("<- decides")).count(), 1, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("allow")).count(), 4, "{text}");
    }
    assert!(instance.run(&["why", "a/b"]).failed().contains("cannot be a login name"));
}

#[test]
fn a_host_that_says_nothing_is_told_and_is_no_verdict() {
    let instance = Instance::new();
    pam(&instance, "allow_all = true\n");
    let text = instance.run(&["why", "bob"]).done();
    assert!(
        text.contains("the spawner does not answer") && text.contains("bob may come in: allow_all"),
        "{text}"
    );
}

#[test]
fn a_user_is_locked_out_and_let_in_and_expires() {
    let instance = Instance::new();
    instance.add("ada");
    let why = || instance.run(&["why", "ada"]).done();
    instance.run(&["user", "disable", "ada"]).done();
    assert!(why().contains("ada may not come in: disabled"));
    instance.run(&["user", "enable", "ada"]).done();
    assert!(why().contains("ada may come in"));
    assert!(instance.run(&["user", "expire", "ada", "2020-01-01"]).done().contains("2020-01-01T00:00:00Z"));
    assert!(why().contains("ada may not come in: expired"));
    instance.run(&["user", "expire", "ada"]).done();
    assert!(why().contains("ada may come in"));
    assert!(instance.run(&["user", "expire", "ada", "soon"]).failed().contains("is no date"));
    for command in ["disable", "enable", "expire", "confirm"] {
        assert!(instance.run(&["user", command, "nobody1"]).failed().contains("there is no user nobody1"));
    }
}

#[test]
fn another_account_of_a_name_is_confirmed_once() {
    let instance = Instance::new();
    instance.add("ada");
    assert!(instance.run(&["user", "confirm", "ada"]).failed().contains("nothing to confirm"));
    instance.estrange("ada");
    assert!(instance.run(&["why", "ada"]).done().contains("ada may not come in: recycled"));
    assert!(
        instance.run(&["user", "confirm", "ada"]).done().contains("tokens of the account before have ended")
    );
    assert!(instance.run(&["why", "ada"]).done().contains("ada may come in"));
}

#[test]
fn a_new_hub_gets_a_rule_or_says_that_nobody_comes_in() {
    for (arguments, line) in [
        (&["--allow-all"][..], "allow_all = true"),
        (&["--allow-group", "physics"], "allowed_groups = [\"physics\"]"),
        (&["--allow-user", "bob", "--allow-user", "eve"], "allowed_users = [\"bob\", \"eve\"]"),
        (&[], "allow_all = false"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let mut command = program();
        command.arg("init").arg("--root").arg(root.path()).args(["--admin", "ada"]).args(arguments);
        let run = run_with(&mut command, b"");
        let warned = run.err.contains("nobody but administrators can log in");
        run.done();
        let config = std::fs::read_to_string(root.path().join("etc/hubgate/hubgate.toml")).unwrap();
        assert!(config.lines().any(|found| found == line), "{arguments:?}");
        assert_eq!(warned, arguments.is_empty(), "{arguments:?}");
        let mut again = program();
        again.arg("init").arg("--root").arg(root.path()).args(["--admin", "ada", "--allow-all"]);
        assert!(run_with(&mut again, b"").failed().contains("say there who may come in"));
    }
}

#[test]
fn a_closed_hub_is_told_of_by_check() {
    let instance = Instance::new();
    for (more, part) in [
        ("", "nobody can log in"),
        ("admin_users = [\"ada\"]\n", "nobody but administrators"),
        ("allow_all = true\n", ""),
        ("allowed_groups = [\"physics\"]\n", ""),
    ] {
        pam(&instance, more);
        let run = instance.run(&["check"]);
        assert_eq!(run.err.contains("log in"), !part.is_empty(), "{run:?}");
        assert!(run.err.contains(part), "{run:?}");
        run.done();
    }
}

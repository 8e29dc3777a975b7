//! What an operator does on the command line is in the audit log, with the change itself: both or neither.

use hubgate::store::audit::{AuditQuery, list};

use crate::support::Instance;

/// What was done, the oldest first.
fn done(instance: &Instance) -> Vec<String> {
    let query = AuditQuery { limit: 100, ..AuditQuery::default() };
    let mut lines = instance.store().read(|c| list(c, &query)).unwrap();
    lines.reverse();
    let said = |line: &hubgate::store::audit::Line| {
        assert_eq!(line.actor, "operator");
        format!("{} {} {}", line.action, line.subject, line.details())
    };
    lines.iter().map(said).collect()
}

/// The command line, and the line that it leaves.
const ACTS: &[(&[&str], &str)] = &[
    (&["setup-link"], r#"link_made  {"of":"setup"}"#),
    (&["user", "disable", "ada"], r#"user_changed ada {"disabled":true}"#),
    (&["user", "enable", "ada"], r#"user_changed ada {"disabled":false}"#),
    (&["user", "expire", "ada", "2030-01-01"], r#"user_changed ada {"expires_at":"2030-01-01T00:00:00Z"}"#),
    (&["user", "expire", "ada"], r#"user_changed ada {"expires_at":null}"#),
    (&["user", "confirm", "ada"], r#"user_changed ada {"estranged":false}"#),
    (&["user", "reset", "ada"], "link_made ada {}"),
    (&["user", "reset-factor", "ada"], "factor_changed ada {}"),
    (&["token", "ada"], "token_made ada {}"),
    (&["user", "del", "ada"], "user_deleted ada {}"),
];

#[test]
fn every_act_of_the_operator_is_written_down_with_what_it_changed() {
    let instance = Instance::new();
    instance.add("ada");
    instance.estrange("ada");
    for (command, line) in ACTS {
        let before = done(&instance).len();
        instance.run(command).done();
        assert_eq!(done(&instance)[before..], [*line], "{command:?}");
    }
}

#[test]
fn a_list_leaves_a_line_for_everybody_whom_it_changes_and_one_that_is_refused_leaves_none() {
    let instance = Instance::new();
    instance.add("ada");
    let before = done(&instance).len();
    let list = instance.csv(b"user,groups\nada,\nmaria,physics\n");
    instance.run(&["user", "import", "--dry-run", &list]).done();
    assert_eq!(done(&instance).len(), before);
    instance.run(&["user", "import", &list]).done();
    assert_eq!(done(&instance)[before..], [r#"user_added maria {"list":"add maria: +group physics"}"#]);
    let bad = instance.csv(b"user\nroot\n");
    instance.run(&["user", "import", &bad]).failed();
    instance.run(&["user", "confirm", "maria"]).failed();
    assert_eq!(done(&instance).len(), before + 1);
}

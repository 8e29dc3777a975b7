//! `hubgate token`.

use hubgate::domain::scope::Owner;
use hubgate::state::tokens::hash;
use hubgate::store::tokens::{TokenRow, live};

use crate::support::Instance;

fn stored(instance: &Instance) -> Vec<TokenRow> {
    instance.store().read(|c| live(c, 0)).unwrap()
}

fn instance() -> Instance {
    let instance = Instance::new();
    instance.configure("[[load_roles]]\nname = \"reader\"\nscopes = [\"read:users\"]\nusers = [\"ada\"]\n");
    instance.add("ada");
    instance
}

#[test]
fn a_token_is_printed_alone_and_kept_as_a_hash() {
    let instance = instance();
    let out = instance.run(&["token", "ada"]).done();
    let text = out.strip_suffix('\n').unwrap();
    assert!(text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()), "{out}");
    let rows = stored(&instance);
    assert_eq!((rows.len(), rows[0].hash), (1, hash(text)));
    let new = &rows[0].new;
    assert_eq!(new.owner, Owner::User("ada".parse().unwrap()));
    assert_eq!((new.note.as_str(), new.expires_us), ("Generated at command line", None));
    assert_eq!(new.scopes.iter().map(ToString::to_string).collect::<Vec<_>>(), ["inherit"]);
}

#[test]
fn scopes_roles_an_end_and_a_note_are_taken() {
    let instance = instance();
    let words = [
        "token",
        "ada",
        "--scope",
        "servers!user=ada",
        "--role",
        "reader",
        "--expires-in",
        "60",
        "--note",
        "x y",
    ];
    instance.run(&words).done();
    let row = stored(&instance).remove(0);
    let scopes: Vec<_> = row.new.scopes.iter().map(ToString::to_string).collect();
    assert_eq!(scopes, ["servers!user=ada", "read:users"]);
    assert_eq!(row.new.note, "x y");
    let life_us = row.new.expires_us.unwrap() - row.created_us;
    assert!((0..=60_000_000).contains(&life_us), "{life_us}");
}

#[test]
fn what_the_user_may_not_do_and_what_is_not_there_is_refused() {
    let instance = instance();
    let refused = |words: &[&str]| {
        let told = instance.run(&[&["token"], words].concat()).failed();
        assert!(stored(&instance).is_empty(), "{told}");
        told
    };
    assert!(refused(&["eve"]).contains("there is no user eve"));
    assert!(refused(&["../x"]).contains("there is no user"));
    assert!(refused(&["ada", "--scope", "admin:users"]).contains("ada may not do that: admin:"));
    assert!(refused(&["ada", "--role", "admin"]).contains("may not do that"));
    assert!(refused(&["ada", "--scope", "nonsense"]).contains("does not exist"));
    assert!(refused(&["ada", "--role", "nobody"]).contains("there is no role nobody"));
    assert!(refused(&["ada", "--note", &"n".repeat(1024)]).contains("1023"));
    assert_eq!(instance.run(&["token", "ada", "--expires-in", "0"]).status, 2);
}

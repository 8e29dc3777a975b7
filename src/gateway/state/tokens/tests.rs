//! Tokens in memory.

use std::sync::atomic::AtomicI64;

use super::*;

fn row(id: i64, text: &str, owner: &str) -> TokenRow {
    let new = NewToken {
        owner: Owner::User(owner.parse().unwrap()),
        client: None,
        server: None,
        session_id: None,
        expires_us: Some(100_000_000),
        note: String::new(),
        scopes: Vec::new(),
    };
    TokenRow { id, hash: hash(text), new, created_us: 0, last_activity_us: None, imported: None }
}

struct Rig {
    tokens: Tokens,
    now_s: Arc<AtomicI64>,
    activity: Arc<Activity>,
}

fn rig() -> Rig {
    let (now_s, activity) = (Arc::new(AtomicI64::new(1)), Arc::new(Activity::default()));
    Rig { tokens: Tokens::new(Clock::Fixed(now_s.clone()), activity.clone()), now_s, activity }
}

#[test]
fn a_token_is_found_by_its_text_until_it_expires() {
    let rig = rig();
    rig.tokens.insert(row(1, "text", "ada"));
    assert_eq!(rig.tokens.find("text").unwrap().id, 1);
    assert!(rig.tokens.find("").is_none() && rig.tokens.find(&"t".repeat(200)).is_none());
    assert_eq!(rig.tokens.of(&Owner::User("ada".parse().unwrap())).len(), 1);
    rig.now_s.store(100, Ordering::Relaxed);
    assert!(rig.tokens.find("text").is_none() && rig.tokens.by_id(1).is_none());
    rig.tokens.forget_expired();
    assert_eq!(rig.tokens.count(), 0);
}

#[test]
fn a_use_is_noted_once_a_second_for_token_and_owner_and_not_for_servers() {
    let rig = rig();
    rig.tokens.insert(row(1, "a", "ada"));
    let mut own = row(2, "s", "bob");
    own.new.server = Some("bob".parse().unwrap());
    rig.tokens.insert(own);
    for text in ["a", "a", "s"] {
        assert!(rig.tokens.find(text).is_some());
    }
    assert_eq!(rig.tokens.take_used(), [(1, 1_000_000), (2, 1_000_000)]);
    assert!(rig.tokens.find("a").is_some());
    assert!(rig.tokens.take_used().is_empty());
    assert_eq!(rig.activity.take().users, [("ada".parse().unwrap(), 1_000_000)]);
}

#[test]
fn an_ended_token_does_not_come_back_while_the_database_still_has_it() {
    let rig = rig();
    rig.tokens.insert(row(1, "a", "ada"));
    rig.tokens.end(&[1]);
    for _ in 0..2 {
        rig.tokens.replace(vec![row(1, "a", "ada"), row(2, "b", "ada")]);
        assert!(rig.tokens.find("a").is_none() && rig.tokens.find("b").is_some());
    }
    rig.tokens.replace(vec![row(2, "b", "ada")]);
    assert_eq!(rig.tokens.count(), 1);
}

#[test]
fn a_reload_forgets_no_use() {
    let rig = rig();
    rig.tokens.insert(row(1, "a", "ada"));
    assert!(rig.tokens.find("a").is_some());
    rig.tokens.replace(vec![row(1, "a", "ada")]);
    assert_eq!(rig.tokens.by_id(1).unwrap().last_activity_us(), Some(1_000_000));
    assert_eq!(rig.tokens.take_used(), [(1, 1_000_000)]);
}

#[test]
fn texts_are_random_and_64_digits() {
    let (a, b) = (random().unwrap(), random().unwrap());
    assert_ne!(a.expose(), b.expose());
    assert!(a.expose().len() == 64 && a.expose().bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn a_token_of_jupyterhub_is_found_by_its_text_and_never_by_its_hash() {
    let (text, rig) = ("0123456789abcdef0123456789abcdef", rig());
    let mut sha = openssl::sha::Sha512::new();
    sha.update(b"salt");
    sha.update(text.as_bytes());
    let digest: String = sha.finish().iter().map(|byte| format!("{byte:02x}")).collect();
    let kept = format!("0123:sha512:1:salt:{digest}");
    let imported = || Some(kept.parse().unwrap());
    rig.tokens.insert(TokenRow { imported: imported(), ..row(7, &kept, "ada") });
    rig.tokens.insert(row(1, "0123 of ours", "ada"));
    assert_eq!((rig.tokens.find(text).unwrap().id, rig.tokens.find("0123 of ours").unwrap().id), (7, 1));
    for wrong in [kept.as_str(), &digest, "0123", "0123456789abcdef0123456789abcdee"] {
        assert!(rig.tokens.find(wrong).is_none(), "{wrong}");
    }
    rig.tokens.replace(vec![TokenRow { imported: imported(), ..row(7, &kept, "ada") }]);
    assert_eq!(rig.tokens.find(text).unwrap().id, 7);
    rig.tokens.end(&[7]);
    assert!(rig.tokens.find(text).is_none());
}

//! What an identity provider says of somebody, as JSON: which of it is the login name, and which are groups.

use serde_json::{Map, Value};

/// Most groups that are looked at.
const GROUPS_MAX: usize = 1000;
/// Longest name of a group or of a person, bytes.
const TEXT_MAX: usize = 255;

/// Why claims give no login name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unusable {
    /// The claim is not there, or is no text.
    Missing,
    /// The claim is the address of a mailbox that nobody has checked.
    Unverified,
}

/// A claim by its name; where none has that name, dots lead inside.
fn claim<'c>(claims: &'c Map<String, Value>, name: &str) -> Option<&'c Value> {
    claims.get(name).or_else(|| {
        let (first, rest) = name.split_once('.')?;
        claim(claims.get(first)?.as_object()?, rest)
    })
}

/// The login name.
///
/// # Errors
/// See [`Unusable`].
pub fn login_name<'c>(claims: &'c Map<String, Value>, name: &str) -> Result<&'c str, Unusable> {
    let text = claim(claims, name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = text.ok_or(Unusable::Missing)?;
    let verified = claims.get("email_verified").is_some_and(|says| says == true || says == "true");
    if name == "email" && !verified { Err(Unusable::Unverified) } else { Ok(text) }
}

/// The groups: a list of texts, or one text. Whatever else stands there is no group.
#[must_use]
pub fn groups(claims: &Map<String, Value>, name: &str) -> Vec<String> {
    let found = match claim(claims, name) {
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let usable =
        |group: &&str| !group.is_empty() && group.len() <= TEXT_MAX && !group.chars().any(char::is_control);
    found.into_iter().filter(usable).take(GROUPS_MAX).map(str::to_owned).collect()
}

/// What people call this person.
#[must_use]
pub fn display_name(claims: &Map<String, Value>) -> Option<String> {
    let name = claims.get("name").and_then(Value::as_str)?.trim();
    let usable = !name.is_empty() && name.len() <= TEXT_MAX && !name.chars().any(char::is_control);
    usable.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_claim_that_was_asked_for_is_the_name() {
        let claims =
            object(json!({"sub": "1", "preferred_username": "ada", "n": 5, "e": "", "x": {"y": "z"}}));
        assert_eq!(login_name(&claims, "preferred_username"), Ok("ada"));
        assert_eq!(login_name(&claims, "x.y"), Ok("z"));
        for missing in ["nickname", "n", "e", "x", "x.", ".", "sub.x"] {
            assert_eq!(login_name(&claims, missing), Err(Unusable::Missing), "{missing}");
        }
    }

    #[test]
    fn an_address_counts_only_when_the_provider_has_checked_it() {
        for (verified, holds) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("yes"), false),
            (json!(1), false),
            (Value::Null, false),
        ] {
            let claims = object(json!({"email": "ada@x.org", "email_verified": verified}));
            assert_eq!(login_name(&claims, "email").is_ok(), holds, "{verified}");
        }
        assert_eq!(login_name(&object(json!({"email": "a@x"})), "email"), Err(Unusable::Unverified));
    }

    #[test]
    fn groups_are_texts_wherever_the_provider_keeps_them() {
        let claims = object(json!({
            "groups": ["physics", 7, "", "a\nb", {"x": 1}, "/top/sub"], "one": "staff",
            "realm_access": {"roles": ["r1"]}, "https://x.org/roles": ["dotted"],
        }));
        assert_eq!(groups(&claims, "groups"), ["physics", "/top/sub"]);
        assert_eq!(groups(&claims, "one"), ["staff"]);
        assert_eq!(groups(&claims, "realm_access.roles"), ["r1"]);
        assert_eq!(groups(&claims, "https://x.org/roles"), ["dotted"]);
        assert!(groups(&claims, "").is_empty() && groups(&claims, "nothing").is_empty());
        let many = object(json!({"groups": vec!["g"; 5000]}));
        assert_eq!(groups(&many, "groups").len(), GROUPS_MAX);
    }

    #[test]
    fn a_display_name_is_one_line() {
        assert_eq!(display_name(&object(json!({"name": " Ada L. "}))).as_deref(), Some("Ada L."));
        for bad in [json!({}), json!({"name": "a\nb"}), json!({"name": "x".repeat(256)}), json!({"name": 1})]
        {
            assert_eq!(display_name(&object(bad)), None);
        }
    }
}

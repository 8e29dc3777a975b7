//! The catalogue is whole: every text in every language, each with the same things put into it, each used, none missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use actix_web::http::header::AcceptLanguage;
use fluent_syntax::ast::{Entry, Expression, InlineExpression, Pattern, PatternElement};
use fluent_syntax::parser::parse;

use super::catalogue::files;
use super::{Language, Message, keys};

/// The texts of a language: key and what is put into it, terms of the catalogue among it (`-term`).
fn texts(language: Language) -> BTreeMap<String, BTreeSet<String>> {
    let (mut found, mut terms) = (BTreeMap::new(), BTreeSet::new());
    for (name, text) in files(language) {
        let resource = parse(text.as_str()).unwrap_or_else(|(_, errors)| panic!("{name}: {errors:?}"));
        for entry in resource.body {
            let message = match entry {
                Entry::Message(message) => message,
                Entry::Term(term) => {
                    terms.insert(format!("-{}", term.id.name));
                    continue;
                }
                _ => continue,
            };
            let mut values = BTreeSet::new();
            put_into(
                &message.value.unwrap_or_else(|| panic!("{name}: {} says nothing", message.id.name)),
                &mut values,
            );
            let twice = found.insert(message.id.name.to_owned(), values);
            assert!(twice.is_none(), "{}: {name} has {} once more", language.tag(), message.id.name);
        }
    }
    let used: BTreeSet<String> =
        found.values().flatten().filter(|name| name.starts_with('-')).cloned().collect();
    assert_eq!(terms, used, "{}: terms that there are, and that are used", language.tag());
    found
}

fn put_into(pattern: &Pattern<&str>, values: &mut BTreeSet<String>) {
    for element in &pattern.elements {
        let PatternElement::Placeable { expression } = element else { continue };
        match expression {
            Expression::Inline(inline) => named(inline, values),
            Expression::Select { selector, variants } => {
                named(selector, values);
                variants.iter().for_each(|variant| put_into(&variant.value, values));
            }
        }
    }
}

fn named(inline: &InlineExpression<&str>, values: &mut BTreeSet<String>) {
    match inline {
        InlineExpression::VariableReference { id } => values.insert(id.name.to_owned()),
        InlineExpression::TermReference { id, .. } => values.insert(format!("-{}", id.name)),
        _ => false,
    };
}

/// All texts of our sources that look like keys of the catalogue: `"a-b"`, between quotes.
fn quoted(folder: &Path, into: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let ours = ["rs", "html"].iter().any(|ending| entry.extension().is_some_and(|is| is == *ending));
        if entry.is_dir() {
            quoted(&entry, into);
        } else if ours {
            into.extend(std::fs::read_to_string(&entry).unwrap().split('"').map(str::to_owned));
        }
    }
}

/// The keys that templates ask for.
fn asked(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = std::fs::read_to_string(&entry).unwrap();
        for way in ["frame.t(\"", "frame.put(\"", "frame.count(\""] {
            found
                .extend(text.split(way).skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
    found
}

fn sources() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_text_is_there_in_every_language_with_the_same_things_put_into_it() {
    let english = texts(Language::English);
    assert!(english.len() > 3);
    for language in Language::ALL {
        let other = texts(language);
        let missing: Vec<_> = english.keys().filter(|key| !other.contains_key(*key)).collect();
        let more: Vec<_> = other.keys().filter(|key| !english.contains_key(*key)).collect();
        assert!(
            missing.is_empty() && more.is_empty(),
            "{}: missing {missing:?}, too many {more:?}",
            language.tag()
        );
        for (key, values) in &english {
            assert_eq!(Some(values), other.get(key), "{}: {key}", language.tag());
        }
        assert_eq!(keys(language), other.keys().cloned().collect());
    }
}

#[test]
fn every_text_that_is_asked_for_is_there_and_every_text_is_used() {
    let english: BTreeSet<String> = texts(Language::English).into_keys().collect();
    let missing: Vec<_> = asked(&sources().join("templates")).difference(&english).cloned().collect();
    assert!(missing.is_empty(), "templates ask for {missing:?}");
    let mut used = BTreeSet::new();
    quoted(sources(), &mut used);
    let idle: Vec<_> = english.difference(&used).collect();
    assert!(idle.is_empty(), "nobody says {idle:?}");
}

#[test]
fn a_message_that_is_made_in_the_code_is_in_the_catalogue() {
    let english: BTreeSet<String> = texts(Language::English).into_keys().collect();
    fn look(folder: &Path, english: &BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                look(&entry, english);
            } else if entry.extension().is_some_and(|is| is == "rs") && !entry.ends_with("words/tests.rs") {
                let text = std::fs::read_to_string(&entry).unwrap();
                for key in text.split("Message::new(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                    assert!(english.contains(key), "{}: there is no text {key}", entry.display());
                }
            }
        }
    }
    look(sources(), &english);
}

#[test]
fn what_is_put_into_a_text_stands_there_as_it_is() {
    let message = Message::new("error-reference").with("reference", "<b>{ $x }");
    assert!(message.in_language(Language::English).contains("<b>{ $x }"));
    assert!(message.in_language(Language::Chinese).contains("<b>{ $x }"));
}

#[test]
fn the_first_language_that_we_speak_is_taken() {
    for (header, language) in [
        ("zh-CN,zh;q=0.9,en;q=0.8", Some(Language::Chinese)),
        ("zh-TW", Some(Language::Chinese)),
        ("en-GB,zh;q=0.5", Some(Language::English)),
        ("fr,zh;q=0.5,en;q=0.3", Some(Language::Chinese)),
        ("en;q=0.2,zh;q=0.9", Some(Language::Chinese)),
        ("fr", None),
        ("*", Some(Language::English)),
    ] {
        use actix_web::http::header::Header;
        let request = actix_web::test::TestRequest::default()
            .insert_header(("accept-language", header))
            .to_http_request();
        let accepted = AcceptLanguage::parse(&request).unwrap();
        assert_eq!(Language::of_browser(&accepted), language, "{header}");
    }
}

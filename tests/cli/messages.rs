//! docs/MESSAGES.md: every message that gateway and spawner write to the journal has its row there, every row its message.

use std::collections::{BTreeMap, BTreeSet};

use syn::punctuated::Punctuated;
use syn::visit::Visit;

use crate::project::{root, sources, text};

/// Macros that write what an administrator reads.
const LOGS: [&str; 3] = ["error", "warn", "info"];

/// Messages whose words come from elsewhere: file, what is left of the message, and why.
const PASSED_ON: [(&str, &str, &str); 4] = [
    ("src/gateway/app.rs", "…", "sentences about the configuration, see below"),
    (
        "src/gateway/state/authenticate.rs",
        "…",
        "the line of a failed login, whose form is a promise, see below",
    ),
    ("src/gateway/state/authenticate.rs", "… refused=…", "that of tries that were not made, see below"),
    ("src/spawner/args.rs", "…", "why the spawner cannot begin: sentences with place and remedy"),
];

/// What is passed on: message, level, and the file with the text that the message begins with.
const MADE_ELSEWHERE: [(&str, &str, &str, &str); 5] = [
    (
        "nobody can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml",
        "warn",
        "src/gateway/state/admission.rs",
        "nobody can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml",
    ),
    (
        "nobody but administrators can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml",
        "warn",
        "src/gateway/state/admission.rs",
        "nobody but administrators can log in: set allow_all, allowed_users or allowed_groups in hubgate.toml",
    ),
    ("logo_file: …", "warn", "src/gateway/state/appearance.rs", "logo_file: …"),
    (
        "login failed from=… user=… reason=…",
        "warn",
        "src/gateway/domain/request_log.rs",
        "login failed from=… user=… reason=…",
    ),
    (
        "login throttled from=… user=… refused=…",
        "warn",
        "src/gateway/domain/request_log.rs",
        "login throttled from=… user=…",
    ),
];

/// Messages, each with the levels that it has.
type Messages = BTreeMap<String, BTreeSet<String>>;

/// What a file says, but for its tests.
#[derive(Default)]
struct Found {
    /// Level and message of each macro that logs.
    messages: Vec<(String, String)>,
    /// Every text of the code.
    texts: Vec<String>,
}

impl<'ast> Visit<'ast> for Found {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.texts.push(shown(&text.value()));
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let name = item.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let logs = LOGS.contains(&name.as_str());
        let parsed = item.parse_body_with(Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated);
        let Ok(arguments) = parsed else {
            let body: String = item.tokens.to_string().split_whitespace().collect();
            let hidden = LOGS.iter().any(|log| body.contains(&format!("{log}!(")));
            assert!(!logs && !hidden, "{name}! holds a message that this test cannot read: {body}");
            return;
        };
        if logs {
            let message = arguments.iter().find_map(literal);
            let message = message.unwrap_or_else(|| panic!("{name}! has no text of its own"));
            self.messages.push((name, shown(&message)));
        }
        arguments.iter().for_each(|argument| self.visit_expr(argument));
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

fn literal(argument: &syn::Expr) -> Option<String> {
    match argument {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}

/// A format as the page shows it: `…` where something is put in.
fn shown(format: &str) -> String {
    let mut text = String::new();
    let mut signs = format.chars().peekable();
    while let Some(sign) = signs.next() {
        match sign {
            '{' | '}' if signs.peek() == Some(&sign) => {
                let _second = signs.next();
                text.push(sign);
            }
            '{' => {
                let _end = signs.find(|sign| *sign == '}');
                text.push('…');
            }
            _ => text.push(sign),
        }
    }
    text
}

fn found(code: &str) -> Found {
    let mut found = Found::default();
    found.visit_file(&syn::parse_file(code).unwrap());
    found
}

/// What the sources say, by file.
fn code() -> BTreeMap<String, Found> {
    let root = root();
    let all = sources(&["src/gateway", "src/spawner"], ".rs").into_iter();
    all.map(|(path, code)| (path.strip_prefix(&root).unwrap().display().to_string(), found(&code))).collect()
}

/// Every message that can be written.
fn written() -> Messages {
    let mut written = Messages::new();
    for (place, found) in code() {
        for (level, message) in found.messages {
            if !PASSED_ON.iter().any(|(file, left, _)| (*file, *left) == (place.as_str(), message.as_str())) {
                written.entry(message).or_default().insert(level);
            }
        }
    }
    for (message, level, _, _) in MADE_ELSEWHERE {
        written.entry(message.to_owned()).or_default().insert(level.to_owned());
    }
    written
}

/// Every message that the page explains. Those of one row have the same levels.
fn explained() -> Messages {
    let mut explained = Messages::new();
    for line in text("docs/MESSAGES.md").lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "not four cells: {line}");
        let levels: BTreeSet<String> = cells[1].split(", ").map(str::to_owned).collect();
        for message in cells[0].split('`').skip(1).step_by(2) {
            let before = explained.insert(message.to_owned(), levels.clone());
            assert!(before.is_none(), "explained twice: {message}");
        }
    }
    explained
}

/// Those of the first that the second does not have with the same levels, a line each.
fn missing(all: &Messages, from: &Messages) -> String {
    let not_there = |(message, levels): &(&String, &BTreeSet<String>)| from.get(*message) != Some(*levels);
    let line = |(message, levels): (&String, &BTreeSet<String>)| {
        format!("{message} ({})", levels.iter().map(String::as_str).collect::<Vec<_>>().join(", "))
    };
    all.iter().filter(not_there).map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_message_of_the_journal_is_explained() {
    let written = written();
    assert!(written.len() > 200, "the question is asked in the wrong way");
    let missing = missing(&written, &explained());
    assert!(missing.is_empty(), "docs/MESSAGES.md has no row with this message and level:\n{missing}");
}

#[test]
fn every_message_that_is_explained_can_be_written() {
    let stale = missing(&explained(), &written());
    assert!(stale.is_empty(), "the sources have no such message of this level:\n{stale}");
}

#[test]
fn messages_that_are_passed_on_stand_where_they_are_made() {
    let code = code();
    for (file, left, why) in PASSED_ON {
        let said = &code[file].messages;
        assert!(said.iter().any(|(_, message)| message == left), "{file} does not say {left:?} ({why})");
    }
    for (message, _, file, beginning) in MADE_ELSEWHERE {
        let stands = code[file].texts.iter().any(|text| text == beginning);
        assert!(stands && message.starts_with(beginning), "{file} has no text {beginning:?}");
    }
}

#[test]
fn messages_are_found_however_they_are_written_but_in_tests() {
    let code = r#"
        fn one() { warn!("a {} b={name:?} {{c}}", list(|x| log::info!("inner {x}"))); }
        fn other() -> bool { ask().map_err(|error| log::error!("broken: {error}")).is_ok() }
        fn third() { debug!("not this one"); let _ = format!("nor {this}"); }
        #[cfg(test)] mod tests { fn fourth() { warn!("nor that"); } }
    "#;
    let found = found(code);
    let messages: Vec<(&str, &str)> =
        found.messages.iter().map(|(level, message)| (level.as_str(), message.as_str())).collect();
    assert_eq!(messages, [("warn", "a … b=… {c}"), ("info", "inner …"), ("error", "broken: …")]);
    assert!(found.texts.contains(&"nor …".to_owned()));
}

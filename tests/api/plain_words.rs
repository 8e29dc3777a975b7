//! What people read stands in the catalogue: no English sentence is left in the code that makes pages.

use std::path::{Path, PathBuf};

use syn::punctuated::Punctuated;
use syn::visit::Visit;

/// The rooms whose answers people read.
const ROOMS: [&str; 3] = ["pages", "extract", "check"];
/// The administrators' rooms, whose refusals are those of the API and in its English.
const ADMIN: &str = "pages/admin/";
/// What is kept in the database as JupyterHub keeps it: the note of a token that has none.
const KEPT: &str = "Requested via token page";
/// Macros that write to the log.
const LOGS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];

/// The sentences of a file, but for its logs, its documentation and its tests.
#[derive(Default)]
struct Sentences(Vec<String>);

/// Words with a space between them, the first with a capital: `Log in first.`
fn is_sentence(text: &str) -> bool {
    let mut words = text.split_whitespace();
    let begins = words.next().is_some_and(|word| {
        word.starts_with(|first: char| first.is_ascii_uppercase())
            && word.chars().all(|sign| sign.is_ascii_alphabetic() || sign == '\'' || sign == ',')
    });
    let goes_on = words.next().is_some_and(|word| word.starts_with(|first: char| first.is_ascii_lowercase()));
    begins && goes_on
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Sentences {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        if is_sentence(&text.value()) && text.value() != KEPT {
            self.0.push(text.value());
        }
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        let name = item.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
        let arguments = item.parse_body_with(Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated);
        if let (false, Ok(arguments)) = (LOGS.contains(&name.as_str()), arguments) {
            arguments.iter().for_each(|argument| self.visit_expr(argument));
        }
    }
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, into);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            into.push(entry);
        }
    }
}

fn sentences(code: &str) -> Vec<String> {
    let mut found = Sentences::default();
    found.visit_file(&syn::parse_file(code).unwrap());
    found.0
}

#[test]
fn no_english_sentence_is_left_where_pages_are_made() {
    let mut files = Vec::new();
    for room in ROOMS {
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(room), &mut files);
    }
    files.retain(|file| !file.to_string_lossy().contains(ADMIN));
    assert!(files.len() > 20);
    let mut left = Vec::new();
    for file in files {
        let found = sentences(&std::fs::read_to_string(&file).unwrap());
        left.extend(found.into_iter().map(|sentence| format!("{}: {sentence}", file.display())));
    }
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn sentences_are_found_but_in_logs_and_tests() {
    let code = r#"
        /// Not this one.
        fn page() { let _ = ("Log in first.", format!("You have {n} left"), "Log", "log-in first"); }
        fn log() { warn!("This is for the log"); }
        #[cfg(test)] mod tests { const SAID: &str = "Not this one"; }
    "#;
    assert_eq!(sentences(code), ["Log in first.", "You have {n} left"]);
}

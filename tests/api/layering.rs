//! The rooms of the gateway and who may use whom: the imports of every file, read and compared with the table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::Visit;

/// Each room may use the rooms before it. Rooms of one row may use each other.
const ROWS: [&[&str]; 11] = [
    &["domain", "clock", "files", "words"],
    &["config"],
    &["password", "cert"],
    &["store", "spawn"],
    &["state"],
    &["answer"],
    &["extract"],
    &["check", "api", "oauth", "pages", "tasks"],
    &["app"],
    &["cli"],
    &["main"],
];

#[derive(Default)]
struct Imports(Vec<String>);

impl<'ast> Visit<'ast> for Imports {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        roots(&item.tree, &mut self.0);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate") {
            self.0.extend(segments.next().map(|room| room.ident.to_string()));
        }
        syn::visit::visit_path(self, path);
    }
}

/// `use crate::a::b` and `use crate::{a, b}` alike.
fn roots(tree: &syn::UseTree, found: &mut Vec<String>) {
    let syn::UseTree::Path(path) = tree else { return };
    if path.ident != "crate" {
        return;
    }
    let all: &mut dyn Iterator<Item = &syn::UseTree> = match &*path.tree {
        syn::UseTree::Group(group) => &mut group.items.iter(),
        one => &mut std::iter::once(one),
    };
    for item in all {
        match item {
            syn::UseTree::Path(room) => found.push(room.ident.to_string()),
            syn::UseTree::Name(room) => found.push(room.ident.to_string()),
            _ => {}
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

fn room_of(root: &Path, file: &Path) -> String {
    let first = file.strip_prefix(root).unwrap().components().next().unwrap();
    first.as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

#[test]
fn every_room_uses_only_the_rooms_below_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let row: BTreeMap<&str, usize> =
        ROWS.iter().enumerate().flat_map(|(at, rooms)| rooms.iter().map(move |room| (*room, at))).collect();
    let mut files = Vec::new();
    sources(root, &mut files);
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| !file.ends_with("lib.rs")) {
        let room = room_of(root, file);
        let own =
            *row.get(room.as_str()).unwrap_or_else(|| panic!("{room} has no row in the table of layers"));
        let mut imports = Imports::default();
        imports.visit_file(&syn::parse_file(&std::fs::read_to_string(file).unwrap()).unwrap());
        for used in imports.0 {
            let below =
                *row.get(used.as_str()).unwrap_or_else(|| panic!("{used} has no row in the table of layers"));
            if below > own {
                wrong.push(format!("{} uses {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(files.len() > 30, "the reader found only {} files", files.len());
}

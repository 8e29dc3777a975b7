//! Every crate that is named in a Cargo.toml has its reason in docs/decisions/dependencies.md.

use std::path::Path;

#[test]
fn every_crate_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let reasons = std::fs::read_to_string(root.join("docs/decisions/dependencies.md")).unwrap();
    let words: Vec<&str> =
        reasons.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '_' | '-')).collect();
    for package in ["protocol", "gateway", "spawner"] {
        let manifest = std::fs::read_to_string(root.join("src").join(package).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&manifest).unwrap();
        let tables =
            ["dependencies", "dev-dependencies"].iter().filter_map(|name| manifest.get(*name)?.as_table());
        for name in tables.flat_map(|table| table.keys()).filter(|name| *name != "hubgate-protocol") {
            assert!(words.contains(&name.as_str()), "{package}: {name} has no reason");
        }
    }
}

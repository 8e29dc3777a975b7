//! The embedded files of the pages. Their addresses hold a hash of their content, so that browsers keep them for ever.

use std::fmt::Write;

use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// `HASH/NAME` of an embedded file; the name alone when there is no such file.
#[must_use]
pub fn address(name: &str) -> String {
    match Files::get(name) {
        Some(file) => format!("{}/{name}", short_hash(&file)),
        None => name.to_owned(),
    }
}

/// The file behind `HASH/NAME`, with its media type. The hash must be the current one.
#[must_use]
pub fn find(address: &str) -> Option<(Vec<u8>, &'static str)> {
    let (hash, name) = address.split_once('/')?;
    let file = Files::get(name).filter(|file| short_hash(file) == hash)?;
    let media = match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Some((file.data.into_owned(), media))
}

fn short_hash(file: &EmbeddedFile) -> String {
    file.metadata.sha256_hash().iter().take(6).fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_under_its_own_address_only() {
        let address = address("style.css");
        assert!(find(&address).unwrap().1.starts_with("text/css"));
        assert!(find("000000000000/style.css").is_none());
        assert!(find("style.css").is_none());
        assert!(find("../lib.rs").is_none());
    }
}

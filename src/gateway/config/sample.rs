//! The printed sample: each key below its explanation.

use super::value::Value;

/// Top of the sample.
pub(super) const INTRODUCTION: &str = "\
# hubgate.toml: configuration of the gateway.
# Every key is shown with its default and can be left out. `hubgate check` says what is wrong, with file and line.
";

/// Adds one key.
pub(super) fn push<T: Value>(text: &mut String, meaning: &[&str], key: &str, value: &T) {
    text.push('\n');
    for line in meaning {
        text.push('#');
        text.push_str(line);
        text.push('\n');
    }
    text.push_str(key);
    text.push_str(" = ");
    text.push_str(&value.to_toml());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Config, read};

    #[test]
    fn the_sample_is_the_default_and_holds_every_key() {
        let sample = Config::sample();
        assert_eq!(read::parse(Path::new("sample"), &sample).unwrap(), Config::default());
        for key in Config::KEYS {
            assert_eq!(sample.matches(&format!("\n{key} = ")).count(), 1, "{key}");
        }
    }

    #[test]
    fn the_sample_in_the_documentation_is_the_printed_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hubgate.toml");
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(kept, Config::sample(), "run: cargo run -p hubgate -- config > docs/hubgate.toml");
    }
}

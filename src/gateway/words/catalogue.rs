//! The texts of all languages, read when somebody first needs that language.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use log::error;
use rust_embed::RustEmbed;

use super::{Language, Value};

#[derive(RustEmbed)]
#[folder = "locales/"]
struct Files;

type Bundle = FluentBundle<FluentResource>;

static ENGLISH: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::English));
static CHINESE: LazyLock<Bundle> = LazyLock::new(|| bundle(Language::Chinese));

fn bundle_of(language: Language) -> &'static Bundle {
    match language {
        Language::English => &ENGLISH,
        Language::Chinese => &CHINESE,
    }
}

/// Texts of the files of one language: the name of the file without folder, its content.
pub(super) fn files(language: Language) -> impl Iterator<Item = (String, String)> {
    Files::iter().filter_map(move |path| {
        let name = path.strip_prefix(language.tag())?.strip_prefix('/')?.to_owned();
        let text = String::from_utf8(Files::get(&path)?.data.into_owned()).ok()?;
        Some((name, text))
    })
}

fn bundle(language: Language) -> Bundle {
    let mut bundle = Bundle::new_concurrent(language.tag().parse().into_iter().collect());
    // What is put into a text is a name or a number; the marks around it would be copied along with it.
    bundle.set_use_isolating(false);
    for (name, text) in files(language) {
        let resource = FluentResource::try_new(text).unwrap_or_else(|(read, errors)| {
            error!("{}/{name}: {errors:?}", language.tag());
            read
        });
        if let Err(errors) = bundle.add_resource(resource) {
            error!("{}/{name}: {errors:?}", language.tag());
        }
    }
    bundle
}

/// The words of a key; the key itself where there are none, which a test makes sure does not happen.
pub(super) fn say(language: Language, key: &str, values: &[(&'static str, Value)]) -> String {
    let bundle = bundle_of(language);
    let Some(pattern) = bundle.get_message(key).and_then(|message| message.value()) else {
        error!("there is no text {key:?} in {}", language.tag());
        return key.to_owned();
    };
    let args: FluentArgs<'_> = values
        .iter()
        .map(|(name, value)| match value {
            Value::Text(text) => (*name, FluentValue::from(text.as_str())),
            Value::Number(number) => (*name, FluentValue::from(*number)),
            Value::Message(message) => (*name, FluentValue::from(message.in_language(language))),
        })
        .collect();
    let mut errors = Vec::new();
    let words = bundle.format_pattern(pattern, Some(&args), &mut errors).into_owned();
    for fault in errors {
        error!("text {key:?} in {}: {fault}", language.tag());
    }
    words
}

/// The keys of a language, sorted.
#[must_use]
pub fn keys(language: Language) -> BTreeSet<String> {
    let bare = |line: &str| line.split_once(" =").map(|(key, _)| key.to_owned());
    let starts = |line: &&str| line.starts_with(|first: char| first.is_ascii_lowercase());
    files(language)
        .flat_map(|(_, text)| text.lines().filter(starts).filter_map(bare).collect::<Vec<_>>())
        .collect()
}

//! The options of a start, as a form or a query gives them.

use serde_json::{Map, Value};

use crate::domain::form::Form;

/// Fields that are never options.
const NOT_OPTIONS: [&str; 4] = ["_xsrf", "next", "display_name", "server"];
/// What an option may begin with, where a page has other parameters too.
const PREFIX: &str = "opt-";

/// The options in a form: those with the prefix `opt-` where there are any, else every field that has no meaning of its own.
/// Values are lists of texts, as JupyterHub's `options_from_form` gets them. `None` where there are none.
#[must_use]
pub fn of(form: &Form) -> Option<Map<String, Value>> {
    let listed = |value: &str| Value::Array(vec![Value::String(value.to_owned())]);
    let marked: Map<String, Value> = form
        .fields()
        .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), listed(value))))
        .collect();
    let plain = || {
        form.fields()
            .filter(|(name, _)| !NOT_OPTIONS.contains(name))
            .map(|(name, value)| (name.to_owned(), listed(value)))
            .collect()
    };
    let options: Map<String, Value> = if marked.is_empty() { plain() } else { marked };
    (!options.is_empty()).then_some(options)
}

/// Options as the fields of a form that gives them again, without the profile, which such a form asks for, and without names
/// that mean something else there.
#[must_use]
pub fn presets(options: Option<&Map<String, Value>>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_array()?.first()?.as_str().map(str::to_owned);
    let asked = |name: &String| name != "profile" && !NOT_OPTIONS.contains(&name.as_str());
    let all = options.into_iter().flatten().filter(|(name, _)| asked(name));
    all.filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Value {
        of(&Form::parse(query.as_bytes()).unwrap()).map_or(Value::Null, Value::Object)
    }

    #[test]
    fn fields_without_a_meaning_of_their_own_are_options() {
        assert_eq!(read("profile=gpu&next=%2Fx&_xsrf=t"), serde_json::json!({"profile": ["gpu"]}));
        assert_eq!(read("next=%2Fx&display_name=n"), Value::Null);
    }

    #[test]
    fn a_form_gives_the_options_of_a_link_again() {
        let form = Form::parse(b"opt-image=%3Cb%3E&opt-profile=gpu&opt-_xsrf=x&next=%2F").unwrap();
        assert_eq!(presets(of(&form).as_ref()), [("image".to_owned(), "<b>".to_owned())]);
    }

    #[test]
    fn where_options_are_marked_nothing_else_is_one() {
        assert_eq!(read("opt-profile=gpu&utm_source=mail"), serde_json::json!({"profile": ["gpu"]}));
    }
}

//! The site's own colour: a small sheet, made from the configuration and named by it, so that browsers keep it for ever.

use crate::config::Config;

/// The address of the sheet below `/hub/accent/`; none where the site has no colour of its own.
#[must_use]
pub fn name(config: &Config) -> Option<String> {
    let (light, dark) = (config.accent_color.as_str(), config.accent_color_dark.as_str());
    let bare = |color: &str| color.trim_start_matches('#').to_owned();
    (!light.is_empty() || !dark.is_empty()).then(|| format!("{}-{}.css", bare(light), bare(dark)))
}

/// The sheet. The colours have passed [`crate::domain::color`].
#[must_use]
pub fn sheet(config: &Config) -> String {
    let rule = |theme: &str, color: &str| {
        format!("@media (prefers-color-scheme: {theme}) {{ :root {{ --main: {color}; }} }}\n")
    };
    let themes = [("light", &config.accent_color), ("dark", &config.accent_color_dark)];
    themes.iter().filter(|(_, color)| !color.is_empty()).map(|(theme, color)| rule(theme, color)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_has_the_colours_that_are_set_and_its_name_changes_with_them() {
        let config = |light: &str, dark: &str| Config {
            accent_color: light.to_owned(),
            accent_color_dark: dark.to_owned(),
            ..Config::default()
        };
        assert_eq!(name(&config("", "")), None);
        assert_eq!(name(&config("#7a1f1f", "")).unwrap(), "7a1f1f-.css");
        let both = config("#7a1f1f", "#ffb0b0");
        assert_eq!(name(&both).unwrap(), "7a1f1f-ffb0b0.css");
        assert_eq!(sheet(&both).lines().count(), 2);
        assert!(sheet(&config("", "#ffb0b0")).starts_with("@media (prefers-color-scheme: dark)"));
    }
}

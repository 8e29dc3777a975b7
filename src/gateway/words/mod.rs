//! What pages say, in the visitor's language. The texts stand in `locales/LANGUAGE/*.ftl` (Fluent); this is how they are found.

mod catalogue;
mod language;

pub use catalogue::keys;
pub use language::Language;

/// A text by its key in the catalogue, with what belongs into it. It becomes words where it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    key: &'static str,
    values: Vec<(&'static str, Value)>,
    next: Vec<Self>,
}

/// What belongs into a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text as it stands: a name, a path.
    Text(String),
    /// A number, of which the words around it may depend.
    Number(u64),
    /// Words of the catalogue.
    Message(Message),
}

impl Message {
    /// The text of that key.
    #[must_use]
    pub const fn new(key: &'static str) -> Self {
        Self { key, values: Vec::new(), next: Vec::new() }
    }

    /// Puts a text into it.
    #[must_use]
    pub fn with(mut self, name: &'static str, text: impl ToString) -> Self {
        self.values.push((name, Value::Text(text.to_string())));
        self
    }

    /// Puts a number into it.
    #[must_use]
    pub fn count(mut self, name: &'static str, number: u64) -> Self {
        self.values.push((name, Value::Number(number)));
        self
    }

    /// Puts words of the catalogue into it.
    #[must_use]
    pub fn put(mut self, name: &'static str, message: Self) -> Self {
        self.values.push((name, Value::Message(message)));
        self
    }

    /// Says this too, behind it.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.next.push(next);
        self
    }

    /// Its words in that language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        let words = catalogue::say(language, self.key, &self.values);
        self.next.iter().fold(words, |words, next| words + language.gap() + &next.in_language(language))
    }
}

/// Something that is said to people: of the catalogue, or a text that is not ours to translate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sentence {
    /// As it stands: what programs are told, and words of others.
    Plain(String),
    /// In the visitor's language.
    Message(Message),
}

impl Sentence {
    /// Its words in that language.
    #[must_use]
    pub fn in_language(&self, language: Language) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Message(message) => message.in_language(language),
        }
    }
}

impl From<Message> for Sentence {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl From<String> for Sentence {
    fn from(text: String) -> Self {
        Self::Plain(text)
    }
}

impl From<&str> for Sentence {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl Language {
    /// The words of a key that needs nothing put into it.
    #[must_use]
    pub fn say(self, key: &str) -> String {
        catalogue::say(self, key, &[])
    }
}

#[cfg(test)]
mod tests;

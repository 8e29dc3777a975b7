//! `application/x-www-form-urlencoded`, read strictly: one spelling, no lossy decoding.

use percent_encoding::percent_decode;

/// Most fields in one form.
const MAX_FIELDS: usize = 50;
/// Most fields where a name may come again.
const MAX_PAIRS: usize = 1000;

/// Why a body is no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More fields than a form of its kind has.
    #[error("the form has too many fields")]
    TooMany,
    /// A `%` without two hexadecimal digits, or a field without `=`.
    #[error("the form is not well-formed")]
    Malformed,
    /// A name or value that is not UTF-8.
    #[error("the form is not UTF-8")]
    NotUtf8,
    /// The same field twice.
    #[error("a field of the form is given twice")]
    Twice,
}

/// A parsed form.
#[derive(Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Parses a body or a query string.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        let mut fields: Vec<(String, String)> = Vec::new();
        for field in split(body) {
            if fields.len() == MAX_FIELDS {
                return Err(FormError::TooMany);
            }
            let field = field?;
            if fields.iter().any(|(other, _)| *other == field.0) {
                return Err(FormError::Twice);
            }
            fields.push(field);
        }
        Ok(Self(fields))
    }

    /// The value of a field.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// All fields, in their order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The fields of a form or a query string in their order, where a name may come more than once; at most 1000.
///
/// # Errors
/// See [`FormError`]; never [`FormError::Twice`].
pub fn pairs(body: &[u8]) -> Result<Vec<(String, String)>, FormError> {
    let mut fields = Vec::new();
    for field in split(body) {
        if fields.len() == MAX_PAIRS {
            return Err(FormError::TooMany);
        }
        fields.push(field?);
    }
    Ok(fields)
}

fn split(body: &[u8]) -> impl Iterator<Item = Result<(String, String), FormError>> {
    body.split(|b| *b == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let mut sides = pair.splitn(2, |b| *b == b'=');
        let name = decode(sides.next().unwrap_or_default())?;
        Ok((name, decode(sides.next().ok_or(FormError::Malformed)?)?))
    })
}

fn decode(text: &[u8]) -> Result<String, FormError> {
    let escapes_are_whole = text.iter().enumerate().filter(|(_, b)| **b == b'%').all(|(at, _)| {
        text.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    if !escapes_are_whole {
        return Err(FormError::Malformed);
    }
    let spaced: Vec<u8> = text.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
    percent_decode(&spaced).decode_utf8().map(|text| text.into_owned()).map_err(|_| FormError::NotUtf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_form_is_read() {
        let form = Form::parse(b"username=alice&password=a+b%2Bc&_xsrf=").unwrap();
        assert_eq!(form.get("username"), Some("alice"));
        assert_eq!(form.get("password"), Some("a b+c"));
        assert_eq!(form.get("_xsrf"), Some(""));
        assert_eq!(form.get("next"), None);
    }

    #[test]
    fn a_form_with_two_readings_is_refused() {
        assert_eq!(Form::parse(b"next=/a&next=//evil").unwrap_err(), FormError::Twice);
        assert_eq!(Form::parse(b"%=%&%%=%%").unwrap_err(), FormError::Malformed);
        assert_eq!(Form::parse(b"username=al\xffice").unwrap_err(), FormError::NotUtf8);
        assert_eq!(Form::parse(b"username=%ff%fe").unwrap_err(), FormError::NotUtf8);
        assert_eq!(Form::parse("a=1&".repeat(100_000).as_bytes()).unwrap_err(), FormError::Twice);
        assert_eq!(pairs(b"a=1&a=%32").unwrap(), [("a".into(), "1".into()), ("a".into(), "2".into())]);
        assert_eq!(pairs("a=1&".repeat(1001).as_bytes()).unwrap_err(), FormError::TooMany);
        let many: String = (0..51).map(|n| format!("a{n}=1&")).collect();
        assert_eq!(Form::parse(many.as_bytes()).unwrap_err(), FormError::TooMany);
    }
}

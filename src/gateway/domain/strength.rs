//! How good a password must be that is kept here.

use hubgate_protocol::Secret;
use hubgate_protocol::secret::SECRET_MAX;
use zxcvbn::feedback::Feedback;
use zxcvbn::zxcvbn;

/// What the site asks of a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strength {
    /// Fewest characters.
    pub min_length: u32,
    /// Least score by zxcvbn, 0 to 4.
    pub min_score: u32,
}

/// Why a text is not taken as a password. The text is never repeated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Weakness {
    /// No character at all.
    #[error("the password is empty")]
    Empty,
    /// Nobody could type it at the login page.
    #[error(
        "the password has a line end or another control character, which nobody can type at the login page"
    )]
    Control,
    /// Longer than a secret may be.
    #[error("the password is longer than 1024 bytes")]
    Long,
    /// Fewer characters than the site asks for.
    #[error("the password needs at least {0} characters")]
    Short(u32),
    /// Found among the first that somebody would try; why, and what would help.
    #[error("the password is too easy to guess{}", advice(.0))]
    Guessable(Feedback),
}

/// A password that somebody can also type into the login page, strong or not.
///
/// # Errors
/// [`Weakness::Empty`], [`Weakness::Control`], [`Weakness::Long`].
pub fn typeable(text: &str) -> Result<Secret, Weakness> {
    if text.is_empty() {
        return Err(Weakness::Empty);
    }
    if text.chars().any(char::is_control) {
        return Err(Weakness::Control);
    }
    if text.len() > SECRET_MAX {
        return Err(Weakness::Long);
    }
    Secret::try_from(text.to_owned()).map_err(|_| Weakness::Control)
}

impl Strength {
    /// Whether a password is as good as the site asks. `own` are words of its owner (names), which count as guessed.
    ///
    /// # Errors
    /// See [`Weakness`].
    pub fn check(&self, password: &Secret, own: &[&str]) -> Result<(), Weakness> {
        let text = password.expose();
        if u32::try_from(text.chars().count()).unwrap_or(u32::MAX) < self.min_length {
            return Err(Weakness::Short(self.min_length));
        }
        let own: Vec<&str> = own.iter().copied().filter(|word| word.len() > 2).chain(["hubgate"]).collect();
        let entropy = zxcvbn(text, &own);
        if u32::from(u8::from(entropy.score())) >= self.min_score {
            return Ok(());
        }
        Err(Weakness::Guessable(entropy.feedback().cloned().unwrap_or_default()))
    }
}

fn advice(feedback: &Feedback) -> String {
    let warning = feedback.warning().map(|warning| warning.to_string());
    let help = feedback.suggestions().iter().map(ToString::to_string);
    let sentences: Vec<String> = warning.into_iter().chain(help).collect();
    if sentences.is_empty() { String::new() } else { format!(". {}", sentences.join(" ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SITE: Strength = Strength { min_length: 8, min_score: 2 };

    fn check(text: &str, own: &[&str]) -> Result<(), Weakness> {
        SITE.check(&typeable(text)?, own)
    }

    #[test]
    fn a_long_or_unusual_password_is_taken() {
        for text in ["correct horse battery staple", "k7#Rw2pQ", "九十九里浜の朝はとても静かです"]
        {
            assert_eq!(check(text, &["alice"]), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_is_short_common_or_ones_own_name_is_refused_with_advice() {
        assert_eq!(check("k7#Rw2p", &[]), Err(Weakness::Short(8)));
        for (text, own) in
            [("password1", ""), ("12345678", ""), ("qwertyuiop", ""), ("alexandrina7", "alexandrina")]
        {
            let Err(Weakness::Guessable(feedback)) = check(text, &[own]) else { panic!("{text} is taken") };
            let advice = advice(&feedback);
            assert!(advice.starts_with(". ") && !advice.contains(text), "{advice}");
        }
    }

    #[test]
    fn what_nobody_can_type_is_refused() {
        assert_eq!(check("", &[]), Err(Weakness::Empty));
        for text in ["two\nlines of it", "nul\0", "tab\there"] {
            assert_eq!(check(text, &[]), Err(Weakness::Control), "{text:?}");
        }
        assert_eq!(check(&"x".repeat(SECRET_MAX + 1), &[]), Err(Weakness::Long));
    }

    #[test]
    fn a_site_may_ask_for_less_and_for_more() {
        let any = Strength { min_length: 8, min_score: 0 };
        assert_eq!(any.check(&typeable("password").unwrap(), &[]), Ok(()));
        let most = Strength { min_length: 12, min_score: 4 };
        assert!(most.check(&typeable("k7#Rw2pQ").unwrap(), &[]).is_err());
    }
}

//! Asking for passwords and names. A password never comes from the command line, where `ps` shows it.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use hubgate_protocol::Secret;
use hubgate_protocol::secret::SECRET_MAX;
use zeroize::Zeroizing;

use super::{Failure, failure};
use crate::domain::strength::typeable;

/// A new password: one line of stdin, or typed twice at the terminal without being shown.
pub(super) fn new_password(from_stdin: bool, user: &str) -> Result<Secret, Failure> {
    if from_stdin {
        return from(io::stdin().lock());
    }
    let ask = |prompt: String| {
        rpassword::prompt_password(prompt).map_err(|error| {
            Failure(format!("no terminal to ask for a password ({error}): use --password-stdin"))
        })
    };
    let first = Zeroizing::new(ask(format!("Password of {user}: "))?);
    let second = Zeroizing::new(ask("Again: ".to_owned())?);
    if *first != *second {
        return failure("the two passwords differ; nothing was changed");
    }
    checked(&first)
}

/// Somebody's password: one line of stdin, or typed at the terminal without being shown.
pub(super) fn password(from_stdin: bool, user: &str) -> Result<Secret, Failure> {
    if from_stdin {
        return from(io::stdin().lock());
    }
    let typed = rpassword::prompt_password(format!("Password of {user}: ")).map_err(|error| {
        Failure(format!("no terminal to ask for a password ({error}): use --password-stdin"))
    })?;
    checked(&Zeroizing::new(typed))
}

fn from(input: impl Read) -> Result<Secret, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SECRET_MAX + 3));
    // Room for the end of the line, and one byte more to see that there is too much.
    let limit = u64::try_from(SECRET_MAX).unwrap_or(u64::MAX).saturating_add(3);
    input.take(limit).read_to_end(&mut bytes)?;
    let text =
        std::str::from_utf8(&bytes).map_err(|_| Failure("the password is not UTF-8 text".to_owned()))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    checked(line)
}

fn checked(text: &str) -> Result<Secret, Failure> {
    Ok(typeable(text)?)
}

/// A line typed at the terminal; `None` where there is nobody to ask.
pub(super) fn line(question: &str) -> Result<Option<String>, Failure> {
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let mut out = io::stderr().lock();
    write!(out, "{question}: ")?;
    out.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(Some(answer.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_a_password_with_or_without_its_end() {
        for input in ["two words", "two words\n", "two words\r\n"] {
            assert_eq!(from(input.as_bytes()).unwrap().expose(), "two words");
        }
        assert_eq!(from("é ß\n".as_bytes()).unwrap().expose(), "é ß");
    }

    #[test]
    fn what_is_no_password_is_refused_without_being_repeated() {
        let long = "x".repeat(SECRET_MAX + 1);
        for input in
            [&b""[..], b"\n", b"one\ntwo\n", b"nul\0", b"\xff\xfe", b"tab\t", long.as_bytes(), b"a\n\n"]
        {
            let Failure(sentence) = from(input).unwrap_err();
            assert!(sentence.starts_with("the password"), "{sentence}");
            assert!(!sentence.contains("one"), "{sentence}");
        }
    }
}

//! What a worker does with the messages of PAM modules: the password answers the first prompt, a person the others.

use std::ffi::{CString, c_int};
use std::io::Write as _;
use std::os::unix::net::UnixStream;

use hubgate_protocol::{Prompt, PromptStyle, Purpose, Secret, frame};
use pam::ffi;
use zeroize::Zeroizing;

use super::words::{Answers, Said};
use crate::line::harmless;
use crate::os::{PamAnswers, PamMessage, PamTalk};

/// Most messages shown at once, as the protocol says.
const PROMPTS_MAX: usize = 32;
/// Longest text of one, as the protocol says.
const TEXT_MAX: usize = 512;
/// All texts of one frame together, in bytes: doubled by JSON's backslashes they fit 16 KiB with all else.
const TEXTS_MAX: usize = 6 * 1024;

/// The two ends of a conversation: PAM's modules and, over the socket, a person.
pub(super) struct Talker {
    pub(super) stream: UnixStream,
    /// Answers one hidden prompt, see [`Self::is_for_password`]. A second one asks for something else, such as a one-time code.
    pub(super) password: Zeroizing<CString>,
    pub(super) purpose: Purpose,
    pub(super) converse: bool,
    given: bool,
    locked: bool,
    gone: bool,
    /// Texts that nobody has seen yet.
    unseen: Vec<Prompt>,
}

impl Talker {
    pub(super) fn new(stream: UnixStream, password: Zeroizing<CString>) -> Self {
        let (purpose, unseen) = (Purpose::Login, Vec::new());
        Self { stream, password, purpose, converse: false, given: false, locked: false, gone: false, unseen }
    }

    /// Whether a module said that the account is locked because of wrong passwords.
    pub(super) fn locked(&self) -> bool {
        self.locked
    }

    /// Whether nobody answers any more.
    pub(super) fn gone(&self) -> bool {
        self.gone
    }

    /// A new round begins: the modules may ask for the password once more.
    pub(super) fn begin(&mut self) {
        self.given = false;
    }

    /// Shows what the modules told and nobody has seen, if anything.
    pub(super) fn tell_rest(&mut self) {
        if self.converse && !self.unseen.is_empty() {
            let prompts = bounded(std::mem::take(&mut self.unseen));
            // The login does not depend on whether a person reads it.
            let _seen = self.ask(prompts);
        }
    }

    /// Says how it ended.
    pub(super) fn say(&mut self, said: &Said) -> Result<(), frame::FrameError> {
        self.stream.write_all(&frame::encode(said)?)?;
        Ok(())
    }

    /// In a login the first hidden prompt asks for the password. Where a new one is chosen only a prompt that says so asks
    /// for the old one: modules run by root may leave that question out. This process never asks for a translation.
    fn is_for_password(&self, text: &str) -> bool {
        let says_old = || {
            let text = text.to_ascii_lowercase();
            text.contains("current") || text.contains("old ")
        };
        !self.given && (self.purpose == Purpose::Login || says_old())
    }

    fn ask(&mut self, prompts: Vec<Prompt>) -> Result<Vec<Secret>, frame::FrameError> {
        let expected = prompts.iter().filter(|prompt| prompt.style.asks()).count();
        self.say(&Said::Prompt { prompts, purpose: self.purpose })?;
        let body = Zeroizing::new(frame::read_body(&mut self.stream)?.unwrap_or_default());
        let answers = frame::decode::<Answers>(&body)?.answers;
        if answers.len() == expected { Ok(answers) } else { Err(frame::FrameError::Length(answers.len())) }
    }
}

impl PamTalk for Talker {
    fn talk(&mut self, messages: Vec<PamMessage>) -> Result<PamAnswers, c_int> {
        let many = messages.len();
        let mut answers: PamAnswers = Vec::with_capacity(many);
        let mut open = Vec::new();
        for (at, message) in messages.into_iter().enumerate() {
            let style = match message.style {
                ffi::PAM_TEXT_INFO => PromptStyle::Info,
                ffi::PAM_ERROR_MSG => PromptStyle::Error,
                ffi::PAM_PROMPT_ECHO_OFF => PromptStyle::Hidden,
                ffi::PAM_PROMPT_ECHO_ON => PromptStyle::Shown,
                _ => return Err(ffi::PAM_CONV_ERR),
            };
            if style == PromptStyle::Hidden && self.is_for_password(&message.text) {
                self.given = true;
                answers.push(Some(self.password.clone()));
                continue;
            }
            self.locked |= !style.asks() && tells_of_lock(&message.text);
            self.unseen.push(Prompt { style, text: message.text });
            answers.push(None);
            if style.asks() {
                open.push(at);
            }
        }
        if open.is_empty() {
            return Ok(answers);
        }
        if !self.converse {
            return Err(ffi::PAM_CONV_ERR);
        }
        let prompts = bounded(std::mem::take(&mut self.unseen));
        let said = self.ask(prompts).map_err(|_error| {
            self.gone = true;
            ffi::PAM_CONV_ERR
        })?;
        for (at, answer) in open.into_iter().zip(said) {
            let text = CString::new(answer.expose()).map_err(|_nul| ffi::PAM_CONV_ERR)?;
            if let Some(place) = answers.get_mut(at) {
                *place = Some(Zeroizing::new(text));
            }
        }
        Ok(answers)
    }
}

/// `pam_faillock(8)`: "The account is locked due to 3 failed logins."; `pam_tally2(8)`: "Account locked due to …". Neither has
/// a return value of its own for it.
fn tells_of_lock(text: &str) -> bool {
    text.to_ascii_lowercase().contains("locked due to")
}

/// Few and short enough for a frame, harmless to show. What asks is kept; the oldest news go first.
fn bounded(mut prompts: Vec<Prompt>) -> Vec<Prompt> {
    while prompts.len() > PROMPTS_MAX {
        let oldest = prompts.iter().position(|prompt| !prompt.style.asks()).unwrap_or(0);
        prompts.remove(oldest);
    }
    let most = TEXT_MAX.min(TEXTS_MAX / prompts.len().max(1));
    for prompt in &mut prompts {
        let lines: Vec<&str> = prompt.text.lines().map(str::trim_end).collect();
        prompt.text = harmless(lines.join(" ").trim_start(), most);
    }
    prompts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn talker(purpose: Purpose) -> (Talker, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut talker = Talker::new(theirs, Zeroizing::new(CString::new("old one").unwrap()));
        (talker.purpose, talker.converse) = (purpose, true);
        (talker, ours)
    }

    fn message(style: c_int, text: &str) -> PamMessage {
        PamMessage { style, text: text.to_owned() }
    }

    /// Plays the person: answers what is asked, tells what was shown.
    fn person(mut stream: UnixStream, answers: &[&str]) -> std::thread::JoinHandle<Vec<Prompt>> {
        let answers = answers.iter().map(|text| Secret::try_from((*text).to_owned()).unwrap()).collect();
        std::thread::spawn(move || {
            let body = frame::read_body(&mut stream).unwrap().unwrap();
            let Said::Prompt { prompts, .. } = frame::decode(&body).unwrap() else { panic!("no prompt") };
            frame::write(&mut stream, &Answers { answers }).unwrap();
            prompts
        })
    }

    fn texts(answers: PamAnswers) -> Vec<Option<String>> {
        answers.into_iter().map(|one| one.map(|text| text.to_str().unwrap().to_owned())).collect()
    }

    #[test]
    fn the_password_answers_the_first_hidden_prompt_and_a_person_the_others() {
        let (mut talker, stream) = talker(Purpose::Login);
        let told = vec![
            message(ffi::PAM_PROMPT_ECHO_OFF, "Password: "),
            message(ffi::PAM_TEXT_INFO, "Look at\nyour \x1b[31mtelephone."),
        ];
        assert_eq!(texts(talker.talk(told).unwrap()), [Some("old one".to_owned()), None]);
        let seen = person(stream, &["123456", "blue"]);
        let asked = vec![
            message(ffi::PAM_PROMPT_ECHO_OFF, "Code: "),
            message(ffi::PAM_ERROR_MSG, "!"),
            message(ffi::PAM_PROMPT_ECHO_ON, "Colour: "),
        ];
        assert_eq!(
            texts(talker.talk(asked).unwrap()),
            [Some("123456".to_owned()), None, Some("blue".to_owned())]
        );
        let seen: Vec<_> =
            seen.join().unwrap().into_iter().map(|prompt| (prompt.style, prompt.text)).collect();
        assert_eq!(
            seen,
            [
                (PromptStyle::Info, "Look at your \u{fffd}[31mtelephone.".to_owned()),
                (PromptStyle::Hidden, "Code:".to_owned()),
                (PromptStyle::Error, "!".to_owned()),
                (PromptStyle::Shown, "Colour:".to_owned()),
            ]
        );
    }

    #[test]
    fn where_nobody_can_answer_a_second_prompt_ends_the_login() {
        let (mut talker, _stream) = talker(Purpose::Login);
        talker.converse = false;
        talker.talk(vec![message(ffi::PAM_PROMPT_ECHO_OFF, "Password: ")]).unwrap();
        let code = talker.talk(vec![message(ffi::PAM_PROMPT_ECHO_OFF, "Code: ")]);
        assert_eq!(code.unwrap_err(), ffi::PAM_CONV_ERR);
        assert!(talker.talk(vec![message(ffi::PAM_PROMPT_ECHO_ON, "Name: ")]).is_err());
    }

    #[test]
    fn the_old_password_never_answers_for_the_new_one() {
        let (mut talker, stream) = talker(Purpose::NewPassword);
        let seen = person(stream, &["new one"]);
        let asked = vec![message(ffi::PAM_PROMPT_ECHO_OFF, "New password: ")];
        assert_eq!(texts(talker.talk(asked).unwrap()), [Some("new one".to_owned())]);
        assert_eq!(seen.join().unwrap().len(), 1);
        for text in ["Current password: ", "(current) LDAP Password: ", "Enter old password: "] {
            talker.begin();
            let asked = vec![message(ffi::PAM_PROMPT_ECHO_OFF, text)];
            assert_eq!(texts(talker.talk(asked).unwrap()), [Some("old one".to_owned())], "{text}");
        }
    }

    #[test]
    fn too_few_answers_and_a_person_who_left_end_the_question() {
        let (mut talker, stream) = talker(Purpose::Login);
        talker.given = true;
        let seen = person(stream, &[]);
        assert!(talker.talk(vec![message(ffi::PAM_PROMPT_ECHO_OFF, "Code: ")]).is_err());
        seen.join().unwrap();
        assert!(talker.talk(vec![message(ffi::PAM_PROMPT_ECHO_OFF, "Code: ")]).is_err());
    }

    #[test]
    fn a_lock_is_known_by_its_words() {
        let (mut talker, _stream) = talker(Purpose::Login);
        talker.talk(vec![message(ffi::PAM_TEXT_INFO, "Welcome.")]).unwrap();
        assert!(!talker.locked());
        talker
            .talk(vec![message(ffi::PAM_TEXT_INFO, "The account is locked due to 3 failed logins.")])
            .unwrap();
        assert!(talker.locked());
    }

    #[test]
    fn whatever_modules_say_fits_a_frame_and_what_asks_is_kept() {
        let prompt = |style, n: usize| Prompt { style, text: format!("{n}{}", "\"".repeat(2000)) };
        let mut all: Vec<Prompt> = (0..60).map(|n| prompt(PromptStyle::Info, n)).collect();
        all.extend((0..20).map(|n| prompt(PromptStyle::Hidden, n)));
        let prompts = bounded(all);
        assert_eq!(prompts.len(), PROMPTS_MAX);
        assert_eq!(prompts.iter().filter(|prompt| prompt.style.asks()).count(), 20);
        frame::encode(&Said::Prompt { prompts, purpose: Purpose::Login }).unwrap();
        let one = bounded(vec![prompt(PromptStyle::Shown, 0)]);
        assert_eq!(one.first().unwrap().text.len(), TEXT_MAX);
    }
}

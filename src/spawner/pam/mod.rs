//! PAM, asked in a child process per login: a module may block, crash or leak, and takes nothing with it.

mod pool;
mod process;
mod talker;
mod verdict;
mod words;
mod worker;

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use hubgate_protocol::frame::FrameError;
use hubgate_protocol::{LoginName, Prompt, Purpose, Secret, frame};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::connection::Deadline;
use pool::{Pool, Seat, Who};
use process::Worker;
use words::{Answers, Said};

pub use verdict::Verdict;
pub use words::{Question, Task};
pub use worker::{answer, confine, run as run_worker, take_stdin};

/// The word that makes this program a PAM worker.
pub const WORKER: &str = "pam-worker";
/// How long modules may work until the first prompt or the verdict, turn included: the gateway waits two seconds longer.
const FIRST: Duration = Duration::from_secs(33);
/// How long modules may work after that, from one prompt to the next.
const MODULE: Duration = Duration::from_secs(30);
/// How long a person may take for an answer.
const PERSON: Duration = Duration::from_secs(120);
/// How long a conversation takes as a whole.
const WHOLE: Duration = Duration::from_secs(300);
/// Modules that work for so long are slow.
const SLOW: Duration = Duration::from_secs(2);

/// Why PAM could not be asked, or did not answer.
#[derive(Debug, thiserror::Error)]
pub enum PamError {
    /// No turn in time.
    #[error("too many logins wait for PAM")]
    Busy,
    /// No child process.
    #[error("the PAM worker could not be started: {0}")]
    Start(io::Error),
    /// It crashed, or hung until it was killed.
    #[error("the PAM worker gave no answer: {0}")]
    Silent(FrameError),
    /// The person left, or took too long.
    #[error("the person gave no answer")]
    Gone,
}

/// Who logs in.
#[derive(Debug, Clone, Copy)]
pub struct Login<'a> {
    /// As the host calls the account.
    pub user: &'a LoginName,
    /// As typed.
    pub password: &'a Secret,
    /// The client's address.
    pub rhost: IpAddr,
    /// Whether a person can be asked for more.
    pub converse: bool,
}

/// What PAM said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// In or not.
    pub verdict: Verdict,
    /// How long nobody worked on that: it waited for its turn, or a person was asked.
    pub idle: Duration,
}

/// Somebody who can be asked.
pub trait Person {
    /// Shows `prompts` and waits until `end` for an answer to each that asks; `None` where none came.
    fn ask(&mut self, prompts: Vec<Prompt>, purpose: Purpose, end: Instant) -> Option<Vec<Secret>>;
}

/// Asks PAM, a bounded number of questions at once.
#[derive(Debug)]
pub struct Pam {
    service: String,
    /// Where passwords can be changed; `None`: in a child process, as all else.
    changes: Option<PathBuf>,
    pool: Pool,
}

impl Pam {
    /// For the service (file in `/etc/pam.d`) of that name. Where this daemon may not write the host's passwords itself,
    /// `changes` is the socket of workers that may.
    #[must_use]
    pub fn new(service: &str, changes: Option<PathBuf>) -> Self {
        Self { service: service.to_owned(), changes, pool: Pool::default() }
    }

    /// Whether the password is the user's, and the account may log in; `person` is asked what PAM asks besides.
    ///
    /// # Errors
    /// [`PamError`].
    pub fn ask(&self, login: Login<'_>, person: &mut dyn Person) -> Result<Found, PamError> {
        // pam_unix with `nullok` lets an empty password in; the flag in the worker is the second lock on that door.
        if login.password.expose().is_empty() {
            return Ok(Found { verdict: Verdict::BadCredentials, idle: Duration::ZERO });
        }
        let begin = Instant::now();
        let who = Who { account: login.user.clone(), prefix: login.rhost.into() };
        let mut seat = self.pool.seat(who).ok_or(PamError::Busy)?;
        let (first, end) = (Some(begin + FIRST), begin + WHOLE);
        let mut talk = Talk { seat: &mut seat, person, first, end, idle: begin.elapsed() };
        let worker = Worker::child().map_err(PamError::Start)?;
        let mut verdict = talk.hold(worker, &self.question(Task::Login, login))?;
        if verdict == Verdict::MustChange && login.converse {
            match self.changes.as_deref().map_or_else(Worker::child, Worker::unit) {
                Ok(worker) => verdict = talk.hold(worker, &self.question(Task::Change, login))?,
                Err(error) => log::warn!("passwords cannot be changed here: {error}"),
            }
        }
        Ok(Found { verdict, idle: talk.idle })
    }

    fn question(&self, task: Task, login: Login<'_>) -> Question {
        Question {
            task,
            service: self.service.clone(),
            user: login.user.clone(),
            password: login.password.clone(),
            rhost: login.rhost,
            converse: login.converse,
        }
    }
}

/// One conversation.
struct Talk<'a, 'p> {
    seat: &'a mut Seat<'p>,
    person: &'a mut dyn Person,
    /// When the first word must have come.
    first: Option<Instant>,
    end: Instant,
    /// How long nobody worked.
    idle: Duration,
}

impl Talk<'_, '_> {
    fn hold(&mut self, worker: (Worker, UnixStream), question: &Question) -> Result<Verdict, PamError> {
        let (mut worker, stream) = worker;
        let verdict = self.converse(&stream, question);
        drop(stream);
        worker.end();
        verdict
    }

    fn converse(&mut self, stream: &UnixStream, question: &Question) -> Result<Verdict, PamError> {
        let late = self.late();
        send(stream, late, question).map_err(PamError::Silent)?;
        loop {
            match self.hear(stream)? {
                Said::Verdict { verdict } => return Ok(verdict),
                Said::Prompt { prompts, purpose } => {
                    let answers = self.ask_person(prompts, purpose)?;
                    let late = self.late();
                    send(stream, late, &Answers { answers }).map_err(PamError::Silent)?;
                }
            }
        }
    }

    fn late(&self) -> Instant {
        self.first.unwrap_or_else(|| Instant::now() + MODULE).min(self.end)
    }

    fn hear(&mut self, stream: &UnixStream) -> Result<Said, PamError> {
        let late = self.late();
        if !is_readable(stream, SLOW.min(late.saturating_duration_since(Instant::now()))) {
            self.seat.step_aside();
        }
        let hear = || {
            let body = frame::read_body(&mut Deadline::new(stream, late))?
                .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "it ended without an answer"))?;
            frame::decode::<Said>(&body)
        };
        hear().map_err(PamError::Silent)
    }

    fn ask_person(&mut self, prompts: Vec<Prompt>, purpose: Purpose) -> Result<Vec<Secret>, PamError> {
        if !self.seat.wait_for_person() {
            return Err(PamError::Busy);
        }
        self.first = None;
        let asked = Instant::now();
        let end = self.end.min(Instant::now() + PERSON);
        let answers = self.person.ask(prompts, purpose, end).ok_or(PamError::Gone)?;
        let turn = self.seat.go_on();
        self.idle += asked.elapsed();
        if turn { Ok(answers) } else { Err(PamError::Busy) }
    }
}

fn send<T: Serialize>(stream: &UnixStream, end: Instant, message: &T) -> Result<(), FrameError> {
    let bytes = Zeroizing::new(frame::encode(message)?);
    io::Write::write_all(&mut Deadline::new(stream, end), &bytes)?;
    Ok(())
}

fn is_readable(stream: &UnixStream, within: Duration) -> bool {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX)).is_ok_and(|ready| ready > 0)
}

#[cfg(test)]
mod tests {
    use hubgate_protocol::PromptStyle;

    use super::*;

    /// Remembers what it was shown and gives its answers one after the other.
    #[derive(Default)]
    struct Script {
        shown: Vec<(Purpose, usize)>,
        answers: Vec<&'static str>,
    }

    impl Person for Script {
        fn ask(&mut self, prompts: Vec<Prompt>, purpose: Purpose, end: Instant) -> Option<Vec<Secret>> {
            assert!(end <= Instant::now() + PERSON);
            self.shown.push((purpose, prompts.len()));
            let answer = self.answers.pop()?;
            Some(vec![Secret::try_from(answer.to_owned()).unwrap()])
        }
    }

    fn question() -> Question {
        Question {
            task: Task::Login,
            service: "hubgate".to_owned(),
            user: "alice".parse().unwrap(),
            password: Secret::try_from("x".to_owned()).unwrap(),
            rhost: "192.0.2.1".parse().unwrap(),
            converse: true,
        }
    }

    /// A conversation with a worker that asks `prompts` times and then accepts; what it was answered.
    fn converse(
        script: &mut Script,
        prompts: usize,
        first: Duration,
    ) -> (Result<Verdict, PamError>, Vec<String>) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let worker = std::thread::spawn(move || {
            let body = frame::read_body(&mut theirs).unwrap().unwrap();
            assert_eq!(frame::decode::<Question>(&body).unwrap().user.as_str(), "alice");
            let mut heard = Vec::new();
            for _ in 0..prompts {
                let prompt = Prompt { style: PromptStyle::Hidden, text: "Code: ".to_owned() };
                frame::write(&mut theirs, &Said::Prompt { prompts: vec![prompt], purpose: Purpose::Login })
                    .unwrap();
                let Some(body) = frame::read_body(&mut theirs).unwrap() else { return heard };
                let answers = frame::decode::<Answers>(&body).unwrap().answers;
                heard.extend(answers.iter().map(|answer| answer.expose().to_owned()));
            }
            if first < MODULE {
                // It hangs until it is left.
                let _left = frame::read_body(&mut theirs);
                return heard;
            }
            frame::write(&mut theirs, &Said::Verdict { verdict: Verdict::Accepted }).unwrap();
            heard
        });
        let pool = Pool::default();
        let question = question();
        let who = Who { account: question.user.clone(), prefix: question.rhost.into() };
        let mut seat = pool.seat(who).unwrap();
        let (first, end) = (Some(Instant::now() + first), Instant::now() + WHOLE);
        let verdict = Talk { seat: &mut seat, person: script, first, end, idle: Duration::ZERO }
            .converse(&ours, &question);
        drop(ours);
        (verdict, worker.join().unwrap())
    }

    #[test]
    fn prompts_go_to_the_person_and_answers_to_the_worker() {
        let mut script = Script { answers: vec!["two", "one"], ..Script::default() };
        let (verdict, heard) = converse(&mut script, 2, FIRST);
        assert_eq!((verdict.unwrap(), heard), (Verdict::Accepted, vec!["one".to_owned(), "two".to_owned()]));
        assert_eq!(script.shown, [(Purpose::Login, 1), (Purpose::Login, 1)]);
    }

    #[test]
    fn a_person_who_leaves_ends_the_conversation() {
        let mut script = Script { answers: vec!["one"], ..Script::default() };
        let (verdict, heard) = converse(&mut script, 2, FIRST);
        assert!(matches!(verdict, Err(PamError::Gone)), "{verdict:?}");
        assert_eq!(heard, ["one"]);
    }

    #[test]
    fn modules_that_hang_are_left() {
        let (verdict, _) = converse(&mut Script::default(), 0, Duration::from_millis(200));
        assert!(matches!(verdict, Err(PamError::Silent(_))), "{verdict:?}");
    }

    #[test]
    fn an_empty_password_never_reaches_pam() {
        let question = Question { password: Secret::try_from(String::new()).unwrap(), ..question() };
        let login = Login {
            user: &question.user,
            password: &question.password,
            rhost: question.rhost,
            converse: true,
        };
        let pam = Pam::new("hubgate", None);
        assert_eq!(pam.ask(login, &mut Script::default()).unwrap().verdict, Verdict::BadCredentials);
    }
}

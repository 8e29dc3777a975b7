//! One client: frames in, answers out, each within its deadline.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use hubgate_protocol::frame::{self, FrameError};
use hubgate_protocol::{ErrorCode, Prompt, Purpose, Request, Response, Secret};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, recv};
use zeroize::Zeroizing;

use crate::engine::process::watch::Watch;
use crate::pam::Person;
use crate::serve::{Served, Service};
use crate::work::{Piece, Work};

/// Time to deliver a frame, and to take an answer.
const FRAME_TIME: Duration = Duration::from_secs(5);
/// Requests that may arrive before the answer to the one before them was sent.
const PIPELINE_MAX: u32 = 32;

/// A stream whose reads and writes all end at one time, however many they are.
pub struct Deadline<'a> {
    stream: &'a UnixStream,
    end: Instant,
}

impl<'a> Deadline<'a> {
    /// Bounds `stream` by `end`.
    #[must_use]
    pub fn new(stream: &'a UnixStream, end: Instant) -> Self {
        Self { stream, end }
    }

    fn left(&self) -> io::Result<Duration> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    }
}

/// A socket whose time is over says that it would block.
fn late(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

impl Read for Deadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.left()?))?;
        (&mut &*self.stream).read(buffer).map_err(late)
    }
}

impl Write for Deadline<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.left()?))?;
        (&mut &*self.stream).write(buffer).map_err(late)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Serves one client until it goes, misbehaves or is silent for [`FRAME_TIME`].
pub fn serve(stream: &UnixStream, service: &Service) {
    match serve_all(stream, service) {
        Ok(()) => {}
        Err(FrameError::Io(error)) => log::debug!("connection closed: {error}"),
        Err(error) => log::warn!("connection closed: {error}"),
    }
}

fn serve_all(stream: &UnixStream, service: &Service) -> Result<(), FrameError> {
    let mut early = 0;
    loop {
        let end = Instant::now() + FRAME_TIME;
        let Some(body) = frame::read_body(&mut Deadline::new(stream, end))?.map(Zeroizing::new) else {
            return Ok(());
        };
        // A client that gave up, or was stopped for long and is gone, gets nothing done that it no longer waits for.
        if state(stream)?.contains(PollFlags::POLLHUP) {
            return Ok(());
        }
        let mut client = Client { stream, work: service.work(), piece: Some(service.work().begin()) };
        let served = match frame::decode::<Request>(&body) {
            Ok(request) => service.serve(request, &mut client),
            Err(FrameError::NotMessage(message)) => {
                Served::One(Response::Error { error: ErrorCode::BadRequest, message })
            }
            Err(error) => return Err(error),
        };
        // Asked before the answer is sent: a client that waits for answers has sent nothing at this time.
        early += u32::from(has_more(stream));
        match served {
            Served::One(response) => write(stream, &response)?,
            Served::Many(responses) => responses.iter().try_for_each(|response| write(stream, response))?,
            Served::Watch(watch) => {
                drop(client);
                return follow(stream, &watch, service);
            }
        }
        if early > PIPELINE_MAX {
            log::warn!(
                "connection closed: more than {PIPELINE_MAX} requests were sent without waiting for answers"
            );
            return Ok(());
        }
    }
}

/// Whoever is at the other end, as one who can be asked in the middle of a login.
struct Client<'a> {
    stream: &'a UnixStream,
    work: &'a Work,
    /// There while the daemon is at work for this client, and not while the person is: an ending daemon does not wait for that.
    piece: Option<Piece<'a>>,
}

impl Person for Client<'_> {
    fn ask(&mut self, prompts: Vec<Prompt>, purpose: Purpose, end: Instant) -> Option<Vec<Secret>> {
        let expected = prompts.iter().filter(|prompt| prompt.style.asks()).count();
        write(self.stream, &Response::Prompt { prompts, purpose }).ok()?;
        self.piece = None;
        let body = frame::read_body(&mut Deadline::new(self.stream, end)).ok()?.map(Zeroizing::new)?;
        self.piece = Some(self.work.begin());
        match frame::decode::<Request>(&body) {
            Ok(Request::Answer { answers }) if answers.len() == expected => Some(answers),
            _ => None,
        }
    }
}

/// Streams a watch until its client leaves; one that speaks has nothing to say here, and is taken to have left.
fn follow(stream: &UnixStream, watch: &Watch, service: &Service) -> Result<(), FrameError> {
    crate::serve::stream(watch, service, |response| {
        response.map_or(Ok(()), |response| write(stream, response))?;
        if state(stream)?.intersects(PollFlags::POLLHUP | PollFlags::POLLIN) {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe).into());
        }
        Ok(())
    })
}

fn write(stream: &UnixStream, response: &Response) -> Result<(), FrameError> {
    let bytes = Zeroizing::new(frame::encode(response)?);
    Deadline::new(stream, Instant::now() + FRAME_TIME).write_all(&bytes)?;
    Ok(())
}

fn state(stream: &UnixStream) -> io::Result<PollFlags> {
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO)?;
    let [fd] = fds;
    Ok(fd.revents().unwrap_or(PollFlags::empty()))
}

/// Whether bytes wait to be read.
fn has_more(stream: &UnixStream) -> bool {
    let mut byte = [0];
    matches!(recv(stream.as_raw_fd(), &mut byte, MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT), Ok(1))
}

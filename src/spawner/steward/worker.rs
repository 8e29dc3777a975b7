//! The worker of one job: reads it from descriptor 0, does it by root's policy, answers, ends.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use hubgate_protocol::{Username, frame};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::SigSet;
use nix::sys::stat::{Mode, umask};
use nix::unistd::geteuid;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::registry::{Record, Registry, Stage};
use super::{Job, Outcome, Refusal, lock, make, mend, name, remove};
use crate::account::{self, HostAccount};
use crate::config::{Accounts, Config};
use crate::{logging, pam};

/// What every job needs.
pub(super) struct Desk {
    pub(super) config: Config,
    pub(super) registry: Registry,
}

/// The whole worker, with the configuration at `path`.
#[must_use]
pub fn run(path: &Path) -> ExitCode {
    logging::start();
    match work(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("accounts: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What a worker may be asked first.
#[derive(Deserialize)]
#[serde(untagged)]
enum First {
    Job(Job),
    /// A password that has expired is changed: the daemon itself may not write it.
    Change(pam::Question),
}

fn work(path: &Path) -> Result<(), frame::FrameError> {
    confine()?;
    let mut stream = pam::take_stdin()?;
    let body = Zeroizing::new(frame::read_body(&mut stream)?.unwrap_or_default());
    match frame::decode::<First>(&body)? {
        First::Change(question) => {
            pam::confine()?;
            // A person who leaves is no fault: the daemon has closed the socket.
            let _left = pam::answer(&question, stream);
            Ok(())
        }
        First::Job(job) => {
            let outcome = perform(path, job).unwrap_or_else(Outcome::from);
            let bytes = Zeroizing::new(frame::encode(&outcome)?);
            io::Write::write_all(&mut stream, &bytes)?;
            Ok(())
        }
    }
}

/// A password may be in this process: no core dump and no debugger.
fn confine() -> io::Result<()> {
    SigSet::empty().thread_set_mask()?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    prctl::set_dumpable(false)?;
    umask(Mode::from_bits_truncate(0o022));
    Ok(())
}

/// What was begun before is brought to its end first, and one worker works at a time.
fn perform(path: &Path, job: Job) -> Result<Outcome, Refusal> {
    let config = Config::load(path).map_err(|error| Refusal::failed(error.to_string()))?;
    if config.accounts != Accounts::Create {
        return Err(Refusal::forbidden("accounts = \"create\" is not set in spawner.toml"));
    }
    if !geteuid().is_root() {
        return Err(Refusal::forbidden("only root can make accounts"));
    }
    let registry = Registry::new(&config.state_dir);
    let _alone = registry.hold()?;
    let desk = Desk { config, registry };
    mend::all(&desk)?;
    match job {
        Job::Create { user, password } => {
            name::check(&desk.config, &user).map_err(Refusal::forbidden)?;
            make::make(&desk, &user, password)
        }
        Job::Lock { user, locked } => lock::set(&desk, &user, locked),
        Job::Delete { user, home } => remove::remove(&desk, &user, home),
        Job::Mend {} => Ok(Outcome::Done {}),
    }
}

impl Desk {
    /// An account that hubgate made and that is still the same.
    pub(super) fn ours(&self, user: &Username) -> Result<(Record, HostAccount), Refusal> {
        let not_ours =
            || Refusal::forbidden("hubgate did not make this account; use usermod(8) and userdel(8)");
        let record =
            self.registry.get(user)?.filter(|record| record.stage == Stage::Made).ok_or_else(not_ours)?;
        let host = account::find(&user.clone().into()).map_err(|error| Refusal::failed(error.to_string()))?;
        let host = host.filter(|host| host.uid == record.uid).ok_or_else(not_ours)?;
        Ok((record, host))
    }
}

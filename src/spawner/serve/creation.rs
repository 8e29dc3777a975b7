//! Accounts that hubgate makes, locks and removes, where root's policy lets it.

use hubgate_protocol::{Account, ErrorCode, Home, Response, Secret, ServerId, Username};

use super::refusal::{Answer, Refused, bad, failed};
use super::{Service, result};
use crate::config::Accounts;
use crate::logging::audit;
use crate::steward::registry::Registry;
use crate::steward::{Job, Outcome, Refusal, check_name};

impl Service {
    pub(super) fn create_account(&self, user: Username, password: Option<Secret>) -> Answer {
        self.may_make_accounts()?;
        check_name(&self.config, &user).map_err(bad)?;
        let told = format!("user={user}");
        let account = Account { user: user.clone(), uid: None };
        let outcome = self.steward.ask(&Job::Create { user, password });
        audit("create_account", result(&outcome), format_args!("{told}"));
        match outcome.map_err(refused)? {
            Outcome::Created { uid, password } => {
                Ok(Response::Created { account: Account { uid: Some(uid), ..account }, password })
            }
            _ => Err(refused(Refusal::failed("the worker answered something else".to_owned()))),
        }
    }

    pub(super) fn lock_account(&self, user: Username, locked: bool) -> Answer {
        self.may_make_accounts()?;
        let told = format!("user={user} locked={locked}");
        let outcome = self.steward.ask(&Job::Lock { user, locked });
        audit("lock_account", result(&outcome), format_args!("{told}"));
        outcome.map_err(refused)?;
        Ok(Response::Done {})
    }

    /// Its servers are told to stop first; the worker waits for them.
    pub(super) fn delete_account(&self, user: Username, home: Home) -> Answer {
        self.may_make_accounts()?;
        let ours = Registry::new(&self.config.state_dir).get(&user);
        if ours.is_ok_and(|record| record.is_some()) {
            self.stop_all_of(&user)?;
        }
        let told = format!("user={user} home={home:?}");
        let outcome = self.steward.ask(&Job::Delete { user, home });
        audit("delete_account", result(&outcome), format_args!("{told}"));
        outcome.map_err(refused)?;
        Ok(Response::Done {})
    }

    /// Has what a worker that was killed left brought to its end, if there is anything.
    pub fn mend_accounts(&self) {
        let create = self.config.accounts == Accounts::Create;
        let left = || Registry::new(&self.config.state_dir).unfinished().is_ok_and(|left| !left.is_empty());
        if create
            && left()
            && let Err(refusal) = self.steward.ask(&Job::Mend {})
        {
            log::error!("accounts that were begun could not be brought to their end: {}", refusal.cause);
        }
    }

    fn may_make_accounts(&self) -> Result<(), Refused> {
        if self.config.accounts == Accounts::Create {
            return Ok(());
        }
        let cause = "accounts = \"create\" is not set in spawner.toml".to_owned();
        Err(Refused { error: ErrorCode::Forbidden, message: "accounts are not made here", cause })
    }

    fn stop_all_of(&self, user: &Username) -> Result<(), Refused> {
        for status in self.engine.list().map_err(failed)? {
            if status.user == *user {
                let id = ServerId { user: status.user, server: status.server };
                self.engine.stop(&id).map_err(failed)?;
            }
        }
        Ok(())
    }
}

fn refused(refusal: Refusal) -> Refused {
    let message = match refusal.error {
        ErrorCode::Exists => "there is an account, a group or a home of that name already",
        ErrorCode::Forbidden => "hubgate may not do this with the account",
        ErrorCode::Busy => "the account is in use, or too many are being made; try again",
        ErrorCode::BadRequest => "the name or the password cannot be used",
        _ => "the account could not be made or changed; the spawner's journal says why",
    };
    Refused { error: refusal.error, message, cause: refusal.cause }
}

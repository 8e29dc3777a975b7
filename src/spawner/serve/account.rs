//! Whose a request is about: the host's account, root's policy about it, and how it stands.

use hubgate_protocol::{AccountState, ErrorCode, LoginName, Phase, Response, ServerId, Username};

use super::Service;
use super::refusal::{Answer, Refused, bad, no_account};
use crate::account::{self, LookupError};
use crate::config::Accounts;
use crate::policy::{self, Denied, LoginAccount};
use crate::steward::registry::Registry;

impl Service {
    /// What root's policy says of the account called `name`.
    pub(super) fn policy(&self, name: &LoginName) -> Result<LoginAccount, Denied> {
        let host = account::find(name).map_err(|error| {
            log::error!("account user={name}: {error}");
            Denied::Unreadable
        })?;
        policy::allow(&self.config, name, host)
    }

    /// The account that an [`Request::Account`](hubgate_protocol::Request::Account) asks for. A database that fails is
    /// told as such: whoever is in stays in.
    pub(super) fn look_up(&self, name: &LoginName) -> Answer {
        let host = account::find(name).map_err(unknown)?;
        let account =
            policy::allow(&self.config, name, host).map_err(|denied| no_account(&name.id(), denied))?;
        Ok(Response::Account { state: self.state(&account)?, account: account.told() })
    }

    /// How an account stands, and when it was made if hubgate did it; a virtual one stands well.
    pub(super) fn state(&self, account: &LoginAccount) -> Result<AccountState, Refused> {
        let Some(host) = account.host() else { return Ok(AccountState::default()) };
        let state = account::state(host).map_err(unknown)?;
        if self.config.accounts != Accounts::Create {
            return Ok(state);
        }
        let record = Registry::new(&self.config.state_dir).get(&host.user).unwrap_or_else(|error| {
            log::error!("account user={}: {error}", host.user);
            None
        });
        let created_s = record.filter(|record| record.uid == host.uid).map(|record| record.created_s);
        Ok(AccountState { created_s, ..state })
    }

    /// Whose the servers of `user` are: the account of that name, or the one that the gateway names for a user who only
    /// stands for it.
    pub(super) fn owner(&self, user: &Username, account: Option<LoginName>) -> Result<LoginAccount, Refused> {
        let name = account.unwrap_or_else(|| user.clone().into());
        // A user's id that is a hash stands for no account of that name, which would have another id.
        match name.id() {
            id if id == *user => self.policy(&name).map_err(|denied| no_account(user, denied)),
            _ if user.is_derived() && name.as_str() == user.as_str() => {
                Err(no_account(user, Denied::Unknown))
            }
            _ => Err(bad("account must be the login name of user")),
        }
    }

    /// A server that may be spoken of: its owner may have servers, or had some until the account was removed.
    pub(super) fn known(&self, id: &ServerId) -> Result<(), Refused> {
        // Only a start makes units of such a name, and it knew the account; no account of the system has one.
        if id.user.is_derived() {
            return Ok(());
        }
        match self.policy(&id.user.clone().into()) {
            Ok(_) => Ok(()),
            Err(Denied::Unknown)
                if self.engine.status(id).is_ok_and(|status| status.phase != Phase::Stopped) =>
            {
                Ok(())
            }
            Err(denied) => Err(no_account(&id.user, denied)),
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is the argument of map_err")]
fn unknown(error: LookupError) -> Refused {
    Refused {
        error: ErrorCode::Engine,
        message: "the accounts of this host cannot be read",
        cause: error.to_string(),
    }
}

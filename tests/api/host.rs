//! The host behind the fake spawner: its accounts, as a test sets them.

use std::collections::{BTreeMap, HashMap};

use hubgate::config::{Authenticator, Config};
use hubgate_protocol::{
    Account, AccountState, AuthOutcome, ErrorCode, Gpu, LoginName, Refusal, Request, Response, Secret,
};

use crate::support::{Character, PASSWORD, TestHub};

/// All accounts have the password [`PASSWORD`].
#[derive(Debug, Default)]
pub struct Host {
    /// Number and state of each.
    pub accounts: HashMap<String, (u32, AccountState)>,
    /// Whether questions about accounts fail.
    pub silent: bool,
    /// GPUs, and the server that has each.
    pub gpus: BTreeMap<String, Option<String>>,
}

impl Host {
    /// An account in these groups.
    pub fn add(&mut self, name: &str, uid: u32, groups: &[&str]) {
        let groups = groups.iter().map(|group| (*group).to_owned()).collect();
        let state = AccountState { groups, password_changed_day: Some(20_000), ..AccountState::default() };
        self.accounts.insert(name.to_owned(), (uid, state));
    }

    /// Its state, to be changed.
    pub fn state(&mut self, name: &str) -> &mut AccountState {
        &mut self.accounts.get_mut(name).unwrap().1
    }

    fn known(&self, user: &LoginName) -> Option<(Account, AccountState)> {
        let (uid, state) = self.accounts.get(user.as_str())?;
        Some((Account { user: user.id(), uid: Some(*uid) }, state.clone()))
    }

    /// What the spawner would answer; `None` where it is not a question about accounts.
    pub fn answer(&self, request: &Request) -> Option<Response> {
        let refused = |error| Response::Error { error, message: "no".to_owned() };
        match request {
            Request::Account { .. } if self.silent => Some(refused(ErrorCode::Busy)),
            Request::Account { user } => Some(match self.known(user) {
                Some((account, state)) => Response::Account { account, state },
                None => refused(ErrorCode::NoAccount),
            }),
            Request::Authenticate { user, password, .. } => {
                let known = self.known(user).filter(|_| password.expose() == PASSWORD);
                let outcome = match known {
                    Some((account, state)) => {
                        let ticket = Secret::try_from("ticket".to_owned()).unwrap();
                        AuthOutcome::Accepted { account, state, ticket }
                    }
                    None => AuthOutcome::Refused { reason: Refusal::BadCredentials {} },
                };
                Some(Response::Authenticated { outcome })
            }
            Request::Gpus {} => {
                let gpu = |(id, holder): (&String, &Option<String>)| Gpu {
                    id: id.clone(),
                    holder: holder.as_ref().map(|holder| holder.parse().unwrap()),
                };
                Some(Response::Gpus { gpus: self.gpus.iter().map(gpu).collect() })
            }
            Request::Start { manner, .. } => {
                let free = self.gpus.values().filter(|holder| holder.is_none()).count();
                let lacks = usize::try_from(manner.gpus).unwrap() > free;
                lacks.then(|| refused(ErrorCode::NoGpu))
            }
            _ => None,
        }
    }
}

/// A hub whose users are accounts of the host: `alice` and `bob` of `physics`, `root_of_all` of `wheel`, `guest` of neither.
pub async fn pam(change: impl FnOnce(&mut Config)) -> TestHub {
    let test = TestHub::with(Character::Obedient, |config| {
        config.authenticator = Authenticator::Pam;
        change(config);
    })
    .await;
    let mut host = test.host.lock();
    host.add("alice", 1001, &["alice", "physics"]);
    host.add("bob", 1002, &["bob", "physics"]);
    host.add("root_of_all", 1003, &["root_of_all", "wheel"]);
    host.add("guest", 1004, &["guest"]);
    drop(host);
    test
}

//! `hubgate init`: everything a new hub needs, the first administrator included, so that no visitor ever becomes one by
//! being first. What exists stays as it is, so running it again is safe.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hubgate_protocol::{Secret, Username};
use nix::unistd::{User, geteuid};

use super::allow::Allow;
use super::{Failure, cert as certificates, failure, prompt, rights, terminal};
use crate::cert::{self, DAYS_MAX, Name};
use crate::clock::Clock;
use crate::config::{Authenticator, Config};
use crate::files::{self, NewFile};
use crate::password;
use crate::state::{admission, key, newcomers, passwords};
use crate::store::{NewUser, Standing, Store, users};

/// Where configuration belongs.
const ETC: &str = "/etc/hubgate";
/// The gateway's account.
const ACCOUNT: &str = "hubgate";
/// Root's policy with its defaults.
const SPAWNER: &str = include_str!("spawner.toml");
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Directory of hubgate.toml, spawner.toml and tls/.
    #[arg(long, value_name = "DIR", default_value = ETC)]
    etc: PathBuf,
    /// Put everything below DIR instead of /, for an image that is being built; owners stay the caller's.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// A name or an address of the site, for the certificate; may be given many times. Default: this machine's.
    #[arg(long = "name", value_name = "NAME")]
    names: Vec<Name>,
    /// First administrator. With pam an account of the host, named in admin_users; with file a user made here.
    #[arg(long, value_name = "NAME")]
    admin: Option<String>,
    /// Who checks passwords. Default: pam, or what an existing hubgate.toml says.
    #[arg(long)]
    authenticator: Option<Choice>,
    /// Read the administrator's password (file authenticator) as one line from standard input. Without this one is made
    /// up and printed once.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    allow: Allow,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Choice {
    /// The host's accounts.
    Pam,
    /// The hub's own users.
    File,
}

/// What will be made, decided before anything is.
struct Plan {
    root: PathBuf,
    etc: PathBuf,
    config: Config,
    is_new: bool,
    admin: Username,
    account: Option<(u32, u32)>,
}

pub(super) fn run(arguments: Arguments) -> Result<(), Failure> {
    let plan = plan(&arguments)?;
    let password = password(&plan, arguments.password_stdin)?;
    write_configuration(&plan)?;
    write_certificate(&plan, arguments.names)?;
    let state = below(&plan.root, &plan.config.state_dir);
    tell(files::make_directory(&state, 0o700, plan.account)?, &state)?;
    rights::become_owner_of(&state)?;
    let key = state.join(Config::KEY);
    let is_new = key.symlink_metadata().is_err();
    key::load_or_make(&key)?;
    tell(is_new, &key)?;
    administrator(&plan, &state, password)?;
    admission::closed(&plan.config).into_iter().for_each(terminal::complain);
    Ok(())
}

fn plan(arguments: &Arguments) -> Result<Plan, Failure> {
    let root = arguments.root.as_deref().unwrap_or(Path::new("/"));
    let root = root.canonicalize().map_err(|error| Failure(format!("{}: {error}", root.display())))?;
    let etc = below(&root, &std::path::absolute(&arguments.etc)?);
    let account = account(arguments)?;
    let path = etc.join("hubgate.toml");
    let is_new = path.symlink_metadata().is_err();
    let admin = admin(arguments)?;
    let config = if is_new { new_config(arguments, &admin)? } else { Config::load(&path)? };
    if let (false, Some(choice)) = (is_new, arguments.authenticator)
        && config.authenticator != choice.into()
    {
        return failure(format!(
            "{} exists and names another authenticator; change it there",
            path.display()
        ));
    }
    if !is_new && arguments.allow.is_given() {
        return failure(format!("{} exists; say there who may come in", path.display()));
    }
    check_admin(&config, &path, &admin)?;
    Ok(Plan { root, etc, config, is_new, admin, account })
}

impl From<Choice> for Authenticator {
    fn from(choice: Choice) -> Self {
        match choice {
            Choice::Pam => Self::Pam,
            Choice::File => Self::File,
        }
    }
}

/// The same path below another root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// The gateway's account. Its absence matters only where root writes the host's own configuration.
fn account(arguments: &Arguments) -> Result<Option<(u32, u32)>, Failure> {
    if !geteuid().is_root() || arguments.root.is_some() {
        return Ok(None);
    }
    match User::from_name(ACCOUNT)? {
        Some(user) => Ok(Some((user.uid.as_raw(), user.gid.as_raw()))),
        None if arguments.etc == Path::new(ETC) => failure(
            "there is no account hubgate on this host, who would own the database: run systemd-sysusers (`make install` \
             does), or useradd --system hubgate; for an image use --root DIR",
        ),
        None => Ok(None),
    }
}

fn admin(arguments: &Arguments) -> Result<Username, Failure> {
    let name = match &arguments.admin {
        Some(name) => name.clone(),
        None => prompt::line("Name of the first administrator")?
            .ok_or_else(|| Failure("say who is the first administrator: --admin NAME".to_owned()))?,
    };
    name.parse().map_err(|error| Failure(format!("{name:?}: {error}")))
}

fn new_config(arguments: &Arguments, admin: &Username) -> Result<Config, Failure> {
    let authenticator = arguments.authenticator.unwrap_or(Choice::Pam).into();
    let admin_users = if authenticator == Authenticator::Pam { vec![admin.clone()] } else { Vec::new() };
    let ca_certificate = std::path::absolute(&arguments.etc)?.join("tls/ca.crt");
    let mut config = Config { authenticator, admin_users, ca_certificate, ..Config::default() };
    arguments.allow.apply(&mut config)?;
    Ok(config)
}

fn check_admin(config: &Config, path: &Path, admin: &Username) -> Result<(), Failure> {
    let refused = match config.authenticator {
        Authenticator::File => {
            newcomers::taken().parse(admin.as_str(), true).err().map(|error| error.to_string())
        }
        Authenticator::Pam if newcomers::taken().has(admin) => {
            Some("is an account of the system, which cannot log in".to_owned())
        }
        Authenticator::Pam if !config.admin_users.contains(admin) => {
            Some(format!("{} exists and does not name it: add it to admin_users there", path.display()))
        }
        Authenticator::Pam | Authenticator::None => None,
    };
    refused.map_or(Ok(()), |why| failure(format!("administrator {admin}: {why}")))
}

/// The first administrator's password.
enum FirstPassword {
    /// PAM knows it.
    OfTheHost,
    /// Read from stdin.
    Given(Secret),
    /// Made up here; printed once.
    Generated(Secret),
}

/// Decides about the password before anything is written.
fn password(plan: &Plan, from_stdin: bool) -> Result<FirstPassword, Failure> {
    match (plan.config.authenticator, from_stdin) {
        (Authenticator::Pam | Authenticator::None, _) => Ok(FirstPassword::OfTheHost),
        (Authenticator::File, true) => {
            let given = prompt::new_password(true, plan.admin.as_str())?;
            passwords::strength(&plan.config).check(&given, &[plan.admin.as_str()])?;
            Ok(FirstPassword::Given(given))
        }
        (Authenticator::File, false) => Ok(FirstPassword::Generated(password::generated()?)),
    }
}

fn tell(is_new: bool, path: &Path) -> Result<(), Failure> {
    terminal::say(&format!("{} {}", if is_new { "made" } else { "kept" }, path.display()))
}

fn write_configuration(plan: &Plan) -> Result<(), Failure> {
    // Root writes it, the gateway's group reads it.
    let owner = plan.account.map(|(_, gid)| (0, gid));
    let gateway = (plan.etc.join("hubgate.toml"), 0o640, plan.config.to_toml(), owner);
    let spawner = (plan.etc.join("spawner.toml"), 0o600, SPAWNER.to_owned(), None);
    for (path, mode, text, owner) in [gateway, spawner] {
        let is_new = path.symlink_metadata().is_err();
        if is_new {
            files::place(&[NewFile { path: path.clone(), mode, bytes: text.into_bytes().into(), owner }])?;
        }
        tell(is_new, &path)?;
    }
    Ok(())
}

/// A certificate of one's own (server.crt and server.key, put there before) is taken as it is.
fn write_certificate(plan: &Plan, names: Vec<Name>) -> Result<(), Failure> {
    let tls = plan.etc.join("tls");
    let present = |name: &str| tls.join(name).symlink_metadata().is_ok();
    if present("server.crt") && present("server.key") {
        tell(false, &tls.join("server.crt"))?;
        return tell(false, &tls.join("server.key"));
    }
    let names = if names.is_empty() { certificates::own_names() } else { names };
    let (days, ca_days) = (DAYS_MAX, certificates::CA_DAYS);
    let made = cert::create(&tls, &cert::Plan { names, days, ca_days, now_s: Clock::System.now_s() })?;
    made.iter().try_for_each(|path| tell(true, path))
}

fn administrator(plan: &Plan, state: &Path, password: FirstPassword) -> Result<(), Failure> {
    let (admin, path) = (&plan.admin, state.join(Config::DATABASE));
    let is_new = path.symlink_metadata().is_err();
    let store = Store::open(&path)?;
    tell(is_new, &path)?;
    let (password, shown) = match password {
        FirstPassword::OfTheHost => {
            let verb = if plan.is_new { "is" } else { "stays" };
            return terminal::say(&format!(
                "{admin} {verb} administrator, with the password of the account on this host"
            ));
        }
        FirstPassword::Given(password) => (password, None),
        FirstPassword::Generated(password) => (password.clone(), Some(password)),
    };
    if store.read(|c| users::by_name(c, admin))?.is_some() {
        return terminal::say(&format!(
            "kept user {admin}; `hubgate user passwd {admin}` changes the password"
        ));
    }
    let hash = password::hash(&password)?;
    let created_s = Clock::System.now_s();
    let new = NewUser {
        name: admin.clone(),
        admin: true,
        password_hash: Some(hash),
        created_s,
        standing: Standing::default(),
    };
    store.write(|c| users::insert(c, &new))?;
    terminal::say(&format!("made administrator {admin}"))?;
    shown.map_or(Ok(()), |password| {
        terminal::say(&format!("password: {} (shown this once)", password.expose()))
    })
}

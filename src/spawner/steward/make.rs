//! Making an account: uid, record, `useradd`, home, password, quota; what fails is undone.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use hubgate_protocol::{Secret, Username};
use nix::unistd::{Gid, Group, Uid, User};
use zeroize::Zeroizing;

use super::registry::{Record, Stage};
use super::tool::Tool;
use super::worker::Desk;
use super::{Outcome, Refusal, mend};
use crate::clock::unix_s;
use crate::config::Create;

/// What root's quota program may take.
const HOOK_PATIENCE: Duration = Duration::from_secs(60);
/// Letters of a one-time password: none that is taken for another.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// How many of them, 5 bits each, in groups of five.
const ONE_TIME_LETTERS: usize = 20;

/// Makes the account of `user`, whose name was looked at; without a `password` it gets one that works once.
pub(super) fn make(desk: &Desk, user: &Username, password: Option<Secret>) -> Result<Outcome, Refusal> {
    if password.as_ref().is_some_and(|password| !is_line(password.expose())) {
        let cause = "the password is empty or has control characters".to_owned();
        return Err(Refusal { error: hubgate_protocol::ErrorCode::BadRequest, cause });
    }
    let record = plan(desk, user)?;
    desk.registry.give_uid(record.uid)?;
    desk.registry.put(user, &record)?;
    let made = build(desk, user, &record).and_then(|()| admit(desk, user, &record, password));
    match made {
        Ok(told) => {
            desk.registry.put(user, &Record { stage: Stage::Made, ..record.clone() })?;
            Ok(Outcome::Created { uid: record.uid, password: told })
        }
        Err(refusal) => {
            mend::undo(desk, user, &record)?;
            Err(refusal)
        }
    }
}

/// Nothing of that name may be there: neither an account nor a group, nor the home of somebody who was called so.
fn plan(desk: &Desk, user: &Username) -> Result<Record, Refusal> {
    let create = &desk.config.create;
    if User::from_name(user.as_str())?.is_some() {
        return Err(Refusal::exists(format!("user={user}: there is an account of that name")));
    }
    let own_group = create.primary_group.is_empty();
    if own_group && Group::from_name(user.as_str())?.is_some() {
        return Err(Refusal::exists(format!("user={user}: there is a group of that name")));
    }
    let home = create.home_dir.join(user.as_str());
    if fs::symlink_metadata(&home).is_ok() {
        let text = format!(
            "{}: is there already, perhaps of an account that was removed; move it away",
            home.display()
        );
        return Err(Refusal::exists(text));
    }
    for name in create.groups.iter().chain(Some(&create.primary_group).filter(|name| !name.is_empty())) {
        let group = Group::from_name(name)?;
        if !group.is_some_and(|group| Create::may_be_member(&group.name, group.gid.as_raw())) {
            let text =
                format!("create: {name}: there is no such group, or it is the system's; nobody gets it");
            return Err(Refusal::failed(text));
        }
    }
    let created_s = i64::try_from(unix_s()).unwrap_or(i64::MAX);
    Ok(Record { uid: free_uid(desk)?, created_s, home, own_group, stage: Stage::Making, expire_day: None })
}

/// The next number that nobody ever had from us, and nobody has now.
fn free_uid(desk: &Desk) -> Result<u32, Refusal> {
    let create = &desk.config.create;
    let last = desk.registry.last_uid()?.map_or(create.uid_min, |last| last.saturating_add(1));
    for uid in last.max(create.uid_min)..=create.uid_max {
        if User::from_uid(Uid::from_raw(uid))?.is_none() && Group::from_gid(Gid::from_raw(uid))?.is_none() {
            return Ok(uid);
        }
    }
    Err(Refusal::failed("no uid is left: raise create.uid_max in spawner.toml".to_owned()))
}

fn build(desk: &Desk, user: &Username, record: &Record) -> Result<(), Refusal> {
    let create = &desk.config.create;
    fs::create_dir_all(&create.home_dir)?;
    let (uid, groups) = (record.uid.to_string(), create.groups.join(","));
    let (home, shell) = (text(&record.home)?, text(&create.shell)?);
    let skeleton = text(&create.skeleton)?;
    let mut args = vec!["--uid", uid.as_str(), "--create-home", "--home-dir", home, "--skel", skeleton];
    args.extend(["--shell", shell, "--comment", ""]);
    if record.own_group {
        args.push("--user-group");
    } else {
        args.extend(["--gid", create.primary_group.as_str()]);
    }
    if !groups.is_empty() {
        args.extend(["--groups", groups.as_str()]);
    }
    if user.has_dot() {
        args.push("--badname");
    }
    args.extend(["--", user.as_str()]);
    Tool::new("useradd", args).run()?;
    // Its parent is root's, and the account has no password yet: nobody can have put something else there.
    fs::set_permissions(&record.home, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// Quota first, then the password: nobody comes in before all is right.
fn admit(
    desk: &Desk,
    user: &Username,
    record: &Record,
    given: Option<Secret>,
) -> Result<Option<Secret>, Refusal> {
    let hook = &desk.config.create.quota_hook;
    if !hook.as_os_str().is_empty() {
        let uid = record.uid.to_string();
        Tool::new(hook, vec![user.as_str(), uid.as_str()]).patience(HOOK_PATIENCE).run()?;
    }
    let once = if given.is_none() { Some(one_time()?) } else { None };
    let Some(password) = once.as_ref().or(given.as_ref()) else { return Ok(None) };
    let line = Zeroizing::new(format!("{user}:{}\n", password.expose()));
    Tool::new("chpasswd", vec![]).input(line).run()?;
    if once.is_some() {
        Tool::new("chage", vec!["--lastday", "0", user.as_str()]).run()?;
    }
    Ok(once)
}

/// 100 bits.
fn one_time() -> Result<Secret, Refusal> {
    let mut bytes = Zeroizing::new([0_u8; ONE_TIME_LETTERS]);
    openssl::rand::rand_priv_bytes(bytes.as_mut_slice())
        .map_err(|error| Refusal::failed(format!("no random bytes: {error}")))?;
    let mut text = String::new();
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 && at % 5 == 0 {
            text.push('-');
        }
        text.push(LETTERS.get(usize::from(byte & 31)).map_or('a', |letter| char::from(*letter)));
    }
    Secret::try_from(text).map_err(|error| Refusal::failed(error.to_string()))
}

/// Whether a password is one line of something, as `chpasswd` reads it.
fn is_line(password: &str) -> bool {
    !password.is_empty() && !password.chars().any(char::is_control)
}

fn text(path: &Path) -> Result<&str, Refusal> {
    path.to_str().ok_or_else(|| Refusal::failed(format!("{}: is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_one_time_password_can_be_read_out_and_is_never_the_same() {
        let (one, other) = (one_time().unwrap(), one_time().unwrap());
        assert_eq!(one.expose().len(), 23);
        assert_ne!(one.expose(), other.expose());
        assert!(one.expose().bytes().all(|b| LETTERS.contains(&b) || b == b'-'));
    }

    #[test]
    fn a_password_cannot_bring_a_second_line() {
        for bad in ["", "a\nroot:x", "a\r", "\u{7f}"] {
            assert!(!is_line(bad), "{bad:?}");
        }
        assert!(is_line("correct: horse é"));
    }
}

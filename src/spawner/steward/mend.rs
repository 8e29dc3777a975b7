//! What a worker that was killed left: half an account is undone, half a removal is finished, locks of the dead are freed.

use std::fs;
use std::io;
use std::path::Path;

use hubgate_protocol::Username;

use super::registry::{Record, Stage};
use super::tool::Tool;
use super::worker::Desk;
use super::{Refusal, remove};

/// Where the host's own accounts stand, and shadow-utils its locks.
const ETC: &str = "/etc";
/// Its files of a line an account.
const FILES: [&str; 6] = ["passwd", "shadow", "group", "gshadow", "subuid", "subgid"];
/// `userdel`: the account is not there. A worker before this one came as far.
const NO_SUCH_ACCOUNT: Option<i32> = Some(6);

/// Brings to its end whatever was begun.
pub(super) fn all(desk: &Desk) -> Result<(), Refusal> {
    free_locks()?;
    for (user, record) in desk.registry.unfinished()? {
        log::warn!("accounts: what was begun with {user} is brought to its end");
        match record.stage {
            Stage::Making => undo(desk, &user, &record)?,
            Stage::Removing { home } => remove::finish(desk, &user, &record, home)?,
            Stage::Made => {}
        }
    }
    Ok(())
}

/// Takes back an account that is not wholly made. Nothing under its name was there before.
pub(super) fn undo(desk: &Desk, user: &Username, record: &Record) -> Result<(), Refusal> {
    strike_out(user, record, true)?;
    remove::clear(&record.home)?;
    Ok(desk.registry.remove(user)?)
}

/// Takes the account out of all files of the host, from wherever a program before this one came; `new` ones have no owner
/// whose processes count.
pub(super) fn strike_out(user: &Username, record: &Record, new: bool) -> Result<(), Refusal> {
    let name = user.as_str();
    match uid_of(name)? {
        Some(uid) if uid == record.uid => userdel(name, new)?,
        // Somebody else's, made by hand meanwhile.
        Some(_) => return Ok(()),
        // Lines in the other files, without their account: shadow-utils finds them when it makes the account once more.
        None if stands_in(name, &["shadow", "gshadow", "subuid", "subgid"])?
            && !stands_in(name, &["group"])? =>
        {
            let uid = record.uid.to_string();
            let mut args = vec!["--uid", uid.as_str(), "--no-create-home", "--user-group"];
            if user.has_dot() {
                args.push("--badname");
            }
            args.extend(["--", name]);
            Tool::new("useradd", args).run()?;
            userdel(name, new)?;
        }
        None => {}
    }
    if record.own_group && stands_in(name, &["group"])? {
        Tool::new("groupdel", vec!["--", name]).run()?;
    }
    Ok(())
}

fn userdel(name: &str, new: bool) -> Result<(), Refusal> {
    let args = if new { vec!["--force", "--", name] } else { vec!["--", name] };
    match Tool::new("userdel", args).run() {
        Err(error) if error.status != NO_SUCH_ACCOUNT => Err(error.into()),
        _ => Ok(()),
    }
}

/// The number of an account in the host's own file, whatever other databases say.
fn uid_of(name: &str) -> io::Result<Option<u32>> {
    let text = fs::read_to_string(Path::new(ETC).join("passwd"))?;
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.split(':').nth(1)?.parse().ok()))
}

/// Whether one of these files has a line of that name.
fn stands_in(name: &str, files: &[&str]) -> io::Result<bool> {
    for file in files {
        match fs::read_to_string(Path::new(ETC).join(file)) {
            Ok(text)
                if text
                    .lines()
                    .any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))) =>
            {
                return Ok(true);
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(false)
}

/// shadow-utils leaves `passwd.lock` and `passwd.PID` when it is killed, each with the number of a process in it.
fn free_locks() -> io::Result<()> {
    for entry in fs::read_dir(ETC)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        let Some((file, suffix)) = name.split_once('.') else { continue };
        if !FILES.contains(&file) || !(suffix == "lock" || suffix.bytes().all(|b| b.is_ascii_digit())) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.trim_matches(['\0', '\n', ' ']).parse().is_ok_and(is_gone) {
            log::warn!("{}: its process is gone; removed", path.display());
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// Whether a process is no more; one that waits to be reaped, which its parent may forget to do, holds nothing either.
fn is_gone(pid: u32) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        // proc_pid_stat(5): the state follows the name, which is in parentheses and may hold anything.
        Ok(stat) => stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X'])),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

//! Locking an account and unlocking it: the password, and by its expiry every other way in.

use hubgate_protocol::Username;

use super::registry::Record;
use super::tool::Tool;
use super::worker::Desk;
use super::{Outcome, Refusal};
use crate::os;

/// The day on which a locked account expired: usermod(8) says so.
const LONG_AGO: &str = "1";

/// Locks the account of `user`, or unlocks it and gives it the expiry back that it had.
pub(super) fn set(desk: &Desk, user: &Username, locked: bool) -> Result<Outcome, Refusal> {
    let (record, host) = desk.ours(user)?;
    match (locked, record.expire_day) {
        (true, None) => {
            let day = os::shadow(&host.c_name())?.map_or(-1, |shadow| shadow.expire);
            // First the note: a worker that is killed in between leaves an account that can be unlocked.
            desk.registry.put(user, &Record { expire_day: Some(day), ..record })?;
            lock(user)?;
        }
        // Once more, for one that root unlocked by hand.
        (true, Some(_)) => lock(user)?,
        (false, before) => {
            let day = before.filter(|day| *day >= 0).map_or_else(String::new, |day| day.to_string());
            let mut args = vec!["--unlock"];
            if before.is_some() {
                args.extend(["--expiredate", day.as_str()]);
            }
            args.extend(["--", user.as_str()]);
            Tool::new("usermod", args).run()?;
            desk.registry.put(user, &Record { expire_day: None, ..record })?;
        }
    }
    Ok(Outcome::Done {})
}

fn lock(user: &Username) -> Result<(), Refusal> {
    Ok(Tool::new("usermod", vec!["--lock", "--expiredate", LONG_AGO, "--", user.as_str()]).run()?)
}

//! The descendants of a process, read from `/proc`.

use std::collections::HashMap;
use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Sends `signal` to every descendant of `ancestor`.
///
/// The ancestor must be a subreaper: a descendant whose parent died is then its child, so that none is ever missed for good.
/// A pid that was read cannot become another's before the signal goes out unless its parent reaped it and all other pids
/// were used in between.
pub fn signal_all(ancestor: Pid, signal: Signal) {
    let all = descendants(ancestor.as_raw(), &parents());
    for pid in &all {
        // It may have ended meanwhile.
        let _gone = kill(Pid::from_raw(*pid), signal);
    }
}

/// Every process and its parent.
fn parents() -> Vec<(i32, i32)> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(|pid| Some((pid, parent(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)?)))
        .collect()
}

/// Field 4 of proc_pid_stat(5). The name before it is in parentheses and may hold anything, parentheses too.
fn parent(stat: &str) -> Option<i32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_ascii_whitespace();
    let state = fields.next()?;
    // A zombie needs no signal any more, and has no children.
    if state == "Z" { None } else { fields.next()?.parse().ok() }
}

fn descendants(root: i32, parents: &[(i32, i32)]) -> Vec<i32> {
    let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
    for (pid, parent) in parents {
        children.entry(*parent).or_default().push(*pid);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(pid) = open.pop() {
        let own = children.remove(&pid).unwrap_or_default();
        found.extend(&own);
        open.extend(own);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_process_name_does_not_hide_its_parent() {
        assert_eq!(parent("12 (a) S 1 (b) S 7 12 12 0"), Some(7));
        assert_eq!(parent("12 (python3) R 3 12"), Some(3));
        assert_eq!(parent("12 (python3) Z 3 12"), None);
        assert_eq!(parent(""), None);
    }

    #[test]
    fn all_descendants_are_found_and_nobody_else() {
        let mut found = descendants(10, &[(11, 10), (12, 11), (13, 12), (20, 1), (21, 20), (14, 10)]);
        found.sort_unstable();
        assert_eq!(found, [11, 12, 13, 14]);
        assert!(descendants(99, &[(11, 10)]).is_empty());
        assert_eq!(descendants(5, &[(5, 5), (6, 5)]).len(), 2);
    }
}

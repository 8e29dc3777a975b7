//! Users as a CSV file that a spreadsheet shows without running anything, and that reads back as it was.

use std::collections::BTreeMap;

use csv::{Terminator, WriterBuilder};
use hubgate_protocol::Username;

use super::Entry;
use crate::domain::time::iso;

/// What a spreadsheet reads as the begin of a formula; and our own mark, so that it can stand at a beginning itself.
pub(super) const FORMULA: [char; 7] = ['=', '+', '-', '@', '\t', '\r', '\''];

/// The file. `None` where a row cannot be written, which no value of these types leads to.
#[must_use]
pub fn write(users: &BTreeMap<Username, Entry>) -> Option<String> {
    let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(["user", "groups", "admin", "display_name", "login", "expires"]).ok()?;
    for (name, entry) in users {
        let groups: Vec<String> = entry.groups.iter().map(|group| escaped(group.as_str())).collect();
        let row = [
            name.to_string(),
            groups.join(";"),
            entry.admin.to_string(),
            entry.display_name.clone().unwrap_or_default(),
            entry.login.as_ref().map(ToString::to_string).unwrap_or_default(),
            entry.expires_s.map(|at_s| iso(at_s.saturating_mul(1_000_000))).unwrap_or_default(),
        ];
        writer.write_record(row.iter().map(|cell| harmless(cell))).ok()?;
    }
    String::from_utf8(writer.into_inner().ok()?).ok()
}

fn escaped(group: &str) -> String {
    group.replace('\\', "\\\\").replace(';', "\\;")
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    let own_mark = cell.strip_prefix('\'').is_some_and(|rest| rest.starts_with(FORMULA));
    let formula = cell.starts_with(FORMULA) && !cell.starts_with('\'');
    if formula || own_mark { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::read;

    #[test]
    fn what_is_written_is_read_back_and_no_cell_is_a_formula() {
        let names = ["=cmd|' /C calc'!A0", "+1", "-2", "@x", "'quoted", "'=x", "''=x", "张三", "a,\"b\""];
        let users: BTreeMap<Username, Entry> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let groups = ["=g", "a;b", "c\\"].map(|group| group.parse().unwrap()).into();
                let entry = Entry {
                    admin: n % 2 == 0,
                    groups,
                    display_name: Some((*name).to_owned()),
                    login: Some(format!("N.{n}@x.cn").parse().unwrap()),
                    expires_s: Some(1_800_000_000),
                    password: false,
                };
                (format!("u{n}").parse().unwrap(), entry)
            })
            .collect();
        let text = write(&users).unwrap();
        assert!(
            !text
                .lines()
                .flat_map(|line| line.split(','))
                .any(|cell| { cell.trim_start_matches('"').starts_with(['=', '+', '-', '@']) }),
            "{text}"
        );
        let (rows, bad) = read(text.as_bytes()).unwrap();
        assert_eq!((rows.len(), bad.len()), (users.len(), 0), "{bad:?}");
        for row in rows {
            let entry = &users[&row.user];
            assert_eq!(row.groups.as_ref(), Some(&entry.groups));
            assert_eq!((row.admin, row.expires_s), (Some(entry.admin), Some(entry.expires_s)));
            assert_eq!(
                (row.display_name, row.login),
                (Some(entry.display_name.clone()), Some(entry.login.clone()))
            );
        }
    }
}

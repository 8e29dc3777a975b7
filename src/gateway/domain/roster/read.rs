//! A CSV file of users, read whole and checked whole: every bad row is named with its line.

use std::collections::{BTreeSet, HashMap};

use csv::{ReaderBuilder, StringRecord};
use hubgate_protocol::{LoginName, Secret, Username};

use super::{RowError, said};
use crate::domain::display_name::is_display_name;
use crate::domain::entity::GroupName;
use crate::domain::strength::typeable;
use crate::domain::timestamp;
use crate::words::Message;

/// Largest file in bytes.
pub const FILE_MAX: usize = 2 * 1024 * 1024;
/// Most rows.
pub const ROWS_MAX: usize = 10_000;
/// Longest field in bytes.
const FIELD_MAX: usize = 256;

/// One good row. A column that the file does not have is `None`; an empty cell says "nothing", but for the password, where it
/// says no more than a missing column.
#[derive(Debug, Clone)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// Who.
    pub user: Username,
    /// A password for them.
    pub password: Option<Secret>,
    /// All their groups of the hub.
    pub groups: Option<BTreeSet<GroupName>>,
    /// Whether they administer the hub.
    pub admin: Option<bool>,
    /// What people call them.
    pub display_name: Option<Option<String>>,
    /// What they type.
    pub login: Option<Option<LoginName>>,
    /// When they stop being users, seconds since 1970.
    pub expires_s: Option<Option<i64>>,
}

/// The columns of a file, each where it is.
#[derive(Default)]
struct Columns {
    user: Option<usize>,
    password: Option<usize>,
    groups: Option<usize>,
    admin: Option<usize>,
    display_name: Option<usize>,
    login: Option<usize>,
    expires: Option<usize>,
    count: usize,
}

impl Columns {
    fn place(&mut self, name: &str) -> Option<&mut Option<usize>> {
        match name {
            "user" | "username" | "name" => Some(&mut self.user),
            "passwd" | "password" => Some(&mut self.password),
            "groups" => Some(&mut self.groups),
            "admin" => Some(&mut self.admin),
            "display_name" => Some(&mut self.display_name),
            "login" | "login_name" => Some(&mut self.login),
            "expires" => Some(&mut self.expires),
            _ => None,
        }
    }

    fn read(header: &StringRecord) -> Result<Self, Message> {
        let mut columns = Self { count: header.len(), ..Self::default() };
        for (index, name) in header.iter().enumerate() {
            if name.contains([';', '\t']) {
                return Err(Message::new("list-commas"));
            }
            let Some(place) = columns.place(name) else {
                return Err(Message::new("list-header-unknown").with("name", format!("{name:?}")));
            };
            if place.replace(index).is_some() {
                return Err(Message::new("list-header-twice").with("name", format!("{name:?}")));
            }
        }
        match columns.user {
            Some(_) => Ok(columns),
            None => Err(Message::new("list-header-user")),
        }
    }
}

/// Reads a file: its good rows and its bad ones.
///
/// # Errors
/// Why it is no such file.
pub fn read(bytes: &[u8]) -> Result<(Vec<Row>, Vec<RowError>), RowError> {
    let of_file = |what: Message| RowError { line: 0, what };
    let text = text(bytes).map_err(|key| of_file(Message::new(key)))?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(_)) | None => return Err(of_file(Message::new("list-empty"))),
    };
    let columns = Columns::read(&header).map_err(of_file)?;
    let mut rows = Rows { text, columns, seen: HashMap::new(), good: Vec::new(), bad: Vec::new() };
    for record in records {
        let record = record.map_err(|_| of_file(Message::new("list-csv")))?;
        rows.add(&record);
        if rows.good.len() + rows.bad.len() > ROWS_MAX {
            return Err(of_file(Message::new("list-rows").with("most", ROWS_MAX)));
        }
    }
    if rows.good.is_empty() && rows.bad.is_empty() {
        return Err(of_file(Message::new("list-no-row")));
    }
    Ok((rows.good, rows.bad))
}

/// The text of a file, if it is one.
fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() > FILE_MAX {
        return Err("list-large");
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err("list-spreadsheet");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("list-utf16");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "list-utf8")?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

struct Rows<'t> {
    text: &'t str,
    columns: Columns,
    seen: HashMap<String, u64>,
    good: Vec<Row>,
    bad: Vec<RowError>,
}

impl Rows<'_> {
    /// The reader's position is before the empty lines that it skips.
    fn line(&self, position: &csv::Position) -> u64 {
        let from =
            usize::try_from(position.byte()).ok().and_then(|at| self.text.get(at..)).unwrap_or_default();
        let skipped = from.bytes().take_while(|b| matches!(b, b'\r' | b'\n')).filter(|b| *b == b'\n').count();
        position.line() + u64::try_from(skipped).unwrap_or_default()
    }

    fn add(&mut self, record: &StringRecord) {
        let line = record.position().map_or(0, |position| self.line(position));
        match self.check(record, line) {
            Ok(row) => self.good.push(row),
            Err(what) => self.bad.push(RowError { line, what }),
        }
    }

    fn check(&mut self, record: &StringRecord, line: u64) -> Result<Row, Message> {
        let columns = &self.columns;
        if record.len() != columns.count {
            let counts = Message::new("list-columns").with("count", record.len());
            return Err(counts.with("wanted", columns.count));
        }
        if record.iter().any(|field| field.len() > FIELD_MAX) {
            return Err(Message::new("list-field").with("most", FIELD_MAX));
        }
        let raw = |at: Option<usize>| at.map(|index| record.get(index).unwrap_or_default());
        let cell = |at: Option<usize>| raw(at).map(plain);
        let in_column = |name: &'static str| move |what: Message| said::of_column(name, what);
        let user: Username = cell(columns.user)
            .unwrap_or_default()
            .parse()
            .map_err(said::no_name)
            .map_err(in_column("user"))?;
        let password = raw(columns.password).filter(|text| !text.is_empty()).map(typeable).transpose();
        let row = Row {
            line,
            password: password.map_err(|error| in_column("passwd")(said::no_password(&error)))?,
            groups: cell(columns.groups).map(groups).transpose().map_err(in_column("groups"))?,
            admin: cell(columns.admin).map(truth).transpose().map_err(in_column("admin"))?,
            display_name: cell(columns.display_name)
                .map(display)
                .transpose()
                .map_err(in_column("display_name"))?,
            login: cell(columns.login)
                .map(|text| login(text, &user))
                .transpose()
                .map_err(in_column("login"))?,
            expires_s: cell(columns.expires).map(day).transpose().map_err(in_column("expires"))?,
            user,
        };
        if let Some(first) = self.seen.insert(row.user.to_string(), line) {
            let again = Message::new("list-again").with("name", &row.user).with("line", first);
            return Err(said::of_column("user", again));
        }
        Ok(row)
    }
}

/// A cell without the mark that keeps spreadsheets from reading it as a formula, see [`super::write`].
fn plain(cell: &str) -> &str {
    let marked = cell.strip_prefix('\'').filter(|rest| rest.starts_with(super::write::FORMULA));
    marked.unwrap_or(cell)
}

fn truth(text: &str) -> Result<bool, Message> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" | "" => Ok(false),
        _ => Err(Message::new("list-truth")),
    }
}

/// Names with a `;` between them; a `\` before `;` or `\` makes it part of a name.
fn groups(text: &str) -> Result<BTreeSet<GroupName>, Message> {
    let mut names = vec![String::new()];
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        let literal = if letter == '\\' { letters.next() } else { None };
        match (literal.unwrap_or(letter), literal, names.last_mut()) {
            (';', None, _) => names.push(String::new()),
            (letter, _, Some(name)) => name.push(letter),
            _ => {}
        }
    }
    let given = names.iter().filter(|name| !name.is_empty());
    given.map(|name| name.parse::<GroupName>().map_err(|_| Message::new("list-group"))).collect()
}

fn display(text: &str) -> Result<Option<String>, Message> {
    match text {
        "" => Ok(None),
        text if is_display_name(text) => Ok(Some(text.to_owned())),
        _ => Err(Message::new("list-display")),
    }
}

fn login(text: &str, user: &Username) -> Result<Option<LoginName>, Message> {
    if text.is_empty() || text == user.as_str() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(said::no_name)
}

fn day(text: &str) -> Result<Option<i64>, Message> {
    if text.is_empty() {
        return Ok(None);
    }
    let at_us = timestamp::parse(text).ok_or_else(|| Message::new("list-day"))?;
    Ok(Some(at_us.div_euclid(1_000_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(bytes: &[u8]) -> Vec<String> {
        match read(bytes) {
            Ok((_, bad)) => bad.iter().map(ToString::to_string).collect(),
            Err(error) => vec![error.to_string()],
        }
    }

    fn rows(text: &str) -> Vec<Row> {
        let (good, bad) = read(text.as_bytes()).expect(text);
        assert_eq!(bad, [], "{text}");
        good
    }

    #[test]
    fn the_two_columns_of_home_made_files_are_read_in_any_order_with_or_without_a_mark() {
        for text in
            ["user,passwd\nann,pw\n", "\u{feff}username,password\r\nann,pw\r\n", "passwd,user\npw,ann"]
        {
            let row = rows(text).remove(0);
            assert_eq!((row.user.as_str(), row.password.unwrap().expose(), row.admin), ("ann", "pw", None));
        }
    }

    #[test]
    fn every_column_is_read() {
        let text = "user,passwd,groups,admin,display_name,login,expires\n\
                    ann,\"a,\"\"b\"\"\",\"g1;two words;a\\;b\\\\\",TRUE,\"Ann, O'Hara\",A.B@x.cn,2027-01-31\nbob,,,,,bob,\n";
        let all = rows(text);
        let (ann, bob) = (&all[0], &all[1]);
        let groups: Vec<&str> = ann.groups.as_ref().unwrap().iter().map(GroupName::as_str).collect();
        assert_eq!(groups, ["a;b\\", "g1", "two words"]);
        assert_eq!(ann.password.as_ref().unwrap().expose(), "a,\"b\"");
        assert_eq!((ann.admin, ann.display_name.clone()), (Some(true), Some(Some("Ann, O'Hara".to_owned()))));
        assert_eq!(ann.login.clone().flatten().unwrap().as_str(), "A.B@x.cn");
        assert_eq!(ann.expires_s, Some(Some(1_801_353_600)));
        assert!(bob.password.is_none() && bob.groups.as_ref().unwrap().is_empty());
        assert_eq!((bob.admin, bob.login.clone(), bob.expires_s), (Some(false), Some(None), Some(None)));
    }

    #[test]
    fn every_bad_row_is_named_with_its_line() {
        let text = "user,passwd,admin\nann,pw,false\nRoot,x,true\n-o,x,\n\nann,y,\ncarl,x,TRUE;rm\ndan,x\neve,x,,z\n";
        let (good, bad) = read(text.as_bytes()).unwrap();
        assert_eq!(good.len(), 1);
        assert_eq!(bad.iter().map(|error| error.line).collect::<Vec<_>>(), [3, 4, 6, 7, 8, 9]);
        let text =
            "user,groups,display_name,login,expires\na,../g,,,\nb,,two\tcells,,\nc,,,a b,\nd,,,,soon\n";
        let columns: Vec<String> = errors(text.as_bytes());
        for (error, part) in columns.iter().zip([
            "2: column groups",
            "3: column display_name",
            "4: column login",
            "5: column expires",
        ]) {
            assert!(error.starts_with(part), "{error}");
        }
        assert_eq!(columns.len(), 4);
    }

    #[test]
    fn a_quote_without_an_end_does_not_swallow_the_rows_behind_it() {
        assert_eq!(errors(b"user,passwd\nann,\"pw\nbob,x\n").len(), 1);
        assert!(errors(b"user,passwd\n\"u1\nu2\",x\n")[0].starts_with("2: column user"));
    }

    #[test]
    fn an_error_never_repeats_a_password() {
        for text in
            ["user,passwd\nann,S3cret\tx\n", "user,passwd\nS3cret,ann\n", "user,passwd,admin\nann,x,S3cret\n"]
        {
            let errors = errors(text.as_bytes());
            assert!(!errors.is_empty() && !errors.concat().contains("S3cret"), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_such_list_is_refused_in_one_line() {
        let many = |n: usize| (0..n).fold("user,passwd\n".to_owned(), |text, i| text + &format!("u{i},x\n"));
        for (text, part) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("user,passwd\n", "no row"),
            ("ann,pw\nbob,pw\n", "column \"ann\""),
            ("user;passwd\nann;x\n", "commas"),
            ("user,user\na,b\n", "twice"),
            ("user,username\na,b\n", "twice"),
            ("user,passwd,shell\na,b,c\n", "shell"),
            ("passwd\nann\n", "needs"),
            (&many(ROWS_MAX + 1), "10000"),
            (&"x".repeat(FILE_MAX + 1), "2 MiB"),
        ] {
            let error = read(text.as_bytes()).expect_err(part);
            assert!(error.line == 0 && error.to_string().contains(part), "{error}");
        }
        for (bytes, part) in [
            (&b"PK\x03\x04\x14"[..], "spreadsheet"),
            (b"\xff\xfeu\0", "UTF-16"),
            (b"user,passwd\n\xff,x\n", "UTF-8"),
        ] {
            assert!(read(bytes).unwrap_err().to_string().contains(part), "{part}");
        }
        assert_eq!(rows(&many(ROWS_MAX)).len(), ROWS_MAX);
    }
}

//! A CSV file of users (RFC 4180): read whole and checked whole, every bad row named with its line.

use std::collections::HashMap;
use std::fmt;

use csv::{ReaderBuilder, StringRecord};
use hubgate_protocol::{Secret, Username};

use super::Failure;
use super::newcomer::Taken;

/// Largest file in bytes.
pub(super) const FILE_MAX: usize = 2 * 1024 * 1024;
/// Most rows.
pub(super) const ROWS_MAX: usize = 10_000;
/// Longest field in bytes.
const FIELD_MAX: usize = 256;

/// One good row.
#[derive(Debug)]
pub(super) struct Row {
    /// Its line in the file, from 1.
    pub(super) line: u64,
    pub(super) user: Username,
    pub(super) password: Secret,
    /// `None` where the file has no such column.
    pub(super) admin: Option<bool>,
}

/// What is wrong with a line; line 0 is the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct RowError {
    pub(super) line: u64,
    pub(super) message: String,
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}: {}", self.line, self.message)
        } else {
            write!(f, " {}", self.message)
        }
    }
}

/// Where each column is.
struct Columns {
    user: usize,
    password: usize,
    admin: Option<usize>,
    count: usize,
}

fn of_file<T>(message: &str) -> Result<T, Vec<RowError>> {
    Err(vec![RowError { line: 0, message: message.to_owned() }])
}

/// Reads a file.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Row>, Vec<RowError>> {
    let text = text(bytes).or_else(of_file)?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    let header = match records.next() {
        Some(Ok(header)) => header,
        Some(Err(_)) | None => return of_file("is empty: its first line must be user,passwd"),
    };
    let columns = columns(&header).or_else(|message| of_file(&message))?;
    let mut rows =
        Rows { text, columns, taken: Taken::read(), seen: HashMap::new(), good: Vec::new(), bad: Vec::new() };
    for record in records {
        let Ok(record) = record else { return of_file("cannot be read as CSV") };
        rows.add(&record);
        if rows.good.len() + rows.bad.len() > ROWS_MAX {
            return of_file("has more than 10000 rows: split it");
        }
    }
    if !rows.bad.is_empty() {
        return Err(rows.bad);
    }
    if rows.good.is_empty() {
        return of_file("has no row below its header");
    }
    Ok(rows.good)
}

/// The text of a file, if it is one.
fn text(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() > FILE_MAX {
        return Err("is larger than 2 MiB: split it");
    }
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err("is a spreadsheet (xlsx, ods or xls): save it as CSV, UTF-8");
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err("is UTF-16: save it as UTF-8");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text: save it as UTF-8")?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

fn columns(header: &StringRecord) -> Result<Columns, String> {
    let known = |name: &str| match name {
        "user" | "username" => Some(0),
        "passwd" | "password" => Some(1),
        "admin" => Some(2),
        _ => None,
    };
    let mut places = [None; 3];
    for (index, name) in header.iter().enumerate() {
        if name.contains([';', '\t']) {
            return Err("is not separated by commas: save it with commas".to_owned());
        }
        let Some(place) = known(name).and_then(|which| places.get_mut(which)) else {
            return Err(format!(
                "has the column {name:?} in its first line, which must be user,passwd or user,passwd,admin"
            ));
        };
        if place.replace(index).is_some() {
            return Err(format!("has the column {name:?} twice in its first line"));
        }
    }
    let [Some(user), Some(password), admin] = places else {
        return Err("needs the columns user and passwd in its first line: user,passwd".to_owned());
    };
    Ok(Columns { user, password, admin, count: header.len() })
}

struct Rows<'t> {
    text: &'t str,
    columns: Columns,
    taken: Taken,
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
        let row = self.check(record, line);
        match row {
            Ok((user, password, admin)) => self.good.push(Row { line, user, password, admin }),
            Err(message) => self.bad.push(RowError { line, message }),
        }
    }

    fn check(
        &mut self,
        record: &StringRecord,
        line: u64,
    ) -> Result<(Username, Secret, Option<bool>), String> {
        if record.len() != self.columns.count {
            return Err(format!("has {} columns, the first line has {}", record.len(), self.columns.count));
        }
        if record.iter().any(|field| field.len() > FIELD_MAX) {
            return Err("has a field longer than 256 bytes; a quote may be missing its end".to_owned());
        }
        let field = |index: usize| record.get(index).unwrap_or_default();
        let admin = self.columns.admin.map(|index| truth(field(index))).transpose()?;
        let user = self
            .taken
            .parse(field(self.columns.user), admin.unwrap_or(false))
            .map_err(|error| format!("column user: {error}"))?;
        if let Some(first) = self.seen.insert(user.to_string(), line) {
            return Err(format!("column user: {user} is on line {first} already"));
        }
        let password = super::prompt::checked(field(self.columns.password))
            .map_err(|Failure(sentence)| format!("column passwd: {sentence}"))?;
        Ok((user, password, admin))
    }
}

fn truth(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" | "" => Ok(false),
        _ => Err("column admin: must be true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<String> {
        parse(text.as_bytes()).expect_err(text).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn both_headers_in_any_order_with_or_without_a_mark_are_read() {
        for text in
            ["user,passwd\nann,pw\n", "\u{feff}username,password\r\nann,pw\r\n", "passwd,user\npw,ann"]
        {
            let rows = parse(text.as_bytes()).unwrap();
            assert_eq!(
                (rows[0].user.as_str(), rows[0].password.expose(), rows[0].admin),
                ("ann", "pw", None)
            );
        }
        let rows = parse(b"user,passwd,admin\nann,\"a,\"\"b\"\"\",TRUE\nbob,x,\n").unwrap();
        assert_eq!(
            (rows[0].password.expose(), rows[0].admin, rows[1].admin),
            ("a,\"b\"", Some(true), Some(false))
        );
    }

    #[test]
    fn every_bad_row_is_named_with_its_line() {
        let text = "user,passwd,admin\nann,pw,false\nroot,x,true\n-o,x,\nbob,,\n\nann,y,\ncarl,x,TRUE;rm\ndan,x\neve,x,,z\n";
        let lines: Vec<u64> = parse(text.as_bytes()).unwrap_err().iter().map(|error| error.line).collect();
        assert_eq!(lines, [3, 4, 5, 7, 8, 9, 10]);
    }

    #[test]
    fn a_quote_without_an_end_does_not_swallow_the_rows_behind_it() {
        assert_eq!(errors("user,passwd\nann,\"pw\nbob,x\n").len(), 1);
        assert!(errors("user,passwd\n\"u1\nu2\",x\n")[0].starts_with("2: column user"));
    }

    #[test]
    fn an_error_never_repeats_a_password() {
        for text in
            ["user,passwd\nann,S3cret\tx\n", "user,passwd\nS3cret,ann\n", "user,passwd,admin\nann,x,S3cret\n"]
        {
            assert!(!errors(text).concat().contains("S3cret"), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_no_such_list_is_refused_in_one_line() {
        let rows = |n: usize| (0..n).fold("user,passwd\n".to_owned(), |text, i| text + &format!("u{i},x\n"));
        for (text, part) in [
            ("", "empty"),
            ("\n\n", "empty"),
            ("user,passwd\n", "no row"),
            ("ann,pw\nbob,pw\n", "column \"ann\""),
            ("user;passwd\nann;x\n", "commas"),
            ("user,user\na,b\n", "twice"),
            ("user,passwd,groups\na,b,c\n", "groups"),
            ("user\nann\n", "needs"),
            (&rows(ROWS_MAX + 1), "10000"),
            (&"x".repeat(FILE_MAX + 1), "2 MiB"),
        ] {
            let errors = errors(text);
            assert!(errors.len() == 1 && errors[0].contains(part), "{errors:?}");
        }
        for (bytes, part) in [
            (&b"PK\x03\x04\x14"[..], "spreadsheet"),
            (b"\xff\xfeu\0", "UTF-16"),
            (b"user,passwd\n\xff,x\n", "UTF-8"),
        ] {
            assert!(parse(bytes).unwrap_err()[0].message.contains(part), "{part}");
        }
        assert_eq!(parse(rows(ROWS_MAX).as_bytes()).unwrap().len(), ROWS_MAX);
    }
}

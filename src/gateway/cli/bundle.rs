//! `hubgate bundle`: what somebody needs who helps from afar, in one archive, without what is nobody's business.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;

use super::{Failure, failure, terminal};
use crate::config::Config;
use crate::domain::redact::Redactor;

/// Most of one output, bytes: the end is what matters.
const OUTPUT_MAX: usize = 2 << 20;
/// Commands and the file that each one's output goes to. None of them asks, and none has a secret in its output.
const COMMANDS: &[(&str, &[&str])] = &[
    ("system.txt", &["uname", "-srm"]),
    ("system.txt", &["cat", "/etc/os-release"]),
    ("system.txt", &["uptime"]),
    ("system.txt", &["free", "-m"]),
    ("system.txt", &["df", "-h"]),
    ("system.txt", &["df", "-i"]),
    ("system.txt", &["cat", "/sys/fs/cgroup/cgroup.controllers"]),
    ("system.txt", &["systemctl", "--version"]),
    ("system.txt", &["nginx", "-v"]),
    ("system.txt", &["getenforce"]),
    ("units.txt", &["systemctl", "--no-pager", "--full", "status", "hubgate*", "nginx*"]),
    ("units.txt", &["systemctl", "--no-pager", "--all", "list-units", "jupyter*"]),
    (
        "units.txt",
        &[
            "systemctl",
            "--no-pager",
            "cat",
            "hubgate*",
            "jupyter@.service",
            "jupyter@.socket",
            "jupyter-named@.service",
        ],
    ),
    ("units.txt", &["ls", "-la", "/run/hubgate", "/run/jupyter", "/etc/hubgate"]),
    ("journal.txt", &["journalctl", "--no-pager", "-n", "3000", "-u", "hubgate*", "-u", "nginx*"]),
    ("journal.txt", &["journalctl", "--no-pager", "-k", "-n", "300", "-p", "warning"]),
    ("nginx.txt", &["nginx", "-t"]),
    ("nginx.txt", &["grep", "-r", "", "/etc/nginx/hubgate", "/etc/nginx/conf.d"]),
    ("nginx.txt", &["tail", "-n", "300", "/var/log/nginx/error.log"]),
    ("packages.txt", &["/opt/hubgate/venv/bin/python", "-m", "pip", "list"]),
];
/// Our own files, root's among them.
const FILES: &[&str] = &[
    "/etc/hubgate/spawner.toml",
    "/etc/hubgate/services.toml",
    "/etc/pam.d/hubgate",
    "/etc/pam.d/hubgate-server",
];

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Where to put it; `hubgate-bundle.tar.gz` here otherwise. A file that exists is not overwritten.
    #[arg(long, value_name = "FILE", default_value = "hubgate-bundle.tar.gz")]
    out: PathBuf,
    /// Leave the names of users as they are; otherwise they become user1, user2 and so on.
    #[arg(long)]
    names: bool,
}

pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    // Made first: who cannot write there learns it at once, and nobody else reads it from the beginning.
    let archive = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&arguments.out);
    let archive = archive.map_err(|error| Failure(format!("{}: {error}", arguments.out.display())))?;
    let made = collect(path, arguments.names).and_then(|files| packed(&files, archive));
    let Err(why) = made else {
        terminal::complain(
            "names of users, addresses, passwords and tokens are taken out; look through it before you send it",
        );
        return terminal::say(&arguments.out.display().to_string());
    };
    let _left_behind = fs::remove_file(&arguments.out);
    Err(why)
}

/// Every file of the archive, in its order.
fn collect(path: &Path, names: bool) -> Result<Vec<(String, String)>, Failure> {
    let own = std::env::current_exe()?;
    let own = |arguments: &[&str]| {
        let mut command = Command::new(&own);
        command.arg("--config").arg(path).args(arguments);
        output(&mut command)
    };
    let people = own(&["user", "list"]);
    let listed: Vec<&str> =
        people.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    let redactor = if names { Redactor::default() } else { Redactor::new(listed.iter().copied()) };
    let mut files: Vec<(String, String)> = vec![
        ("hubgate.txt".to_owned(), own(&["--version"])),
        ("hubgate.txt".to_owned(), own(&["check"])),
        ("hubgate.txt".to_owned(), own(&["health"])),
        ("hubgate.txt".to_owned(), format!("{} users\n", listed.len())),
        ("hubgate.txt".to_owned(), own(&["audit", "verify"])),
        ("doctor.txt".to_owned(), own(&["doctor"])),
    ];
    let effective = Config::load(path).map_or_else(|error| format!("{error}\n"), |config| config.to_toml());
    files.push(("hubgate.toml".to_owned(), effective));
    for file in FILES {
        let text = fs::read_to_string(file).unwrap_or_else(|error| format!("{error}\n"));
        files.push(("files.txt".to_owned(), format!("$ cat {file}\n{text}\n")));
    }
    for (file, words) in COMMANDS {
        let Some((program, rest)) = words.split_first() else { continue };
        let said = output(Command::new(program).args(rest).env("LANG", "C.UTF-8").env("SYSTEMD_COLORS", "0"));
        files.push(((*file).to_owned(), format!("$ {}\n{said}\n", words.join(" "))));
    }
    Ok(files.into_iter().map(|(file, text)| (file, redactor.text(&text))).collect())
}

/// What a command says on both channels, the last of it; where it cannot be run, that.
fn output(command: &mut Command) -> String {
    match command.stdin(Stdio::null()).output() {
        Ok(done) => {
            let mut all = done.stdout;
            all.extend(done.stderr);
            let from = all.len().saturating_sub(OUTPUT_MAX);
            String::from_utf8_lossy(all.get(from..).unwrap_or_default()).into_owned()
        }
        Err(error) => format!("{error}\n"),
    }
}

/// Packs the files by tar, the machine's own.
fn packed(files: &[(String, String)], archive: fs::File) -> Result<(), Failure> {
    let dir = std::env::temp_dir().join(format!("hubgate-bundle-{}", std::process::id()));
    fs::DirBuilder::new().mode(0o700).create(&dir)?;
    let done = written(files, &dir).and_then(|()| {
        let tar = Command::new("tar").args(["-cz", "-C"]).arg(&dir).arg(".").stdout(archive).status()?;
        if tar.success() { Ok(()) } else { failure("tar has failed") }
    });
    fs::remove_dir_all(&dir)?;
    done
}

fn written(files: &[(String, String)], dir: &Path) -> Result<(), Failure> {
    for (name, text) in files {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(dir.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

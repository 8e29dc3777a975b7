//! Whether this kernel enforces what hubgate sets: each limit is tried, by a process of systemd's that tries to exceed it.

use std::fs::{self, File};
use std::hint::black_box;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;

use crate::cli::{Failure, terminal};

const MIB: usize = 1 << 20;
/// How long the CPU is asked for.
const SPIN: Duration = Duration::from_secs(1);
/// What the probe says when the limit has held; it says nothing where it was killed.
const HELD: &str = "held";
/// What it says when it got what it must not get.
const EXCEEDED: &str = "exceeded";

/// A limit that is tried.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Limit {
    /// `MemoryMax=64M`, swap included.
    Memory,
    /// `CPUQuota=20%`.
    Cpu,
    /// `TasksMax=16`.
    Tasks,
    /// `IPAddressDeny=any`.
    Network,
    /// `DevicePolicy=closed`.
    Devices,
    /// `ReadOnlyPaths=` and `InaccessiblePaths=`.
    Paths,
}

/// A limit, how systemd sets it, and the keys that it stands behind.
const TRIED: [(Limit, &[&str], &str); 6] = [
    (Limit::Memory, &["MemoryMax=64M", "MemorySwapMax=0"], "memory (mem_limit)"),
    (Limit::Cpu, &["CPUQuota=20%"], "CPU (cpu_limit)"),
    (Limit::Tasks, &["TasksMax=16"], "processes (tasks_limit)"),
    (Limit::Network, &["IPAddressDeny=any"], "no network (profiles with network = false, exams)"),
    (Limit::Devices, &["DevicePolicy=closed"], "devices of others (gpus)"),
    (
        Limit::Paths,
        &["ReadOnlyPaths=/var/tmp", "InaccessiblePaths=/var/log"],
        "closed paths (read_only_paths, hidden_paths)",
    ),
];

/// What was found of one limit.
pub(super) struct Line {
    pub(super) mark: &'static str,
    pub(super) text: String,
}

/// Tries them all.
pub(super) fn report() -> Vec<Line> {
    if !Path::new("/run/systemd/system").is_dir() || !nix::unistd::geteuid().is_root() {
        return vec![Line { mark: "     ", text: "not tried: that needs systemd and root".to_owned() }];
    }
    let mut lines: Vec<Line> =
        TRIED.iter().map(|(limit, properties, name)| tried(*limit, properties, name)).collect();
    lines.push(weights());
    lines.push(disk_weight());
    lines
}

fn tried(limit: Limit, properties: &[&str], name: &str) -> Line {
    let held = Line { mark: "ok   ", text: format!("{name} is enforced") };
    match probe(limit, properties) {
        Ok(said) if said.trim() == EXCEEDED => Line {
            mark: "NOTE ",
            text: format!(
                "{name} is not enforced by this kernel: it is set and shown, and does not hold (needs cgroup v2)"
            ),
        },
        Ok(said) if said.trim() == HELD => held,
        // Killed before it could say anything.
        Ok(said) if said.trim().is_empty() && matches!(limit, Limit::Memory) => held,
        Ok(said) => Line { mark: "NOTE ", text: format!("{name} could not be tried: {}", said.trim()) },
        Err(error) => Line { mark: "NOTE ", text: format!("{name} could not be tried: {error}") },
    }
}

fn probe(limit: Limit, properties: &[&str]) -> std::io::Result<String> {
    let own = std::env::current_exe()?;
    let mut command = Command::new("systemd-run");
    command.args(["--quiet", "--wait", "--pipe", "--collect", "--service-type=exec"]);
    for property in properties {
        command.arg(format!("--property={property}"));
    }
    let word = limit.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    command.arg(own).args(["probe-limit", &word]);
    let listener =
        matches!(limit, Limit::Network).then(|| TcpListener::bind(("127.0.0.1", 0))).transpose()?;
    if let Some(listener) = &listener {
        command.arg(listener.local_addr()?.port().to_string());
    }
    let done = command.stdin(Stdio::null()).output()?;
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// A weight cannot be exceeded; whether there is something that weighs can be seen.
fn weights() -> Line {
    let missing: Vec<&str> = ["cpu", "memory"].into_iter().filter(|name| !has_controller(name)).collect();
    if missing.is_empty() {
        return Line {
            mark: "ok   ",
            text: "weights and guarantees (cpu_weight, mem_guarantee) are there".to_owned(),
        };
    }
    let missing = missing.join(" and ");
    Line {
        mark: "NOTE ",
        text: format!(
            "weights and guarantees (cpu_weight, mem_guarantee) do not all hold: the kernel has no controller for {missing}"
        ),
    }
}

/// Time of a disk is shared by weights only where the disk's scheduler weighs, or io.cost does.
fn disk_weight() -> Line {
    let on = fs::read_to_string("/sys/fs/cgroup/io.cost.qos").is_ok_and(|text| text.contains("enable=1"));
    if has_controller("io") && (on || a_disk_has_bfq()) {
        return Line { mark: "ok   ", text: "the weight for disks (io_weight) is there".to_owned() };
    }
    Line {
        mark: "NOTE ",
        text: "the weight for disks (io_weight) has no effect: no disk's scheduler is bfq (`echo bfq > /sys/block/DISK/queue/scheduler`), and io.cost is off"
            .to_owned(),
    }
}

fn has_controller(name: &str) -> bool {
    let controllers = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    controllers.split_whitespace().any(|one| one == name)
}

fn a_disk_has_bfq() -> bool {
    let disks = fs::read_dir("/sys/block").into_iter().flatten().flatten();
    let mut chosen = disks.map(|disk| fs::read_to_string(disk.path().join("queue/scheduler")));
    chosen.any(|text| text.is_ok_and(|text| text.contains("[bfq]")))
}

/// `hubgate probe-limit`: tries to exceed the limit that it runs under.
pub(crate) fn try_to_exceed(limit: Limit, port: Option<u16>) -> Result<(), Failure> {
    let exceeded = match limit {
        Limit::Memory => takes_memory(),
        Limit::Cpu => takes_cpu(),
        Limit::Tasks => takes_tasks(),
        Limit::Network => port.is_some_and(reaches),
        Limit::Devices => return opens(Path::new("/dev/kmsg")),
        Limit::Paths => changes(Path::new("/var/tmp")) || lists(Path::new("/var/log")),
    };
    terminal::say(if exceeded { EXCEEDED } else { HELD })
}

/// Packets that are denied are dropped, so that nobody answers.
fn reaches(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    TcpStream::connect_timeout(&address, 2 * SPIN).is_ok()
}

/// Tries a device that is none of the harmless ones; where it is not there, nothing is found out.
fn opens(device: &Path) -> Result<(), Failure> {
    match File::open(device) {
        Ok(_) => terminal::say(EXCEEDED),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => terminal::say(HELD),
        Err(error) => terminal::say(&format!("{}: {error}", device.display())),
    }
}

fn changes(folder: &Path) -> bool {
    let path = folder.join(format!("hubgate-doctor-{}", std::process::id()));
    let made = File::create_new(&path).is_ok();
    let _gone = fs::remove_file(path);
    made
}

fn lists(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some())
}

fn takes_memory() -> bool {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..256 {
        taken.push(black_box(vec![1; MIB]));
    }
    taken.len() == 256
}

/// Whether it got a whole core: the kernel counts the times that it made the process wait for its next share.
///
/// Time tells less: a machine that is itself kept waiting bills that to whoever was running.
fn takes_cpu() -> bool {
    let (began, mut count) = (Instant::now(), 0_u64);
    while began.elapsed() < SPIN {
        count = black_box(count.wrapping_add(1));
    }
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    !groups.lines().filter_map(cpu_stat).any(|stat| was_throttled(&stat))
}

/// `cpu.stat` of a line of `/proc/self/cgroup`, `0::/PATH` or, of version 1, `N:cpu,cpuacct:/PATH`.
fn cpu_stat(group: &str) -> Option<String> {
    let (controllers, path) = group.split_once(':')?.1.split_once(':')?;
    let root = match controllers {
        "" => "/sys/fs/cgroup",
        some if some.split(',').any(|one| one == "cpu") => "/sys/fs/cgroup/cpu",
        _ => return None,
    };
    fs::read_to_string(format!("{root}{path}/cpu.stat")).ok()
}

/// Whether `cpu.stat` says that a quota has been used up at least once.
fn was_throttled(stat: &str) -> bool {
    stat.lines().any(|line| line.strip_prefix("nr_throttled ").is_some_and(|times| times.trim() != "0"))
}

fn takes_tasks() -> bool {
    let sleeper = |_| thread::Builder::new().stack_size(64 * 1024).spawn(|| thread::sleep(SPIN));
    let begun: Vec<_> = (0..64).map(sleeper).collect();
    let all = begun.iter().all(Result::is_ok);
    for thread in begun.into_iter().flatten() {
        let _ended = thread.join();
    }
    all
}

//! What a server may use, and who says so: the site, its profile, the groups of its owner, the owner's own entry; later ones win.

use std::ops::RangeInclusive;

use crate::domain::entity::GroupName;

/// Least and most bytes of memory: less is no room for a Jupyter, more is a mistake.
pub const MEMORY: RangeInclusive<u64> = 64 * MIB..=1 << 50;
/// Least and most percent of one core.
pub const CPU_PERCENT: RangeInclusive<u32> = 1..=1_000_000;
/// Least and most weight, of CPU and of input and output.
pub const WEIGHT: RangeInclusive<u32> = 1..=10_000;
/// Least and most processes and threads: a Jupyter with a kernel has some twenty.
pub const TASKS: RangeInclusive<u64> = 16..=4_194_304;
const MIB: u64 = 1 << 20;
/// Decimals that a number may have.
const DECIMALS: usize = 3;
/// Suffixes of sizes, JupyterHub's, and the bytes that each means.
const UNITS: [(char, u64); 4] = [('T', 1 << 40), ('G', 1 << 30), ('M', MIB), ('K', 1 << 10)];

/// What is wrong with a limit; each says what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Of memory.
    #[error("must be 64M to 1024T: a number of bytes, or with K, M, G or T like \"1.5G\"")]
    Memory,
    /// Of CPU.
    #[error("must be a number of cores, 0.01 to 10000, like 1.5")]
    Cpu,
    /// A weight.
    #[error("must be a whole number, 1 to 10000")]
    Weight,
    /// Of processes.
    #[error("must be a whole number, 16 to 4194304")]
    Tasks,
}

/// Bytes that a text means: `2147483648`, `512M`, `1.5G`.
///
/// # Errors
/// [`LimitError::Memory`].
pub fn memory(text: &str) -> Result<u64, LimitError> {
    let text = text.trim();
    let unit = UNITS.iter().find_map(|(suffix, bytes)| {
        Some((text.strip_suffix([*suffix, suffix.to_ascii_lowercase()])?, *bytes))
    });
    let (number, unit) = unit.unwrap_or((text, 1));
    let bytes = thousandths(number).and_then(|number| number.checked_mul(unit)).map(|all| all / 1000);
    bytes.filter(|bytes| MEMORY.contains(bytes)).ok_or(LimitError::Memory)
}

/// Percent of one core that a number of cores means: `1.5` is 150.
///
/// # Errors
/// [`LimitError::Cpu`].
pub fn cpu_percent(text: &str) -> Result<u32, LimitError> {
    let percent = thousandths(text.trim()).and_then(|cores| u32::try_from(cores / 10).ok());
    percent.filter(|percent| CPU_PERCENT.contains(percent)).ok_or(LimitError::Cpu)
}

/// A weight.
///
/// # Errors
/// [`LimitError::Weight`].
pub fn weight(text: &str) -> Result<u32, LimitError> {
    text.trim().parse().ok().filter(|weight| WEIGHT.contains(weight)).ok_or(LimitError::Weight)
}

/// Processes and threads.
///
/// # Errors
/// [`LimitError::Tasks`].
pub fn tasks(text: &str) -> Result<u64, LimitError> {
    text.trim().parse().ok().filter(|tasks| TASKS.contains(tasks)).ok_or(LimitError::Tasks)
}

/// Bytes as [`memory`] reads them, with the largest unit that leaves a whole number.
#[must_use]
pub fn show_memory(bytes: u64) -> String {
    let unit = UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| bytes.to_string(), |(suffix, unit)| format!("{}{suffix}", bytes / unit))
}

/// Percent of one core as a number of cores, like `1.5`.
#[must_use]
pub fn show_cores(percent: u32) -> String {
    let text = format!("{}.{:02}", percent / 100, percent % 100);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A decimal number without sign in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    let rest: u64 = format!("{decimals:0<DECIMALS$}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(rest)
}

/// Limits as one place states them; `None` leaves them to the place before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// `mem_limit`, bytes.
    pub memory: Option<u64>,
    /// `mem_guarantee`, bytes.
    pub memory_guarantee: Option<u64>,
    /// `cpu_limit`, percent of one core.
    pub cpu_percent: Option<u32>,
    /// `cpu_weight`, 1 to 10000.
    pub cpu_weight: Option<u32>,
    /// `tasks_limit`, processes and threads.
    pub tasks: Option<u64>,
    /// `io_weight`, 1 to 10000.
    pub io_weight: Option<u32>,
    /// `disk_quota` of the owner's account, bytes. No profile states one: it outlives the server.
    pub disk: Option<u64>,
}

/// Who states a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The configuration, for all.
    Site,
    /// The profile of the start, by its name.
    Profile(String),
    /// A group of the owner. Of several groups the largest value counts.
    Group(GroupName),
    /// An entry for the owner.
    User,
}

/// A value and who stated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stated<T> {
    /// The value.
    pub value: T,
    /// Who stated it.
    pub source: Source,
}

/// The limits that hold for one server; `None` where nobody states one and the unit's own hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// Bytes.
    pub memory: Option<Stated<u64>>,
    /// Bytes; more than `memory` means as much as that.
    pub memory_guarantee: Option<Stated<u64>>,
    /// Percent of one core.
    pub cpu_percent: Option<Stated<u32>>,
    /// 1 to 10000.
    pub cpu_weight: Option<Stated<u32>>,
    /// Processes and threads.
    pub tasks: Option<Stated<u64>>,
    /// 1 to 10000.
    pub io_weight: Option<Stated<u32>>,
    /// Bytes.
    pub disk: Option<Stated<u64>>,
}

/// What each place states for one server.
#[derive(Debug, Clone, Default)]
pub struct Told<'a> {
    /// The configuration.
    pub site: Limits,
    /// The profile of the start, by its name.
    pub profile: Option<(&'a str, Limits)>,
    /// The groups of the owner.
    pub groups: Vec<(&'a GroupName, Limits)>,
    /// The owner's own entry.
    pub user: Limits,
}

impl Told<'_> {
    /// The value that counts: the owner's, the largest of their groups, the profile's, the site's.
    fn pick<T: Ord + Copy>(&self, field: impl Fn(&Limits) -> Option<T>) -> Option<Stated<T>> {
        let user = || field(&self.user).map(|value| Stated { value, source: Source::User });
        let stated = self.groups.iter().filter_map(|(group, limits)| Some((field(limits)?, *group)));
        let largest = stated.max_by_key(|(value, _)| *value);
        let group = || largest.map(|(value, group)| Stated { value, source: Source::Group(group.clone()) });
        let profile = || {
            let (name, limits) = self.profile.as_ref()?;
            Some(Stated { value: field(limits)?, source: Source::Profile((*name).to_owned()) })
        };
        let site = || field(&self.site).map(|value| Stated { value, source: Source::Site });
        user().or_else(group).or_else(profile).or_else(site)
    }

    /// The limits that hold.
    #[must_use]
    pub fn effective(&self) -> Effective {
        Effective {
            memory: self.pick(|limits| limits.memory),
            memory_guarantee: self.pick(|limits| limits.memory_guarantee),
            cpu_percent: self.pick(|limits| limits.cpu_percent),
            cpu_weight: self.pick(|limits| limits.cpu_weight),
            tasks: self.pick(|limits| limits.tasks),
            io_weight: self.pick(|limits| limits.io_weight),
            disk: self.pick(|limits| limits.disk),
        }
    }
}

impl Effective {
    /// The values alone.
    #[must_use]
    pub fn limits(&self) -> Limits {
        fn value<T: Copy>(stated: Option<&Stated<T>>) -> Option<T> {
            stated.map(|stated| stated.value)
        }
        Limits {
            memory: value(self.memory.as_ref()),
            memory_guarantee: value(self.memory_guarantee.as_ref()),
            cpu_percent: value(self.cpu_percent.as_ref()),
            cpu_weight: value(self.cpu_weight.as_ref()),
            tasks: value(self.tasks.as_ref()),
            io_weight: value(self.io_weight.as_ref()),
            disk: value(self.disk.as_ref()),
        }
    }
}

impl From<Limits> for hubgate_protocol::Limits {
    fn from(limits: Limits) -> Self {
        let within = |bytes: u64| bytes.min(limits.memory.unwrap_or(u64::MAX));
        Self {
            memory_max: limits.memory,
            memory_low: limits.memory_guarantee.map(within),
            memory_swap_max: None,
            cpu_quota_percent: limits.cpu_percent,
            cpu_weight: limits.cpu_weight,
            tasks_max: limits.tasks,
            io_weight: limits.io_weight,
            disk_quota: limits.disk,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_jupyterhub_reads_them() {
        for (text, bytes) in [
            ("2G", 2 << 30),
            ("512M", 512 << 20),
            ("1.5G", 3 << 29),
            ("2147483648", 2 << 30),
            ("1t", 1 << 40),
        ] {
            assert_eq!(memory(text), Ok(bytes), "{text}");
            assert_eq!(memory(&show_memory(bytes)), Ok(bytes), "{text}");
        }
        for text in ["", "G", "-1G", "1e9", "1.2345G", "63M", "2 GB", "99999999999999999999T", "0"] {
            assert_eq!(memory(text), Err(LimitError::Memory), "{text}");
        }
        assert_eq!(show_memory(3 << 29), "1536M");
    }

    #[test]
    fn cores_become_percent_and_back() {
        for (text, percent, shown) in
            [("1.5", 150, "1.5"), ("0.01", 1, "0.01"), ("2", 200, "2"), ("10.25", 1025, "10.25")]
        {
            assert_eq!(cpu_percent(text), Ok(percent), "{text}");
            assert_eq!(show_cores(percent), shown);
        }
        for text in ["", "0", "0.001", "-1", "nan", "10001", ".5"] {
            assert_eq!(cpu_percent(text), Err(LimitError::Cpu), "{text}");
        }
    }

    #[test]
    fn weights_and_counts_have_their_ranges() {
        assert_eq!((weight("1"), weight("10000")), (Ok(1), Ok(10_000)));
        assert_eq!(
            (weight("0"), weight("10001"), weight("1.5")),
            (Err(LimitError::Weight), Err(LimitError::Weight), Err(LimitError::Weight))
        );
        assert_eq!(
            (tasks("16"), tasks("15"), tasks("x")),
            (Ok(16), Err(LimitError::Tasks), Err(LimitError::Tasks))
        );
    }

    #[test]
    fn the_owners_entry_goes_before_groups_before_the_profile_before_the_site() {
        let memory = |gib: u64| Limits { memory: Some(gib << 30), ..Limits::default() };
        let (physics, staff) = ("physics".parse().unwrap(), "staff".parse().unwrap());
        let mut told = Told { site: Limits { tasks: Some(100), ..memory(1) }, ..Told::default() };
        let of = |told: &Told<'_>| told.effective().memory.map(|stated| (stated.value >> 30, stated.source));
        assert_eq!(of(&told), Some((1, Source::Site)));
        told.profile = Some(("gpu", memory(2)));
        assert_eq!(of(&told), Some((2, Source::Profile("gpu".to_owned()))));
        told.groups = vec![(&staff, memory(8)), (&physics, memory(4))];
        assert_eq!(of(&told), Some((8, Source::Group(staff.clone()))));
        told.user = memory(3);
        assert_eq!(of(&told), Some((3, Source::User)));
        assert_eq!(told.effective().limits(), Limits { tasks: Some(100), ..memory(3) });
    }
}

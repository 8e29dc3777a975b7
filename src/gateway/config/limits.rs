//! Limits of servers in `hubgate.toml`: `mem_limit = "2G"`, `cpu_limit = 1.5`.

use toml::Spanned;
use toml::de::DeValue;

use super::Config;
use super::fields::Fields;
use super::value::{Complaint, Value, wrong};
use crate::domain::limits::{self, LimitError, Limits};

/// A limit, or none: `0` and `""` are none.
macro_rules! limit {
    ($(#[doc = $doc:literal])+ $name:ident($kind:ty), $parse:path, $show:expr) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $name(
            /// The value; `None` is written `0`.
            pub Option<$kind>,
        );

        impl Value for $name {
            fn from_toml(value: &Spanned<DeValue<'_>>, complaints: &mut Vec<Complaint>) -> Option<Self> {
                read(value, $parse, complaints).map(Self)
            }

            fn to_toml(&self) -> String {
                self.0.map_or_else(|| "0".to_owned(), $show)
            }
        }
    };
}
limit!(
    /// Bytes of memory.
    Memory(u64), limits::memory, |bytes| limits::show_memory(bytes).to_toml()
);
limit!(
    /// Percent of one core; written in cores.
    Cpu(u32), limits::cpu_percent, limits::show_cores
);
limit!(
    /// A weight, 1 to 10000.
    Weight(u32), limits::weight, |weight| weight.to_string()
);
limit!(
    /// Processes and threads.
    Tasks(u64), limits::tasks, |tasks| tasks.to_string()
);

/// A number, or a text that is one.
fn read<T>(
    value: &Spanned<DeValue<'_>>,
    parse: fn(&str) -> Result<T, LimitError>,
    complaints: &mut Vec<Complaint>,
) -> Option<Option<T>> {
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(digits) if digits.radix() == 10 => digits.as_str().replace('_', ""),
        DeValue::Float(digits) => digits.as_str().replace('_', ""),
        _ => {
            wrong(value, "a number or a text like \"2G\"", complaints);
            return None;
        }
    };
    if text.is_empty() || text == "0" {
        return Some(None);
    }
    let limit = parse(&text);
    limit
        .inspect_err(|error| complaints.push((value.span(), format!("{error}; 0 is no limit"))))
        .ok()
        .map(Some)
}

/// The limits among the keys of a table.
pub(super) fn take(fields: &mut Fields<'_, '_, '_>) -> Limits {
    Limits {
        memory: fields.take("mem_limit").and_then(|limit: Memory| limit.0),
        memory_guarantee: fields.take("mem_guarantee").and_then(|limit: Memory| limit.0),
        cpu_percent: fields.take("cpu_limit").and_then(|limit: Cpu| limit.0),
        cpu_weight: fields.take("cpu_weight").and_then(|limit: Weight| limit.0),
        tasks: fields.take("tasks_limit").and_then(|limit: Tasks| limit.0),
        io_weight: fields.take("io_weight").and_then(|limit: Weight| limit.0),
        disk: None,
    }
}

impl Config {
    /// What every server may use unless somebody else says so.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            memory: self.mem_limit.0,
            memory_guarantee: self.mem_guarantee.0,
            cpu_percent: self.cpu_limit.0,
            cpu_weight: self.cpu_weight.0,
            tasks: self.tasks_limit.0,
            io_weight: self.io_weight.0,
            disk: self.disk_quota.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<Limits, String> {
        let read = super::super::read::parse(std::path::Path::new("hub.toml"), text);
        read.map(|config| config.limits()).map_err(|errors| errors.to_string())
    }

    #[test]
    fn limits_are_numbers_or_texts_with_a_unit() {
        let text = "mem_limit = \"1.5G\"\nmem_guarantee = \"512M\"\ncpu_limit = 1.5\ncpu_weight = 50\ntasks_limit = 1_000\nio_weight = \"20\"\ndisk_quota = \"10G\"";
        let expected = Limits {
            memory: Some(3 << 29),
            memory_guarantee: Some(512 << 20),
            cpu_percent: Some(150),
            cpu_weight: Some(50),
            tasks: Some(1000),
            io_weight: Some(20),
            disk: Some(10 << 30),
        };
        assert_eq!(config(text), Ok(expected));
        assert_eq!(config("mem_limit = 0\ncpu_limit = \"\""), Ok(Limits::default()));
    }

    #[test]
    fn what_is_no_limit_is_refused_with_its_line() {
        for text in [
            "mem_limit = \"2 GB\"",
            "cpu_limit = -1",
            "cpu_weight = 0.5",
            "tasks_limit = true",
            "io_weight = 1e9",
        ] {
            let message = config(text).unwrap_err();
            assert!(message.starts_with("hub.toml:1:"), "{message}");
        }
    }
}

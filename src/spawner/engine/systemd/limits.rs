//! Limits as properties of a unit. Pure; the values were checked by [`crate::serve`].

use hubgate_protocol::Limits;
use zbus::zvariant::Value;

/// Microseconds of CPU time a second that one percent of one CPU is.
const USEC_PER_PERCENT: u64 = 10_000;

/// What `SetUnitProperties` takes.
pub(super) fn properties(limits: &Limits) -> Vec<(&'static str, Value<'static>)> {
    let quota = limits.cpu_quota_percent.map(|percent| u64::from(percent) * USEC_PER_PERCENT);
    [
        ("MemoryMax", limits.memory_max),
        ("MemorySwapMax", limits.memory_swap_max),
        ("CPUQuotaPerSecUSec", quota),
        ("CPUWeight", limits.cpu_weight.map(u64::from)),
        ("TasksMax", limits.tasks_max),
        ("IOWeight", limits.io_weight.map(u64::from)),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, Value::U64(value))))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_stays_as_it_is_and_percent_becomes_time() {
        let limits = Limits { memory_max: Some(1 << 30), cpu_quota_percent: Some(150), ..Limits::default() };
        let expected =
            vec![("MemoryMax", Value::U64(1 << 30)), ("CPUQuotaPerSecUSec", Value::U64(1_500_000))];
        assert_eq!(properties(&limits), expected);
        assert!(properties(&Limits::default()).is_empty());
    }
}

//! What a direct server says of itself in `STATUS=`. Its user can write anything here: only their own page believes it.

/// A server's own report.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Activity {
    /// Kernels that exist.
    pub kernels: u32,
    /// Kernels that compute.
    pub busy: u32,
    /// Terminals that exist.
    pub terminals: u32,
    /// Terminals in which a program runs.
    pub working: u32,
    /// Open websockets.
    pub connections: u32,
    /// Last human input or output, seconds since 1970.
    pub last_s: i64,
    /// Bytes that are used where the notebooks are.
    pub disk_used: Option<u64>,
    /// Bytes that can be used there, the used ones among them.
    pub disk_total: Option<u64>,
    /// Whether what a login shell sets is missing.
    pub shell_failed: bool,
}

impl Activity {
    /// Reads `hubgate kernels=2 busy=1 …`; `None` for any other text. Unknown keys are passed over.
    #[must_use]
    pub fn parse(status_text: &str) -> Option<Self> {
        let mut activity = Self::default();
        for (key, value) in
            status_text.strip_prefix("hubgate ")?.split(' ').filter_map(|pair| pair.split_once('='))
        {
            let number = || value.parse::<u32>().ok();
            match key {
                "kernels" => activity.kernels = number()?,
                "busy" => activity.busy = number()?,
                "terminals" => activity.terminals = number()?,
                "working" => activity.working = number()?,
                "connections" => activity.connections = number()?,
                "last" => activity.last_s = value.parse().ok()?,
                "disk_used" => activity.disk_used = Some(value.parse().ok()?),
                "shell" => activity.shell_failed = value == "failed",
                "disk_total" => activity.disk_total = Some(value.parse().ok()?),
                _ => {}
            }
        }
        Some(activity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let read = Activity::parse(
            "hubgate kernels=2 busy=1 terminals=3 working=2 connections=4 last=1763800000 new=x",
        )
        .unwrap();
        assert_eq!(
            read,
            Activity {
                kernels: 2,
                busy: 1,
                terminals: 3,
                working: 2,
                connections: 4,
                last_s: 1_763_800_000,
                ..Activity::default()
            }
        );
    }

    #[test]
    fn a_report_may_tell_of_the_disk() {
        let read = Activity::parse("hubgate kernels=0 last=1 disk_used=5368709120 disk_total=10737418240");
        let disk = read.map(|read| (read.disk_used, read.disk_total));
        assert_eq!(disk, Some((Some(5 << 30), Some(10 << 30))));
    }

    #[test]
    fn a_report_may_tell_that_the_login_shell_has_failed() {
        assert!(Activity::parse("hubgate kernels=0 shell=failed last=1").unwrap().shell_failed);
        assert!(!Activity::parse("hubgate kernels=0 last=1").unwrap().shell_failed);
    }

    #[test]
    fn other_texts_are_no_report() {
        for text in [
            "",
            "Serving notebooks",
            "hubgate kernels=-1",
            "hubgate kernels=99999999999999999999",
            "hubgate last=x",
        ] {
            assert_eq!(Activity::parse(text), None, "{text}");
        }
    }
}

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
    /// Open websockets.
    pub connections: u32,
    /// Last human input or output, seconds since 1970.
    pub last_s: i64,
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
                "connections" => activity.connections = number()?,
                "last" => activity.last_s = value.parse().ok()?,
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
        let read =
            Activity::parse("hubgate kernels=2 busy=1 terminals=3 connections=4 last=1763800000 new=x")
                .unwrap();
        assert_eq!(
            read,
            Activity { kernels: 2, busy: 1, terminals: 3, connections: 4, last_s: 1_763_800_000 }
        );
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

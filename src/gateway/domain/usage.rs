//! What servers and the machine use at this moment.

/// What one server uses; `None` where the machine does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes.
    pub memory: Option<u64>,
    /// Percent of one core, over the last seconds.
    pub cpu_percent: Option<u32>,
    /// Processes and threads.
    pub tasks: Option<u64>,
}

/// What the machine has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Headroom {
    /// Bytes of memory.
    pub memory_total: u64,
    /// Bytes that a new server could get.
    pub memory_available: u64,
    /// Cores.
    pub cores: u32,
    /// Percent of all cores that are busy.
    pub cpu_percent: u32,
}

/// That the kernel killed processes of a server because the server had reached its memory limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryKill {
    /// How many processes since the server's start.
    pub count: u64,
    /// Most that the server has used since its start, bytes; `None` where the kernel does not tell (before Linux 5.19).
    pub used: Option<u64>,
    /// What it may use, bytes; `None`: without limit, so that the machine itself was full.
    pub limit: Option<u64>,
}

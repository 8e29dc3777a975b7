//! The table `[gpus]`: what servers lease, one at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::rules::plain_absolute;

/// Most GPUs of a host, parts of one (MIG) counting for themselves.
const GPUS_MAX: usize = 64;

/// The table. With it every server is kept from all devices but those named here and the harmless ones of
/// `DevicePolicy=closed`.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Gpus {
    /// What CUDA calls each GPU (`nvidia-smi -L`), and the devices that are its own. Default: none, nothing is leased.
    pub devices: BTreeMap<String, Vec<PathBuf>>,
    /// What every server with a GPU may open beside. Default: NVIDIA's.
    pub shared: Vec<PathBuf>,
    /// What servers may open that have none. Default `/dev/fuse`.
    pub everybody: Vec<PathBuf>,
    /// The variable that names the GPUs of a server. Default `CUDA_VISIBLE_DEVICES`.
    pub variable: String,
}

impl Default for Gpus {
    fn default() -> Self {
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect();
        Self {
            devices: BTreeMap::new(),
            shared: paths(&[
                "/dev/nvidiactl",
                "/dev/nvidia-uvm",
                "/dev/nvidia-uvm-tools",
                "/dev/nvidia-modeset",
            ]),
            everybody: paths(&["/dev/fuse"]),
            variable: "CUDA_VISIBLE_DEVICES".to_owned(),
        }
    }
}

impl Gpus {
    /// What a server with these GPUs may open; `None` where the host leases none, and devices are the unit's own business.
    #[must_use]
    pub fn allowed(&self, leased: &[String]) -> Option<Vec<&Path>> {
        if self.devices.is_empty() {
            return None;
        }
        let own = leased.iter().filter_map(|id| self.devices.get(id)).flatten();
        let shared = self.shared.iter().filter(|_| !leased.is_empty());
        Some(self.everybody.iter().chain(shared).chain(own).map(PathBuf::as_path).collect())
    }

    /// All that is wrong.
    pub(super) fn problems(&self) -> Vec<&'static str> {
        let id = |id: &String| {
            let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b'.' | b':');
            (1..=80).contains(&id.len()) && id.bytes().all(plain)
        };
        let device = |path: &PathBuf| {
            let text = path.to_string_lossy();
            text.starts_with("/dev/") && text.bytes().all(|b| b.is_ascii_graphic()) && plain_absolute(path)
        };
        let own = |paths: &Vec<PathBuf>| !paths.is_empty() && paths.iter().all(device);
        let variable = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
        let rules = [
            (self.devices.len() <= GPUS_MAX, "gpus.devices: must be at most 64"),
            (
                self.devices.keys().all(id),
                "gpus.devices: a name is what `nvidia-smi -L` shows, like \"GPU-8932f937-...\"",
            ),
            (self.devices.values().all(own), "gpus.devices: each must be a list of paths below /dev"),
            (
                self.shared.iter().chain(&self.everybody).all(device),
                "gpus: shared and everybody must be paths below /dev",
            ),
            (
                self.variable.starts_with(|c: char| c.is_ascii_uppercase())
                    && self.variable.bytes().all(variable),
                "gpus.variable: must be a name of A-Z, 0-9 and `_`",
            ),
        ];
        rules.into_iter().filter(|(good, _)| !good).map(|(_, text)| text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const TWO: &str = "[gpus.devices]\nGPU-a = [\"/dev/nvidia0\"]\nGPU-b = [\"/dev/nvidia1\"]\n";

    #[test]
    fn a_server_opens_its_own_gpus_and_what_they_share() {
        let gpus = Config::parse(TWO).unwrap().gpus;
        let text = |leased: &[&str]| {
            let leased: Vec<String> = leased.iter().map(|&id| id.to_owned()).collect();
            gpus.allowed(&leased).unwrap().iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(text(&[]), ["/dev/fuse"]);
        let one = text(&["GPU-b"]);
        assert!(
            one.contains(&"/dev/nvidia1".to_owned()) && one.contains(&"/dev/nvidiactl".to_owned()),
            "{one:?}"
        );
        assert!(!one.contains(&"/dev/nvidia0".to_owned()), "{one:?}");
        assert_eq!(Gpus::default().allowed(&[]), None);
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for bad in [
            "[gpus.devices]\nGPU-a = []",
            "[gpus.devices]\nGPU-a = [\"/etc/shadow\"]",
            "[gpus.devices]\nGPU-a = [\"/dev/../etc\"]",
            "[gpus.devices]\nGPU-a = [\"/dev/a b\"]",
            "[gpus.devices]\n\"a,b\" = [\"/dev/a\"]",
            "[gpus]\nvariable = \"PATH=\"",
            "[gpus]\nshared = [\"nvidiactl\"]",
            "[gpus]\ncount = 2",
        ] {
            assert!(Config::parse(bad).is_err(), "{bad}");
        }
        let process = format!("engine = \"process\"\n[process]\ncommand = [\"/bin/true\"]\n{TWO}");
        assert!(Config::parse(&process).unwrap_err().contains("gpus"));
    }
}

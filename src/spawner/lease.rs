//! Which server has which GPU: a record of root's own, and whoever does not live any more has none.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use hubgate_protocol::{Gpu, ServerId};

use crate::config::Config;
use crate::engine::EngineError;
use crate::hold::hold;

/// Why a server has no GPU.
#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    /// Others have them.
    #[error("others have the GPUs that it needs")]
    Taken,
    /// There are not that many.
    #[error("there are only {0} GPUs in spawner.toml")]
    TooMany(usize),
    /// The engine does not say who lives.
    #[error("{0}")]
    Engine(#[from] EngineError),
    /// The record cannot be written.
    #[error("{0}")]
    Record(#[from] io::Error),
}

/// The GPUs of the host, and the record of who has them.
#[derive(Debug)]
pub struct Leases {
    path: PathBuf,
    gpus: Vec<String>,
    one_at_a_time: Mutex<()>,
}

/// Nobody else takes a GPU while this lives: until the server that has taken some is on its way.
#[derive(Debug)]
pub struct Taking<'a> {
    leases: &'a Leases,
    /// Absent where there is nothing to take.
    _alone: Option<MutexGuard<'a, ()>>,
}

/// What [`Taking::take`] asks the engine.
pub trait Ends {
    /// Whether a server lives, or is about to.
    ///
    /// # Errors
    /// When the engine does not say.
    fn lives(&self, server: &ServerId) -> Result<bool, EngineError>;

    /// Keeps a server that has ended from what was leased to it, and from starting again by itself.
    ///
    /// # Errors
    /// When the engine cannot do that.
    fn vacate(&self, server: &ServerId) -> Result<(), EngineError>;
}

type Record = BTreeMap<String, ServerId>;

impl Leases {
    /// `state_dir/gpus.json`.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            path: config.state_dir.join("gpus.json"),
            gpus: config.gpus.devices.keys().cloned().collect(),
            one_at_a_time: Mutex::default(),
        }
    }

    /// The GPUs, and who has them now.
    ///
    /// # Errors
    /// [`LeaseError`].
    pub fn all(&self, engine: &impl Ends) -> Result<Vec<Gpu>, LeaseError> {
        let record = self.record()?;
        let gpu = |id: &String| {
            let holder = match record.get(id) {
                Some(server) if engine.lives(server)? => Some(server.clone()),
                _ => None,
            };
            Ok(Gpu { id: id.clone(), holder })
        };
        self.gpus.iter().map(gpu).collect()
    }

    /// Begins to take some.
    #[must_use]
    pub fn begin(&self) -> Taking<'_> {
        let alone = (!self.gpus.is_empty()).then(|| hold(&self.one_at_a_time));
        Taking { leases: self, _alone: alone }
    }

    fn record(&self) -> io::Result<Record> {
        match fs::read(&self.path) {
            Ok(text) => Ok(serde_json::from_slice(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Record::new()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let fresh = self.path.with_extension("json.new");
        let mut file =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        fs::rename(&fresh, &self.path)
    }
}

impl Taking<'_> {
    /// The GPUs of `server` for its next run, `count` of them; one that lives keeps those that it has.
    ///
    /// # Errors
    /// [`LeaseError`]; nothing is taken then.
    pub fn take(
        &self,
        server: &ServerId,
        count: usize,
        engine: &impl Ends,
    ) -> Result<Vec<String>, LeaseError> {
        let Leases { gpus, .. } = self.leases;
        if gpus.is_empty() && count == 0 {
            return Ok(Vec::new());
        }
        if count > gpus.len() {
            return Err(LeaseError::TooMany(gpus.len()));
        }
        let mut record = self.leases.record()?;
        let own = |id: &&String| record.get(*id) == Some(server);
        if engine.lives(server)? {
            return Ok(gpus.iter().filter(own).cloned().collect());
        }
        // Its own come first, then those that nobody ever had, then those of servers that have ended.
        let mut order: Vec<&String> = gpus.iter().collect();
        order.sort_by_key(|id| (!own(id), record.contains_key(*id)));
        let mut taken = Vec::new();
        for id in order {
            if taken.len() == count {
                break;
            }
            match record.get(id) {
                Some(holder) if holder != server => {
                    if engine.lives(holder)? {
                        continue;
                    }
                    engine.vacate(holder)?;
                    // Somebody may have come to its socket just before that was closed.
                    if engine.lives(holder)? {
                        continue;
                    }
                }
                _ => {}
            }
            taken.push(id.clone());
        }
        if taken.len() < count {
            return Err(LeaseError::Taken);
        }
        record.retain(|id, holder| holder != server && !taken.contains(id));
        record.extend(taken.iter().map(|id| (id.clone(), server.clone())));
        self.leases.write(&record)?;
        taken.sort();
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use super::*;

    /// Servers that live, and those that were vacated.
    #[derive(Default)]
    struct Engine {
        alive: RefCell<BTreeSet<String>>,
        vacated: RefCell<Vec<String>>,
    }

    impl Ends for Engine {
        fn lives(&self, server: &ServerId) -> Result<bool, EngineError> {
            Ok(self.alive.borrow().contains(&server.to_string()))
        }

        fn vacate(&self, server: &ServerId) -> Result<(), EngineError> {
            self.vacated.borrow_mut().push(server.to_string());
            Ok(())
        }
    }

    fn leases(name: &str) -> Leases {
        let dir = std::env::temp_dir().join(format!("hubgate-gpus-{}-{name}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let _ = fs::remove_file(dir.join("gpus.json"));
        let text = "[gpus.devices]\nA = [\"/dev/a\"]\nB = [\"/dev/b\"]\n";
        let config = Config::parse(&format!("state_dir = \"{}\"\n{text}", dir.display())).unwrap();
        Leases::new(&config)
    }

    impl Leases {
        fn start(&self, engine: &Engine, server: &str, count: usize) -> Result<String, String> {
            let taken = self.begin().take(&server.parse().unwrap(), count, engine);
            let taken = taken.map_err(|error| error.to_string())?;
            engine.alive.borrow_mut().insert(server.to_owned());
            Ok(taken.join(","))
        }
    }

    #[test]
    fn no_two_servers_that_live_have_one_gpu() {
        let (leases, engine) = (leases("two"), Engine::default());
        assert_eq!(leases.start(&engine, "ada", 1).unwrap(), "A");
        assert_eq!(leases.start(&engine, "bob:x", 1).unwrap(), "B");
        assert_eq!(leases.start(&engine, "cleo", 1), Err(LeaseError::Taken.to_string()));
        assert_eq!(leases.start(&engine, "cleo", 0).unwrap(), "");
        assert_eq!(leases.start(&engine, "ada", 2).unwrap(), "A", "who lives keeps what they have");
        assert!(leases.start(&engine, "dan", 3).unwrap_err().contains("only 2"));
        let all = leases.all(&engine).unwrap();
        let holders: Vec<_> = all.iter().map(|gpu| gpu.holder.as_ref().map(ToString::to_string)).collect();
        assert_eq!(holders, [Some("ada".to_owned()), Some("bob:x".to_owned())]);
    }

    #[test]
    fn who_has_ended_is_kept_from_a_gpu_before_somebody_else_has_it() {
        let (leases, engine) = (leases("ended"), Engine::default());
        leases.start(&engine, "ada", 2).unwrap();
        engine.alive.borrow_mut().clear();
        assert!(leases.all(&engine).unwrap().iter().all(|gpu| gpu.holder.is_none()));
        assert_eq!(leases.start(&engine, "bob", 1).unwrap(), "A");
        assert_eq!(*engine.vacated.borrow(), ["ada"]);
        assert_eq!(leases.start(&engine, "ada", 1).unwrap(), "B", "its own, without being vacated");
        assert_eq!(engine.vacated.borrow().len(), 1);
    }

    #[test]
    fn leases_outlive_the_daemon() {
        let (first, engine) = (leases("life"), Engine::default());
        first.start(&engine, "ada", 1).unwrap();
        let again =
            Leases { path: first.path.clone(), gpus: first.gpus.clone(), one_at_a_time: Mutex::default() };
        assert_eq!(again.start(&engine, "bob", 1).unwrap(), "B");
        assert_eq!(again.start(&engine, "cleo", 1), Err(LeaseError::Taken.to_string()));
    }
}

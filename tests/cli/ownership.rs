//! Root leaves no file of root's in somebody else's state directory.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

use crate::support::Instance;

#[test]
fn files_belong_to_the_owner_of_the_state_directory_whoever_runs_the_command() {
    let instance = Instance::new();
    let state = instance.state();
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o700)).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::fs::set_permissions(instance.dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        chown(&state, Some(54_321), Some(54_322)).unwrap();
    }
    let owner = state.metadata().unwrap();
    instance.add("ada");
    // The log and its index are there while the database is open; they must be usable by the owner too.
    let store = hubgate::store::Store::open(&state.join("hubgate.sqlite")).unwrap();
    instance.run(&["user", "list"]).done();
    instance.add("bob");
    drop(store);
    instance.add("carl");
    for entry in std::fs::read_dir(&state).unwrap().map(Result::unwrap) {
        let meta = entry.metadata().unwrap();
        assert_eq!((meta.uid(), meta.gid()), (owner.uid(), owner.gid()), "{:?}", entry.path());
        assert_eq!(meta.mode() & 0o777, 0o600, "{:?}", entry.path());
    }
}

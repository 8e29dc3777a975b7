//! The ring of the spawner.
fn main() {}

//! The `hubgate` command.

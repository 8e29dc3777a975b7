//! The `hubgate` program, run as it is.

//! Answers for programs.

pub mod health;
pub mod progress;

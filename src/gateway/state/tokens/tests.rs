//! Tokens in memory.

//! Certificates: a private CA and a leaf.

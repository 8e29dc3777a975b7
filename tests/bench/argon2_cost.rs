//! Prints what one check of a password costs, in milliseconds: the median of 15.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

use std::time::Instant;

use hubgate::password::{hash, verify};
use hubgate_protocol::Secret;

fn main() {
    let secret = Secret::try_from("correct horse".to_owned()).unwrap();
    let stored = hash(&secret).unwrap();
    let mut times: Vec<f64> = (0..15)
        .map(|_| {
            let start = Instant::now();
            assert!(verify(&secret, Some(&stored)));
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("{:.3}", times[7]);
}

//! Everything a user does, through the real binary, in a scrubbed environment.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stderr,
    reason = "a test that panics has failed"
)]

mod attacks;
mod check;
mod drift_table;
mod fetch;
mod gate;
#[path = "../generator/mod.rs"]
mod generator;
mod harness;
mod hijack;
mod history;
mod history_attacks;
mod history_robust;
mod hostile;
mod keys;
mod plan;
mod reference;
mod report;
mod rollback;
mod rules;
mod signing;
mod trust;

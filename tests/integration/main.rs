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
mod formats;
mod gate;
#[path = "../generator/mod.rs"]
mod generator;
mod harness;
mod hijack;
mod history;
mod history_attacks;
mod history_robust;
mod hostile;
mod init;
mod investigate;
mod keys;
mod notify;
mod plan;
mod pull_request;
mod reference;
mod report;
mod rollback;
mod rules;
#[path = "../../examples/incident/generator/mod.rs"]
mod scenarios;
mod signing;
mod trust;

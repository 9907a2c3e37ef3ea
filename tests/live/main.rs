//! The live service, through the real binary and an emulator that was written from the reference alone.

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::print_stderr,
    dead_code,
    reason = "a test that panics has failed; helpers are shared with other tests"
)]

mod apply;
mod crash;
mod doctor;
#[path = "../../examples/exchange-emulator/emulator/mod.rs"]
mod emulator;
mod faults;
mod fleet;
#[path = "../integration/harness.rs"]
mod harness;
mod investigate;
mod odd;
mod secrets;
mod sign_in;
mod watch;
mod world;

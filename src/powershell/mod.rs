//! PowerShell, as far as this program writes and reads it.
//!
//! Written: texts of a tenant as expressions that cannot become code.
//! Read: one command line that somebody wants to run, without running any of it.

pub mod command;
pub mod literal;

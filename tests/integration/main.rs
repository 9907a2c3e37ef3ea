//! Everything a user does, through the real binary, in a scrubbed environment.

mod attacks;
mod check;
mod drift_table;
mod fetch;
mod harness;
mod hostile;
mod reference;
mod report;
mod rules;
mod trust;

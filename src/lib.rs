//! connguard compares the inbound connectors of an Exchange Online organization
//! with what enough people signed, and says what the difference means.
//!
//! Data moves one way:
//!
//! ```text
//! source ──► snapshot ──► drift ◄── baseline (verified)
//!                │          │
//!                └──────► policy ──► assessment ──► verdict ──► exit code
//!                │                       └──────► report (for people, programs and pipelines)
//!                ├──────► plan (the way back, made from the same comparison)
//!                ├──────► change ──► gate (the same judgement, of what is not made yet)
//!                ├──────► proposal ──► review ──► signing (what is approved next, and by whom)
//!                └──────► history (every snapshot in git; is a source itself, and a memory)
//!
//! evidence (logs, traces) ──► investigation ◄── history, drift
//!                                   └──────► report ──► case (what people work through)
//! ```
//!
//! Modules stand here in reading order: each may use those above it and none
//! below. `tests/architecture.rs` holds them to it.

pub mod caseless;

pub mod canonical;
pub mod digest;
pub mod finding;
pub mod git;
pub mod hostile_text;
pub mod parallel;
pub mod powershell;
pub mod tenant;

pub mod connector;

pub mod document;
pub mod lists;

pub mod signing;
pub mod snapshot;
pub mod trust;

pub mod baseline;
pub mod builtin;
pub mod exchange;
pub mod versions;

pub mod drift;
pub mod policy;
pub mod source;

pub mod evidence;

pub mod change;
pub mod plan;
pub mod proposal;
pub mod review;

pub mod assessment;
pub mod gate;
pub mod verdict;

pub mod history;

pub mod investigation;

pub mod report;
pub mod schema;

pub mod case;

pub mod cli;

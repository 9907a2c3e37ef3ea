//! The unified audit log, in every form in which it leaves the service, as one kind of record.
//!
//! Almost all of it is the service's own noise. What somebody did to
//! connectors, rules, roles and applications is kept; the rest is counted, as
//! it says which days the log covers.

mod collect;
mod operation;
mod record;
mod wire;

pub use collect::{AuditLog, Collector, Took};
pub use operation::{CONNECTOR_OPERATIONS, HUNTED_OPERATIONS, Topic};
pub use record::{Alert, AuditRecord, Modified, UserType};

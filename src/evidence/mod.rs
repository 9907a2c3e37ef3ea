//! Evidence: what people export when something is wrong, read for what it says and how far it can be relied on.
//!
//! Files are told by what stands in them. What is small (connectors, domains,
//! blocked connectors) is read first, then logs, then traces of any size,
//! which are counted as they pass: an indicator needs to know which connector
//! admits which address before the first mail is looked at.

pub mod audit;
pub mod date;
pub mod decode;
pub mod file;
pub mod form;
pub mod hunt;
mod logs;
mod mail;
mod rows;
mod small;
pub mod trace;
pub mod traffic;

pub use file::{Completeness, File, FileReport, Found, survey};
pub use form::Form;
pub use logs::read_logs;
pub use mail::{Progress, read_mail};
pub use small::{Configuration, read_configuration};

//! Who signed what, and whether that is enough.
//!
//! A signed document is verified over its raw bytes before anything of it is
//! parsed: at least *k* valid signatures by distinct principals, with distinct
//! keys, to whom the root gives the role. The root itself is the one document
//! that must be read to know who may sign it; a pin, its digest kept outside
//! the repository, covers keys, roles and thresholds at once, also of every
//! root that descends from it.
//!
//! There is no network here, and no clock: `now` is a value, and so is what
//! earlier runs saw.

pub mod allowed_signers;
pub mod chain;
pub mod files;
pub mod header;
pub mod keyring;
pub mod manifest;
pub mod memory;
pub mod refusal;
pub mod root;
pub mod signature;
pub mod verify;

pub use chain::Floor;
pub use files::{Documents, SignedFile};
pub use header::Header;
pub use keyring::Keyring;
pub use memory::{Key, Lineage, Memory, Rollback, Sightings};
pub use refusal::{Refusal, Rejected, Signer, TooFew};
pub use root::Duty;
pub use verify::{Approval, Known, Route, Trust};

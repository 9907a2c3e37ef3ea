//! Who signed what, and whether that is enough.
//!
//! A signed document is verified over its raw bytes before anything of it is
//! parsed: at least *k* valid signatures by distinct principals, with distinct
//! keys, to whom the root gives the role. The root itself is the one document
//! that must be read to know who may sign it; a pin, its digest kept outside
//! the repository, covers keys, roles and thresholds at once.
//!
//! There is no network here, and no clock: `now` is a value.

pub mod allowed_signers;
pub mod files;
pub mod header;
pub mod root;
pub mod signature;
pub mod verify;

pub use files::SignedFile;
pub use header::Header;
pub use root::Role;
pub use verify::{Refusal, Signer, Trust};

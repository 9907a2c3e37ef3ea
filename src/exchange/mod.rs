//! The live service: signing in, and calling cmdlets over the Exchange admin API.
//!
//! ```text
//! cloud ──► sign_in ──► token ──┐
//!   └─────► front_door ─────────┴──► service ──► rows, or a fault with its request ids
//!                    (all over http)
//! ```
//!
//! What a cmdlet returned is handed on as text: which connectors it means is
//! decided by the same reader as for exported files ([`crate::source`]). A
//! fault names what was asked, of whom, and the ids by which Microsoft's
//! support finds the request; it never holds a secret.

pub mod answer;
pub mod claims;
pub mod cloud;
pub mod credential;
pub mod fault;
pub mod front_door;
pub mod graph;
mod hosts;
pub mod http;
pub mod patience;
pub mod refusal;
pub mod service;
pub mod sign_in;
pub mod trace;
pub mod write;

pub use cloud::{Cloud, Endpoints};
pub use credential::{Credential, Identity};
pub use fault::{Fault, Kind};
pub use http::Http;
pub use patience::{Budget, Patience};
pub use service::Service;
pub use sign_in::{SignIn, Token};

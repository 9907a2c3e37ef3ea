//! The next version of a document, written for people to review and sign.
//!
//! A file that exists is changed in place: comments, order and spelling stay
//! as a person left them. What comes out is read again and compared with what
//! was meant, so that a change of the text can never say something else.

pub mod baseline;
pub mod ci;
mod header;
pub mod policy;
pub mod root;

pub use header::{Next, next_header};

use crate::document::Problems;

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The snapshot does not show what a baseline has to say.
    #[error("{0}")]
    Incomplete(String),
    /// The file that is to be changed cannot be read.
    #[error("{0}")]
    Malformed(#[from] Problems),
    /// The file is written in a way in which it cannot be changed and keep its comments.
    #[error("the file cannot be changed in place: {0}")]
    NotInPlace(String),
}

//! Answers before they are sent.

use super::{listing::Listing, page::Page};
use serde_json::Value;

/// An answer.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Headers beside those that every answer has.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Body,
    /// Whether a write took place.
    pub carried_out: bool,
}

/// A body.
pub enum Body {
    /// Bytes of a media type.
    Bytes(&'static str, Vec<u8>),
    /// Rows, which a fault may still spoil.
    Page(Page),
    /// Rows as Graph shows them, which a fault may still spoil too.
    Listing(Listing),
}

/// The media type of most answers.
pub const JSON: &str = "application/json; charset=utf-8";

impl Answer {
    /// Bytes of a media type.
    pub fn bytes(status: u16, kind: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Bytes(kind, body.into()),
            carried_out: false,
        }
    }

    /// A status and nothing else.
    pub fn empty(status: u16) -> Self {
        Self::bytes(status, "text/plain", "")
    }

    /// JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::bytes(status, JSON, value.to_string())
    }

    /// Rows.
    pub fn page(page: Page) -> Self {
        Self {
            body: Body::Page(page),
            ..Self::empty(200)
        }
    }

    /// Rows as Graph shows them.
    pub fn listing(listing: Listing) -> Self {
        Self {
            body: Body::Listing(listing),
            ..Self::empty(200)
        }
    }

    /// What the admin API answers to those who may not: bytes that are no JSON, whatever they are labelled.
    pub fn forbidden() -> Self {
        Self::bytes(403, "application/json", vec![0; 500])
    }

    /// With one more header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

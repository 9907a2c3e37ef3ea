//! Errors of Microsoft Graph, in its form.

use super::{
    answer::{Answer, Body},
    shared::Shared,
};
use serde_json::json;

/// Why Graph refuses a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// The code in the body.
    pub code: &'static str,
    /// The text in the body.
    pub text: String,
    /// The value of `Retry-After`.
    pub wait: Option<String>,
}

impl Problem {
    fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self {
            status,
            code,
            text: text.into(),
            wait: None,
        }
    }

    /// The token is none, has ended, or is for somebody else.
    pub fn token(text: &str) -> Self {
        Self::new(401, "InvalidAuthenticationToken", text)
    }

    /// The token lacks every app role of those that would do.
    pub fn roles(needed: &[&str]) -> Self {
        let needed = needed.join(",");
        let text = format!(
            "Missing application roles. API required roles: {needed}, application roles: ."
        );
        Self::new(403, "Forbidden", text)
    }

    /// The organization may not.
    pub fn forbidden(text: &str) -> Self {
        Self::new(403, "Forbidden", text)
    }

    /// There is nothing of this address.
    pub fn not_found() -> Self {
        Self::new(404, "ResourceNotFound", "Resource could not be discovered.")
    }

    /// The address has no such method.
    pub fn not_allowed() -> Self {
        let text = "Specified HTTP method is not allowed for the request target.";
        Self::new(405, "Request_BadRequest", text)
    }

    /// The body or the query is wrong.
    pub fn bad(text: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", text)
    }

    /// Too many; with a `Retry-After` or without.
    pub fn throttled(wait: Option<String>) -> Self {
        Self {
            wait,
            ..Self::new(429, "TooManyRequests", "Too Many Requests")
        }
    }

    /// The answer; the ids in its body are those of the request.
    pub fn answer(self, shared: &Shared, request_id: &str, client_id: Option<&str>) -> Answer {
        let date = shared.clock.now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
        let body = json!({"error": {"code": self.code, "message": self.text, "innerError": {
            "date": date, "request-id": request_id, "client-request-id": client_id.unwrap_or(request_id),
        }}});
        let answer = Answer {
            status: self.status,
            body: Body::Bytes(JSON, body.to_string().into_bytes()),
            ..Answer::empty(self.status)
        };
        let answer = match self.wait {
            Some(wait) => answer.with("Retry-After", wait),
            None => answer,
        };
        match self.status {
            401 => answer.with("WWW-Authenticate", "Bearer realm=\"\""),
            _ => answer,
        }
    }
}

/// The media type of Graph's answers.
pub const JSON: &str = "application/json; odata.metadata=minimal; odata.streaming=true; IEEE754Compatible=false; charset=utf-8";

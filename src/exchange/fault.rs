//! Why the service gave no answer that can be believed.

use std::fmt;

/// What kind of fault it is: decides whether to try again, and what is advised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nobody could be reached, or the line broke.
    Network,
    /// The server's certificate is not the one it should be.
    Certificate,
    /// The service is busy, or broken for now.
    Busy,
    /// The identity could not sign in.
    SignIn,
    /// 401: the token is not accepted.
    Unauthorized,
    /// 403: the identity may not do this.
    Forbidden,
    /// 404: there is no such thing.
    NotFound,
    /// The service refused the request, with a reason.
    Refused,
    /// The answer is no answer to the question.
    Malformed,
    /// The answer came from, or led to, somewhere else.
    Foreign,
    /// The time set for a tenant is over.
    Budget,
    /// Something is wrong on this machine: a file, a variable.
    Local,
}

/// One thing that went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What kind it is.
    pub kind: Kind,
    /// What was asked: a cmdlet, or `sign-in`.
    pub what: String,
    /// What went wrong.
    pub message: String,
    /// How to go on.
    pub help: String,
    /// The ids by which the service knows the requests, or ours where it gave none.
    pub requests: Vec<String>,
}

impl Fault {
    /// A fault before, or without, any request.
    pub fn new(
        kind: Kind,
        what: impl Into<String>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            kind,
            what: what.into(),
            message: message.into(),
            help: help.into(),
            requests: Vec::new(),
        }
    }

    /// The same after these requests.
    #[must_use]
    pub fn after(mut self, requests: &[String]) -> Self {
        self.requests = requests.to_vec();
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}{}",
            self.what,
            self.message,
            named(&self.requests)
        )
    }
}

/// So many ids are named; the newest say most.
const NAMED: usize = 4;

/// ` (request …)`, or nothing.
pub fn named(requests: &[String]) -> String {
    let newest = requests.get(requests.len().saturating_sub(NAMED)..);
    match newest {
        None | Some([]) => String::new(),
        Some([only]) => format!(" (request {only})"),
        Some(several) => format!(" (requests {})", several.join(", ")),
    }
}

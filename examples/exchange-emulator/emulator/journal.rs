//! What was asked, in order.

use super::{
    fault::{Kind, Listener},
    waiting::lock,
};
use jiff::Timestamp;
use serde_json::Value;
use std::{collections::VecDeque, fmt, sync::Mutex};

/// How many requests are remembered at most: an emulator may run for days.
const KEPT: usize = 100_000;

/// One request and what became of it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Its number over all listeners, from 1.
    pub number: u64,
    /// The listener.
    pub listener: Listener,
    /// The connection it came on, from 1, to see which are kept.
    pub connection: u64,
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The cmdlet asked for; at Graph `audit-query`, `audit-status`, `audit-records` or `hunting`.
    pub cmdlet: Option<String>,
    /// The cmdlet's parameters; at Graph the body; of a form what is no secret; otherwise null.
    pub parameters: Value,
    /// The status answered; 0 while there is none, and if there never was one.
    pub status: u16,
    /// What was made to go wrong.
    pub fault: Option<Kind>,
    /// Whether a write took place.
    pub carried_out: bool,
    /// The id that the answer has.
    pub request_id: String,
    /// The id that the client gave.
    pub client_request_id: Option<String>,
    /// The header X-AnchorMailbox.
    pub anchor_mailbox: Option<String>,
    /// Whether there was an Authorization header.
    pub authorization: bool,
    /// When it had arrived completely.
    pub time: Timestamp,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.split('?').next().unwrap_or_default();
        write!(
            f,
            "{} {} {} {path}",
            self.number, self.listener, self.method
        )?;
        if let Some(cmdlet) = &self.cmdlet {
            write!(f, " {}", cmdlet.escape_debug())?;
        }
        write!(f, " {}", self.status)?;
        if let Some(fault) = self.fault {
            write!(f, " fault {fault}")?;
        }
        if self.carried_out {
            f.write_str(" carried out")?;
        }
        Ok(())
    }
}

/// The requests so far.
#[derive(Default)]
pub struct Journal(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    count: u64,
    seen: VecDeque<Seen>,
}

impl Journal {
    /// Notes an arrival, and numbers it.
    pub fn arrived(&self, mut seen: Seen) -> Seen {
        let mut kept = lock(&self.0);
        kept.count += 1;
        seen.number = kept.count;
        if kept.seen.len() >= KEPT {
            kept.seen.pop_front();
        }
        kept.seen.push_back(seen.clone());
        seen
    }

    /// Notes what became of it.
    pub fn settled(&self, seen: &Seen) {
        let mut kept = lock(&self.0);
        let mut newest_first = kept.seen.iter_mut().rev();
        if let Some(entry) = newest_first.find(|entry| entry.request_id == seen.request_id) {
            entry.clone_from(seen);
        }
    }

    /// All of them.
    pub fn all(&self) -> Vec<Seen> {
        lock(&self.0).seen.iter().cloned().collect()
    }

    /// Forgets them and counts from 1 again.
    pub fn clear(&self) {
        *lock(&self.0) = Kept::default();
    }
}

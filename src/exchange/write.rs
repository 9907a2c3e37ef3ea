//! Cmdlets that change something: what became of one is `done`, `refused`, or not known.
//!
//! A request whose answer was lost may have been carried out. It is never sent
//! again from here: whoever asked looks first.

use super::answer::{Page, worth};
use super::fault::{Fault, Kind};
use super::http::Worth;
use super::patience::{ATTEMPTS, pause};
use super::service::{Cmdlet, Service};
use reqwest::Url;
use std::time::Duration;

/// What became of a cmdlet that changes something.
#[derive(Debug)]
pub enum Written {
    /// The service says that it is done.
    Done(Page),
    /// It was certainly not carried out.
    Refused(Fault),
    /// Nobody knows: the answer is missing or cannot be read.
    Unknown(Fault),
}

impl Service<'_> {
    /// Runs a cmdlet that changes something. It is sent again only where it was certainly not carried out.
    pub fn write(&self, cmdlet: &Cmdlet<'_>) -> Written {
        match self.host().and_then(|host| self.url(host)) {
            Ok(url) => send(self, cmdlet.name, &cmdlet.body(), &url),
            Err(fault) => Written::Refused(fault),
        }
    }
}

/// Sends a cmdlet, again only where it was certainly not carried out.
fn send(service: &Service<'_>, what: &str, body: &str, url: &Url) -> Written {
    let mut requests = Vec::new();
    let mut signed_in_again = false;
    for attempt in 1.. {
        let sent = match service.attempt(what, url, body) {
            Ok(sent) => sent,
            Err(fault) => {
                requests.extend(fault.requests.iter().cloned());
                return Written::Refused(fault.after(&requests));
            }
        };
        let mut asked = Duration::ZERO;
        let fault = match sent {
            Err(lost) => {
                requests.extend(lost.fault.requests.iter().cloned());
                if !lost.unsent {
                    return Written::Unknown(lost.fault.after(&requests));
                }
                if lost.final_ {
                    return Written::Refused(lost.fault.after(&requests));
                }
                lost.fault
            }
            Ok(reply) => {
                requests.push(reply.request.clone());
                let status = reply.status;
                asked = reply.retry_after().unwrap_or_default();
                match worth(what, false, reply) {
                    Worth::Good(page) => return Written::Done(page),
                    Worth::Again(fault) => return Written::Unknown(fault.after(&requests)),
                    // Turned away at the door: nothing was carried out.
                    Worth::Never(fault) if status == 429 => Fault {
                        kind: Kind::Busy,
                        message: "the service is throttling (429)".to_owned(),
                        ..fault
                    },
                    Worth::Never(_) if status == 401 && !signed_in_again => {
                        signed_in_again = true;
                        continue;
                    }
                    Worth::Never(fault) if status >= 500 || status == 408 => {
                        return Written::Unknown(Fault {
                            kind: Kind::Busy,
                            message: format!("the service failed while it was at it ({status})"),
                            ..fault.after(&requests)
                        });
                    }
                    Worth::Never(fault) => return Written::Refused(fault.after(&requests)),
                }
            }
        };
        if attempt >= ATTEMPTS {
            return Written::Refused(fault.after(&requests));
        }
        let wait = pause(attempt).max(asked);
        if let Err(fault) = service.budget().wait(wait, what, &fault.message) {
            return Written::Refused(fault.after(&requests));
        }
    }
    Written::Refused(Fault::new(
        Kind::Network,
        what,
        "no attempt was made",
        "try again",
    ))
}

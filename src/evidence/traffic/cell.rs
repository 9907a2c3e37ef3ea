//! What is counted of the mail of one hour and connector.

use serde::{Deserialize, Serialize};

/// Counts of mail; each share has its own whole, as not every trace tells everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cell {
    /// Mails, each to one recipient.
    pub mails: u64,
    /// Of which it is known what became of them.
    pub fates: u64,
    /// Filtered as spam, quarantined or put into Junk.
    pub filtered: u64,
    /// Not delivered.
    pub failed: u64,
    /// Of which both senders are known.
    pub headers: u64,
    /// Whose envelope and header name different domains.
    pub mismatched: u64,
    /// Whose sender has a domain, where the organization's own domains are known.
    pub senders: u64,
    /// Whose sender's domain is none of the organization's.
    pub unprovisioned: u64,
    /// Of which it is known where they came from, where the connector's approved addresses are known.
    pub addresses: u64,
    /// That came from none of them.
    pub outside: u64,
    /// To recipients outside of the organization.
    pub external: u64,
    /// Recipients outside whom nobody in the organization had written to before, in all the mail there is.
    pub first_contacts: u64,
}

impl Cell {
    /// Adds the counts of another.
    pub fn add(&mut self, other: &Self) {
        self.mails += other.mails;
        self.fates += other.fates;
        self.filtered += other.filtered;
        self.failed += other.failed;
        self.headers += other.headers;
        self.mismatched += other.mismatched;
        self.senders += other.senders;
        self.unprovisioned += other.unprovisioned;
        self.addresses += other.addresses;
        self.outside += other.outside;
        self.external += other.external;
        self.first_contacts += other.first_contacts;
    }
}

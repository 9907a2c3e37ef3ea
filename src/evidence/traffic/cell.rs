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
        self.mails = self.mails.saturating_add(other.mails);
        self.fates = self.fates.saturating_add(other.fates);
        self.filtered = self.filtered.saturating_add(other.filtered);
        self.failed = self.failed.saturating_add(other.failed);
        self.headers = self.headers.saturating_add(other.headers);
        self.mismatched = self.mismatched.saturating_add(other.mismatched);
        self.senders = self.senders.saturating_add(other.senders);
        self.unprovisioned = self.unprovisioned.saturating_add(other.unprovisioned);
        self.addresses = self.addresses.saturating_add(other.addresses);
        self.outside = self.outside.saturating_add(other.outside);
        self.external = self.external.saturating_add(other.external);
        self.first_contacts = self.first_contacts.saturating_add(other.first_contacts);
    }
}

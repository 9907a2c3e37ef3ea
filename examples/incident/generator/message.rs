//! One message to one recipient, as much of it as any of the exports can show.

use super::names;
use super::rng::Rng;

/// What became of a message, in the words of message trace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Delivered, here or to the next server.
    Delivered,
    /// Could not be delivered.
    Failed,
    /// Judged to be spam, and put into Junk or sent through the high-risk pool.
    FilteredAsSpam,
    /// Held back.
    Quarantined,
    /// Sent on to the members of a group.
    Expanded,
    /// Not known yet.
    Unfinished,
    /// Sent to another address of the same recipient.
    Resolved,
}

impl Status {
    /// The name in message trace.
    pub fn name(self) -> &'static str {
        match self {
            Status::Delivered => "Delivered",
            Status::Failed => "Failed",
            Status::FilteredAsSpam => "FilteredAsSpam",
            Status::Quarantined => "Quarantined",
            Status::Expanded => "Expanded",
            Status::Unfinished => "GettingStatus",
            Status::Resolved => "Resolved",
        }
    }

    /// Whether the service thought it spam.
    pub fn is_filtered(self) -> bool {
        matches!(self, Status::FilteredAsSpam | Status::Quarantined)
    }
}

/// Where a message goes, in the words of Defender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the internet, or from an own server outside, to a mailbox.
    Inbound,
    /// To the internet.
    Outbound,
    /// From mailbox to mailbox.
    IntraOrg,
}

impl Direction {
    /// The name in `EmailEvents`.
    pub fn name(self) -> &'static str {
        match self {
            Direction::Inbound => "Inbound",
            Direction::Outbound => "Outbound",
            Direction::IntraOrg => "Intra-org",
        }
    }
}

/// One message to one recipient.
#[derive(Clone)]
pub struct Message {
    /// When the service received it.
    pub at: i64,
    /// `MessageTraceId`, the same as `NetworkMessageId`; recipients of one message share it.
    pub trace_id: String,
    /// The `Message-ID` header.
    pub message_id: String,
    /// The envelope sender (P1); empty for a bounce.
    pub mail_from: String,
    /// The header sender (P2).
    pub from: String,
    /// The recipient.
    pub recipient: String,
    /// The sending server.
    pub from_ip: String,
    /// The receiving server, if outside.
    pub to_ip: String,
    /// The subject.
    pub subject: String,
    /// What became of it.
    pub status: Status,
    /// Its size in bytes.
    pub size: i64,
    /// Where it goes.
    pub direction: Direction,
    /// The inbound connector that the session matched.
    pub connector: Option<String>,
    /// The Entra object of the sender, if a mailbox sent it.
    pub sender_object: Option<String>,
}

/// The domain of an address; empty for a bounce.
pub fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// A message from this sender, to be completed by the caller.
pub fn draft(at: i64, sender: &str, recipient: &str, from_ip: &str, rng: &mut Rng) -> Message {
    let domain = if sender.is_empty() {
        "mx.example"
    } else {
        domain_of(sender)
    };
    let local = rng.letters(16, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789");
    Message {
        at,
        trace_id: rng.guid(),
        message_id: format!("<{local}@{domain}>"),
        mail_from: sender.into(),
        from: sender.into(),
        recipient: recipient.into(),
        from_ip: from_ip.into(),
        to_ip: String::new(),
        subject: names::subject(rng),
        status: Status::Delivered,
        size: rng.between(3_000, 30_000) * rng.between(1, 6),
        direction: Direction::Inbound,
        connector: None,
        sender_object: None,
    }
}

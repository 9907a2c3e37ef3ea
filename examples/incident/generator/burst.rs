//! A burst of spam, or of a newsletter, through one connector.

use super::address::version_6;
use super::message::{Direction, Message, Status, draft};
use super::names;
use super::organization::Organization;
use super::rng::Rng;
use super::stream::within;
use super::traffic::{Contacts, go_out};

/// Whose domain the envelope sender (P1) has.
#[derive(Clone, Copy)]
enum Envelope {
    Accepted,
    Foreign,
    Mixed,
}

/// A burst of spam.
pub struct Spam {
    /// The connector that it goes through.
    pub connector: String,
    /// The servers that it comes from.
    pub hosts: Vec<String>,
    /// The first hour.
    pub start: i64,
    /// Mails in each hour.
    pub volumes: Vec<usize>,
    envelope: Envelope,
    domains: Vec<String>,
    brands: Vec<String>,
    filtered: f64,
    failed: f64,
    fresh: f64,
    mismatch: f64,
}

impl Spam {
    /// A burst of this seed: which domains it feigns, how much of it is recognised, whom it goes to.
    pub fn new(
        connector: &str,
        hosts: Vec<String>,
        start: i64,
        volumes: Vec<usize>,
        rng: &mut Rng,
    ) -> Self {
        let domains = rng.between(1, 12);
        let brands = rng.between(1, 6);
        Spam {
            connector: connector.into(),
            hosts,
            start,
            volumes,
            envelope: *rng.pick(&[
                Envelope::Accepted,
                Envelope::Accepted,
                Envelope::Foreign,
                Envelope::Foreign,
                Envelope::Foreign,
                Envelope::Mixed,
            ]),
            domains: (0..domains).map(|_| names::rare_domain(rng)).collect(),
            brands: (0..brands).map(|_| names::rare_domain(rng)).collect(),
            filtered: rng.range(0.21, 0.64),
            failed: rng.range(0.01, 0.12),
            fresh: rng.range(0.85, 1.0),
            mismatch: rng.range(0.6, 1.0),
        }
    }

    /// The mails of the burst.
    pub fn messages(
        &self,
        organization: &Organization,
        contacts: &Contacts,
        rng: &mut Rng,
    ) -> Vec<Message> {
        let mut messages = Vec::new();
        for (index, &count) in self.volumes.iter().enumerate() {
            let hour = self.start + index as i64 * super::clock::HOUR;
            messages.extend(
                (0..count).map(|_| self.message(organization, contacts, within(hour, rng), rng)),
            );
        }
        messages
    }

    fn message(
        &self,
        organization: &Organization,
        contacts: &Contacts,
        at: i64,
        rng: &mut Rng,
    ) -> Message {
        let sender = self.sender(organization, rng);
        let recipient = if rng.chance(self.fresh) {
            names::stranger(rng)
        } else {
            rng.pick(&contacts.regulars).clone()
        };
        let mut message = draft(at, &sender, &recipient, rng.pick_text(&self.hosts), rng);
        message.direction = Direction::Outbound;
        message.to_ip = version_6(rng);
        message.connector = Some(self.connector.clone());
        message.subject = names::spam_subject(rng);
        message.size = rng.between(2_000, 12_000);
        if rng.chance(self.mismatch) {
            let name = *rng.pick(&["info", "support", "prize", "noreply", "rewards"]);
            message.from = format!("{name}@{}", rng.pick(&self.brands));
        }
        let fate = rng.unit();
        if fate < self.filtered {
            message.status = *rng.pick(&[
                Status::FilteredAsSpam,
                Status::FilteredAsSpam,
                Status::Quarantined,
            ]);
        } else if fate < self.filtered + self.failed {
            message.status = Status::Failed;
        }
        message
    }

    fn sender(&self, organization: &Organization, rng: &mut Rng) -> String {
        let accepted = match self.envelope {
            Envelope::Accepted => true,
            Envelope::Foreign => false,
            Envelope::Mixed => rng.chance(0.4),
        };
        if accepted {
            let domain = &rng.pick(&organization.domains).name;
            return format!("{}@{domain}", rng.pick(&names::PEOPLE));
        }
        let name = rng.letters(8, "abcdefghijklmnopqrstuvwxyz");
        format!("{name}@{}", rng.pick(&self.domains))
    }
}

/// A newsletter to these subscribers, from an approved server.
pub struct Newsletter {
    /// The connector that it goes through.
    pub connector: String,
    /// The relay's servers that send it.
    pub hosts: Vec<String>,
    /// The envelope sender, in an accepted domain or in a subdomain of one.
    pub mail_from: String,
    /// The header sender.
    pub from: String,
    /// The subject.
    pub subject: String,
}

impl Newsletter {
    /// The mail to one subscriber. A few bounce or are filtered, as with every newsletter.
    pub fn mail(&self, recipient: &str, at: i64, rng: &mut Rng) -> Message {
        let mut message = draft(
            at,
            &self.mail_from,
            recipient,
            rng.pick_text(&self.hosts),
            rng,
        );
        go_out(&mut message, rng);
        message.from.clone_from(&self.from);
        message.subject.clone_from(&self.subject);
        message.size = rng.between(40_000, 60_000);
        message.connector = Some(self.connector.clone());
        message
    }
}

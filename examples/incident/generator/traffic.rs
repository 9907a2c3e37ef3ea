//! A month of ordinary mail.

use super::address::version_6;
use super::message::{Direction, Message, Status, draft};
use super::names;
use super::organization::{Organization, Person};
use super::rhythm::Rhythm;
use super::rng::Rng;
use super::stream::{Source, Stream, hours, within};

/// Whom the organization writes to, and where the internet's mail comes from.
pub struct Contacts {
    /// Recipients outside, the most frequent first.
    pub regulars: Vec<String>,
    /// Share of mail that goes to somebody new.
    pub fresh: f64,
    /// Servers of the internet.
    pub servers: Vec<String>,
    /// Accounts of applications that send through the relay.
    pub applications: Vec<String>,
}

impl Contacts {
    /// Contacts of this seed.
    pub fn new(organization: &Organization, servers: Vec<String>, rng: &mut Rng) -> Self {
        let mut applications: Vec<String> = [
            "erp", "noreply", "scanner", "alerts", "invoice", "crm", "backup",
        ]
        .iter()
        .map(|name| format!("{name}@{}", organization.primary()))
        .collect();
        rng.shuffle(&mut applications);
        applications.truncate(rng.between(2, 5) as usize);
        Contacts {
            regulars: (0..rng.between(90, 240))
                .map(|_| names::stranger(rng))
                .collect(),
            fresh: rng.range(0.02, 0.04),
            servers,
            applications,
        }
    }

    fn recipient(&mut self, rng: &mut Rng) -> String {
        if !rng.chance(self.fresh) {
            return rng.pick_early(&self.regulars).clone();
        }
        let stranger = names::stranger(rng);
        if rng.chance(0.5) {
            self.regulars.push(stranger.clone());
        }
        stranger
    }
}

/// All ordinary mail of these streams.
pub fn month(
    organization: &Organization,
    rhythm: &Rhythm,
    streams: &[Stream],
    contacts: &mut Contacts,
    rng: &mut Rng,
) -> Vec<Message> {
    let mut messages = Vec::new();
    for hour in hours(organization) {
        for stream in streams {
            let noise = rng.range(0.8, 1.2);
            let count = rng.poisson(stream.expected(rhythm, organization, hour) * noise);
            for _ in 0..count {
                let at = within(hour, rng);
                send(organization, stream, contacts, at, &mut messages, rng);
            }
        }
    }
    messages
}

/// One mail, sometimes to several recipients, which counts once for each.
fn send(
    organization: &Organization,
    stream: &Stream,
    contacts: &mut Contacts,
    at: i64,
    messages: &mut Vec<Message>,
    rng: &mut Rng,
) {
    let message = match stream.source {
        Source::Relay | Source::Hybrid => from_own_server(organization, stream, contacts, at, rng),
        Source::Cloud => from_mailbox(organization, contacts, at, rng),
        Source::Partner => from_partner(organization, stream, at, rng),
        Source::Internet => from_internet(organization, contacts, at, rng),
    };
    if message.direction == Direction::Outbound && rng.chance(0.06) {
        let second = contacts.recipient(rng);
        if second != message.recipient {
            messages.push(Message {
                recipient: second,
                ..message.clone()
            });
        }
    }
    messages.push(message);
}

fn from_own_server(
    organization: &Organization,
    stream: &Stream,
    contacts: &mut Contacts,
    at: i64,
    rng: &mut Rng,
) -> Message {
    let application = stream.source == Source::Relay && rng.chance(0.8);
    let sender = if application {
        rng.pick(&contacts.applications).clone()
    } else {
        rng.pick(&organization.people).upn.clone()
    };
    let inside = rng.chance(if stream.source == Source::Relay {
        0.45
    } else {
        0.6
    });
    let recipient = if inside {
        rng.pick(&organization.people).upn.clone()
    } else {
        contacts.recipient(rng)
    };
    let mut message = draft(at, &sender, &recipient, rng.pick_text(&stream.hosts), rng);
    message.connector = stream.connector.clone();
    if !inside {
        go_out(&mut message, rng);
    }
    if rng.chance(0.006) {
        message.mail_from = String::new();
        message.from = format!("postmaster@{}", organization.primary());
        message.subject = format!("Undeliverable: {}", message.subject);
    }
    message
}

fn from_mailbox(
    organization: &Organization,
    contacts: &mut Contacts,
    at: i64,
    rng: &mut Rng,
) -> Message {
    let person: &Person = rng.pick(&organization.people);
    let inside = rng.chance(0.25);
    let recipient = if inside {
        rng.pick(&organization.people).upn.clone()
    } else {
        contacts.recipient(rng)
    };
    let client = if rng.chance(0.3) { 0 } else { 1 };
    let mut message = draft(at, &person.upn, &recipient, &person.usual[client], rng);
    message.sender_object = Some(person.object_id.clone());
    if inside {
        message.direction = Direction::IntraOrg;
        message.status = *rng.pick(&[
            Status::Delivered,
            Status::Delivered,
            Status::Delivered,
            Status::Expanded,
        ]);
        return message;
    }
    go_out(&mut message, rng);
    if rng.chance(0.004) {
        // A mailbox that forwards to somewhere else keeps the stranger's header sender.
        message.from = names::stranger(rng);
        message.sender_object = None;
    }
    message
}

fn from_partner(organization: &Organization, stream: &Stream, at: i64, rng: &mut Rng) -> Message {
    let sender = format!("{}@{}", rng.pick(&names::PEOPLE), stream.domain);
    let recipient = rng.pick_early(&organization.people).upn.clone();
    let mut message = draft(at, &sender, &recipient, rng.pick_text(&stream.hosts), rng);
    message.connector = stream.connector.clone();
    message
}

fn from_internet(
    organization: &Organization,
    contacts: &Contacts,
    at: i64,
    rng: &mut Rng,
) -> Message {
    let sender = if rng.chance(0.6) {
        rng.pick_early(&contacts.regulars).clone()
    } else {
        names::stranger(rng)
    };
    let server = if rng.chance(0.35) {
        version_6(rng)
    } else {
        rng.pick_early(&contacts.servers).clone()
    };
    let recipient = rng.pick_early(&organization.people).upn.clone();
    let mut message = draft(at, &sender, &recipient, &server, rng);
    let fate = rng.unit();
    if fate < 0.05 {
        message.status = *rng.pick(&[Status::FilteredAsSpam, Status::Quarantined]);
        message.subject = names::spam_subject(rng);
        message.from = names::stranger(rng);
    } else if fate < 0.06 {
        message.status = *rng.pick(&[Status::Failed, Status::Unfinished, Status::Resolved]);
    } else if fate < 0.08 {
        message.mail_from = String::new();
        message.subject = format!("Undeliverable: {}", message.subject);
    } else if fate < 0.16 {
        // Bulk senders use an envelope sender of their own.
        message.mail_from = format!(
            "bounce-{}@{}",
            rng.between(1, 99_999),
            names::rare_domain(rng)
        );
    }
    message
}

/// Turns a message into one that leaves for the internet, and mostly arrives.
pub fn go_out(message: &mut Message, rng: &mut Rng) {
    message.direction = Direction::Outbound;
    message.to_ip = version_6(rng);
    let fate = rng.unit();
    if fate < 0.008 {
        message.status = Status::Failed;
    } else if fate < 0.013 {
        message.status = *rng.pick(&[Status::FilteredAsSpam, Status::Quarantined]);
    }
}

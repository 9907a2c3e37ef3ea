//! `newsletter`: far more mail than usual, and nothing wrong with it.

use super::attack::usual;
use super::burst::Newsletter;
use super::clock::{DAY, HOUR};
use super::incident::Incident;
use super::message::{Direction, domain_of};
use super::names;
use super::rng::Rng;
use super::stream::{burst_volumes, within};
use std::collections::BTreeSet;

/// Plays the mailing, and the earlier mail to those subscribers who were not written to yet.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "newsletter");
    let rng = &mut rng;
    let letter = letter(incident, rng);
    let (start, volumes) = when(incident, rng);
    let known = rng.range(0.88, 0.98);
    let total: usize = volumes.iter().sum();
    let mut subscribers = written_to(incident, start, rng);
    subscribers.truncate((total as f64 * known) as usize);
    let missing = (total as f64 * known) as usize - subscribers.len();
    let later: Vec<String> = (0..missing).map(|_| names::stranger(rng)).collect();
    earlier_mail(incident, &letter, &later, start, rng);
    subscribers.extend(later);
    while subscribers.len() < total {
        subscribers.push(names::stranger(rng));
    }
    rng.shuffle(&mut subscribers);
    let mut subscribers = subscribers.iter();
    for (index, &count) in volumes.iter().enumerate() {
        for recipient in subscribers.by_ref().take(count) {
            let at = within(start + index as i64 * HOUR, rng);
            incident.messages.push(letter.mail(recipient, at, rng));
        }
    }
}

fn letter(incident: &Incident, rng: &mut Rng) -> Newsletter {
    let organization = &incident.organization;
    let from = format!(
        "{}@{}",
        rng.pick(&["news", "newsletter", "marketing", "hello"]),
        organization.primary()
    );
    let wide = organization
        .domains
        .iter()
        .find(|domain| domain.match_sub_domains);
    let mail_from = match wide {
        Some(domain) if rng.chance(0.35) => format!("bounce@news.{}", domain.name),
        _ => from.clone(),
    };
    let relay = incident.relay();
    let count = rng.between(1, relay.hosts.len() as i64) as usize;
    Newsletter {
        connector: relay.connector.clone().unwrap_or_default(),
        hosts: relay.hosts[..count].to_vec(),
        mail_from,
        from,
        subject: format!(
            "{} {}",
            rng.pick(&["News from us,", "Newsletter", "What is new in"]),
            rng.between(1, 12)
        ),
    }
}

/// Hours in which the usual volume is large enough that a multiple of it is a mailing at all.
fn when(incident: &Incident, rng: &mut Rng) -> (i64, Vec<usize>) {
    let organization = &incident.organization;
    let days = (16, organization.days - 2);
    loop {
        let start = if rng.chance(0.3) {
            organization.moment(rng, days, (6, 20))
        } else {
            organization.working_moment(rng, days)
        };
        let usual = usual(incident, Some(incident.relay()), start, rng.between(1, 4));
        let volumes = burst_volumes(&usual, (10.0, 38.0), 0.0, 1_600.0, rng);
        if volumes.iter().sum::<usize>() >= 80 {
            return (start, volumes);
        }
    }
}

/// Everybody outside whom the organization wrote to before, in random order.
fn written_to(incident: &Incident, before: i64, rng: &mut Rng) -> Vec<String> {
    let known: BTreeSet<&String> = incident
        .messages
        .iter()
        .filter(|message| message.at < before && message.direction == Direction::Outbound)
        .filter(|message| !domain_of(&message.recipient).is_empty())
        .map(|message| &message.recipient)
        .collect();
    let mut known: Vec<String> = known.into_iter().cloned().collect();
    rng.shuffle(&mut known);
    known
}

/// Mail to these subscribers before: spread over working days as welcomes, or in a few smaller mailings.
fn earlier_mail(
    incident: &mut Incident,
    letter: &Newsletter,
    recipients: &[String],
    before: i64,
    rng: &mut Rng,
) {
    let last = (before - incident.organization.start) / DAY - 1;
    let mut mailings: Vec<i64> = Vec::new();
    if rng.chance(0.5) {
        for _ in 0..rng.between(3, 5) {
            let at = incident.organization.working_moment(rng, (1, last));
            mailings.push(at / DAY);
        }
    }
    for recipient in recipients {
        let mut at = incident.organization.working_moment(rng, (0, last));
        if !mailings.is_empty() {
            let local = at.rem_euclid(DAY);
            at = (rng.pick(&mailings) * DAY + local).min(before - DAY);
        }
        incident.messages.push(letter.mail(recipient, at, rng));
    }
}

//! What attacks have in common: stolen credentials, operations on connectors, and a burst of spam.

use super::audit::{Record, Session};
use super::burst::Spam;
use super::clock::{HOUR, SECOND};
use super::connector::Connector;
use super::entra::sign_in;
use super::incident::Incident;
use super::organization::{Organization, Person, minutes};
use super::rng::Rng;
use super::rule::{RuleAction, TELLING_HEADERS, TransportRule};
use super::stream::{Stream, burst_volumes};

/// Passwords of an administrator are tried from these addresses until one fits. Returns when that was.
pub fn guess_password(
    incident: &mut Incident,
    admin: &Person,
    addresses: &[String],
    from: i64,
    rng: &mut Rng,
) -> i64 {
    let mut at = from;
    let organization = &incident.organization;
    for _ in 0..rng.between(4, 40) {
        at += rng.between(5, 400) * SECOND;
        let victim = if rng.chance(0.7) {
            admin
        } else {
            rng.pick(&organization.people)
        };
        incident.records.push(sign_in(
            organization,
            at,
            victim,
            rng.pick_text(addresses),
            false,
            rng,
        ));
    }
    at += rng.between(5, 400) * SECOND;
    incident
        .records
        .push(sign_in(organization, at, admin, &addresses[0], true, rng));
    at
}

/// How an operation names its target: `Identity`, and `ObjectId`. Exchange accepts and records several forms.
fn identity(organization: &Organization, connector: &Connector, rng: &mut Rng) -> (String, String) {
    let forms = [
        connector.name.clone(),
        connector.guid.clone(),
        organization.path(&connector.name),
        format!("{}\\{}", organization.initial_domain, connector.name),
    ];
    let identity = rng.pick(&forms[..3]).clone();
    let object_id = rng.pick(&[&forms[0], &forms[2], &forms[3]]).to_string();
    (identity, object_id)
}

/// The record of `Set-InboundConnector` with only what was sent.
pub fn set_connector(
    organization: &Organization,
    session: &Session,
    at: i64,
    connector: &Connector,
    changes: &[(&str, String)],
    rng: &mut Rng,
) -> Record {
    let (identity, object_id) = identity(organization, connector, rng);
    let mut parameters = vec![("Identity", identity)];
    parameters.extend_from_slice(changes);
    session.run(
        organization,
        at,
        "Set-InboundConnector",
        &object_id,
        &parameters,
        rng,
    )
}

/// The record of `New-InboundConnector`.
pub fn new_connector(
    organization: &Organization,
    session: &Session,
    connector: &Connector,
    rng: &mut Rng,
) -> Record {
    let mut parameters = vec![
        ("Name", connector.name.clone()),
        ("ConnectorType", connector.kind().into()),
        ("SenderDomains", connector.sender_domains.join(";")),
        ("SenderIPAddresses", connector.addresses.join(";")),
        ("RequireTls", flag(connector.require_tls)),
        ("Enabled", flag(connector.enabled)),
    ];
    if connector.treat_as_internal {
        parameters.push(("TreatMessagesAsInternal", flag(true)));
    }
    if rng.chance(0.5) {
        parameters.push(("RestrictDomainsToIPAddresses", flag(false)));
        parameters.push(("Comment", connector.comment.clone()));
    }
    let cmdlet = "New-InboundConnector";
    session.run(
        organization,
        connector.created,
        cmdlet,
        "",
        &parameters,
        rng,
    )
}

/// The record of `Remove-InboundConnector`.
pub fn remove_connector(
    organization: &Organization,
    session: &Session,
    at: i64,
    connector: &Connector,
    rng: &mut Rng,
) -> Record {
    let (identity, object_id) = identity(organization, connector, rng);
    let mut parameters = vec![("Identity", identity)];
    if rng.chance(0.6) {
        parameters.push(("Confirm", flag(false)));
    }
    session.run(
        organization,
        at,
        "Remove-InboundConnector",
        &object_id,
        &parameters,
        rng,
    )
}

/// A boolean as the audit log writes it.
pub fn flag(value: bool) -> String {
    if value { "True" } else { "False" }.into()
}

/// A connector of an attacker for these addresses.
pub fn rogue_connector(name: String, addresses: Vec<String>, at: i64, rng: &mut Rng) -> Connector {
    let mut connector = Connector::on_premises(name, at, rng);
    connector.addresses = addresses;
    connector.source = *rng.pick(&["Default", "Default", "AdminUI"]);
    connector.treat_as_internal = rng.chance(0.2);
    if rng.chance(0.3) {
        connector.sender_domains = vec!["*".into()];
    }
    connector
}

/// Rules that remove telling headers, made within minutes; returns them and the time of the last.
pub fn wipe_headers(
    incident: &mut Incident,
    session: &Session,
    from: i64,
    count: usize,
    rng: &mut Rng,
) -> (Vec<TransportRule>, i64) {
    let mut headers = TELLING_HEADERS;
    rng.shuffle(&mut headers);
    let prefix = rng.pick(&["Test0", "Test0", "rule ", ".", "T"]).to_string();
    let mut at = from;
    let mut rules = Vec::new();
    for (index, header) in headers.iter().take(count).enumerate() {
        at += rng.between(3, 50) * SECOND;
        let rule = TransportRule {
            name: format!("{prefix}{}", index + 1),
            guid: rng.guid(),
            changed: at,
            author: session.user_id.clone(),
            action: RuleAction::RemoveHeader(header),
        };
        let parameters = rule.parameters();
        let organization = &incident.organization;
        let record = session.run(organization, at, "New-TransportRule", "", &parameters, rng);
        incident.records.push(record);
        rules.push(rule);
    }
    (rules, at)
}

/// Removes these rules again.
pub fn remove_rules(
    incident: &mut Incident,
    session: &Session,
    from: i64,
    rules: &[TransportRule],
    rng: &mut Rng,
) {
    let mut at = from;
    for rule in rules {
        at += rng.between(2, 30) * SECOND;
        let organization = &incident.organization;
        let target = format!("{}\\{}", organization.initial_domain, rule.name);
        let parameters = [("Identity", rule.name.clone()), ("Confirm", flag(false))];
        let record = session.run(
            organization,
            at,
            "Remove-TransportRule",
            &target,
            &parameters,
            rng,
        );
        incident.records.push(record);
    }
}

/// What is usual for a source in each of these hours, which need not begin on the full hour.
pub fn usual(incident: &Incident, stream: Option<&Stream>, start: i64, hours: i64) -> Vec<f64> {
    (0..hours)
        .map(|index| {
            let hour = (start + index * HOUR) / HOUR * HOUR;
            let expected = |at| {
                stream.map_or(0.0, |stream| {
                    stream.expected(&incident.rhythm, &incident.organization, at)
                })
            };
            f64::max(expected(hour), expected(hour + HOUR))
        })
        .collect()
}

/// Sends a burst of spam through a connector and returns when it ended.
pub fn spam(
    incident: &mut Incident,
    connector: &str,
    hosts: Vec<String>,
    start: i64,
    usual: &[f64],
    rng: &mut Rng,
) -> i64 {
    let least = 205.0 + 900.0 * rng.unit().powi(2);
    let volumes = burst_volumes(usual, (9.0, 30.0), least, 2_450.0, rng);
    let end = start + volumes.len() as i64 * HOUR;
    let burst = Spam::new(connector, hosts, start, volumes, rng);
    let messages = burst.messages(&incident.organization, &incident.contacts, rng);
    incident.messages.extend(messages);
    end
}

/// Some attackers wait, some do not.
pub fn patience(rng: &mut Rng) -> i64 {
    if rng.chance(0.5) {
        minutes(rng, 3, 30)
    } else {
        minutes(rng, 30, 240)
    }
}

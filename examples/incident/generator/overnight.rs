//! `overnight`: a connector that lives for one night and is in no export.

use super::Verdict;
use super::attack::{
    guess_password, new_connector, remove_connector, remove_rules, rogue_connector, spam, usual,
    wipe_headers,
};
use super::audit::{PORTAL, POWERSHELL, Session};
use super::clock::HOUR;
use super::entra::sign_in;
use super::incident::Incident;
use super::organization::minutes;
use super::rng::Rng;

/// Plays the night.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "overnight");
    let rng = &mut rng;
    let organization = &incident.organization;
    let at = organization.moment(rng, (16, organization.days - 3), (21, 24));
    let admin = rng.pick(&organization.admins).clone();
    let address = incident.addresses.block().host(rng.below(14));
    if rng.chance(0.5) {
        let from = at - rng.between(6, 72) * HOUR;
        guess_password(incident, &admin, std::slice::from_ref(&address), from, rng);
    }
    let signed_in = at - minutes(rng, 1, 15);
    let record = sign_in(
        &incident.organization,
        signed_in,
        &admin,
        &address,
        true,
        rng,
    );
    incident.records.push(record);
    let app = rng.pick(&[POWERSHELL, POWERSHELL, PORTAL]);
    let session = Session::of(&admin, &address, app, rng);
    night(incident, &session, at, rng);
    incident.expected.actors = vec![admin.upn];
}

fn night(incident: &mut Incident, session: &Session, at: i64, rng: &mut Rng) {
    let senders = incident.addresses.block();
    let hosts = senders.hosts(rng.between(1, 4) as usize, rng);
    let listed = if rng.chance(0.25) {
        vec![senders.cidr()]
    } else {
        hosts.clone()
    };
    let name = match rng.below(4) {
        0 => rng.letters(6, "abcdefghijklmnopqrstuvwxyz0123456789"),
        1 => "On-premises relay 2".into(),
        2 => format!("Inbound from {}", rng.guid()),
        _ => "Temporary migration".into(),
    };
    let connector = rogue_connector(name, listed, at, rng);
    let created = new_connector(&incident.organization, session, &connector, rng);
    incident
        .expected
        .attack(&connector.name, Verdict::Compromised, &created);
    incident.records.push(created);
    let count = rng.between(0, 3) as usize;
    let (rules, ready) = wipe_headers(incident, session, at, count, rng);
    let start = ready + minutes(rng, 4, 55);
    let usual = usual(incident, None, start, rng.between(2, 7));
    let end = spam(incident, &connector.name, hosts, start, &usual, rng);
    let gone = end + minutes(rng, 1, 35);
    remove_rules(incident, session, gone, &rules, rng);
    let removed = remove_connector(&incident.organization, session, gone, &connector, rng);
    incident
        .expected
        .attack(&connector.name, Verdict::Compromised, &removed);
    incident.records.push(removed);
}

//! `slipped-address`: one more address in the list of a connector that everybody knows.

use super::Verdict;
use super::attack::{guess_password, set_connector, spam, usual};
use super::audit::{PORTAL, POWERSHELL, Session};
use super::clock::{DAY, HOUR};
use super::entra::sign_in;
use super::incident::Incident;
use super::organization::{Person, minutes};
use super::rng::Rng;

/// Plays the attack.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "slipped-address");
    let rng = &mut rng;
    let sender = incident.addresses.block().host(rng.below(14));
    let days = (16, incident.organization.days - 9);
    let changed = incident.organization.moment(rng, days, (0, 23));
    let admin = rng.pick(&incident.organization.admins).clone();
    let address = incident.addresses.block().host(rng.below(14));
    sign_in_before(incident, &admin, &address, changed, rng);
    slip(incident, &admin, &address, &sender, changed, rng);

    let start = changed + rng.between(1, 6) * DAY + minutes(rng, 0, 1_400);
    let relay = incident.relay().clone();
    let usual = usual(incident, Some(&relay), start, rng.between(2, 10));
    let connector = incident.after.connectors[0].clone();
    let end = spam(incident, &connector.name, vec![sender], start, &usual, rng);
    if rng.chance(0.3) {
        let alerted = rng.chance(0.5);
        incident.block(
            &connector,
            end.min(incident.organization.end() - HOUR),
            alerted,
            rng,
        );
    }
    incident.expected.actors = vec![admin.upn];
}

/// The account was taken over shortly before, sometimes without any failed attempt.
fn sign_in_before(
    incident: &mut Incident,
    admin: &Person,
    address: &str,
    changed: i64,
    rng: &mut Rng,
) {
    if rng.chance(0.6) {
        let from = changed - rng.between(6, 60) * HOUR;
        guess_password(incident, admin, &[address.to_string()], from, rng);
    }
    let at = changed - minutes(rng, 1, 12);
    let record = sign_in(&incident.organization, at, admin, address, true, rng);
    incident.records.push(record);
}

/// The whole list is sent, with one address more: the audit log shows no old value.
fn slip(
    incident: &mut Incident,
    admin: &Person,
    address: &str,
    sender: &str,
    at: i64,
    rng: &mut Rng,
) {
    let suffix = if rng.chance(0.4) { "/32" } else { "" };
    let connector = &mut incident.after.connectors[0];
    connector.addresses.push(format!("{sender}{suffix}"));
    rng.shuffle(&mut connector.addresses);
    connector.changed = at;
    let connector = connector.clone();
    let app = rng.pick(&[POWERSHELL, POWERSHELL, PORTAL]);
    let session = Session::of(admin, address, app, rng);
    let changes = [("SenderIPAddresses", connector.addresses.join(";"))];
    let record = set_connector(
        &incident.organization,
        &session,
        at,
        &connector,
        &changes,
        rng,
    );
    incident
        .expected
        .attack(&connector.name, Verdict::Compromised, &record);
    incident.records.push(record);
}

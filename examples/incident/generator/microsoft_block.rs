//! `microsoft-block`: an own server sends spam, and Microsoft blocks the connector that nobody had changed.

use super::Verdict;
use super::attack::{spam, usual};
use super::clock::DAY;
use super::incident::Incident;
use super::organization::minutes;
use super::rng::Rng;

/// Plays the outbreak and the block.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "microsoft-block");
    let rng = &mut rng;
    let relay = incident.relay().clone();
    let connector = incident.after.connectors[0].clone();
    let days = (16, incident.organization.days - 2);
    let start = incident.organization.moment(rng, days, (0, 23));
    let usual = usual(incident, Some(&relay), start, rng.between(2, 10));
    let infected = vec![rng.pick(&relay.hosts).clone()];
    let end = spam(incident, &connector.name, infected, start, &usual, rng);
    let blocked = (end + minutes(rng, 2, 40)).min(incident.organization.end() - DAY / 24);
    let alerted = rng.chance(0.6);
    incident.block(&connector, blocked, alerted, rng);
    if rng.chance(0.33) {
        let connector = &mut incident.after.connectors[0];
        connector.enabled = false;
        connector.changed = blocked / 1_000 * 1_000;
        let name = connector.name.clone();
        incident.detach(&name, blocked);
    }
    incident
        .expected
        .connectors
        .insert(connector.name, Verdict::Suspicious);
}

//! `silent-loosening`: a partner's connector stops demanding something, and nobody uses it yet.

use super::Verdict;
use super::attack::{flag, set_connector};
use super::audit::{PORTAL, POWERSHELL, Session};
use super::entra::sign_in;
use super::incident::Incident;
use super::organization::minutes;
use super::rng::Rng;
use super::stream::Source;

/// Plays the change.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "silent-loosening");
    let rng = &mut rng;
    let Some(position) = incident.position(Source::Partner) else {
        return;
    };
    let organization = &incident.organization;
    let days = (16, organization.days - 2);
    let at = if rng.chance(0.6) {
        organization.working_moment(rng, days)
    } else {
        organization.moment(rng, days, (0, 23))
    };
    let admin = rng.pick(&organization.admins).clone();
    let signed_in = at - minutes(rng, 1, 20);
    let record = sign_in(organization, signed_in, &admin, &admin.usual[0], true, rng);
    incident.records.push(record);

    let connector = &mut incident.after.connectors[position];
    let parameter = match rng.below(3) {
        0 => {
            connector.restrict_to_addresses = false;
            "RestrictDomainsToIPAddresses"
        }
        1 => {
            connector.require_tls = false;
            "RequireTls"
        }
        _ => {
            connector.enabled = false;
            "Enabled"
        }
    };
    connector.changed = at;
    let connector = connector.clone();
    let app = rng.pick(&[POWERSHELL, PORTAL]);
    let session = Session::of(&admin, &admin.usual[0], app, rng);
    let changes = [(parameter, flag(false))];
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
        .attack(&connector.name, Verdict::Suspicious, &record);
    incident.records.push(record);
    incident.expected.actors = vec![admin.upn];
    if !connector.enabled {
        incident.detach(&connector.name, at);
    }
}

//! `hybrid-wizard`: the Hybrid Configuration wizard runs again, as it does when a certificate is renewed.

use super::attack::{flag, set_connector};
use super::audit::{POWERSHELL, Session};
use super::clock::SECOND;
use super::entra::sign_in;
use super::incident::Incident;
use super::organization::minutes;
use super::rng::Rng;
use super::stream::Source;

/// Plays the run.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "hybrid-wizard");
    let rng = &mut rng;
    let Some(position) = incident.position(Source::Hybrid) else {
        return;
    };
    let organization = &incident.organization;
    // The first administrator, who works most, so that the address is known from before.
    let admin = organization.admins[0].clone();
    let at = organization.working_moment(rng, (16, organization.days - 2));
    let signed_in = at - minutes(rng, 2, 10);
    let record = sign_in(organization, signed_in, &admin, &admin.usual[0], true, rng);
    incident.records.push(record);
    let session = Session::of(&admin, &admin.usual[0], POWERSHELL, rng);
    let certificate = format!(
        "{}.{}",
        rng.pick(&["mail2", "hybrid", "smtp", "mx1"]),
        organization.primary()
    );
    let connector = &mut incident.after.connectors[position];
    connector.certificate = Some(certificate.clone());
    connector.changed = at;
    let connector = connector.clone();
    let mut changes = vec![
        ("ConnectorType", "OnPremises".to_string()),
        ("RequireTls", flag(true)),
        ("TlsSenderCertificateName", certificate),
        ("CloudServicesMailEnabled", flag(true)),
        ("ConnectorSource", "HybridWizard".into()),
    ];
    if rng.chance(0.6) {
        changes.push(("SenderDomains", "smtp:*;1".into()));
    }
    let record = set_connector(
        &incident.organization,
        &session,
        at,
        &connector,
        &changes,
        rng,
    );
    incident.records.push(record);
    neighbours(incident, &session, at, rng);
}

/// What else the wizard does in the same session.
fn neighbours(incident: &mut Incident, session: &Session, from: i64, rng: &mut Rng) {
    let organization = &incident.organization;
    let domain = organization.initial_domain.clone();
    let steps = [
        (
            "Set-OnPremisesOrganization",
            "OrganizationName",
            domain.clone(),
        ),
        (
            "Set-OutboundConnector",
            "ConnectorSource",
            "HybridWizard".to_string(),
        ),
        (
            "Set-OrganizationRelationship",
            "MailboxMoveEnabled",
            flag(true),
        ),
    ];
    let mut at = from;
    for (cmdlet, name, value) in steps {
        at += rng.between(2, 40) * SECOND;
        let target = format!("{domain}\\{}", organization.primary());
        let parameters = [("Identity", target.clone()), (name, value)];
        let record = session.run(organization, at, cmdlet, &target, &parameters, rng);
        incident.records.push(record);
    }
}

//! `campaign-2022`: an application with Exchange.ManageAsApp makes a connector for a campaign of spam.

use super::Verdict;
use super::attack::{
    guess_password, new_connector, patience, remove_connector, remove_rules, rogue_connector, spam,
    usual, wipe_headers,
};
use super::audit::Session;
use super::clock::DAY;
use super::entra::Change;
use super::incident::Incident;
use super::organization::minutes;
use super::rng::Rng;

/// The attacker's application.
struct Application {
    name: &'static str,
    app_id: String,
    object_id: String,
}

const NAMES: [&str; 6] = [
    "Mail Sync Tool",
    "EXO-Helper",
    "Office Reports",
    "Contoso Backup",
    "app1",
    "SMTP Connector Service",
];

/// Plays the campaign.
pub fn play(incident: &mut Incident, seed: u64) {
    let mut rng = Rng::new(seed, "campaign");
    let hosting = incident.addresses.block();
    let admin = rng.pick(&incident.organization.admins).clone();
    let application = Application {
        name: NAMES[rng.below(NAMES.len())],
        app_id: rng.guid(),
        object_id: rng.guid(),
    };
    let begin = incident.organization.moment(&mut rng, (1, 8), (0, 23));
    let guesses = hosting.hosts(rng.between(1, 5) as usize, &mut rng);
    let inside = guess_password(incident, &admin, &guesses, begin, &mut rng);
    register(
        incident,
        &application,
        &admin,
        &guesses[0],
        inside,
        &mut rng,
    );

    let session = app_only(&application, &hosting.host(rng.below(14)), &mut rng);
    let days = (17, incident.organization.days - 3);
    let at = incident.organization.moment(&mut rng, days, (0, 23));
    campaign(incident, &session, at, &mut rng);
    incident.expected.actors = vec![application.app_id, admin.upn];
}

/// Operation; target and its name; properties and their new values.
type Step<'a> = (&'a str, (&'a str, &'a str), Vec<(&'a str, &'a str)>);

/// The application is registered, trusted with Exchange, and given a secret.
fn register(
    incident: &mut Incident,
    application: &Application,
    admin: &super::organization::Person,
    address: &str,
    inside: i64,
    rng: &mut Rng,
) {
    let mut at = inside;
    let app = application.app_id.as_str();
    let name = application.name;
    let registration = format!("Application_{}", rng.guid());
    let exchange = "00000002-0000-0ff1-ce00-000000000000;https://outlook.office365.com;https://outlook.office.com";
    let key = format!(
        "[\r\n  \"[KeyIdentifier={},KeyType=Password,KeyUsage=Verify,DisplayName=k1]\"\r\n]",
        rng.guid()
    );
    let steps: [Step; 6] = [
        (
            "Add application.",
            (&registration, name),
            vec![
                ("AppId", app),
                ("DisplayName", name),
                ("AvailableToOtherTenants", "false"),
            ],
        ),
        (
            "Add service principal.",
            (app, name),
            vec![
                ("AccountEnabled", "true"),
                ("AppPrincipalId", app),
                ("DisplayName", name),
            ],
        ),
        (
            "Consent to application.",
            (app, name),
            vec![
                ("ConsentContext.IsAdminConsent", "True"),
                ("ConsentContext.IsAppOnly", "True"),
                (
                    "ConsentAction.Permissions",
                    "[] => [[Scope: Exchange.ManageAsApp]]; ",
                ),
                ("TargetId.ServicePrincipalNames", app),
            ],
        ),
        (
            "Add app role assignment to service principal.",
            (exchange, name),
            vec![
                ("AppRole.Value", "Exchange.ManageAsApp"),
                ("AppRole.DisplayName", "Manage Exchange As Application"),
                ("ServicePrincipal.ObjectID", &application.object_id),
                ("ServicePrincipal.DisplayName", name),
                ("ServicePrincipal.AppId", app),
                ("ServicePrincipal.Name", app),
                ("TargetId.ServicePrincipalNames", exchange),
            ],
        ),
        (
            "Add member to role.",
            (app, name),
            vec![
                ("Role.DisplayName", "Exchange Administrator"),
                ("Role.TemplateId", "29232cdf-9323-42fd-ade2-1d097af3e4de"),
                ("Role.WellKnownObjectName", "ExchangeServiceAdmins"),
            ],
        ),
        (
            "Update application – Certificates and secrets management ",
            (&registration, name),
            vec![
                ("KeyDescription", &key),
                ("Included Updated Properties", "KeyDescription"),
            ],
        ),
    ];
    for (operation, target, modified) in steps {
        at += minutes(rng, 0, 15);
        let change = Change {
            organization: &incident.organization,
            person: admin,
            address,
        };
        incident
            .records
            .push(change.record(at, operation, target, &modified, rng));
    }
}

/// A session without a user. Records name such an actor in different ways; only `AppId` is certain.
fn app_only(application: &Application, address: &str, rng: &mut Rng) -> Session {
    let user_id = match rng.below(3) {
        0 => application.app_id.clone(),
        1 => format!("ServicePrincipal_{}", application.object_id),
        _ => application.name.to_string(),
    };
    Session {
        user_key: user_id.clone(),
        user_id,
        user_type: *rng.pick(&[5, 6]),
        address: Some(address.into()),
        app_id: application.app_id.clone(),
        session_id: Some(rng.guid()),
        external: false,
    }
}

/// Connector, rules, spam; in half of all cases everything is taken away again.
fn campaign(incident: &mut Incident, session: &Session, at: i64, rng: &mut Rng) {
    let senders = incident.addresses.block();
    let mut hosts = senders.hosts(rng.between(1, 6) as usize, rng);
    let mut listed = hosts.clone();
    if rng.chance(0.3) {
        listed = vec![senders.cidr()];
    } else if rng.chance(0.3) {
        let more = incident.addresses.block().host(3);
        listed.push(more.clone());
        hosts.push(more);
    }
    let name = if rng.chance(0.75) {
        format!(
            "Ran_{}",
            rng.letters(5, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
        )
    } else {
        rng.pick(&["test", "Inbound mail", "relay2", "Office 365 inbound"])
            .to_string()
    };
    let connector = rogue_connector(name, listed, at, rng);
    let created = new_connector(&incident.organization, session, &connector, rng);
    incident
        .expected
        .attack(&connector.name, Verdict::Compromised, &created);
    incident.records.push(created);
    let count = rng.between(3, 12) as usize;
    let (rules, ready) = wipe_headers(incident, session, at + minutes(rng, 1, 6), count, rng);
    let start = ready + patience(rng);
    let usual = usual(incident, None, start, rng.between(2, 10));
    let end = spam(incident, &connector.name, hosts, start, &usual, rng);
    if rng.chance(0.5) {
        let gone = end + minutes(rng, 2, 90);
        let removed = remove_connector(&incident.organization, session, gone, &connector, rng);
        incident
            .expected
            .attack(&connector.name, Verdict::Compromised, &removed);
        incident.records.push(removed);
        remove_rules(incident, session, gone, &rules, rng);
        return;
    }
    incident.after.connectors.push(stored(&connector));
    incident.after.rules.extend(rules);
    if rng.chance(0.3) && end + DAY / 12 < incident.organization.end() {
        let alerted = rng.chance(0.5);
        incident.block(&connector, end, alerted, rng);
    }
}

/// A connector as it is read back: the service writes plain domains in wire form.
fn stored(connector: &super::connector::Connector) -> super::connector::Connector {
    let mut connector = connector.clone();
    for domain in &mut connector.sender_domains {
        if !domain.starts_with("smtp:") {
            *domain = format!("smtp:{domain};1");
        }
    }
    connector
}

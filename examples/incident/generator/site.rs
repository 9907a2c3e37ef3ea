//! The connectors of an organization, and the mail that flows through and past them.

use super::address::Addresses;
use super::clock::{DAY, HOUR, MINUTE, SECOND};
use super::connector::Connector;
use super::organization::Organization;
use super::rng::Rng;
use super::stream::{Source, Stream};

const RELAYS: [&str; 8] = [
    "On-premises relay",
    "SMTP relay",
    "Relay from datacentre",
    "Inbound from own servers",
    "App servers",
    "Relai SMTP interne",
    "smtp-out 01",
    "Mail from headquarters",
];

const SECOND_RELAYS: [&str; 4] = [
    "Scanners",
    "Branch office",
    "Ticket system",
    "Druckerflotte",
];

/// The connectors and sources of mail of one organization.
pub struct Site {
    /// Inbound connectors, the relay first.
    pub connectors: Vec<Connector>,
    /// Sources of mail, the relay first.
    pub streams: Vec<Stream>,
}

impl Site {
    /// The relay, the partner, perhaps a hybrid connector, perhaps a second relay; then the cloud and the internet.
    pub fn new(
        organization: &Organization,
        addresses: &mut Addresses,
        hybrid: bool,
        rng: &mut Rng,
    ) -> Self {
        let mut site = Site {
            connectors: Vec::new(),
            streams: Vec::new(),
        };
        let daily = 40.0 * 6.5_f64.powf(rng.unit());
        let batch = rng
            .chance(0.4)
            .then(|| (rng.between(0, 5), daily * rng.range(0.08, 0.3)));
        let name = *rng.pick(&RELAYS);
        site.relay(organization, addresses, name, daily, batch, rng);
        site.partner(organization, addresses, rng);
        if hybrid || rng.chance(0.55) {
            site.hybrid(organization, addresses, rng);
        }
        if rng.chance(0.35) {
            let daily = rng.range(6.0, 20.0);
            let name = *rng.pick(&SECOND_RELAYS);
            site.relay(organization, addresses, name, daily, None, rng);
        }
        site.plain(Source::Cloud, rng.range(30.0, 60.0));
        site.plain(Source::Internet, rng.range(35.0, 65.0));
        site
    }

    fn relay(
        &mut self,
        organization: &Organization,
        addresses: &mut Addresses,
        name: &str,
        daily: f64,
        batch: Option<(i64, f64)>,
        rng: &mut Rng,
    ) {
        let (block, single) = (addresses.block(), addresses.block());
        let mut connector = Connector::on_premises(name.into(), made(organization, rng), rng);
        let mut hosts = block.hosts(rng.between(2, 6) as usize, rng);
        connector.addresses = vec![block.cidr()];
        if rng.chance(0.75) {
            let host = single.host(rng.below(14));
            let suffix = if rng.chance(0.25) { "/32" } else { "" };
            connector.addresses.push(format!("{host}{suffix}"));
            hosts.push(host);
        }
        if rng.chance(0.4) {
            connector.comment = "Approved by IT security; see the change list.".into();
        }
        connector.source = *rng.pick(&["AdminUI", "Default", "AdminUI"]);
        self.streams.push(Stream {
            source: Source::Relay,
            connector: Some(connector.name.clone()),
            hosts,
            domain: organization.primary().into(),
            daily,
            batch,
        });
        self.connectors.push(connector);
    }

    fn partner(&mut self, organization: &Organization, addresses: &mut Addresses, rng: &mut Rng) {
        let domain = if organization.initial_domain.starts_with("fabrikam") {
            *rng.pick(&[
                "partner.contoso.example",
                "contoso.org",
                "logistics.example",
            ])
        } else {
            *rng.pick(&[
                "partner.fabrikam.example",
                "fabrikam.org",
                "logistics.example",
            ])
        };
        let name = match rng.below(4) {
            0 => format!("Partner {domain}"),
            1 => "Partner lock-down".to_string(),
            2 => format!("From {domain} (TLS)"),
            _ => "Bank partner".to_string(),
        };
        let block = addresses.block();
        let domains = [domain.to_string()];
        let mut connector = Connector::partner(name, &domains, made(organization, rng), rng);
        connector.restrict_to_addresses = true;
        connector.addresses = vec![block.cidr()];
        self.streams.push(Stream {
            source: Source::Partner,
            connector: Some(connector.name.clone()),
            hosts: block.hosts(3, rng),
            domain: domain.into(),
            daily: rng.range(5.0, 15.0),
            batch: None,
        });
        self.connectors.push(connector);
    }

    fn hybrid(&mut self, organization: &Organization, addresses: &mut Addresses, rng: &mut Rng) {
        let name = format!("Inbound from {}", rng.guid());
        let mut connector = Connector::on_premises(name, made(organization, rng), rng);
        connector.source = "HybridWizard";
        connector.require_tls = true;
        connector.cloud_services_mail = true;
        connector.certificate = Some(format!("mail.{}", organization.primary()));
        self.streams.push(Stream {
            source: Source::Hybrid,
            connector: Some(connector.name.clone()),
            hosts: addresses.block().hosts(2, rng),
            domain: organization.primary().into(),
            daily: rng.range(8.0, 30.0),
            batch: None,
        });
        self.connectors.push(connector);
    }

    fn plain(&mut self, source: Source, daily: f64) {
        self.streams.push(Stream {
            source,
            connector: None,
            hosts: Vec::new(),
            domain: String::new(),
            daily,
            batch: None,
        });
    }
}

/// When a connector of long standing was made.
fn made(organization: &Organization, rng: &mut Rng) -> i64 {
    organization.start - rng.between(60, 1_800) * DAY
        + rng.between(8, 17) * HOUR
        + rng.between(0, 59) * MINUTE
        + rng.between(0, 59) * SECOND
}

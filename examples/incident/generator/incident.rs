//! The state of one generated folder while the scenario plays: what was configured, what was sent, what was recorded.

use super::address::{Addresses, Block};
use super::alert;
use super::audit::Record;
use super::clock::{DAY, MINUTE};
use super::connector::Connector;
use super::message::{Direction, Message};
use super::office;
use super::organization::Organization;
use super::rhythm::Rhythm;
use super::rng::Rng;
use super::rule::{self, TransportRule};
use super::stream::{Source, Stream};
use super::traffic::{self, Contacts};
use super::{Expected, noise, site};

/// A connector that Microsoft blocked.
pub struct Blocked {
    /// Its id.
    pub connector: String,
    /// Its name.
    pub name: String,
    /// When.
    pub at: i64,
}

/// Configuration at one moment.
#[derive(Clone)]
pub struct Configuration {
    /// Inbound connectors.
    pub connectors: Vec<Connector>,
    /// Transport rules, by priority.
    pub rules: Vec<TransportRule>,
}

/// Everything that happened.
pub struct Incident {
    /// Where.
    pub organization: Organization,
    /// The usual rhythm of mail.
    pub rhythm: Rhythm,
    /// The usual sources of mail; the first is the relay.
    pub streams: Vec<Stream>,
    /// The usual correspondents.
    pub contacts: Contacts,
    /// Addresses that nobody has yet.
    pub addresses: Addresses,
    /// The configuration when the period begins.
    pub before: Configuration,
    /// The configuration when it ends.
    pub after: Configuration,
    /// All mail.
    pub messages: Vec<Message>,
    /// All audit records.
    pub records: Vec<Record>,
    /// Connectors that are blocked at the end.
    pub blocked: Vec<Blocked>,
    /// What an investigator should find.
    pub expected: Expected,
}

impl Incident {
    /// A month in which nothing has happened yet.
    pub fn quiet(scenario: &'static str, number: u64, seed: u64) -> Self {
        let mut rng = Rng::new(seed, "addresses");
        let mut addresses = Addresses::new(&mut rng);
        let organization = Organization::new(seed, &mut addresses);
        let mut rng = Rng::new(seed, "site");
        let rhythm = Rhythm::new(&organization, &mut rng);
        let internet: Vec<Block> = (0..10).map(|_| addresses.block()).collect();
        let servers: Vec<String> = internet
            .iter()
            .flat_map(|block| block.hosts(6, &mut rng))
            .collect();
        let contacts = Contacts::new(&organization, servers, &mut rng);
        let always_hybrid = scenario == "hybrid-wizard";
        let site = site::Site::new(&organization, &mut addresses, always_hybrid, &mut rng);
        let age = organization.start - rng.between(40, 400) * DAY;
        let author = organization.admins[0].upn.clone();
        let rules = (0..rng.between(0, 2))
            .map(|_| rule::harmless(&author, age, &mut rng))
            .collect();
        let before = Configuration {
            connectors: site.connectors,
            rules,
        };
        let expected = Expected::new(scenario, number, &before.connectors);
        Incident {
            organization,
            rhythm,
            streams: site.streams,
            contacts,
            addresses,
            after: before.clone(),
            before,
            messages: Vec::new(),
            records: Vec::new(),
            blocked: Vec::new(),
            expected,
        }
    }

    /// Adds the ordinary mail and the ordinary work of the month.
    pub fn fill(&mut self, seed: u64) {
        let mut rng = Rng::new(seed, "traffic");
        self.messages = traffic::month(
            &self.organization,
            &self.rhythm,
            &self.streams,
            &mut self.contacts,
            &mut rng,
        );
        let mut rng = Rng::new(seed, "office");
        let office = office::month(&self.organization, &self.contacts.servers, &mut rng);
        self.records = office.records;
        self.after.rules.extend(office.rules);
        let exchange = self
            .records
            .iter()
            .filter(|record| record.record_type == 1)
            .count();
        let count = (exchange + 6) * rng.between(11, 18) as usize;
        self.records
            .extend(noise::records(&self.organization, count, &mut rng));
    }

    /// The relay's usual mail.
    pub fn relay(&self) -> &Stream {
        &self.streams[0]
    }

    /// The position of a connector in both configurations.
    pub fn position(&self, source: Source) -> Option<usize> {
        let name = self
            .streams
            .iter()
            .find(|stream| stream.source == source)?
            .connector
            .as_ref()?;
        self.before
            .connectors
            .iter()
            .position(|connector| &connector.name == name)
    }

    /// Puts everything into the order of time, and leaves out what lies outside of the period.
    pub fn settle(&mut self) {
        let (start, end) = (self.organization.start, self.organization.end());
        self.messages
            .retain(|message| (start..end).contains(&message.at));
        self.messages
            .sort_by(|a, b| a.at.cmp(&b.at).then_with(|| a.recipient.cmp(&b.recipient)));
        self.records.sort_by_key(|record| record.at);
    }

    /// Microsoft blocks a connector: an entry in the list, sometimes an alert, and no more mail to the outside.
    pub fn block(&mut self, connector: &Connector, at: i64, alerted: bool, rng: &mut Rng) {
        self.blocked.push(Blocked {
            connector: connector.guid.clone(),
            name: connector.name.clone(),
            at,
        });
        self.messages.retain(|message| {
            message.at < at
                || message.direction != Direction::Outbound
                || message.connector.as_ref() != Some(&connector.name)
        });
        if alerted {
            self.alert(connector, at, rng);
        }
    }

    /// The alert "Suspicious connector activity".
    pub fn alert(&mut self, connector: &Connector, at: i64, rng: &mut Rng) {
        let entity = if rng.chance(0.5) {
            &connector.name
        } else {
            &connector.guid
        };
        let at = (at + rng.between(2, 50) * MINUTE) / 1_000 * 1_000;
        let raised = alert::raise(&self.organization, at, &alert::CONNECTOR_ABUSE, entity, rng);
        self.records.extend(raised);
    }
}

impl Incident {
    /// From now on the connector is off: its mail comes as any other.
    pub fn detach(&mut self, connector: &str, from: i64) {
        for message in &mut self.messages {
            if message.at >= from && message.connector.as_deref() == Some(connector) {
                message.connector = None;
            }
        }
    }
}

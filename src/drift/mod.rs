//! Snapshot × baseline → differences with direction. Pure.
//!
//! What makes two values equal is settled before this: here values are only
//! compared, connectors paired, and differences weighed by the property table.
//! A [`Baseline`] is needed to get here, and only the
//! verifier makes one.

mod change;
mod pairing;

pub use change::Change;
pub use pairing::pair;

use crate::baseline::{ApprovedConnector, Baseline};
use crate::caseless;
use crate::connector::domain::Domain;
use crate::connector::property::Property;
use crate::snapshot::{Part, Record, Snapshot};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Everything in which a snapshot differs from a baseline, and what could not be compared.
#[derive(Debug, Default)]
pub struct Drift<'a> {
    /// The differences.
    pub differences: Vec<Difference<'a>>,
    /// What could not be compared.
    pub not_compared: Vec<NotCompared>,
    /// How many settings were compared.
    pub compared: usize,
    /// How many settings were absent with the policy's leave.
    pub tolerated: usize,
    /// Which approved connector each record is, by position in the snapshot.
    pub approved: Vec<Option<&'a ApprovedConnector>>,
}

/// One difference.
#[derive(Debug)]
#[allow(
    clippy::large_enum_variant,
    reason = "most differences are of the large kind, and they are few"
)]
pub enum Difference<'a> {
    /// In the tenant, not approved.
    Unknown(&'a Record),
    /// Approved, not in the tenant.
    Missing(&'a ApprovedConnector),
    /// Deleted and made again under its name: both ids are new.
    Recreated(&'a ApprovedConnector, &'a Record),
    /// Same id, other name.
    Renamed(&'a ApprovedConnector, &'a Record),
    /// A setting has another value.
    Setting(&'a ApprovedConnector, &'a Record, Change),
    /// The organization has a domain that was not approved.
    AcceptedDomain(&'a Domain),
}

/// Something that the baseline decides and the snapshot does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotCompared {
    /// The connector's name; `None` for a part of the snapshot.
    pub connector: Option<String>,
    /// The property or part.
    pub what: String,
}

impl std::fmt::Display for NotCompared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.connector {
            Some(connector) => write!(f, "{} of {connector:?}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

/// Compares a snapshot with a baseline.
///
/// `may_be_absent` names the settings whose absence from a record the policy tolerates.
pub fn drift<'a>(
    baseline: &'a Baseline,
    snapshot: &'a Snapshot,
    may_be_absent: &BTreeMap<Property, String>,
    now: Timestamp,
) -> Drift<'a> {
    let mut drift = Drift::default();
    if !snapshot.has(Part::InboundConnectors) {
        // An incomplete list says neither that a connector is missing nor that it is all.
        drift.not_compared.push(NotCompared {
            connector: None,
            what: Part::InboundConnectors.name().to_owned(),
        });
    }
    let pairs = pairing::pair(&baseline.approved.connectors, &snapshot.records);
    for (record, pairing) in snapshot.records.iter().zip(&pairs.of_records) {
        match pairing {
            None => drift.differences.push(Difference::Unknown(record)),
            Some(pairing) => {
                if pairing.recreated {
                    drift
                        .differences
                        .push(Difference::Recreated(pairing.approved, record));
                }
                drift.compare(pairing.approved, record, may_be_absent, now);
            }
        }
        drift
            .approved
            .push(pairing.as_ref().map(|pairing| pairing.approved));
    }
    if snapshot.has(Part::InboundConnectors) {
        drift
            .differences
            .extend(pairs.missing.into_iter().map(Difference::Missing));
    }
    drift.accepted_domains(baseline, snapshot);
    drift
}

impl<'a> Drift<'a> {
    fn compare(
        &mut self,
        approved: &'a ApprovedConnector,
        record: &'a Record,
        may_be_absent: &BTreeMap<Property, String>,
        now: Timestamp,
    ) {
        if !caseless::same(&approved.name, &record.connector.name) {
            self.differences.push(Difference::Renamed(approved, record));
        }
        self.compared += 1;
        if approved.id.is_some() && record.connector.id().is_none() {
            // By name alone nobody can tell whether it was deleted and made again.
            self.not_compared.push(NotCompared {
                connector: Some(record.connector.name.clone()),
                what: Property::ExchangeObjectId.name().to_owned(),
            });
        }
        for property in Property::settings() {
            let expected = approved.setting(property);
            let absent = !record.connector.settings.contains_key(&property);
            if absent && may_be_absent.contains_key(&property) {
                self.tolerated += 1;
                continue;
            }
            let needed = property.kind().must_be_present()
                || expected.as_ref().is_some_and(|value| !value.is_empty());
            match (expected, record.connector.setting(property)) {
                (Some(expected), Some(observed)) if !(absent && needed) => {
                    self.compared += 1;
                    if !approved.approves(property, &observed, now) {
                        let types = (approved.connector_type(), record.connector.connector_type());
                        self.differences.push(Difference::Setting(
                            approved,
                            record,
                            Change::new(
                                property,
                                expected.into_owned(),
                                observed.into_owned(),
                                types,
                            ),
                        ));
                    }
                }
                _ => self.not_compared.push(NotCompared {
                    connector: Some(record.connector.name.clone()),
                    what: property.name().to_owned(),
                }),
            }
        }
    }

    /// A domain that is gone takes rights away and is seen elsewhere; a new one gives them.
    fn accepted_domains(&mut self, baseline: &'a Baseline, snapshot: &'a Snapshot) {
        let Some(approved) = &baseline.approved.accepted_domains else {
            return;
        };
        if !snapshot.has(Part::AcceptedDomains) {
            self.not_compared.push(NotCompared {
                connector: None,
                what: Part::AcceptedDomains.name().to_owned(),
            });
            return;
        }
        let new = snapshot
            .accepted_domains
            .iter()
            .map(|accepted| &accepted.domain)
            .filter(|domain| !approved.contains(domain));
        self.differences.extend(new.map(Difference::AcceptedDomain));
    }
}

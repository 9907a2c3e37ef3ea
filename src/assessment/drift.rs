//! Differences between snapshot and baseline as findings, and what could not be compared.

use super::Judge;
use crate::baseline::{ApprovedConnector, Baseline};
use crate::builtin;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift::{Change, Difference, Drift};
use crate::finding::{Direction, Finding, Severity, shorten};
use crate::snapshot::{Part, Record, SourceKind};
use serde_json::{Map, Value as Json};

impl Judge<'_> {
    pub(super) fn drift(&mut self, drift: &Drift<'_>) {
        self.assessment.coverage.properties_compared = drift.compared;
        self.assessment.coverage.properties_ignored = drift.tolerated
            + self
                .case
                .snapshot
                .connectors()
                .map(|connector| connector.metadata.ignored)
                .sum::<usize>();
        if let Some(baseline) = self.case.baseline {
            let pending = self.pending(drift);
            for (index, difference) in drift.differences.iter().enumerate() {
                let finding = self.difference(baseline, difference);
                self.assessment.findings.push(if pending.contains(&index) {
                    super::past::change_pending(finding)
                } else {
                    finding
                });
            }
        }
        self.confirm_organization(drift);
        for not_compared in &drift.not_compared {
            self.obstacle(format!(
                "{not_compared} could not be compared: the snapshot does not hold it"
            ));
        }
        self.assessment
            .coverage
            .not_compared
            .clone_from(&drift.not_compared);
    }

    /// Whose connectors these are must be known before they are compared: by the
    /// name of the organization, or by an id, which no other organization has.
    fn confirm_organization(&mut self, drift: &Drift<'_>) {
        let Some(baseline) = self.case.baseline else {
            return;
        };
        let named = baseline
            .approved
            .organization
            .confirms(&self.case.snapshot.organization);
        let ids = self.case.snapshot.connectors().zip(&drift.approved);
        let mut known = ids.filter_map(|(connector, approved)| {
            Some((connector, approved.as_ref()?.id.as_deref()?))
        });
        // Of a live read that failed this says nothing that the failure does not.
        let failed = self.case.snapshot.source == SourceKind::Exchange
            && !self.case.snapshot.has(Part::InboundConnectors);
        if !named && !failed && !known.any(|(connector, id)| connector.has_id(id)) {
            self.obstacle("the snapshot does not say which organization it is of: export with the script from `connguard fetch --script`");
        }
    }

    fn difference(&self, baseline: &Baseline, difference: &Difference<'_>) -> Finding {
        match difference {
            Difference::Unknown(record) => self.unknown(baseline, record),
            Difference::Missing(approved) => self.missing(approved),
            Difference::Recreated(approved, record) => Finding {
                message: format!(
                    "approved with the id {}, now {}",
                    approved.id.as_deref().unwrap_or("none"),
                    record.connector.id().map_or("none", String::as_str)
                ),
                connector: Some(record.connector.subject()),
                expected: approved.id.clone().map(Json::from),
                actual: record.connector.id().cloned().map(Json::from),
                added: record.connector.id().cloned().into_iter().collect(),
                removed: approved.id.clone().into_iter().collect(),
                direction: Some(Direction::Widens),
                ..builtin::finding("drift-recreated", Severity::High, approved.location.clone())
                    .also_at(&record.location)
            },
            Difference::Renamed(approved, record) => Finding {
                message: format!(
                    "named {:?}, approved as {:?}",
                    record.connector.name, approved.name
                ),
                connector: Some(record.connector.subject()),
                property: Some(Property::Name.name().to_owned()),
                expected: Some(Json::from(approved.name.as_str())),
                actual: Some(Json::from(record.connector.name.as_str())),
                added: vec![record.connector.name.clone()],
                removed: vec![approved.name.clone()],
                direction: Some(Direction::Neutral),
                ..builtin::finding("drift-renamed", Severity::Low, approved.location.clone())
                    .also_at(&record.location)
            },
            Difference::Setting(approved, record, change) => self.setting(approved, record, change),
            Difference::AcceptedDomain(domain) => Finding {
                message: format!("{domain} is a domain of the tenant and not approved"),
                expected: baseline.approved.accepted_domains.as_ref().map(|domains| {
                    Json::from(domains.iter().map(ToString::to_string).collect::<Vec<_>>())
                }),
                actual: Some(Json::from(domain.as_str())),
                added: vec![domain.to_string()],
                direction: Some(Direction::Widens),
                ..builtin::finding(
                    "drift-accepted-domain",
                    Severity::Medium,
                    baseline.approved.accepted_domains_at.clone(),
                )
            },
        }
    }

    fn unknown(&self, baseline: &Baseline, record: &Record) -> Finding {
        let connector = &record.connector;
        let enabled = connector.boolean(Property::Enabled) != Some(false);
        let severity = match connector.connector_type() {
            Some(ConnectorType::Partner) => Severity::Medium,
            _ if enabled => Severity::Critical,
            _ => Severity::Medium,
        };
        let addresses = connector.addresses(Property::SenderIPAddresses);
        let certificate = connector
            .setting(Property::TlsSenderCertificateName)
            .filter(|value| !value.is_empty());
        let mut added = addresses.blocks();
        added.extend(certificate.iter().flat_map(|name| name.elements()));
        let mut finding = builtin::finding(
            "drift-unknown",
            severity,
            baseline.approved.connectors_at.clone(),
        )
        .also_at(&record.location);
        if let Some(id) = connector.id() {
            finding.fix = finding.fix.replace("<id>", id);
        }
        Finding {
            message: introduce(connector, enabled),
            connector: Some(connector.subject()),
            actual: Some(settings_json(|property| {
                connector.settings.get(&property).cloned()
            })),
            count: Some(addresses.count()),
            added,
            direction: Some(Direction::Widens),
            ..finding
        }
    }

    fn missing(&self, approved: &ApprovedConnector) -> Finding {
        let (severity, direction) = match approved.connector_type() {
            Some(ConnectorType::OnPremises) => (Severity::Medium, Direction::Narrows),
            _ => (Severity::High, Direction::Widens),
        };
        Finding {
            message: format!(
                "approved for {} ({}), and not in the tenant",
                approved.owner, approved.reason
            ),
            connector: Some(approved.subject()),
            expected: Some(settings_json(|property| {
                approved.settings.get(&property).cloned()
            })),
            direction: Some(direction),
            ..builtin::finding("drift-missing", severity, approved.location.clone())
        }
    }

    fn setting(&self, approved: &ApprovedConnector, record: &Record, change: &Change) -> Finding {
        let id = match change.direction {
            Direction::Widens => "drift-widened",
            Direction::Narrows => "drift-narrowed",
            Direction::Neutral => "drift-changed",
        };
        Finding {
            message: change.words.clone(),
            connector: Some(record.connector.subject()),
            property: Some(change.property.name().to_owned()),
            expected: Some(change.expected.to_json()),
            actual: Some(change.observed.to_json()),
            added: change.added.clone(),
            removed: change.removed.clone(),
            count: change.count,
            direction: Some(change.direction),
            ..builtin::finding(id, change.severity, approved.location_of(change.property))
                .also_at(&record.location)
        }
    }
}

/// Says what an unknown connector does, for somebody who has never seen it.
fn introduce(connector: &Connector, enabled: bool) -> String {
    let state = if enabled { "an enabled" } else { "a disabled" };
    let kind = match connector.setting(Property::ConnectorType) {
        Some(value) => value.elements().join(""),
        None => "untyped".to_owned(),
    };
    let addresses = connector.addresses(Property::SenderIPAddresses);
    let mut who = Vec::new();
    if !addresses.is_empty() {
        let unit = if addresses.count() == 1 {
            "address"
        } else {
            "addresses"
        };
        who.push(format!(
            "{} ({} {unit})",
            shorten(&addresses.blocks()),
            addresses.count()
        ));
    }
    if let Some(name) = connector
        .setting(Property::TlsSenderCertificateName)
        .filter(|value| !value.is_empty())
    {
        who.push(format!("the certificate {}", name.elements().join("")));
    }
    let who = if who.is_empty() {
        "neither an address nor a certificate".to_owned()
    } else {
        who.join(" and ")
    };
    format!("{state} {kind} connector that nobody approved; it admits {who}")
}

/// Settings that are not empty, by name.
fn settings_json(setting: impl Fn(Property) -> Option<Value>) -> Json {
    let settings: Map<String, Json> = Property::settings()
        .filter_map(|property| {
            setting(property)
                .filter(|value| !value.is_empty())
                .map(|value| (property.name().to_owned(), value.to_json()))
        })
        .collect();
    Json::Object(settings)
}

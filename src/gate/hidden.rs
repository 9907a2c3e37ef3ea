//! Drift that a proposed baseline would approve, so that no check shows it any more.

use super::beginning;
use crate::baseline::{Approved, ApprovedConnector};
use crate::builtin;
use crate::caseless;
use crate::connector::property::Property;
use crate::finding::{Finding, Location, Since, Status, Subject};
use crate::snapshot::{Record, Snapshot};
use jiff::Timestamp;

/// What is there now, and what was found to be wrong with it.
pub struct Observed<'a> {
    /// The connectors.
    pub snapshot: &'a Snapshot,
    /// The findings against the baseline in force.
    pub findings: &'a [Finding],
}

/// The drift of now that a proposed baseline approves.
///
/// `signed` says that enough people signed it over exactly its bytes: then they approved it with open eyes.
pub fn hidden(
    observed: &Observed<'_>,
    proposed: &Approved,
    path: &str,
    signed: bool,
    now: Timestamp,
) -> Vec<Finding> {
    let drift = observed.findings.iter().filter(|finding| {
        finding.status == Status::Open
            && (finding.rule.starts_with("drift-") || finding.rule == "change-pending")
    });
    drift
        .filter_map(|finding| {
            let location = approved_by(finding, observed.snapshot, proposed, now)?;
            Some((finding, location))
        })
        .map(|(finding, location)| Finding {
            message: format!(
                "approves what is there now and was not approved: {}",
                finding.message
            ),
            status: if signed {
                Status::Accepted
            } else {
                Status::Open
            },
            connector: finding.connector.clone(),
            property: finding.property.clone(),
            expected: finding.expected.clone(),
            actual: finding.actual.clone(),
            added: finding.added.clone(),
            removed: finding.removed.clone(),
            count: finding.count,
            direction: finding.direction,
            since: Some(Since::New),
            ..builtin::finding(
                "drift-hidden",
                finding.severity,
                location.unwrap_or_else(|| beginning(path)),
            )
        })
        .collect()
}

/// Where the proposal approves what a finding is about; `None` where it does not.
fn approved_by(
    finding: &Finding,
    snapshot: &Snapshot,
    proposed: &Approved,
    now: Timestamp,
) -> Option<Option<Location>> {
    let Some(subject) = &finding.connector else {
        let domains = proposed.accepted_domains.as_ref();
        let all = |domains: &Vec<_>| {
            finding.added.iter().all(|added| {
                domains
                    .iter()
                    .any(|own: &crate::connector::domain::Domain| own.as_str() == added)
            })
        };
        // A baseline that no longer says which domains are approved finds no new one.
        return domains
            .is_none_or(all)
            .then(|| Some(proposed.accepted_domains_at.clone()));
    };
    let approved = of(subject, proposed);
    let record = snapshot
        .records
        .iter()
        .find(|record| record.connector.subject() == *subject);
    let property = finding.property.as_deref().and_then(Property::named);
    match (record, approved, property) {
        // Missing from the tenant, and no longer approved.
        (None, None, _) => Some(None),
        // Changed or new in the tenant.
        (Some(record), Some(approved), property) => {
            agrees(record, approved, property, now).then(|| {
                Some(property.map_or_else(
                    || approved.location.clone(),
                    |property| approved.location_of(property),
                ))
            })
        }
        _ => None,
    }
}

fn of<'a>(subject: &Subject, proposed: &'a Approved) -> Option<&'a ApprovedConnector> {
    let by_id = proposed
        .connectors
        .iter()
        .find(|connector| connector.id.is_some() && connector.id == subject.id);
    by_id.or_else(|| {
        proposed.connectors.iter().find(|connector| {
            connector.id.is_none() && caseless::same(&connector.name, &subject.name)
        })
    })
}

/// Whether a record's setting, or the fact that the connector is there, would be approved.
fn agrees(
    record: &Record,
    approved: &ApprovedConnector,
    property: Option<Property>,
    now: Timestamp,
) -> bool {
    match property {
        None => true,
        Some(Property::Name) => approved.name == record.connector.name,
        Some(property) => record
            .connector
            .setting(property)
            .is_some_and(|value| approved.approves(property, &value, now)),
    }
}

//! What only a history shows: values that are still those of the version before, things that
//! changed from one snapshot to the next, and times at which nobody looked.

use super::{Case, Judge, assess};
use crate::baseline::{ApprovedConnector, Baseline};
use crate::builtin;
use crate::caseless;
use crate::connector::Connector;
use crate::connector::property::Property;
use crate::document::time;
use crate::drift::{Difference, Drift, pair};
use crate::finding::{Earlier, Finding, Location, Severity, Since, Status};
use crate::snapshot::stored::JITTER;
use crate::snapshot::{Record, Snapshot};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// What a history knows of a tenant from before.
#[derive(Debug, Default)]
pub struct Past<'a> {
    /// What the run before saw.
    pub before: Before<'a>,
    /// The version of the baseline before the one in force, if that came into force a short time ago.
    pub superseded: Option<&'a Baseline>,
    /// The two runs before and after the longest time, just before this snapshot, at which nobody looked.
    pub gap: Option<(Timestamp, Timestamp)>,
}

/// What the run before saw.
#[derive(Debug, Default)]
pub enum Before<'a> {
    /// Nobody knows.
    #[default]
    Unknown,
    /// The same.
    Same,
    /// Something else.
    Other(&'a Snapshot),
}

impl Past<'_> {
    /// Whether a baseline has come into force so recently that what it replaced may still be there.
    pub fn is_within(
        window: SignedDuration,
        issued: Timestamp,
        first_seen: Option<Timestamp>,
        now: Timestamp,
    ) -> bool {
        // A document says of its own age what its signers like; a run that saw it earlier knows better.
        let begin = first_seen.map_or(issued, |seen| seen.min(issued));
        now.duration_since(begin) <= window
    }
}

impl Judge<'_> {
    /// Findings about the way from the snapshot before to this one.
    pub(super) fn past(&mut self) {
        let case = self.case;
        if let Some((from, until)) = case.past.gap {
            let longest = case.policy.map(|policy| policy.document.max_snapshot_age);
            let allowed = longest.map_or_else(String::new, |longest| {
                format!(
                    ", and the policy takes no snapshot older than {}",
                    time::words(longest)
                )
            });
            let place = Location {
                path: case.snapshot.origin.clone(),
                line: 1,
                column: 1,
            };
            let finding = Finding {
                message: format!(
                    "no run read the tenant between {from} and {until}, for {}{allowed}",
                    time::words(until.duration_since(from))
                ),
                added: vec![from.to_string(), until.to_string()],
                ..builtin::finding("observation-gap", Severity::Low, place)
            };
            self.assessment.findings.push(finding);
        }
        if let Before::Other(before) = case.past.before {
            for record in &case.snapshot.records {
                let key = record.connector.subject().key();
                let mut earlier = before.connectors();
                if let Some(was) = earlier.find(|was| was.subject().key() == key) {
                    self.moved(was, record);
                }
            }
        }
    }

    /// What became of one connector that neither the baseline nor a rule sees.
    fn moved(&mut self, was: &Connector, record: &Record) {
        let (old, new) = (&was.metadata, &record.connector.metadata);
        for (name, value) in &new.unrecognised {
            if let Some(before) = old.unrecognised.get(name).filter(|before| *before != value) {
                let finding = Finding {
                    message: format!(
                        "{name:?}, which this version does not know, has another value than in the snapshot before"
                    ),
                    connector: Some(record.connector.subject()),
                    property: Some(name.clone()),
                    expected: Some(before.clone()),
                    actual: Some(value.clone()),
                    added: vec![value.to_string()],
                    removed: vec![before.to_string()],
                    ..builtin::finding(
                        "unrecognised-changed",
                        Severity::Medium,
                        record.location.clone(),
                    )
                };
                self.assessment.findings.push(finding);
            }
        }
        let untouched = Property::settings()
            .chain([Property::Name])
            .all(|property| was.setting(property) == record.connector.setting(property))
            && was.unreadable == record.connector.unreadable
            && old.unrecognised == new.unrecognised;
        if let (Some(before), Some(now)) = (old.when_changed, new.when_changed)
            && now.duration_since(before).abs() > JITTER
            && untouched
        {
            let finding = Finding {
                message: format!(
                    "the service says that it was changed around {now}, and nothing differs from the snapshot before"
                ),
                connector: Some(record.connector.subject()),
                property: Some(Property::WhenChangedUTC.name().to_owned()),
                expected: Some(Json::from(before.to_string())),
                actual: Some(Json::from(now.to_string())),
                added: vec![now.to_string()],
                removed: vec![before.to_string()],
                ..builtin::finding(
                    "touched-without-difference",
                    Severity::Info,
                    record.location.clone(),
                )
            };
            self.assessment.findings.push(finding);
        }
    }

    /// Differences that the version before approved count as changes that are still to be made, for a time.
    pub(super) fn pending(&self, drift: &Drift<'_>) -> BTreeSet<usize> {
        let Some(before) = self.case.past.superseded else {
            return BTreeSet::new();
        };
        let pairs = pair(&before.approved.connectors, &self.case.snapshot.records);
        let approved_before = |record: &Record| {
            let mut all = self.case.snapshot.records.iter().zip(&pairs.of_records);
            let (_, pairing) = all.find(|(own, _)| std::ptr::eq(*own, record))?;
            pairing
                .as_ref()
                .filter(|pairing| !pairing.recreated)
                .map(|pairing| pairing.approved)
        };
        let was_approved = |difference: &Difference<'_>| match difference {
            Difference::Unknown(record) => {
                approved_before(record).is_some_and(|approved| self.as_approved(approved, record))
            }
            Difference::Missing(approved) => !before.approved.connectors.iter().any(|earlier| {
                let same_id = earlier.id.is_some() && earlier.id == approved.id;
                same_id || caseless::same(&earlier.name, &approved.name)
            }),
            Difference::Recreated(_, record) => approved_before(record).is_some_and(|approved| {
                approved
                    .id
                    .as_deref()
                    .is_some_and(|id| record.connector.has_id(id))
            }),
            Difference::Renamed(_, record) => approved_before(record)
                .is_some_and(|approved| approved.name == record.connector.name),
            Difference::Setting(_, record, change) => {
                approved_before(record).is_some_and(|approved| {
                    approved.approves(change.property, &change.observed, self.case.now)
                })
            }
            Difference::AcceptedDomain(domain) => before
                .approved
                .accepted_domains
                .as_ref()
                .is_some_and(|domains| domains.contains(domain)),
        };
        let differences = drift.differences.iter().enumerate();
        differences
            .filter(|(_, difference)| was_approved(difference))
            .map(|(index, _)| index)
            .collect()
    }

    /// Whether every setting of a record is what was approved.
    fn as_approved(&self, approved: &ApprovedConnector, record: &Record) -> bool {
        Property::settings().all(|property| {
            record
                .connector
                .setting(property)
                .is_some_and(|value| approved.approves(property, &value, self.case.now))
        })
    }

    /// Says of each finding whether the run before would have had it, and which findings of that run are gone.
    pub(super) fn since(&mut self) {
        let before = match self.case.past.before {
            Before::Unknown => return,
            Before::Same => {
                for finding in &mut self.assessment.findings {
                    finding.since = Some(Since::Open);
                }
                return;
            }
            Before::Other(before) => before,
        };
        let earlier = assess(&Case {
            snapshot: before,
            past: &Past::default(),
            ..*self.case
        });
        let key = self.assessment.key().to_owned();
        let mut was = Earlier::default();
        for finding in earlier.open() {
            was.add(
                finding.series(&key).to_string(),
                finding.added.iter().cloned(),
            );
        }
        for finding in &mut self.assessment.findings {
            finding.since = Some(was.since(finding, &key));
        }
        let is: BTreeSet<_> = self
            .assessment
            .open()
            .map(|finding| finding.series(&key))
            .collect();
        self.assessment.resolved = earlier
            .findings
            .into_iter()
            .filter(|finding| finding.status == Status::Open && !is.contains(&finding.series(&key)))
            .collect();
    }
}

/// A difference that the version before approved.
pub(super) fn change_pending(finding: Finding) -> Finding {
    let own = builtin::get("change-pending");
    Finding {
        rule: own.id.to_owned(),
        severity: Severity::Low,
        title: own.title.to_owned(),
        fix: own.fix.to_owned(),
        message: format!(
            "{}; that is what the version of the baseline before approved, so the change is still to be made",
            finding.message
        ),
        ..finding
    }
}

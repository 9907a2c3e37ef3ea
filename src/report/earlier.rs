//! The report of an earlier run, read for what is new since.

use super::json;
use crate::assessment::Assessment;
use crate::finding::{Direction, Earlier, Finding, Location, Severity, Since, Status, Subject};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The tenants of an earlier report, by what their fingerprints are bound to.
#[derive(Debug, Default)]
pub struct EarlierReport {
    tenants: BTreeMap<String, Vec<Known>>,
    /// What each tenant was judged.
    verdicts: BTreeMap<String, String>,
    /// Findings of the run itself.
    own: Vec<Known>,
}

/// What is read of a report; everything else in it may grow.
#[derive(Deserialize)]
struct Wire {
    schema: String,
    findings: Vec<Known>,
    tenants: Vec<WireTenant>,
}

#[derive(Deserialize)]
struct WireTenant {
    tenant: String,
    verdict: String,
    findings: Vec<Known>,
}

/// A finding of the earlier run.
#[derive(Clone, Debug, Deserialize)]
struct Known {
    rule: String,
    severity: String,
    status: String,
    title: String,
    message: String,
    connector: Option<KnownConnector>,
    property: Option<String>,
    added: Vec<String>,
    removed: Vec<String>,
    direction: Option<String>,
    series: String,
}

#[derive(Clone, Debug, Deserialize)]
struct KnownConnector {
    id: Option<String>,
    name: String,
}

impl EarlierReport {
    /// Reads a report that `--format json` wrote.
    ///
    /// # Errors
    ///
    /// What is no such report, in words.
    pub fn read(text: &str) -> Result<Self, String> {
        let wire: Wire = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if wire.schema != json::SCHEMA {
            return Err(format!("its schema is not {:?}", json::SCHEMA));
        }
        let open = |mut findings: Vec<Known>| {
            findings.retain(|known| known.status == Status::Open.name());
            findings
        };
        Ok(Self {
            own: open(wire.findings),
            verdicts: wire
                .tenants
                .iter()
                .map(|tenant| (tenant.tenant.clone(), tenant.verdict.clone()))
                .collect(),
            tenants: wire
                .tenants
                .into_iter()
                .map(|tenant| (tenant.tenant, open(tenant.findings)))
                .collect(),
        })
    }

    /// What a tenant was judged then.
    pub fn verdict(&self, tenant: &str) -> Option<&str> {
        self.verdicts.get(tenant).map(String::as_str)
    }

    /// The open findings of a tenant then, as far as they were kept.
    pub fn findings(&self, tenant: &str) -> Vec<Finding> {
        let known = self.tenants.get(tenant);
        known.into_iter().flatten().map(Known::finding).collect()
    }

    /// The same of the findings of the run itself; `key` is what their fingerprints are bound to.
    pub fn mark_own(&self, findings: &mut [Finding], key: &str) {
        since(findings, &self.own, key);
    }

    /// Says of each finding of a tenant whether it is new since, and which are gone.
    ///
    /// Severity, verdict and exit code stay as they are.
    pub fn mark(&self, assessment: &mut Assessment) {
        let nothing = Vec::new();
        let known = self.tenants.get(&assessment.tenant).unwrap_or(&nothing);
        let key = assessment.key().to_owned();
        since(&mut assessment.findings, known, &key);
        let is: BTreeSet<String> = assessment
            .open()
            .map(|finding| finding.series(&key).to_string())
            .collect();
        assessment.resolved = known
            .iter()
            .filter(|own| !is.contains(&own.series))
            .map(Known::finding)
            .collect();
    }
}

fn since(findings: &mut [Finding], known: &[Known], key: &str) {
    let mut earlier = Earlier::default();
    for own in known {
        earlier.add(own.series.clone(), own.added.iter().cloned());
    }
    // What is tolerated is neither new nor open.
    for finding in findings.iter_mut().filter(|own| own.status == Status::Open) {
        finding.since = Some(earlier.since(finding, key));
    }
}

impl Known {
    /// The finding as far as it was kept: enough to say what is gone.
    fn finding(&self) -> Finding {
        let severity = Severity::parse(&self.severity).unwrap_or(Severity::Info);
        let nowhere = Location {
            path: String::new(),
            line: 1,
            column: 1,
        };
        Finding {
            message: self.message.clone(),
            connector: self.connector.as_ref().map(|connector| Subject {
                id: connector.id.clone(),
                name: connector.name.clone(),
            }),
            property: self.property.clone(),
            added: self.added.clone(),
            removed: self.removed.clone(),
            direction: self.direction.as_deref().and_then(|word| {
                [Direction::Widens, Direction::Narrows, Direction::Neutral]
                    .into_iter()
                    .find(|direction| direction.name() == word)
            }),
            locations: Vec::new(),
            since: Some(Since::Open),
            ..Finding::new(&self.rule, severity, &self.title, nowhere)
        }
    }
}

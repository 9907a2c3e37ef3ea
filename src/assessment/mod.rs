//! Everything one run found out about one tenant.
//!
//! The only place where snapshot, drift and policy are joined into findings and
//! coverage. Pure: what can go wrong in the world has gone wrong before, and
//! arrives here as an obstacle or an error.

mod documents;
mod drift;
mod past;
mod rules;

pub use documents::{of_history, of_run};
pub use past::{Before, Past};

use crate::baseline::{Approved, Baseline};
use crate::builtin;
use crate::caseless;
use crate::connector::property::Property;
use crate::digest::Digest;
use crate::document::time;
use crate::drift::{Drift, NotCompared, drift, pair};
use crate::finding::{Finding, Location, Severity, Status, Subject};
use crate::lists::Lists;
use crate::policy::{Policy, Rules};
use crate::snapshot::{Completeness, Organization, Part, Record, Snapshot, SourceKind};
use crate::trust::header::CLOCK_SKEW;
use crate::trust::{Rollback, Route, Signer};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is to be judged.
pub struct Case<'a> {
    /// The tenant's local name.
    pub tenant: &'a str,
    /// The observed connectors.
    pub snapshot: &'a Snapshot,
    /// What was approved, if that could be verified.
    pub baseline: Option<&'a Baseline>,
    /// What somebody proposes to approve. Rules go by it; nothing is compared with it.
    pub proposed: Option<&'a Approved>,
    /// The policy, if that could be verified.
    pub policy: Option<&'a Policy>,
    /// Lists that all tenants share: those of the policy.
    pub shared_lists: Option<&'a Lists>,
    /// The rules: the policy's, else the compiled-in ones.
    pub rules: &'a Rules,
    /// Whether the file that the snapshot was read from was named on the command line.
    pub by_operator: bool,
    /// The kind of source that the snapshot was read from at first: a history remembers that.
    pub read_from: SourceKind,
    /// Whether approvals exist that could not be verified: then a choice may well be an approved one.
    pub unverified_approvals: bool,
    /// The mildest severity that fails the run.
    pub fail_on: Severity,
    /// What the history knows from before.
    pub past: &'a Past<'a>,
    /// The time of the run.
    pub now: Timestamp,
}

/// Everything one run found out about one tenant.
#[derive(Debug)]
pub struct Assessment {
    /// The tenant's local name.
    pub tenant: String,
    /// The organization, as far as it is known.
    pub organization: Organization,
    /// What was looked at; `None` when nothing could be read.
    pub snapshot: Option<SnapshotSummary>,
    /// What it was compared with; `None` when there is nothing verified.
    pub baseline: Option<BaselineSummary>,
    /// What was compared and what was not.
    pub coverage: Coverage,
    /// What is wrong, in reading order.
    pub findings: Vec<Finding>,
    /// Findings of the run before that are gone; none without a history.
    pub resolved: Vec<Finding>,
    /// When the connectors that have findings were made and last changed.
    pub times: BTreeMap<Subject, Times>,
    /// Why there can be no verdict; empty when there can.
    pub obstacles: Vec<String>,
    /// What failed.
    pub errors: Vec<Failure>,
}

/// When a connector was made and last changed, by the service's word.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// `WhenCreatedUTC`.
    pub created: Option<Timestamp>,
    /// `WhenChangedUTC`, within a minute.
    pub changed: Option<Timestamp>,
}

impl Times {
    /// "created …, changed around …", as far as the service says.
    pub fn words(&self) -> Option<String> {
        let created = self.created.map(|time| format!("created {time}"));
        let changed = self.changed.map(|time| format!("changed around {time}"));
        let parts: Vec<String> = created.into_iter().chain(changed).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// Something that failed for one tenant.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The file or request it is about.
    pub source: String,
    /// What went wrong.
    pub message: String,
    /// How to go on.
    pub help: String,
}

/// A snapshot without its connectors.
#[derive(Debug)]
pub struct SnapshotSummary {
    /// Digest of its canonical form.
    pub digest: Digest,
    /// When it was read, if that is known.
    pub taken_at: Option<Timestamp>,
    /// How old it was.
    pub age: Option<SignedDuration>,
    /// The kind of source.
    pub source: SourceKind,
    /// The file or address.
    pub origin: String,
    /// Whether the source was named on the command line.
    pub by_operator: bool,
    /// How completely each part was read.
    pub complete: BTreeMap<Part, Completeness>,
}

/// A baseline without its connectors.
#[derive(Debug)]
pub struct BaselineSummary {
    /// Its file.
    pub path: String,
    /// Its version.
    pub version: u64,
    /// Digest of its bytes.
    pub digest: Digest,
    /// From when on it gives no verdict.
    pub expires: Timestamp,
    /// Who signed it.
    pub signers: Vec<Signer>,
    /// How many had to.
    pub threshold: usize,
    /// By which way it was approved.
    pub route: Route,
    /// What memory says of it.
    pub rollback: Rollback,
}

/// What was compared and what was not.
#[derive(Debug, Default)]
pub struct Coverage {
    /// Connectors in the snapshot.
    pub connectors: usize,
    /// Settings compared with the baseline.
    pub properties_compared: usize,
    /// Settings and metadata left aside for a written reason.
    pub properties_ignored: usize,
    /// What the baseline decides and the snapshot does not show.
    pub not_compared: Vec<NotCompared>,
    /// Properties that the table does not know.
    pub unrecognised: BTreeSet<String>,
    /// Outcomes of rules on connectors.
    pub rules_passed: usize,
    /// Violations that count.
    pub rules_failed: usize,
    /// Violations that are all tolerated.
    pub rules_accepted: usize,
    /// Rules about other connectors.
    pub rules_not_applicable: usize,
    /// Rules that could not be judged, with the connector and the reason.
    pub rules_not_evaluated: Vec<NotEvaluated>,
}

/// A rule that could not be judged.
#[derive(Debug, Clone)]
pub struct NotEvaluated {
    /// The rule.
    pub rule: String,
    /// The connector's name.
    pub connector: String,
    /// Why.
    pub reason: String,
}

impl Assessment {
    /// An assessment of a tenant of which nothing could be read; the caller says why.
    pub fn nothing(tenant: &str, organization: Organization) -> Self {
        Self {
            tenant: tenant.to_owned(),
            organization,
            snapshot: None,
            baseline: None,
            coverage: Coverage::default(),
            findings: Vec::new(),
            resolved: Vec::new(),
            times: BTreeMap::new(),
            obstacles: Vec::new(),
            errors: Vec::new(),
        }
    }

    /// Findings that count.
    pub fn open(&self) -> impl Iterator<Item = &Finding> {
        self.findings
            .iter()
            .filter(|finding| finding.status == Status::Open)
    }

    /// What fingerprints are bound to: the tenant id, else the domain, else the local name.
    pub fn key(&self) -> &str {
        let organization = &self.organization;
        organization
            .tenant_id
            .as_deref()
            .or(organization.domain.as_deref())
            .unwrap_or(&self.tenant)
    }
}

/// Judges a tenant.
pub fn assess(case: &Case<'_>) -> Assessment {
    let mut judge = Judge {
        case,
        assessment: begin(case),
    };
    let nothing = BTreeMap::new();
    let may_be_absent = case
        .policy
        .map_or(&nothing, |policy| &policy.document.may_be_absent);
    let drift = case
        .baseline
        .map(|baseline| drift(baseline, case.snapshot, may_be_absent, case.now))
        .unwrap_or_default();
    judge.obstacles();
    judge.documents();
    judge.drift(&drift);
    judge.rules(&drift);
    judge.connectors_by_themselves();
    judge.past();
    judge.since();
    judge.finish()
}

/// Judges what a document would approve, signed or not: the rules that the connectors in it break.
///
/// There is nothing to compare, and so no drift; what `case.snapshot` holds
/// must be [`Approved::as_snapshot`] of `case.proposed`.
pub fn assess_proposed(case: &Case<'_>) -> Assessment {
    let mut judge = Judge {
        case,
        assessment: begin(case),
    };
    let connectors = case
        .proposed
        .map_or(&[][..], |proposed| &proposed.connectors);
    let pairs = pair(connectors, &case.snapshot.records);
    let of_records = pairs.of_records.into_iter();
    let drift = Drift {
        approved: of_records
            .map(|pairing| pairing.map(|pairing| pairing.approved))
            .collect(),
        ..Drift::default()
    };
    judge.rules(&drift);
    judge.finish()
}

fn begin(case: &Case<'_>) -> Assessment {
    let snapshot = case.snapshot;
    let organization = case.baseline.map_or_else(
        || snapshot.organization.clone(),
        |baseline| baseline.approved.organization.clone(),
    );
    Assessment {
        tenant: case.tenant.to_owned(),
        organization,
        snapshot: Some(SnapshotSummary {
            digest: snapshot.digest(),
            taken_at: snapshot.taken_at,
            age: snapshot
                .taken_at
                .map(|taken_at| case.now.duration_since(taken_at)),
            source: snapshot.source,
            origin: snapshot.origin.clone(),
            by_operator: case.by_operator,
            complete: Part::CORE
                .iter()
                .map(|part| (*part, snapshot.completeness(*part).clone()))
                .collect(),
        }),
        baseline: case.baseline.map(|baseline| BaselineSummary {
            path: baseline.path.clone(),
            version: baseline.approved.header.version,
            digest: baseline.digest,
            expires: baseline.approved.header.expires,
            signers: baseline.signers().to_vec(),
            threshold: baseline.approval().threshold,
            route: baseline.approval().route,
            rollback: baseline.rollback,
        }),
        coverage: Coverage {
            connectors: snapshot.records.len(),
            ..Coverage::default()
        },
        findings: Vec::new(),
        resolved: Vec::new(),
        times: BTreeMap::new(),
        obstacles: Vec::new(),
        errors: Vec::new(),
    }
}

struct Judge<'a> {
    case: &'a Case<'a>,
    assessment: Assessment,
}

impl Judge<'_> {
    fn obstacle(&mut self, reason: impl Into<String>) {
        self.assessment.obstacles.push(reason.into());
    }

    /// Why the snapshot, the policy or the baseline gives no verdict.
    fn obstacles(&mut self) {
        let case = self.case;
        if let Completeness::NotRead | Completeness::Failed(_) =
            case.snapshot.completeness(Part::InboundConnectors)
        {
            self.obstacle(format!(
                "the connectors were not read completely: {}",
                case.snapshot.completeness(Part::InboundConnectors).words()
            ));
        }
        match (case.snapshot.taken_at, case.policy) {
            (None, _) => self.obstacle("nothing says when the snapshot was taken: give --taken-at, or export with the script from `connguard fetch --script`"),
            (Some(taken_at), _) if taken_at.duration_since(case.now) > CLOCK_SKEW => self.obstacle(format!("the snapshot says it was taken in the future, at {taken_at}")),
            (Some(taken_at), Some(policy)) if case.now.duration_since(taken_at) > policy.document.max_snapshot_age => {
                let age = time::words(case.now.duration_since(taken_at));
                self.obstacle(format!("the snapshot is {age} old, and the policy takes none older than {}", time::words(policy.document.max_snapshot_age)));
            }
            _ => {}
        }
        if let Some(policy) = case.policy {
            self.policy_obstacles(policy);
        }
        let of_baseline = case
            .baseline
            .and_then(|baseline| baseline.approved.header.obstacle(&baseline.path, case.now));
        if let Some(reason) = of_baseline {
            self.obstacle(reason);
        }
    }

    fn policy_obstacles(&mut self, policy: &Policy) {
        let case = self.case;
        let header = &policy.document.header;
        if let Some(reason) = header.obstacle(crate::policy::PATH, case.now) {
            self.obstacle(reason);
        }
        match policy.document.tenants.get(case.tenant) {
            None => self.obstacle(format!(
                "the policy does not list the tenant {:?}",
                case.tenant
            )),
            Some(kinds) if !case.by_operator && !kinds.contains(&case.read_from) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
                let read = if case.snapshot.source == SourceKind::History {
                    "it was recorded from"
                } else {
                    "connguard.yaml names"
                };
                self.obstacle(format!(
                    "the policy lets verdicts on {:?} rest on {} only, and {read} an {}",
                    case.tenant,
                    kinds.join(" or "),
                    case.read_from.name()
                ));
            }
            Some(_) => {}
        }
    }

    /// What the snapshot shows without any rule or baseline.
    fn connectors_by_themselves(&mut self) {
        let snapshot = self.case.snapshot;
        let mut names: HashMap<String, &Record> = HashMap::new();
        let mut unrecognised: BTreeMap<&String, &Record> = BTreeMap::new();
        for record in &snapshot.records {
            if let Some(earlier) = names.insert(caseless::lower(&record.connector.name), record) {
                let ids = [earlier, record]
                    .map(|record| record.connector.id().map_or("no id", String::as_str));
                let finding = Finding {
                    message: format!(
                        "{:?} is the name of two connectors: {} and {}",
                        record.connector.name, ids[0], ids[1]
                    ),
                    connector: Some(record.connector.subject()),
                    property: Some(Property::Name.name().to_owned()),
                    actual: Some(Json::from(record.connector.name.as_str())),
                    ..builtin::finding("duplicate-name", Severity::Medium, record.location.clone())
                        .also_at(&earlier.location)
                };
                self.assessment.findings.push(finding);
            }
            for name in record.connector.metadata.unrecognised.keys() {
                unrecognised.entry(name).or_insert(record);
            }
        }
        self.blocked();
        for (name, record) in unrecognised {
            let finding = Finding {
                message: format!(
                    "{name:?} is returned by the service and not known to this version; it is kept and not judged"
                ),
                property: Some(name.clone()),
                ..builtin::finding(
                    "unrecognised-property",
                    Severity::Info,
                    record.location.clone(),
                )
            };
            self.assessment.findings.push(finding);
            self.assessment.coverage.unrecognised.insert(name.clone());
        }
    }

    /// A block is evidence even where its connector is gone: campaigns delete theirs.
    fn blocked(&mut self) {
        let snapshot = self.case.snapshot;
        for id in &snapshot.blocked_connectors {
            let record = snapshot
                .records
                .iter()
                .find(|record| record.connector.has_id(id));
            let location = record.map_or_else(
                || Location {
                    path: snapshot.origin.clone(),
                    line: 1,
                    column: 1,
                },
                |record| record.location.clone(),
            );
            let message = match record {
                Some(_) => "Microsoft has blocked it from sending".to_owned(),
                None => format!(
                    "Microsoft has blocked the connector {id} from sending, and it is not in the snapshot"
                ),
            };
            let finding = Finding {
                message,
                connector: record.map(|record| record.connector.subject()),
                added: vec![id.clone()],
                ..builtin::finding("connector-blocked", Severity::High, location)
            };
            self.assessment.findings.push(finding);
        }
    }

    /// The first question about a finding is when it came about.
    fn times(&mut self) {
        for connector in self.case.snapshot.connectors() {
            let subject = connector.subject();
            if self
                .assessment
                .findings
                .iter()
                .any(|finding| finding.connector.as_ref() == Some(&subject))
            {
                let times = Times {
                    created: connector.metadata.when_created,
                    changed: connector.metadata.when_changed,
                };
                self.assessment.times.insert(subject, times);
            }
        }
    }

    fn finish(mut self) -> Assessment {
        self.times();
        self.assessment
            .findings
            .sort_unstable_by(|one, two| one.reading_order().cmp(&two.reading_order()));
        self.assessment.obstacles.sort_unstable();
        self.assessment.obstacles.dedup();
        self.assessment
    }
}

impl Finding {
    /// Adds where it was seen.
    fn also_at(mut self, location: &Location) -> Self {
        if !self.locations.contains(location) {
            self.locations.push(location.clone());
        }
        self
    }
}

//! Everything one run found out about one tenant.
//!
//! The only place where snapshot, drift and policy are joined into findings and
//! coverage. Pure: what can go wrong in the world has gone wrong before, and
//! arrives here as an obstacle or an error.

use crate::baseline::{Acceptance, ApprovedConnector, Baseline};
use crate::builtin;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::drift::{Change, Difference, Drift, NotCompared, drift};
use crate::finding::{Direction, Finding, Location, Severity, Status, shorten};
use crate::lists::Lists;
use crate::policy::evaluate::{Outcome, evaluate};
use crate::policy::predicate::{Offence, Subject};
use crate::policy::rule::{About, Rule};
use crate::policy::{Policy, Rules};
use crate::snapshot::{
    AcceptedDomain, Completeness, Organization, Part, Record, Snapshot, SourceKind,
};
use crate::trust::Signer;
use crate::{digest::Digest, document::time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How far ahead of the clock a snapshot may be taken: machines' clocks differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

/// How long before its end an acceptance is reported.
const ACCEPTANCE_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is to be judged.
pub struct Case<'a> {
    /// The tenant's local name.
    pub tenant: &'a str,
    /// The observed connectors.
    pub snapshot: &'a Snapshot,
    /// What was approved, if that could be verified.
    pub baseline: Option<&'a Baseline>,
    /// The policy, if that could be verified.
    pub policy: Option<&'a Policy>,
    /// The rules: the policy's, else the compiled-in ones.
    pub rules: &'a Rules,
    /// Whether the snapshot's source was named on the command line.
    pub by_operator: bool,
    /// Whether approvals exist that could not be verified: then a choice may well be an approved one.
    pub unverified_approvals: bool,
    /// The mildest severity that fails the run.
    pub fail_on: Severity,
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
    /// Why there can be no verdict; empty when there can.
    pub obstacles: Vec<String>,
    /// What failed.
    pub errors: Vec<Failure>,
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
    judge.drift(&drift);
    judge.rules(&drift);
    judge.connectors_by_themselves();
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
            complete: Part::ALL
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
            threshold: baseline.threshold,
        }),
        coverage: Coverage {
            connectors: snapshot.records.len(),
            ..Coverage::default()
        },
        findings: Vec::new(),
        obstacles: Vec::new(),
        errors: Vec::new(),
    }
}

struct Judge<'a> {
    case: &'a Case<'a>,
    assessment: Assessment,
}

impl<'a> Judge<'a> {
    fn obstacle(&mut self, reason: impl Into<String>) {
        self.assessment.obstacles.push(reason.into());
    }

    /// Starts one of connguard's own findings.
    fn built_in(&self, id: &'static str, severity: Severity, location: Location) -> Finding {
        let own = builtin::get(id);
        let mut finding = Finding::new(id, severity, own.title, location);
        own.fix.clone_into(&mut finding.fix);
        finding
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
        if let Some(baseline) = case
            .baseline
            .filter(|baseline| baseline.approved.header.is_expired(case.now))
        {
            self.obstacle(format!(
                "{} expired at {}: have a new version signed",
                baseline.path, baseline.approved.header.expires
            ));
        }
    }

    fn policy_obstacles(&mut self, policy: &Policy) {
        let case = self.case;
        if policy.document.header.is_expired(case.now) {
            self.obstacle(format!(
                "{} expired at {}: have a new version signed",
                crate::policy::PATH,
                policy.document.header.expires
            ));
        }
        match policy.document.tenants.get(case.tenant) {
            None => self.obstacle(format!(
                "the policy does not list the tenant {:?}",
                case.tenant
            )),
            Some(kinds) if !case.by_operator && !kinds.contains(&case.snapshot.source) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
                self.obstacle(format!("the policy lets verdicts on {:?} rest on {} only, and connguard.yaml names an {}", case.tenant, kinds.join(" or "), case.snapshot.source.name()));
            }
            Some(_) => {}
        }
    }

    fn drift(&mut self, drift: &Drift<'_>) {
        self.assessment.coverage.properties_compared = drift.compared;
        self.assessment.coverage.properties_ignored = drift.tolerated
            + self
                .case
                .snapshot
                .connectors()
                .map(|connector| connector.metadata.ignored)
                .sum::<usize>();
        if let Some(baseline) = self.case.baseline {
            for difference in &drift.differences {
                let finding = self.difference(baseline, difference);
                self.assessment.findings.push(finding);
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
        if !named && !known.any(|(connector, id)| connector.has_id(id)) {
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
                ..self
                    .built_in("drift-recreated", Severity::High, approved.location.clone())
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
                ..self
                    .built_in("drift-renamed", Severity::Low, approved.location.clone())
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
                ..self.built_in(
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
        let mut finding = self
            .built_in(
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
            ..self.built_in("drift-missing", severity, approved.location.clone())
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
            ..self
                .built_in(
                    id,
                    change.severity,
                    approved.location_of(change.property).clone(),
                )
                .also_at(&record.location)
        }
    }

    fn rules(&mut self, drift: &Drift<'_>) {
        let case = self.case;
        let lists = self.lists();
        let domains = self.accepted_domains();
        let mut acceptances = Acceptances::new(case.baseline);
        let all: Vec<&Connector> = case.snapshot.connectors().collect();
        for (index, record) in case.snapshot.records.iter().enumerate() {
            let others: Vec<&Connector> = all
                .iter()
                .enumerate()
                .filter(|(other, _)| *other != index)
                .map(|(_, connector)| *connector)
                .collect();
            let subject = Subject {
                connector: &record.connector,
                others: &others,
                lists: &lists,
                accepted_domains: domains.as_deref(),
            };
            let approved = drift.approved.get(index).copied().flatten();
            for rule in case.rules.iter() {
                let Some(severity) = case.rules.severity(rule, case.tenant) else {
                    self.assessment.coverage.rules_not_applicable += 1;
                    continue;
                };
                self.rule(rule, severity, record, &subject, approved, &mut acceptances);
            }
        }
        self.acceptances(&acceptances);
    }

    /// The lists in force: a baseline's own take the place of the policy's.
    fn lists(&self) -> Lists {
        let shared = self
            .case
            .policy
            .map(|policy| policy.document.lists.clone())
            .unwrap_or_default();
        self.case.baseline.map_or_else(
            || shared.clone(),
            |baseline| shared.replaced_by(&baseline.approved.lists),
        )
    }

    /// The organization's own domains: those that were approved, else those that were read.
    fn accepted_domains(&self) -> Option<Vec<AcceptedDomain>> {
        let approved = self
            .case
            .baseline
            .and_then(|baseline| baseline.approved.accepted_domains.as_ref());
        if let Some(domains) = approved {
            return Some(
                domains
                    .iter()
                    .map(|domain| AcceptedDomain {
                        domain: domain.clone(),
                        match_sub_domains: false,
                    })
                    .collect(),
            );
        }
        self.case
            .snapshot
            .has(Part::AcceptedDomains)
            .then(|| self.case.snapshot.accepted_domains.clone())
    }

    fn rule(
        &mut self,
        rule: &Rule,
        severity: Severity,
        record: &Record,
        subject: &Subject<'_>,
        approved: Option<&ApprovedConnector>,
        acceptances: &mut Acceptances<'_>,
    ) {
        let outcome = evaluate(rule, self.case.tenant, subject);
        let fell_short = matches!(outcome, Outcome::Failed(_) | Outcome::NotEvaluated(_));
        if fell_short && rule.about == About::Choice && self.is_approved(rule, record, approved) {
            // Approval settles a choice, whatever else could be known about it.
            self.assessment.coverage.rules_passed += 1;
            return;
        }
        match outcome {
            Outcome::Passed => self.assessment.coverage.rules_passed += 1,
            Outcome::NotApplicable => self.assessment.coverage.rules_not_applicable += 1,
            Outcome::NotEvaluated(reason) => {
                let name = &record.connector.name;
                if severity >= self.case.fail_on {
                    let obstacle = format!("the rule {} could not be judged on {name:?}: {reason}", rule.id);
                    self.assessment.obstacles.push(obstacle);
                }
                self.assessment.coverage.rules_not_evaluated.push(NotEvaluated {
                    rule: rule.id.clone(),
                    connector: name.clone(),
                    reason,
                });
            }
            Outcome::UndefinedList(name) => self.assessment.errors.push(Failure {
                source: rule.location.to_string(),
                message: format!("the rule {} names the list @{name}, which neither the policy nor the baseline of {:?} defines", rule.id, self.case.tenant),
                help: format!("define `{name}` under `lists:`, or correct the rule"),
            }),
            Outcome::Failed(offences) => {
                let severity = self.capped(severity, rule, &record.connector);
                let findings: Vec<Finding> = offences.into_iter().map(|offence| self.violation(rule, severity, offence, record, approved, acceptances)).collect();
                let coverage = &mut self.assessment.coverage;
                if findings.iter().all(|finding| finding.status == Status::Accepted) {
                    coverage.rules_accepted += 1;
                } else {
                    coverage.rules_failed += 1;
                }
                self.assessment.findings.extend(findings);
            }
        }
    }

    /// At most medium on a disabled OnPremises connector, as who matches it gains
    /// nothing, and for a choice whose approval could not be verified: that there
    /// is no verdict then says more.
    fn capped(&self, severity: Severity, rule: &Rule, connector: &Connector) -> Severity {
        let disabled = connector.boolean(Property::Enabled) == Some(false)
            && connector.connector_type() == Some(ConnectorType::OnPremises);
        let maybe_approved = rule.about == About::Choice && self.case.unverified_approvals;
        if disabled || maybe_approved {
            severity.min(Severity::Medium)
        } else {
            severity
        }
    }

    /// Whether the baseline approves exactly the values that the rule looks at.
    fn is_approved(
        &self,
        rule: &Rule,
        record: &Record,
        approved: Option<&ApprovedConnector>,
    ) -> bool {
        let Some(approved) = approved else {
            return false;
        };
        let properties = &rule.properties;
        let same = |property: &Property| {
            record
                .connector
                .setting(*property)
                .is_some_and(|value| approved.approves(*property, &value, self.case.now))
        };
        !properties.is_empty() && properties.iter().all(same)
    }

    fn violation(
        &self,
        rule: &Rule,
        severity: Severity,
        offence: Offence,
        record: &Record,
        approved: Option<&ApprovedConnector>,
        acceptances: &mut Acceptances<'_>,
    ) -> Finding {
        let location = match (approved, offence.property, self.case.baseline) {
            (Some(approved), Some(property), _) => approved.location_of(property).clone(),
            (Some(approved), None, _) => approved.location.clone(),
            (None, _, Some(baseline)) => baseline.approved.connectors_at.clone(),
            (None, _, None) => record.location.clone(),
        };
        let mut finding =
            Finding::new(&rule.id, severity, &rule.title, location).also_at(&record.location);
        if acceptances.cover(rule, &offence, &record.connector, self.case.now) {
            finding.status = Status::Accepted;
        }
        Finding {
            message: offence.message,
            fix: rule.fix.clone(),
            connector: Some(record.connector.subject()),
            property: offence.property.map(|property| property.name().to_owned()),
            expected: offence.expected,
            actual: offence.actual,
            added: offence.added,
            count: offence.count,
            ..finding
        }
    }

    fn acceptances(&mut self, acceptances: &Acceptances<'_>) {
        for (acceptance, used) in &acceptances.list {
            let (id, severity, message) = if self.case.now >= acceptance.expires {
                (
                    "acceptance-expired",
                    Severity::Info,
                    format!(
                        "of {} for {} ended at {}",
                        acceptance.rule, acceptance.connector, acceptance.expires
                    ),
                )
            } else if !used {
                (
                    "acceptance-unused",
                    Severity::Info,
                    format!(
                        "of {} for {} tolerates nothing",
                        acceptance.rule, acceptance.connector
                    ),
                )
            } else if acceptance.expires.duration_since(self.case.now) <= ACCEPTANCE_NOTICE {
                (
                    "acceptance-expires-soon",
                    Severity::Low,
                    format!(
                        "of {} for {} ends at {}; owner {}",
                        acceptance.rule, acceptance.connector, acceptance.expires, acceptance.owner
                    ),
                )
            } else {
                continue;
            };
            let added = vec![acceptance.rule.clone(), acceptance.connector.clone()];
            let finding = Finding {
                message,
                added,
                ..self.built_in(id, severity, acceptance.location.clone())
            };
            self.assessment.findings.push(finding);
        }
    }

    /// What the snapshot shows without any rule or baseline.
    fn connectors_by_themselves(&mut self) {
        let snapshot = self.case.snapshot;
        let mut names: HashMap<String, &Record> = HashMap::new();
        let mut unrecognised: BTreeMap<&String, &Record> = BTreeMap::new();
        for record in &snapshot.records {
            if let Some(earlier) = names.insert(record.connector.name.to_lowercase(), record) {
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
                    ..self
                        .built_in("duplicate-name", Severity::Medium, record.location.clone())
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
                ..self.built_in(
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
                ..self.built_in("connector-blocked", Severity::High, location)
            };
            self.assessment.findings.push(finding);
        }
    }

    fn finish(mut self) -> Assessment {
        self.assessment
            .findings
            .sort_by(|one, two| one.reading_order().cmp(&two.reading_order()));
        self.assessment.obstacles.sort();
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

/// The baseline's acceptances, and which of them were of use.
struct Acceptances<'a> {
    list: Vec<(&'a Acceptance, bool)>,
}

impl<'a> Acceptances<'a> {
    fn new(baseline: Option<&'a Baseline>) -> Self {
        let list = baseline.map(|baseline| {
            baseline
                .approved
                .acceptances
                .iter()
                .map(|acceptance| (acceptance, false))
                .collect()
        });
        Self {
            list: list.unwrap_or_default(),
        }
    }

    /// Whether an offence is tolerated: same rule, same connector, and exactly the value that was accepted.
    fn cover(
        &mut self,
        rule: &Rule,
        offence: &Offence,
        connector: &Connector,
        now: Timestamp,
    ) -> bool {
        let properties = match offence.property {
            Some(property) => BTreeSet::from([property]),
            None => rule.properties.clone(),
        };
        let mut covered = false;
        for (acceptance, used) in &mut self.list {
            let same_connector = connector.has_id(&acceptance.connector)
                || (connector.id().is_none()
                    && connector.name.eq_ignore_ascii_case(&acceptance.connector));
            let pinned = !properties.is_empty()
                && properties.iter().all(|property| {
                    acceptance.values.get(property).is_some_and(|value| {
                        value.as_ref() == connector.setting(*property).as_deref()
                    })
                });
            if acceptance.rule == rule.id && same_connector && pinned {
                *used = true;
                covered |= now < acceptance.expires;
            }
        }
        covered
    }
}

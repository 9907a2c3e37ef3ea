//! Rules on connectors as findings: what is settled by approval, and what is tolerated.

use super::{Failure, Judge, NotEvaluated};
use crate::baseline::{Acceptance, Approved, ApprovedConnector};
use crate::builtin;
use crate::connector::Connector;
use crate::connector::property::{ConnectorType, Property};
use crate::drift::Drift;
use crate::finding::{Finding, Severity, Status};
use crate::lists::Lists;
use crate::policy::evaluate::{Outcome, evaluate};
use crate::policy::predicate::{Offence, Subject};
use crate::policy::rule::{About, Rule};
use crate::snapshot::{AcceptedDomain, Part, Record};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;

/// How long before its end an acceptance is reported.
const ACCEPTANCE_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

impl<'a> Judge<'a> {
    /// What rules take for approved: the verified baseline's content, or that of a document that is proposed.
    fn approved(&self) -> Option<&'a Approved> {
        let verified = self.case.baseline.map(|baseline| &baseline.approved);
        self.case.proposed.or(verified)
    }

    pub(super) fn rules(&mut self, drift: &Drift<'_>) {
        let case = self.case;
        let lists = self.lists();
        let domains = self.accepted_domains();
        let mut acceptances = Acceptances::new(self.approved());
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
        let shared = self.case.shared_lists.cloned().unwrap_or_default();
        self.approved().map_or_else(
            || shared.clone(),
            |approved| shared.replaced_by(&approved.lists),
        )
    }

    /// The organization's own domains: those that were approved, else those that were read.
    fn accepted_domains(&self) -> Option<Vec<AcceptedDomain>> {
        let approved = self
            .approved()
            .and_then(|approved| approved.accepted_domains.as_ref());
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
        let location = match (approved, offence.property, self.approved()) {
            (Some(approved), Some(property), _) => approved.location_of(property),
            (Some(approved), None, _) => approved.location.clone(),
            (None, _, Some(document)) => document.connectors_at.clone(),
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
                ..builtin::finding(id, severity, acceptance.location.clone())
            };
            self.assessment.findings.push(finding);
        }
    }
}

/// The baseline's acceptances, and which of them were of use.
struct Acceptances<'a> {
    list: Vec<(&'a Acceptance, bool)>,
}

impl<'a> Acceptances<'a> {
    fn new(approved: Option<&'a Approved>) -> Self {
        let list = approved.map(|approved| {
            approved
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

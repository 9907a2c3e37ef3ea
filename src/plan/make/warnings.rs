//! What a reader must know beside the steps.

use super::Request;
use crate::connector::{Connector, lint};
use crate::finding::{Direction, Severity, Status, excerpt};
use crate::plan::{Action, Plan, Purpose, effect};
use std::collections::BTreeSet;

/// What a reader must know beside the steps.
pub(super) fn warnings(request: &Request<'_>, plan: &Plan) -> Vec<String> {
    let mut warnings = request.warnings.clone();
    let widened = request.findings.iter().any(|finding| {
        finding.direction == Some(Direction::Widens) && finding.status == Status::Open
    });
    if widened {
        warnings.push("Whoever made these changes may make them again within minutes: secure the account or application that made them at the same time.".to_owned());
    }
    for id in &request.snapshot.blocked_connectors {
        warnings.push(format!("Microsoft has blocked the connector {id} from sending. Unblock it last, when everything else is done: unblocking first opens the relay again."));
    }
    let mut after: Vec<Connector> = request.snapshot.connectors().cloned().collect();
    effect::apply(plan, &mut after);
    for connector in &after {
        let touched = plan.steps.iter().any(|step| {
            matches!(step.action, Action::Set | Action::Create)
                && step.connector.as_ref().is_some_and(|subject| {
                    subject.id.as_ref() == connector.id()
                        && (subject.id.is_some() || subject.name == connector.name)
                })
        });
        if touched {
            warnings.extend(lint::refusals(connector).into_iter().map(|reason| {
                format!(
                    "The service may refuse what was approved for {:?}: {reason}.",
                    excerpt(&connector.name)
                )
            }));
        }
    }
    warnings.extend(unanswered(request, plan));
    warnings
}

/// Findings that the plan does nothing about: what was approved breaks a rule, or only a person can answer.
pub(super) fn unanswered(request: &Request<'_>, plan: &Plan) -> Option<String> {
    let answered: BTreeSet<&String> = plan
        .steps
        .iter()
        .flat_map(|step| &step.answers)
        .map(|answer| &answer.fingerprint)
        .collect();
    let left: BTreeSet<String> = request
        .findings
        .iter()
        .filter(|finding| finding.status == Status::Open && finding.severity > Severity::Info)
        .filter(|finding| !answered.contains(&finding.fingerprint(request.key).hex()))
        .map(|finding| {
            let connector = finding.connector.as_ref();
            let of = connector.map(|own| format!(" on {:?}", excerpt(&own.name)));
            format!("{}{}", finding.rule, of.unwrap_or_default())
        })
        .collect();
    let what = if matches!(request.purpose, Purpose::Contain) {
        "This plan only stops what widened; it leaves open"
    } else {
        "This plan does not answer"
    };
    (!left.is_empty()).then(|| {
        format!(
            "{what}: {}.",
            left.into_iter().collect::<Vec<_>>().join(", ")
        )
    })
}

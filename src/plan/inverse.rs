//! The plan that undoes a plan, as far as it can be undone.

use super::{Action, Assignment, Observed, Plan, Purpose, Step, direction};
use crate::connector::connector_type;
use crate::connector::property::{ConnectorType, Property};
use crate::connector::value::Value;
use crate::finding::{Subject, excerpt};
use std::collections::BTreeSet;

/// The steps that undo a plan, the last one first.
///
/// It is for people: carrying it out opens again what the plan closed, which
/// is why nothing but a person with the script in hand can.
pub fn inverse(plan: &Plan) -> Plan {
    let mut warnings = vec![
        "This undoes a revert: it opens again what the plan closed. It is for people who know why they need it."
            .to_owned(),
    ];
    let removed: BTreeSet<&Subject> = plan
        .steps
        .iter()
        .filter(|step| step.action == Action::Remove)
        .filter_map(|step| step.connector.as_ref())
        .collect();
    let mut steps = Vec::new();
    for step in plan.steps.iter().rev() {
        let gone = step
            .connector
            .as_ref()
            .is_some_and(|connector| removed.contains(connector));
        // Of what the plan removes nothing is left that could be set back.
        if gone && step.action != Action::Remove {
            continue;
        }
        match undo(step, plan) {
            Some(undone) => steps.push(undone),
            None => warnings.push(format!(
                "Not undone: {} {:?}.",
                step.action.name(),
                excerpt(
                    &step
                        .connector
                        .as_ref()
                        .map_or_else(|| step.words.clone(), |connector| connector.name.clone())
                )
            )),
        }
    }
    Plan {
        purpose: Purpose::Inverse,
        inverse_of: Some(plan.digest()),
        // Which ids there are after connectors were made and removed nobody knows yet.
        ids: Vec::new(),
        observed: afterwards(plan),
        steps,
        warnings,
        ..plan.clone()
    }
}

/// The connectors as the plan leaves them; those that it removes are in no step of the inverse.
fn afterwards(plan: &Plan) -> Vec<Observed> {
    let mut left = Vec::new();
    for own in &plan.observed {
        let mut own = own.clone();
        let steps = || {
            plan.steps
                .iter()
                .filter(|step| step.connector.as_ref() == Some(&own.connector))
        };
        if steps().any(|step| step.action == Action::Remove) {
            continue;
        }
        let assignments: Vec<&Assignment> = steps()
            .filter(|step| step.action != Action::Manual)
            .flat_map(|step| &step.settings)
            .filter(|assignment| assignment.property != Property::Name)
            .collect();
        for assignment in assignments {
            own.settings
                .insert(assignment.property, assignment.after.clone());
        }
        // What is to be done by hand may have been done or not.
        for assignment in steps()
            .filter(|step| step.action == Action::Manual)
            .flat_map(|step| &step.settings)
        {
            own.settings.remove(&assignment.property);
        }
        left.push(own);
    }
    left
}

fn undo(step: &Step, plan: &Plan) -> Option<Step> {
    let (action, words) = match step.action {
        Action::Disable | Action::Set if opens_a_relay(step, plan) => {
            (Action::Manual, crate::plan::make::ENABLE)
        }
        Action::Disable | Action::Set => (Action::Set, "Set back what the plan set."),
        Action::Rename => (Action::Rename, "Give it back the name that it had."),
        Action::Create => (Action::Remove, "Remove what the plan made."),
        Action::Manual if step.connector.is_some() => {
            (Action::Manual, "If this was done by hand, undo it by hand.")
        }
        Action::Manual | Action::Remove => return None,
    };
    let settings: Vec<Assignment> = if action == Action::Remove {
        step.settings
            .iter()
            .map(|assignment| Assignment {
                before: Some(assignment.after.clone()),
                partner: true,
                ..assignment.clone()
            })
            .collect()
    } else {
        let turned = step.settings.iter().map(turn);
        turned.collect::<Option<_>>()?
    };
    Some(Step {
        action,
        connector: step.connector.clone(),
        settings,
        words: words.to_owned(),
        answers: Vec::new(),
        direction: direction::opposite(step.direction),
        reversible: action != Action::Remove,
        lost: None,
    })
}

/// Whether to undo a step would switch on what lets somebody send as the organisation.
fn opens_a_relay(step: &Step, plan: &Plan) -> bool {
    let switched_off = step.settings.iter().any(|assignment| {
        assignment.property == Property::Enabled
            && assignment.before == Some(Value::Boolean(true))
            && assignment.after == Value::Boolean(false)
    });
    let own = plan
        .observed
        .iter()
        .find(|own| Some(&own.connector) == step.connector.as_ref());
    let kind = own.and_then(|own| own.settings.get(&Property::ConnectorType));
    let is_partner = matches!(kind, Some(Value::Enumeration(word)) if connector_type(&word.0) == Some(ConnectorType::Partner));
    switched_off && !is_partner
}

/// The assignment the other way round; none where it is not known what was there.
fn turn(assignment: &Assignment) -> Option<Assignment> {
    Some(Assignment {
        property: assignment.property,
        before: Some(assignment.after.clone()),
        after: assignment.before.clone()?,
        partner: assignment.partner,
    })
}

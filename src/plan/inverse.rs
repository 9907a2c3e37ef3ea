//! The plan that undoes a plan, as far as it can be undone.

use super::{Action, Assignment, Plan, Purpose, Step, direction};
use crate::finding::excerpt;

/// The steps that undo a plan, the last one first.
///
/// It is for people: carrying it out opens again what the plan closed, which
/// is why nothing but a person with the script in hand can.
pub fn inverse(plan: &Plan) -> Plan {
    let mut warnings = vec![
        "This undoes a revert: it opens again what the plan closed. It is for people who know why they need it."
            .to_owned(),
    ];
    let mut steps = Vec::new();
    for step in plan.steps.iter().rev() {
        match undo(step) {
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
        steps,
        warnings,
        ..plan.clone()
    }
}

fn undo(step: &Step) -> Option<Step> {
    let (action, words) = match step.action {
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

/// The assignment the other way round; none where it is not known what was there.
fn turn(assignment: &Assignment) -> Option<Assignment> {
    Some(Assignment {
        property: assignment.property,
        before: Some(assignment.after.clone()),
        after: assignment.before.clone()?,
        partner: assignment.partner,
    })
}

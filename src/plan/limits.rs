//! How much one plan may change: what enough people signed in the policy.

use super::{Action, Plan};
use crate::finding::Subject;
use crate::policy::settings::PlanLimits;
use std::collections::BTreeSet;

/// By how much a plan exceeds the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excess {
    /// How many connectors that are there it disables, changes or removes.
    pub touched: usize,
    /// What is exceeded, with the numbers.
    pub reasons: Vec<String>,
}

/// In what way a plan exceeds the limits; `None` where it does not.
///
/// `on_premises` are the approved connectors that let somebody send as the organisation and are on.
pub fn exceeded(
    limits: &PlanLimits,
    plan: &Plan,
    on_premises: &BTreeSet<Subject>,
) -> Option<Excess> {
    let touched = touched(plan);
    let all = plan.connectors.all;
    let mut reasons = Vec::new();
    let share = (touched.len() * 100).checked_div(all).unwrap_or_default();
    // Of two connectors one is half: a share says something from some number on.
    let counts = all as u64 >= limits.from;
    if counts && touched.len() as u64 * 100 > limits.max_share * all as u64 {
        reasons.push(format!(
                "it would disable or change {} of {all} connectors ({share} %), and the policy allows {} %",
                touched.len(),
                limits.max_share
            ));
    }
    let all_of_them = on_premises.len() > 1 && on_premises.is_subset(&touched);
    if all_of_them && !limits.all_on_premises {
        reasons.push(format!(
                "it would disable or change all {} on-premises connectors: mail of the organisation's own servers may stop",
                on_premises.len()
            ));
    }
    (!reasons.is_empty()).then_some(Excess {
        touched: touched.len(),
        reasons,
    })
}

/// The connectors that are there and that a plan does something to.
fn touched(plan: &Plan) -> BTreeSet<Subject> {
    plan.steps
        .iter()
        .filter(|step| step.action != Action::Create)
        .filter_map(|step| step.connector.clone())
        .filter(|subject| subject.id.is_some())
        .collect()
}

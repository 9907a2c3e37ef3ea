//! A connector that nobody knows, or one that was changed without authority: the fifth and sixth of the runbook's signs.

use super::measure::to_f64;
use super::{Case, Indicator, Sign, Strength};
use crate::investigation::Authority;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "unapproved-change",
    title: "The connector is unknown, or was changed without approval",
    why: "A connector that nobody knows, and a name, domain or address changed without authority, are the fifth and sixth of the runbook's signs. What was approved is what the signed baseline says; without one, what was there first.",
    of_mail: false,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    let examined = case.examined;
    let (mut widened, mut other, mut words) = (0_u64, 0_u64, Vec::new());
    let mut explained = Vec::new();
    for (change, authority) in case.changes.iter().zip(&examined.authority) {
        match authority {
            Authority::Approved => {}
            Authority::Explained(why) => {
                explained.push(format!("{} ({why})", change.words.join("; ")))
            }
            Authority::Unapproved if change.widens() => {
                widened += 1;
                words.push(change.words.join("; "));
            }
            Authority::Unapproved => {
                other += 1;
                words.push(change.words.join("; "));
            }
        }
    }
    for drift in &examined.drift {
        widened += u64::from(drift.widens);
        other += u64::from(!drift.widens);
        words.push(drift.words.clone());
    }
    let strength = if widened > 0 {
        Strength::Strong
    } else if other > 0 || !explained.is_empty() {
        Strength::Weak
    } else if examined.comparable {
        Strength::Quiet
    } else {
        return Sign::not_evaluated(
            INDICATOR.id,
            "there is no baseline, no earlier state and no audit log to say what changed",
        );
    };
    words.extend(explained);
    words.dedup();
    let message = match strength {
        Strength::Quiet => "nothing about it changed but what was approved".to_owned(),
        _ => crate::investigation::sentences(&words),
    };
    let mut sign = Sign::new(INDICATOR.id, strength, message)
        .scored(to_f64(widened), 1.0)
        .number("changes that widen trust", to_f64(widened))
        .number("other changes", to_f64(other));
    sign.records = case
        .changes
        .iter()
        .zip(&examined.authority)
        .filter(|(_, authority)| !matches!(authority, Authority::Approved))
        .flat_map(|(change, _)| change.records.iter().map(|own| own.record.clone()))
        .collect();
    sign
}

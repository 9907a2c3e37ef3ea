//! Who changed the connector, and what else they or their account did: the seventh of the runbook's signs.

use super::measure::to_f64;
use super::{Case, Indicator, Sign, Strength};
use crate::policy::threshold::Threshold;

pub(super) const INDICATOR: Indicator = Indicator {
    id: "actor",
    title: "The account or application that changed the connector is suspicious",
    why: "An administrator's account that was compromised recently is the seventh of the runbook's signs; in the attack of 2022 it was an application with Exchange.ManageAsApp.",
    of_mail: false,
    judge,
};

fn judge(case: &Case<'_>) -> Sign {
    if case.evidence.log.is_none() {
        return Sign::not_evaluated(INDICATOR.id, "there is no audit log");
    }
    let limits = [Threshold::ActorDays, Threshold::ActorFailures];
    if case.changes.is_empty() {
        return Sign::not_applicable(
            INDICATOR.id,
            "nobody changed it in the time that is covered",
        );
    }
    if case.triage.is_empty() {
        return Sign::not_evaluated(INDICATOR.id, "no record says who changed it");
    }
    let (mut strong, mut weak, mut words, mut records) = (0_u64, 0_u64, Vec::new(), Vec::new());
    for triage in case.triage {
        let mut said = Vec::new();
        for own in &triage.signs {
            match own.strength {
                Strength::Strong => strong += 1,
                Strength::Weak => weak += 1,
                _ => continue,
            }
            said.push(own.words.clone());
            records.extend(own.records.iter().cloned());
        }
        if !said.is_empty() {
            words.push(format!(
                "{}: {}",
                triage.actor.words(),
                crate::investigation::sentences(&said)
            ));
        }
    }
    let strength = if strong > 0 || weak >= 2 {
        Strength::Strong
    } else if weak > 0 {
        Strength::Weak
    } else {
        Strength::Quiet
    };
    let message = if words.is_empty() {
        let who: Vec<String> = case.triage.iter().map(|own| own.actor.words()).collect();
        format!(
            "changed by {}, about whom the log holds nothing unusual",
            who.join(", ")
        )
    } else {
        crate::investigation::sentences(&words)
    };
    let mut sign = Sign::new(INDICATOR.id, strength, message)
        .scored(to_f64(strong) + to_f64(weak) / 2.0, 1.0)
        .number("strong signs", to_f64(strong))
        .number("weak signs", to_f64(weak))
        .limits(case.thresholds, &limits);
    records.sort_unstable();
    records.dedup();
    sign.records = records;
    sign
}

//! What signs come to: one verdict a connector, with its reasons.

use super::indicator::{Sign, Strength};
use serde::Serialize;

/// What an investigation says of a connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, schemars::JsonSchema)]
pub enum CaseVerdict {
    /// Nothing unusual, by enough evidence.
    #[serde(rename = "no sign")]
    NoSign,
    /// Nothing unusual, and too little was looked at to say that there is nothing.
    #[serde(rename = "not enough evidence")]
    NotEnoughEvidence,
    /// Something is wrong, and it may have another reason.
    #[serde(rename = "suspicious")]
    Suspicious,
    /// Somebody who may not created or altered it, and used it or is known to be an attacker.
    #[serde(rename = "compromised")]
    Compromised,
}

impl CaseVerdict {
    /// Every one of them, worst first.
    pub const ALL: [Self; 4] = [
        Self::Compromised,
        Self::Suspicious,
        Self::NotEnoughEvidence,
        Self::NoSign,
    ];

    /// The words in output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compromised => "compromised",
            Self::Suspicious => "suspicious",
            Self::NotEnoughEvidence => "not enough evidence",
            Self::NoSign => "no sign",
        }
    }

    /// How a run ends that found this to be the worst.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Compromised => 14,
            Self::Suspicious => 13,
            Self::NotEnoughEvidence => 3,
            Self::NoSign => 0,
        }
    }
}

/// Signs that each by itself are no more than a reason to look: a newsletter rises, too, and subscribers are strangers once.
const EXPLICABLE: [&str; 2] = ["volume-rise", "new-recipients"];

/// Signs of abuse: of mail that should not be.
const ABUSE: [&str; 8] = [
    "volume-rise",
    "sender-mismatch",
    "unprovisioned-sender",
    "connector-blocked",
    "spam-share",
    "new-recipients",
    "address-outside-list",
    "create-burst-delete",
];

/// Of the signs of mail so many must have been looked at before anything is called "no sign".
const LEAST_OF_MAIL: usize = 3;

/// The verdict of a connector and why.
pub fn judge(signs: &[Sign], on_premises: bool) -> (CaseVerdict, Vec<String>) {
    let of = |id: &str| signs.iter().find(|sign| sign.indicator == id);
    let is = |id: &str, strength: Strength| of(id).is_some_and(|sign| sign.strength == strength);
    let unapproved = is("unapproved-change", Strength::Strong);
    let actor = is("actor", Strength::Strong);
    let abuse: Vec<&Sign> = signs
        .iter()
        .filter(|sign| ABUSE.contains(&sign.indicator) && sign.strength == Strength::Strong)
        .collect();
    let lone = abuse
        .iter()
        .all(|sign| EXPLICABLE.contains(&sign.indicator));
    let companions = ["spam-share", "unprovisioned-sender"]
        .iter()
        .all(|id| is(id, Strength::Quiet) || !on_premises && is(id, Strength::NotApplicable));
    let reasons = |least: Strength| -> Vec<String> {
        let counted = signs.iter().filter(|sign| sign.strength >= least);
        counted
            .map(|sign| format!("{}: {}", sign.indicator, sign.message))
            .collect()
    };
    if unapproved && (!abuse.is_empty() || actor) {
        return (CaseVerdict::Compromised, reasons(Strength::Weak));
    }
    // A rise to known recipients, of which little is filtered, is a newsletter; a rise to strangers is not.
    // Not both at once: then it is what a campaign does. One that has no normal to be held against rises all the time.
    let rise = of("volume-rise").filter(|sign| sign.strength >= Strength::Weak);
    let strangers = of("new-recipients").filter(|sign| sign.strength == Strength::Strong);
    let at_once = rise.zip(strangers).is_some_and(|(rise, strangers)| {
        rise.hours.is_empty()
            || strangers.hours.is_empty()
            || rise.hours.iter().any(|hour| strangers.hours.contains(hour))
    });
    let newsletter = !abuse.is_empty() && lone && !at_once && companions;
    if unapproved || actor || !abuse.is_empty() && !newsletter {
        return (CaseVerdict::Suspicious, reasons(Strength::Weak));
    }
    let unusual = signs
        .iter()
        .filter(|sign| sign.strength >= Strength::Weak)
        .count();
    if unusual >= 3 {
        return (CaseVerdict::Suspicious, reasons(Strength::Weak));
    }
    let missing = missing(signs, on_premises);
    if missing.is_empty() {
        let mut why = reasons(Strength::Weak);
        if newsletter {
            why.push("a rise by itself is no sign of compromise: its senders are the organization's and little of it was filtered".to_owned());
        }
        (CaseVerdict::NoSign, why)
    } else {
        (CaseVerdict::NotEnoughEvidence, missing)
    }
}

/// What would have to be looked at before nothing can be said to be wrong.
fn missing(signs: &[Sign], on_premises: bool) -> Vec<String> {
    let lacks = |sign: &&Sign| sign.strength == Strength::NotEvaluated;
    let needed = ["unapproved-change", "connector-blocked"];
    let mut missing: Vec<String> = signs
        .iter()
        .filter(|sign| needed.contains(&sign.indicator))
        .filter(lacks)
        .map(|sign| format!("{}: {}", sign.indicator, sign.message))
        .collect();
    if !on_premises {
        // A Partner connector lets nobody in who could not come without it: what counts is what it demands.
        return missing;
    }
    let of_mail: Vec<&Sign> = signs
        .iter()
        .filter(|sign| super::indicator::find(sign.indicator).is_some_and(|own| own.of_mail))
        .collect();
    let looked = of_mail
        .iter()
        .filter(|sign| sign.strength >= Strength::Quiet)
        .count();
    let rise = of_mail
        .iter()
        .any(|sign| sign.indicator == "volume-rise" && sign.strength >= Strength::Quiet);
    if looked < LEAST_OF_MAIL || !rise {
        let not = of_mail
            .iter()
            .filter(|sign| sign.strength == Strength::NotEvaluated);
        missing.extend(not.map(|sign| format!("{}: {}", sign.indicator, sign.message)));
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::super::indicator::ALL;
    use super::*;
    use proptest::prelude::*;

    fn sign(indicator: &'static str, strength: Strength) -> Sign {
        Sign {
            indicator,
            strength,
            score: None,
            message: String::new(),
            numbers: Vec::new(),
            thresholds: Vec::new(),
            hours: Vec::new(),
            records: Vec::new(),
        }
    }

    fn strength() -> impl Strategy<Value = Strength> {
        prop_oneof![
            Just(Strength::NotApplicable),
            Just(Strength::NotEvaluated),
            Just(Strength::Quiet),
            Just(Strength::Weak),
            Just(Strength::Strong),
        ]
    }

    proptest! {
        #[test]
        fn more_signs_never_make_it_better(
            strengths in prop::collection::vec(strength(), ALL.len()),
            which in 0..ALL.len(),
            on_premises: bool,
        ) {
            let signs: Vec<Sign> = ALL.iter().zip(&strengths).map(|(own, strength)| sign(own.id, *strength)).collect();
            let (before, _) = judge(&signs, on_premises);
            let mut worse = signs;
            if let Some(own) = worse.get_mut(which) {
                own.strength = Strength::Strong;
            }
            let (after, _) = judge(&worse, on_premises);
            let hidden = before == CaseVerdict::NotEnoughEvidence && after == CaseVerdict::NoSign;
            prop_assert!(after >= before || hidden && which == 1, "{before:?} → {after:?}");
        }

        #[test]
        fn nothing_that_was_not_looked_at_is_no_sign(on_premises: bool) {
            let signs: Vec<Sign> = ALL.iter().map(|own| sign(own.id, Strength::NotEvaluated)).collect();
            prop_assert_eq!(judge(&signs, on_premises).0, CaseVerdict::NotEnoughEvidence);
        }
    }
}
